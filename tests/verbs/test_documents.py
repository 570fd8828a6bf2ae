#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the documents name is there, and the other way round: options, keys, members of JSON, events, and commands as they are typed."""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

from pools import EXCLAIM, GIB, Sim, environment, host, state, vm

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
MAN = (TOP / "docs/exclaim.8").read_text()
ON_A_POOL = ("preflight", "plan", "evacuate")
POOL = state([host(name, 16 * GIB, 16 * GIB) for name in ("alpha", "beta", "gamma")],
             [vm("db", "alpha", 3 * GIB, 3 * GIB), vm("mail", "alpha", 0, GIB), vm("web", "beta", GIB)])


def said(*arguments):
    return subprocess.run([EXCLAIM, *arguments], env=environment(), stdout=subprocess.PIPE, text=True, check=True).stdout


def section(kind, name):
    """All sections of the manual page that begin so, as one text."""
    return "".join(re.findall(rf"(?ms)^\.{kind} {name}\b.*?(?=^\.S[sh] )", MAN))


def options(text):
    return set(re.findall(r"(?:Fl -|(?<![\w-])--)([a-z][a-z-]+)", text))


def quoted(text):
    return {name for line in re.findall(r"(?m)^\.?.*\bQl .*$", text) for name in re.findall(r"[a-z_][a-z_-]+", line)}


class Documents(unittest.TestCase):
    def test_options(self):
        keys = {key.replace("_", "-") for key in re.findall(r"(?m)^([a-z_]+) =", said("help", "config"))}
        verbs = re.findall(r"(?m)^  ([a-z]+) +\S", said("help"))
        self.assertGreater(len(verbs), 10)
        for verb in verbs:
            helped = options(said("help", verb)) - {"json", "help"}
            page = section("Ss", verb)
            of_pools = options(section("Sh", "POOLS")) if verb in ON_A_POOL else set()
            self.assertEqual(helped - options(page) - of_pools, set(), f"{verb}: --help has what exclaim.8 has not")
            # Another verb's option is named behind that verb.
            own = options(re.sub(r"(?m)^\.Cm \w+ Fl -[a-z-]+", "", page))
            self.assertEqual((own | of_pools) - helped - keys - {"json", "disable"}, set(), f"{verb}: exclaim.8 has what --help has not")
        self.assertEqual(options(section("Sh", "SYNOPSIS")) - {"help", "version", "json"} - set().union(*(options(said("help", v)) for v in verbs)), set())

    def test_keys(self):
        page = (TOP / "docs/exclaim.conf.5").read_text()
        values = dict(re.findall(r"(?m)^([a-z_]+) = ?(.*)$", said("help", "config")))
        self.assertEqual(re.findall(r"(?m)^\.It Ic (\w+)", page), list(values))
        told = dict(re.findall(r"(?ms)^\.It Ic (\w+)\n(?:(?!^\.It Ic).)*?Default:\s+(?:\.\w\w )?(\S+?)[,.]?\s", page))
        self.assertEqual(told | {"place_object": values["place_object"]},
                         {key: value or "empty" for key, value in values.items()}, "defaults")

    def test_members_of_json(self):
        with Sim(POOL) as sim:
            reports = pathlib.Path(sim.file("reports"))
            reports.write_text("".join(json.dumps({"schema": "exclaim.migration/1", "role": "destination", "outcome": "done",
                                                   "source": {"total_pages": GIB}, "ms": {"restore": 8000}}) + "\n" for _ in range(3)))
            more = ["--report-file", str(reports), "--json"]
            for verb, line in (("preflight", "preflight --host alpha"), ("plan", "plan evacuate alpha --skip-vm mail"), ("plan", "plan rolling"),
                               ("evacuate", "evacuate alpha"), ("evacuate", f"evacuate alpha --apply --events {sim.file('events')}"),
                               ("check", "check --pool")):
                done = sim.run(*line.split(), *more)
                self.assertEqual(done.code, 0, done.err)
                named = quoted(section("Ss", verb)) | (quoted(section("Ss", "plan")) if verb == "evacuate" else set())
                self.assertEqual(set(done.json) - named, {"schema"}, f"{line}: members that exclaim.8 does not name")
            events = {json.loads(line)["event"] for line in pathlib.Path(sim.file("events")).read_text().splitlines()}
            self.assertGreaterEqual(events, {"begin", "disable", "plan", "start", "done", "end"})
            self.assertEqual(events - quoted(section("Ss", "evacuate")), set())

    def test_members_of_reports(self):
        """What a hook writes into its report, with the functions of base/jwrite.h."""
        page = (TOP / "docs/exclaim-libxl-save-helper.8").read_text()
        sources = "".join(path.read_text() for path in (TOP / "src/session").glob("*.c"))
        members = set(re.findall(r'jwrite_\w+\(\w+,\s*"(\w+)"', sources))
        self.assertGreater(len(members), 30)
        self.assertEqual(members - set(re.findall(r"\w+", page)), set())

    def test_messages(self):
        """Of each message that operators are told to look up, every run of words between what is filled in is in the programs."""
        files = [p for top in ("src", "include", "emu-hooks") for p in sorted((TOP / top).rglob("*")) if p.is_file()]
        text = "".join(p.read_text(errors="replace") for p in files)
        text = re.sub(r'"\s*(?:PRI\w+)?\s*"', "", text).replace('\\"', '"')  # C's pieces of one text
        filled = r"…|\b(?:[NPQUXYLM]|X\.Y|SIZE|PATH|VERB|NAME|DOMID|VM|UUID)\b|\d+|[:;] "
        told = 0
        for name in ("docs/operating.md", "docs/operating-xenserver.md"):
            for table in re.findall(r"(?m)^\| message \|.*\n\|-.*\n((?:\|.*\n)+)", (TOP / name).read_text()):
                for row in table.splitlines():
                    for message in re.findall(r"`([^`]+)`", row.split("|")[1]):
                        for words in re.split(filled, message):
                            self.assertTrue(words.strip(" ,;()=") in text, f"{name}: {message}: \"{words}\"")
                        told += 1
        self.assertGreater(told, 100)

    def test_commands_as_they_are_typed(self):
        """Of the documents' indented blocks every line on a pool, in order; names in capitals stand for one of this pool."""
        typed = 0
        for name in ("README.md", "docs/evacuation.md"):
            with Sim(POOL) as sim, tempfile.TemporaryDirectory(prefix="exclaim-typed-") as folder:
                for line in re.findall(rf"(?m)^    exclaim ((?:{'|'.join(ON_A_POOL)}) .*)$", (TOP / name).read_text()):
                    words = shlex.split(line, comments=True)
                    words = ["alpha" if word == "HOST" else word for word in words]
                    if "--snapshot" in words or "--cacert" in words:
                        continue  # files of other hosts, certificates
                    if "--step" in words or "--resume" in words:
                        for at in ("alpha", "beta", "gamma"):  # as a host that has been upgraded
                            sim.call("host.enable", sim.ref("host", at))
                    done = subprocess.run([EXCLAIM, *words, "--xapi", sim.socket], env=environment(), cwd=folder, stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, text=True, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ""), f"{name}: {line}")
                    for word, file in zip(words, words[1:]):
                        if word in ("--html", "--save", "--events"):
                            self.assertTrue(os.path.getsize(os.path.join(folder, file)), line)
                    typed += 1
        self.assertGreater(typed, 10)


if __name__ == "__main__":
    unittest.main()
