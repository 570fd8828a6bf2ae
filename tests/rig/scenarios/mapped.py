# SPDX-License-Identifier: BSD-2-Clause
"""Counts from dom0's own page tables on a real Xen, compared with key u."""
import json
import time

from booted import hvm_guest
from scenario import alike, scenario

MAPPED = {"stage": True, "nodes": 2}
ONCE = dict(MAPPED, xen=lambda src, dst: dst == "4.17")  # what happens to dom0's processes is no matter of Xen's release
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


@scenario("an HVM guest with QEMU is counted from page tables to the page", hvm=True, xen=alike, seconds=900, **MAPPED)
def mapped_hvm(pair):
    guest = hvm_guest(pair, spread={1: 17752, 0: "*"})
    for workers in (1, 2):
        same(pair, pair.src, guest, f"--count_workers={workers}")
    guest.wait_tick(pair.src, after=guest.ticks(pair.src)[-1][0])


def settled(pair, host, before, words):
    """As many free pages as before, to a few that Xen keeps for itself: nothing of a dead guest is still mapped."""
    deadline = time.monotonic() + 30
    while True:
        now = host.node_free()
        if all(abs(now[n] - before[n]) <= 64 for n in before):
            return
        pair.check(time.monotonic() < deadline, f"{host.name}: {words}: free pages {before} before, {now} after")
        time.sleep(0.5)


@scenario("ten counts at once of ten guests are all exact", seconds=600, **ONCE)
def mapped_ten_at_once(pair):
    host = pair.src
    guests = []
    for i in range(10):
        guests.append(pair.guest(host, wait=False, name=f"ten{i}", spread={i % 2: 3000 + 1000 * i, 1 - i % 2: "*"}))
        host.run(f"xl pause ten{i}")
    jobs = [host.spawn(f"exclaim count {guest.name} --json {NO_CONSOLE}") for guest in guests]
    for guest, job in zip(guests, jobs):
        pair.check(job.wait(200) == 0, f"{guest.name}: exit {job.rc}: {job.err}")
        said, want = json.loads(job.out), guest.counts(host)
        nodes = {n["node"]: n["pages"] for n in said["nodes"] if n["pages"]}
        pair.check(said["exact"] and said["method"] == "mapped" and nodes == want["nodes"], f"{guest.name}: {said}, Xen says {want}")


# Kills the one process that counts, and tells what is left a moment later. The moments are spread over a count's length.
KILLER = """
for i in $(seq 1 20); do
    exclaim count victim {options} >/dev/null 2>&1 &
    pid=$!
    usleep $(( ($RANDOM % 1000) * {ms} ))
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    usleep 300000
    pidof exclaim && echo "left after $i"
done
true
"""


@scenario("a count killed at twenty moments leaves no process and no page mapped", seconds=600, **ONCE)
def mapped_killed(pair):
    host = pair.src
    before = host.node_free()
    victim = pair.guest(host, wait=False, name="victim", spread={0: 9000, 1: "*"})
    host.run("xl pause victim")
    want = victim.counts(host)
    began = time.monotonic()
    same(pair, host, victim, "--count_workers=2")
    ms = max(200, round((time.monotonic() - began) * 1000))
    done = host.run(KILLER.format(options=f"{NO_CONSOLE} --count_workers=2", ms=ms), timeout=400)
    pair.check("left" not in done.out, f"{host.name}: {done.out}")
    pair.check(victim.counts(host) == want, f"{host.name}: {want} before, {victim.counts(host)} after")
    same(pair, host, victim)
    victim.destroy(host)
    pair.check(victim.domid(host) is None and not host.guests(), f"{host.name}: {host.guests()} left")
    settled(pair, host, before, "after twenty killed counts")


COUNTER = "while [ ! -e /tmp/enough ]; do exclaim count {name} --json {options} 2>/dev/null || echo inexact; done"


def _counting(host, guest):
    host.run("rm -f /tmp/enough")
    return host.spawn(COUNTER.format(name=guest.name, options=NO_CONSOLE))


def _counted(pair, host, job):
    """The exact ones of what was counted meanwhile."""
    host.run("touch /tmp/enough")
    pair.check(job.wait(120) == 0, f"{host.name}: a count hangs")
    exact = [json.loads(line) for line in job.out.splitlines() if line.startswith("{")]
    exact = [said for said in exact if said["exact"]]
    for said in exact:
        pair.check(sum(n["pages"] for n in said["nodes"]) == said["total_pages"], f"exact, and does not add up: {said}")
    return exact


@scenario("counts while the guest balloons, migrates and dies: none is exact and wrong, none hangs", seconds=600, **ONCE)
def mapped_changing(pair):
    host = pair.src
    before = host.node_free()
    guest = pair.guest(host, name="changing", mib=120, spread={0: 9000, 1: "*"})
    job = _counting(host, guest)
    for mib in (100, 118, 96, 110):
        host.run(f"xl mem-set changing {mib}m")
        time.sleep(2)
    exact = _counted(pair, host, job)
    pair.note(f"{len(exact)} exact counts while it ballooned")
    time.sleep(2)
    same(pair, host, guest)
    want = guest.counts(host)

    job = _counting(host, guest)
    done = pair.migrate(guest)
    pair.check(done.ok, f"a plain migration while it is counted: exit {done.src_rc}, {done.dst_rc}")
    exact = _counted(pair, host, job)
    wrong = [said for said in exact if {n["node"]: n["pages"] for n in said["nodes"] if n["pages"]} != want["nodes"]]
    pair.check(not wrong, f"while it migrated: {wrong}, Xen said {want}")
    settled(pair, host, before, "after the migration")

    for i in range(3):
        guest = pair.guest(host, wait=False, name=f"dying{i}", spread={0: 9000, 1: "*"})
        job = _counting(host, guest)
        time.sleep(0.5 + i)
        guest.destroy(host)
        _counted(pair, host, job)
        settled(pair, host, before, "after its death")
