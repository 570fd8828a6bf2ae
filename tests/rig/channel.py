# SPDX-License-Identifier: BSD-2-Clause
"""The runner's end of a host's command channel; dom0/agent.c is the other and describes the frames."""
import itertools
import socket
import struct
import threading

from cache import RigError

RUN, IN, KILL, HELLO, OUT, ERR, EXIT = range(7)
HEAD = struct.Struct("<III")
INPUT_CHUNK = 32 * 1024


class Job:
    """A command under way on a host."""

    def __init__(self, channel, number, command):
        self.channel, self.number, self.command = channel, number, command
        self.streams = {OUT: bytearray(), ERR: bytearray()}
        self.rc = None
        self.done = threading.Event()

    def poll(self):
        """The exit status, minus the signal's number if one ended it; None while it runs."""
        if self.done.is_set() and self.rc is None:
            raise RigError(f"{self.channel.name}: {self.channel.error} while it ran: {self.command[:80]}")
        return self.rc

    def wait(self, timeout):
        """Same as poll, once it has ended or timeout seconds have passed."""
        self.done.wait(timeout)
        return self.poll()

    def kill(self):
        if not self.done.is_set():
            self.channel.send(self.number, KILL)

    @property
    def raw(self):
        """Its stdout as bytes."""
        return bytes(self.streams[OUT])

    @property
    def out(self):
        return self.raw.decode(errors="replace")

    @property
    def err(self):
        return bytes(self.streams[ERR]).decode(errors="replace")


class Channel:
    """end: a socket connected to QEMU's side of the port, so that QEMU's end is the channel's."""

    def __init__(self, name, end):
        self.name, self.socket = name, end
        self.jobs, self.numbers = {}, itertools.count(1)
        self.error = None
        self.ready = threading.Event()
        self.writing = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _receive(self, size):
        data = bytearray()
        while len(data) < size:
            got = self.socket.recv(size - len(data))
            if not got:
                raise EOFError
            data += got
        return data

    def _read(self):
        try:
            while True:
                number, kind, length = HEAD.unpack(self._receive(HEAD.size))
                data = self._receive(length)
                job = self.jobs.get(number)
                if kind == HELLO:
                    self.ready.set()
                elif job and kind in (OUT, ERR):
                    job.streams[kind] += data
                elif job and kind == EXIT:
                    job.rc, = struct.unpack("<i", data)
                    del self.jobs[number]
                    job.done.set()
        except (OSError, EOFError, struct.error):
            self.error = "the host died"
            for job in list(self.jobs.values()):
                job.done.set()

    def send(self, number, kind, data=b""):
        try:
            with self.writing:
                self.socket.sendall(HEAD.pack(number, kind, len(data)) + data)
        except OSError:
            raise RigError(f"{self.name}: the host died") from None

    def start(self, command, data=None):
        """Start a shell command; data, if any, is its stdin."""
        if self.error:
            raise RigError(f"{self.name}: {self.error} before: {command[:80]}")
        job = Job(self, next(self.numbers), command)
        self.jobs[job.number] = job
        self.send(job.number, RUN, command.encode())
        for at in range(0, len(data or b""), INPUT_CHUNK):
            self.send(job.number, IN, data[at:at + INPUT_CHUNK])
        self.send(job.number, IN)
        return job

    def kill_all(self):
        for job in list(self.jobs.values()):
            job.kill()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
