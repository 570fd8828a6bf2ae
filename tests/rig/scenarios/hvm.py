# SPDX-License-Identifier: BSD-2-Clause
"""HVM guests with QEMU, as nearly all VMs are: where their pages come to lie, and what goes wrong on the way."""
from ballooning import balloon
from bare import ballast
from booted import device_models, hvm_guest
from exclaim import HOOK, arrived_as, configure, dies_halfway, goes_on, kept_large, last_report, migrate, nothing_left, nothing_left_soon
from scenario import scenario

HVM = {"nodes": 2, "stage": True, "hvm": True, "seconds": 900}
MODELS = "grep -l '^xen-qemu' /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3"  # their process ids


def _moves(pair, guest, nodes, shape="same"):
    done = migrate(pair, guest, timeout=300)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    report = arrived_as(pair, guest, nodes, shape)
    goes_on(pair, guest, pair.src, pair.dst)
    for host, models in ((pair.src, 0), (pair.dst, 1)):
        pair.check(device_models(host) == models, f"{host.name}: {device_models(host)} QEMUs, wanted {models}")
        nothing_left(pair, host)
    return report


@scenario("HVM: a guest on one node comes back on it; from there, the node too full, on the other", **HVM)
def hvm_one_node(pair):
    guest = hvm_guest(pair, spread={1: "*"})
    before, whole = guest.counts(pair.src)["nodes"], guest.regions(pair.src)[0]
    pair.check(set(before) == {1}, f"not on one node: {before}")
    kept_large(pair, _moves(pair, guest, before), whole, whole - 1)
    guest.destroy(pair.dst)
    guest = hvm_guest(pair, name="elsewhere", spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    with ballast(pair.dst, {1: total - 3000}):
        _moves(pair, guest, {0: total}, "renumbered")
        guest.destroy(pair.dst)


@scenario("HVM: spread unevenly over two nodes, exact to the page; then ballooned, with holes", **HVM)
def hvm_uneven(pair):
    guest = hvm_guest(pair, spread={1: 12345, 0: "*"})
    before = guest.counts(pair.src)["nodes"]
    pair.check(len(before) == 2 and len(set(before.values())) == 2, f"not spread unevenly: {before}")
    _moves(pair, guest, before)
    guest.destroy(pair.dst)
    guest = hvm_guest(pair, name="ballooned", spread={0: 15000, 1: "*"})
    given = balloon(pair, guest, 100)
    before, (_, broken, _) = guest.counts(pair.src)["nodes"], guest.regions(pair.src)
    pair.check(len(before) == 2 and broken, f"nothing to see: {before}, {broken} regions with holes")
    done = migrate(pair, guest, timeout=300)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    report = last_report(pair, pair.dst, guest, "destination")
    got = {n["node"]: n["pages"] for n in report["got"]["nodes"]}
    pair.check(report["exact"] and got == before, f"got {got} while it was paused, had {before}")
    # Once it runs, its balloon may give 1 MiB more: seen with every ballooned HVM guest that had arrived.
    more = sum(before.values()) - guest.counts(pair.dst)["total"]
    pair.check(more in (0, 256), f"{more} pages fewer after arrival")
    goes_on(pair, guest, pair.src, pair.dst, balloons=True)
    nothing_left(pair, pair.dst)
    pair.note(f"{given} pages ballooned away, {broken} regions with holes")


@scenario("HVM: refused under strict; helper, hook or QEMU killed: the guest stays, then it moves", xen=lambda src, dst: dst == "4.17", **HVM)
def hvm_stays(pair):
    guest = hvm_guest(pair, spread={1: 12000, 0: "*"})
    before = guest.counts(pair.src)
    with ballast(pair.dst, {0: 16000, 1: 10000}):
        done = migrate(pair, guest, timeout=300, env_dst=configure(pair.dst, policy="strict", headroom_pages=0, stray_pages=0))
        pair.check(not done.ok, "strict: the migration went through")
        report = last_report(pair, pair.dst, guest, "destination")
        pair.check(report["outcome"] == "refused" and "short by" in report["error"], f"strict: report says {report}")
        nothing_left_soon(pair, pair.dst)
    goes_on(pair, guest, pair.src)
    dies_halfway(pair, guest, pair.dst.flavour.helper, timeout=300)
    dies_halfway(pair, guest, HOOK, timeout=300)
    # QEMU starts when all memory has come; the hook's work is done by then.
    killer = pair.dst.spawn(f"while [ -z \"$({MODELS})\" ]; do usleep 20000; done; kill -9 $({MODELS})")
    done = migrate(pair, guest, timeout=300)
    pair.check(killer.wait(30) == 0, f"no QEMU was killed: {killer.err}")
    pair.check(not done.ok, "the migration went through without the destination's QEMU")
    nothing_left_soon(pair, pair.dst)
    pair.check(guest.counts(pair.src) == before, f"the guest on the source is not what it was: {guest.counts(pair.src)}, {before}")
    goes_on(pair, guest, pair.src)
    _moves(pair, guest, before["nodes"])
