#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""evacuate --apply against a simulated pool: moves, failures on the way, stopping, and going on."""
import json
import os
import re
import signal
import sys
import unittest

sys.dont_write_bytecode = True

import pools
from pools import GIB, MIB, Sim, events, host, on_terminal, state, vm, wait_until

# Six VMs on a; b and c can each take all of them.
POOL = state([host("a", 8 * GIB, 8 * GIB), host("b", 16 * GIB, 16 * GIB), host("c", 16 * GIB, 16 * GIB)],
             [vm(f"v{i}", "a", *((GIB, 0), (0, GIB), (512 * MIB, 700 * MIB))[i % 3]) for i in range(6)] + [vm("there", "b", GIB, GIB)])
NAMES = [f"v{i}" for i in range(6)]
SLOW = GIB  # pages a second: a second for a VM of 1 GiB


class Case(unittest.TestCase):
    def one_line(self, result, code):
        self.assertEqual(result.code, code, result.err + result.out)
        self.assertEqual(result.err.count("\n"), 1, result.err)

    def all_moved(self, sim, names=NAMES, away_from="a"):
        where = sim.where()
        self.assertFalse([name for name in names if where[name] == away_from], where)

    def outcomes(self, path, event):
        return [e["vm"]["name"] for e in events(path) if e["event"] == event]


class Evacuate(Case):
    def test_prints_only(self):
        with Sim(POOL) as sim:
            before = sim.where()
            shown = sim.run("evacuate", "a")
            self.assertEqual(shown.code, 0, shown.err)
            self.assertIn("nothing was moved: --apply carries this out", shown.out)
            told = sim.run("evacuate", "a", "--json").json
            self.assertEqual((told["schema"], told["applied"], len(told["steps"][0]["moves"])), ("exclaim.evacuate/1", False, 6))
            self.assertEqual(sim.where(), before)

    def test_applies(self):
        with Sim(POOL) as sim:
            log = sim.file("events")
            done = sim.run("evacuate", "a", "--apply", "--events", log)
            self.assertEqual((done.code, done.err), (0, ""), done.out)
            self.all_moved(sim)
            self.assertIn("done: 6 VMs (6.37 GiB) moved", done.out)
            self.assertIn("6 exact, 0 not, 0 not checked; 0 left", done.out)
            self.assertIn("a is disabled, and stays so", done.out)
            kinds = [e["event"] for e in events(log)]
            self.assertEqual((kinds[0], kinds[1], kinds[2], kinds[-1]), ("begin", "disable", "plan", "end"))
            self.assertEqual((kinds.count("start"), kinds.count("done")), (6, 6))
            self.assertTrue(all(e["schema"] == "exclaim.event/1" and e["time_unix_ms"] > 0 for e in events(log)))
            self.assertTrue(all(e["exact"] and e["deviation_pages"] == 0 for e in events(log) if e["event"] == "done"))
            self.assertFalse(sim.call("task.get_all_records"), "tasks are left in XAPI's table")

    def test_json(self):
        with Sim(POOL) as sim:
            told = sim.run("evacuate", "a", "--apply", "--json")
            self.assertEqual((told.code, told.json["outcome"], told.json["left"]), (0, "done", 0))
            self.assertEqual(sorted(v["name"] for v in told.json["vms"]), NAMES)
            self.assertTrue(all(v["exact"] and v["outcome"] == "done" for v in told.json["vms"]))

    @unittest.skipUnless(os.environ.get("CLOCKSTEP"), "a sanitizer has clock_gettime()")
    def test_the_time_of_day_jumps(self):
        # An hour whenever it is read: nothing is waited for longer or shorter, no duration is of hours.
        for step in ("3600", "-3600"):
            with self.subTest(step), Sim(POOL, SLOW * 4) as sim:
                log = sim.file("events")
                done = pools.run("evacuate", "a", "--apply", "--json", "--events", log, "--xapi", sim.socket,
                                 LD_PRELOAD=os.environ["CLOCKSTEP"], CLOCK_STEP=step)
                self.assertEqual((done.code, done.err), (0, ""), done.out)
                self.all_moved(sim)
                told = [json.loads(line) for line in done.out.splitlines()] + events(log)
                durations = [e["ms"] for e in told if "ms" in e]
                self.assertGreater(len(durations), 6)
                self.assertTrue(all(0 <= ms < 3600000 for ms in durations), durations)

    def test_how_far_it_is(self):
        with Sim(POOL, SLOW) as sim:
            log = sim.file("events")
            # --bandwidth tells the time that is left until a move is over; from then on the run itself does.
            done = sim.run("evacuate", "a", "--apply", "--json", "--events", log, "--bandwidth", "512")
            self.assertEqual((done.code, done.err), (0, ""), done.out)
            plan = next(e for e in events(log) if e["event"] == "plan")
            all_bytes = sum(move["pages"] for step in plan["steps"] for move in step["moves"]) * 4096
            way = [e for e in events(log) if e["event"] in ("progress", "done")]
            self.assertGreater(len(way), 12)
            self.assertEqual({e["bytes_moved"] + e["bytes_left"] for e in way}, {all_bytes})
            moved = [e["bytes_moved"] for e in way]
            self.assertEqual(moved, sorted(moved))
            first = [e["event"] for e in way].index("done")
            self.assertTrue(all("seconds_left" in e for e in way))
            self.assertFalse([e for e in way[:first] if "bytes_per_second" in e])
            self.assertTrue(all(e["bytes_per_second"] > 0 for e in way[first:]))
            self.assertEqual((way[-1]["bytes_left"], way[-1]["seconds_left"]), (0, 0))
            told = json.loads(done.out.splitlines()[-1])
            self.assertEqual((told["bytes_moved"], told["bytes_left"], told["seconds_left"]), (all_bytes, 0, 0))
            rate = all_bytes * 1000 / told["ms"]
            self.assertTrue(rate <= told["bytes_per_second"] < 2 * rate, (told, rate))

    def test_time_left_is_learned_on_the_way(self):
        with Sim(POOL, SLOW) as sim:
            log = sim.file("events")
            done = sim.run("evacuate", "a", "--apply", "--max-moves", "1", "--events", log)
            self.assertEqual(done.code, 0, done.err)
            way = [e for e in events(log) if e["event"] in ("progress", "done")]
            first = [e["event"] for e in way].index("done")
            self.assertFalse([e for e in way[:first] if "seconds_left" in e], "nobody knew")
            self.assertTrue(all(1 <= e["seconds_left"] <= 60 for e in way[first:] if e["bytes_left"]), "a second or so for each that is left")
            lines = [line for line in done.out.splitlines() if " after " in line]
            self.assertEqual(len(lines), 6)
            self.assertTrue(all(re.search(r" of [0-9.]+ GiB, about \d+ s left$", line) for line in lines[:-1]), lines)
            self.assertRegex(lines[-1], r"; ([0-9.]+ GiB) of \1$")

    def test_what_failed_has_not_moved(self):
        with Sim(POOL, hook="/bin/false") as sim:
            told = sim.run("evacuate", "a", "--apply", "--json").json
            self.assertEqual(told["bytes_moved"], 0)
            self.assertGreater(told["bytes_left"], 0)
            self.assertNotIn("bytes_per_second", told)
            self.assertNotIn("seconds_left", told)

    def test_the_status_line_fits_the_terminal(self):
        with Sim(POOL, SLOW) as sim:
            shown = on_terminal("evacuate", "a", "--apply", "--xapi", sim.socket)
            status = re.findall(r"\r\x1b\[K(\d of 6 VMs, [^\r\n]+)", shown)
            self.assertTrue(any(re.search(r", [0-9.]+ [GM]iB of [0-9.]+ GiB.*; v\d \d+ %", line) for line in status), status)
            self.assertTrue(any("s left" in line for line in status), status)
            self.assertLessEqual(max(map(len, status)), 79)

    def test_limits_hold(self):
        with Sim(POOL, SLOW) as sim:
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "3", "--to", "b")
            most = 0
            while going.process.poll() is None:
                most = max(most, len(sim.tasks()))
            self.assertEqual(going.end().code, 0)
            self.assertLessEqual(most, 3)
            self.all_moved(sim)

    def enabled(self, sim, name="a"):
        return sim.call("host.get_record", sim.ref("host", name))["enabled"]

    def test_hosts_are_disabled_first(self):
        with Sim(POOL) as sim:
            uuid = sim.call("host.get_record", sim.ref("host", "a"))["uuid"]
            sim.run("evacuate", "a")
            self.assertTrue(self.enabled(sim), "printing disables nothing")
            done = sim.run("evacuate", "a", "--apply")
            self.assertEqual(done.code, 0, done.err)
            self.assertFalse(self.enabled(sim))
            self.assertIn(f"note: xe host-enable uuid={uuid} enables host a, which was disabled by this run and is still", done.out)
            again = sim.run("evacuate", "a", "--apply")
            self.assertIn("note: host a was disabled already, and is left so", again.out)
            self.assertEqual(again.out.splitlines()[0], "optimal: no VM is to be moved")
            told = sim.run("evacuate", "a", "--apply", "--json").json
            self.assertEqual([(d["host"]["name"], d["state"]) for d in told["host_doors"]], [("a", "was-disabled")])
            self.assertEqual(told["notes"], ["host a was disabled already, and is left so"])

    def test_keep_enabled(self):
        with Sim(POOL) as sim:
            done = sim.run("evacuate", "a", "--apply", "--keep-enabled")
            self.assertEqual(done.code, 0, done.err)
            self.assertTrue(self.enabled(sim))
            self.assertIn("a stays enabled", done.out)
            self.assertIn("note: host a stayed enabled, as asked", done.out)

    def test_what_fails_leaves_the_host_disabled_and_says_so(self):
        with Sim(POOL, hook="/bin/false") as sim:
            done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
            self.one_line(done, 5)
            self.assertRegex(done.out, "note: xe host-enable uuid=[-0-9a-f]+ enables host a, which was disabled by this run and is still")
            again = sim.run("evacuate", "--resume", sim.file("events"), "--apply")
            self.assertIn(" enables host a, which was disabled by the run that this one goes on with and is still", again.out)
            sim.call("host.enable", sim.ref("host", "a"))
            kept = sim.run("evacuate", "a", "--apply", "--keep-enabled", "--events", sim.file("kept"))
            self.one_line(kept, 5)
            sim.run("evacuate", "--resume", sim.file("kept"), "--apply")
            self.assertTrue(self.enabled(sim), "--keep-enabled of the first run holds")

    def test_a_host_that_cannot_be_disabled_keeps_its_vms(self):
        with Sim(POOL) as sim:
            before = sim.where()
            sim.faults({"method": "host.disable", "action": "error", "description": ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]})
            done = sim.run("evacuate", "a", "--apply")
            self.one_line(done, 5)
            self.assertIn("a is not disabled, and nothing was moved (--keep-enabled moves all the same): host.disable: HA_OPERATION", done.err)
            self.assertEqual(sim.where(), before)
            self.assertNotIn("is still: xe host-enable", done.out)

    def test_of_two_hosts_the_one_that_was_disabled_is_said(self):
        with Sim(POOL) as sim:
            sim.faults({"method": "host.disable", "param": sim.ref("host", "b"), "action": "error", "description": ["INTERNAL_ERROR"]})
            done = sim.run("evacuate", "a", "b", "--apply")
            self.one_line(done, 5)
            self.assertIn(" enables host a, which was disabled by this run and is still", done.out)
            self.assertFalse(self.enabled(sim, "a"))

    def test_nothing_begins_if_not_all_can_leave(self):
        content = state([host("a", 8 * GIB, 8 * GIB), host("b", 3 * GIB, 3 * GIB)], [vm("big", "a", 4 * GIB, 3 * GIB), vm("small", "a", GIB, 0)])
        with Sim(content) as sim:
            shown = sim.run("evacuate", "a", "--apply")
            self.assertEqual((shown.code, shown.err), (3, ""), shown.out)
            self.assertIn("nothing was moved", shown.out)
            self.assertEqual(sim.where(), {"big": "a", "small": "a"})
            self.assertEqual(sim.run("evacuate", "a", "--apply", "--json").json["applied"], False)
            some = sim.run("evacuate", "a", "--apply", "--partial")
            self.assertEqual((some.code, some.err), (3, ""), some.out)
            self.assertEqual(sim.where(), {"big": "a", "small": "b"})

    def test_room_that_is_counted_twice_is_waited_for(self):
        # Once the first is on its way its pages are gone from what is free, and charged as well: the second has to wait.
        content = state([host("a", 8 * GIB, 8 * GIB), host("b", 7 * GIB, 1 * GIB)], [vm("x", "a", 3 * GIB, 0), vm("y", "a", 3 * GIB, 0)])
        with Sim(content, 4 * SLOW) as sim:
            done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertEqual(sim.where(), {"x": "b", "y": "b"})
            order = [e["event"] for e in events(sim.file("events")) if e["event"] in ("start", "done", "given-up")]
            self.assertEqual(order, ["start", "done", "start", "done"])

    # Together they fit in one way only, and the first one has another choice.
    ONE_WAY = state([host("a", 16 * GIB, 16 * GIB), host("b", 5 * GIB + 2000, 6 * GIB + 2000)],
                    [vm("v0", "a", GIB, GIB), vm("v1", "a", 2 * GIB, 0), vm("v2", "a", 0, GIB), vm("v3", "a", 0, 3 * GIB)])

    def test_the_destination_is_told_and_takes_the_planned_nodes(self):
        with Sim(self.ONE_WAY) as sim:
            plan = {m["vm"]["name"]: {p["node"]: p["pages"] for p in m["parts"]} for m in sim.run("plan", "evacuate", "a", "--json").json["steps"][0]["moves"]}
            done = sim.run("evacuate", "a", "--apply", "--max-moves", "1", "--events", sim.file("events"))
            self.assertEqual(done.code, 0, done.out + done.err)
            told = events(sim.file("events"))
            self.assertFalse([e for e in told if "own_match" in e])
            landed = {e["vm"]["name"]: e for e in told if e["event"] == "done"}
            for name, nodes in plan.items():
                self.assertTrue(landed[name]["planned_nodes"], landed[name])
                self.assertEqual({n["node"]: n["pages"] for n in landed[name]["nodes"]}, nodes)
            self.assertNotIn("planning anew", done.out)

    def test_what_the_destination_matches_by_itself_is_said(self):
        # Its plugin takes no notes.
        old = {"method": "host.call_plugin", "param": "note", "action": "error",
               "description": ["XENAPI_PLUGIN_FAILURE", "note", "EXCLAIM_USAGE", "no such function"]}
        with Sim(self.ONE_WAY) as sim:
            sim.faults(old)
            shown = sim.run("plan", "evacuate", "a", "--max-moves", "1", "--prefer", "pack")
            done = sim.run("evacuate", "a", "--apply", "--max-moves", "1", "--prefer", "pack", "--events", sim.file("events"))
            self.assertEqual((shown.code, done.code), (0, 0), done.out + done.err)
            self.assertEqual(done.out.count("b is not told which nodes are planned: plugin exclaim, note: XENAPI_PLUGIN_FAILURE"), 1, done.out)
            told = [e["vm"]["name"] for e in events(sim.file("events")) if "own_match" in e]
            self.assertTrue(told, done.out)
            for name in told:
                self.assertIn(f"{name}: b matches by itself, most likely to nodes ", done.out)
            self.assertIn("may come to lie on other nodes than shown", shown.out)

    def test_empty_host(self):
        with Sim(state([host("a", GIB), host("b", GIB)], [])) as sim:
            self.assertEqual(sim.run("evacuate", "a", "--apply").code, 0)

    def test_without_the_plugin(self):
        content = dict(POOL, hosts=[dict(h, plugin=False) for h in POOL["hosts"]])
        with Sim(content) as sim:
            done = sim.run("evacuate", "a", "--apply")
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertIn("0 exact, 0 not, 6 not checked", done.out)
            self.all_moved(sim)


class Failures(Case):
    def test_one_failure_is_tried_again(self):
        with Sim(POOL) as sim:
            sim.faults({"method": "Async.VM.pool_migrate", "times": 1, "action": "error", "description": ["INTERNAL_ERROR", "a bad day"]})
            done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertIn("INTERNAL_ERROR: a bad day", done.out)
            self.assertEqual(len(self.outcomes(sim.file("events"), "given-up")), 1)
            self.all_moved(sim)

    def test_a_vm_that_never_moves(self):
        with Sim(POOL) as sim:
            stuck = sim.ref("VM", "v1")
            sim.faults({"method": "Async.VM.pool_migrate", "param": stuck, "action": "error", "description": ["VM_LACKS_FEATURE", stuck]})
            done = sim.run("evacuate", "a", "--apply")
            self.one_line(done, 5)
            self.assertIn("1 VM is left: v1: VM.pool_migrate: VM_LACKS_FEATURE", done.err)
            self.assertIn("v1: failed: ", done.out)
            self.assertEqual([name for name, at in sim.where().items() if at == "a"], ["v1"])

    def test_a_task_that_fails(self):
        with Sim(POOL, hook="/bin/false") as sim:
            done = sim.run("evacuate", "a", "--apply", "--json")
            self.one_line(done, 5)
            self.assertIn("VM_MIGRATE_FAILED", done.err)
            self.assertEqual((done.json["outcome"], done.json["left"]), ("incomplete", 6))
            self.assertTrue(all(v["outcome"] == "failed" and "runs where it was" in v["why"] for v in done.json["vms"]))

    def test_a_failed_task_is_tried_again_though_nothing_else_moves(self):
        with Sim(POOL, hook="/bin/false") as sim:
            self.one_line(sim.run("evacuate", "a", "--apply", "--events", sim.file("events")), 5)
            self.assertEqual(sorted(self.outcomes(sim.file("events"), "failed")), sorted(NAMES * 2))

    def test_lost_answer(self):
        with Sim(POOL, SLOW) as sim:
            sim.faults({"method": "Async.VM.pool_migrate", "times": 1, "action": "close", "after": True})
            done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
            self.assertEqual(done.code, 0, done.out + done.err)
            self.all_moved(sim)
            self.assertEqual(len(self.outcomes(sim.file("events"), "start")), 6)

    def test_lost_answer_of_a_move_that_is_over(self):
        with Sim(POOL) as sim:
            sim.faults({"method": "Async.VM.pool_migrate", "times": 1, "action": "close", "after": True})
            done = sim.run("evacuate", "a", "--apply", "--json", "--events", sim.file("events"))
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertTrue(all(v["outcome"] == "done" and v["exact"] for v in done.json["vms"]), done.out)
            self.assertEqual(len(self.outcomes(sim.file("events"), "start")), 6)
            self.assertEqual(len(self.outcomes(sim.file("events"), "done")), 6)

    def test_lost_call(self):
        with Sim(POOL) as sim:
            sim.faults({"method": "Async.VM.pool_migrate", "times": 1, "action": "close"})
            done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertIn("may have begun", done.out)
            self.assertEqual(len(self.outcomes(sim.file("events"), "failed")), 1)
            self.all_moved(sim)

    def test_a_move_whose_end_is_not_known_stays_open(self):
        with Sim(state([host("a", 8 * GIB), host("b", 8 * GIB)], [vm("x", "a", GIB)]), SLOW // 4) as sim:
            log = sim.file("events")
            going = sim.start("evacuate", "a", "--apply", "--events", log)
            going.wait_for(": a to ")
            # Its task is lost, and where it is cannot be asked.
            sim.faults({"method": "event.from", "action": "error", "description": ["INTERNAL_ERROR"]},
                       {"method": "task.get_record", "action": "error", "description": ["HANDLE_INVALID"]},
                       {"method": "task.destroy", "action": "error", "description": ["HANDLE_INVALID"]},
                       {"method": "VM.get_record", "action": "error", "description": ["INTERNAL_ERROR"]})
            self.assertEqual(going.end().code, 5)
            self.assertEqual(self.outcomes(log, "unknown"), ["x"])
            sim.faults()
            done = sim.run("evacuate", "--resume", log, "--apply")
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertIn("x: begun earlier, ", done.out)
            self.all_moved(sim, ["x"])

    def test_destination_vanishes(self):
        with Sim(POOL, SLOW) as sim:
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "1", "--events", sim.file("events"))
            going.wait_for(": a to ")
            target = next(e["to"]["name"] for e in events(sim.file("events")) if e["event"] == "start")
            gone, other = sim.ref("host", target), {"b": "c", "c": "b"}[target]
            sim.faults({"method": "host.call_plugin", "param": gone, "action": "error", "description": ["HOST_OFFLINE", gone]},
                       {"method": "host_metrics.get_all_records", "action": "field", "name": "live", "value": True})
            done = going.end()
            self.assertIn("HOST_OFFLINE", done.out)
            self.assertIn("planning anew", done.out)
            where = sim.where()
            self.assertEqual([n for n in NAMES if where[n] == "a"], [], done.out + done.err)
            self.assertIn(other, where.values())

    def test_xapi_is_away_for_a_while(self):
        with Sim(POOL, SLOW) as sim:
            going = sim.start("evacuate", "a", "--apply")
            going.wait_for(": a to ")
            sim.faults({"method": "event.from", "times": 1, "action": "close"})
            done = going.end()
            self.assertEqual(done.code, 0, done.out + done.err)
            self.all_moved(sim)

    def test_events_cannot_be_written(self):
        with Sim(POOL) as sim:
            before = sim.where()
            done = sim.run("evacuate", "a", "--apply", "--events", "/dev/full")
            self.one_line(done, 5)
            self.assertIn("events could not be written", done.err)
            self.assertEqual(sim.where(), before)

    def test_a_vm_that_is_gone_meanwhile(self):
        with Sim(POOL, SLOW) as sim:
            halted = sim.ref("VM", "v5")
            record = dict(sim.call("VM.get_record", halted), power_state="Halted", resident_on="OpaqueRef:NULL")
            sim.faults({"method": "VM.get_record", "param": halted, "action": "result", "value": record})
            done = sim.run("evacuate", "a", "--apply")
            self.assertIn("v5: not moved to ", done.out)
            self.one_line(done, 5)
            self.assertIn("1 VM is left: v5: it does not run on a any more", done.err)


class Stop(Case):
    def test_stop_and_resume(self):
        with Sim(POOL, SLOW // 4) as sim:
            log = sim.file("events")
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "1", "--to", "b", "--events", log)
            going.wait_for(": a to ")
            going.interrupt()
            stopped = going.end()
            begun = len(self.outcomes(log, "start"))  # 1, unless this machine stood still for seconds
            left = 6 - begun
            self.one_line(stopped, 5)
            self.assertIn(f"stopped as asked: {left} VMs are left; --resume", stopped.err)
            self.assertRegex(stopped.out, "stopping: no further move begins, (1 on its way is|[0-9]+ on their way are) waited for")
            self.assertEqual(len(self.outcomes(log, "done")), begun)
            self.assertEqual(list(sim.where().values()).count("b"), 1 + begun)

            shown = sim.run("evacuate", "--resume", log)
            self.assertEqual(shown.code, 0, shown.err)
            self.assertIn(f"{left} of {left} VMs leave", shown.out)
            self.assertEqual(list(sim.where().values()).count("b"), 1 + begun)

            done = sim.run("evacuate", "--resume", log, "--apply", "--max-moves", "6")
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertEqual(list(sim.where().values()).count("b"), 7, "--to of the first run holds")
            self.assertEqual(len(self.outcomes(log, "done")), 6)

    def test_what_is_left_out_stays_so_when_resumed(self):
        with Sim(POOL, SLOW) as sim:
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "1", "--skip-vm", "v5", "--events", sim.file("events"))
            going.wait_for("v0: a to")
            going.interrupt()
            self.assertEqual(going.end().code, 5)
            again = sim.run("evacuate", "--resume", sim.file("events"), "--apply")
            self.assertEqual(again.code, 0, again.out + again.err)
            self.assertEqual([name for name, where in sim.where().items() if where == "a"], ["v5"])

    def test_again_cancels(self):
        with Sim(POOL, SLOW // 64) as sim:
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "1")
            going.wait_for(": a to ")
            going.interrupt(signal.SIGTERM)
            going.wait_for("again to cancel")
            going.interrupt(signal.SIGTERM)
            stopped = going.end()
            self.one_line(stopped, 5)
            self.assertIn("cancelling 1 move;", stopped.out)
            self.assertIn("runs where it was", stopped.out)
            self.assertEqual(list(sim.where().values()).count("a"), 6)
            self.assertFalse(sim.tasks())

    def test_a_third_time_leaves_them(self):
        with Sim(POOL, SLOW // 64) as sim:
            log = sim.file("events")
            sim.faults({"method": "task.cancel", "action": "error", "description": ["OPERATION_NOT_ALLOWED", "not this one"]})
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "1", "--events", log)
            going.wait_for(": a to ")
            going.interrupt()
            going.wait_for("again to cancel")
            going.interrupt()
            going.wait_for("cannot be cancelled: ")
            going.interrupt(signal.SIGHUP)
            stopped = going.end()
            self.one_line(stopped, 5)
            self.assertIn("1 move left to XAPI", stopped.err)
            self.assertEqual(len(sim.tasks()), 1)

    def test_killed_and_resumed(self):
        with Sim(POOL, SLOW // 4) as sim:
            log = sim.file("events")
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "1", "--events", log)
            going.wait_for(": a to ")
            going.interrupt(signal.SIGKILL)
            going.end()
            self.assertEqual(len(sim.tasks()), 1)
            with open(log, "a") as f:
                f.write('{"schema":"exclaim.event/1","event":"pro')  # cut by the kill
            done = sim.run("evacuate", "--resume", log, "--apply", "--max-moves", "6")
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertIn("begun earlier, still on its way", done.out)
            self.all_moved(sim)
            told = [e["event"] for e in events(log)]  # every line is whole: the cut one is gone
            self.assertEqual((told.count("begin"), told[-1]), (2, "end"))

    def test_events_behind_half_a_line(self):
        with Sim(POOL) as sim:
            path = pools.pathlib.Path(sim.file("log"))
            path.write_text("somebody's notes")
            refused = sim.run("evacuate", "a", "--apply", "--events", str(path))
            self.one_line(refused, 5)
            self.assertIn("ends within a line", refused.err)
            self.assertEqual(path.read_text(), "somebody's notes")
            self.assertEqual(list(sim.where().values()).count("a"), 6)

    def test_strict_stays_strict(self):
        content = state([host("a", 8 * GIB, 8 * GIB), host("b", 3 * GIB, 3 * GIB)], [vm("big", "a", 4 * GIB, 0)])
        with Sim(content) as sim:
            path = pools.pathlib.Path(sim.file("log"))
            for policy, code in (("prefer", 3), ("strict", 3)):
                path.write_text('{"schema":"exclaim.event/1","event":"begin","hosts":["a"],"to":[],"policy":"%s"}\n' % policy)
                shown = sim.run("evacuate", "--resume", str(path), "--json")
                self.assertEqual(shown.code, code, shown.err)
                step = shown.json["steps"][0]
                self.assertEqual(len(step["moves"]), 1 if policy == "prefer" else 0)

    def test_stop_before_anything(self):
        with Sim(POOL) as sim:
            sim.faults({"method": "VM.get_all_records", "action": "hang", "seconds": 60})
            going = sim.start("evacuate", "a", "--apply")
            wait_until(lambda: going.process.poll() is None and pools.pathlib.Path(f"/proc/{going.process.pid}/status").exists()
                       and "SigBlk:\t0000000000004003" in pools.pathlib.Path(f"/proc/{going.process.pid}/status").read_text())
            going.interrupt()
            self.one_line(going.end(), 5)

    def test_what_is_no_file_of_events(self):
        with Sim(POOL) as sim:
            path = pools.pathlib.Path(sim.file("log"))
            for text, words in (("", "tells of no evacuation"), ("hello\n", "line 1 is no event"), ('{"schema":"exclaim.event/1"}\n', "tells of no"),
                                ('{"schema":"exclaim.event/1","event":"begin"}\n', "without hosts"),
                                ('{"schema":"exclaim.event/1","event":"begin","hosts":' + str(["x"] * 300).replace("'", '"') + "}\n", "300 names")):
                with self.subTest(words):
                    path.write_text(text)
                    result = sim.run("evacuate", "--resume", str(path), "--apply")
                    self.one_line(result, 5)
                    self.assertIn(words, result.err)
            self.one_line(sim.run("evacuate", "--resume", sim.file("none"), "--apply"), 5)
            path.write_text('{"schema":"exclaim.event/1","event":"begin","hosts":["nobody"],"to":[]}\n')
            self.one_line(sim.run("evacuate", "--resume", str(path), "--apply"), 2)


class Time(Case):
    def test_one_move_is_cancelled_without_the_others(self):
        with Sim(POOL, SLOW // 5) as sim:
            going = sim.start("evacuate", "a", "--apply", "--max-moves", "2", "--events", sim.file("events"))
            going.wait_for("v0: a to ")
            cancelled = sim.run("evacuate", "--cancel", "v0")
            self.assertEqual((cancelled.code, cancelled.out), (0, "v0: its move is cancelled, it is Running\n"), cancelled.err)
            done = going.end()
            self.one_line(done, 5)
            self.assertIn("1 VM is left: v0: cancelled; it runs where it was", done.err)
            self.assertEqual([name for name, at in sim.where().items() if at == "a"], ["v0"])
            self.assertEqual(self.outcomes(sim.file("events"), "start").count("v0"), 1, "it is not begun again")
            # Said as what it is, once; nothing is planned for it any more, and the time that is left is without it.
            self.assertEqual(done.out.count("v0: cancelled; it runs where it was\n"), 2, done.out)
            self.assertNotRegex(done.out, "v0: failed|planning anew|Operation")
            self.assertRegex(done.out, r"\nincomplete: 5 VMs \(5\.37 GiB\) moved in \d+ s, 5 exact, 0 not, 0 not checked; 1 left\n")
            said = events(sim.file("events"))
            self.assertEqual([(e["vm"]["name"], e["cancelled"]) for e in said if e["event"] == "failed"], [("v0", True)])
            self.assertEqual([e["event"] for e in said].count("plan"), 1)
            self.assertEqual((said[-1]["event"], said[-1]["outcome"], said[-1]["left"], said[-1]["bytes_left"]),
                             ("end", "incomplete", 1, 262144 * 4096))
            self.assertNotIn("seconds_left", said[-1])
            # Another run begins it, as somebody has asked for that.
            again = sim.run("evacuate", "--resume", sim.file("events"), "--apply")
            self.assertEqual(again.code, 0, again.err)
            self.assertIn("done: 1 VM (1 GiB) moved in ", again.out)
            self.all_moved(sim)

    def test_a_cancelled_move_in_json(self):
        with Sim(POOL, SLOW // 4) as sim:
            going = sim.start("evacuate", "a", "--apply", "--json", "--max-moves", "2")
            wait_until(sim.tasks)
            name = next(r["name_label"] for r in sim.call("VM.get_all_records").values() if r["current_operations"])
            cancelled = sim.run("evacuate", "--cancel", name, "--json")
            self.assertEqual((cancelled.code, cancelled.json["cancelled"]), (0, True), cancelled.err)
            told = going.end()
            self.assertEqual((told.code, told.json["outcome"], told.json["left"]), (5, "incomplete", 1))
            self.assertEqual([(v["name"], v["why"]) for v in told.json["vms"] if v["outcome"] == "cancelled"], [(name, "cancelled; it runs where it was")])

    def test_nothing_to_cancel(self):
        with Sim(POOL) as sim:
            uuid = sim.call("VM.get_record", sim.ref("VM", "v0"))["uuid"]
            for name in ("v0", uuid, "nobody"):
                said = sim.run("evacuate", "--cancel", name)
                self.one_line(said, 2)
                self.assertIn("the pool has no VM called nobody" if name == "nobody" else f"VM {name} is not migrated now", said.err)
            self.one_line(sim.run("evacuate", "--cancel", uuid.replace("0", "1")), 5)
            self.one_line(sim.run("evacuate", "--cancel", "v0", "a"), 2)

    def test_a_move_that_takes_too_long(self):
        content = state([host("a", 8 * GIB), host("b", 8 * GIB)], [vm("long", "a", 4 * GIB), vm("short", "a", MIB)])
        with Sim(content, GIB // 8) as sim:
            done = sim.run("evacuate", "a", "--apply", "--move-timeout", "3", "--events", sim.file("events"))
            self.one_line(done, 5)
            self.assertIn("long: cancelling, as it takes longer than 3 s", done.out)
            self.assertIn("1 VM is left: long: cancelled, as it took longer than 3 s; it runs where it was", done.err)
            self.assertEqual(sim.where(), {"long": "a", "short": "b"})

    def test_the_time_of_a_run(self):
        with Sim(POOL, SLOW // 3) as sim:
            done = sim.run("evacuate", "a", "--apply", "--max-moves", "1", "--timeout", "1")
            self.one_line(done, 5)
            self.assertIn("the 1 s of --timeout are over: no further move begins", done.out)
            self.assertRegex(done.err, r"[1-6] VMs are left: the 1 s of --timeout are over")
            self.assertFalse(sim.tasks())


class Large(Case):
    def test_64_hosts_1000_vms(self):
        with Sim(pools.generated(hosts=64, vms=1000), 1 << 34) as sim:
            names = [name for name, at in sim.where().items() if at == "host00"]
            done = sim.run("evacuate", "host00", "--apply", "--max-moves", "8")
            self.assertEqual(done.code, 0, done.out[-2000:] + done.err)
            self.all_moved(sim, names, "host00")


if __name__ == "__main__":
    unittest.main()
