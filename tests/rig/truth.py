# SPDX-License-Identifier: BSD-2-Clause
"""What Xen itself says about memory, read without any of the project's code."""
import re

from cache import RigError

_PREFIX = re.compile(r"^\(XEN\)\s*(?:\[[^\]]*\]\s*)?")
_DOMAIN = re.compile(r"(?:Domain |d)(\d+) \(total: (\d+)\):")
_NODE = re.compile(r"\s*Node (\d+): (\d+)$")
_FREE = re.compile(r"NODE(\d+) start->\S+ size->\S+ free->(\d+)")


def dump(console):
    """The lines of the last dump of key u, without the console's prefixes."""
    _, mark, text = console.rpartition("'u' pressed")
    if not mark:
        raise RigError("xl dmesg has no dump of key u: the console ring is too small")
    return [_PREFIX.sub("", line.rstrip()) for line in text.splitlines()]


def domain_counts(lines):
    """{domid: {"total": pages, "nodes": {node: pages}}}; nodes without pages are left out."""
    counts, current = {}, None
    for line in lines:
        if m := _DOMAIN.match(line):
            current = counts[int(m.group(1))] = {"total": int(m.group(2)), "nodes": {}}
        elif current is not None and (m := _NODE.match(line)) and int(m.group(2)):
            current["nodes"][int(m.group(1))] = int(m.group(2))
    return counts


def node_free(lines):
    """{node: free pages}"""
    return {int(m.group(1)): int(m.group(2)) for line in lines if (m := _FREE.match(line))}


def node_ranges(lines):
    """{node: (first machine frame, frames)}; of two that hold a frame the one that starts later has it. What Xen calls their size ends too
    early where it leaves holes out, as XenServer 9's does, so they are not ended here."""
    found = (re.match(r"NODE(\d+) start->(\d+) size->", line) for line in lines)
    return {int(m.group(1)): (int(m.group(2)), 1 << 40) for m in found if m}


def xl_info(text):
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}


def host_pages(pages_output, info):
    """(total, free, outstanding) pages; the total is checked against xl info, because the layout behind them is Xen's version's."""
    total, free, outstanding = map(int, pages_output.split())
    if total // 256 != int(info["total_memory"]) or free > total or outstanding > total:
        raise RigError(f"physinfo says {total} pages, {free} free, {outstanding} outstanding, xl info {info['total_memory']} MiB: "
                       "layout of another Xen")
    return total, free, outstanding
