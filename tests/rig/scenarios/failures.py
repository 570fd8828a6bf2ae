# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong on the way: deaths and forgeries."""
import uuid

from exclaim import HOOK, configure, dies_halfway, goes_on, last_report, measure_plain, migrate, nothing_left
from forge import prefix
from scenario import alike, scenario

BOTH = {"stage": True, "seconds": 300}


@scenario("the real helper is killed half-way: nothing is left, the guest stays", nodes=2, xen=alike, **BOTH)
def helper_killed(pair):
    guest = pair.guest(spread={1: "*"})
    measure_plain(pair)
    dies_halfway(pair, guest, pair.dst.flavour.helper)
    report = last_report(pair, pair.dst, guest, "destination")
    pair.check(report["outcome"] == "failed", f"report says {report}")


@scenario("our hook is killed half-way: the real helper dies with it, nothing is left", nodes=2, xen=alike, **BOTH)
def hook_killed(pair):
    guest = pair.guest(spread={1: "*"})
    measure_plain(pair)
    dies_halfway(pair, guest, HOOK)


@scenario("a forged record with another VM's uuid is not used", nodes=2, xen=alike, **BOTH)
def forged_uuid(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    measure_plain(pair)
    pair.src.put(prefix(uuid.uuid4(), [0, total], 2 * total), "/tmp/forged")
    # $2 is the stream's descriptor, see libxl_save_helper.c.
    pair.src.put(f'#!/bin/sh\ncat /tmp/forged >&"$2"\nexec {pair.src.flavour.helper} "$@"\n'.encode(), "/tmp/forger")
    pair.src.run("chmod 755 /tmp/forger")
    done = migrate(pair, guest, src_helper="/tmp/forger", env_dst=configure(pair.dst, policy="strict"))
    pair.check(not done.ok, "policy strict used a forged record")
    report = last_report(pair, pair.dst, guest, "destination")
    pair.check(report["outcome"] == "refused" and "is for VM" in report["error"], f"report says {report}")
    goes_on(pair, guest, pair.src)
    done = migrate(pair, guest, src_helper="/tmp/forger")
    pair.check(done.ok, f"policy prefer: exit {done.src_rc}, {done.dst_rc}")
    report = last_report(pair, pair.dst, guest, "destination")
    pair.check(report["guarantee"] == "none" and "is for VM" in report["why"], f"report says {report}")
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
    goes_on(pair, guest, pair.src, pair.dst)
    nothing_left(pair, pair.dst)
