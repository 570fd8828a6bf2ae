# SPDX-License-Identifier: BSD-2-Clause
"""Two hosts and the link between them: what a scenario gets."""
import socket
import time

import exclaim
import migrate
from cache import RigError
from guest import Guest
from host import Host


class Failed(Exception):
    """What a scenario found wrong."""


class Skipped(Exception):
    """Why a scenario has nothing to look at on this pair."""


class Pair:
    """src and dst are Hosts. step is called with the words of what is being done, say with a line to be shown at once."""

    def __init__(self, flavours, shapes, folder, overlay=None, step=lambda words: None, say=print):
        self.step, self.say = step, say
        self.stage = None  # the project as installed, for scenarios that run its programs here
        self.shapes = shapes
        links = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.hosts = [Host(name, flavour, folder, shape, overlay, link, number) for number, (name, flavour, shape, link)
                      in enumerate(zip(("src", "dst"), flavours, shapes, links))]
        self.src, self.dst = self.hosts
        self.guests = []
        self.said = []   # of xl, for the logs
        self.notes = []  # for the reader of the results

    def start(self):
        for host in self.hosts:
            host.start()
        for host in self.hosts:
            host.wait_ready()
            exclaim.begin(host)

    def stop(self):
        for host in self.hosts:
            host.stop()

    def kill(self):
        """End the hosts and do nothing else, as a signal's handler may."""
        for host in self.hosts:
            if host.process:
                host.process.kill()

    def alive(self):
        return all(host.alive() for host in self.hosts)

    def guest(self, host=None, wait=True, **options):
        """A new guest on a host (src), past its first tick unless wait is False; the runner destroys it in the end."""
        guest = Guest(**options)
        self.step(f"starting {guest.name}")
        self.guests.append(guest)
        guest.create(host or self.src)
        if wait:
            guest.wait_tick(host or self.src)
        return guest

    def migrate(self, guest, src=None, dst=None, counted_by=("mapped", "hypercall"), **options):
        """migrate.migrate from src to dst, unless told otherwise; what our hooks count on the way, by these methods, is compared with Xen's
        own count."""
        src, dst = src or self.src, dst or self.dst
        with exclaim.agrees(self, guest, src, dst, counted_by):
            self.step(f"migrating {guest.name} {src.name} → {dst.name}")
            done = migrate.migrate(src, dst, guest, **options)
        self.said.append(f"{src.name} to {dst.name}: exit {done.src_rc}, {done.dst_rc} after {done.seconds:.1f} s\n"
                         f"--- source\n{done.src_out}\n--- destination\n{done.dst_out}\n")
        return done

    def note(self, words):
        """Something measured, shown with the scenario's result."""
        self.notes.append(words)

    def check(self, condition, words):
        if not condition:
            raise Failed(words)

    def skip(self, words):
        """End the scenario: it is not for these hosts."""
        raise Skipped(words)

    def check_ticks(self, guest, *hosts):
        """That the guest's ticks, taken from these hosts together, are all there and its clock never started again."""
        ticks = {}
        for host in hosts:
            ticks.update(guest.ticks(host))
        missing = sorted(set(range(guest.since, max(ticks, default=-1) + 1)) - set(ticks))
        self.check(ticks and not missing, f"{guest.name}: ticks {missing[:5]} of {len(ticks) + len(missing)} are missing")
        clock = [ticks[n] for n in sorted(ticks)]
        self.check(clock == sorted(clock), f"{guest.name}: its clock went back")
        return max(ticks)

    def clean(self):
        """End the scenario's commands and destroy its guests, whatever became of them."""
        for host in self.hosts:
            host.channel.kill_all()
            for domid in host.guests():
                host.run(f"xl destroy {domid}", check=False)
            host.run("rm -f /var/log/xen/console/guest-*")
        self.guests, self.said, self.notes = [], [], []

    def check_clean_host(self, host, words, besides=()):
        """That no guest but these is left there; a domain dies in the background, so this waits a little."""
        deadline = time.monotonic() + 15
        while left := set(host.guests()) - set(besides):
            if time.monotonic() > deadline:
                raise Failed(f"{words}: {host.name} still has domains {sorted(left)}")
            time.sleep(0.2)

    def check_clean(self):
        """That nothing of a scenario is left on either host."""
        deadline = time.monotonic() + 10  # a domain dies in the background
        while True:
            left = [f"{host.name}: domain {name}" for host in self.hosts for name in host.guests().values()]
            left += [f"{host.name}: {pages} pages still claimed" for host in self.hosts if (pages := host.outstanding_claims())]
            if not left:
                return
            if time.monotonic() > deadline:
                raise Failed("left over: " + ", ".join(left))
            time.sleep(0.3)
