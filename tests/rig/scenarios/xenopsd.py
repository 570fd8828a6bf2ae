# SPDX-License-Identifier: BSD-2-Clause
"""Live migrations as xenopsd makes them, with our supervisor in emu-manager's place or without."""
from exclaim import gap
from scenario import scenario
from xenopsd import REAL, migrate


@scenario("xenopsd's way without us: the guest migrates and goes on ticking", nodes=2, seconds=300)
def xenopsd_plain(pair):
    guest = pair.guest(spread={1: "*"})
    total = guest.counts(pair.src)["total"]
    done = migrate(pair, guest, REAL, REAL)
    pair.check(done.ok, str(done))
    pair.check(guest.counts(pair.dst)["total"] == total, f"{guest.counts(pair.dst)} arrived of {total}")
    guest.wait_tick(pair.dst, after=pair.check_ticks(guest, pair.src, pair.dst) + 5)
    pair.check_ticks(guest, pair.src, pair.dst)
    pair.note(f"silent for {gap(pair, guest, pair.src, pair.dst):.2f} s, {done.seconds:.1f} s in all; {done.src.lines} {done.dst.lines}")
