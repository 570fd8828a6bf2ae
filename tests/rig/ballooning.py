# SPDX-License-Identifier: BSD-2-Clause
"""A guest gives memory back."""
import time

RESTS = 8  # seconds without a change


def balloon(pair, guest, mib, host=None):
    """Until the guest's balloon, told to leave it so much, has come to rest; how many pages it gave back."""
    host = host or pair.src
    full = guest.counts(host)["total"]
    host.run(f"xl mem-set {guest.name} {mib}")
    deadline, total, since = time.monotonic() + 120, None, 0
    # The driver gives 256 pages at a time and may pause for seconds between them.
    while (now := guest.counts(host)["total"]) == full or now != total or time.monotonic() - since < RESTS:
        pair.check(time.monotonic() < deadline, f"the balloon did not come to rest: {now} pages of {full}")
        if now != total:
            total, since = now, time.monotonic()
        time.sleep(1)
    return full - total
