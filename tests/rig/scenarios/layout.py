# SPDX-License-Identifier: BSD-2-Clause
"""Each page on the node matched to its own: by the rig's own reading of every frame before and after, not by the project's."""
from ballooning import balloon
from bare import ballast
from booted import hvm_guest
from exclaim import configure, goes_on, kept_large, last_report, measure_plain, migrate, nothing_left
from frames import check_kept
from scenario import alike, scenario

BOTH = {"nodes": 2, "stage": True, "seconds": 900}
UNEVEN_RUNS = [(0, 5000), (1, 9001), (0, "*")]
# As Xen builds a guest that may run everywhere: an extent of 2 MiB from one node, the next from the other.
IN_TURNS = "0/1/512"


def one_node_regions(runs):
    """Regions of 2 MiB that are there to the last frame, all on one node."""
    return sum((first + pages) // 512 - (first + 511) // 512 for first, pages, _ in runs if (first + pages) // 512 > (first + 511) // 512)


def quarters(runs, node):
    """Of each quarter of a guest's frames, the part on this node."""
    frames = [on == node for _, pages, on in runs for on in [on] * pages]
    quarter = len(frames) // 4
    return [sum(frames[i * quarter:(i + 1) * quarter]) / quarter for i in range(4)]


def arrives(pair, guest, homes=None):
    """The guest migrates and every frame lies on the node matched to its own; homes: the destination's nodes that must have been matched."""
    before, count = guest.frames(pair.src), guest.counts(pair.src)
    pair.check(sum(pages for _, pages, _ in before) == count["total"], f"{guest.name}: frames are not its {count['total']} pages")
    done = migrate(pair, guest, timeout=300)
    pair.check(done.ok, f"{guest.name}: exit {done.src_rc}, {done.dst_rc}")
    report = last_report(pair, pair.dst, guest, "destination")
    match = {part["source_node"]: part["node"] for part in report["match"]["parts"]}
    pair.check(set(match) == set(count["nodes"]) and (homes is None or set(match.values()) == homes), f"{guest.name}: match {match}, wanted {homes}")
    after = guest.counts(pair.dst)
    pair.check(report["exact"] and after["nodes"] == {match[n]: p for n, p in count["nodes"].items()}, f"{guest.name}: {after} of {count}")
    check_kept(pair, before, guest, match)
    layout = report.get("layout", {})
    pair.check(layout.get("kept_pages") and not layout.get("moved_pages"), f"{guest.name}: the report says of its layout {layout}")
    whole = one_node_regions(before)
    if whole:
        # The first and the last region of an HVM guest come in pieces.
        kept_large(pair, report, whole, whole - (2 if guest.type == "hvm" else 0))
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)
    guest.destroy(pair.dst)


@scenario("the rig reads a guest's frames: their nodes add up to what Xen counts, and lie as they were put", nodes=2, dom0_vcpus=2)
def frames_agree(pair):
    for name, spread in (("runs", UNEVEN_RUNS), ("stripes", "1/0/16")):
        guest = pair.guest(name=name, spread=spread)
        runs, count = guest.frames(pair.src), guest.counts(pair.src)
        nodes = {}
        for first, pages, node in runs:
            nodes[node] = nodes.get(node, 0) + pages
            if name == "stripes":
                off = [f for f in range(first, first + pages) if node != 1 - f // 16 % 2]
                pair.check(len(off) <= 64, f"{len(off)} frames from {first} on are on node {node}")
        pair.check(nodes == count["nodes"] and sum(nodes.values()) == count["total"], f"{name}: frames say {nodes}, key u {count}")
        pair.note(f"{name}: {len(runs)} runs, {nodes}")
        guest.destroy(pair.src)


@scenario("alternating every 2 MiB as Xen builds guests, every 16 pages, in uneven runs, with holes: every page on its node", **BOTH)
def layout(pair):
    measure_plain(pair)
    for name, spread in (("turns", IN_TURNS), ("stripes", "1/0/16"), ("runs", UNEVEN_RUNS)):
        arrives(pair, pair.guest(name=name, spread=spread))
    guest = pair.guest(name="holes", mib=160, spread=IN_TURNS)
    pair.note(f"{balloon(pair, guest, 130)} pages ballooned away")
    arrives(pair, guest)


@scenario("two nodes and four, room on the third and fourth alone: in turns every 2 MiB and every 16 pages, every page on the node matched to its own",
          **{**BOTH, "nodes": (2, 4)})
def layout_renumbered(pair):
    measure_plain(pair)
    with ballast(pair.dst, {0: 5000, 1: 5000}):
        for name, spread in (("turns", IN_TURNS), ("stripes", "1/0/16")):
            arrives(pair, pair.guest(name=name, spread=spread), {2, 3})


@scenario("HVM: in turns every 2 MiB and every 16 pages: every page on the node matched to its own", hvm=True, **BOTH)
def layout_hvm(pair):
    for name, spread in (("turns", IN_TURNS), ("stripes", "1/0/16")):
        arrives(pair, hvm_guest(pair, name=name, spread=spread))


@scenario("counted by the console, which tells no frames: in turns before, every quarter in the ratio of the counts after, never in halves", xen=alike, **BOTH)
def layout_unknown(pair):
    guest = pair.guest(mib=128, spread=IN_TURNS)
    before, count = guest.frames(pair.src), guest.counts(pair.src)
    done = migrate(pair, guest, env_src=configure(pair.src, count_ms_max=0, count_console_max_pages=1 << 24), counted_by=("console",))
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    sent, report = last_report(pair, pair.src, guest, "source"), last_report(pair, pair.dst, guest, "destination")
    pair.check(sent["source"]["method"] == "console" and "why" in sent["layout"] and "why" in report["layout"],
               f"counted by {sent['source']['method']}; layouts {sent['layout']}, {report['layout']}")
    after = guest.counts(pair.dst)
    pair.check(report["exact"] and after["nodes"] == count["nodes"], f"{after} of {count}")
    ratio = count["nodes"][0] / count["total"]
    for words, runs in (("before", before), ("after", guest.frames(pair.dst))):
        parts = quarters(runs, 0)
        pair.note(f"{words}: of each quarter on node 0: " + " ".join(f"{part:.2f}" for part in parts))
        pair.check(all(abs(part - ratio) < 0.05 for part in parts), f"{words}: quarters {parts}, all in all {ratio:.2f}")
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)
