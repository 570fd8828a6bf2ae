# SPDX-License-Identifier: BSD-2-Clause
"""A real Xen host inside QEMU."""
import dataclasses
import os
import pathlib
import shlex
import socket
import time

import device_model
import qemu
import truth
from cache import RigError
from channel import Channel

BOOT_SECONDS = 180


@dataclasses.dataclass(frozen=True)
class Result:
    rc: int
    out: str
    err: str


class Host:
    """name: for logs and errors; flavour: image.Flavour; folder: for its logs; overlay: cpio bytes or None;
    link: a datagram socket whose peer is another host's, or None; number: 0 or 1, the end of the link."""

    def __init__(self, name, flavour, folder, shape=qemu.Shape(), overlay=None, link=None, number=0):
        self.name, self.flavour, self.shape, self.number = name, flavour, shape, number
        self.folder = pathlib.Path(folder)
        self.console = self.folder / f"{name}.console"
        self.address = f"10.0.0.{number + 1}" if link else "127.0.0.1"
        self._overlay, self._link = overlay, link
        self.process = self.channel = self._ranges = None

    def _initrd(self):
        """The base with the overlay behind it, in a file without a name: nothing to clean up."""
        parts = [self._overlay] if self._overlay else []
        if self.shape.hvm:
            parts.append(device_model.overlay(self.flavour).read_bytes())
        if not parts:
            return open(self.flavour.base, "rb")
        file = open(os.memfd_create("initrd"), "w+b")
        file.write(self.flavour.base.read_bytes() + b"".join(parts))
        file.flush()
        return file

    def start(self):
        """Start QEMU; wait_ready() waits for the host."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs, open(self.flavour.hypervisor, "rb") as hypervisor, open(self.flavour.kernel, "rb") as kernel, self._initrd() as initrd:
            args = qemu.arguments(self.name, self.shape, hypervisor, kernel, initrd, theirs, self._link, self.number)
            self.process = qemu.start(args, [hypervisor, kernel, initrd, theirs, self._link], self.console)
        if self._link:
            self._link.close()
        self.channel = Channel(self.name, ours)

    def wait_ready(self):
        deadline = time.monotonic() + BOOT_SECONDS
        while not self.channel.ready.wait(0.1):
            if self.process.poll() is not None:
                raise RigError(f"{self.name}: QEMU ended with {self.process.returncode} at boot\n{self.console_tail()}")
            if time.monotonic() > deadline:
                raise RigError(f"{self.name}: no answer {BOOT_SECONDS} s after its start\n{self.console_tail()}")
        if self._link:
            self.run(f"ip link set eth0 mtu {qemu.MTU} && ip addr add {self.address}/24 dev eth0 && ip link set eth0 up")

    def alive(self):
        return self.process is not None and self.process.poll() is None and not self.channel.error

    def stop(self):
        if self.process:
            qemu.end(self.process)
            self.channel.close()
            self.process = None

    def spawn(self, command, stdin=None):
        """A shell command started on the host: wait(timeout), poll(), kill(), out, err."""
        return self.channel.start(command, stdin)

    def run(self, command, timeout=60, check=True, stdin=None):
        """A shell command run to its end; check: an exit status other than 0 is an error."""
        job = self.spawn(command, stdin)
        rc = job.wait(timeout)
        if rc is None:
            job.kill()
            raise RigError(f"{self.name}: not done after {timeout} s: {command[:120]}")
        if check and rc:
            said = (job.err.strip() or job.out.strip() or "nothing").splitlines()[-1]
            raise RigError(f"{self.name}: exit {rc} of: {command[:120]}: {said}")
        return Result(rc, job.out, job.err)

    def put(self, local, remote):
        """Copy a file, or bytes, to the host."""
        data = local if isinstance(local, bytes) else pathlib.Path(local).read_bytes()
        mode = 0o644 if isinstance(local, bytes) else pathlib.Path(local).stat().st_mode & 0o777
        remote = shlex.quote(remote)
        self.run(f'mkdir -p "$(dirname {remote})" && cat >{remote} && chmod {mode:o} {remote}', stdin=data)

    def get(self, remote):
        """A file's bytes; empty if there is none."""
        job = self.spawn(f"cat {shlex.quote(remote)}")
        if job.wait(60) is None:
            raise RigError(f"{self.name}: {remote} not read after 60 s")
        return job.raw

    def dmesg(self):
        """Xen's console from the hypervisor's ring."""
        return self.run("xl dmesg").out

    def _key_u(self):
        return truth.dump(self.run("xl debug-keys u && xl dmesg | tail -n 1000").out)

    def counts(self):
        """{domid: {"total": pages, "nodes": {node: pages}}} from key u."""
        return truth.domain_counts(self._key_u())

    def node_free(self):
        """{node: free pages} from key u; claimed pages count as free."""
        return truth.node_free(self._key_u())

    def node_ranges(self):
        """{node: (first machine frame, frames)} from key u; asked once."""
        if self._ranges is None:
            self._ranges = truth.node_ranges(self._key_u())
        return self._ranges

    def info(self):
        """xl info as a dictionary of strings."""
        return truth.xl_info(self.run("xl info").out)

    def pages(self):
        """The host's pages: (total, free, claimed and not yet allocated)."""
        done = self.run('pages "$LIBXENCTRL" && xl info')
        first, _, rest = done.out.partition("\n")
        return truth.host_pages(first, truth.xl_info(rest))

    def outstanding_claims(self):
        """Pages claimed and not yet allocated, of all domains."""
        return self.pages()[2]

    def guests(self):
        """{domid: name} of all domains but dom0; a dying one included."""
        rows = [line.split() for line in self.run("xl list").out.splitlines()[1:]]
        return {int(row[1]): row[0] for row in rows if row[1] != "0"}

    def console_tail(self, lines=15):
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        said = [line.rstrip() for line in text.splitlines() if line.strip()]
        return "\n".join("  | " + line for line in said[-lines:])
