#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One live migration with an exact reservation between two real Xen hosts, shown step by step; tests/demo calls it."""
import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import booted  # noqa: E402
import image  # noqa: E402
import qemu  # noqa: E402
from cache import RigError  # noqa: E402
from exclaim import HOOK, last_report, nodes_of  # noqa: E402
from pair import Failed, Pair  # noqa: E402

NODES = (qemu.Node(1536), qemu.Node(1536))
# Uneven on purpose, and mostly on node 1: nothing that Xen or libxl would choose by itself.
SPREAD = {1: 13000, 0: "*"}
HVM_SPREAD = {1: 19000, 0: "*"}


class Steps:
    """A line per step, with the seconds since the start."""

    def __init__(self):
        self.started = time.monotonic()

    def __call__(self, words):
        print(f"[{time.monotonic() - self.started:4.0f} s] {words}", flush=True)


def table(rows):
    widths = [max(len(str(row[c])) for row in rows) for c in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).rjust(width) for cell, width in zip(row, widths)))


def show(source, report, got):
    """Source, claimed and got per node, each from where it is known best: Xen on either side, our report between."""
    claimed = nodes_of(report["claimed"]) if report["claimed_pages"] else {}
    placed = report["placed"]
    extents = {item["node"]: item for item in placed["extents"]}
    rows = [("node", "source", "claimed", "got", "as 2 MiB", "as 4 KiB")]
    for node in sorted({*source["nodes"], *claimed, *got["nodes"]}):
        sizes = extents.get(node, {"2m": 0, "4k": 0})
        rows.append((node, source["nodes"].get(node, 0), claimed.get(node, 0), got["nodes"].get(node, 0), sizes["2m"], sizes["4k"]))
    rows.append(("total", source["total"], report["claimed_pages"], got["total"], placed["extents_2m"], placed["extents_4k"]))
    print()
    table(rows)
    print(f"\npages of 4 KiB; placed in {placed['populate_calls']} calls")


def run(pair, step):
    step("booting two hosts")
    pair.start()
    for host in pair.hosts:
        info = host.info()
        free = ", ".join(f"node {node}: {pages} pages free" for node, pages in host.node_free().items())
        step(f"{host.name} runs Xen {info['xen_version']}; {free}")
    if pair.src.shape.hvm:
        step("booting an HVM guest with QEMU" + ("" if booted.is_saved(pair.src) else ": once, it is saved for later runs"))
        guest = booted.hvm_guest(pair, spread=HVM_SPREAD)
    else:
        guest = pair.guest(vcpus=2, spread=SPREAD)
    source = guest.counts(pair.src)
    step(f"the guest runs on src: {guest.ticks(pair.src)[-1][0] + 1} ticks so far")
    done = pair.migrate(guest, src_helper=HOOK, dst_helper=HOOK, timeout=300)
    pair.check(done.ok, f"xl migrate ended with {done.src_rc}, {done.dst_rc}:\n{done.src_out}{done.dst_out}")
    last = pair.check_ticks(guest, pair.src, pair.dst)
    guest.wait_tick(pair.dst, after=last)
    step(f"the guest runs on dst, no tick missing: {last + 1} ticks so far")
    got, report = guest.counts(pair.dst), last_report(pair, pair.dst, guest, "destination")
    for host in pair.hosts:
        pair.check(host.outstanding_claims() == 0, f"{host.name}: {host.outstanding_claims()} pages are still claimed")
    step("outstanding claims on both hosts: 0")
    show(source, report, got)
    exact = sum(min(got["nodes"].get(n, 0), pages) for n, pages in nodes_of(report["claimed"]).items())
    word = "exact" if got["nodes"] == nodes_of(report["claimed"]) and exact == source["total"] else "not exact"
    print(f"{word}: {exact} of {source['total']} pages on matching nodes (guarantee {report['guarantee']})")
    return 0 if word == "exact" else 1


def main():
    p = argparse.ArgumentParser(prog="tests/demo", description=__doc__)
    p.add_argument("--xen", default="4.17,4.17", metavar="SRC,DST", help="4.17, 4.20 or a folder with an installed Xen, for each side (%(default)s)")
    p.add_argument("--hvm", action="store_true", help="an HVM guest with QEMU instead of a PVH guest; with Debian's Xens")
    p.add_argument("--stage", required=True, help=argparse.SUPPRESS)
    args = p.parse_args()
    sides = args.xen.split(",")
    if len(sides) != 2:
        p.error(f"--xen wants SRC,DST, not {args.xen}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signum, frame: sys.exit(128 + signum))
    step, logs, pair = Steps(), tempfile.mkdtemp(prefix="exclaim-demo-logs-"), None
    rc = 5
    try:
        step("preparing packages and images (downloaded once)")
        flavours = [image.flavour(side) for side in sides]
        pair = Pair(flavours, (qemu.Shape(NODES, hvm=args.hvm),) * 2, logs, image.overlay(args.stage), step)
        rc = run(pair, step)
    except (RigError, Failed) as e:
        print(f"demo: {e}", file=sys.stderr)
    finally:
        if pair:
            pair.stop()
        if rc == 0 or not pair:
            shutil.rmtree(logs, ignore_errors=True)
        else:
            print(f"demo: consoles of both hosts are in {logs}", file=sys.stderr)
    return rc


sys.exit(main())
