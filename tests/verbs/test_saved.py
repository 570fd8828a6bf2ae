#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plans that were saved: carried out as they are, told of when the pool has outgrown them, and never trusted."""
import json
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

from pools import GIB, MIB, Sim, host, state, vm, wait_until

HOSTS = [host("a", 32 * GIB), host("b", 32 * GIB), host("c", 32 * GIB)]
VMS = [vm("v1", "a", GIB), vm("v2", "a", 2 * GIB), vm("w", "b", GIB)]


class Saved(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="exclaim-saved-")
        self.addCleanup(self.folder.cleanup)
        self.file = self.folder.name + "/plan"

    def one_line(self, result, code, *words):
        self.assertEqual(result.code, code, result.out + result.err)
        self.assertEqual(result.err.count("\n"), 1, result.err)
        for word in words:
            self.assertIn(word, result.err)

    def save(self, *command, pool=None):
        with Sim(pool or state(HOSTS, VMS)) as sim:
            done = sim.run("plan", *command, "--save", self.file)
            self.assertIn(done.code, (0, 3), done.err)
            self.assertNotIn("schema", done.out)  # it is saved, not printed
        return json.loads(pathlib.Path(self.file).read_text())

    def targets(self, step):
        return {m["vm"]["name"]: m["to"]["name"] for m in step["moves"]}

    def test_an_upgrade_step_by_step(self):
        plan = self.save("rolling")
        with Sim(state(HOSTS, VMS)) as sim:
            self.one_line(sim.run("evacuate", "--plan", self.file), 2, "6 steps")
            self.one_line(sim.run("evacuate", "--plan", self.file, "--step", "7"), 2, "1 to 6")
            shown = sim.run("evacuate", "--plan", self.file, "--step", "1")
            self.assertEqual((shown.code, sim.where()["v1"]), (0, "a"), shown.err)
            for number, step in enumerate(plan["steps"], 1):
                before = sim.where()
                done = sim.run("evacuate", "--plan", self.file, "--step", str(number), "--apply")
                self.assertEqual((done.code, done.err), (0, ""), done.out)
                self.assertEqual(sim.where(), {**before, **self.targets(step)})
                self.assertEqual("is disabled, and stays so" in done.out, step["kind"] == "evacuate" and bool(step["moves"]), done.out)
                for name in "abc":  # as a host that comes back from its upgrade
                    sim.call("host.enable", sim.ref("host", name))
                again = sim.run("evacuate", "--plan", self.file, "--step", str(number), "--apply")
                self.assertEqual((again.code, "nothing is left" in again.out), (0, True), again.out)
                told = sim.run("evacuate", "--plan", self.file, "--step", str(number), "--apply", "--json").json
                self.assertEqual(told["notes"], again.out.splitlines())
            page = self.folder.name + "/page"
            again = sim.run("evacuate", "--plan", self.file, "--step", str(number), "--html", page)
            self.assertIn("and no page is written", again.out)
            self.assertFalse(pathlib.Path(page).exists())

    def test_never_elsewhere(self):
        # One VM has its host by the plan, though another one would do now.
        plan = self.save("evacuate", "a", "--to", "c", pool=state(HOSTS, VMS))
        self.assertEqual(set(self.targets(plan["steps"][0]).values()), {"c"})
        with Sim(state(HOSTS, VMS)) as sim:
            sim.faults({"method": "Async.VM.pool_migrate", "param": sim.ref("VM", "v1"), "action": "error",
                        "description": ["HOST_CANNOT_ATTACH_NETWORK", sim.ref("host", "c"), "x"]})
            done = sim.run("evacuate", "--plan", self.file, "--apply")
            self.assertNotEqual(done.code, 0, done.out)
            self.assertEqual((sim.where()["v1"], sim.where()["v2"]), ("a", "c"))
            self.assertNotIn("v1: a to b", done.out)

    def test_goes_on_where_it_stands(self):
        plan = self.save("evacuate", "a")
        moved = [vm("v1", self.targets(plan["steps"][0])["v1"], GIB), *VMS[1:]]
        with Sim(state(HOSTS, moved)) as sim:
            done = sim.run("evacuate", "--plan", self.file, "--apply", "--json")
            self.assertEqual((done.code, [v["name"] for v in done.json["vms"]]), (0, ["v2"]), done.out)

    def test_outgrown(self):
        self.save("evacuate", "a", "--to", "b")
        new = [
            (state(HOSTS, VMS[1:]), "VM v1 does not run any more"),
            (state(HOSTS, [vm("v1", "c", GIB), *VMS[1:]]), "VM v1 is on host c"),
            (state(HOSTS, [vm("v1", "a", GIB + 5 * MIB), *VMS[1:]]), "VM v1 has 5 MiB more than then (1280 pages)"),
            (state(HOSTS, [*VMS, vm("x", "a", MIB)]), "VM x has come to host a"),
            (state([HOSTS[0], HOSTS[2]], [v for v in VMS if v["name"] != "w"]), "plan: host b is not in the pool\n"),
            (state(HOSTS[1:], [v for v in VMS if v["host"] != "a"]), "plan: host a is not in the pool; VM "),
            (state(HOSTS, [vm("v1", "a", GIB + 1), *VMS[1:]]), "VM v1 has 4 KiB more than then (1 page)\n"),
            (state([HOSTS[0], host("b", 32 * GIB, enabled=False), HOSTS[2]], VMS), "plan: host b takes no VMs now: it is disabled\n"),
        ]
        for pool, words in new:
            with self.subTest(words), Sim(pool) as sim:
                self.one_line(sim.run("evacuate", "--plan", self.file, "--apply"), 3, "outgrown", words)
                self.assertEqual(sim.tasks(), [])
        # Others have taken the room: in numbers, and nothing has moved.
        with Sim(state([HOSTS[0], host("b", GIB + GIB // 2), HOSTS[2]], VMS[:2])) as sim:
            done = sim.run("evacuate", "--plan", self.file, "--apply")
            self.assertEqual(done.code, 3, done.out)
            self.assertIn("nothing was moved", done.out)
            self.assertIn("short by", done.out)
            self.assertEqual({sim.where()["v1"], sim.where()["v2"]}, {"a"})

    def test_a_step_of_a_large_pool(self):
        # 40 hosts have 80 steps: each of them can be named.
        names = [f"h{i}" for i in range(40)]
        content = state([host(name, 8 * GIB) for name in names], [vm("v" + name, name, MIB) for name in names])
        plan = self.save("rolling", pool=content)
        self.assertEqual(len(plan["steps"]), 80)
        with Sim(content) as sim:
            shown = sim.run("evacuate", "--plan", self.file, "--step", "79")
            self.assertEqual(shown.code, 0, shown.err)
            self.assertIn(plan["steps"][78]["moves"][0]["vm"]["name"], shown.out)
            self.one_line(sim.run("evacuate", "--plan", self.file, "--step", "81"), 2, "1 to 80")

    def test_a_plan_of_one_step(self):
        self.save("evacuate", "a")
        with Sim(state(HOSTS, VMS)) as sim:
            self.one_line(sim.run("evacuate", "--plan", self.file, "--step", "2"), 2, "the plan has 1 step, which needs no --step\n")

    def test_no_plan(self):
        with Sim(state(HOSTS, VMS)) as sim:
            self.one_line(sim.run("evacuate", "--plan", "/etc/passwd"), 5, "/etc/passwd: no plan that plan --save wrote")

    def test_many_changes_are_counted(self):
        many = [vm(f"v{i}", "a", MIB) for i in range(30)]
        self.save("evacuate", "a", pool=state(HOSTS, many))
        with Sim(state(HOSTS, many[20:])) as sim:
            self.one_line(sim.run("evacuate", "--plan", self.file), 3, "and 16 more")

    def test_moved_on(self):
        # A VM that makes room first and goes on later: in its order, and once each.
        plan = self.save("evacuate", "a", "--to", "b")
        move = next(m for m in plan["steps"][0]["moves"] if m["vm"]["name"] == "v1")
        on = json.loads(json.dumps(move))
        with Sim(state(HOSTS, VMS)) as sim:
            records = sim.call("host.get_all_records").values()
            on["from"], on["to"] = move["to"], {"name": "c", "uuid": next(r["uuid"] for r in records if r["name_label"] == "c")}
            on["wave"] = on["after"] = 7
            plan["steps"][0]["moves"].append(on)
            pathlib.Path(self.file).write_text(json.dumps(plan))
            done = sim.run("evacuate", "--plan", self.file, "--apply")
            self.assertEqual((done.code, done.err), (0, ""), done.out)
            self.assertEqual((sim.where()["v1"], sim.where()["v2"]), ("c", "b"))
            self.assertLess(done.out.index("v2: on b"), done.out.index("v1: b to c"))
            self.assertIn("nothing is left", sim.run("evacuate", "--plan", self.file, "--apply").out)

    def test_files_that_are_none(self):
        plan = self.save("evacuate", "a")
        whole = pathlib.Path(self.file).read_text()
        bad = [("", 5), ("{}", 5), ("[]", 5), ('{"schema":"exclaim.plan/1"}', 5), (whole.replace("exclaim.plan/1", "exclaim.plan/2"), 5),
               ("{" * 100000, 5), ('{"schema":"exclaim.plan/1","steps":[{}]}', 5), ('{"schema":"exclaim.plan/1","steps":[7]}', 5),
               ('{"schema":"exclaim.plan/1","steps":[{"moves":[7]}]}', 5), (whole.replace('"pages":', '"pages":-'), 5),
               ('{"schema":"exclaim.plan/1","steps":{}}', 5)]
        twice = json.loads(whole)
        twice["steps"][0]["moves"] *= 2
        bad.append((json.dumps(twice), 5))
        many = json.loads(whole)
        many["steps"][0]["moves"] *= 100
        bad.append((json.dumps(many), 5))
        back = json.loads(whole)
        back["steps"][0]["moves"][0]["after"] = 5
        bad.append((json.dumps(back), 5))
        with Sim(state(HOSTS, VMS)) as sim:
            for text, code in bad:
                with self.subTest(text[:60]):
                    pathlib.Path(self.file).write_text(text)
                    self.one_line(sim.run("evacuate", "--plan", self.file, "--apply"), code, self.file)
            for at in range(0, len(whole) - 2, len(whole) // 60):  # cut anywhere
                pathlib.Path(self.file).write_text(whole[:at])
                self.one_line(sim.run("evacuate", "--plan", self.file, "--apply"), 5)
            self.assertEqual(set(sim.where().values()), {"a", "b"})
            self.one_line(sim.run("evacuate", "--plan", "/nonexistent", "--apply"), 5, "/nonexistent")
            for wrong in (("a", "--plan", self.file), ("--plan", self.file, "--to", "b"), ("--plan", self.file, "--only-vm", "v1"),
                          ("a", "--step", "1"), ("--plan", self.file, "--resume", self.file)):
                self.one_line(sim.run("evacuate", *wrong), 2)

    def test_saved_whole_or_not(self):
        with Sim(state(HOSTS, VMS)) as sim:
            self.one_line(sim.run("plan", "evacuate", "a", "--save", self.folder.name + "/no/plan"), 5)
            pathlib.Path(self.file).write_text("old")
            self.assertEqual(sim.run("plan", "evacuate", "nobody", "--save", self.file).code, 2)
            self.assertEqual(pathlib.Path(self.file).read_text(), "old")
            told = sim.run("plan", "evacuate", "a", "--save", self.file, "--json")
            self.assertEqual(json.loads(pathlib.Path(self.file).read_text()), told.json)
        self.assertEqual([p.name for p in pathlib.Path(self.folder.name).iterdir()], ["plan"])

    def test_its_events_are_not_resumed(self):
        self.save("evacuate", "a")
        with Sim(state(HOSTS, VMS)) as sim:
            self.assertEqual(sim.run("evacuate", "--plan", self.file, "--apply", "--events", sim.file("events")).code, 0)
            self.one_line(sim.run("evacuate", "--resume", sim.file("events"), "--apply"), 2, "the same --plan again")


if __name__ == "__main__":
    unittest.main()
