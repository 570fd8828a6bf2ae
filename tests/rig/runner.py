# SPDX-License-Identifier: BSD-2-Clause
"""Runs scenarios: boots one pair of hosts per shape, many scenarios on it, and keeps logs of what failed."""
import contextlib
import pathlib
import signal
import time
import traceback

import faults
import qemu
from cache import RigError
from pair import Failed, Pair, Skipped

RUN_SECONDS = 2 * 60 * 60
BOOT_TRIES = 2
NODES = {2: (qemu.Node(1536),) * 2, 4: (qemu.Node(768),) * 4}


class TimeUp(Exception):
    pass


def _time_up(signum, frame):
    raise TimeUp


class Runner:
    def __init__(self, flavours, overlay, logs, nodes, progress, stage=None):
        self.flavours, self.overlay, self.logs, self.progress = flavours, overlay, pathlib.Path(logs), progress
        self.nodes = (nodes, nodes)
        self.stage = stage
        self.pair, self.boots, self.failures = None, 0, 0
        self.ended_by = None  # a signal's number
        self.skipped = None   # why the scenario of the moment looks at nothing
        self.begun = 0  # when the scenario of the moment got its hosts
        self.deadline = time.monotonic() + RUN_SECONDS
        self.count = {"passed": 0, "failed": 0, "skipped": 0}
        signal.signal(signal.SIGALRM, _time_up)

    def _have_pair(self, scenario):
        """A live pair of the scenario's shape: the one there is, or a new one."""
        nodes = scenario.nodes or self.nodes
        shapes = tuple(qemu.Shape(NODES[n], dom0_vcpus=scenario.dom0_vcpus, hvm=scenario.hvm) for n in nodes)
        if self.pair and self.pair.shapes == shapes and self.pair.alive():
            return
        self.stop()
        if self.failures >= BOOT_TRIES:
            raise RigError(f"the hosts did not boot {self.failures} times in a row")
        started = time.monotonic()
        names = ",".join(f.name for f in self.flavours)
        self.progress.step(f"booting two hosts, Xen {names}")
        self.boots += 1
        self.pair = Pair(self.flavours, shapes, self.logs / f"boot-{self.boots}", self.overlay, self.progress.step, self.progress.line)
        self.pair.stage = self.stage
        self.failures += 1
        self.pair.start()
        self.failures = 0
        self.progress.line(f"     two hosts, Xen {names}, {nodes[0]} and {nodes[1]} nodes, up after {time.monotonic() - started:.1f} s")

    def stop(self):
        if self.pair:
            self.pair.stop()
            self.pair = None

    def end(self, signum):
        """For a signal: the hosts die first, so that nothing on the way out waits for them."""
        self.ended_by = signum
        if self.pair:
            self.pair.kill()

    def _attempt(self, scenario):
        """None, or why it failed. The alarm bounds everything a scenario does, also what waits on its own."""
        left = int(self.deadline - time.monotonic())
        seconds = min(scenario.seconds, left)
        if seconds <= 0:
            return f"the run's {RUN_SECONDS} s are over"
        try:
            self._have_pair(scenario)
            self.begun = time.monotonic()
            self.progress.step(scenario.about)
            signal.alarm(seconds)
            scenario.run(self.pair)
            for guest in self.pair.guests:
                for host in self.pair.hosts:
                    guest.destroy(host)
            self.pair.check_clean()
            return None
        except Skipped as e:
            self.skipped = str(e)
            return None
        except (Failed, RigError) as e:
            return str(e)
        except TimeUp:
            return f"not over after {seconds} s"
        except Exception as e:
            where = traceback.extract_tb(e.__traceback__)[-1]
            return f"{type(e).__name__}: {e} ({pathlib.Path(where.filename).name}:{where.lineno})"
        finally:
            signal.alarm(0)

    def run(self, scenario):
        self.begun, self.skipped = time.monotonic(), None
        self.progress.begin(scenario.name)
        for again in range(1, scenario.tries + 1):
            before = faults.consoles(self.pair)
            why = self._attempt(scenario)
            if self.ended_by:
                raise SystemExit(128 + self.ended_by)  # a clean-up that failed on the way out may have taken its place
            if why is None or again == scenario.tries or not (self.pair and faults.emulator_failed(self.pair, before)):
                break
            self.progress.line(f"     {scenario.name}: a guest died or hung in the emulator (tests/rig/README.md); once more")
            self._clean()
        head = f"{scenario.name:<24} {time.monotonic() - self.begun:6.1f} s"
        if why is None and self.skipped:
            self.count["skipped"] += 1
            self.progress.line(f"skip {scenario.name:<24} {self.skipped}")
        elif why is None:
            self.count["passed"] += 1
            self.progress.line(f"ok   {head}")
            for note in self.pair.notes:
                self.progress.line(f"     {note}")
        else:
            self.count["failed"] += 1
            first, *more = why.splitlines()
            self.progress.line(f"FAIL {head}: {first}")
            folder, last = self._keep(scenario, why)
            for line in more + last:
                self.progress.line(f"     {line}")
            self.progress.line(f"     logs: {folder}")
        self._clean()

    def skip(self, scenario, why):
        self.progress.begin(scenario.name)
        self.count["skipped"] += 1
        self.progress.line(f"skip {scenario.name:<24} {why}")

    def _keep(self, scenario, why):
        """Everything both sides said, into a folder; and the last lines of it."""
        folder = self.logs / scenario.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "why").write_text(why + "\n")
        if not self.pair:
            return folder, []
        (folder / "xl").write_text("\n".join(self.pair.said))
        last = []
        for host in self.pair.hosts:
            # What a guest hangs in: its vCPUs and pauses (q), event channels (e), timers (a), and what the CPU last left (v).
            with contextlib.suppress(RigError):
                host.spawn("for key in q e a v; do xl debug-keys $key; done").wait(20)
            if host.console.exists():
                (folder / f"{host.name}.console").write_bytes(host.console.read_bytes())
            if not host.alive():
                last += [f"{host.name} died; its console ends:"] + host.console_tail().splitlines()
                continue
            try:
                job = host.spawn("tar -C /var/log -cf - . ; dmesg >&2")
                job.wait(20)
                (folder / f"{host.name}.var-log.tar").write_bytes(job.raw)
                (folder / f"{host.name}.dmesg").write_text(job.err)
            except RigError as e:
                last.append(str(e))
        tail = [line for text in self.pair.said for line in text.splitlines()][-6:]
        return folder, last + ["  | " + line for line in tail]

    def _clean(self):
        """Ready for the next scenario; a pair that cannot be made so is replaced."""
        if self.pair:
            try:
                self.pair.clean()
                self.pair.check_clean()
            except (Failed, RigError):
                self.stop()
