# SPDX-License-Identifier: BSD-2-Clause
"""What the scenarios of the libxl hook share. Truth comes from Xen (truth.py); exclaim's own report is checked against it."""
import contextlib
import json
import time

HOOK = "/usr/libexec/exclaim/libxl-save-helper"
REPORTS = "/var/log/exclaim/migrations.ndjson"
CONF = "/etc/exclaim/test.conf"


# What the rig's hosts begin with. No scenario but those about the console may need it: key u is the rig's own, independent look. The time
# is that of an emulated and busy machine.
DEFAULTS = {"count_console_max_pages": 0, "count_ms_max": 25000}


def settings(**keys):
    """exclaim.conf with these keys over the rig's defaults."""
    return "".join(f"{key} = {value}\n" for key, value in {**DEFAULTS, **keys}.items()).encode()


def configure(host, **keys):
    """A configuration for one migration; the environment that makes the hook read it."""
    host.put(settings(**keys), CONF)
    return {"EXCLAIM_CONF": CONF}


def begin(host):
    """The file that holds where a migration names no other."""
    host.put(settings(), "/etc/exclaim/exclaim.conf")


def reports(host):
    return [json.loads(line) for line in host.get(REPORTS).decode().splitlines()]


def last_report(pair, host, guest, role):
    # Where a record was of no use, the domain's handle is all that is known of it, and under xenopsd that is a temporary one.
    ids = (guest.uuid, guest.uuid[:24] + "000000000001")
    mine = [r for r in reports(host) if r["role"] == role and r.get("uuid", guest.uuid) in ids]
    pair.check(mine, f"{host.name}: no report of the {role}")
    return mine[-1]


def nodes_of(listed):
    """[{"node": n, "pages": p}] of a report as {n: p}."""
    return {item["node"]: item["pages"] for item in listed}


@contextlib.contextmanager
def agrees(pair, guest, src, dst, methods=("mapped", "hypercall")):
    """Whatever migrates the guest inside: what our hook on the source counted exactly on its way is what Xen counts, to the page, and was
    counted by these methods. Key u is asked here where the scenario has not just done so."""
    if not pair.stage:
        yield
        return
    truth, known = guest.seen.get(src.name) or guest.counts(src), len(reports(src))
    yield
    for report in reports(src)[known:]:
        count = report.get("source", {})
        if report["role"] == "source" and report.get("uuid") == guest.uuid and count.get("exact"):
            words = f"{src.name}: {guest.name}: counted {count}, by Xen {truth}"
            pair.check(count["method"] in methods, words)
            pair.check(nodes_of(count["nodes"]) == truth["nodes"] and count["total_pages"] == truth["total"], words)
    if guest.domid(src) is None or src is dst:
        guest.seen.pop(src.name, None)
    guest.seen.pop(dst.name, None)


def gap(pair, guest, *hosts):
    """The longest time in seconds of the guest's own clock between two of its ticks."""
    ticks = {}
    for host in hosts:
        ticks.update(guest.ticks(host))
    clock = [ticks[n] for n in sorted(ticks)]
    return max(b - a for a, b in zip(clock, clock[1:]))


def goes_on(pair, guest, *hosts, balloons=False):
    """The guest runs on the last of these hosts and has lost no tick on its way, and what was read back there exactly is what Xen counts;
    balloons: it may have given pages back since."""
    last = pair.check_ticks(guest, *hosts)
    guest.wait_tick(hosts[-1], after=last + 5)
    pair.check_ticks(guest, *hosts)
    # A hang, not a speed: emulated hosts on a shared machine pause for seconds by themselves, and QEMU is saved and started meanwhile.
    # The scenario `downtime` and tests/bench set the times with and without exclaim side by side.
    report = [r for r in reports(hosts[-1]) if r["role"] == "destination" and r.get("uuid") == guest.uuid][-1:]
    if len(hosts) == 2 and report and report[0]["exact"] and report[0].get("got", {}).get("exact") and not balloons:
        count = guest.seen.get(hosts[-1].name) or guest.counts(hosts[-1])
        pair.check(nodes_of(report[0]["got"]["nodes"]) == count["nodes"], f"{guest.name}: {report[0]['got']} read back, by Xen {count}")
    pair.check(gap(pair, guest, *hosts) <= pair.plain_gap + (40 if guest.type == "hvm" else 10),
               f"{guest.name} stood still for {gap(pair, guest, *hosts):.2f} s, without exclaim {pair.plain_gap:.2f} s")


def measure_plain(pair):
    """Once per pair: how long a guest stands still when nobody knows of exclaim."""
    if not hasattr(pair, "plain_gap"):
        guest = pair.guest(name="plain")
        done = pair.migrate(guest)
        pair.check(done.ok, f"plain migration: exit {done.src_rc}, {done.dst_rc}")
        guest.wait_tick(pair.dst, after=pair.check_ticks(guest, pair.src, pair.dst) + 5)
        pair.plain_gap = gap(pair, guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
    return pair.plain_gap


def migrate(pair, guest, **options):
    """With our hook on both sides unless told otherwise; within a scenario's bound."""
    measure_plain(pair)
    options.setdefault("src_helper", HOOK)
    options.setdefault("dst_helper", HOOK)
    return pair.migrate(guest, **options)


def strongest(host, homes):
    """The strongest guarantee that this Xen can give to a guest on so many nodes."""
    offered = {c["name"] for c in json.loads(host.run("exclaim caps --json").out)["capabilities"] if c["kind"] == "claim" and c["offered"] == "yes"}
    return "node-set" if "node-set" in offered else "node" if "node" in offered and homes == 1 else "host"


def has_node_claims(pair, host):
    """Ends the scenario where this Xen knows no claims per node."""
    if strongest(host, 1) == "host":
        pair.skip("not for this Xen: it has no claims per node")


def has_host_claims(pair, host):
    """Ends the scenario where exclaim makes no claim on the host by hand: XenServer 9's queue does not tell of a node's."""
    if strongest(host, 1) == "node":
        pair.skip("not for this Xen: it does not tell on which node a domain's claim was")


def arrived_as(pair, guest, nodes, shape, claimed=None):
    """The guest came to pair.dst with exactly these pages per node: by Xen's word, and by our report of it. claimed: if not just those."""
    count = guest.counts(pair.dst)
    pair.check(count["nodes"] == nodes, f"got {count['nodes']} by Xen's count, wanted {nodes}")
    report = last_report(pair, pair.dst, guest, "destination")
    pair.check(report["outcome"] == "done", f"report says {report['outcome']}: {report.get('error')}")
    guarantee = strongest(pair.dst, len(nodes))
    pair.check(report["guarantee"] == guarantee, f"guarantee {report['guarantee']}, wanted {guarantee}: {report.get('why')}")
    pair.check(report["match"]["shape"] == shape, f"match {report['match']['shape']}, wanted {shape}")
    pair.check(report["got"]["method"] in ("mapped", "hypercall"), f"read back by {report['got']['method']}")
    pair.check(nodes_of(report["got"]["nodes"]) == nodes, f"report says {report['got']}, Xen {nodes}")
    pair.check(report["exact"] and report["deviation_pages"] == 0, f"report says {report['deviation_pages']} pages deviate")
    pair.check(report["claimed_pages"] == (claimed or sum(nodes.values())), f"claimed {report['claimed_pages']} pages")
    return report


def kept_large(pair, report, whole, at_least):
    """So many of the source's whole regions of 2 MiB are one extent again, and the report's numbers of extents add up."""
    placed = report["placed"]
    extents = {item["node"]: item for item in placed["extents"]}
    pair.check({n: e["4k"] + 512 * e["2m"] + 512 * 512 * e["1g"] for n, e in extents.items()} == nodes_of(placed["nodes"]),
               f"extents {placed['extents']} are not the pages {placed['nodes']}")
    pair.check(sum(e["2m"] for e in extents.values()) == placed["extents_2m"], f"report says {placed}")
    pair.check(placed["extents_2m"] >= at_least, f"{placed['extents_2m']} extents of 2 MiB for {whole} whole regions: {placed}")
    pair.note(f"{placed['extents_2m']} of {whole} whole regions came as 2 MiB, {placed['broken_2m']} broken")


def no_log_dirty(pair, guest, host):
    """Xen no longer writes down which pages the guest writes to: by key q, in what it says of this domain's paging last."""
    said = host.run("xl debug-keys q && xl dmesg | tail -n 1000").out
    about = said.split(f"General information for domain {guest.domid(host)}:")[-1]
    mode = about.split("paging assistance:", 1)[-1].splitlines()[0].split()
    pair.check("translate" in mode, f"{host.name}: key q says of {guest.name}: {mode}")
    pair.check("log_dirty" not in mode, f"{host.name}: {guest.name} is still in log-dirty mode: {mode}")


def nothing_left(pair, host):
    """No claim, no ledger entry, no process of ours."""
    pair.check(host.outstanding_claims() == 0, f"{host.name}: {host.outstanding_claims()} pages still claimed")
    status = json.loads(host.run("exclaim status --json").out)
    pair.check(not status["migrations"], f"{host.name}: ledger holds {status['migrations']}")
    left = host.run("ps | grep '[l]ibxl-save-helper\\|[e]mu-manager\\|bin/[x]enguest'", check=False).out
    pair.check(not left.strip(), f"{host.name}: still running: {left.strip()}")


def nothing_left_soon(pair, host):
    """The same, once the half-restored domain is gone: libxl destroys it in its own time."""
    deadline = time.monotonic() + 60
    while "incoming" in host.run("xl list").out:
        pair.check(time.monotonic() < deadline, f"{host.name}: the half-restored domain is still there after 60 s")
        time.sleep(0.1)
    nothing_left(pair, host)


def dies_halfway(pair, guest, victim, **options):
    """The guest's migration fails as the victim, a program's path, is killed on the destination when some of its pages are placed: nothing
    is left and the guest goes on."""
    before = guest.counts(pair.src)
    killer = pair.dst.spawn("while ! exclaim status --format=prom | grep -q '^exclaim_placed_bytes [1-9][0-9][0-9][0-9][0-9][0-9]'; do usleep 50000; done;"
                            f"kill -9 $(ps -o pid,args | awk '$2 == \"{victim}\" {{ print $1; exit }}')")
    done = migrate(pair, guest, **options)
    pair.check(killer.wait(30) == 0, f"nothing was killed: {killer.out} {killer.err}")
    pair.check(not done.ok, f"the migration went through without {victim}")
    nothing_left_soon(pair, pair.dst)
    nothing_left(pair, pair.src)
    pair.check(guest.counts(pair.src) == before, "the guest on the source is not what it was")
    goes_on(pair, guest, pair.src)


def third_goes_elsewhere(pair, guests, totals):
    """Three guests have arrived where node 1 had room for two of them: all exact, nothing left. Ends them."""
    homes = []
    for guest, total in zip(guests, totals):
        nodes, report = guest.counts(pair.dst)["nodes"], last_report(pair, pair.dst, guest, "destination")
        pair.check(nodes == nodes_of(report["claimed"]) and sum(nodes.values()) == total, f"{guest.name}: got {nodes}, reserved {report['claimed']}")
        pair.check(report["exact"] and report["guarantee"] == strongest(pair.dst, 1), f"{guest.name}: {report}")
        homes += list(nodes)
    pair.check(sorted(homes) == [0, 1, 1], f"the guests lie on nodes {homes}, there was room for two on node 1")
    nothing_left(pair, pair.dst)
    for guest in guests:
        pair.check_ticks(guest, pair.src, pair.dst)
        guest.destroy(pair.dst)
