# SPDX-License-Identifier: BSD-2-Clause
"""Claims and counts on a real Xen through the command line."""
import json

from bare import bare
from exclaim import has_host_claims, strongest
from scenario import alike, scenario

VERBS = {"stage": True, "seconds": 240}


def exclaim(host, words):
    return json.loads(host.run(f"exclaim {words} --json").out)


@scenario("upstream's mem-claim steps hold through claim and release", nodes=2, **VERBS)
def mem_claim(pair):
    """tools/tests/mem-claim/test-mem-claim.c, on both hosts; then a release in the middle."""
    for host in pair.hosts:
        has_host_claims(pair, host)
        pair.check(host.outstanding_claims() == 0, f"{host.name}: claims before the test")
        with bare(host, 4096) as domain:
            pair.check(host.outstanding_claims() == 0, f"{host.name}: a new domain claims something")
            said = exclaim(host, f"claim {domain.domid} --pages 1024")
            pair.check(said["outstanding_pages"] == 1024 and said["guarantee"] == "host", f"{host.name}: {said}")
            pair.check(host.outstanding_claims() == 1024, f"{host.name}: {host.outstanding_claims()} pages claimed, wanted 1024")
            pair.check(domain.populate(512) == 512, f"{host.name}: 2 MiB not populated")
            pair.check(host.outstanding_claims() == 512, f"{host.name}: {host.outstanding_claims()} pages claimed, wanted 512")
        pair.check(host.outstanding_claims() == 0, f"{host.name}: a dead domain claims {host.outstanding_claims()} pages")
        with bare(host, 4096) as domain:
            exclaim(host, f"claim {domain.domid} --pages 2000")
            twice = host.run(f"exclaim claim {domain.domid} --pages 10", check=False)
            pair.check(twice.rc == 5 and len(twice.err.splitlines()) == 1, f"{host.name}: a second claim: {twice}")
            pair.check(exclaim(host, f"release {domain.domid}")["released_pages"] == 2000, f"{host.name}: released another number")
            pair.check(host.outstanding_claims() == 0, f"{host.name}: {host.outstanding_claims()} pages left after release")
            pair.check(exclaim(host, f"release {domain.domid}")["released_pages"] == 0, f"{host.name}: released what was not there")


@scenario("the peers' cases that need no claims per node, by their ids; tests/model runs the same on the model", nodes=2, xen=alike, **VERBS)
def peer_cases(pair):
    """A1-4, A1-6, I1-9 and I2-1 of the claim sets' own test program, as far as they are about claims on the host."""
    host = pair.dst
    has_host_claims(pair, host)
    free, spare = host.pages()[1], 4096
    with bare(host, 2 * free) as first, bare(host, 2 * free) as second:
        exclaim(host, f"claim {first.domid} --pages {free // 2}")  # A1-4
        pair.check(host.outstanding_claims() == free // 2, f"A1-4: {host.outstanding_claims()} of {free // 2} pages claimed")
        pair.check(first.populate(10) == 10 and host.outstanding_claims() == free // 2 - 10, f"A1-4: {host.outstanding_claims()} left of {free // 2 - 10}")
        exclaim(host, f"release {first.domid}")
        exclaim(host, f"claim {first.domid} --pages 8")  # A1-6
        exclaim(host, f"release {first.domid}")
        pair.check(host.outstanding_claims() == 0, f"A1-6: {host.outstanding_claims()} pages left")
        done = host.run(f"exclaim claim {first.domid} --pages {host.pages()[1] + spare}", check=False)  # I1-9
        pair.check(done.rc == 3, f"I1-9: more than is free: {done}")
        exclaim(host, f"claim {first.domid} --pages {host.pages()[1] - spare}")  # I2-1
        done = host.run(f"exclaim claim {second.domid} --pages {2 * spare}", check=False)
        pair.check(done.rc == 3 and str(2 * spare) in done.err, f"I2-1: twice what is left: {done}")
        exclaim(host, f"claim {second.domid} --pages {spare // 2}")
    pair.check(host.outstanding_claims() == 0, f"{host.outstanding_claims()} pages still claimed by dead domains")


@scenario("a claim that cannot be kept is refused in numbers", nodes=2, **VERBS)
def claim_refused(pair):
    host = pair.dst
    has_host_claims(pair, host)
    free = sum(host.node_free().values())
    with bare(host, 2 * free) as domain:
        done = host.run(f"exclaim claim {domain.domid} --pages {free + 100000}", check=False)
        pair.check(done.rc == 3 and str(free + 100000) in done.err, f"too much: {done}")
        done = host.run(f"exclaim claim {domain.domid} --pages {3 * free}", check=False)
        pair.check(done.rc == 5 and "max" in done.err, f"above max_pages: {done}")
        done = host.run(f"exclaim claim {domain.domid} --node 1=100", check=False)
        pair.check(done.rc == (4 if strongest(host, 1) == "host" else 0), f"a node claim where a node's guarantee is {strongest(host, 1)}: {done}")
        done = host.run("exclaim claim 4242 --pages 1", check=False)
        pair.check(done.rc == 2 and "4242" in done.err, f"no such domain: {done}")
    pair.check(host.outstanding_claims() == 0, "claims are left")


@scenario("count agrees with Xen for PVH, PV and dom0; each method by itself", nodes=2, **VERBS)
def count_methods(pair):
    for host in pair.hosts:
        # Built is enough: their pages are counted, not their ticks.
        guests = [pair.guest(host, wait=False, name=f"pvh-{host.name}", spread={0: 9000, 1: "*"}),
                  pair.guest(host, wait=False, name=f"pv-{host.name}", type="pv", spread={0: 5000, 1: "*"})]
        for guest, methods in zip(guests, (["mapped"], ["console"])):
            for vm in (guest.name, guest.uuid, guest.domid(host)):
                said = exclaim(host, f"count {vm} --count_console_max_pages=16777216")
                nodes = {n["node"]: n["pages"] for n in said["nodes"]}
                pair.check(said["exact"] and nodes == guest.counts(host)["nodes"], f"{host.name}: {said}, Xen says {guest.counts(host)}")
                pair.check(said["method"] in methods, f"{host.name}: {guest.type} counted by {said['method']}")
        refused = host.run(f"exclaim count {guests[1].name} --count_console_max_pages=1000", check=False)
        pair.check(refused.rc in (4, 5) and "1000" in refused.err, f"{host.name}: a limit of 1000 pages: {refused}")
        for guest in guests:
            guest.destroy(host)


@scenario("record, match and verify, step by step as a script would", nodes=2, xen=alike, **VERBS)
def by_hand(pair):
    host = pair.src
    guest = pair.guest(host, wait=False, spread={1: 6000, 0: "*"})
    host.run(f"exclaim count {guest.name} --record /tmp/record")
    header, count = exclaim(host, "header /tmp/record"), exclaim(host, f"count {guest.name}")
    pair.check(header["nodes"] == count["nodes"] and header["uuid"] == guest.uuid, f"record says {header}, count {count}")
    match = exclaim(host, "match --record /tmp/record")
    pair.check(match["shape"] == "same" and match["nodes"] == count["nodes"], f"match says {match}")
    pair.check(exclaim(host, f"verify {guest.name} --record /tmp/record")["exact"], "verify says otherwise")
    wrong = host.run(f"exclaim verify {guest.name} --node 0=1", check=False)
    pair.check(wrong.rc == 3, f"verify of wrong numbers: {wrong}")
    pair.check(host.run("exclaim header /bin/busybox", check=False).rc == 5, "header read a record from busybox")
