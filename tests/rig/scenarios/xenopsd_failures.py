# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong while xenopsd migrates: refusals, aborts, deaths. The guest goes on where it was, and nothing is left."""
import uuid

from bare import ballast
from exclaim import arrived_as, goes_on, last_report, measure_plain, nothing_left
from forge import prefix
from scenario import alike, scenario
from xenopsd import HUNG, OURS, REAL, installed, migrate

BOTH = {"nodes": 2, "stage": True, "seconds": 300}
ONCE = dict(BOTH, xen=lambda src, dst: dst == "4.17")  # what the destination's Xen has no part in

# Of the destination's supervisor, in their order, as in concurrent.py.
POINTS = ["PEEKED", "LOCKED", "MATCHED", "ENTERED", "STAKED", "UNLOCKED", "RESTORED", "REMOVED", "RELEASED"]

REAL_DIES = "kill -9 $(cat /proc/$MANAGER/task/*/children)"
OURS_DIES = "kill -9 $MANAGER"
XENGUEST_DIES = "kill -9 $(pidof xenguest)"


class Stays:
    """A guest on the source that survives migrations which fail, one after the other."""

    def __init__(self, pair, spread=None):
        measure_plain(pair)
        self.pair, self.guest = pair, pair.guest(spread=spread or {1: "*"})
        self.before = self.guest.counts(pair.src)

    def fails(self, words, hangs=False, besides=(), managers=(OURS, OURS), **options):
        """hangs: the destination's xenopsd would wait for ever; without, no side may."""
        pair = self.pair
        done = migrate(pair, self.guest, *managers, **options)
        pair.check(not done.ok and done.src.rc != 0, f"{words}: the migration went through: {done}")
        pair.check(done.src.rc != HUNG and (done.dst.rc == HUNG) == hangs, f"{words}: {done}")
        pair.check_clean_host(pair.dst, words, besides)
        for host in pair.hosts:
            nothing_left(pair, host)
        pair.check(self.guest.counts(pair.src) == self.before, f"{words}: the guest on the source is not what it was")
        goes_on(pair, self.guest, pair.src)
        return done

    def moves_at_last(self):
        """None of the failures stands in the way of a migration."""
        pair = self.pair
        done = migrate(pair, self.guest)
        pair.check(done.ok, str(done))
        arrived_as(pair, self.guest, self.before["nodes"], "same")
        goes_on(pair, self.guest, pair.src, pair.dst)


@scenario("xenopsd: nothing fits, policy strict: refused before the first page, the guest stays", **BOTH)
def xenopsd_strict(pair):
    guest = Stays(pair, {1: 9000, 0: "*"})
    with installed(pair, policy="strict", headroom_pages=0, stray_pages=0), ballast(pair.dst, {0: 11000, 1: 11000}):
        free, filled = pair.dst.node_free(), pair.dst.guests()
        done = guest.fails("refused", besides=filled)
        report = last_report(pair, pair.dst, guest.guest, "destination")
        pair.check(report["outcome"] == "refused" and "short by" in report["error"], f"report says {report}")
        pair.check(len(done.dst.lines) == 1 and done.dst.lines[0].startswith("error:"), f"xenopsd heard {done.dst.lines}")
        pair.check("populating" not in done.dst.steps and pair.dst.node_free()[1] >= free[1] - 600, "pages were populated on the destination")


@scenario("xenopsd: it aborts at each step, the guest stays; then it migrates", xen=alike, **BOTH)
def xenopsd_aborts(pair):
    guest = Stays(pair)
    with installed(pair):
        for side, step in (("dst", "started"), ("dst", "restore"), ("dst", "populating"), ("src", "started"), ("src", "prepared"), ("src", "suspended")):
            pair.step(f"aborted on {side} at {step}")
            done = guest.fails(f"abort on {side} at {step}", **{side: {"at": {step: "abort"}}})
            aborted = getattr(done, side)
            pair.check(not [line for line in aborted.lines if line.startswith("error:")], f"{side}, {step}: {aborted.lines}")
        guest.moves_at_last()


@scenario("xenopsd: the supervisor on the destination is killed at each of its steps in turn, the guest stays", **ONCE)
def xenopsd_killed_at_each_step(pair):
    guest = Stays(pair)
    with installed(pair):
        for point in POINTS:
            pair.step(f"killed at {point}")
            guest.fails(point, hangs=True, dst={"env": f"EXCLAIM_FAULT={point}"})
        guest.moves_at_last()


@scenario("xenopsd: a forged record with another VM's uuid is not used", **ONCE)
def xenopsd_forged(pair):
    guest = Stays(pair)
    total = guest.before["total"]
    pair.src.put(prefix(uuid.uuid4(), [0, total], 2 * total), "/tmp/forged")
    forged = {"managers": (REAL, OURS), "src": {"forged": "/tmp/forged"}}
    with installed(pair, policy="strict"):
        guest.fails("a forged record", **forged)
        report = last_report(pair, pair.dst, guest.guest, "destination")
        pair.check(report["outcome"] == "refused" and "is for VM" in report["error"], f"report says {report}")
    with installed(pair):
        done = migrate(pair, guest.guest, REAL, OURS, src=forged["src"])
        pair.check(done.ok, str(done))
        report = last_report(pair, pair.dst, guest.guest, "destination")
        pair.check(report["guarantee"] == "none" and "is for VM" in report["why"], f"report says {report}")
        goes_on(pair, guest.guest, pair.src, pair.dst)
        nothing_left(pair, pair.dst)


@scenario("xenopsd: the real manager, its xenguest or the supervisor is killed at steps, the guest stays; then it migrates", **ONCE)
def xenopsd_kills(pair):
    guest = Stays(pair)
    with installed(pair):
        for side, step, command in (
                ("dst", "restore", REAL_DIES), ("dst", "populating", REAL_DIES), ("dst", "populating", XENGUEST_DIES),
                ("src", "prepare", REAL_DIES), ("src", "suspend", REAL_DIES), ("src", "prepared", XENGUEST_DIES)):
            words = f"{side} at {step}: {command}"
            pair.step(words)
            dies = getattr(guest.fails(words, **{side: {"at": {step: command}}}), side)
            told = [line for line in dies.lines if line.startswith("error:")] or "Broken pipe" in dies.err
            pair.check(told, f"{words}: xenopsd heard only {dies.lines}")
        # Nobody can speak for the supervisor. xenopsd takes this on a destination as it takes a real manager's death without us: it waits.
        guest.fails("the supervisor on the destination", dst={"at": {"populating": OURS_DIES}}, hangs=True)
        guest.fails("the real manager without us", managers=(REAL, REAL), dst={"at": {"populating": OURS_DIES}}, hangs=True)
        guest.fails("the supervisor on the source", src={"at": {"prepare": OURS_DIES}})
        guest.fails("the supervisor on the source", src={"at": {"suspended": OURS_DIES}})
        guest.moves_at_last()


@scenario("xenopsd: the destination is full, or its domain vanishes: the guest stays; one that vanishes leaves nothing", xen=alike, **BOTH)
def xenopsd_vanishes(pair):
    guest = Stays(pair)
    with installed(pair):
        with ballast(pair.dst, {0: 4000, 1: 4000}):
            filled = pair.dst.guests()
            done = guest.fails("full", besides=filled)
            pair.check([line for line in done.dst.lines if line.startswith("error:")], f"xenopsd heard {done.dst.lines}")
            done = guest.fails("full, and xenopsd says so", besides=filled, dst={"claim": "total"})
            pair.check("created" not in done.dst.steps, f"xenopsd claimed what is not there: {done.dst.out}")
        guest.fails("the domain is destroyed as it is restored", dst={"at": {"populating": 'bare "$LIBXENCTRL" destroy $DOMID'}})
        guest.moves_at_last()
        guest.guest.destroy(pair.dst)
        gone = pair.guest(name="gone")
        done = migrate(pair, gone, src={"at": {"prepare": "xl destroy $DOMID"}})
        pair.check(not done.ok and HUNG not in (done.src.rc, done.dst.rc), f"its domain was destroyed on the source: {done}")
        for host in pair.hosts:
            pair.check_clean_host(host, "the guest was destroyed")
            nothing_left(pair, host)
