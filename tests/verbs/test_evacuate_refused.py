#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""evacuate where XAPI refuses, hosts are dead, members lie, and moves end with VMs that do not run."""
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True

from pools import GIB, Sim, events, host, state, vm

HOOK = str(pathlib.Path(__file__).resolve().parent / "hook.py")
THREE = [host("a", 32 * GIB, 32 * GIB), host("b", 32 * GIB, 32 * GIB), host("c", 64 * GIB, 64 * GIB)]


def ends(sim, **how):
    pathlib.Path(sim.file("ends")).write_text(json.dumps(how))


class Kills(unittest.TestCase):
    POOL = state(THREE, [vm(f"v{i}", "a", GIB, 0) for i in range(8)])

    def run_with(self, sim, *more, **how):
        ends(sim, **how)
        return sim.run("evacuate", "a", "--apply", "--max-moves", "1", *more)

    def test_the_first_vm_that_stops_running_ends_it(self):
        for end in ("Halted", "Suspended", "Paused"):
            with self.subTest(end), Sim(self.POOL, hook=HOOK) as sim:
                done = self.run_with(sim, "--events", sim.file("events"), **{f"v{i}": [end] for i in range(8)})
                self.assertEqual(done.code, 5, done.out)
                self.assertIn("1 VM is not running any more: v", done.err)
                self.assertIn("1 lost", done.out)
                kinds = [e["event"] for e in events(sim.file("events"))]
                self.assertEqual(kinds.count("start"), 1, kinds)
                last = events(sim.file("events"))[-1]
                self.assertEqual((last["outcome"], last["lost"]), ("lost", 1))

    def test_json_counts_and_names_them(self):
        with Sim(self.POOL, hook=HOOK) as sim:
            told = self.run_with(sim, "--json", v0=["Halted"])
            self.assertEqual((told.code, told.json["outcome"], told.json["lost"]), (5, "lost", 1))
            self.assertEqual([v["name"] for v in told.json["vms"] if v["outcome"] == "lost"], ["v0"])

    def test_a_resumed_run_is_not_done_either(self):
        with Sim(state(THREE, [vm("v0", "a", GIB, 0)]), hook=HOOK) as sim:
            self.assertEqual(self.run_with(sim, "--events", sim.file("events"), v0=["Halted"]).code, 5)
            again = sim.run("evacuate", "--resume", sim.file("events"), "--apply")
            self.assertEqual(again.code, 5, again.out)
            self.assertIn("1 VM is not running any more: v0", again.err)
            ref = sim.ref("VM", "v0")
            sim.call("VM.set_power_state", ref, "Running")
            sim.call("VM.set_resident_on", ref, sim.ref("host", "b"))
            again = sim.run("evacuate", "--resume", sim.file("events"), "--apply")
            self.assertEqual(again.code, 0, again.out + again.err)

    def test_two_failures_in_a_row_of_different_kinds_end_it(self):
        for kinds, starts in ((("fails", "INTERNAL_ERROR"), 2), (("fails", "fails"), 10)):
            with self.subTest(kinds), Sim(self.POOL, hook=HOOK) as sim:
                done = self.run_with(sim, "--events", sim.file("events"), **{f"v{i}": [kinds[i]] for i in range(2)})
                self.assertEqual(done.code, 5 if starts == 2 else 0, done.out)
                self.assertEqual([e["event"] for e in events(sim.file("events"))].count("start"), starts)
                if starts == 2:
                    self.assertIn("two moves in a row failed: VM_MIGRATE_FAILED, then INTERNAL_ERROR", done.err)


class Refusals(unittest.TestCase):
    POOL = state(THREE, [vm("v0", "a", 4 * GIB, 0), vm("v1", "a", 0, GIB)])
    CODES = (["VM_INCOMPATIBLE_WITH_THIS_HOST", "vm", "host", "features"], ["HOST_NOT_ENOUGH_FREE_MEMORY", "4329570304", "1073741824"],
             ["VM_REQUIRES_NETWORK", "vm", "net"], ["HOST_CANNOT_ATTACH_NETWORK", "host", "net"], ["VM_REQUIRES_SR", "vm", "sr"],
             ["NOT_SUPPORTED_DURING_UPGRADE"], ["HOST_NOT_ENOUGH_PCPUS", "48", "32"], ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"])

    def test_a_pair_that_was_refused_is_out_and_the_next_host_is_tried(self):
        for code in self.CODES:
            with self.subTest(code[0]), Sim(self.POOL) as sim:
                b = sim.ref("host", "b")
                sim.faults({"method": "Async.VM.pool_migrate", "param": b, "action": "error", "description": code})
                done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
                self.assertEqual((done.code, sim.where()), (0, {"v0": "c", "v1": "c"}), done.out + done.err)
                tried = [(e["vm"]["name"], e["to"]["name"]) for e in events(sim.file("events")) if e["event"] == "start"]
                self.assertEqual(len(tried), len(set(tried)), f"tried twice: {tried}")

    def test_two_do_not_go_for_the_last_place_on_a_gpu(self):
        def pool(places):
            gpus = [{"name": f"gpu-{name}", "host": name, "size": size} for name, size in (("a", 4), ("b", 2), ("c", places))]
            vms = [vm(f"v{i}", "a", 4 * GIB, 0, vgpu=[1, "gpu-a"]) for i in range(2)] + [vm("w", "b", GIB, vgpu=[1, "gpu-b"]), vm("x", "c", GIB, vgpu=[1, "gpu-c"])]
            return state(THREE, vms, gpus=gpus)
        with Sim(pool(1)) as sim:
            planned = sim.run("plan", "evacuate", "a")
            self.assertEqual(planned.code, 3, planned.out)
            self.assertIn("infeasible: 1 of 2 VMs leave, 1 keep their shape: 2 VMs have 2 vGPUs of one type, the GPUs of their group have room for 1", planned.out)
            self.assertRegex(planned.out, "stays: VM v[01]: no GPU of its group on host [bc] has room for its vGPU")
            cells = {c["host"]["name"]: c for c in sim.run("preflight", "--host", "a", "--json").json["vms"][0]["on"]}
            self.assertEqual((cells["b"]["verdict"], cells["c"]["misfit"]["why"]), ("same", "gpu"))
            done = sim.run("evacuate", "a", "--apply", "--partial", "--events", sim.file("events"))
            self.assertEqual(([e["event"] for e in events(sim.file("events"))].count("start"), done.code), (1, 3), done.out)
        with Sim(pool(2)) as sim:
            done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
            self.assertEqual((done.code, sorted(sim.where()[v] for v in ("v0", "v1"))), (0, ["b", "c"]), done.out)
            self.assertFalse([e for e in events(sim.file("events")) if e["event"] == "failed"])

    def test_a_place_that_one_leaves_is_another_s(self):
        # Each GPU is full; as a rolling upgrade empties a host, its places are free for the next.
        gpus = [{"name": f"gpu-{name}", "host": name, "size": 1} for name in ("b", "c")] + [{"name": "gpu-a", "host": "a", "size": 2}]
        with Sim(state(THREE, [vm("v", "a", GIB, vgpu=[1, "gpu-a"]), vm("w", "b", GIB, vgpu=[1, "gpu-b"])], gpus=gpus)) as sim:
            planned = sim.run("plan", "rolling", "--json")
            self.assertEqual((planned.code, planned.json["moves"]), (0, 4), planned.out)
            ways = [(m["vm"]["name"], m["from"]["name"], m["to"]["name"]) for s in planned.json["steps"] for m in s["moves"]]
            self.assertEqual(ways[0], ("v", "a", "c"), "b has no place for it")

    def test_names_stand_in_place_of_references(self):
        with Sim(state(THREE[:2], self.POOL["vms"])) as sim:
            b, net = sim.ref("host", "b"), sim.ref("network", "lan")
            sim.faults({"method": "Async.VM.pool_migrate", "action": "error", "description": ["HOST_CANNOT_ATTACH_NETWORK", b, net]})
            done = sim.run("evacuate", "a", "--apply")
            self.assertEqual(done.code, 3, done.out + done.err)
            self.assertIn("HOST_CANNOT_ATTACH_NETWORK: b, lan", done.out)
            self.assertNotIn("OpaqueRef", done.out + done.err)

    def test_a_reference_in_the_midst_of_words(self):
        with Sim(state(THREE[:2], self.POOL["vms"])) as sim:
            b, gone = sim.ref("host", "b"), "OpaqueRef:01234567-89ab-cdef-0123-456789abcdef"
            words = [f"on<{b}>it", f"{b}s", "OpaqueRef:NULL and all that comes behind it in one line of text", f"<{gone}>", "OpaqueRef:0123-45"]
            sim.faults({"method": "Async.VM.pool_migrate", "action": "error", "description": ["HOST_CANNOT_ATTACH_NETWORK", *words]})
            for more in ([], ["--json"]):
                done = sim.run("evacuate", "a", "--apply", *more)
                self.assertEqual(done.code, 3, done.out + done.err)
                self.assertIn("on<b>it, bs, (none) and all that comes behind it in one line of text, <(not named)>, (not named)", done.out)
                self.assertNotIn("OpaqueRef", done.out + done.err)

    def test_a_vm_that_no_host_can_get_is_not_tried_elsewhere(self):
        with Sim(self.POOL) as sim:
            v0 = sim.ref("VM", "v0")
            sim.faults({"method": "Async.VM.pool_migrate", "param": v0, "action": "error", "description": ["VM_LACKS_FEATURE", v0]})
            done = sim.run("evacuate", "a", "--apply", "--events", sim.file("events"))
            self.assertEqual((done.code, sim.where()["v1"] == "a"), (5, False), done.out + done.err)
            self.assertEqual([e["vm"]["name"] for e in events(sim.file("events")) if e["event"] == "start"].count("v0"), 1)


class Hosts(unittest.TestCase):
    def test_nothing_leaves_or_reaches_a_host_that_is_not_live(self):
        gone = host("gone", 32 * GIB, 32 * GIB, live=False, enabled=True, plugin=False)
        content = state([host("a", 32 * GIB, 32 * GIB), gone, host("b", 32 * GIB, 32 * GIB)], [vm("v", "a", GIB, 0), vm("lost", "gone", GIB, 0)])
        with Sim(content) as sim:
            for command in (("preflight", "--host", "gone", "--guarantee", "none"), ("plan", "evacuate", "gone"), ("evacuate", "gone", "--apply")):
                shown = sim.run(*command)
                self.assertEqual(shown.code, 3, shown.out)
                self.assertIn("host gone is not live: its VMs cannot be migrated", shown.out)
            partly = sim.run("evacuate", "gone", "--apply", "--partial", "--events", sim.file("events"))
            self.assertEqual(partly.code, 3, partly.out)
            self.assertFalse([e for e in events(sim.file("events")) if e["event"] == "start"])
            to = sim.run("plan", "evacuate", "a", "--to", "gone")
            self.assertEqual(to.code, 3, to.out)
            self.assertIn("no other host takes VMs: host gone: it is not live", to.out)
            self.assertEqual({m["to"]["name"] for m in sim.run("plan", "evacuate", "a", "--json").json["steps"][0]["moves"]}, {"b"})

    def test_closed_hosts_are_named_with_why(self):
        closed = [host("b", 32 * GIB, enabled=False), host("d", 32 * GIB, operations={"OpaqueRef:t": "reboot"})]
        with Sim(state([host("a", 32 * GIB)] + closed, [vm("v", "a", GIB)])) as sim:
            shown = sim.run("plan", "evacuate", "a")
            self.assertEqual(shown.code, 3)
            self.assertIn("no other host takes VMs: host b: it is disabled, host d: it is being rebooted", shown.out)

    def test_a_member_cannot_take_a_vm_off_another_host(self):
        content = state([host("a", 8 * GIB, 8 * GIB, plugin=False), host("b", 16 * GIB, 16 * GIB), host("c", 16 * GIB, 16 * GIB)],
                        [vm("v0", "a", GIB, 0), vm("v1", "a", GIB, 0)])
        with Sim(content) as sim:
            b = sim.ref("host", "b")
            part = json.loads(sim.call("host.call_plugin", b, "exclaim", "snapshot", {}))
            for record in sim.call("VM.get_all_records").values():
                part["domains"].append({"uuid": record["uuid"], "name": "x", "nodes": [{"node": 0, "pages": 5}], "total_pages": 5,
                                        "source": "hypercall", "exact": True, "max_pages": 10, "vcpus": 1})
            sim.faults({"method": "host.call_plugin", "param": b, "action": "result", "value": json.dumps(part)})
            plan = sim.run("plan", "evacuate", "a", "--json").json
            self.assertEqual(sorted(m["vm"]["name"] for m in plan["steps"][0]["moves"]), ["v0", "v1"])
            done = sim.run("evacuate", "a", "--apply")
            self.assertEqual(done.code, 0, done.out)
            self.assertNotIn("a", sim.where().values())

    def test_a_run_that_ends_before_its_first_move(self):
        # What is left is told in bytes too, and a reference of XAPI's by its name.
        with Sim(state(THREE, [vm("v0", "a", GIB, 0), vm("v1", "a", GIB, GIB)])) as sim:
            sim.faults({"method": "host.disable", "action": "error", "description": ["HOST_OFFLINE", sim.ref("host", "a")]})
            done = sim.run("evacuate", "a", "--apply", "--json", "--events", sim.file("events"))
            self.assertEqual(done.code, 5)
            self.assertTrue(done.err.endswith("host.disable: HOST_OFFLINE: a\n"), done.err)
            for told in (done.json, events(sim.file("events"))[-1]):
                self.assertEqual((told["left"], told["bytes_moved"], told["bytes_left"] // 4096), (2, 0, 3 * GIB))
                self.assertNotIn("seconds_left", told)

    def test_done_is_what_xapi_says(self):
        # A VM that is suspended there is in no plan, and its host is not empty.
        with Sim(state(THREE, [vm("v0", "a", GIB, 0), vm("late", "b", GIB, 0)])) as sim:
            ref = sim.ref("VM", "late")
            sim.call("VM.set_power_state", ref, "Suspended")
            sim.call("VM.set_resident_on", ref, sim.ref("host", "a"))
            done = sim.run("evacuate", "a", "--apply")
            self.assertEqual(done.code, 5, done.out)
            self.assertIn("XAPI has late (Suspended) on host a", done.err)


if __name__ == "__main__":
    unittest.main()
