#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Migrations without exclaim, with it page by page, and with its extents of 2 MiB, alternating on one pair of hosts; tests/bench/run
calls it."""
import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import image  # noqa: E402
import qemu  # noqa: E402
from exclaim import HOOK, configure, gap, last_report  # noqa: E402
from pair import Pair  # noqa: E402

GUEST_MIB = 192  # enough for the stream to dominate a migration's time
WALK_MIB = 24    # of it, twice: what dom0/walk.c reads
WALKS = 4        # measurements before and after a migration, the first of each left out
READS = ("small_before", "small_after", "large_before", "large_after")
VARIANTS = {"without": None, "4 KiB": "no", "2 MiB": "yes"}  # exclaim's `superpages`


def walked(pair, guest, host):
    """Nanoseconds per read in the guest now, by size of its own pages: the least of its next walks, as others only ever add to it."""
    seen, deadline = len(guest.walks(host)), time.monotonic() + 120
    while len(new := guest.walks(host)[seen + 1:]) < WALKS - 1:
        pair.check(time.monotonic() < deadline, f"{host.name}: {len(new)} walks of {guest.name} in 120 s")
        time.sleep(0.5)
    return [min(column) for column in zip(*new)]


def one(pair, superpages):
    """A guest's way from src to dst: seconds of the migration, megabytes per second, its longest silence, our times."""
    guest = pair.guest(mib=GUEST_MIB, spread={1: 15000, 0: "*"}, options=f"walk={WALK_MIB}")
    pages = guest.counts(pair.src)["total"]
    row = dict(zip(("small_before", "large_before"), walked(pair, guest, pair.src)))
    helper = HOOK if superpages else None
    env = configure(pair.dst, superpages=superpages) if superpages else None
    done = pair.migrate(guest, src_helper=helper, dst_helper=helper, env_dst=env, timeout=300)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    guest.wait_tick(pair.dst, after=pair.check_ticks(guest, pair.src, pair.dst))
    row.update(seconds=done.seconds, mb_s=pages * 4096 / 1e6 / done.seconds, gap=gap(pair, guest, pair.src, pair.dst))
    row.update(zip(("small_after", "large_after"), walked(pair, guest, pair.dst)))
    if superpages:
        row["source_ready_ms"] = last_report(pair, pair.src, guest, "source")["ms"]["ready"]
        report = last_report(pair, pair.dst, guest, "destination")
        there, placed = report["ms"], report["placed"]
        row.update(dest_ready_ms=there["ready"], dest_peek_ms=there["peek"], verify_ms=there["verify"], restore_ms=there["restore"],
                   calls=placed["populate_calls"], populate_ms=placed["populate_us"] / 1000, extents_2m=placed["extents_2m"],
                   extents_4k=placed["extents_4k"])
    pair.clean()
    return row


def table(median, rows):
    print(f"{'':<44}" + "".join(f"{name:>10}" for name in VARIANTS))
    for key, words in rows:
        print(f"{words:<44}" + "".join(f"{median[name][key]:>10.2f}" if key in median[name] else f"{'':>10}" for name in VARIANTS))


def main():
    p = argparse.ArgumentParser(prog="tests/rig/bench.py", description=__doc__)
    p.add_argument("--xen", default="4.17,4.17", metavar="SRC,DST")
    p.add_argument("--stage", required=True)
    p.add_argument("--rounds", type=int, default=3)
    args = p.parse_args()
    shape = qemu.Shape((qemu.Node(1536), qemu.Node(1536)))
    with tempfile.TemporaryDirectory(prefix="exclaim-bench-") as logs:
        pair = Pair([image.flavour(side) for side in args.xen.split(",")], (shape, shape), logs, image.overlay(args.stage))
        rows = {name: [] for name in VARIANTS}
        try:
            pair.start()
            for number in range(args.rounds):
                for name, superpages in VARIANTS.items():
                    rows[name].append(one(pair, superpages))
                    print(f"round {number + 1} {name:<8} " + "  ".join(f"{k} {v:.2f}" for k, v in rows[name][-1].items()), flush=True)
        finally:
            pair.stop()
    median = {name: {k: (min if k in READS else statistics.median)(r[k] for r in some) for k in some[0]} for name, some in rows.items()}
    print(f"\nXen {args.xen}, guest of {GUEST_MIB} MiB, median of {args.rounds} rounds, alternating; of reads the least")
    table(median, (("seconds", "migration, s"), ("mb_s", "stream, MB/s"), ("gap", "guest's silence, s"),
                   ("restore_ms", "restore, ms"), ("calls", "populate calls"), ("populate_ms", "populate, ms"),
                   ("extents_2m", "extents of 2 MiB"), ("extents_4k", "extents of 4 KiB"),
                   ("small_before", "a read in the guest, its pages 4 KiB, ns"), ("small_after", "  after the migration"),
                   ("large_before", "a read in the guest, its pages 2 MiB, ns"), ("large_after", "  after the migration"),
                   ("source_ready_ms", "source: hook's start to the emulator's, ms"),
                   ("dest_ready_ms", "destination: likewise, ms"),
                   ("dest_peek_ms", "  of that, waiting for the stream, ms"), ("verify_ms", "destination: counts read back, ms")))


main()
