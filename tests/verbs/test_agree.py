#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Text, JSON and page of one result say the same: every note, every VM that stays and every verdict is in all of them."""
import html
import json
import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True

from pools import GIB, MIB, Sim, host, state, vm

# Something of everything: no plugin, disabled, HA, a VM left out, one in the way, one that fits nowhere whole, one over its limit.
POOL = state([host("a", 16 * GIB, 16 * GIB), host("b", 5 * GIB + 2000, 6 * GIB + 2000), host("c", 2 * GIB, plugin=False), host("d", GIB, enabled=False)],
             [vm("v0", "a", GIB, GIB), vm("v1", "a", 2 * GIB, 0), vm("v2", "a", 0, GIB), vm("v3", "a", 0, 3 * GIB), vm("left", "a", MIB),
              vm("stuck", "b", MIB, pci=True), vm("big", "c", GIB)], ha=True)


def notes_of_text(out):
    return [line.removeprefix("note: ") for line in out.splitlines() if line.startswith("note: ")]


def notes_of_page(path):
    return [html.unescape(text) for text in re.findall(r'<p class="note">(.*?)</p>', pathlib.Path(path).read_text())]


def ageless(notes):
    return [re.sub(r"\b\d+ (s|min|h) ago", "ago", note) for note in notes]


def size(pages):
    """As exclaim_size() says it."""
    number, unit, of = pages * 4, 0, 1
    while number >= (1024, 1023.95, 1023.995, 1023.995)[unit]:
        number, unit, of = number / 1024, unit + 1, of * 1024
    return "%.*f %s" % (0 if pages * 4 % of == 0 else 1 if unit == 1 else 2, number, ("KiB", "MiB", "GiB", "TiB")[unit])


def rows(out):
    return [" ".join(line.split()) for line in out.splitlines()]


def nodes(parts):
    return " ".join("%d>%d" % (part["source_node"], part["node"]) for part in parts)


class Agree(unittest.TestCase):
    def three(self, sim, *command, page=True):
        more = ["--html", sim.file("page")] if page else []
        text = sim.run(*command, *more)
        told = sim.run(*command, "--json")
        self.assertEqual(text.code, told.code, text.err + told.err)
        self.assertEqual(text.err, told.err)
        notes = ageless(told.json["notes"])
        self.assertEqual(ageless(notes_of_text(text.out)), notes, text.out)
        if page:
            self.assertEqual(ageless(notes_of_page(sim.file("page"))), notes)
        return text, told.json, html.unescape(pathlib.Path(sim.file("page")).read_text()) if page else ""

    def plan_agrees(self, sim, *command):
        text, told, page = self.three(sim, *command)
        shown = rows(text.out)
        for step in told["steps"]:
            for move in step["moves"]:
                self.assertIn("%d %s %s %s %s %s %s %s" % (move["wave"] + 1, move["vm"]["name"], move["from"]["name"], move["to"]["name"], nodes(move["parts"]),
                                                           size(move["pages"]), move["shape"], move["guarantee"]), shown)
            self.assertIn(step["verdict"], text.out)
            self.assertIn(step["verdict"], page)
            for stay in step["stays"]:
                self.assertIn("stays: " + stay["text"], text.out)
                self.assertIn(stay["text"], page)
        return told["notes"]

    def test_plans(self):
        with Sim(POOL) as sim:
            said = self.plan_agrees(sim, "plan", "evacuate", "a", "--skip-vm", "left")
            for words in ("HA is on", "VM left is left out", "host d takes no VMs: it is disabled", "c: "):
                self.assertTrue([note for note in said if words in note], (words, said))
            said = self.plan_agrees(sim, "plan", "rolling")
            self.assertTrue([note for note in said if note.startswith("in the way on host b: VM stuck")], said)
            self.plan_agrees(sim, "plan", "evacuate", "a", "b", "c")
            said = self.plan_agrees(sim, "evacuate", "a")
            self.assertIn("host a is disabled first, and stays so (--keep-enabled: it is not)", said)

    def test_a_destination_that_matches_by_itself(self):
        # Together they fit in one way only, and the first one has another choice.
        content = state([host("a", 16 * GIB, 16 * GIB), host("b", 5 * GIB + 2000, 6 * GIB + 2000)],
                        [vm("v0", "a", GIB, GIB), vm("v1", "a", 2 * GIB, 0), vm("v2", "a", 0, GIB), vm("v3", "a", 0, 3 * GIB)])
        with Sim(content) as sim:
            for command in (["plan", "evacuate", "a", "--max-moves", "1", "--prefer", "pack"], ["evacuate", "a", "--max-moves", "1", "--prefer", "pack"]):
                said = self.plan_agrees(sim, *command)
                self.assertTrue([note for note in said if "may come to lie on other nodes than shown" in note], said)

    def test_a_long_name_hides_no_reason(self):
        for letter in ("x", "\u6570"):
            a, b, big = (letter * 200 + end for end in ("-a", "-b", "-big"))
            with Sim(state([host(a, 8 * GIB, 8 * GIB), host(b, 2 * GIB, 2 * GIB)], [vm(big, a, 6 * GIB, 0), vm(letter * 64, a, 1)])) as sim:
                text, told, page = self.three(sim, "plan", "evacuate", a)
                for line in (text.out.splitlines()[0], told["steps"][0]["verdict"], told["steps"][0]["stays"][0]["text"]):
                    self.assertRegex(line, r"VM %s+\u2026%s+-big: .* host %s+\u2026%s+-b with 4 GiB free.*: short by .* pages\)$" % ((letter,) * 4))
                    self.assertIn(line, text.out)
                    self.assertIn(line, page)
                _, told, _ = self.three(sim, "preflight", "--host", a)
                self.assertTrue([c for c in told["changes"] if "-big" in c["text"] and c["text"].endswith("-b")], told["changes"])

    def test_what_is_short_in_all_is_no_number_of_places(self):
        # By their sum, which a host of unknown nodes lacks: in pages, 1048653 places of 1 GiB would be many.
        content = state([host("a", 8 * GIB, 8 * GIB), host("b", 4 * GIB, plugin=False)], [vm("x", "a", GIB, 0), vm("y", "a", 77, 3 * GIB)])
        with Sim(content) as sim:
            text, told, page = self.three(sim, "plan", "evacuate", "a")
            said = "2 VMs of at least 1 GiB need 4.00 GiB in all, the hosts that hold one have 4 GiB: short by 308 KiB (77 pages)"
            for output in (text.out, told["steps"][0]["verdict"], page):
                self.assertIn(said, output)

    def test_one_vm_is_named(self):
        content = state([host("a", 16 * GIB), host("b", 4 * GIB)], [vm("x", "a", GIB)])
        with Sim(content) as sim:
            _, told, _ = self.three(sim, "preflight", "--host", "a", "--guarantee", "node-set")
            self.assertIn("1 VM, x, would come with a weaker guarantee than node-set", told["notes"])
        content = state([host("a", 16 * GIB), host("b", 4 * GIB)], [vm("x", "a", GIB), vm("y", "a", GIB)])
        with Sim(content) as sim:
            _, told, _ = self.three(sim, "preflight", "--host", "a", "--guarantee", "node-set")
            self.assertIn("2 VMs, x among them, would come with a weaker guarantee than node-set", told["notes"])

    def test_how_long(self):
        reports = "".join(json.dumps({"schema": "exclaim.migration/1", "role": role, "outcome": "done", "source": {"total_pages": 2 * GIB},
                                      "ms": {"restore": 16000}}) + "\n" for role in ("destination", "source", "destination"))
        with Sim(state([host("a", 16 * GIB), host("b", 16 * GIB)], [vm("x", "a", 2 * GIB), vm("y", "a", GIB)])) as sim:
            pathlib.Path(sim.file("reports")).write_text(reports)
            none, some = ["--report_file", sim.file("none")], ["--report_file", sim.file("reports")]
            for verb in (["plan", "evacuate", "a", "--max-moves", "1"], ["evacuate", "a", "--max-moves", "1"]):
                _, told, _ = self.three(sim, *verb, *none)
                self.assertTrue([n for n in told["notes"] if "how long that takes is not known: no earlier migration is in " in n], told["notes"])
                self.assertEqual((told["bytes"], sorted(told["wave_bytes"])), (3 << 30, [1 << 30, 2 << 30]))
                self.assertNotIn("seconds", told)
                _, told, _ = self.three(sim, *verb, *some)
                self.assertEqual((told["seconds"], told["bytes_per_second"], told["migrations_measured"]), (24, 128 << 20, 2))
                self.assertTrue([n for n in told["notes"] if "about 24 s if each move has 128.0 MiB/s, as 2 earlier ones took by " in n], told["notes"])
                _, told, _ = self.three(sim, *verb, *some, "--bandwidth", "1024")
                self.assertEqual((told["seconds"], told["bytes_per_second"]), (3, 1 << 30))
                _, told, _ = self.three(sim, *verb, *some, "--bandwidth", "1")
                self.assertTrue([n for n in told["notes"] if "about 51 min if each move has 1.0 MiB/s, as --bandwidth says" in n], told["notes"])
            # Never in no time, and never at no pace.
            _, told, _ = self.three(sim, "plan", "evacuate", "a", "--bandwidth", "1000000", "--max-moves", "64")
            self.assertTrue([n for n in told["notes"] if "; about 1 s if each move has 1000000.0 MiB/s" in n], told["notes"])
            self.assertEqual(told["seconds"], 1)
            pathlib.Path(sim.file("reports")).write_text(reports.splitlines()[0].replace("16000", "320000000") + "\n")
            _, told, _ = self.three(sim, "plan", "evacuate", "a", *some)
            self.assertTrue([n for n in told["notes"] if "; about 4 days if each move has 6.6 KiB/s, as 1 earlier one " in n], told["notes"])
            pathlib.Path(sim.file("reports")).write_text(reports.splitlines()[0] + "\n")
            self.assertIn("as 1 earlier one took by ", sim.run("plan", "evacuate", "a", *some).out)

    def test_skipped_hosts(self):
        content = state([host("a", 8 * GIB), host("b", 8 * GIB, xen="4.17.6"), host("c", 8 * GIB)], [vm("x", "a", GIB)])
        with Sim(content) as sim:
            said = self.plan_agrees(sim, "plan", "rolling")
            self.assertIn("skipped: host b is as new as the newest already", said)

    def test_the_answer(self):
        """The first line of the text is the page's; a colour that says yes goes with exit 0."""
        tight = state([host("a", 8 * GIB, 8 * GIB), host("b", 4 * GIB, 4 * GIB)], [vm("big", "a", 6 * GIB, 0)])
        roomy = state([host("a", 8 * GIB), host("b", 8 * GIB)], [vm("x", "a", GIB)])
        alone = state([host("a", 8 * GIB)], [vm("x", "a", GIB)])
        for pool, command, words in ((roomy, ["preflight", "--host", "a"], "fits: "), (tight, ["preflight", "--host", "a"], "fits, but not as asked: "),
                                     (roomy, ["preflight", "--host", "a", "--guarantee", "node-set"], "fits, but not as asked: "),
                                     (POOL, ["preflight", "--host", "b"], "does not fit: "), (roomy, ["plan", "rolling"], "2 hosts, 2 moves in 2 waves; "),
                                     (alone, ["plan", "rolling"], "blocked: 0 hosts can be upgraded, then a "),
                                     (alone, ["plan", "evacuate", "a"], "infeasible: ")):
            with self.subTest(command=command, words=words), Sim(pool) as sim:
                text = sim.run(*command, "--html", sim.file("page"))
                page = html.unescape(pathlib.Path(sim.file("page")).read_text())
                self.assertTrue(text.out.startswith(words), text.out)
                good, answer = re.search('<div class="verdict( good)?">(.*?)</div>', page).groups()
                self.assertEqual(answer, text.out.splitlines()[0])
                self.assertEqual(bool(good), text.code == 0)

    def test_preflight(self):
        with Sim(POOL) as sim:
            for more in ([], ["--guarantee", "node-set"], ["--hold"]):
                text, told, page = self.three(sim, "preflight", "--host", "a", *more)
                self.assertIn(told["together"]["verdict"], text.out)
                self.assertIn(told["together"]["verdict"], page)
                self.cells_agree(told, rows(text.out))

    def cells_agree(self, told, shown):
        """Each number of each VM on each host, and of each host's nodes."""
        for vm in told["vms"]:
            move, able = vm["together"], sum(cell["keeps_shape"] for cell in vm["on"])
            self.assertIn("%s %s %d of %d %s %s %s %s" % (vm["name"], size(vm["total_pages"]), able, len(vm["on"]), move["to"]["name"], nodes(move["parts"]),
                                                          move["shape"], move["guarantee"]), shown)
            after = shown.index(vm["name"] + " alone:")
            for cell in vm["on"]:
                begin = "%s %s " % (cell["host"]["name"], cell["verdict"])
                short = size(cell.get("misfit", {}).get("short_by_pages", 0))
                if cell["fits"]:
                    for node in cell["nodes"]:
                        sizes = " ".join(size(node[key]) for key in ("need_pages", "free_pages", "claimed_pages"))
                        self.assertIn("%s%s %s - %s" % (begin, nodes([node]), sizes, cell["guarantee"]), shown[after:])
                elif "need_pages" in cell["misfit"]:
                    sizes = " ".join(size(cell["misfit"][key]) for key in ("need_pages", "free_pages", "claimed_pages"))
                    self.assertTrue([row for row in shown[after:] if row.startswith(begin) and row.endswith(" %s %s -" % (sizes, short))], (begin, sizes, short))
                else:
                    self.assertIn(cell["misfit"]["text"], shown[after:])
        after = shown.index("hosts as they are now:")
        for host in told["hosts"]:
            if host["name"] == "a":  # where they come from
                continue
            for node in host["nodes"] + [dict(host, node="all")]:
                row = " ".join(size(node[key]) for key in ("free_pages", "claimed_pages", "room_pages"))
                self.assertTrue([line for line in shown[after:] if line.startswith("%s %s %s " % (host["name"], node["node"], row))], (host["name"], node["node"], row))

    def test_what_was_done(self):
        with Sim(POOL) as first, Sim(POOL) as second:
            text = first.run("evacuate", "a", "--apply", "--partial")
            told = second.run("evacuate", "a", "--apply", "--partial", "--json")
            self.assertEqual(text.code, told.code)
            summary = text.out[text.out.rindex("\n\n"):]
            self.assertEqual(notes_of_text(summary), told.json["notes"])
            self.assertIn(f"{told.json['left']} left", summary)
            for one in told.json["vms"]:
                self.assertIn(f"{one['name']}: ", text.out)

    def test_check(self):
        checks = {"schema": "exclaim.check/1", "state": "degraded", "checks": [{"name": "emu-manager", "state": "degraded", "text": "started before"}]}
        with Sim(state([host("a", GIB), host("b", GIB, check=json.dumps(checks)), host("c", GIB, plugin=False)], [])) as sim:
            text = sim.run("check", "--pool")
            told = sim.run("check", "--pool", "--json").json
            for one in told["hosts"]:
                self.assertRegex(text.out, rf"(?m)^{one['host']} +{one['state']}\b")
                for check in one.get("checks", []):
                    self.assertIn(check["text"], text.out)


if __name__ == "__main__":
    unittest.main()
