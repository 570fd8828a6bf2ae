# SPDX-License-Identifier: BSD-2-Clause
"""Where Xen knows claims per node: other builders claim beside us. Counts are Xen's own (key u) throughout."""
import concurrent.futures
import contextlib
import time

from bare import ballast, bare
from exclaim import HOOK, arrived_as, configure, goes_on, has_node_claims, last_report, measure_plain, migrate, nothing_left, strongest
from scenario import scenario

BOTH = {"nodes": 2, "stage": True, "seconds": 600}
STRICT = {"policy": "strict", "headroom_pages": 0, "stray_pages": 0}
MIB = 100


@contextlib.contextmanager
def claimed(host, leave, node=1):
    """Another builder, outside the ledger, has claimed all of a node's free pages but so many."""
    pages = host.node_free()[node] - leave
    with bare(host, pages + 1024) as domain:
        host.run(f"exclaim claim {domain.domid} --node {node}={pages}")
        yield pages


def no_claims_but(pair, host, pages):
    pair.check(host.outstanding_claims() == pages, f"{host.name}: {host.outstanding_claims()} pages claimed, wanted {pages}")


@scenario("another builder has claimed nearly all of the node: whole to the other, or refused where that is full too", **BOTH)
def node_claimed(pair):
    has_node_claims(pair, pair.dst)
    measure_plain(pair)
    with claimed(pair.dst, 10000) as pages:
        for policy in ("strict", "prefer"):
            guest = pair.guest(name=policy, mib=MIB, spread={1: "*"})
            total = guest.counts(pair.src)["total"]
            done = migrate(pair, guest, env_dst=configure(pair.dst, policy=policy))
            pair.check(done.ok, f"{policy}: exit {done.src_rc}, {done.dst_rc}: {done.dst_out[-300:]}")
            report = arrived_as(pair, guest, {0: total}, "renumbered")
            no_claims_but(pair, pair.dst, pages)
            goes_on(pair, guest, pair.src, pair.dst)
            pair.note(f"{policy}: {guest.counts(pair.dst)['nodes']}, guarantee {report['guarantee']}, why: {report.get('why')}")
            guest.destroy(pair.dst)
        guest = pair.guest(name="full", mib=MIB, spread={1: "*"})
        before = guest.counts(pair.src)
        with ballast(pair.dst, {0: before["total"] - 4000}):
            done = migrate(pair, guest, env_dst=configure(pair.dst, **STRICT))
            pair.check(not done.ok, "strict: it went through")
            report = last_report(pair, pair.dst, guest, "destination")
            pair.check(report["outcome"] == "refused" and "short by" in report["error"] and "node" in report["error"], f"report says {report}")
            pair.note(f"strict, node 0 full too: {report['error']}")
            no_claims_but(pair, pair.dst, pages)
        pair.check(guest.counts(pair.src) == before, "the guest on the source is not what it was")
        goes_on(pair, guest, pair.src)


@scenario("two arrive at once where another builder's claim leaves room for one: one is exact, the other refused", **BOTH)
def node_claimed_two(pair):
    has_node_claims(pair, pair.dst)
    measure_plain(pair)
    guests = [pair.guest(name=f"guest{i}", mib=MIB, spread={1: "*"}) for i in range(2)]
    before = [guest.counts(pair.src) for guest in guests]
    total = before[0]["total"]
    env = configure(pair.dst, **STRICT)
    with ballast(pair.dst, {0: total - 4000}), claimed(pair.dst, total + total // 2) as pages:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            hooks = {"src_helper": HOOK, "dst_helper": HOOK, "env_dst": env, "timeout": 300}
            done = [job.result() for job in [pool.submit(pair.migrate, guest, **hooks) for guest in guests]]
        pair.check(sorted(d.ok for d in done) == [False, True], f"exits {[(d.src_rc, d.dst_rc) for d in done]}")
        came, stayed = (0, 1) if done[0].ok else (1, 0)
        arrived_as(pair, guests[came], {1: total}, "same")
        report = last_report(pair, pair.dst, guests[stayed], "destination")
        pair.check(report["outcome"] == "refused" and "short by" in report["error"], f"report says {report}")
        pair.note(f"refused: {report['error']}")
        no_claims_but(pair, pair.dst, pages)
        pair.check(guests[stayed].counts(pair.src) == before[stayed], "the refused guest is not what it was")
        goes_on(pair, guests[stayed], pair.src)
        goes_on(pair, guests[came], pair.src, pair.dst)


@scenario("the restore stops midway, another builder takes all of the node that it can: not a claimed page", **BOTH)
def node_claim_holds(pair):
    has_node_claims(pair, pair.dst)
    measure_plain(pair)
    guest = pair.guest(mib=MIB, spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    helper = pair.dst.flavour.helper
    stopper = pair.dst.spawn("while ! exclaim status --format=prom | grep -q '^exclaim_placed_bytes [1-9][0-9][0-9][0-9][0-9][0-9]'; do usleep 20000; done;"
                             f"pid=$(ps -o pid,args | awk '$2 == \"{helper}\" {{ print $1; exit }}'); kill -STOP $pid && echo $pid")
    with concurrent.futures.ThreadPoolExecutor(1) as pool, bare(pair.dst, 2 * pair.dst.node_free()[1]) as builder:
        job = pool.submit(pair.migrate, guest, src_helper=HOOK, dst_helper=HOOK, env_dst=configure(pair.dst, **STRICT), timeout=300)
        try:
            pair.check(stopper.wait(100) == 0, f"the restore was not stopped: {stopper.err}")
            time.sleep(1)
            left, free = pair.dst.outstanding_claims(), pair.dst.node_free()[1]
            pair.check(0 < left <= total, f"{left} pages claimed for {total}: it was not stopped midway")
            taken = builder.populate(free, 1)
            pair.check(taken <= free - left, f"the builder took {taken} of {free} free pages of node 1, {left} of them were claimed")
            pair.check(builder.populate(left, 1) == 0, "asked for exactly the claimed pages, the builder got some")
            pair.note(f"stopped with {left} of {total} pages to come and {free} free on node 1: another builder got {taken}, {free - left - taken} less than "
                      "what was not claimed")
        finally:
            pair.dst.run(f"kill -CONT {stopper.out.strip() or '$$'}", check=False)
        done = job.result()
        pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}: {done.dst_out[-300:]}")
        report = arrived_as(pair, guest, {1: total}, "same")
        pair.check(report["guarantee"] == strongest(pair.dst, 1), f"report says {report}")
        goes_on(pair, guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
    nothing_left(pair, pair.dst)
