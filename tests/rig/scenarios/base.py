# SPDX-License-Identifier: BSD-2-Clause
"""The rig itself: hosts, guests and migrations as stock Xen does them."""
import hashlib
import os

from scenario import alike, scenario


@scenario("both hosts are up, with their nodes and nothing claimed", xen=alike)
def boot(pair):
    for host in pair.hosts:
        info = host.info()
        pair.check(int(info["nr_nodes"]) == len(host.shape.nodes), f"{host.name}: {info['nr_nodes']} nodes, wanted {len(host.shape.nodes)}")
        pair.check("hvm" in info["virt_caps"], f"{host.name}: no hvm in {info['virt_caps']}")
        pair.check(host.outstanding_claims() == 0, f"{host.name}: pages claimed right after boot")
        pair.check(set(host.node_free()) == set(range(len(host.shape.nodes))), f"{host.name}: key u names nodes {host.node_free()}")


@scenario("commands on the hosts: much output and input, many at once, killed, failed", xen=alike)
def channel(pair):
    host, data = pair.src, os.urandom(3_000_000)
    job = host.spawn("tee /tmp/data; md5sum /tmp/data >&2; exit 7", stdin=data)
    pair.check(job.wait(60) == 7, f"exit {job.rc}, wanted 7")
    pair.check(job.raw == data == host.get("/tmp/data"), "3 MB came back changed")
    pair.check(job.err.startswith(hashlib.md5(data).hexdigest()), f"3 MB arrived changed: {job.err}")
    pair.check(host.run("exit 3", check=False).rc == 3 and host.run("kill -9 $$", check=False).rc == -9, "exit status lost")
    jobs = [h.spawn(f"sleep 1; echo {i}") for h in pair.hosts for i in range(20)]
    for i, job in enumerate(jobs):
        pair.check(job.wait(30) == 0 and job.out == f"{i % 20}\n", f"job {i}: {job.out}")
    silent = host.spawn("sleep 1000", stdin=data)
    silent.kill()
    pair.check(silent.wait(10) == -9, "a command that reads no input was not killed")
    host.run("rm /tmp/data")


@scenario("a guest's pages lie on two nodes as asked, unevenly", xen=alike)
def spread(pair):
    guest = pair.guest(spread={1: 12000, 0: "*"})
    count = guest.counts(pair.src)
    pair.check(abs(count["nodes"].get(1, 0) - 12000) <= 2, f"asked for 12000 pages on node 1, got {count}")
    pair.check(sum(count["nodes"].values()) == count["total"], f"nodes do not add up: {count}")


@scenario("a guest migrates between hosts that know nothing of exclaim and goes on ticking", xen=alike)
def plain_migrate(pair):
    guest = pair.guest()
    total = guest.counts(pair.src)["total"]
    done = pair.migrate(guest)
    pair.check(done.ok, f"xl migrate: exit {done.src_rc}, {done.dst_rc}")
    last = pair.check_ticks(guest, pair.src, pair.dst)
    guest.wait_tick(pair.dst, after=last + 5)
    pair.check_ticks(guest, pair.src, pair.dst)
    pair.check(guest.domid(pair.src) is None, "the guest is still on the source")
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)['total']} pages arrived of {total}")


@scenario("a guest migrates within one host and goes on ticking", xen=alike)
def local_migrate(pair):
    guest = pair.guest()
    done = pair.migrate(guest, pair.src, pair.src)
    pair.check(done.ok, f"xl migrate: exit {done.src_rc}")
    guest.wait_tick(pair.src, after=pair.check_ticks(guest, pair.src) + 5)
    pair.check_ticks(guest, pair.src)


@scenario("a PV guest can be counted", xen=alike)
def pv_guest(pair):
    count = pair.guest(type="pv", spread={0: 500, 1: "*"}).counts(pair.src)
    pair.check(len(count["nodes"]) == 2 and sum(count["nodes"].values()) == count["total"], f"got {count}")
