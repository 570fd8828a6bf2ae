# SPDX-License-Identifier: BSD-2-Clause
"""What the emulator does to guests, told from what a scenario is about.

Now and then a guest dies of a triple fault: on the source, where nothing of ours touches its memory, or with Xen's own code selector
(e008) and an address in Xen's text (0xffff82d0...) in its registers, which only the emulation of SVM can put there. Why is not known: seen
in about one of 25 migrations with the hook, never in 45 without, never by 380 debug keys alone. Any other death of a guest on the
destination is a failure."""
import re

SOURCE_FAULT = re.compile(rb"Triple fault")
HOST_STATE_FAULT = re.compile(rb"Triple fault(?:.*\n){1,8}?.*RIP:\s+e008:\[<ffff82d0")


def consoles(pair):
    """How long each host's console is, to tell what is added later."""
    return {host: host.console.stat().st_size for host in pair.hosts if host.console.exists()} if pair else {}


def emulator_failed(pair, before, source=None):
    """Whether a guest died so since consoles() was before; source: the host that guests came from, if not pair.src."""
    source = source or pair.src
    return any((SOURCE_FAULT if host is source else HOST_STATE_FAULT).search(host.console.read_bytes()[before.get(host, 0):])
               for host in pair.hosts if host.console.exists())
