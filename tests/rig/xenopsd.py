# SPDX-License-Identifier: BSD-2-Clause
"""Migrations as xenopsd makes them (dom0/xenops.c): by an emu-manager on both sides, ours or the real one's stand-in alone."""
import contextlib
import dataclasses
import itertools
import re
import shlex
import time

from cache import RigError
from exclaim import agrees, begin, settings

REAL = "/rig/bin/emu-manager"  # dom0/emu-manager.c, what a host without us has
OURS = "/usr/libexec/exclaim/emu-manager"
XENGUEST = "/usr/libexec/xen/bin/xenguest"  # where both real managers look for it
CONF = "/etc/exclaim/exclaim.conf"  # xenopsd hands no environment on
MIGRATED, FAILED, HUNG = 0, 1, 3  # exits of xenops

_ports = itertools.count(7000)


@dataclasses.dataclass(frozen=True)
class Side:
    rc: int
    out: str
    err: str

    @property
    def steps(self):
        """{step: seconds of the host's own clock}, of the first time each was reached"""
        found = {}
        for name, at in re.findall(r"^step (\S+) ([\d.]+)$", self.out, re.M):
            found.setdefault(name, float(at))
        return found

    @property
    def lines(self):
        """The manager's control lines but for what it and we only log."""
        return [line for line in re.findall(r"^line (.*)$", self.out, re.M) if not line.startswith("info:")]

    @property
    def said(self):
        """What the supervisor said for xenopsd's log."""
        return re.findall(r"^line info:exclaim: (.*)$", self.out, re.M)


@dataclasses.dataclass(frozen=True)
class Migration:
    src: Side
    dst: Side
    seconds: float

    @property
    def ok(self):
        return self.src.rc == MIGRATED and self.dst.rc == MIGRATED

    def __str__(self):
        return f"exits {self.src.rc}, {self.dst.rc}; source: {self.src.err[-300:]}; destination: {self.dst.err[-300:]}"


@contextlib.contextmanager
def installed(pair, xenguest=False, **keys):
    """Both hosts as an administrator leaves them: our configuration (keys are the destination's) and, if wanted, xenguest with the placing object."""
    for host in pair.hosts:
        host.put(settings(**dict(keys if host is pair.dst else {}, emu_manager=REAL, xenguest="/rig/bin/xenguest")), CONF)
        host.run(f"ln -sfn {'/usr/libexec/exclaim/xenguest' if xenguest else '/rig/bin/xenguest'} {XENGUEST}")
    try:
        yield
    finally:
        for host in pair.hosts:
            begin(host)
            host.run(f"ln -sfn /rig/bin/xenguest {XENGUEST}")


def _words(manager, options):
    """options: {"at": {step: command}} and what else xenops takes."""
    words = ["--manager", manager]
    for name, value in (options or {}).items():
        for item in [f"{step}={command}" for step, command in value.items()] if name == "at" else [value]:
            words += [f"--{name}", str(item)]
    return " ".join(shlex.quote(word) for word in words)


def migrate(pair, guest, src_manager=OURS, dst_manager=OURS, src=None, dst=None, to=None, timeout=180):
    """guest from pair.src to pair.dst, or to another host; src, dst: each side's options. Raises only if a side is not over after timeout seconds."""
    to = to or pair.dst
    with agrees(pair, guest, pair.src, to):
        return _migrate(pair, guest, to, src_manager, dst_manager, src, dst, timeout)


def _migrate(pair, guest, to, src_manager, dst_manager, src, dst, timeout):
    pair.step(f"xenopsd migrates {guest.name}")
    port, started, domid = next(_ports), time.monotonic(), guest.domid(pair.src)
    remote = to.spawn(f"exec xenops receive {port} {_words(dst_manager, dst)}")
    local = pair.src.spawn(f"exec xenops send {to.address} {port} {domid} {_words(src_manager, src)}")
    try:
        for job in (local, remote):
            job.wait(max(started + timeout - time.monotonic(), 1))
        over = local.poll() is not None and remote.poll() is not None
    finally:
        for job in (local, remote):
            job.kill()
    sides = [Side(job.wait(5), job.out, job.err) for job in (local, remote)]
    pair.said.append("".join(f"--- xenops, {name}: exit {side.rc}\n{side.out}{side.err}\n" for name, side in zip(("source", "destination"), sides)))
    if not over:
        raise RigError(f"xenopsd's migration of {guest.name} not over after {timeout} s: {sides[0].err.strip()[-200:]} {sides[1].err.strip()[-200:]}")
    return Migration(*sides, time.monotonic() - started)


def libxc_times(host):
    """{"save" or "restore", "over": seconds of the host's own clock} of its last xenguest's call of libxc."""
    log = host.get("/var/log/xen/xenguest.log").decode(errors="replace")
    return {what: float(at) for what, at in re.findall(r"^(save|restore|over) \d+ ([\d.]+)$", log, re.M)}
