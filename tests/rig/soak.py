# SPDX-License-Identifier: BSD-2-Clause
"""Many migrations on one pair of hosts, one after the other: nothing may pile up, whatever happens to one of them."""
import concurrent.futures
import random
import time

import faults
from booted import hvm_guest
from cache import RigError
from exclaim import HOOK, configure, last_report, measure_plain, nodes_of, nothing_left, nothing_left_soon
from pair import Failed

KILL_EVERY, THREE_EVERY, NEW_EVERY, HVM_EVERY = 5, 10, 4, 3
SAY_EVERY = 10
POLICIES = ("prefer", "strict")
FAILURES = 5  # then it ends
POINTS = ["PEEKED", "LOCKED", "MATCHED", "ENTERED", "STAKED", "UNLOCKED", "RESTORED", "REMOVED", "RELEASED"]
# Files of dom0 that others than us keep adding to, and the one mark that a host has as long as its policy is strict.
OTHERS = "/var/log/xen|/var/lib/xen|/run/xen|/etc/xen|/proc|/sys|/dev/pts|/tmp/booted|/var/lib/exclaim/strict-[0-9a-f]*$"
LAYOUT = "/run/exclaim/layout."  # beside a ledger entry; that of a hook that was killed goes with its entry when the next migration comes in


def files(host):
    return set(host.run(f"find / /dev/shm -xdev \\( -type f -o -type p -o -type s -o -type l \\) | grep -vE '^({OTHERS})' | sort -u").out.splitlines())


def descriptors(host):
    """Open ones of dom0's daemons."""
    return {name: int(host.run(f"ls /proc/$(pidof {name} | cut -d' ' -f1)/fd | wc -l").out) for name in ("xenstored", "xenconsoled", "agent")}


def processes(host):
    """How many there are of each program but for the kernel's own, once the xl of the last guest has seen its end."""
    deadline = time.monotonic() + 20
    while host.run("pidof xl", check=False).rc == 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    names = host.run("for p in /proc/[0-9]*; do [ -z \"$(tr -d '\\0' <$p/cmdline)\" ] || cat $p/comm; done 2>/dev/null | sort").out.split("\n")
    return {name: names.count(name) for name in set(names) - {"", "sh", "cat", "tr", "sort"}}


class Soak:
    def __init__(self, pair, seed):
        self.pair, self.dice = pair, random.Random(seed)
        self.both = pair.src.flavour.name == pair.dst.flavour.name  # guests go back only between equal Xens
        self.living = {}  # type -> (guest, its host)
        self.made, self.source = 0, pair.src
        self.tally = {"pvh": 0, "hvm": 0, "exact": 0, "not exact": 0, "killed": 0, "three at once": 0, "died in the emulator": 0}
        self.failures = []

    def _spread(self, pages):
        node = self.dice.randrange(2)
        return {node: "*"} if self.dice.random() < 0.3 else {node: self.dice.randrange(600, pages - 600), 1 - node: "*"}

    def _new(self, kind, host):
        self.made += 1
        name = f"{kind}{self.made}"
        if kind == "hvm":
            return hvm_guest(self.pair, host, name=name, spread=self._spread(28000))
        mib = self.dice.choice((80, 96, 128))
        return self.pair.guest(host, name=name, mib=mib, spread=self._spread(mib * 256))

    def _guest(self, kind):
        """One that lives, or now and then a new one on either host where the Xens are the same, else on the source."""
        guest, host = self.living.pop(kind, (None, None))
        if guest and (self.dice.randrange(NEW_EVERY) == 0 or (host is self.pair.dst and not self.both)):
            guest.destroy(host)
            guest = None
        if not guest:
            host = self.dice.choice(self.pair.hosts) if self.both else self.pair.src
            guest = self._new(kind, host)
        return guest, host, self.pair.dst if host is self.pair.src else self.pair.src

    def _killer(self, src, dst):
        """(what dies, the destination's environment, a job that kills it or None)"""
        if self.dice.random() < 0.5:
            point = self.dice.choice(POINTS)
            return f"hook at {point}", {"EXCLAIM_FAULT": point}, None
        host, delay = self.dice.choice((src, dst)), self.dice.randrange(200, 5000)
        victim = self.dice.choice((HOOK, host.flavour.helper))
        return (f"{victim} on the {'source' if host is src else 'destination'} after {delay} ms", {},
                host.spawn(f"usleep {delay * 1000}; kill -9 $(ps -o pid,args | awk '$2 == \"{victim}\" {{ print $1; exit }}') 2>/dev/null"))

    def _check(self, guest, before, src, dst, moved):
        """The guest is where it must be, with the pages it must have, or the report says why not."""
        pair, home = self.pair, dst if moved else src
        count = guest.counts(home)
        if moved:
            report = last_report(pair, dst, guest, "destination")
            if report["exact"]:
                self.tally["exact"] += 1
                pair.check(count["nodes"] == nodes_of(report["got"]["nodes"]) == nodes_of(report["claimed"]), f"{guest.name}: exact, but {count}: {report}")
                pair.check(sorted(count["nodes"].values()) == sorted(before["nodes"].values()), f"{guest.name}: {count}, was {before}")
            else:
                self.tally["not exact"] += 1
                pair.check(report.get("why") or report.get("error"), f"{guest.name}: not exact, and no why: {report}")
            pair.check(count["total"] == before["total"], f"{guest.name}: {count['total']} pages of {before['total']}")
        else:
            pair.check(count == before, f"{guest.name} stayed, with {count} instead of {before}")
        last = pair.check_ticks(guest, src, dst)
        guest.wait_tick(home, after=last + 3, timeout=120)
        pair.check_ticks(guest, src, dst)
        other = src if moved else dst
        pair.check(guest.domid(other) is None, f"{guest.name} is on {other.name} too")

    def _one(self, number):
        pair = self.pair
        kind = "hvm" if number % HVM_EVERY == 0 else "pvh"
        guest, src, dst = self._guest(kind)
        self.source = src
        env = configure(dst, policy=self.dice.choice(POLICIES))
        before, files_before = {guest: guest.counts(src)}, {host: files(host) for host in pair.hosts}
        hooks = {"src_helper": HOOK, "dst_helper": HOOK, "timeout": 300}
        self.tally[kind] += 1
        if number % THREE_EVERY == 3:
            self.tally["three at once"] += 1
            others = [self._new("pvh", src) for _ in range(2)]
            before.update({other: other.counts(src) for other in others})
            with concurrent.futures.ThreadPoolExecutor(3) as threads:
                jobs = {one: threads.submit(pair.migrate, one, src, dst, env_dst=env, **hooks) for one in [guest, *others]}
                done = {one: job.result() for one, job in jobs.items()}
            pair.check(all(d.ok for d in done.values()), f"three at once: exits {[(d.src_rc, d.dst_rc) for d in done.values()]}")
        elif number % KILL_EVERY == 0:
            self.tally["killed"] += 1
            words, fault, job = self._killer(src, dst)
            pair.step(f"{number}: {words} is killed")
            done = {guest: pair.migrate(guest, src, dst, env_dst={**env, **fault}, **hooks)}
            if job:
                job.wait(30)
        else:
            done = {guest: pair.migrate(guest, src, dst, env_dst=env, **hooks)}
            pair.check(done[guest].ok, f"{guest.name}: exit {done[guest].src_rc}, {done[guest].dst_rc}: {done[guest].dst_out[-300:]}")
        for host in pair.hosts:
            nothing_left_soon(pair, host)
        for one, migration in done.items():
            self._check(one, before[one], src, dst, migration.ok)
            if one is not guest:
                one.destroy(dst)
        for host in pair.hosts:
            nothing_left(pair, host)
            grown = files(host) - files_before[host]
            if host is dst and number % KILL_EVERY == 0:
                grown = {name for name in grown if not name.startswith(LAYOUT)}
            elif host is dst:
                left = host.run(f"ls {LAYOUT}*", check=False).out.split()
                pair.check(not left, f"{host.name}: {left} after a migration that went well")
            pair.check(not grown, f"{host.name}: files that were not there before: {sorted(grown)[:5]}")
        self.living[kind] = (guest, dst if done[guest].ok else src)

    def _warm_up(self):
        """What a host opens or writes once is there from here on."""
        pair = self.pair
        for host in pair.hosts if self.both else [pair.src]:
            other = pair.dst if host is pair.src else pair.src
            self._new("hvm", host).destroy(host)
            for policy in POLICIES:
                guest = self._new("pvh", host)
                done = pair.migrate(guest, host, other, src_helper=HOOK, dst_helper=HOOK, env_dst=configure(other, policy=policy), timeout=300)
                pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}: {done.dst_out[-300:]}")
                guest.destroy(other)

    def _words(self, migrations, started):
        return f"{migrations} migrations in {time.monotonic() - started:.0f} s: " + ", ".join(f"{n} {what}" for what, n in self.tally.items())

    def _begin_again(self):
        """After something went wrong: no guest of before."""
        notes = self.pair.notes
        self.pair.clean()
        self.pair.notes = notes
        self.living = {}
        self.pair.check_clean()

    def run(self, migrations):
        pair, started = self.pair, time.monotonic()
        measure_plain(pair)
        self._warm_up()
        before = {host: (descriptors(host), processes(host)) for host in pair.hosts}
        for number in range(1, migrations + 1):
            pair.step(f"migration {number} of {migrations}, {len(self.failures)} failed")
            consoles = faults.consoles(pair)
            try:
                self._one(number)
            except (Failed, RigError) as e:
                if faults.emulator_failed(pair, consoles, self.source):
                    self.tally["died in the emulator"] += 1
                else:
                    self.failures.append(f"migration {number}: {e}")
                    pair.say(f"     {self.failures[-1]}")
                    pair.check(len(self.failures) < FAILURES, "\n".join(self.failures))
                self._begin_again()
            if number % SAY_EVERY == 0 and number < migrations:
                pair.say(f"     {self._words(number, started)}; {len(self.failures)} failed")
        self._begin_again()
        pair.check(not self.failures, "\n".join(self.failures))
        for host in pair.hosts:
            for words, was, now in zip(("open descriptors", "processes"), before[host], (descriptors(host), processes(host))):
                pair.check(now == was, f"{host.name}: {words} {now}, before {was}")
        pair.note(self._words(migrations, started))
