# SPDX-License-Identifier: BSD-2-Clause
"""Live migrations by xl with our save helper on both sides: where the pages come to lie."""
import json

from bare import ballast
from exclaim import arrived_as, configure, gap, goes_on, kept_large, last_report, measure_plain, migrate, no_log_dirty, nothing_left
from scenario import alike, scenario

BOTH = {"stage": True, "seconds": 300}


@scenario("a guest on one node comes back on that node, claimed before restore", nodes=2, **BOTH)
def one_node(pair):
    guest = pair.guest(spread={1: "*"})
    before, (whole, _, _) = guest.counts(pair.src)["nodes"], guest.regions(pair.src)
    done = migrate(pair, guest)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    report = arrived_as(pair, guest, before, "same")
    kept_large(pair, report, whole, whole)
    verified = json.loads(pair.dst.run(f"exclaim verify {guest.name} --json --node 1={before[1]}").out)
    pair.check(verified["placed"] == report["placed"] and verified["exact"], f"verify says {verified}")
    shown = pair.dst.run(f"exclaim verify {guest.name} --node 1={before[1]}").out
    row = next((line.split() for line in shown.split("\n") if line.startswith("1 ")), [])
    pair.check(row[1:3] == row[3:5] and row[5:] == ["none", str(report["placed"]["extents_4k"]), str(whole), "0"], f"verify shows {shown}")
    sent = last_report(pair, pair.src, guest, "source")
    pair.check(sent["outcome"] == "sent" and sent["source"]["exact"], f"source reports {sent}")
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)


@scenario("a guest spread unevenly over two nodes comes back exact to the page", nodes=2, **BOTH)
def uneven(pair):
    # No multiple of 2 MiB on either node: one region cannot be whole, which is less than 1 % of so many.
    guest = pair.guest(mib=208, spread={1: 31345, 0: "*"})
    before, (whole, _, _) = guest.counts(pair.src)["nodes"], guest.regions(pair.src)
    pair.check(len(before) == 2 and len(set(before.values())) == 2, f"not spread unevenly: {before}")
    done = migrate(pair, guest)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    kept_large(pair, arrived_as(pair, guest, before, "same"), whole, whole * 99 // 100)
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)


@scenario("the node of the same number is too full: another matches", nodes=2, xen=alike, **BOTH)
def same_number_full(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    with ballast(pair.dst, {1: total - 3000}):
        done = migrate(pair, guest)
        pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
        arrived_as(pair, guest, {0: total}, "renumbered")
        goes_on(pair, guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
    nothing_left(pair, pair.dst)


@scenario("nothing fits, policy strict: refused before the first page, the guest stays", nodes=2, **BOTH)
def strict_refuses(pair):
    guest = pair.guest(spread={1: 9000, 0: "*"})
    before = guest.counts(pair.src)
    measure_plain(pair)
    with ballast(pair.dst, {0: 11000, 1: 11000}):
        free = pair.dst.node_free()
        done = migrate(pair, guest, env_dst=configure(pair.dst, policy="strict", headroom_pages=0, stray_pages=0))
        pair.check(not done.ok, "the migration went through")
        report = last_report(pair, pair.dst, guest, "destination")
        pair.check(report["outcome"] == "refused" and "short by" in report["error"], f"report says {report}")
        pair.check("refused" in done.dst_out, f"xl on the destination said nothing of it: {done.dst_out[-300:]}")
        pair.check(pair.dst.node_free()[1] >= free[1] - 600, "pages were populated on the destination")
        nothing_left(pair, pair.dst)
    nothing_left(pair, pair.src)
    pair.check(guest.counts(pair.src) == before, "the guest on the source is not what it was")
    no_log_dirty(pair, guest, pair.src)
    goes_on(pair, guest, pair.src)


@scenario("nothing fits, policy prefer: migrates all the same, and the report says why", nodes=2, xen=alike, **BOTH)
def prefer_goes_on(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    measure_plain(pair)
    with ballast(pair.dst, {0: 13000, 1: 13000}):
        # Room for all of it, but not with that headroom: nothing may be claimed.
        done = migrate(pair, guest, env_dst=configure(pair.dst, headroom_pages=total))
        pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
        pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
        report = last_report(pair, pair.dst, guest, "destination")
        pair.check(report["guarantee"] == "none" and "short by" in report["why"], f"report says {report}")
        goes_on(pair, guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
    nothing_left(pair, pair.dst)


@scenario("no node holds it, policy prefer: split to the page over two", nodes=2, xen=alike, **BOTH)
def split(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    measure_plain(pair)
    with ballast(pair.dst, {0: total - 2000, 1: total - 3000}):
        done = migrate(pair, guest, env_dst=configure(pair.dst, headroom_pages=0))
        pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
        count = guest.counts(pair.dst)
        report = last_report(pair, pair.dst, guest, "destination")
        wanted = {n["node"]: n["pages"] for n in report["claimed"]}
        pair.check(len(wanted) == 2 and sum(wanted.values()) == total, f"planned {wanted}")
        arrived_as(pair, guest, wanted, "split")
        pair.check(count["nodes"] == wanted, f"got {count}, planned {wanted}")
        goes_on(pair, guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
    nothing_left(pair, pair.dst)


@scenario("an aware source and a plain destination: the record is skipped", nodes=2, **BOTH)
def plain_destination(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    done = migrate(pair, guest, dst_helper=None)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
    goes_on(pair, guest, pair.src, pair.dst)


@scenario("a plain source and an aware destination: passed through, and said so", nodes=2, xen=alike, **BOTH)
def plain_source(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    done = migrate(pair, guest, src_helper=None)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
    report = last_report(pair, pair.dst, guest, "destination")
    pair.check(report["guarantee"] == "none" and "without a reservation" in report["why"], f"report says {report}")
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)


@scenario("within one host, through a pipe, exact; the check waits for no one", nodes=2, xen=alike, **BOTH)
def local_pipe(pair):
    guest = pair.guest(spread={0: 7777, 1: "*"})
    before = guest.counts(pair.src)["nodes"]
    measure_plain(pair)
    env = configure(pair.src, verify_paused_max_pages=0)
    done = migrate(pair, guest, dst=pair.src, env_dst=env, env_src=env)
    pair.check(done.ok, f"exit {done.src_rc}")
    pair.check(guest.counts(pair.src)["nodes"] == before, f"got {guest.counts(pair.src)}, wanted {before}")
    goes_on(pair, guest, pair.src)
    report = last_report(pair, pair.src, guest, "destination")
    pair.check(report["exact"] and not report["verified_paused"], f"report says {report}")
    nothing_left(pair, pair.src)


@scenario("exclaim-hooks enable xl: from then on xl uses the hook by itself; disable puts Xen's own back", nodes=2, **BOTH)
def enabled_for_xl(pair):
    guest = pair.guest(spread={1: 9000, 0: "*"})
    nodes = guest.counts(pair.src)["nodes"]
    measure_plain(pair)
    for host in pair.hosts:
        host.run("exclaim-hooks enable xl")
    done = pair.migrate(guest)
    said = [host.run("exclaim-hooks status; exclaim-hooks disable xl; exclaim-hooks idle").out for host in pair.hosts]
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    for host, text in zip(pair.hosts, said):
        pair.check(f"in place ({host.flavour.helper}), the real one beside it" in text, f"{host.name}: status said {text}")
        host.run(f"test ! -L {host.flavour.helper} && test ! -e {host.flavour.helper}.real")
    arrived_as(pair, guest, nodes, "same")
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)


@scenario("policy observe changes nothing and reports", nodes=2, xen=alike, **BOTH)
def observe(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    done = migrate(pair, guest, env_dst=configure(pair.dst, policy="observe"))
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    report = last_report(pair, pair.dst, guest, "destination")
    pair.check(report["guarantee"] == "none" and report["claimed_pages"] == 0, f"report says {report}")
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
    goes_on(pair, guest, pair.src, pair.dst)


@scenario("the time a guest stands still, with and without exclaim", nodes=2, xen=alike, **BOTH)
def downtime(pair):
    plain = measure_plain(pair)
    guest = pair.guest(spread={1: "*"})
    done = migrate(pair, guest)
    pair.check(done.ok, f"exit {done.src_rc}, {done.dst_rc}")
    goes_on(pair, guest, pair.src, pair.dst)
    pair.note(f"longest gap between two ticks: {gap(pair, guest, pair.src, pair.dst):.2f} s, without exclaim {plain:.2f} s")


@scenario("vCPUs follow the memory where libxl had placed them elsewhere", nodes=2, **BOTH)
def vcpus_follow(pair):
    def soft_affinity(guest):
        return pair.dst.run(f"xl vcpu-list {guest.name}").out.splitlines()[1].split("/")[-1].strip()

    # One CPU per node in the rig: CPU n is node n. libxl takes the node with fewer vCPUs, then the one with more memory.
    with ballast(pair.dst, {1: 60000}):
        plain = pair.guest(name="unhelped", spread={1: "*"})
        done = migrate(pair, plain, dst_helper=None)
        pair.check(done.ok, f"libxl alone: exit {done.src_rc}, {done.dst_rc}")
        pair.check(soft_affinity(plain) == "0", f"libxl alone: soft affinity {soft_affinity(plain)}")
        plain.destroy(pair.dst)
        guest = pair.guest(spread={1: "*"})
        done = migrate(pair, guest)
        pair.check(done.ok, f"with us: exit {done.src_rc}, {done.dst_rc}")
        pair.check(soft_affinity(guest) == "1", f"with us: soft affinity {soft_affinity(guest)}, memory on 1")
        goes_on(pair, guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
        user = pair.guest(name="user", spread={1: "*"}, extra='cpus_soft="0"')
        done = migrate(pair, user)
        pair.check(done.ok, f"a user's choice: exit {done.src_rc}, {done.dst_rc}")
        pair.check(soft_affinity(user) == "0", f"a user's choice: soft affinity {soft_affinity(user)}, was 0")
        pair.check(list(user.counts(pair.dst)["nodes"]) == [1], f"its memory: {user.counts(pair.dst)}")
        user.destroy(pair.dst)
