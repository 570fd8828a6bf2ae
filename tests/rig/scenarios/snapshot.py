# SPDX-License-Identifier: BSD-2-Clause
"""A host's part of a pool's snapshot on a real Xen."""
import json

from exclaim import nodes_of, strongest
from scenario import scenario


@scenario("a snapshot has every guest's exact pages per node; one console dump for those that need it", nodes=2, stage=True, seconds=240)
def snapshot(pair):
    host = pair.src
    guests = [pair.guest(name="left", spread={0: "*"}), pair.guest(name="both", spread={0: 9000, 1: "*"}),
              pair.guest(name="pv", type="pv", spread={1: "*"})]
    dumps = host.dmesg().count("'u' pressed")
    part = json.loads(host.run("exclaim host --snapshot --json --count_console_max_pages=16777216").out)
    dumps = host.dmesg().count("'u' pressed") - dumps
    pair.check(dumps == 1, f"{dumps} dumps, wanted 1")
    domains = {d["uuid"]: d for d in part["domains"]}
    pair.check(set(domains) == {g.uuid for g in guests}, f"domains {sorted(domains)}")
    for guest in guests:
        said, truth = domains[guest.uuid], guest.counts(host)
        pair.check(said["exact"] and said["name"] == guest.name, f"{said}")
        pair.check(nodes_of(said["nodes"]) == truth["nodes"] and said["total_pages"] == truth["total"], f"{said}, by Xen {truth}")
    sources = [domains[g.uuid]["source"] for g in guests]
    pair.check(sources[:2] == ["mapped"] * 2 and sources[2] in ("console", "hypercall"), f"counted by {sources}")

    free = {n["node"]: n["free_pages"] for n in part["nodes"]}
    pair.check(free == host.node_free(), f"free {free}, by Xen {host.node_free()}")
    pair.check(part["free_pages"] == host.pages()[1] and part["claimed_pages"] == 0, f"{part['free_pages']} free on the host")
    pair.check(part["one_node"] == strongest(host, 1), f"guarantee {part['one_node']}")
