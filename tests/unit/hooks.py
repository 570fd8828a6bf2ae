# SPDX-License-Identifier: BSD-2-Clause
"""The vm-post-migrate hook and exclaim-hooks, each in a directory of its own."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

HOOKS = os.environ["HOOKS"]
DOCS = os.environ["DOCS"]
EXCLAIM = os.environ["EXCLAIM_BIN"]
EMU_MANAGER = os.environ["EMU_MANAGER"]
UUID = "01234567-89ab-cdef-0123-456789abcdef"
TEMPORARY = "01234567-89ab-cdef-0123-000000000001"


class InDir(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="exclaim-test.")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def put(self, text, *names, mode=0o644):
        path = self.path(*names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def get(self, *names):
        try:
            with open(self.path(*names)) as f:
                return f.read()
        except FileNotFoundError:
            return None


def report(**changes):
    """A destination's line as the hooks write it (exclaim_report_append)."""
    line = {
        "schema": "exclaim.migration/1",
        "time_unix_ms": 1,
        "role": "destination",
        "hook": "emu-manager",
        "outcome": "done",
        "policy": "prefer",
        "domid": 7,
        "uuid": UUID,
        "source": {"nodes": [{"node": 0, "pages": 5}], "total_pages": 5, "method": "console", "exact": True},
        "guarantee": "host",
        "claimed_pages": 5,
        "exact": True,
        "deviation_pages": 0,
        "ms": {"peek": 1},
    }
    line.update(changes)
    return json.dumps({k: v for k, v in line.items() if v is not None}, separators=(",", ":"))


class PostMigrate(InDir):
    def setUp(self):
        super().setUp()
        self.put('#!/bin/sh\nfor a; do printf "%s\\n" "$a"; done >>' + self.path("log") + "\n", "bin", "logger", mode=0o755)
        self.conf = self.put("# comment\nreport_file = /nowhere\n  report_file=" + self.path("reports") + "  \n", "conf")

    def hook(self, *args, path=None):
        """Runs it as xenopsd does; never anything but 0 and silence."""
        if os.path.exists(self.path("log")):
            os.unlink(self.path("log"))
        done = subprocess.run(
            [os.path.join(HOOKS, "vm-post-migrate")] + list(args),
            env={"PATH": path or self.path("bin") + ":/usr/sbin:/bin:/usr/bin", "EXCLAIM_CONF": self.conf},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        words = (self.get("log") or "").splitlines()
        if not words:
            return None
        self.assertEqual(words[:2] + words[4:5], ["-t", "exclaim-vm-post-migrate", "--"])
        self.assertEqual(len(words), 6, "one line")
        return words[3], words[5]

    def reported(self, *lines):
        self.put("".join(line + "\n" for line in lines), "reports")
        return self.hook("-vmuuid", UUID, "-reason", "destination", "-vmdomid", "7")

    def test_it_is_executable(self):
        self.assertTrue(os.access(os.path.join(HOOKS, "vm-post-migrate"), os.X_OK))

    def test_the_last_line_of_this_vm(self):
        level, text = self.reported(report(outcome="failed"), report(), report(uuid=UUID[::-1], domid=8), report(role="source", outcome="sent"))
        self.assertEqual(level, "daemon.info")
        self.assertEqual(text, "VM %s: done, exact true, guarantee host, claimed 5 pages, deviation 0 pages" % UUID)

    def test_the_temporary_uuid(self):
        self.assertIn("done, exact true", self.reported(report(uuid=TEMPORARY))[1])

    def test_what_is_not_exact_is_a_notice_with_the_reason(self):
        why = 'placement: "x", \\ {"exact":true}'
        level, text = self.reported(report(exact=False, guarantee="none", deviation_pages=718, why=why, error="verify: gone"))
        self.assertEqual(level, "daemon.notice")
        self.assertIn("exact false, guarantee none, claimed 5 pages, deviation 718 pages, why: placement:", text)
        self.assertTrue(text.endswith(", error: verify: gone"), text)

    def test_an_earlier_migration_is_not_taken_for_this_one(self):
        self.assertIn("no report of its migration (yet)", self.reported(report(domid=6), report(domid=77))[1])
        self.put(report(domid=6) + "\n", "reports")
        self.assertIn("done", self.hook("-vmuuid", UUID, "-reason", "destination")[1])  # an older xenopsd gives no domid

    def test_a_migration_without_a_record_has_no_uuid(self):
        now = int(time.time() * 1000)
        lost = report(uuid=None, outcome="passed", exact=False, guarantee="none", claimed_pages=0, deviation_pages=None, time_unix_ms=now, why="record: no reservation")
        self.assertIn("passed, exact false, guarantee none, claimed 0 pages, why: record: no reservation", self.reported(lost)[1])
        self.assertIn("no report", self.reported(lost, report(uuid=UUID[::-1]))[1])
        self.assertIn("no report", self.reported(lost.replace(str(now), "1000000000000"))[1])  # before this boot

    def test_the_end_of_a_long_file(self):
        self.assertIn("done", self.reported(*[report(domid=9) for _ in range(2000)], report())[1])
        self.assertIn("no report", self.reported(report(), *[report(domid=9) for _ in range(2000)])[1])

    def test_without_a_file(self):
        args = ("-vmuuid", UUID, "-reason", "destination", "-vmdomid", "7")
        self.assertIsNone(self.hook(*args))
        os.mkdir(self.path("reports"))
        self.assertIsNone(self.hook(*args))
        os.rmdir(self.path("reports"))
        os.mkfifo(self.path("reports"))  # a reader would wait for ever
        self.assertIsNone(self.hook(*args))
        os.unlink(self.path("conf"))
        self.hook(*args)

    def test_any_arguments(self):
        self.put(report() + "\n", "reports")
        for args in ((), ("-vmuuid",), ("-vmuuid", ""), ("-vmuuid", "$(touch x)/*"), ("-vmuuid", ".*"), ("x",), ("--bounded",), ("-reason", "destination")):
            self.assertIsNone(self.hook(*args), args)
        self.assertIn("done", self.hook("-vmuuid", UUID.upper(), "-vmdomid", "7.*", "-new", "x", "y")[1])

    def test_a_logger_that_fails_hangs_or_is_not_there(self):
        self.put(report() + "\n", "reports")
        for script in ("exit 1", "kill -9 $$", "kill -9 $PPID", "sleep 600"):
            self.put("#!/bin/sh\n" + script + "\n", "bin", "logger", mode=0o755)
            self.assertIsNone(self.hook("-vmuuid", UUID, "-reason", "destination"), script)
        self.assertIsNone(self.hook("-vmuuid", UUID, path="/nowhere"))


class ExclaimHooks(InDir):
    """Its root is a directory, in which proc is what the test says."""

    def setUp(self):
        super().setUp()
        self.libexec = self.path("usr/libexec/exclaim")
        with open(os.path.join(HOOKS, "exclaim-hooks")) as f:
            text = f.read()
        for name, value in (("LIBEXECDIR", self.libexec), ("DATADIR", self.path("usr/share/exclaim"))):
            text = text.replace("@EXCLAIM_FULL_%s@" % name, value)
        self.assertNotIn("@EXCLAIM", text)
        self.script = self.put(text, "usr/sbin/exclaim-hooks", mode=0o755)
        self.put("emu-manager=%s/emu-manager\n" % self.libexec, "usr/share/exclaim/xenopsd.conf")
        for name in ("emu-manager", "xapi-plugin", "vm-post-migrate"):
            self.put("#!/bin/sh\nexit 2\n", self.libexec, name, mode=0o755)
        self.put("# emu-manager=/x\n", "etc/xenopsd.conf")
        os.makedirs(self.path("etc/xapi.d/plugins"))
        for name in ("proc", "run", "var/lib"):
            os.makedirs(self.path(name))

    def tree(self):
        found = []
        for top in ("etc", "run", "var"):
            for where, dirs, files in os.walk(self.path(top)):
                for name in dirs + files:
                    path = os.path.join(where, name)
                    what = os.readlink(path) if os.path.islink(path) else "dir" if os.path.isdir(path) else self.get(path)
                    found.append((os.path.relpath(path, self.dir), what))
        return sorted(found)

    def run_it(self, *args, code=0):
        done = subprocess.run([self.script] + list(args), env=dict(os.environ, EXCLAIM_ROOT=self.dir), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        if code in (0,):
            self.assertEqual(done.stderr, b"")
        elif code != 2:
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        return (done.stdout + done.stderr).decode()

    def process(self, start):
        self.put("xenopsd-xc\n", "proc/77/comm")
        self.put("77 (xenopsd) x) S " + " ".join(str(n) for n in range(4, 22)) + " %d 0 0\n" % start, "proc/77/stat")
        self.put("bash\n", "proc/78/comm")

    def test_there_and_back(self):
        before = self.tree()
        self.run_it("enable")
        self.assertEqual(os.readlink(self.path("etc/xapi.d/plugins/exclaim")), self.libexec + "/xapi-plugin")
        self.assertEqual(os.readlink(self.path("etc/xapi.d/vm-post-migrate/90-exclaim")), self.libexec + "/vm-post-migrate")
        self.assertEqual(os.listdir(self.path("etc/xenopsd.conf.d")), ["exclaim.conf"])
        self.assertEqual(self.get("etc/xenopsd.conf.d/exclaim.conf"), "emu-manager=%s/emu-manager\n" % self.libexec)
        self.assertEqual(os.stat(self.path("etc/xenopsd.conf.d/exclaim.conf")).st_mode & 0o777, 0o644)
        enabled = self.tree()
        self.run_it("enable")
        self.assertEqual(self.tree(), enabled)
        self.assertEqual(self.run_it("status").count(" enabled"), 3)
        self.run_it("disable")
        self.assertEqual(self.tree(), before)
        self.assertEqual(self.run_it("status").count(" disabled"), 3)
        self.run_it("disable")
        self.run_it("idle")
        self.assertEqual(self.tree(), before)

    def test_parts(self):
        self.run_it("enable", "plugin")
        self.assertEqual(self.run_it("status").count(" enabled"), 1)
        self.assertFalse(os.path.exists(self.path("etc/xenopsd.conf.d")))
        self.run_it("enable", "emu-manager")
        self.run_it("disable", "plugin")
        self.assertEqual(self.run_it("status").count(" enabled"), 1)

    def test_directories_and_files_of_others_stay(self):
        os.makedirs(self.path("etc/xapi.d/vm-post-migrate"))
        before = self.tree()
        self.run_it("enable")
        self.put("", "etc/xenopsd.conf.d/other.conf")
        self.run_it("disable")
        self.assertEqual([p for p, _ in self.tree() if "xenopsd.conf.d" in p], ["etc/xenopsd.conf.d", "etc/xenopsd.conf.d/other.conf"])
        os.unlink(self.path("etc/xenopsd.conf.d/other.conf"))
        self.run_it("disable")
        self.assertEqual(self.tree(), before)
        self.put("theirs", "etc/xapi.d/plugins/exclaim")
        self.assertIn("not ours", self.run_it("enable", "plugin", code=5))
        self.run_it("disable")
        self.assertEqual(self.get("etc/xapi.d/plugins/exclaim"), "theirs")

    def test_nothing_that_xenopsd_could_not_start(self):
        before = self.tree()
        self.put("#!/bin/sh\nexit 5\n", self.libexec, "emu-manager", mode=0o755)
        self.assertIn("real emu-manager is not found", self.run_it("enable", "emu-manager", code=5))
        self.put("#!/bin/sh\nexit 127\n", self.libexec, "emu-manager", mode=0o755)  # as the loader ends without a library
        self.assertIn("cannot be started", self.run_it("enable", "emu-manager", code=5))
        for name in ("emu-manager", "xapi-plugin", "vm-post-migrate"):
            os.chmod(os.path.join(self.libexec, name), 0o644)
            part = name.replace("xapi-plugin", "plugin")
            self.assertIn("not executable", self.run_it("enable", part, code=5))
        self.assertEqual(self.tree(), before)

    def test_the_supervisor_says_that_there_is_no_real_one(self):
        """What enable relies on: without arguments it becomes the real one, or exits with 5."""
        for real, code in (("/nowhere/emu-manager", 5), (EMU_MANAGER, 5), (self.put("#!/bin/sh\nexit 2\n", "real", mode=0o755), 2)):
            conf = self.put("emu_manager = %s\nreport_file = %s\n" % (real, self.path("reports")), "conf")
            done = subprocess.run([EMU_MANAGER], env={"EXCLAIM_CONF": conf}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
            self.assertEqual(done.returncode, code, real)

    def test_what_was_started_before_goes_on_behind_ours(self):
        self.put("emu-manager = '/opt/x/emu-manager' # theirs\n", "etc/xenopsd.conf")
        self.assertIn('put "emu_manager = /opt/x/emu-manager" into', self.run_it("enable", "emu-manager", code=5))
        self.assertFalse(os.path.exists(self.path("etc/xenopsd.conf.d")))
        self.put("emu_manager = /opt/x/emu-manager\n", "etc/exclaim/exclaim.conf")
        self.run_it("enable", "emu-manager")

    def test_overridden(self):
        self.put("emu-manager=%s/emu-manager\n" % self.libexec, "etc/xenopsd.conf.d/exclaim.conf.bak")
        self.put("emu-manager=/y\n", "etc/xenopsd.conf.d/zz")
        self.put("emu_manager = /y\n", "etc/exclaim/exclaim.conf")
        self.assertIn("says emu-manager=/y", self.run_it("enable", "emu-manager", code=5))

    def test_the_order_is_that_of_bytes(self):
        for name in (".zz", "Zz", "EXCLAIM.conf"):
            self.put("emu-manager=/y\n", "etc/xenopsd.conf.d", name)
        self.put("emu_manager = /y\n", "etc/exclaim/exclaim.conf")
        self.run_it("enable", "emu-manager")

    def test_not_idle_until_restarted(self):
        self.process(1000)
        self.assertIn("restart it", self.run_it("enable"))
        self.assertIn("exclaim-hooks disable", self.run_it("idle", code=5))
        self.process(2000)  # restarted: reads the fragment
        self.assertIn("restart it", self.run_it("disable"))
        self.assertIn("process 77", self.run_it("idle", code=5))
        self.assertIn("not restarted", self.run_it("status"))
        self.run_it("disable")
        self.run_it("idle", code=5)
        self.process(3000)
        self.run_it("idle")
        self.run_it("idle")

    def test_not_idle_while_it_is_xenguest(self):
        os.makedirs(self.path("usr/libexec/xen/bin"))
        os.symlink(self.libexec + "/xenguest", self.path("usr/libexec/xen/bin/xenguest"))
        self.assertIn("no VM would start", self.run_it("idle", code=5))
        self.put("", "usr/libexec/xen/bin/xenguest.real")
        os.rename(self.path("usr/libexec/xen/bin/xenguest.real"), self.path("usr/libexec/xen/bin/xenguest"))
        self.run_it("idle")

    def test_not_here(self):
        shutil.rmtree(self.path("etc/xapi.d"))
        os.unlink(self.path("etc/xenopsd.conf"))
        before = self.tree()
        self.assertIn("no xapi here", self.run_it("enable", code=4))
        self.assertIn("no xenopsd here", self.run_it("enable", "emu-manager", code=4))
        self.run_it("disable")
        self.run_it("idle")
        self.assertEqual(self.tree(), before)

    def test_usage(self):
        for args in ((), ("remove",), ("enable", "everything"), ("status", "x"), ("idle", "x"), ("--help",)):
            self.run_it(*args, code=2)


class Example(InDir):
    def test_the_example_has_every_key_and_is_right(self):
        with open(os.path.join(DOCS, "exclaim.conf.example")) as f:
            text = f.read().replace("@EXCLAIM_FULL_PLUGINDIR@", "/usr/lib/exclaim")
        conf = self.put(re.sub(r"(?m)^#(?=[a-z_]+ =)", "", text), "conf")
        done = subprocess.run([EXCLAIM, "status", "--json"], env={"EXCLAIM_CONF": conf}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertNotEqual(done.returncode, 2, done.stderr)
        usage = subprocess.run([EXCLAIM, "status", "--help"], stdout=subprocess.PIPE).stdout.decode()
        self.assertEqual(re.findall(r"(?m)^#?([a-z_]+) =", text), re.findall(r"--([a-z_]+)=VALUE", usage))


if __name__ == "__main__":
    unittest.main()
