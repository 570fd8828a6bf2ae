# SPDX-License-Identifier: BSD-2-Clause
"""A guest gives memory back."""
import time


def balloon(pair, guest, mib, host=None):
    """Until the guest's balloon, told to leave it so much, has come to rest; how many pages it gave back."""
    host = host or pair.src
    full = guest.counts(host)["total"]
    host.run(f"xl mem-set {guest.name} {mib}")
    deadline, total = time.monotonic() + 120, None
    while (now := guest.counts(host)["total"]) == full or now != total:
        pair.check(time.monotonic() < deadline, f"the balloon did not come to rest: {now} pages of {full}")
        total = now
        time.sleep(1)
    return full - total
