# SPDX-License-Identifier: BSD-2-Clause
"""Where each frame of a guest lay and lies, by the rig's own reading (dom0/frames.c)."""


def by_frame(runs):
    return {frame: node for first, pages, node in runs for frame in range(first, first + pages)}


def moved(before, after, match):
    """Of two readings: frames whose node is not the one matched to the node it had, as {(node before, node after): frames}; frames that
    only one reading has count with None for the other's."""
    then, now = by_frame(before), by_frame(after)
    wrong = {}
    for frame in then.keys() | now.keys():
        was, is_ = then.get(frame), now.get(frame)
        if was is None or is_ is None or match[was] != is_:
            wrong[was, is_] = wrong.get((was, is_), 0) + 1
    return wrong


def check_kept(pair, before, guest, match, host=None):
    """Every frame of the guest lies on the node matched to the one it had: before is its frames() there."""
    runs = guest.frames(host or pair.dst)
    wrong = moved(before, runs, match)
    total = sum(pages for _, pages, _ in before)
    pair.check(not wrong, f"{sum(wrong.values())} of {total} frames are not where they belong, by (node before, after): {wrong}")
    pair.note(f"all {total} frames of {guest.name} on the nodes matched to theirs; {len(before)} runs before, {len(runs)} after")
