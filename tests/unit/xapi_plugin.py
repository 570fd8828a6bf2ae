# SPDX-License-Identifier: BSD-2-Clause
"""The XAPI plugin from outside, as xapi runs it."""
import atexit
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import unittest
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
DIR = tempfile.mkdtemp(prefix="exclaim-test.")
atexit.register(shutil.rmtree, DIR)


def plugin_for(name, exclaim, **changes):
    """The plugin as it is installed, but for the program that it starts and its bounds."""
    with open(os.path.join(os.environ["HOOKS"], "xapi-plugin")) as f:
        text = f.read()
    for old, new in dict(changes, **{"@CMAKE_INSTALL_FULL_SBINDIR@/exclaim": exclaim}).items():
        assert old in text, old
        text = text.replace(old, new)
    path = os.path.join(DIR, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)
    return path


FAKE = plugin_for("fake", os.path.join(HERE, "fake-exclaim"), **{"SECONDS = 60": "SECONDS = 3"})
REAL = plugin_for("real", os.environ["EXCLAIM_BIN"])


def run(argument, plugin=FAKE, stdout=subprocess.PIPE):
    return subprocess.run([plugin, argument], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, timeout=120)


def respond(argument, plugin=FAKE):
    """What xapi would read; a response is always written, and the exit is then 0."""
    done = run(argument, plugin)
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert done.stderr == b"", done.stderr
    (result,), name = xmlrpc.client.loads(done.stdout)
    assert name is None
    assert result["Status"] in ("Success", "Failure"), result
    assert set(result) == {"Status", "Value" if result["Status"] == "Success" else "ErrorDescription"}, result
    return result


def call(function, args=None, plugin=FAKE):
    return respond(xmlrpc.client.dumps(("OpaqueRef:0", args or {}), function), plugin)


class Functions(unittest.TestCase):
    def argv(self, function, **args):
        result = call(function, args)
        self.assertEqual(result["Status"], "Success", result)
        value = json.loads(result["Value"])
        self.assertEqual(value["stdin"], "")
        return value["argv"]

    def failed(self, result, code, function, *texts):
        self.assertEqual(result["Status"], "Failure", result)
        words = result["ErrorDescription"]
        self.assertEqual(words[:2], [code, function])
        for text in texts:
            self.assertIn(text, words[2])
        return words

    def test_each_runs_its_verb(self):
        for verb in ("caps", "host", "status"):
            self.assertEqual(self.argv(verb), [verb, "--json"])
        self.assertEqual(self.argv("snapshot"), ["host", "--snapshot", "--json"])
        self.assertEqual(self.argv("count", vm="web1"), ["count", "--json", "--", "web1"])
        self.assertEqual(
            self.argv("verify", vm="7", nodes="0=7497,1=12999"),
            ["verify", "--json", "--node", "0=7497", "--node", "1=12999", "--", "7"],
        )

        self.assertEqual(
            self.argv("note", vm="11111111-2222-3333-4444-555555555555", nodes="0=1,1=0", seconds="600"),
            ["match", "--json", "--node", "0=1", "--node", "1=0", "--seconds=600", "--note=11111111-2222-3333-4444-555555555555"],
        )

    def test_no_word_becomes_another(self):
        self.assertEqual(
            self.argv("note", vm="--record=/etc/shadow", nodes="--policy=strict", seconds="1 --x"),
            ["match", "--json", "--node", "--policy=strict", "--seconds=1 --x", "--note=--record=/etc/shadow"],
        )
        for vm in ("--policy=strict", "$(reboot)", "a b;c|d", "ä<&>\"'", "", "-", "--", "x" * 4000):
            self.assertEqual(self.argv("count", vm=vm), ["count", "--json", "--", vm])

    def test_what_changes_something_is_no_function(self):
        for name in ("claim", "release", "match", "header", "evacuate", "--help", "count ", "Count", "x" * 5000):
            self.failed(call(name, {"vm": "5"}), "EXCLAIM_USAGE", name, "there are caps, check, count, host, note, snapshot, status, verify")

    def test_arguments_are_just_those(self):
        self.failed(call("count"), "EXCLAIM_USAGE", "count", '"vm" is missing')
        self.failed(call("verify", {"vm": "5"}), "EXCLAIM_USAGE", "verify", '"nodes" is missing')
        self.failed(call("caps", {"vm": "5"}), "EXCLAIM_USAGE", "caps", "takes none, not 1 arguments")
        self.failed(call("count", {"vm": "5", "lock_dir": "/tmp"}), "EXCLAIM_USAGE", "count", "takes vm, not 2 arguments")
        self.failed(call("verify", {"vm": "5", "nodes": "0=1," * 65}), "EXCLAIM_USAGE", "verify", "more than 64")
        many = {"a%d" % i: "" for i in range(17)}
        self.failed(call("caps", many), "EXCLAIM_USAGE", "caps", "takes none, not 17 arguments")

    def test_a_host_that_is_not_ready_is_an_answer(self):
        """check says by its exit what is in its JSON as well."""
        check = plugin_for("check", "/bin/sh", **{'["check"], []': '["-c", "echo {}; exit 3", "check"], []'})
        self.assertEqual(call("check", plugin=check), {"Status": "Success", "Value": "{}\n"})
        self.failed(call("check", plugin=plugin_for("silent", "/bin/sh", **{'["check"], []': '["-c", "exit 4", "check"], []'})), "EXCLAIM_NOT_SUPPORTED", "check")

    def test_exit_codes(self):
        codes = {2: "EXCLAIM_USAGE", 3: "EXCLAIM_DOES_NOT_FIT", 4: "EXCLAIM_NOT_SUPPORTED", 5: "EXCLAIM_FAILED", 77: "EXCLAIM_FAILED"}
        for exit_code, code in codes.items():
            words = self.failed(call("count", {"vm": "exit-%d" % exit_code}), code, "count")
            self.assertEqual(words[2:], ["exclaim count: first line <&>"])
        self.failed(call("count", {"vm": "5"}, plugin_for("none", "/nowhere/exclaim")), "EXCLAIM_FAILED", "count", "cannot be started")
        self.failed(call("count", {"vm": "signal"}), "EXCLAIM_FAILED", "count", "killed by signal 9")

    def test_a_difference_comes_with_its_numbers(self):
        words = self.failed(call("verify", {"vm": "differs", "nodes": "0=1"}), "EXCLAIM_DOES_NOT_FIT", "verify", "as it should")
        self.assertEqual(json.loads(words[3]), {"exact": False})

    def test_bounds(self):
        for vm in ("hang", "hang-closed", "leave-child"):
            self.failed(call("count", {"vm": vm}), "EXCLAIM_FAILED", "count", "in time")
        self.failed(call("count", {"vm": "flood"}), "EXCLAIM_FAILED", "count", "more than 4194304 bytes")
        self.failed(call("count", {"vm": "silent"}), "EXCLAIM_FAILED", "count", "printed nothing")
        self.assertEqual(call("count", {"vm": "flood-err"})["Status"], "Success")

    def test_what_xml_cannot_carry(self):
        self.assertEqual(call("count", {"vm": "binary"})["Value"], '{"a":"????' + "???" + ' ä <&>"}\n')

    def test_the_real_one(self):
        done = subprocess.run([os.environ["EXCLAIM_BIN"], "count", "--json", "--", "-5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        result = call("count", {"vm": "-5"}, REAL)
        if done.returncode == 0:
            self.assertEqual(result["Status"], "Success")
        else:
            self.assertEqual(result["ErrorDescription"][2], done.stderr.decode().rstrip("\n"))
        result = call("verify", {"vm": "5", "nodes": "0=many"}, REAL)
        self.failed(result, "EXCLAIM_USAGE", "verify", '"many" is not a number of pages')


PARAMS = "<params><param><value>s</value></param><param><value><struct>%s</struct></value></param></params>"
MEMBER = "<member><name>vm</name><value>%s</value></member>"


def xml(name="<methodName>count</methodName>", params=PARAMS % (MEMBER % "5"), head=""):
    return head + "<methodCall>" + name + params + "</methodCall>"


class Hostile(unittest.TestCase):
    def refused(self, text, *reasons):
        result = respond(text)
        self.assertEqual(result["Status"], "Failure", text[:200])
        self.assertEqual(result["ErrorDescription"][0], "EXCLAIM_USAGE")
        for reason in reasons:
            self.assertIn(reason, result["ErrorDescription"][2])

    def test_the_plain_one_is_taken(self):
        self.assertEqual(respond(xml())["Status"], "Success")
        self.assertEqual(respond(xml(params=PARAMS % (MEMBER % "<string>5</string>"), head='<?xml version="1.0"?>\n'))["Status"], "Success")

    def test_not_xml(self):
        for text in ("", " ", "count", "<", "<methodCall>", xml()[:-1], xml() + "<x/>", "\x01", "<a>&nosuch;</a>"):
            self.refused(text, "not XML")

    def test_bytes_that_are_no_text(self):
        self.refused(os.fsdecode(b"\xff\xfe\x00"[:2]), "not XML")
        self.refused(os.fsdecode(xml().encode().replace(b">5<", b">\xff\xfe<")), "not XML")

    def test_no_document_type(self):
        self.refused('<!DOCTYPE methodCall SYSTEM "file:///etc/passwd">' + xml(), "document type")
        self.refused('<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + xml(params=PARAMS % (MEMBER % "&x;")), "document type")
        laughs = "".join('<!ENTITY l%d "%s">' % (i, "&l%d;" % (i - 1) * 10) for i in range(1, 30))
        self.refused('<!DOCTYPE m [<!ENTITY l0 "ha">%s]>' % laughs + xml(params=PARAMS % (MEMBER % "&l29;")), "document type")

    def test_other_shapes(self):
        string = "<value>s</value>"
        taken = []
        for params in (
            "",
            "<params/>",
            "<params><param>%s</param></params>" % string,
            "<params><param>%s</param><param>%s</param></params>" % (string, string),
            "<params><param>%s</param><param><value><array/></value></param></params>" % string,
            PARAMS % "" + "<params/>",
            PARAMS.replace("</params>", "<param>%s</param></params>" % string) % "",
            PARAMS % "<member/>",
            PARAMS % "<member><name>vm</name></member>",
            PARAMS % "<member><value>5</value><name>vm</name></member>",
            PARAMS % (MEMBER % "<int>5</int>"),
            PARAMS % (MEMBER % "<base64>NQ==</base64>"),
            PARAMS % (MEMBER % "<string><b>5</b></string>"),
            PARAMS % (MEMBER % "<string>5</string><string>6</string>"),
            PARAMS % "<vm>5</vm>",
            PARAMS % (MEMBER % "5" * 2),
        ):
            result = respond(xml(params=params))
            if result["Status"] == "Failure":
                self.assertEqual(result["ErrorDescription"][0], "EXCLAIM_USAGE")
            else:  # Python's reader takes some of them; what it makes of them is one word, whatever it says
                self.assertEqual(json.loads(result["Value"])["argv"][:3], ["count", "--json", "--"], params)
                taken.append(params)
        self.assertLess(len(taken), 7, taken)
        self.refused(xml(name=""), "methodCall")
        self.refused(xml(name="<methodName><b/></methodName>"), "methodCall")
        self.refused("<methodResponse/>", "not XML-RPC")

    def test_size_and_depth(self):
        self.refused("<a>" * 20000, "not XML")
        self.refused("<a>" * 300 + "</a>" * 300, "not XML-RPC")
        self.assertEqual(respond(xml(params=PARAMS % (MEMBER % ("x" * 100000))))["Status"], "Success")

    def test_mutations(self):
        """Any damage is answered: refused, or taken as what it now says."""
        rnd = random.Random(1)
        good = xml(params=PARAMS % (MEMBER % "<string>5</string>")).encode()
        for _ in range(100):
            bad = bytearray(good)
            for _ in range(rnd.randint(1, 4)):
                at = rnd.randrange(len(bad))
                how = rnd.randrange(3)
                if how == 0:
                    bad[at] = rnd.randint(1, 255)
                elif how == 1:
                    del bad[at : at + rnd.randint(1, 20)]
                else:
                    bad[at:at] = bad[rnd.randrange(len(bad)) :][: rnd.randint(1, 30)]
            respond(os.fsdecode(bytes(bad)))


class Process(unittest.TestCase):
    def test_without_a_call(self):
        done = subprocess.run([FAKE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count(b"\n")), (2, b"", 1))

    def test_a_full_disk_behind_stdout(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(run(xml(), stdout=full).returncode, 5)

    def test_a_log_that_nobody_reads(self):
        path = os.path.join(DIR, "log")
        plugin = plugin_for("logs", os.path.join(HERE, "fake-exclaim"), **{'"/dev/log"': repr(path)})
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(path)
            call("none\n\x7f\u009b2J", {}, plugin)
            line = daemon.recv(4096).decode()
            self.assertRegex(line, r'^<29>exclaim-xapi-plugin\[\d+\]: .*no function "none\?')
            self.assertNotRegex(line, "[\x00-\x1f\x7f-\x9f]")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
                other.connect(path)
                other.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    while True:
                        other.send(b"x" * 1000)
            self.assertEqual(call("none", {}, plugin)["Status"], "Failure")

    def test_a_reader_that_went(self):
        r, w = os.pipe()
        os.close(r)
        with os.fdopen(w, "wb") as gone:
            self.assertEqual(run(xml(), stdout=gone).returncode, 5)


if __name__ == "__main__":
    unittest.main()
