# SPDX-License-Identifier: BSD-2-Clause
"""Whole regions of 2 MiB come back whole, or page by page where that cannot be; never a page more or less."""
from ballooning import balloon
from bare import bare
from exclaim import arrived_as, configure, goes_on, kept_large, migrate, nothing_left
from scenario import scenario

BOTH = {"nodes": 2, "stage": True, "seconds": 300}


@scenario("a ballooned guest with holes comes back with its exact pages, what is whole stays whole", **BOTH)
def ballooned(pair):
    guest = pair.guest(mib=160, spread={1: 20000, 0: "*"})
    given = balloon(pair, guest, 130)
    before, (whole, broken, _) = guest.counts(pair.src)["nodes"], guest.regions(pair.src)
    pair.check(broken, f"no region has a hole: {whole} whole, {given} pages given back")
    done = migrate(pair, guest)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    pair.note(f"{given} pages ballooned away, {broken} regions with holes")
    kept_large(pair, arrived_as(pair, guest, before, "same"), whole, min(whole, sum(pages // 512 for pages in before.values())))
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)


@scenario("free memory of the node is in pieces: page by page, exact, and the report says so", **BOTH)
def in_pieces(pair):
    guest = pair.guest(spread={1: "*"})
    before, (whole, _, _) = guest.counts(pair.src)["nodes"], guest.regions(pair.src)
    free = pair.dst.node_free()[1]
    with bare(pair.dst, free + 1024) as domain:
        kept = domain.shatter(1, free)
        done = migrate(pair, guest)
        pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
        placed = arrived_as(pair, guest, before, "same")["placed"]
        pair.check(placed["extents_2m"] + placed["broken_2m"] == whole, f"{whole} whole regions: {placed}")
        pair.check(placed["broken_2m"] > whole * 9 // 10, f"the node was hardly in pieces: {placed}")
        pair.check(placed["lacking_2m"] == [{"node": 1, "times": placed["lacking_2m"][0]["times"]}], f"report says {placed}")
        pair.note(f"{kept} pages in between; asked {placed['lacking_2m'][0]['times']} times in vain, {placed['broken_2m']} regions page by page")
        goes_on(pair, guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
    nothing_left(pair, pair.dst)


@scenario("superpages = no: page by page, as Xen's own restore", xen=lambda src, dst: dst in ("4.17", "4.20"), **BOTH)
def turned_off(pair):
    guest = pair.guest(spread={0: "*"})
    before = guest.counts(pair.src)["nodes"]
    done = migrate(pair, guest, env_dst=configure(pair.dst, superpages="no"))
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    placed = arrived_as(pair, guest, before, "same")["placed"]
    pair.check(placed["extents_2m"] == 0 and placed["extents_4k"] == sum(before.values()), f"report says {placed}")
    goes_on(pair, guest, pair.src, pair.dst)
