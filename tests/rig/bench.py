#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Migrations with and without exclaim, alternating on one pair of hosts; tests/bench/run calls it."""
import argparse
import pathlib
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import image  # noqa: E402
import qemu  # noqa: E402
from exclaim import HOOK, gap, last_report  # noqa: E402
from pair import Pair  # noqa: E402

GUEST_MIB = 160  # enough for the stream to dominate a migration's time


def one(pair, helper):
    """A guest's way from src to dst: seconds of the migration, megabytes per second, its longest silence, our times."""
    guest = pair.guest(mib=GUEST_MIB, spread={1: 15000, 0: "*"})
    pages = guest.counts(pair.src)["total"]
    done = pair.migrate(guest, src_helper=helper, dst_helper=helper, timeout=300)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    guest.wait_tick(pair.dst, after=pair.check_ticks(guest, pair.src, pair.dst))
    row = {"seconds": done.seconds, "mb_s": pages * 4096 / 1e6 / done.seconds, "gap": gap(pair, guest, pair.src, pair.dst)}
    if helper:
        row["source_ready_ms"] = last_report(pair, pair.src, guest, "source")["ms"]["ready"]
        there = last_report(pair, pair.dst, guest, "destination")["ms"]
        row.update(dest_ready_ms=there["ready"], dest_peek_ms=there["peek"], verify_ms=there["verify"])
    pair.clean()
    return row


def main():
    p = argparse.ArgumentParser(prog="tests/rig/bench.py", description=__doc__)
    p.add_argument("--xen", default="4.17,4.17", metavar="SRC,DST")
    p.add_argument("--stage", required=True)
    p.add_argument("--rounds", type=int, default=3)
    args = p.parse_args()
    shape = qemu.Shape((qemu.Node(1536), qemu.Node(1536)))
    with tempfile.TemporaryDirectory(prefix="exclaim-bench-") as logs:
        pair = Pair([image.flavour(side) for side in args.xen.split(",")], (shape, shape), logs, image.overlay(args.stage))
        rows = {"without": [], "with": []}
        try:
            pair.start()
            for number in range(args.rounds):
                for name, helper in (("without", None), ("with", HOOK)):
                    rows[name].append(one(pair, helper))
                    print(f"round {number + 1} {name:<8} " + "  ".join(f"{k} {v:.2f}" for k, v in rows[name][-1].items()), flush=True)
        finally:
            pair.stop()
    median = {name: {k: statistics.median(r[k] for r in some) for k in some[0]} for name, some in rows.items()}
    print(f"\nXen {args.xen}, guest of {GUEST_MIB} MiB, median of {args.rounds} rounds, alternating")
    print(f"{'':<22}{'without':>10}{'with':>10}{'ratio':>8}")
    for key, words in (("seconds", "migration, s"), ("mb_s", "stream, MB/s"), ("gap", "guest's silence, s")):
        a, b = median["without"][key], median["with"][key]
        print(f"{words:<22}{a:>10.2f}{b:>10.2f}{b / a:>8.2f}")
    for key, words in (("source_ready_ms", "source: hook's start to the emulator's, ms"),
                       ("dest_ready_ms", "destination: hook's start to the emulator's, ms"),
                       ("dest_peek_ms", "  of that, waiting for the stream, ms"), ("verify_ms", "destination: counts read back, ms")):
        print(f"{words:<50}{median['with'][key]:>8.0f}")


main()
