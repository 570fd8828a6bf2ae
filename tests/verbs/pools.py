# SPDX-License-Identifier: BSD-2-Clause
"""Pools in the XAPI simulator, and the exclaim that is tried on them."""
import fcntl
import http.client
import json
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

SIM = pathlib.Path(__file__).resolve().parent.parent / "xapi-sim"
EXCLAIM = os.environ.get("EXCLAIM_BIN", "exclaim")
MIB = 256  # pages
GIB = 1024 * MIB
PATIENCE = 120  # seconds; nothing here takes more than a few on a quiet machine


def host(name, *nodes, **more):
    return {"name": name, "nodes": list(nodes), **more}


def vm(name, where, *nodes, **more):
    return {"name": name, "host": where, "nodes": list(nodes), "vcpus": 1, "storage": ["shared"], "networks": ["lan"], **more}


def state(hosts, vms, **more):
    names = [h["name"] for h in hosts]
    return {"name": "test", "hosts": hosts, "vms": vms, "storage": [{"name": "shared", "hosts": names}],
            "networks": [{"name": "lan", "hosts": names}], **more}


def generated(**options):
    sys.path.insert(0, str(SIM))
    from generate import pool
    return pool(**options)


class Local(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def call(path, method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
    connection = Local(path)
    connection.request("POST", "/jsonrpc", body)
    answer = json.load(connection.getresponse())
    connection.close()
    return answer.get("result")


class Sim:
    """A simulated pool on a socket of its own; with ... as sim."""

    def __init__(self, content, pages_per_second=1 << 30, **options):
        self.folder = tempfile.TemporaryDirectory(prefix="exclaim-verbs-")
        self.path = pathlib.Path(self.folder.name)
        self.socket = str(self.path / "xapi")
        self.fault_file = self.path / "faults"
        self.fault_file.write_text("[]")
        (self.path / "state").write_text(json.dumps(content))
        command = [sys.executable, str(SIM / "run"), "--state", str(self.path / "state"), "--socket", self.socket, "--faults",
                   str(self.fault_file), "--pages-per-second", str(pages_per_second)]
        for key, value in options.items():
            command += ["--" + key, str(value)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "EXCLAIM_TEST_SOCKET": self.socket})
        if not self.process.stdout.readline():
            raise RuntimeError("the simulator does not start")
        self.session = self.call("session.login_with_password", "root", "", session=False)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.folder.cleanup()

    def file(self, name):
        return str(self.path / name)

    def call(self, method, *params, session=True):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": ([self.session] if session else []) + list(params)})
        connection = Local(self.socket)
        connection.request("POST", "/jsonrpc", body)
        answer = json.load(connection.getresponse())
        connection.close()
        return answer["result"]

    def faults(self, *rules):
        """Takes the place of those before, at the next call."""
        new = self.path / "faults.new"
        new.write_text(json.dumps(rules))
        new.rename(self.fault_file)

    def ref(self, kind, name):
        records = self.call(kind + ".get_all_records")
        return next(ref for ref, record in records.items() if record["name_label"] == name)

    def where(self):
        """{VM: host}, by name."""
        hosts = {ref: record["name_label"] for ref, record in self.call("host.get_all_records").items()}
        return {r["name_label"]: hosts.get(r["resident_on"]) for r in self.call("VM.get_all_records").values()}

    def tasks(self):
        return [t for t in self.call("task.get_all_records").values() if "pool_migrate" in t["name_label"] and t["status"] == "pending"]

    def run(self, *arguments):
        return run(*arguments, "--xapi", self.socket)

    def start(self, *arguments):
        return Running(*arguments, "--xapi", self.socket)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


def environment(**more):
    return {**os.environ, "EXCLAIM_CONF": "/dev/null", **more}


def run(*arguments, **env):
    done = subprocess.run([EXCLAIM, *arguments], capture_output=True, text=True, timeout=PATIENCE, env=environment(**env), check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def on_terminal(*arguments, columns=80, rows=24):
    """All that a terminal of that size is given."""
    child, master = pty.fork()
    if not child:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvpe(EXCLAIM, [EXCLAIM, *arguments], {k: v for k, v in environment().items() if k not in ("COLUMNS", "LINES")})
    data = b""
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        data += more
    os.waitpid(child, 0)
    os.close(master)
    return data.decode()


class Running:
    """An exclaim that goes on; what it prints is read as it comes."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([EXCLAIM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        self.out = ""

    def wait_for(self, words):
        """Until these words were printed."""
        while words not in self.out:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise AssertionError(f"never printed: {words}\n{self.out}{self.process.stderr.read() if ready else ''}")
            self.out += data.decode()

    def interrupt(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def end(self):
        rest, err = self.process.communicate(timeout=PATIENCE)
        return Result(self.process.returncode, self.out + rest.decode(), err.decode())


def events(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.05)
