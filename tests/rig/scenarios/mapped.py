# SPDX-License-Identifier: BSD-2-Clause
"""Counts from dom0's own page tables on a real Xen, compared with key u."""
import json

from scenario import scenario

MAPPED = {"stage": True, "nodes": 2}
NO_CONSOLE = "--count_console_max_pages=0 --count_ms_max=60000"


def counted(host, guest, *options):
    """What exclaim says of a guest without the console: (its answer, {node: pages})."""
    said = json.loads(host.run(f"exclaim count {guest.name} --json {NO_CONSOLE} {' '.join(options)}").out)
    return said, {n["node"]: n["pages"] for n in said["nodes"] if n["pages"]}


def same(pair, host, guest, *options):
    said, nodes = counted(host, guest, *options)
    want = guest.counts(host)
    pair.check(said["exact"] and said["method"] == "mapped", f"{host.name}: {guest.name}: {said}")
    pair.check(nodes == want["nodes"] and said["total_pages"] == want["total"], f"{host.name}: {guest.name}: {said}, Xen says {want}")
    return said


@scenario("counts from page tables agree with key u to the page, with one worker and with more", seconds=400, **MAPPED)
def mapped_agrees(pair):
    for host in pair.hosts:
        caps = {c["name"]: c for c in json.loads(host.run("exclaim caps --json").out)["capabilities"]}
        pair.check(caps["mapped"]["offered"] == "yes", f"{host.name}: {caps['mapped']}")
        for name, mib, vcpus, first in (("small", 80, 1, 8497), ("large", 400, 2, 29999)):
            guest = pair.guest(host, name=f"{name}-{host.name}", mib=mib, vcpus=vcpus, spread={0: first, 1: "*"})
            for workers in (1, 2, 5):
                same(pair, host, guest, f"--count_workers={workers}")
            guest.wait_tick(host, after=guest.wait_tick(host)[0])
            guest.destroy(host)
