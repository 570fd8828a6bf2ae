#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""preflight and plan against a simulated pool: answers, exit codes, pages for a browser, and what goes wrong."""
import json
import os
import pathlib
import pty
import re
import signal
import sys
import tempfile
import termios
import time
import unicodedata
import unittest
import xml.dom.minidom

sys.dont_write_bytecode = True

import pools
from pools import GIB, MIB, Sim, generated, host, run, state, vm

ROOMY = state([host("a", 4 * GIB, 4 * GIB), host("b", 4 * GIB, 4 * GIB), host("c", 4 * GIB, 4 * GIB)],
              [vm("one", "a", 1 * GIB, 0), vm("two", "a", 1 * GIB, 512 * MIB), vm("there", "b", 2 * GIB, 2 * GIB)])

# `big` fits no node of b, though b has more than it needs in all; c may take it, but only split.
TIGHT = state([host("a", 8 * GIB, 8 * GIB), host("b", 4 * GIB, 4 * GIB)],
              [vm("big", "a", 6 * GIB, 0), vm("filler", "b", 1 * GIB, 0)])

NASTY = "<script>alert(1)</script> & \"x\" 'y' ]]> \u00e4\u0301 \U0001f600"


def page(path):
    """A page is well-formed XML too; it has no script and names nothing outside of itself."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    xml.dom.minidom.parseString(text.replace("<!DOCTYPE html>\n", "", 1))
    assert "<script" not in text and "http:" not in text and "https:" not in text and "url(" not in text, "not self-contained"
    return text


def screen(*arguments, columns, rows):
    """The lines that a terminal of that size is given."""
    text = pools.on_terminal(*arguments, columns=columns, rows=rows)
    text = re.sub("\\r\x1b\\[K[^\\r\\n]*(?=\\r\x1b)|\\r\x1b\\[K", "", text)  # progress comes and goes
    return text.replace("\r\n", "\n").split("\n")


def columns_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Case(unittest.TestCase):
    def one_line(self, result, code):
        self.assertEqual(result.code, code, result.err + result.out)
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertTrue(result.err.startswith("exclaim "), result.err)


class Preflight(Case):
    def test_a_plan_that_does_not_exist_is_named(self):
        with Sim(state([host("a", GIB), host("b", GIB)], [])) as sim:
            done = sim.run("plan", "evac", "a")
            self.assertEqual((done.code, done.err), (2, 'exclaim plan: no plan "evac": plan evacuate HOST... or plan rolling\n'))

    def test_fits(self):
        with Sim(ROOMY) as sim:
            said = sim.run("preflight", "--host", "a")
            self.assertEqual(said.code, 0, said.out + said.err)
            self.assertIn("fits: ", said.out)
            told = sim.run("preflight", "--host", "a", "--json")
            self.assertEqual((told.code, told.json["schema"], told.json["fits"]), (0, "exclaim.preflight/1", True))
            self.assertEqual([v["name"] for v in told.json["vms"]], ["one", "two"])
            self.assertEqual([h["name"] for h in told.json["hosts"]], ["a", "b", "c"])
            self.assertTrue(all(h["time_unix_ms"] > 0 and h["source_nodes"] == "hypercall" for h in told.json["hosts"]))
            on = told.json["vms"][1]["on"]
            self.assertEqual([(c["host"]["name"], c["verdict"], c["guarantee"]) for c in on], [("b", "same", "host"), ("c", "same", "host")])
            for node in on[0]["nodes"]:
                self.assertGreater(node["need_pages"], 512 * MIB - 1)
                self.assertEqual(node["short_by_pages"], 0)

    def test_one_vm_to_one_host(self):
        with Sim(ROOMY) as sim:
            told = sim.run("preflight", "--vm", "one", "--to", "c", "--json").json
            self.assertEqual([v["name"] for v in told["vms"]], ["one"])
            self.assertEqual([c["host"]["name"] for c in told["vms"][0]["on"]], ["c"])
            uuid = told["vms"][0]["uuid"]
            # A VM named twice, by its host too, is one VM.
            again = sim.run("preflight", "--vm", uuid.upper(), "--vm", "one", "--host", "a", "--to", "c", "--json").json
            self.assertEqual(len(again["vms"]), 2)

    def test_does_not_fit(self):
        with Sim(TIGHT) as sim:
            said = sim.run("preflight", "--vm", "big")
            self.assertEqual(said.code, 3, said.out + said.err)
            self.assertEqual(said.err, "")
            self.assertIn("fits, but not as asked: ", said.out)
            self.assertIn("would help: ", said.out)
            told = sim.run("preflight", "--vm", "big", "--to", "b", "--json")
            self.assertEqual((told.code, told.json["fits"]), (3, False))
            misfit = told.json["vms"][0]["on"][0]["misfit"]
            self.assertEqual(misfit["why"], "node")
            self.assertGreaterEqual(misfit["need_pages"], 6 * GIB)
            self.assertEqual(misfit["free_pages"], 4 * GIB)
            self.assertEqual(misfit["short_by_pages"], misfit["need_pages"] + misfit["claimed_pages"] - misfit["free_pages"])
            code, needed, available = misfit["xapi_error"]
            self.assertEqual((code, int(needed)), ("HOST_NOT_ENOUGH_FREE_MEMORY", misfit["need_pages"] * 4096))
            self.assertEqual(int(available), (misfit["free_pages"] - misfit["claimed_pages"]) * 4096)
            self.assertTrue(told.json["changes"])

    def test_missing_plugin_is_no_guarantee(self):
        content = state([host("a", 4 * GIB, 4 * GIB), host("b", 4 * GIB, 4 * GIB, plugin=False)], [vm("one", "a", 1 * GIB, 0)])
        with Sim(content) as sim:
            said = sim.run("preflight", "--host", "a")
            self.assertEqual(said.code, 3, said.out + said.err)
            self.assertIn("note: b: ", said.out)
            self.assertIn("plugin exclaim: not in use on this host, run exclaim-hooks enable plugin there", said.out)
            self.assertNotIn("XENAPI", said.out)
            self.assertIn("1 of 1 VMs leave, 0 keep their shape: 1 not for certain: VM one: nothing is known of the nodes of host b", said.out)
            self.assertNotRegex(said.out, "even alone|without its shape")
            told = sim.run("preflight", "--host", "a", "--json").json
            self.assertEqual(told["vms"][0]["on"][0]["guarantee"], "none")
            self.assertEqual(sim.run("preflight", "--host", "a", "--guarantee", "none").code, 0)

    def test_guarantee_that_nobody_gives(self):
        with Sim(ROOMY) as sim:
            said = sim.run("preflight", "--host", "a", "--guarantee", "node-set")
            self.assertEqual(said.code, 3)
            self.assertIn("weaker guarantee than node-set", said.out)

    def test_hold_says_why_not(self):
        with Sim(ROOMY) as sim:
            held = sim.run("preflight", "--host", "a", "--hold", "--json")
            self.one_line(held, 4)
            self.assertEqual(held.json["hold"]["held"], False)
            self.assertIn("cannot be handed", held.json["hold"]["why"])
        with Sim(TIGHT) as sim:
            self.assertEqual(sim.run("preflight", "--vm", "big", "--hold").code, 3)

    def test_page(self):
        content = state([host(NASTY, 4 * GIB, 4 * GIB), host("b", 2 * GIB, 2 * GIB)], [vm(NASTY, NASTY, 3 * GIB, 0), vm("x", NASTY, GIB, GIB)])
        with Sim(content) as sim:
            path = sim.file("page.html")
            self.assertEqual(sim.run("preflight", "--host", NASTY, "--html", path).code, 3)
            text = page(path)
            self.assertIn("&#60;script&#62;alert(1)", text)
            self.one_line(sim.run("preflight", "--host", NASTY, "--html", sim.file("no/where.html")), 5)
            self.assertEqual([p.name for p in sim.path.iterdir() if "html" in p.name], ["page.html"])


class Check(Case):
    def test_a_table_of_the_pool(self):
        stale = {"schema": "exclaim.check/1", "state": "degraded", "checks": [
            {"name": "xen", "state": "ok", "text": "Xen 4.17"}, {"name": "emu-manager", "state": "degraded", "text": "not read: it was started before"}]}
        content = state([host("a", 4 * GIB), host("b", 4 * GIB, check=json.dumps(stale)), host("c", 4 * GIB, plugin=False), host("d", 4 * GIB, check="{")], [])
        with Sim(content) as sim:
            said = sim.run("check", "--pool")
            self.assertEqual((said.code, said.err), (5, ""), said.out)
            self.assertEqual(said.out.splitlines()[0], "1 of 4 hosts are ready")
            rows = [line.split(None, 3) for line in said.out.splitlines()[2:] if not line.startswith(" ")]
            self.assertEqual(sorted(row[:2] for row in rows), [["HOST", "STATE"], ["a", "ok"], ["b", "degraded"], ["c", "broken"], ["d", "broken"]])
            self.assertIn("emu-manager  not read: it was started before", said.out)
            self.assertIn("exclaim-hooks enable plugin", " ".join(said.out.split()))
            self.assertNotIn("XENAPI", said.out)
            told = sim.run("check", "--pool", "--json")
            self.assertEqual((told.code, told.json["schema"], told.json["state"]), (5, "exclaim.check/1", "broken"))
            self.assertEqual({h["host"]: h["state"] for h in told.json["hosts"]}, {"a": "ok", "b": "degraded", "c": "broken", "d": "broken"})
        with Sim(state([host("a", 4 * GIB), host("b", 4 * GIB, check=json.dumps(stale))], [])) as sim:
            self.assertEqual(sim.run("check", "--pool").code, 3)
        with Sim(state([host("a", 4 * GIB)], [])) as sim:
            self.assertEqual(sim.run("check", "--pool").code, 0)
            self.one_line(sim.run("check"), 2)  # --xapi without --pool


class Plan(Case):
    def test_evacuate(self):
        with Sim(ROOMY) as sim:
            before = sim.where()
            said = sim.run("plan", "evacuate", "a", "--html", sim.file("page.html"))
            self.assertEqual(said.code, 0, said.out + said.err)
            self.assertIn("optimal: 2 of 2 VMs leave", said.out)
            self.assertIn("Evacuation of a", page(sim.file("page.html")))
            told = sim.run("plan", "evacuate", "a", "--json")
            self.assertEqual((told.json["schema"], told.json["kind"], told.json["fits"]), ("exclaim.plan/1", "evacuate", True))
            step = told.json["steps"][0]
            self.assertTrue(step["optimal"] and step["complete"])
            self.assertEqual(sorted(m["vm"]["name"] for m in step["moves"]), ["one", "two"])
            for move in step["moves"]:
                self.assertEqual(sum(p["pages"] for p in move["parts"]), move["pages"])
            self.assertEqual(sim.where(), before)

    def test_to(self):
        with Sim(ROOMY) as sim:
            told = sim.run("plan", "evacuate", "a", "--to", "c", "--json").json
            self.assertEqual({m["to"]["name"] for m in told["steps"][0]["moves"]}, {"c"})
            self.one_line(sim.run("plan", "evacuate", "a", "--to", "a"), 2)

    def test_prefer(self):
        pool = state([host(n, 16 * GIB, 16 * GIB) for n in "abc"], [vm(f"v{i}", "a", 1 * GIB, 0) for i in range(8)])

        def counts(told):
            to = [m["to"]["name"] for m in told.json["steps"][0]["moves"]]
            return [told.code, told.json["prefer"]] + sorted(to.count(n) for n in "bc")
        with Sim(pool) as sim:
            self.assertEqual(counts(sim.run("plan", "evacuate", "a", "--json")), [0, "spread", 4, 4])
            self.assertEqual(counts(sim.run("plan", "evacuate", "a", "--json", "--prefer", "pack")), [0, "pack", 0, 8])
            self.assertEqual(counts(sim.run("evacuate", "a", "--json", "--prefer=pack")), [0, "pack", 0, 8])
            self.assertEqual(sim.run("plan", "rolling", "--json", "--prefer", "pack").json["prefer"], "pack")
            wrong = sim.run("plan", "evacuate", "a", "--prefer", "even")
            self.one_line(wrong, 2)
            self.assertIn('"even" is not spread or pack', wrong.err)

    def test_strict_keeps_what_cannot_be_whole(self):
        with Sim(TIGHT) as sim:
            loose = sim.run("plan", "evacuate", "a", "--json")
            self.assertEqual((loose.code, loose.json["steps"][0]["moves"][0]["shape"]), (3, "split"))
            strict = sim.run("plan", "evacuate", "a", "--json", "--policy", "strict")
            self.assertEqual((strict.code, strict.json["moves"]), (3, 0))
            self.assertEqual(strict.json["steps"][0]["stays"][0]["why"], "node")
            said = sim.run("plan", "evacuate", "a", "--policy", "strict")
            self.assertIn("stays: ", said.out)
            self.assertIn("infeasible", said.out)

    def test_rolling(self):
        with Sim(ROOMY) as sim:
            said = sim.run("plan", "rolling", "--html", sim.file("page.html"))
            self.assertEqual(said.code, 0, said.out + said.err)
            self.assertIn("step 1: empty and upgrade a", said.out)
            self.assertIn("3 hosts, ", said.out)
            self.assertRegex(said.out, r"\nstep 2: back to a\noptimal: (\d+) of \1 VMs return, ")
            self.assertIn("Rolling upgrade", page(sim.file("page.html")))
            told = sim.run("plan", "rolling", "--json", "--back", "end").json
            self.assertEqual([s["kind"] for s in told["steps"]].count("evacuate"), 3)
            some = sim.run("plan", "rolling", "--json", "--back", "none", "--host", "a", "--host", "c").json
            self.assertEqual([s["host"]["name"] for s in some["steps"] if s["kind"] == "evacuate"], ["a", "c"])

    def test_rolling_blocked(self):
        full = state([host("a", 4 * GIB, 4 * GIB), host("b", 4 * GIB, 4 * GIB)], [vm("x", "a", 3 * GIB, 3 * GIB), vm("y", "b", 3 * GIB, 3 * GIB)])
        with Sim(full) as sim:
            said = sim.run("plan", "rolling", "--html", sim.file("page.html"))
            self.assertEqual(said.code, 3, said.out + said.err)
            self.assertIn("blocked: 0 hosts can be upgraded, then a cannot be emptied", said.out)
            self.assertIn("blocked: ", page(sim.file("page.html")))


    def test_rolling_again_after_the_first_host(self):
        new, old = {"xen": "4.17.6-1", "platform": "3.4.1", "xapi": "26.2.0"}, {"xen": "4.17.5-9", "platform": "3.4.0", "xapi": "25.33.1"}
        pool = state([host("coord", 32 * GIB, **new), host("m1", 32 * GIB, **old), host("m2", 32 * GIB, **old)],
                     [vm("a", "coord", GIB), vm("b", "m1", GIB), vm("c", "m2", GIB)])
        with Sim(pool) as sim:
            said = sim.run("plan", "rolling")
            self.assertEqual(said.code, 0, said.out)
            self.assertIn("skipped: host coord is as new as the newest already", said.out)
            told = sim.run("plan", "rolling", "--json").json
            self.assertEqual([h["host"]["name"] for h in told["skipped_hosts"]], ["coord"])
            self.assertEqual([s["host"]["name"] for s in told["steps"] if s["kind"] == "evacuate"], ["m1", "m2"])
            self.assertEqual(told["strays"], 0)

    def test_rolling_names_all_that_is_in_the_way(self):
        pool = state([host("coord", 32 * GIB), host("m1", 32 * GIB), host("m2", 32 * GIB)],
                     [vm("web", "coord", GIB), vm("gpu1", "coord", GIB, pci=True), vm("gpu2", "m1", GIB, pci=True), vm("still", "m2", GIB, state="Paused")])
        with Sim(pool) as sim:
            said = sim.run("plan", "rolling")
            self.assertEqual(said.code, 3, said.out)
            for where, name, why in (("coord", "gpu1", "a PCI device"), ("m1", "gpu2", "a PCI device"), ("m2", "still", "it is paused")):
                self.assertRegex(said.out, f"in the way on host {where}: VM {name} may not run on host [a-z0-9]+: {why}")
            self.assertEqual([b["vm"]["name"] for b in sim.run("plan", "rolling", "--json").json["blockers"]], ["gpu1", "gpu2", "still"])
            checked = sim.run("preflight", "--host", "coord", "--host", "m1", "--host", "m2")
            self.assertEqual((checked.code, checked.err), (3, ""), checked.out)
            self.assertNotIn("already", checked.out)
            some = ("--skip-vm", "gpu1", "--shutdown-vm", "gpu2", "--skip-vm", "still")
            told = sim.run("plan", "rolling", "--json", *some)
            self.assertEqual((told.code, told.json["blockers"]), (0, []), told.out)
            self.assertEqual(sorted((v["vm"]["name"], v["host"]["name"]) for v in told.json["left_out"]), [("gpu1", "coord"), ("gpu2", "m1"), ("still", "m2")])
            self.assertIn("note: VM gpu1 is left out, and stays on host coord", sim.run("plan", "rolling", *some).out)
            self.one_line(sim.run("plan", "rolling", "--skip-vm", "nobody"), 2)
            done = sim.run("evacuate", "coord", "--apply", "--skip-vm", "gpu1")
            self.assertEqual((done.code, done.err), (0, ""), done.out)
            self.assertEqual((sim.where()["gpu1"], sim.where()["web"] != "coord"), ("coord", True))

    def test_only_some(self):
        pool = state([host("a", 32 * GIB), host("b", 32 * GIB), host("c", 32 * GIB)],
                     [vm("v1", "a", GIB), vm("v2", "a", GIB), vm("gpu", "a", GIB, pci=True), vm("w", "b", GIB)])
        with Sim(pool) as sim:
            told = sim.run("plan", "evacuate", "a", "--only-vm", "v2", "--json")
            self.assertEqual([m["vm"]["name"] for m in told.json["steps"][0]["moves"]], ["v2"])
            self.assertEqual((told.code, sorted(v["vm"]["name"] for v in told.json["left_out"])), (0, ["gpu", "v1"]))
            for wrong in (("plan", "evacuate", "a", "--only-vm", "w"), ("plan", "evacuate", "a", "--only-vm", "nobody"),
                          ("plan", "rolling", "--only-vm", "v1"), ("evacuate", "a", "--only-vm", "w", "--apply")):
                self.one_line(sim.run(*wrong), 2)
            self.assertEqual(sim.where()["v2"], "a")
            done = sim.run("evacuate", "a", "--apply", "--only-vm", "v1", "--only-vm", "v2")
            self.assertEqual((done.code, done.err), (0, ""), done.out)
            where = sim.where()
            self.assertEqual((where["gpu"], where["w"]), ("a", "b"))
            self.assertNotIn("a", (where["v1"], where["v2"]))

    def test_numbers_of_a_host_below_its_headroom(self):
        with Sim(state([host("a", 8 * GIB), host("b", 2000)], [vm("v", "a", GIB)])) as sim:
            told = sim.run("preflight", "--host", "a", "--json").json["vms"][0]
            need = told["total_pages"] + told["arrival_pages"]
            misfit = told["on"][0]["misfit"]
            self.assertEqual((misfit["need_pages"], misfit["free_pages"], misfit["short_by_pages"]), (need, 2000, need + 16384 - 2000))
        with Sim(state([host("a", 8 * GIB), host("b", 2000 + misfit["short_by_pages"])], [vm("v", "a", GIB)])) as sim:
            self.assertEqual(sim.run("preflight", "--host", "a").code, 0, "what it said would do does not")

    def test_closed_hosts_are_hints(self):
        pool = state([host("a", 32 * GIB, 32 * GIB), host("b", 32 * GIB, 32 * GIB, enabled=False), host("c", 3 * GIB, 3 * GIB)],
                     [vm("app", "a", 4 * GIB, 0), vm("web", "a", 0, 2 * GIB)])
        with Sim(pool) as sim:
            said = sim.run("plan", "evacuate", "a")
            self.assertRegex(said.out, "stays: VM app: .* host c .* short by 114.5 MiB .29320 pages. with the others")
            self.assertIn("note: host b takes no VMs: it is disabled", said.out)
            self.assertRegex(said.out, "need [0-9]+ places of that size, there are [0-9]+")
            asked = sim.run("preflight", "--host", "a").out
            self.assertIn("does not fit: infeasible: 1 of 2 VMs leave", asked)
            self.assertIn("would help: VM app keeps its shape on host b if that is enabled", asked)
            changes = sim.run("preflight", "--host", "a", "--json").json["changes"]
            self.assertIn(("enable", "b"), [(c["kind"], c["host"]["name"]) for c in changes])
            self.assertTrue(all(c["kind"] in ("node-room", "host-room", "move", "balloon", "give-back", "enable", "split") for c in changes))

    def test_memory_that_vms_can_give_back(self):
        pool = state([host("a", 8 * GIB), host("b", 8 * GIB)], [vm("v", "a", 4 * GIB), vm("db", "b", 6 * GIB, min=GIB), vm("web", "b", GIB)])
        with Sim(pool) as sim:
            said = sim.run("plan", "evacuate", "a")
            self.assertEqual(said.code, 3, said.out)
            self.assertIn("infeasible as memory is now: ", said.out)
            self.assertIn("VMs there can give back 5 GiB when XAPI asks, VM db among them", said.out)
            change = next(c for c in sim.run("preflight", "--host", "a", "--json").json["changes"] if c["kind"] == "give-back")
            self.assertEqual((change["host"]["name"], change["other"]["name"]), ("b", "db"))

    def test_who_should_be_apart_is_named(self):
        pool = {**state([host("a", 8 * GIB), host("b", 8 * GIB)], [vm(n, w, GIB, group="far") for n, w in (("x", "a"), ("y", "a"), ("z", "b"), ("w", "b"))]),
                "groups": [{"name": "far", "placement": "anti_affinity"}]}
        with Sim(pool) as sim:
            said = sim.run("plan", "evacuate", "a", "--html", sim.file("page.html"))
            text = page(sim.file("page.html"))
            told = sim.run("plan", "evacuate", "a", "--json").json["steps"][0]["apart_pairs"]
            self.assertEqual(sorted((p["vm"]["name"], p["other"]["name"], p["host"]["name"], p["before"]) for p in told),
                             sorted([("x", "y", "b", False), ("x", "z", "b", False), ("x", "w", "b", False), ("y", "z", "b", False), ("y", "w", "b", False), ("z", "w", "b", True)]))
            self.assertIn("6 pairs that should be apart share a host (1 as before)", said.out)
            for words in ("VMs x and y should be apart and come to share host b", "VMs z and w should be apart and share host b as before"):
                self.assertIn("note: " + words, said.out)
                self.assertIn(words, text)
                self.assertIn("note: " + words, sim.run("preflight", "--host", "a").out)

    def test_the_answer_goes_first_and_again_at_the_end(self):
        with Sim(generated(hosts=8, vms=160)) as sim:
            for verb, answer in ((("plan", "evacuate", "host00"), "20 of 20 VMs leave"), (("plan", "rolling"), "8 hosts, "), (("preflight", "--host", "host00"), "20 of 20 VMs leave")):
                for rows, again in ((1000, False), (24, True)):
                    with self.subTest(verb=verb, rows=rows):
                        lines = [line for line in screen(*verb, "--xapi", sim.socket, columns=80, rows=rows) if line]
                        self.assertIn(answer, lines[0])
                        self.assertEqual(sum(answer in line for line in lines), 2 if again else 1, lines)
                # In a pipe once.
                self.assertIn(answer, sim.run(*verb).out.splitlines()[0])

    def test_tables_fit_the_terminal(self):
        wide = "\u6570\u636e\u5e93\u670d\u52a1\u5668\u4e3b\u8981\u8282\u70b9\u751f\u4ea7\u73af\u5883"
        marks = "bu\u0308ro-o\u0308stlich-mit-einem-langen-namen"
        with Sim(state([host(wide, 8 * GIB, 8 * GIB), host(marks, 8 * GIB, 8 * GIB)], [vm(marks, wide, GIB, 0), vm(wide, wide, GIB, GIB)])) as sim:
            for columns in (80, 40, 132):
                for verb in (("plan", "evacuate", wide), ("plan", "rolling"), ("preflight", "--host", wide)):
                    with self.subTest(verb=verb, columns=columns):
                        lines = screen(*verb, "--xapi", sim.socket, columns=columns, rows=1000)
                        heads = [i for i, line in enumerate(lines) if line.split()[:1] in (["WAVE"], ["STEP"], ["VM"], ["HOST"])]
                        self.assertTrue(heads, lines)
                        for i in heads:
                            for line in lines[i:lines.index("", i) if "" in lines[i:] else len(lines)]:
                                if not line.startswith(("note:", "HOSTS:")):
                                    self.assertLessEqual(columns_of(line), columns, line)

    def test_ha_is_said(self):
        with Sim({**ROOMY, "ha": True}) as sim:
            self.assertIn("note: HA is on", sim.run("plan", "evacuate", "a").out)

    def test_a_pin_to_a_node_that_is_not_there(self):
        with Sim(state([host("a", 8 * GIB, 8 * GIB), host("b", 32 * GIB)], [vm("lic", "a", 0, GIB, mask="24-27")])) as sim:
            self.assertIn("VM lic: host b has no node 1, and it is pinned", sim.run("plan", "evacuate", "a").out)


class Files(Case):
    def write(self, sim):
        """Parts as exclaim host --snapshot writes them, from the simulated plugin."""
        paths = []
        for name in ("a", "b", "c"):
            paths += ["--snapshot", sim.file(name)]
            pathlib.Path(sim.file(name)).write_text(sim.call("host.call_plugin", sim.ref("host", name), "exclaim", "snapshot", {}))
        return paths

    def test_far_memory_and_long_columns(self):
        def part(name, free, distances, domains):
            nodes = [{"node": n, "free_pages": f, "claimed_pages": 0, "distances": d} for n, (f, d) in enumerate(zip(free, distances))]
            return json.dumps({"schema": "exclaim.snapshot/1", "uuid": "", "name": name, "xen_version": "4.17.6", "time_unix_ms": int(time.time() * 1000),
                               "nodes": nodes, "free_pages": sum(free), "headroom_pages": 0, "one_node": "host", "several_nodes": "host", "domains": domains})

        def domain(name, pages):
            return {"uuid": "", "name": name, "nodes": [{"node": n, "pages": p} for n, p in enumerate(pages)], "total_pages": sum(pages),
                    "source": "hypercall", "exact": True, "max_pages": sum(pages), "vcpus": 1, "pinned": False}
        cxl = [[10, 21, 50], [21, 10, 50], [50, 50, 10]]
        flat = [[10 if n == m else 20 for m in range(40)] for n in range(40)]
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, text in (("x", part("x", [GIB] * 3, cxl, [domain("m", [GIB])])), ("y", part("y", [GIB * 3 // 4, GIB * 3 // 4, 90 * GIB], cxl, [])),
                               ("p", part("p", [GIB] * 40, flat, [domain("wide", [10000] * 40)])), ("q", part("q", [GIB] * 40, flat, []))):
                pathlib.Path(folder, name).write_text(text)
                paths.append(str(pathlib.Path(folder, name)))
            said = run("preflight", "--host", "x", "--snapshot", paths[0], "--snapshot", paths[1])
            self.assertEqual(said.code, 3, said.out + said.err)
            self.assertIn("note: node 2 of host y is far from all others", said.out)
            self.assertNotIn("renumbered", said.out)
            said = run("plan", "evacuate", "p", "--snapshot", paths[2], "--snapshot", paths[3])
            self.assertRegex(said.out, "5>5 6>6.*… ")
            self.assertTrue(all(len(line) <= 80 or line[:6] in ("note: ", "optima") for line in said.out.splitlines()), said.out)
            self.assertNotIn("nothing was moved: --apply", run("evacuate", "p", "--snapshot", paths[2], "--snapshot", paths[3]).out)
            said = run("plan", "evacuate", "p", "--snapshot", paths[2], "--snapshot", paths[3], COLUMNS="0")
            self.assertRegex(said.out, "11>11 12>12 … ")

    def test_a_clock_that_is_ahead(self):
        with Sim(ROOMY) as sim:
            paths = self.write(sim)
            part = json.loads(pathlib.Path(sim.file("b")).read_text())
            part["time_unix_ms"] += 3600000
            part["domains"][0]["max_pages"] = part["domains"][0]["total_pages"] - 1
            pathlib.Path(sim.file("b")).write_text(json.dumps(part))
            said = run("preflight", "--host", "a", *paths, COLUMNS="132").out
            self.assertRegex(said, r"(?m)^b +all .* 3[56][0-9][0-9] s ahead of our clock +host$")
            self.assertNotIn("ahead ago", said)
            self.assertIn("(by 1 page): it may be refused", said)

    def test_pool_from_files(self):
        with Sim(ROOMY) as sim:
            paths = self.write(sim)
            self.assertEqual(run("preflight", "--host", "a", *paths).code, 0)
            self.assertEqual(run("plan", "evacuate", "a", *paths).code, 0)
            self.assertEqual(run("plan", "rolling", *paths).code, 0)
            shown = run("evacuate", "a", *paths)
            self.assertEqual(shown.code, 0, shown.err)
            self.assertIn("nothing was moved", shown.out)
            self.one_line(run("evacuate", "a", "--apply", *paths), 2)
            self.one_line(run("plan", "evacuate", "a", *paths, "--xapi", "socket"), 2)

    def test_two_hosts_of_one_name(self):
        with Sim(ROOMY) as sim:
            paths = self.write(sim)
            twin = pathlib.Path(sim.file("b"))
            part = json.loads(twin.read_text())
            twin.write_text(json.dumps(dict(part, name="a")))
            refused = run("plan", "evacuate", "a", *paths)
            self.one_line(refused, 2)
            self.assertIn('2 hosts are called "a", name one by its uuid: ', refused.err)
            self.assertIn(part["uuid"], refused.err)
            part["domains"] = [dict(d, name="twin") for d in json.loads(pathlib.Path(sim.file("a")).read_text())["domains"]]
            twin.write_text(json.dumps(part))
            refused = run("preflight", "--vm", "twin", "--snapshot", str(twin), "--snapshot", sim.file("c"))
            self.one_line(refused, 2)
            self.assertRegex(refused.err, '2 running VMs are called "twin", name one by its uuid: .* on host b, ')

    def test_old_files_are_said_to_be(self):
        with Sim(ROOMY) as sim:
            paths = self.write(sim)
            old = pathlib.Path(sim.file("b"))
            text = old.read_text()
            at = text.index('"time_unix_ms": ') + len('"time_unix_ms": ')
            old.write_text(text[:at] + "1000000000000" + text[text.index(",", at):])
            for verb in (("plan", "evacuate", "a"), ("preflight", "--host", "a"), ("evacuate", "a")):
                refused = run(*verb, *paths)
                self.one_line(refused, 2)
                self.assertRegex(refused.err, "the snapshot of host b is [0-9]+ days old, more than 7 days: take it again, or --stale")
                self.assertIn("note: b was read ", run(*verb, "--stale", *paths).out)
            for days, code in ((6.9, 0), (7.1, 2)):
                read = str(int((time.time() - days * 86400) * 1000))
                old.write_text(text[:at] + read + text[text.index(",", at):])
                self.assertEqual(run("plan", "evacuate", "a", *paths).code, code)


class Broken(Case):
    def test_names(self):
        with Sim(ROOMY) as sim:
            for arguments in (("plan", "evacuate", "nobody"), ("plan", "evacuate", "a", "a"), ("preflight", "--vm", "nobody"),
                              ("preflight", "--host", "a", "--to", "nobody"), ("preflight", "--host", "a", "--to", "b", "--to", "b"),
                              ("evacuate", "nobody"), ("plan", "evacuate", "a", "b", "c")):
                with self.subTest(arguments):
                    result = sim.run(*arguments)
                    if "nobody" in arguments and "--vm" not in arguments:
                        self.assertIn('no host is called "nobody", there are: a, b, c', result.err)
                    if arguments == ("plan", "evacuate", "a", "b", "c"):
                        self.assertEqual(result.code, 3, result.err)
                    else:
                        self.one_line(result, 2)

    def test_names_that_are_near_or_many(self):
        many = state([host("alpha", GIB), host("beta", GIB)], [vm("web", "alpha", MIB), vm("db", "alpha", MIB), vm("mail", "alpha", MIB)])
        with Sim(many) as sim:
            for words, said in ((("plan", "evacuate", "alhpa"), 'no host is called "alhpa", did you mean alpha? there are: alpha, beta'),
                                (("preflight", "--vm", "wbe"), 'no running VM is called "wbe", did you mean web?'),
                                (("preflight", "--vm", "elephant"), 'none of the pool\'s 3 running VMs is called "elephant"')):
                result = sim.run(*words)
                self.one_line(result, 2)
                self.assertIn(said, result.err)
        for vms, said in (([], 'no VM runs in the pool, so none that is called "elephant"'),
                          ([vm("web", "a", MIB)], 'the one VM that runs in the pool is not called "elephant"')):
            with Sim(state([host("a", GIB), host("b", GIB)], vms)) as sim:
                self.assertIn(said, sim.run("preflight", "--vm", "elephant").err)
        with Sim(pools.generated(hosts=64, vms=10)) as sim:
            self.assertRegex(sim.run("plan", "evacuate", "zebra").err, "there are: host00, host01, .* and [0-9]+ more$")

    def test_wrong_password(self):
        with Sim(ROOMY) as sim:
            sim.faults({"method": "session.login_with_password", "action": "error",
                        "description": ["SESSION_AUTHENTICATION_FAILED", "root", "wrong"]})
            for verb in (("preflight", "--host", "a"), ("plan", "rolling"), ("evacuate", "a", "--apply")):
                result = sim.run(*verb)
                self.one_line(result, 5)
                self.assertIn("SESSION_AUTHENTICATION_FAILED", result.err)

    def test_unreachable(self):
        for server in ("/nowhere/xapi", "127.0.0.1:1"):
            result = run("plan", "rolling", "--xapi", server, EXCLAIM_XAPI_PASSWORD="x")
            self.one_line(result, 5)
            self.assertEqual(result.err.count(f"logging in: {server}: " if server[0] == "/" else server), 1, result.err)

    def test_where_to_go_on(self):
        if not os.path.exists("/var/lib/xcp/xapi"):
            self.assertIn("no XAPI on this host, which would have /var/lib/xcp/xapi: --xapi HOST asks another, --snapshot FILE", run("plan", "rolling").err)
            self.assertTrue(run("check", "--pool").err.endswith("--xapi HOST asks another\n"))

    def test_half_an_answer(self):
        with Sim(ROOMY) as sim:
            for action in ("half", "cut", "close"):
                sim.faults({"method": "VM.get_all_records", "action": action})
                for verb in (("preflight", "--host", "a", "--json"), ("plan", "evacuate", "a"), ("evacuate", "a", "--apply")):
                    with self.subTest((action, verb)):
                        result = sim.run(*verb)
                        self.one_line(result, 5)
                        self.assertEqual(result.out, "")


class OnItsWay(Case):
    def test_a_vm_that_two_hosts_tell_of(self):
        # Between the hosts by their order: what arrives has few pages yet, and runs where it comes from.
        for here, there in (("a", "c"), ("c", "a")):
            with self.subTest(here), Sim(state([host(n, 8 * GIB) for n in "abc"], [vm("x", here, 2 * GIB)])) as sim:
                parts = {n: json.loads(sim.call("host.call_plugin", sim.ref("host", n), "exclaim", "snapshot", {})) for n in (here, there)}
                domain = parts[here]["domains"][0]
                arriving = dict(domain, total_pages=MIB, nodes=[{"node": 0, "pages": MIB}])
                value = json.dumps(dict(parts[there], domains=[arriving]))
                sim.faults({"method": "host.call_plugin", "param": sim.ref("host", there), "action": "result", "value": value})
                moves = sim.run("plan", "evacuate", here, "--json").json["steps"][0]["moves"]
                self.assertEqual([m["pages"] for m in moves], [2 * GIB])
                self.assertEqual(sim.run("plan", "evacuate", there, "--json").json["steps"][0]["moves"], [])


    def test_a_host_takes_no_vm_of_one_that_does_not_answer(self):
        # b's plugin, hostile or confused, tells of VMs that XAPI's database has on a, whose plugin is missing.
        names = ("v0", "v1")
        with Sim(state([host(n, 8 * GIB, 8 * GIB) for n in "abc"], [vm(n, "a", GIB, 0) for n in names])) as sim:
            uuids = {r["name_label"]: r["uuid"] for r in sim.call("VM.get_all_records").values()}
            part = json.loads(sim.call("host.call_plugin", sim.ref("host", "b"), "exclaim", "snapshot", {}))
            part["domains"] += [{"uuid": uuids[n], "name": n, "nodes": [{"node": 0, "pages": 5}], "total_pages": 5,
                                 "source": "hypercall", "exact": True, "max_pages": 10, "vcpus": 1} for n in names]
            call = {"method": "host.call_plugin"}
            sim.faults({**call, "param": sim.ref("host", "a"), "action": "error", "description": ["XENAPI_MISSING_PLUGIN", ["exclaim"]]},
                       {**call, "param": sim.ref("host", "b"), "action": "result", "value": json.dumps(part)})
            told = sim.run("plan", "evacuate", "a", "--json").json
            self.assertEqual(sorted(m["vm"]["uuid"] for m in told["steps"][0]["moves"]), sorted(uuids.values()))
            done = sim.run("evacuate", "a", "--apply")
            self.assertEqual(done.code, 0, done.out + done.err)
            self.assertNotIn("a", [sim.where()[n] for n in names])


class CleanText(Case):
    def test_names_reach_no_terminal_raw(self):
        # Whoever names a VM or a host writes no line of ours and steers no terminal.
        evil = "\x1b]0;owned\x07\x1b[2J\x7f\u009b31m\nall VMs fit\r"
        with Sim(state([host("a", 4 * GIB), host("b" + evil, 8 * GIB)], [vm("v" + evil, "a", GIB)])) as sim:
            for verb in (("preflight", "--host", "a"), ("plan", "evacuate", "a"), ("plan", "rolling"), ("evacuate", "a"),
                         ("evacuate", "a", "--to", "nowhere"), ("evacuate", "a", "--apply")):
                with self.subTest(verb):
                    result = sim.run(*verb)
                    text = result.out + result.err
                    self.assertIn("owned", text)
                    self.assertFalse([c for c in text if c != "\n" and (ord(c) < 32 or 0x7f <= ord(c) < 0xa0)], text)
                    self.assertNotIn("\nall VMs fit", text)


class Password(Case):
    def test_interrupted(self):
        # The terminal is as it was, and the signal does what it always does.
        for verb in (("preflight", "--host", "a"), ("evacuate", "a", "--apply")):
            with self.subTest(verb):
                child, master = pty.fork()
                if not child:
                    os.environ.pop("EXCLAIM_XAPI_PASSWORD", None)
                    os.execvpe(pools.EXCLAIM, [pools.EXCLAIM, *verb, "--xapi", "127.0.0.1:1"], pools.environment())
                shown = b""
                while b"password: " not in shown:
                    shown += os.read(master, 100)
                pools.wait_until(lambda: not termios.tcgetattr(master)[3] & termios.ECHO)
                os.write(master, b"\x03")
                pools.wait_until(lambda: termios.tcgetattr(master)[3] & termios.ECHO)
                _, status = os.waitpid(child, 0)
                self.assertEqual(os.waitstatus_to_exitcode(status), 5 if verb[0] == "evacuate" else -signal.SIGINT)
                os.close(master)


class Sessions(Case):
    VERBS = (("preflight", "--host", "a"), ("plan", "evacuate", "a"), ("plan", "rolling"), ("evacuate", "a"),
             ("evacuate", "a", "--apply"), ("check", "--pool"))

    def test_closed_on_signals(self):
        # Whoever stops a verb while XAPI answers leaves no session there, and ends by the signal as ever.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for verb in self.VERBS:
                with self.subTest(verb=verb, number=number), Sim(state([host("a", GIB), host("b", GIB)], [])) as sim:
                    sim.faults({"method": "VM.get_all_records", "action": "hang"}, {"method": "host.call_plugin", "action": "hang"})
                    going = sim.start(*verb)
                    pools.wait_until(lambda: len(sim.call("sim.sessions")) == 2)
                    going.interrupt(number)
                    self.assertEqual(going.end().code, 5 if "--apply" in verb else -number)
                    self.assertEqual(sim.call("sim.sessions"), [sim.session])

    def test_closed_when_still_being_opened(self):
        # XAPI is slow to answer the login; the session that it opens all the same is closed.
        for verb in self.VERBS:
            with self.subTest(verb=verb), Sim(state([host("a", GIB), host("b", GIB)], [])) as sim:
                sim.faults({"method": "session.login_with_password", "action": "hang", "seconds": 2})
                going = sim.start(*verb)
                time.sleep(0.5)  # it has asked by then, or has not begun: both must end well
                going.interrupt(signal.SIGTERM)
                self.assertIn(going.end().code, (5, -signal.SIGTERM))
                time.sleep(2)
                self.assertEqual(sim.call("sim.sessions"), [sim.session])

    @unittest.skipUnless(os.environ.get("FREEWATCH"), "a sanitizer has free()")
    def test_password_in_no_freed_memory(self):
        with Sim(state([host("a", GIB), host("b", GIB)], [])) as sim:
            secret, found = "tr0ub4dor\\&3-horse-battery", sim.file("found")
            pathlib.Path(sim.file("password")).write_text(secret + "\n")
            os.chmod(sim.file("password"), 0o600)
            for needle in (secret, secret.replace("\\", "\\\\")):
                done = pools.run("plan", "evacuate", "a", "--xapi", sim.socket, "--password-file", sim.file("password"),
                                 LD_PRELOAD=os.environ["FREEWATCH"], FREE_NEEDLE=needle, FREE_FOUND=found)
                self.assertEqual(done.code, 0, done.err)
                self.assertFalse(os.path.exists(found))


class Large(Case):
    def test_64_hosts_1000_vms(self):
        with Sim(pools.generated(hosts=64, vms=1000)) as sim:
            said = sim.run("preflight", "--host", "host00", "--html", sim.file("page.html"))
            self.assertEqual(said.code, 0, said.out[-2000:] + said.err)
            page(sim.file("page.html"))
            # No row is lost of a table of 640.
            many = sim.run("preflight", *(word for i in range(40) for word in ("--host", f"host{i:02}")))
            self.assertEqual(sum(line.startswith("vm0") for line in many.out.splitlines()), 640, many.err)
            told = sim.run("plan", "evacuate", "host00", "host01", "--json").json
            self.assertEqual(len(told["hosts"]), 64)
            self.assertEqual(len(told["steps"][0]["moves"]), 32)
            rolling = sim.run("plan", "rolling", "--html", sim.file("page.html"))
            self.assertIn(rolling.code, (0, 3), rolling.err)
            self.assertIn("64 hosts, ", rolling.out)
            page(sim.file("page.html"))


if __name__ == "__main__":
    unittest.main()
