#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Migrations as xenopsd makes them, with and without the supervisor, alternating on one pair of hosts; tests/bench/run calls it."""
import argparse
import pathlib
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import image  # noqa: E402
import qemu  # noqa: E402
import xenopsd  # noqa: E402
from exclaim import gap, last_report  # noqa: E402
from pair import Pair  # noqa: E402

GUEST_MIB = 160  # enough for the stream to dominate a migration's time

BOTH = [("seconds", "migration, s"), ("mb_s", "stream, MB/s"), ("gap", "guest's silence, s"),
        ("source_start_ms", "source: to prepare, ms"), ("first_byte_ms", "  to first byte, ms"),
        ("first_read_ms", "dest.: to first read, ms"), ("dest_end_ms", "  end to result, ms")]
ALONE = [("dest_peek_ms", "destination: waiting for the record (while the source counts), ms")]


def one(pair, manager):
    """A guest's way from src to dst as xenopsd does it: seconds, stream, longest silence; times from its steps and from when xenguest called libxc, without or with the supervisor in between."""
    guest = pair.guest(mib=GUEST_MIB, spread={1: 15000, 0: "*"})
    pages = guest.counts(pair.src)["total"]
    with xenopsd.installed(pair, xenguest=bool(manager)):
        done = xenopsd.migrate(pair, guest, manager or xenopsd.REAL, manager or xenopsd.REAL, timeout=300)
    pair.check(done.ok, str(done))
    guest.wait_tick(pair.dst, after=pair.check_ticks(guest, pair.src, pair.dst))
    sent, there = xenopsd.libxc_times(pair.src), xenopsd.libxc_times(pair.dst)
    row = {"seconds": done.seconds, "mb_s": pages * 4096 / 1e6 / (sent["over"] - sent["save"]), "gap": gap(pair, guest, pair.src, pair.dst),
           "source_start_ms": (done.src.steps["prepare"] - done.src.steps["started"]) * 1000,
           "first_byte_ms": (sent["save"] - done.src.steps["prepare"]) * 1000,
           "first_read_ms": (there["restore"] - done.dst.steps["restore"]) * 1000,
           "dest_end_ms": (done.dst.steps["result"] - there["over"]) * 1000}
    if manager:
        report = last_report(pair, pair.dst, guest, "destination")
        pair.check(report["exact"] and report["guarantee"] != "none", f"report says {report}")
        row["dest_peek_ms"] = report["ms"]["peek"]
    return row


def main():
    p = argparse.ArgumentParser(prog="tests/rig/bench_xenopsd.py", description=__doc__)
    p.add_argument("--xen", default="4.17,4.17", metavar="SRC,DST")
    p.add_argument("--stage", required=True)
    p.add_argument("--rounds", type=int, default=3)
    args = p.parse_args()
    shape = qemu.Shape((qemu.Node(1536), qemu.Node(1536)))
    rows = {"without": [], "with": []}
    with tempfile.TemporaryDirectory(prefix="exclaim-bench-") as logs:
        pair = Pair([image.flavour(side) for side in args.xen.split(",")], (shape, shape), logs, image.overlay(args.stage))
        try:
            pair.start()
            for number in range(args.rounds):
                for how, manager in (("without", None), ("with", xenopsd.OURS)):
                    rows[how].append(one(pair, manager))
                    pair.clean()
                    print(f"round {number + 1} {how:<8} " + "  ".join(f"{k} {v:.2f}" for k, v in rows[how][-1].items()), flush=True)
        finally:
            pair.stop()
    median = {how: {k: statistics.median(r[k] for r in some) for k in some[0]} for how, some in rows.items()}
    print(f"\nxenopsd, Xen {args.xen}, guest of {GUEST_MIB} MiB, median of {args.rounds} rounds, alternating")
    print(f"{'':<26}{'without':>10}{'with':>10}{'ratio':>8}")
    for key, words in BOTH:
        a, b = median["without"][key], median["with"][key]
        print(f"{words:<26}{a:>10.2f}{b:>10.2f}{b / a:>8.2f}")
    for key, words in ALONE:
        print(f"{words:<66}{median['with'][key]:>8.0f}")


main()
