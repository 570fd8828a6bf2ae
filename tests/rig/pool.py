# SPDX-License-Identifier: BSD-2-Clause
"""A XAPI pool of two real hosts: the simulator answers, the hosts' own exclaim counts, xl moves.

The simulator starts a command for a host's part, one for a note of planned nodes and one for each migration; all are this file, which asks the scenario's process,
because only that can reach the hosts."""
import contextlib
import json
import pathlib
import socket
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve()


def ask(path, words):
    """In a command: what the scenario answers; its exit code."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(json.dumps(words).encode() + b"\n")
        code, text = json.loads(s.makefile().read())
    print(text)
    return code


class Bridge:
    """answer(words) → (exit code, text), in a thread per question."""

    def __init__(self, folder, answer):
        self.answer = answer
        self.path = str(folder / "bridge")
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.path)
        self.listening.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            words = json.loads(connection.makefile().readline())
            try:
                said = self.answer(words)
            except Exception as e:  # whatever it is, the command must not wait for ever
                said = 5, f"{type(e).__name__}: {e}"
            connection.sendall(json.dumps(said).encode())

    def command(self, folder, kind):
        path = folder / kind
        path.write_text(f"#!/bin/sh\nexec {sys.executable} {HERE} {self.path} {kind} \"$@\"\n")
        path.chmod(0o755)
        return path

    def close(self):
        self.listening.close()


@contextlib.contextmanager
def xapi_pool(pair, guests, move, env=None):
    """The pair as a pool that holds these guests of pair.src; move(guest, source, destination) → Migration; env: of the hosts' own
    exclaim. Gives a Sim."""
    sys.path.insert(0, str(HERE.parent.parent / "verbs"))
    import pools

    hosts = {host.name: host for host in pair.hosts}
    setting = "".join(f"{key}={value} " for key, value in (env or {}).items())
    pools.EXCLAIM = str(pathlib.Path(pair.stage) / "usr/sbin/exclaim")

    def answer(words):
        if words[0] == "plugin":
            done = hosts[words[1]].run(f"{setting}exclaim host --snapshot --json", check=False)
            return done.rc, done.out if done.rc == 0 else done.err.strip()
        if words[0] == "note":
            pairs = "".join(f" --node {pair}" for pair in words[3].split(","))
            done = hosts[words[1]].run(f"{setting}exclaim match --json --note {words[2]}{pairs} --seconds {words[4]}", check=False)
            return done.rc, done.out if done.rc == 0 else done.err.strip()
        guest = next(g for g in guests if g.uuid == words[1])
        done = move(guest, hosts[words[2]], hosts[words[3]])
        said = [line for line in done.dst_out.splitlines() + done.src_out.splitlines() if "exclaim: " in line]
        return (0 if done.ok else 1), said[-1] if said else f"xl migrate: exit {done.src_rc}, {done.dst_rc}"

    def nodes(pages):
        return [pages.get(n, 0) for n in range(max(pages) + 1)]

    counts = {guest.name: guest.counts(pair.src)["nodes"] for guest in guests}
    used = {n: sum(c.get(n, 0) for c in counts.values()) for n in pair.src.node_free()}
    content = pools.state(
        [pools.host("src", *nodes({n: free + used[n] for n, free in pair.src.node_free().items()})),
         pools.host("dst", *nodes(pair.dst.node_free()))],
        [pools.vm(guest.name, "src", *nodes(counts[guest.name]), uuid=guest.uuid, vcpus=guest.vcpus) for guest in guests])
    with tempfile.TemporaryDirectory(prefix="exclaim-rig-pool-") as folder:
        folder = pathlib.Path(folder)
        bridge = Bridge(folder, answer)
        try:
            with pools.Sim(content, plugin=bridge.command(folder, "plugin"), noter=bridge.command(folder, "note"),
                           hook=bridge.command(folder, "move")) as sim:
                yield sim
        finally:
            bridge.close()


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
