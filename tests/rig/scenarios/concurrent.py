# SPDX-License-Identifier: BSD-2-Clause
"""Several migrations towards one host at once, and deaths at every step of one."""
import concurrent.futures

from bare import ballast
from exclaim import HOOK, configure, goes_on, last_report, measure_plain, nodes_of, nothing_left, strongest, third_goes_elsewhere
from scenario import alike, scenario

BOTH = {"stage": True, "seconds": 600}

# Of the destination's hook, in their order (enum exclaim_phase of exclaim/session.h; tests/model/ledger.pml has them as states).
POINTS = ["PEEKED", "LOCKED", "MATCHED", "ENTERED", "STAKED", "UNLOCKED", "RESTORED", "REMOVED", "RELEASED"]


def _at_once(pair, guests, **options):
    """Migrates them all at the same time; their Migrations, in order."""
    with concurrent.futures.ThreadPoolExecutor(len(guests)) as pool:
        jobs = [pool.submit(pair.migrate, guest, src_helper=HOOK, dst_helper=HOOK, timeout=400, **options) for guest in guests]
        return [job.result() for job in jobs]


@scenario("three guests at once, room for two on their node: the third goes to its next best, all exact", nodes=2, **BOTH)
def three_at_once(pair):
    measure_plain(pair)
    guests = [pair.guest(name=f"guest{i}", spread={1: "*"}) for i in range(3)]
    totals = [guest.counts(pair.src)["total"] for guest in guests]
    with ballast(pair.dst, {1: sum(totals[:2]) + 6000}):
        done = _at_once(pair, guests)
        pair.check(all(d.ok for d in done), f"exits {[(d.src_rc, d.dst_rc) for d in done]}")
        third_goes_elsewhere(pair, guests, totals)


@scenario("the hook on the destination is killed at each of its steps in turn, the guest stays", nodes=2, xen=alike, **BOTH)
def killed_at_each_step(pair):
    measure_plain(pair)
    victim = pair.guest(name="victim", spread={1: "*"})
    before = victim.counts(pair.src)
    for point in POINTS:
        pair.step(f"killed at {point}")
        done = pair.migrate(victim, src_helper=HOOK, dst_helper=HOOK, env_dst={"EXCLAIM_FAULT": point}, timeout=200)
        pair.check(not done.ok, f"{point}: the migration went through")
        pair.check_clean_host(pair.dst, point)
        nothing_left(pair, pair.dst)
        pair.check(victim.counts(pair.src) == before, f"{point}: the guest on the source is not what it was")
        goes_on(pair, victim, pair.src)


@scenario("three at once, room for two on their node, one hook killed at each step that others can notice", nodes=2, xen=lambda src, dst: dst == "4.17", **BOTH)
def one_of_three_dies(pair):
    measure_plain(pair)
    victim = pair.guest(name="victim", spread={1: "*"})
    before = victim.counts(pair.src)
    with ballast(pair.dst, {1: 2 * before["total"] + 6000}):
        filled = pair.dst.guests()
        for point in ("ENTERED", "STAKED", "UNLOCKED", "RESTORED"):
            pair.step(f"one of three is killed at {point}")
            others = [pair.guest(name=f"{point.lower()}{i}", spread={1: "*"}) for i in range(2)]
            totals = [other.counts(pair.src)["total"] for other in others]
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                hooks = {"src_helper": HOOK, "dst_helper": HOOK, "timeout": 400}
                dies = pool.submit(pair.migrate, victim, env_dst={"EXCLAIM_FAULT": point}, **hooks)
                live = [pool.submit(pair.migrate, other, **hooks) for other in others]
                pair.check(not dies.result().ok, f"{point}: the victim's migration went through")
                pair.check(all(job.result().ok for job in live), f"{point}: a migration failed with the victim")
            for other, total in zip(others, totals):
                nodes, report = other.counts(pair.dst)["nodes"], last_report(pair, pair.dst, other, "destination")
                pair.check(report["exact"] and nodes == nodes_of(report["claimed"]) and sum(nodes.values()) == total,
                           f"{point}: {other.name} got {nodes}, reserved {report.get('claimed')}: {report.get('why')}")
                other.destroy(pair.dst)
            pair.check_clean_host(pair.dst, point, besides=filled)
            nothing_left(pair, pair.dst)
            pair.check(victim.counts(pair.src) == before, f"{point}: the victim on the source is not what it was")
    goes_on(pair, victim, pair.src)


@scenario("without the placing object: node affinity steers, measured, and is put back", nodes=2, **BOTH)
def by_affinity(pair):
    measure_plain(pair)
    env = configure(pair.dst, place_object="")
    one = pair.guest(name="one", spread={1: "*"})
    wanted = one.counts(pair.src)["nodes"]
    done = pair.migrate(one, src_helper=HOOK, dst_helper=HOOK, env_dst=env)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    report = last_report(pair, pair.dst, one, "destination")
    pair.check(one.counts(pair.dst)["nodes"] == wanted and report["exact"], f"one node: {report}")
    pair.check(report["guarantee"] == strongest(pair.dst, 1), f"one node: {report}")
    pair.check(report["placed"]["by"] == "affinity", f"placed by {report['placed']['by']}")
    one.destroy(pair.dst)
    two = pair.guest(name="two", spread={1: 12000, 0: "*"})
    wanted = two.counts(pair.src)["nodes"]
    done = pair.migrate(two, src_helper=HOOK, dst_helper=HOOK, env_dst=env)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    got, report = two.counts(pair.dst)["nodes"], last_report(pair, pair.dst, two, "destination")
    off = sum(abs(got.get(n, 0) - wanted.get(n, 0)) for n in {*got, *wanted}) // 2
    pair.check(report["deviation_pages"] == off, f"report says {report['deviation_pages']} pages off, Xen {off}")
    pair.check(report["guarantee"] == "none" and "placement" in report["why"], f"two nodes: {report}")
    pair.check(off <= 4096, f"{off} pages are on the wrong node: it was not steered")
    pair.note(f"two nodes by affinity: {off} of {sum(wanted.values())} pages deviate")
    goes_on(pair, two, pair.src, pair.dst)
    nothing_left(pair, pair.dst)
