#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Pages for a browser: contrast of every text by the colours of the style; and where Chromium is installed, as it shows them at 390 px, in the
dark, at 2, 8 and 64 hosts.  EXCLAIM_PICTURES=FOLDER keeps the pictures."""
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

from pools import GIB, Sim, generated, host, state, vm

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
READABLE = 4.5
DARK = "@media screen and (prefers-color-scheme:dark)"

TWO = state([host("alpha", 16 * GIB, 16 * GIB), host("beta", 16 * GIB, 16 * GIB)],
            [vm("db", "alpha", 4 * GIB, 4 * GIB), vm("web", "alpha", 2 * GIB, 0), vm("\u6570\u636e\u5e93", "alpha", 0, 3 * GIB), vm("big", "beta", 6 * GIB, 2 * GIB)])
# `big` comes split, `wide` stays.
TIGHT = state([host("a", 16 * GIB, 16 * GIB), host("b", 4 * GIB, 4 * GIB)],
              [vm("big", "a", 6 * GIB, 0), vm("wide", "a", 9 * GIB, 6 * GIB), vm("pci", "a", GIB, 0, pci=True), vm("filler", "b", GIB, 0)])


@functools.lru_cache(maxsize=1)
def pages():
    """{name: page}, of each verb at each size."""
    made = {}
    for name, content, first in (("2", TWO, "alpha"), ("tight", TIGHT, "a"), ("8", generated(hosts=8, vms=60), "host00"), ("64", generated(hosts=64, vms=1000), "host00")):
        with Sim(content) as sim:
            for kind, words in (("evacuate", ("plan", "evacuate", first)), ("rolling", ("plan", "rolling")), ("preflight", ("preflight", "--host", first))):
                done = sim.run(*words, "--html", sim.file("page.html"))
                assert done.code in (0, 3), done.err
                made[f"{kind}-{name}"] = pathlib.Path(sim.file("page.html")).read_text(encoding="utf-8")
    return made


def palette(style, dark):
    """The variables of the style, by their names."""
    light, night = re.search(r":root\{(.*?)\}", style)[1], re.search(re.escape(DARK) + r"\{:root\{(.*?)\}", style)[1]
    return dict(v.split(":") for v in (light + (";" + night if dark else "")).replace("--", "").split(";"))


def rgb(text):
    digits = text.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * d for d in digits)
    return [int(digits[i:i + 2], 16) for i in (0, 2, 4)]


def mixed(over, under, part):
    return [part * o + (1 - part) * u for o, u in zip(over, under)]


def luminance(colour):
    parts = [c / 255 for c in colour]
    return sum(w * (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4) for w, p in zip((0.2126, 0.7152, 0.0722), parts))


def contrast(one, other):
    a, b = sorted((luminance(one), luminance(other)))
    return (b + 0.05) / (a + 0.05)


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = pages()

    def test_contrast_of_the_style(self):
        style = re.search("<style>(.*?)</style>", self.pages["evacuate-2"], re.S)[1]
        for dark in (False, True):
            colours = palette(style, dark)
            c = {name: rgb(value) for name, value in colours.items() if value.startswith("#")}
            for text in ("ink", "dim"):
                for ground in ("paper", "panel"):
                    self.assertGreaterEqual(contrast(c[text], c[ground]), READABLE, f"{text} on {ground}, dark {dark}")
            for fill in ("stay", "stay2", "move", "kept", "bent", "blind", "no"):
                self.assertGreaterEqual(contrast(c["on"], c[fill]), READABLE, f"text on {fill}, dark {dark}")
                # What is no text but means something: against what it lies on.
                for ground in ("paper", "panel"):
                    self.assertGreaterEqual(contrast(c[fill], c[ground]), 3, f"{fill} on {ground}, dark {dark}")
            band = float(colours["band"])
            for fill in ("kept", "bent", "blind"):
                once = mixed(c[fill], c["paper"], band)
                twice = mixed(c[fill], once, band)
                for ground in (once, twice):
                    self.assertGreaterEqual(contrast(c["ink"], ground), READABLE, f"a name on a band of {fill}, dark {dark}")
            meanings = [colours[n] for n in ("stay", "move", "kept", "bent", "blind", "no", "held")]
            self.assertEqual(len(set(meanings)), len(meanings), "two meanings of one colour")

    def test_colours_have_one_meaning(self):
        # In each page a class that is explained by a key is explained in one way.
        for name, text in self.pages.items():
            keys = re.findall(r'<i class="(\w+)"></i>([^<]*)', text)
            self.assertTrue(keys, name)
            meant = {}
            for colour, words in keys:
                meant.setdefault(colour, set()).add(words)
            for colour, words in meant.items():
                ends = {w.split(",")[0].split()[0] for w in words}
                self.assertLessEqual(len(words), 3, f"{name}: {colour} is {words}")
                self.assertFalse("no" == colour and ends & {"arrives", "fits"}, f"{name}: {words}")
        self.assertIn('<i class="no"></i>cannot leave', self.pages["evacuate-tight"])

    def test_words(self):
        for name, text in self.pages.items():
            self.assertNotRegex(text, r"0\.0 MiB|[^(0-9][0-9]{5,} pages|OpaqueRef", name)
            self.assertIn(" GiB", text, name)
        self.assertNotIn("data-is=\"wave\">0</td>", self.pages["evacuate-2"])  # waves count from 1
        self.assertIn(">6 of 16 GiB<", self.pages["evacuate-2"])
        rolling = self.pages["rolling-64"]
        self.assertIn("<b>64</b>hosts are upgraded", rolling)
        self.assertIn("Hosts over time", rolling)
        blocked = self.pages["rolling-tight"]
        for words in ("<b>1</b>move<", "<b>1</b>wave<", "<b>1</b>VM ends on another host<", "a is emptied as far as it can be: infeasible: "):
            self.assertIn(words, blocked)
        # Before and after equal is drawn once.
        self.assertIn("64 hosts have in the end what they have now", rolling)
        self.assertNotIn(">after</span>", rolling)
        self.assertEqual(self.pages["evacuate-2"].count(">after</span>"), 4)

    def test_one_is_one(self):
        with Sim(state([host("a", 8 * GIB)], [vm("x", "a", GIB)])) as sim:
            for words in (("plan", "evacuate", "a"), ("plan", "rolling")):
                sim.run(*words, "--html", sim.file("page.html"))
                text = pathlib.Path(sim.file("page.html")).read_text(encoding="utf-8")
                self.assertIn(">1 host and 1 running VM, read ", text)
                self.assertNotRegex(text, r"(?<!of )\b1 (hosts|VMs|moves|waves|of its VMs stay<)\b")
                if "rolling" not in words:
                    self.assertIn("<title>Evacuation of a</title>", text)
        for name, text in self.pages.items():
            self.assertNotRegex(text, r"(?<!of )\b1 (hosts|VMs|moves|waves)\b|\b1 arrive\b", name)

    def test_no_section_is_empty(self):
        with Sim(state([host("a", GIB), host("b", GIB)], [])) as sim:
            for words in (("plan", "evacuate", "a"), ("preflight", "--host", "a")):
                self.assertEqual(sim.run(*words, "--html", sim.file("page.html")).code, 0)
                text = pathlib.Path(sim.file("page.html")).read_text(encoding="utf-8")
                self.assertEqual(re.findall("<h2>(.*?)</h2>", text), ["Hosts and nodes"])

    def test_names_in_pictures(self):
        # Whole characters, and two names do not become one.
        names = ["xenserver-rack-07-host-%d" % i for i in range(2)] + ["\u6570\u636e\u5e93\u670d\u52a1\u5668\u4e3b\u8981\u8282\u70b9\u751f\u4ea7\u73af\u5883"]
        content = state([host(name, 16 * GIB) for name in names], [vm(f"production-database-server-0{i}-{names[2]}", names[0], 4 * GIB) for i in range(2)])
        with Sim(content) as sim:
            for words in (("plan", "evacuate", names[0]), ("plan", "rolling")):
                sim.run(*words, "--html", sim.file("page.html"))
                text = pathlib.Path(sim.file("page.html")).read_text(encoding="utf-8")
                pictures = re.findall(r"<text[^>]*>([^<]*)</text>", "".join(re.findall('<svg class="(?:flow|time)".*?</svg>', text, re.S)))
                self.assertNotIn("&#xfffd;", text)
                ends = [label.split(",")[0] for label in pictures if "\u2026" in label]
                self.assertTrue(ends, pictures)
                self.assertFalse([e for e in ends if e.endswith("\u2026")], ends)
                self.assertTrue([e for e in ends if e.endswith("host-0")] and [e for e in ends if e.endswith("host-1")], ends)

    def test_no_element_closes_itself_but_in_pictures(self):
        # A browser reads <i/> as <i>, and all that follows would be inside of it.
        for name, text in self.pages.items():
            bare = re.sub(r"<svg.*?</svg>", "", text, flags=re.S)
            self.assertEqual(re.findall(r"<(?!meta\b)\w[^<>]*/>", bare), [], name)


# In a frame of 390 px: headless windows are never narrower than 500.
MEASURE = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0"><iframe style="width:WIDTHpx;height:1400px;border:0"></iframe><pre></pre><script>
const frame = document.querySelector("iframe");
function rgb(text) { return (text.match(/[0-9.]+/g) || []).map(Number); }
function ground(e) {
    for (; e; e = e.parentElement) {
        const c = rgb(frame.contentWindow.getComputedStyle(e).backgroundColor);
        if (c.length == 3 || c[3] > 0) return c.slice(0, 3);
    }
    return [255, 255, 255];
}
frame.onload = () => {
    const d = frame.contentDocument, pairs = {};
    for (const e of d.querySelectorAll("body *")) {
        if (!e.closest("svg") && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && e.getClientRects().length)
            pairs[rgb(frame.contentWindow.getComputedStyle(e).color).slice(0, 3) + ";" + ground(e)] = e.className || e.tagName;
    }
    const wide = [...d.querySelectorAll(".host,.row,.verdict,.sum div,.key,h1,.scroll:has(.rows)")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML.slice(0, 200));
    const rect = e => e && e.getBoundingClientRect();
    const named = [...d.querySelectorAll(".bar b")].filter(e => rect(e).top < rect(e.parentElement).bottom - 1);
    const cut = named.filter(e => rect(e).right > rect(e.parentElement).right + 1).map(e => e.textContent);
    const right = Math.max(0, ...[...d.querySelectorAll("table,.hosts,.time")].map(e => rect(e).right));
    const above = [...d.querySelectorAll(".sum,.time,.hosts")].map(e => [e.getAttribute("class"), Math.round(rect(e).top)]);
    document.querySelector("pre").textContent = "RESULT" + JSON.stringify({scroll: d.scrollingElement.scrollWidth, inner: frame.contentWindow.innerWidth, pairs: pairs, wide: wide, cut: cut, named: named.length, right: right, above: above, bars: d.querySelectorAll(".bar").length}) + "END";
};
frame.srcdoc = PAGE;
</script>"""


@unittest.skipUnless(CHROMIUM, "no Chromium here")
class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = pages()
        cls.keep = os.environ.get("EXCLAIM_PICTURES")
        cls.folder = tempfile.TemporaryDirectory(prefix="exclaim-pages-")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def chromium(self, *words):
        return subprocess.run([CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={self.folder.name}/profile", *words],
                              capture_output=True, text=True, timeout=240, check=True).stdout

    def measure(self, name, text, width):
        path = pathlib.Path(self.folder.name, f"measure-{name}.html")
        path.write_text(MEASURE.replace("WIDTH", str(width)).replace("PAGE", json.dumps(text).replace("</", "<\\/")))
        told = self.chromium("--virtual-time-budget=20000", "--dump-dom", path.as_uri())
        found = re.search("RESULT(.*?)END</pre>", told, re.S)
        self.assertTrue(found, told[-500:])
        return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))

    def test_narrow_and_dark(self):
        for name, text in self.pages.items():
            for dark in (False, True):
                with self.subTest(name=name, dark=dark):
                    seen = self.measure(name, text.replace(DARK, "@media screen") if dark else text, 390)
                    self.assertEqual(seen["inner"], 390)
                    self.assertLessEqual(seen["scroll"], 390)
                    self.assertEqual(seen["wide"], [])
                    self.assertEqual(seen["cut"], [], "a part of a name on a bar")
                    for pair, where in seen["pairs"].items():
                        ink, ground = ([float(n) for n in side.split(",")] for side in pair.split(";"))
                        self.assertGreaterEqual(contrast(ink, ground), READABLE, f"{where}: {pair}")

    def test_the_answer_of_64_hosts_is_on_the_first_screen(self):
        seen = self.measure("rolling-64", self.pages["rolling-64"], 1280)
        tops = dict(reversed(seen["above"]))
        self.assertLess(tops["sum"], 300)
        self.assertLess(tops["sum"], tops["time"])
        self.assertLess(tops["time"], tops["hosts"])

    def test_names_on_bars(self):
        # Whole, or not at all: "vm0" of vm00043 is another's name.
        seen = self.measure("bars", self.pages["rolling-8"], 1280)
        self.assertEqual(seen["cut"], [])
        self.assertGreater(seen["named"], 8)
        self.assertLess(seen["named"], self.pages["rolling-8"].count("<b>vm"))

    def test_paper_is_wide_enough(self):
        # A4 between the usual margins; on paper nobody scrolls.
        for name in ("preflight-64", "evacuate-64"):
            seen = self.measure(f"paper-{name}", self.pages[name].replace("@media print", "@media screen"), 718)
            self.assertLessEqual(seen["right"], 718, name)

    def test_pictures(self):
        for name, text in self.pages.items():
            html, png = (pathlib.Path(self.folder.name, f"{name}.{end}") for end in ("html", "png"))
            html.write_text(text, encoding="utf-8")
            self.chromium("--window-size=1280,1600", f"--screenshot={png}", html.as_uri())
            data = png.read_bytes()
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual((int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")), (1280, 1600))
            self.assertGreater(len(data), 20000, "an empty picture")
            if self.keep:
                shutil.copy(png, self.keep)

    def test_print(self):
        # What is folded on a screen is printed: a rolling plan of 8 hosts has its moves on paper.
        html, pdf = pathlib.Path(self.folder.name, "print.html"), pathlib.Path(self.folder.name, "print.pdf")
        sizes = []
        for text in (self.pages["rolling-8"], re.sub(r"<details.*?</details>", "", self.pages["rolling-8"], flags=re.S)):
            html.write_text(text, encoding="utf-8")
            self.chromium("--no-pdf-header-footer", f"--print-to-pdf={pdf}", html.as_uri())
            sizes.append(len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())))
        self.assertGreater(sizes[0], sizes[1] + 1, f"pages with and without what is folded: {sizes}")


if __name__ == "__main__":
    unittest.main()
