# SPDX-License-Identifier: BSD-2-Clause
"""exclaim-hooks in a directory of its own, against what a xenopsd makes of its configuration."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HOOKS = os.environ["HOOKS"]
DOCS = os.environ["DOCS"]
EXCLAIM = os.environ["EXCLAIM_BIN"]
EMU_MANAGER = os.environ["EMU_MANAGER"]

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fake"))
import xenopsd_config  # noqa: E402


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


# The units' command lines, as the packages of XCP-ng have them (SOURCES/xenopsd-xc.service): 8.3 since July 2025, and XenServer 8,
# XenServer 9 and XCP-ng before.
XCP_NG = "/usr/sbin/xenopsd-xc --config /etc/xenopsd.conf --config-dir /etc/xenopsd.conf.d $XENOPSD_OPTIONS"
XENSERVER = "/usr/sbin/xenopsd-xc --config /etc/xenopsd.conf $XENOPSD_OPTIONS"
SIMULATOR = "/usr/sbin/xenopsd-simulator --config /etc/xenopsd.conf $XENOPSD_SIMULATOR_OPTIONS"
UNIT = """[Unit]
Description=VM manager for Xen using libxc
ExecStart=/not/this/section

[Service]
Environment="LD_PRELOAD=/usr/lib64/libjemalloc.so.2"
EnvironmentFile=-/etc/sysconfig/xenopsd
ExecStart=%s
LimitNOFILE=4096
"""
TICKS = 100


class ExclaimHooks(InDir):
    """Its root is a directory, in which proc is what the test says. Unless told otherwise a xenopsd runs there as XCP-ng starts it."""

    def setUp(self):
        super().setUp()
        self.libexec = self.path("usr/libexec/exclaim")
        with open(os.path.join(HOOKS, "exclaim-hooks")) as f:
            text = f.read()
        for name, value in (("LIBEXECDIR", self.libexec), ("DATADIR", self.path("usr/share/exclaim"))):
            text = text.replace("@EXCLAIM_FULL_%s@" % name, value)
        self.assertNotIn("@EXCLAIM", text)
        self.script = self.put(text, "usr/sbin/exclaim-hooks", mode=0o755)
        self.put("# a comment\nemu-manager=%s/emu-manager\n" % self.libexec, "usr/share/exclaim/xenopsd.conf")
        self.put("#!/bin/sh\nexit 2\n", self.libexec, "emu-manager", mode=0o755)
        self.put("#!/bin/sh\nexit 2\n", self.libexec, "xapi-plugin", mode=0o755)
        self.put("#!/bin/sh\nexit 2\n", self.libexec, "xenguest", mode=0o755)
        shutil.copytree(os.path.join(HOOKS, "hooks"), os.path.join(self.libexec, "hooks"))
        for name in ("emu-manager", "xenguest"):
            self.put("#!/bin/sh\n", "usr/libexec/xen/bin", name, mode=0o755)
        self.put("# emu-manager=/x\nsearch-path=/usr/libexec/xen/bin\n", "etc/xenopsd.conf")
        os.makedirs(self.path("etc/xapi.d/plugins"))
        for name in ("proc", "run", "var/lib", "usr/lib/systemd/system"):
            os.makedirs(self.path(name))
        self.put("btime %d\n" % (time.time() - 10000), "proc/stat")
        self.started = {}

    def unit(self, line, name="xenopsd-xc.service", under="usr/lib/systemd/system"):
        self.put(UNIT % line, under, name)

    def process(self, line, start=1000, pid=77):
        """Starts it: that is, it reads its configuration now."""
        self.shows(line.replace("$XENOPSD_OPTIONS", "").replace("$XENOPSD_SIMULATOR_OPTIONS", "").split(), start, pid)
        return self.reads(line)

    def shows(self, argv, start=1000, pid=77):
        """What its directory in /proc has."""
        self.put(os.path.basename(argv[0])[:15] + "\n", "proc/%d/comm" % pid)
        self.put("\0".join(argv) + "\0", "proc/%d/cmdline" % pid)
        self.put("%d (xenopsd) x) S " % pid + " ".join(str(n) for n in range(4, 22)) + " %d 0 0\n" % start, "proc/%d/stat" % pid)
        self.put("bash\n", "proc/78/comm")

    def reads(self, line):
        """The program that a xenopsd with this command line starts for a migration."""
        argv = line.replace("$XENOPSD_OPTIONS", "").replace("$XENOPSD_SIMULATOR_OPTIONS", "").split()
        return xenopsd_config.emu_manager(argv, self.dir)

    def ours(self):
        return self.libexec + "/emu-manager"

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

    def states(self, part="emu-manager"):
        lines = [line.split("|", 2) for line in self.run_it("status", "--lines").splitlines()]
        self.assertTrue(all(len(line) == 3 and line[1] in ("on", "off", "stale", "broken", "other") for line in lines), lines)
        return [(state, text) for name, state, text in lines if name == part]

    def only(self, state, *words):
        """One xenopsd, its part in this state, said with these words."""
        found = self.states()
        self.assertEqual([s for s, _ in found], [state], found)
        for word in words:
            self.assertIn(word, found[0][1])

    # --- where the key goes ---

    def there_and_back(self, *lines):
        """From enable to disable; the fakes of xenopsd say what each would start."""
        before = self.tree()
        for line in lines:
            self.assertEqual(self.reads(line), "/usr/libexec/xen/bin/emu-manager")
        self.run_it("enable", "emu-manager")
        for line in lines:
            self.assertEqual(self.reads(line), self.ours())
        enabled = self.tree()
        self.run_it("enable", "emu-manager")
        self.assertEqual(self.tree(), enabled)
        found = [path for path, what in enabled if (path, what) not in before and path.startswith("etc/")]
        self.run_it("disable")
        for line in lines:
            self.assertEqual(self.reads(line), "/usr/libexec/xen/bin/emu-manager")
        self.assertEqual([t for t in self.tree() if not t[0].startswith("run")], [t for t in before if not t[0].startswith("run")])
        return found

    def test_as_xcp_ng_starts_it(self):
        self.process(XCP_NG)
        self.assertEqual(self.there_and_back(XCP_NG), ["etc/xenopsd.conf.d", "etc/xenopsd.conf.d/exclaim.conf"])

    def test_as_xenserver_starts_it(self):
        """The directory has the program's name, not the file's: /etc/xenopsd.conf.d is read by nobody."""
        self.process(XENSERVER)
        os.makedirs(self.path("etc/xenopsd.conf.d"))
        self.assertEqual(self.there_and_back(XENSERVER), ["etc/xenopsd-xc.conf.d", "etc/xenopsd-xc.conf.d/exclaim.conf"])

    def test_the_wrong_directory_is_not_read(self):
        self.process(XENSERVER)
        self.put("emu-manager=%s\n" % self.ours(), "etc/xenopsd.conf.d/exclaim.conf")  # as earlier versions put it
        self.assertEqual(self.reads(XENSERVER), "/usr/libexec/xen/bin/emu-manager")
        self.only("stale", "not where xenopsd-xc (process 77) reads", "/etc/xenopsd-xc.conf.d")
        self.run_it("enable", "emu-manager")
        self.assertEqual(self.reads(XENSERVER), self.ours())
        self.run_it("disable", "emu-manager")
        self.assertFalse(os.path.exists(self.path("etc/xenopsd.conf.d/exclaim.conf")))
        self.assertFalse(os.path.exists(self.path("etc/xenopsd-xc.conf.d")))

    def test_every_form_of_the_options(self):
        os.makedirs(self.path("opt/d"))
        self.put("search-path=/usr/libexec/xen/bin\n", "opt/f")
        for words in ("--config-dir /opt/d", "--config-dir=/opt/d", "--config-d /opt/d", "-config-dir /opt/d", "-config-dir=/opt/d", "--config=/opt/f --config-dir opt/d"):
            line = "/opt/xenopsd --loglevel info " + words
            self.process(line)
            self.assertEqual(self.there_and_back(line), [], words)  # nothing below /etc
            self.run_it("enable", "emu-manager")
            self.assertEqual(os.listdir(self.path("opt/d")), ["exclaim.conf"], words)
            self.run_it("disable")
            self.assertEqual(os.listdir(self.path("opt/d")), [], words)

    def test_no_options_at_all(self):
        self.put("search-path=/usr/libexec/xen/bin\n", "etc/xenopsd-xc.conf")
        self.process("/usr/sbin/xenopsd-xc")
        self.assertEqual(self.there_and_back("/usr/sbin/xenopsd-xc"), ["etc/xenopsd-xc.conf.d", "etc/xenopsd-xc.conf.d/exclaim.conf"])

    def test_into_the_file_where_there_is_no_directory(self):
        line = "/usr/sbin/xenopsd-xc --config /etc/xenopsd.conf --config-dir /nowhere/at/all"
        self.process(line)
        os.chmod(self.path("etc/xenopsd.conf"), 0o600)
        self.assertEqual(self.there_and_back(line), ["etc/xenopsd.conf"])
        self.assertEqual(os.stat(self.path("etc/xenopsd.conf")).st_mode & 0o777, 0o600)
        self.run_it("enable", "emu-manager")
        self.assertIn("# >>> exclaim", self.get("etc/xenopsd.conf"))
        self.process(line, 2000)
        self.only("on", "in place for xenopsd-xc (process 77) (/etc/xenopsd.conf), read")
        self.put("search-path=/usr/libexec/xen/bin\n", "etc/xenopsd.conf")  # an update of xenopsd replaced it
        self.only("off")

    def test_neither_file_nor_directory(self):
        self.put("#!/bin/sh\n", "usr/bin/emu-manager", mode=0o755)
        self.process("/usr/sbin/xenopsd-xc --config /nowhere/x --config-dir /nowhere/at/all")
        self.assertIn("xenopsd-xc reads /nowhere/x and /nowhere/at/all", self.run_it("enable", "emu-manager", code=5))

    def test_by_its_unit_where_none_runs(self):
        for line in (XCP_NG, XENSERVER):
            self.unit(line)
            self.there_and_back(line)
            self.run_it("enable", "emu-manager")
            self.only("on", "in place for xenopsd-xc", "from its next start on")
            self.run_it("disable")
            os.unlink(self.path("usr/lib/systemd/system/xenopsd-xc.service"))

    def test_options_from_the_unit_s_surroundings(self):
        os.makedirs(self.path("opt/d"))
        for before, line, after in (
            ('# XENOPSD_OPTIONS=x\nXENOPSD_OPTIONS="--config-dir /opt/d"\n', "/usr/sbin/xenopsd-xc --config /etc/xenopsd.conf $XENOPSD_OPTIONS", None),
            ("D=/opt/d\n", "-/usr/sbin/xenopsd-xc --config /etc/xenopsd.conf --config-dir=${D}", None),
            ("", "/usr/sbin/xenopsd-xc", "[Service]\nExecStart=\nExecStart=/usr/sbin/xenopsd-xc \\\n  --config-dir '/opt/d'\n"),
            ("", "/usr/sbin/xenopsd-xc $X", '[Service]\nEnvironment=Y=1 "X=--config-dir /opt/d"\n'),
        ):
            self.put(before, "etc/sysconfig/xenopsd")
            self.unit(line)
            if after:
                self.put(after, "etc/systemd/system/xenopsd-xc.service.d/local.conf")
            self.run_it("enable", "emu-manager")
            self.assertEqual(os.listdir(self.path("opt/d")), ["exclaim.conf"], line)
            self.run_it("disable")
            shutil.rmtree(self.path("etc/systemd"), ignore_errors=True)

    def test_units_of_etc_come_first_and_masked_ones_do_not_count(self):
        self.unit(XCP_NG)
        self.unit(XENSERVER, under="etc/systemd/system")
        self.there_and_back(XENSERVER)
        os.unlink(self.path("etc/systemd/system/xenopsd-xc.service"))
        os.symlink("/dev/null", self.path("etc/systemd/system/xenopsd-xc.service"))
        self.assertIn("no xenopsd here", self.run_it("enable", "emu-manager", code=4))

    def test_two_flavours(self):
        self.process(XCP_NG)
        self.unit(XCP_NG)
        self.unit(SIMULATOR, "xenopsd-simulator.service")
        self.assertEqual(
            self.there_and_back(XCP_NG, SIMULATOR),
            ["etc/xenopsd-simulator.conf.d", "etc/xenopsd-simulator.conf.d/exclaim.conf", "etc/xenopsd.conf.d", "etc/xenopsd.conf.d/exclaim.conf"],
        )
        self.run_it("enable", "emu-manager")
        self.assertEqual([s for s, _ in self.states()], ["stale", "on"])
        self.process(XCP_NG, 2000)
        self.assertEqual([s for s, _ in self.states()], ["on", "on"])

    def test_one_of_two_flavours_cannot(self):
        self.process(XCP_NG)
        self.unit("/usr/sbin/xenopsd-simulator --config /nowhere/x --config-dir /nowhere/at/all", "xenopsd-simulator.service")
        before = self.tree()
        self.assertIn("xenopsd-simulator reads /nowhere/x", self.run_it("enable", "emu-manager", code=5))
        self.assertEqual(self.tree(), before)

    def test_what_is_named_like_one(self):
        """An exporter, say: said, and given nothing, neither where it could have it nor where it cannot."""
        self.process(XCP_NG)
        self.unit("/usr/bin/xenopsd-exporter --config /nowhere/x --config-dir /nowhere/at/all", "xenopsd-exporter.service")
        self.shows(["/usr/bin/xenopsd_stats"], pid=91)
        self.assertEqual(self.there_and_back(XCP_NG), ["etc/xenopsd.conf.d", "etc/xenopsd.conf.d/exclaim.conf"])
        said = self.run_it("enable", "emu-manager")
        self.assertIn("xenopsd-exporter is left alone: neither xenopsd,", said)
        self.assertIn("xenopsd_stats (process 91) is left alone: neither xenopsd,", said)
        self.assertEqual([s for s, _ in self.states()], ["stale", "other", "other"])
        self.run_it("disable")
        shutil.rmtree(self.path("proc/77"))
        self.assertIn("no xenopsd here", self.run_it("enable", "emu-manager", code=4))
        self.put("emu-manager=%s\n" % self.ours(), "etc/xenopsd_stats.conf.d/exclaim.conf")  # as earlier versions put it
        self.run_it("disable")
        self.assertFalse(os.path.exists(self.path("etc/xenopsd_stats.conf.d/exclaim.conf")))

    def test_the_unit_changed_under_a_running_one(self):
        """An update of xenopsd: what runs reads one directory, what will be started another. Both get it."""
        self.process(XENSERVER)
        self.unit(XCP_NG)
        self.there_and_back(XENSERVER, XCP_NG)

    # --- read and used ---

    def used(self, seconds_ago):
        self.put('{"schema":"exclaim.migration/1","time_unix_ms":%d,"role":"source","hook":"emu-manager","outcome":"sent"}\n' % ((time.time() - seconds_ago) * 1000), "var/log/exclaim/migrations.ndjson")

    def test_read_and_used(self):
        self.process(XCP_NG)
        self.only("off", "disabled")
        self.used(5000)
        self.assertIn("restart it", self.run_it("enable"))
        self.only("stale", "not read", "process 77")
        self.run_it("enable")
        self.only("stale", "not read")
        self.process(XCP_NG, 900000)  # restarted, 1000 s ago by the boot's clock
        self.only("on", "(/etc/xenopsd.conf.d/exclaim.conf), read; not used since")
        self.used(500)
        self.only("on", "read, used: last report 20")
        self.put("emu-manager=/y\n", "etc/xenopsd.conf.d/zz")
        self.only("stale", "overridden: it ends up with emu-manager=/y")

    def test_a_fragment_put_by_hand(self):
        """No note of ours: the clock says who can have read it."""
        self.process(XCP_NG, 900000)
        self.put("emu-manager=%s\n" % self.ours(), "etc/xenopsd.conf.d/exclaim.conf")
        self.only("stale", "not read")
        self.process(XCP_NG, 1000100)
        self.only("on", "read; not used")

    def test_names_are_others_text(self):
        self.process(XCP_NG)
        self.run_it("enable", "emu-manager")
        for pid, name in ((81, "xenopsd-\x1b[31mred"), (82, "xenopsd|on|x"), (83, "xenopsd\nline"), (84, "xenopsd-\u202e\u009b")):
            self.shows(["/usr/sbin/" + name, "--config", "/etc/none\x1b]0;title\x07"], pid=pid)
        for arguments in (["status"], ["status", "--lines"]):
            shown = self.run_it(*arguments)
            self.assertRegex(shown, r"\A[ -~\n]*\Z")
            for name in ("xenopsd-?[31mred", "xenopsd?on?x", "xenopsd?line"):
                self.assertRegex(shown, r"%s \(process 8\d\) is left alone" % re.escape(name))
        self.assertEqual(len(self.states()), 5)
        self.shows(["/usr/sbin/xenopsd", "--emu-manager", "/x\x1b[31m\u202e"], pid=85)
        self.assertRegex(self.run_it("enable", "emu-manager", code=5), r"\A[ -~]* emu-manager=/x\?\[31m\?[ -~]*\n\Z")

    def test_not_idle_until_restarted(self):
        self.process(XCP_NG)
        self.assertIn("restart it", self.run_it("enable"))
        self.assertIn("exclaim-hooks disable", self.run_it("idle", code=5))
        self.process(XCP_NG, 2000)  # restarted: reads the fragment
        self.assertIn("restart it", self.run_it("disable"))
        self.assertIn("process 77", self.run_it("idle", code=5))
        self.only("stale", "not restarted", "process 77")
        self.run_it("disable")
        self.run_it("idle", code=5)
        self.process(XCP_NG, 3000)
        self.run_it("idle")
        self.run_it("idle")

    def test_enabled_again_before_a_restart(self):
        self.process(XCP_NG)
        self.run_it("enable")
        self.process(XCP_NG, 2000)
        self.run_it("disable")
        self.run_it("enable")
        self.only("on", "read")  # it read the one before, which said the same
        self.run_it("disable")
        self.assertIn("process 77", self.run_it("idle", code=5))

    def test_idle_at_once_where_nobody_read_it(self):
        self.process(XCP_NG)
        self.run_it("enable")
        self.run_it("disable")
        self.run_it("idle")

    # --- the rest ---

    def test_there_and_back(self):
        self.process(XCP_NG)
        before = self.tree()
        self.run_it("enable")
        self.assertEqual(os.readlink(self.path("etc/xapi.d/plugins/exclaim")), self.libexec + "/xapi-plugin")
        self.assertEqual(os.stat(self.path("etc/xenopsd.conf.d/exclaim.conf")).st_mode & 0o777, 0o644)
        enabled = self.tree()
        self.run_it("enable")
        self.assertEqual(self.tree(), enabled)
        self.assertEqual(self.run_it("status").count(" in place"), 3)
        self.run_it("disable")
        self.assertEqual(self.run_it("status").count(" disabled"), 3)
        self.run_it("disable")
        self.run_it("idle")
        os.rmdir(self.path("run/exclaim"))
        self.assertEqual(self.tree(), before)

    def test_parts(self):
        self.process(XCP_NG)
        self.run_it("enable", "plugin")
        self.assertEqual([s for s, _ in self.states("plugin")], ["on"])
        self.assertFalse(os.path.exists(self.path("etc/xenopsd.conf.d")))
        self.run_it("enable", "emu-manager")
        self.run_it("disable", "plugin")
        self.assertEqual([s for s, _ in self.states("plugin")], ["off"])
        self.assertEqual(self.reads(XCP_NG), self.ours())

    def test_rotated_and_in_status_reports_while_in_use(self):
        self.process(XCP_NG)
        for name in ("etc/logrotate.d", "etc/xensource/bugtool"):
            os.makedirs(self.path(name))
        before = self.tree()
        links = ("etc/logrotate.d/exclaim", "etc/xensource/bugtool/exclaim.xml", "etc/xensource/bugtool/exclaim")

        def there():
            return [os.path.islink(self.path(name)) for name in links]

        self.assertEqual(self.states("logrotate") + self.states("bugtool"), [])
        self.run_it("enable", "plugin")
        self.assertEqual(there(), [True] * 3)
        self.assertEqual(os.readlink(self.path(links[0])), self.path("usr/share/exclaim/logrotate.conf"))
        self.run_it("enable", "xenguest")
        self.run_it("disable", "plugin")
        self.assertEqual(there(), [True] * 3)
        self.run_it("disable")
        self.assertEqual(self.tree(), before)

        # Of others; or not put there by the version that enabled the hooks.
        self.run_it("enable", "plugin")
        self.put("{}", "usr/share/exclaim/logrotate.conf")
        self.assertEqual([s for s, _ in self.states("logrotate")], ["on"])
        self.put("report_file = /var/log/other\n", "etc/exclaim/exclaim.conf")
        self.assertEqual([s for s, _ in self.states("logrotate")], ["stale"])
        for name in links:
            os.unlink(self.path(name))
        self.assertEqual([s for s, _ in self.states("logrotate") + self.states("bugtool")], ["stale", "stale"])
        self.put("theirs", links[0])
        self.run_it("enable", "plugin")
        self.assertEqual([s for s, _ in self.states("logrotate")], ["on"])
        self.run_it("disable")
        self.assertEqual(self.get(links[0]), "theirs")

    def test_a_pipe_in_place_of_the_configuration(self):
        os.makedirs(self.path("etc/logrotate.d"))
        os.makedirs(self.path("etc/exclaim"), exist_ok=True)
        self.process(XCP_NG)
        self.run_it("enable", "plugin")
        self.put("{}", "usr/share/exclaim/logrotate.conf")
        os.mkfifo(self.path("etc/exclaim/exclaim.conf"))
        self.assertEqual([s for s, _ in self.states("logrotate")], ["on"])

    def test_the_hook_of_earlier_versions_goes(self):
        """Its program is gone, and xenopsd fails a migration whose hook cannot be run."""
        for verb in ("enable", "disable"):
            os.makedirs(self.path("etc/xapi.d/vm-post-migrate"))
            os.symlink(self.libexec + "/vm-post-migrate", self.path("etc/xapi.d/vm-post-migrate/90-exclaim"))
            self.put("/usr/bin/true\n", "etc/xapi.d/vm-post-migrate/50-other")
            self.run_it(verb, "plugin")
            self.assertEqual(os.listdir(self.path("etc/xapi.d/vm-post-migrate")), ["50-other"])
            shutil.rmtree(self.path("etc/xapi.d/vm-post-migrate"))

    def test_directories_and_files_of_others_stay(self):
        self.process(XCP_NG)
        before = self.tree()
        self.run_it("enable")
        self.put("", "etc/xenopsd.conf.d/other.conf")
        self.run_it("disable")
        self.assertEqual([p for p, _ in self.tree() if "xenopsd.conf.d" in p], ["etc/xenopsd.conf.d", "etc/xenopsd.conf.d/other.conf"])
        os.unlink(self.path("etc/xenopsd.conf.d/other.conf"))
        self.run_it("disable")
        os.rmdir(self.path("run/exclaim"))
        self.assertEqual(self.tree(), before)
        self.put("theirs", "etc/xapi.d/plugins/exclaim")
        self.assertIn("not ours", self.run_it("enable", "plugin", code=5))
        self.run_it("disable")
        self.assertEqual(self.get("etc/xapi.d/plugins/exclaim"), "theirs")

    def test_nothing_that_xenopsd_could_not_start(self):
        self.process(XCP_NG)
        before = self.tree()
        self.put("#!/bin/sh\nexit 5\n", self.libexec, "emu-manager", mode=0o755)
        self.assertIn("real emu-manager is not found", self.run_it("enable", "emu-manager", code=5))
        self.put("#!/bin/sh\nexit 127\n", self.libexec, "emu-manager", mode=0o755)  # as the loader ends without a library
        self.assertIn("cannot be started", self.run_it("enable", "emu-manager", code=5))
        for name in ("emu-manager", "xapi-plugin"):
            os.chmod(os.path.join(self.libexec, name), 0o644)
            self.assertIn("not executable", self.run_it("enable", name.replace("xapi-plugin", "plugin"), code=5))
        self.assertEqual(self.tree(), before)

    def test_the_supervisor_says_that_there_is_no_real_one(self):
        """What enable relies on: without arguments it becomes the real one, or exits with 5."""
        for real, code in (("/nowhere/emu-manager", 5), (EMU_MANAGER, 5), (self.put("#!/bin/sh\nexit 2\n", "real", mode=0o755), 2)):
            conf = self.put("emu_manager = %s\nreport_file = %s\n" % (real, self.path("reports")), "conf")
            done = subprocess.run([EMU_MANAGER], env={"EXCLAIM_CONF": conf}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
            self.assertEqual(done.returncode, code, real)

    def test_what_was_started_before_goes_on_behind_ours(self):
        self.put("#!/bin/sh\n", "opt/x/emu-manager", mode=0o755)
        for line, file in ((XCP_NG, "emu-manager = '/opt/x/emu-manager' # theirs\n"), (XCP_NG + " --emu-manager /opt/x/emu-manager", "")):
            self.put(file, "etc/xenopsd.conf")
            self.assertEqual(self.process(line), "/opt/x/emu-manager")
            self.put("", "etc/exclaim/exclaim.conf")
            self.assertIn('put "emu_manager = /opt/x/emu-manager" into', self.run_it("enable", "emu-manager", code=5))
            self.assertFalse(os.path.exists(self.path("etc/xenopsd.conf.d")))
            self.put("emu_manager = /opt/x/emu-manager\n", "etc/exclaim/exclaim.conf")
            self.run_it("enable", "emu-manager")
            self.assertEqual(self.reads(line), self.ours())
            self.run_it("disable")

    def test_a_line_is_read_as_xenopsd_reads_it(self):
        self.process(XCP_NG)
        self.put("#!/bin/sh\n", "opt/x", mode=0o755)
        for line in ("emu-manager=/opt/x", "  emu-manager\t = \\ /opt/x \t", "set emu-manager = '/opt/x'", "==\\emu-manager=/opt/x#y", 'emu-manager="/opt/x"'):
            self.put("emu-manager=/y\n" + line + "\nemu-manager-x=/z\nxemu-manager=/z\nx=emu-manager=/z\n# emu-manager=/z", "etc/xenopsd.conf")
            self.assertEqual(self.reads(XCP_NG), "/opt/x", line)
            self.assertIn("emu-manager=/opt/x;", self.run_it("enable", "emu-manager", code=5), line)

    def test_overridden(self):
        self.process(XCP_NG)
        self.put("emu-manager=%s\n" % self.ours(), "etc/xenopsd.conf.d/exclaim.conf.bak")
        self.put("emu-manager=/y\n", "etc/xenopsd.conf.d/zz")
        self.put("emu_manager = /y\n", "etc/exclaim/exclaim.conf")
        self.assertIn("says emu-manager=/y", self.run_it("enable", "emu-manager", code=5))

    def test_the_order_is_that_of_bytes(self):
        self.process(XCP_NG)
        for name in (".zz", "Zz", "EXCLAIM.conf"):
            self.put("emu-manager=/y\n", "etc/xenopsd.conf.d", name)
        self.put("emu_manager = /y\n", "etc/exclaim/exclaim.conf")
        self.run_it("enable", "emu-manager")
        self.assertEqual(self.reads(XCP_NG), self.ours())

    # --- programs of Xen behind ours ---

    XENGUEST = "usr/libexec/xen/bin/xenguest"
    HELPERS = ("usr/lib/xen-4.17/bin/libxl-save-helper", "usr/lib/xen-4.20/bin/libxl-save-helper")

    def programs(self):
        for name in ("xenguest", "libxl-save-helper"):
            self.put("#!/bin/sh\nexit 2\n", self.libexec, name, mode=0o755)
        for name in (self.XENGUEST, *self.HELPERS):
            self.put("#!/bin/sh\n# Xen's own\n", name, mode=0o755)
        return self.tops("usr")

    def tops(self, *tops):
        found = []
        for top in tops:
            for where, _, files in os.walk(self.path(top)):
                for name in files:
                    path = os.path.join(where, name)
                    found.append((os.path.relpath(path, self.dir), os.readlink(path) if os.path.islink(path) else self.get(path)))
        return sorted(found)

    def test_ours_in_front_of_xen_s_programs(self):
        before = self.programs()
        for part, ours, paths in (("xenguest", "xenguest", (self.XENGUEST,)), ("xl", "libxl-save-helper", self.HELPERS)):
            self.assertEqual({s for s, _ in self.states(part)}, {"off"})
            self.run_it("enable", part)
            for path in paths:
                self.assertEqual(os.readlink(self.path(path)), os.path.join(self.libexec, ours))
                self.assertEqual(self.get(path + ".real"), "#!/bin/sh\n# Xen's own\n")
            self.assertEqual([s for s, _ in self.states(part)], ["on"] * len(paths))
            enabled = self.tops("usr", "var")
            self.run_it("enable", part)
            self.run_it("renew")
            self.assertEqual(self.tops("usr", "var"), enabled)
            self.assertIn("exclaim-hooks disable " + part, self.run_it("idle", code=5))
            self.run_it("disable", part)
            self.assertEqual(self.tops("usr"), before)
            self.run_it("idle")
        self.run_it("enable", "xl")
        self.run_it("disable")  # every part
        self.assertEqual(self.tops("usr"), before)
        self.assertEqual(self.tops("var"), [])

    def test_an_update_of_xen_undoes_it(self):
        """Its package's manager knows nothing of ours: what is in place is a new real one, beside an older one."""
        for back in (("enable", "xenguest"), ("renew",)):
            self.programs()
            self.run_it("enable", "xenguest")
            self.put("#!/bin/sh\n# newer\n", self.XENGUEST + ".rpmnew", mode=0o755)
            os.rename(self.path(self.XENGUEST + ".rpmnew"), self.path(self.XENGUEST))
            self.assertEqual([s for s, _ in self.states("xenguest")], ["stale"])
            self.run_it("idle")
            self.run_it(*back)
            self.assertEqual([s for s, _ in self.states("xenguest")], ["on"])
            self.assertEqual(self.get(self.XENGUEST + ".real"), "#!/bin/sh\n# newer\n")
            self.run_it("disable", "xenguest")
            self.assertEqual(self.get(self.XENGUEST), "#!/bin/sh\n# newer\n")
            self.assertFalse(os.path.exists(self.path(self.XENGUEST + ".real")))
        self.run_it("renew")  # what is out of use stays so
        self.assertEqual([s for s, _ in self.states("xenguest")], ["off"])

    def test_an_update_undone_and_taken_out_of_use(self):
        self.programs()
        self.run_it("enable", "xenguest")
        os.unlink(self.path(self.XENGUEST))
        self.put("#!/bin/sh\n# newer\n", self.XENGUEST, mode=0o755)
        self.run_it("disable", "xenguest")
        self.assertEqual(self.get(self.XENGUEST), "#!/bin/sh\n# newer\n")
        self.assertFalse(os.path.exists(self.path(self.XENGUEST + ".real")))

    def test_dpkg_is_told(self):
        self.programs()
        self.put("", "var/lib/dpkg/status")
        os.makedirs(self.path("var/lib/dpkg/updates"))
        self.run_it("enable", "xl")
        told = self.get("var/lib/dpkg/diversions").split()
        self.assertEqual(sorted(told), sorted(word for path in self.HELPERS for word in ("/" + path, "/%s.real" % path, "exclaim")))
        self.run_it("disable", "xl")
        self.assertEqual(self.get("var/lib/dpkg/diversions"), "")

    def test_the_real_one_is_gone(self):
        self.programs()
        self.run_it("enable", "xenguest")
        os.unlink(self.path(self.XENGUEST + ".real"))
        self.assertEqual([s for s, _ in self.states("xenguest")], ["broken"])
        for args in (("enable", "xenguest"), ("disable", "xenguest")):
            self.assertIn("install Xen's again", self.run_it(*args, code=5))

    def test_nothing_is_displaced_by_what_does_not_start(self):
        before = self.programs()
        for exit_code in (5, 126, 127):
            for name in ("xenguest", "libxl-save-helper"):
                self.put("#!/bin/sh\nexit %d\n" % exit_code, self.libexec, name, mode=0o755)
            for part in ("xenguest", "xl"):
                self.assertIn("cannot be started", self.run_it("enable", part, code=5))
        self.programs()
        self.assertEqual(self.tops("usr"), before)
        self.assertEqual(self.tops("var"), [])
        os.unlink(self.path(self.XENGUEST))
        os.symlink("/etc/alternatives/xenguest", self.path(self.XENGUEST))
        self.assertIn("whose is it", self.run_it("enable", "xenguest", code=5))

    def test_no_such_program(self):
        os.unlink(self.path(self.XENGUEST))
        self.assertIn("no xenguest here", self.run_it("enable", "xenguest", code=4))
        self.assertIn("no xl here", self.run_it("enable", "xl", code=4))
        self.run_it("disable", "xl")

    def test_not_here(self):
        shutil.rmtree(self.path("etc/xapi.d"))
        before = self.tree()
        self.assertIn("no xapi here", self.run_it("enable", code=4))
        self.assertEqual([self.states(part) for part in ("emu-manager", "plugin", "xl")], [[("off", "not on this host")]] * 3)
        self.assertIn("no xenopsd here", self.run_it("enable", "emu-manager", code=4))
        self.run_it("disable")
        self.run_it("idle")
        self.assertEqual(self.tree(), before)

    def test_usage(self):
        for args in ((), ("remove",), ("enable", "everything"), ("enable", "vm-post-migrate"), ("status", "x"), ("idle", "x")):
            said = self.run_it(*args, code=2)
            self.assertIn(f'"{args[-1]}"' if args else "Usage:", said)
            self.assertEqual(said.count("\n"), 1 if args else 4, said)
        for word in ("-h", "--help", "help"):
            self.assertTrue(self.run_it(word).startswith("Usage: exclaim-hooks enable"))

    @unittest.skipIf(os.getuid(), "only root can be somebody else")
    def test_not_root(self):
        os.chmod(self.dir, 0o755)
        for verb in ("enable", "disable", "renew"):
            done = subprocess.run([self.script, verb], env={"PATH": os.environ["PATH"]}, user=65534, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual((done.returncode, done.stdout, done.stderr.decode()), (5, b"", f"exclaim-hooks: {verb} needs root\n"))

    def test_a_program_that_aborts_without_arguments(self):
        """As Xen's libxl-save-helper does: the shell says nothing of it."""
        self.programs()
        for name in ("libxl-save-helper", "emu-manager"):
            self.put("#!/bin/sh\nkill -ABRT $$\n", self.libexec, name, mode=0o755)
        self.process(XCP_NG)
        for part in ("xl", "emu-manager"):
            self.assertNotIn("Aborted", self.run_it("enable", part))


class Example(InDir):
    def test_the_example_has_every_key_and_is_right(self):
        with open(os.path.join(DOCS, "exclaim.conf.example")) as f:
            text = f.read().replace("@EXCLAIM_FULL_PLUGINDIR@", "/usr/lib/exclaim")
        conf = self.put(re.sub(r"(?m)^#(?=[a-z_]+ =)", "", text), "conf")
        done = subprocess.run([EXCLAIM, "status", "--json"], env={"EXCLAIM_CONF": conf}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertNotEqual(done.returncode, 2, done.stderr)
        usage = subprocess.run([EXCLAIM, "help", "config"], env={"EXCLAIM_CONF": conf}, stdout=subprocess.PIPE).stdout.decode()
        self.assertEqual(re.findall(r"(?m)^#?([a-z_]+) =", text), re.findall(r"(?m)^([a-z_]+) =", usage))
        defaults = subprocess.run([EXCLAIM, "help", "config"], env={"EXCLAIM_CONF": "/dev/null"}, stdout=subprocess.PIPE).stdout.decode()
        self.assertEqual(*(dict(re.findall(r"(?m)^#?((?!place_object)[a-z_]+) = ?(.*)$", each)) for each in (text, defaults)))


if __name__ == "__main__":
    unittest.main()
