# SPDX-License-Identifier: BSD-2-Clause
"""What the emulator does to guests, told from what a scenario is about.

Now and then a guest dies of a triple fault: on the source, where nothing of ours touches its memory, or with Xen's own code selector
(e008) and an address in Xen's text (0xffff82d0...) in its registers, which only the emulation of SVM can put there. Why is not known: seen
in about one of 25 migrations with the hook, never in 45 without, never by 380 debug keys alone. Any other death of a guest on the
destination is a failure.

Once a guest hung: its last tick was of the second in which it was counted and Xen's log-dirty mode began, and a minute later xl said that
it had not acknowledged its suspend. Of what our hooks do to a guest on its source only a pause could hold it up, so one that Xen counts no
pause of is not our doing."""
import re

from cache import RigError

SOURCE_FAULT = re.compile(rb"Triple fault")
HOST_STATE_FAULT = re.compile(rb"Triple fault(?:.*\n){1,8}?.*RIP:\s+e008:\[<ffff82d0")
NO_ANSWER = re.compile(r"Domain (\d+):guest didn't acknowledge suspend")
PAUSE_COUNT = re.compile(r"pause_count=(\d+)")


def consoles(pair):
    """How long each host's console is, to tell what is added later."""
    return {host: host.console.stat().st_size for host in pair.hosts if host.console.exists()} if pair else {}


def _hangs_by_itself(host, domid):
    """Whether Xen counts no pause of that domain or of a vCPU of it."""
    try:
        said = host.run("xl debug-keys q && xl dmesg | tail -n 1000").out
    except RigError:
        return False
    about = said.rpartition(f"General information for domain {domid}:")[2].partition("General information for domain")[0]
    counts = PAUSE_COUNT.findall(about)
    return len(counts) > 1 and not any(map(int, counts))


def emulator_failed(pair, before, source=None):
    """Whether a guest died so, or hung, since consoles() was before; source: the host that guests came from, if not pair.src."""
    source = source or pair.src
    hung = NO_ANSWER.search(pair.said[-1]) if pair.said else None
    if hung and source.alive() and _hangs_by_itself(source, hung.group(1)):
        return True
    return any((SOURCE_FAULT if host is source else HOST_STATE_FAULT).search(host.console.read_bytes()[before.get(host, 0):])
               for host in pair.hosts if host.console.exists())
