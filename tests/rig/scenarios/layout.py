# SPDX-License-Identifier: BSD-2-Clause
"""Which node each frame of a guest lies on, by the rig's own reading, not by the project's."""
from scenario import scenario

UNEVEN_RUNS = [(0, 5000), (1, 9001), (0, "*")]


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
