# SPDX-License-Identifier: BSD-2-Clause
"""Live migrations as xenopsd makes them, with our supervisor in emu-manager's place or without: where the pages come to lie."""
import concurrent.futures

from bare import ballast
from exclaim import arrived_as, goes_on, last_report, measure_plain, nothing_left, strongest, third_goes_elsewhere
from scenario import alike, scenario
from xenopsd import OURS, REAL, installed, migrate

BOTH = {"nodes": 2, "stage": True, "seconds": 240}
ONCE = dict(BOTH, xen=lambda src, dst: dst == "4.17")  # what the destination's Xen has no part in
SAVED = ["prepare:xenguest", "suspend:", "result:0 0"]


def _restored(done):
    return len(done.dst.lines) == 1 and done.dst.lines[0].startswith("result:xenguest ")


def _moves(pair, guest, *managers, **options):
    """The guest migrates, xenopsd sees the lines that it sees without us, nothing is left and the guest goes on."""
    measure_plain(pair)
    total = guest.counts(pair.src)["total"]
    done = migrate(pair, guest, *managers, **options)
    pair.check(done.ok, str(done))
    pair.check(done.src.lines == SAVED and _restored(done), f"xenopsd saw {done.src.lines}, {done.dst.lines}")
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.src)
    nothing_left(pair, pair.dst)
    return done


@scenario("xenopsd's way without us: the guest migrates and goes on ticking", nodes=2, xen=alike)
def xenopsd_plain(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    done = migrate(pair, guest, REAL, REAL)
    pair.check(done.ok, str(done))
    pair.check(done.src.lines == SAVED and _restored(done), f"xenopsd saw {done.src.lines}, {done.dst.lines}")
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
    guest.wait_tick(pair.dst, after=pair.check_ticks(guest, pair.src, pair.dst) + 5)
    pair.check_ticks(guest, pair.src, pair.dst)


@scenario("xenopsd: a guest on one node comes back on it, claimed before restore, by node affinity", **BOTH)
def xenopsd_one_node(pair):
    guest = pair.guest(spread={1: "*"})
    before = guest.counts(pair.src)["nodes"]
    with installed(pair):
        done = _moves(pair, guest)
    report = arrived_as(pair, guest, before, "same")
    pair.check(report["placed"]["by"] == "affinity", f"placed by {report['placed']['by']}")
    sent = last_report(pair, pair.src, guest, "source")
    pair.check(sent["outcome"] == "sent" and sent["source"]["exact"], f"source reports {sent}")
    pair.check(any("claimed" in words for words in done.dst.said), f"xenopsd's log would hold {done.dst.said}")


@scenario("xenopsd: spread unevenly over two nodes, exact to the page through xenguest's wrapper", **BOTH)
def xenopsd_uneven(pair):
    guest = pair.guest(spread={1: 12345, 0: "*"})
    before = guest.counts(pair.src)["nodes"]
    pair.check(len(before) == 2 and len(set(before.values())) == 2, f"not spread unevenly: {before}")
    with installed(pair, xenguest=True):
        _moves(pair, guest)
    report = arrived_as(pair, guest, before, "same")
    pair.check(report["placed"]["by"] == "preload", f"placed by {report['placed']['by']}")


@scenario("xenopsd: two nodes without the wrapper: steered by affinity, the deviation reported", xen=alike, **BOTH)
def xenopsd_uneven_affinity(pair):
    guest = pair.guest(spread={1: 12000, 0: "*"})
    wanted = guest.counts(pair.src)["nodes"]
    with installed(pair):
        _moves(pair, guest)
    got, report = guest.counts(pair.dst)["nodes"], last_report(pair, pair.dst, guest, "destination")
    off = sum(abs(got.get(n, 0) - wanted.get(n, 0)) for n in {*got, *wanted}) // 2
    pair.check(report["deviation_pages"] == off, f"report says {report['deviation_pages']} pages off, Xen {off}")
    pair.check(report["guarantee"] == "none" and "placement" in report["why"], f"two nodes: {report}")
    pair.check(off <= 4096, f"{off} pages are on the wrong node: it was not steered")
    pair.note(f"two nodes by affinity: {off} of {sum(wanted.values())} pages deviate")


@scenario("xenopsd: with us on one side only, the record is skipped or its absence said", xen=alike, **BOTH)
def xenopsd_mixed(pair):
    with installed(pair):
        guest = pair.guest(name="to-old", spread={1: "*"})
        _moves(pair, guest, OURS, REAL)
        sent = last_report(pair, pair.src, guest, "source")
        pair.check(sent["outcome"] == "sent", f"source reports {sent}")
        guest.destroy(pair.dst)
        guest = pair.guest(name="from-old", spread={1: "*"})
        _moves(pair, guest, REAL, OURS)
        report = last_report(pair, pair.dst, guest, "destination")
        pair.check(report["guarantee"] == "none" and "without a reservation" in report["why"], f"report says {report}")


@scenario("xenopsd: what it had already claimed is adopted, replaced where it is too small; what is over goes",
          xen=lambda src, dst: dst in ("4.17", "4.20"), **BOTH)
def xenopsd_claimed(pair):
    with installed(pair):
        for name, more in (("total", 0), ("smaller", -10000), ("larger", 500)):
            guest = pair.guest(name=name, spread={1: "*"})
            before = guest.counts(pair.src)
            _moves(pair, guest, dst={"claim": before["total"] + more})
            report = arrived_as(pair, guest, before["nodes"], "same", claimed=before["total"] + max(more, 0))
            pair.check(report["released_pages"] == max(more, 0), f"{name}: {report['released_pages']} pages released")
            guest.destroy(pair.dst)


@scenario("xenopsd: through stunnel's socket and zstd's pipe instead of the connection itself", **ONCE)
def xenopsd_streams(pair):
    with installed(pair):
        for src, dst in (("unix", "tcp"), ("pipe", "pipe"), ("tcp", "unix")):
            guest = pair.guest(name=f"{src}-{dst}", spread={1: "*"})
            before = guest.counts(pair.src)["nodes"]
            _moves(pair, guest, src={"stream": src}, dst={"stream": dst})
            arrived_as(pair, guest, before, "same")
            guest.destroy(pair.dst)


@scenario("xenopsd: within one host, both supervisors on one VM at once, exact", **ONCE)
def xenopsd_local(pair):
    guest = pair.guest(spread={1: "*"})
    before = guest.counts(pair.src)["nodes"]
    measure_plain(pair)
    with installed(pair):
        done = migrate(pair, guest, to=pair.src)
    pair.check(done.ok, str(done))
    pair.check(guest.counts(pair.src)["nodes"] == before, f"got {guest.counts(pair.src)}, wanted {before}")
    report = last_report(pair, pair.src, guest, "destination")
    pair.check(report["exact"] and report["guarantee"] == strongest(pair.src, 1), f"report says {report}")
    goes_on(pair, guest, pair.src)
    nothing_left(pair, pair.src)


@scenario("xenopsd: a save that is not live is the real manager's alone", **ONCE)
def xenopsd_not_live(pair):
    guest = pair.guest(spread={1: "*"})
    with installed(pair):
        done = migrate(pair, guest, src={"live": "false"})
        pair.check(done.ok and _restored(done), str(done))
        pair.check(done.src.lines == [SAVED[1], SAVED[0], SAVED[2]], f"xenopsd saw {done.src.lines}")
    report = last_report(pair, pair.src, guest, "source")
    pair.check("not a live migration" in report["why"], f"source reports {report}")
    guest.wait_tick(pair.dst, after=pair.check_ticks(guest, pair.src, pair.dst) + 5)
    pair.check_ticks(guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)


@scenario("xenopsd: nothing fits, policy prefer: migrates all the same and says why", xen=alike, **BOTH)
def xenopsd_prefer(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    with installed(pair, headroom_pages=total), ballast(pair.dst, {0: 13000, 1: 13000}):
        _moves(pair, guest)
        report = last_report(pair, pair.dst, guest, "destination")
        pair.check(report["guarantee"] == "none" and "short by" in report["why"], f"report says {report}")
        guest.destroy(pair.dst)


@scenario("xenopsd: three guests at once, room for two on their node: the third goes to another, all exact", xen=alike, **BOTH)
def xenopsd_three_at_once(pair):
    guests = [pair.guest(name=f"guest{i}", spread={1: "*"}) for i in range(3)]
    measure_plain(pair)
    totals = [guest.counts(pair.src)["total"] for guest in guests]
    with installed(pair, xenguest=True), ballast(pair.dst, {1: sum(totals[:2]) + 6000}), concurrent.futures.ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda guest: migrate(pair, guest, timeout=150), guests))
        pair.check(all(d.ok for d in done), "; ".join(str(d) for d in done if not d.ok))
        third_goes_elsewhere(pair, guests, totals)
