#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a count from page tables costs per page beside a plain migration of the same guest, in one run; tests/bench/run calls it."""
import argparse
import json
import pathlib
import re
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import booted  # noqa: E402
import image  # noqa: E402
import qemu  # noqa: E402
from pair import Pair  # noqa: E402

GUESTS = (("pvh", 80), ("pvh", 400), ("hvm", booted.MIB))
COUNTS = 5
ROWS = ((1, "count, one worker, us a page"), (2, "count, two workers, us a page"), ("migration", "plain migration, us a page"),
        ("peak", "most memory of a counting process, KiB"))
# The most memory that any process of a count had.
PEAK = """
exclaim {what} --json >/dev/null & pid=$!
while kill -0 $pid 2>/dev/null; do cat /proc/[0-9]*/status 2>/dev/null; done | awk '/^Name:/ {{ours = $2 == "exclaim"}} /^VmHWM:/ {{if (ours && $2 > most) most = $2}} END {{print most + 0}}'
"""


def seconds(host, what):
    """Of one command, from several in one shell."""
    out = host.run(f"time sh -c 'for i in $(seq 1 {COUNTS}); do exclaim {what} --json >/tmp/bench.out || exit 1; done'", timeout=300)
    minutes, rest = re.search(r"real\s+(\d+)m\s*([\d.]+)s", out.err).groups()
    return (int(minutes) * 60 + float(rest)) / COUNTS


def named(guest):
    return f"{guest[0]} {guest[1]} MiB"


def one(pair, kind, mib):
    make = booted.hvm_guest if kind == "hvm" else lambda pair, **options: pair.guest(**options)
    guest = make(pair, name=f"count{mib}", mib=mib, spread={0: mib * 100, 1: "*"})
    pages, row = guest.counts(pair.src)["total"], {}
    for workers in (1, 2):
        row[workers] = seconds(pair.src, f"count {guest.name} --count_workers={workers}")
        said = json.loads(pair.src.get("/tmp/bench.out"))
        pair.check(said["exact"] and said["method"] == "mapped", f"{said}")
    row["peak"] = int(pair.src.run(PEAK.format(what=f"count {guest.name} --count_workers=1"), timeout=120).out or 0)
    done = pair.migrate(guest, timeout=400)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    row["migration"] = done.seconds
    pair.clean()
    return pages, row


def main():
    p = argparse.ArgumentParser(prog="tests/rig/bench_count.py", description=__doc__)
    p.add_argument("--xen", default="4.17,4.17", metavar="SRC,DST")
    p.add_argument("--stage", required=True)
    p.add_argument("--rounds", type=int, default=3)
    args = p.parse_args()
    shape = qemu.Shape((qemu.Node(1536), qemu.Node(1536)), dom0_vcpus=2, hvm=True)
    rows = {guest: [] for guest in GUESTS}
    with tempfile.TemporaryDirectory(prefix="exclaim-bench-") as logs:
        pair = Pair([image.flavour(side) for side in args.xen.split(",")], (shape, shape), logs, image.overlay(args.stage))
        try:
            pair.start()
            for number in range(args.rounds):
                for guest in GUESTS:
                    pages, row = one(pair, *guest)
                    rows[guest].append({key: value if key == "peak" else value / pages * 1e6 for key, value in row.items()})
                    print(f"round {number + 1} {named(guest)} {pages} pages  " + "  ".join(f"{k} {v:.2f}" for k, v in rows[guest][-1].items()), flush=True)
        finally:
            pair.stop()
    print(f"\nXen {args.xen}, median of {args.rounds} rounds; the verb `count` from its start to its end, one process and Xen's handles included")
    print(f"{'':<52}" + "".join(f"{named(guest):>14}" for guest in GUESTS))
    for key, words in ROWS:
        print(f"{words:<52}" + "".join(f"{statistics.median(row[key] for row in rows[guest]):>14.2f}" for guest in GUESTS))
    for workers in (1, 2):
        print(f"{f'{workers} of them beside the migration':<52}" +
              "".join(f"{statistics.median(row[workers] / row['migration'] for row in rows[guest]):>14.3f}" for guest in GUESTS))


main()
