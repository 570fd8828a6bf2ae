#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes record-layout.bin, a record with a layout, for tests/unit/test_layout_wire.c.

The file must decode for ever: never write it again, add another beside it.
"""
import zlib

from record_kit import blob, number, packed, varint, write


def one_node(frames, node):
    return varint(node << 1) + varint(frames)


def in_turn(frames, unit, nodes, start):
    return varint(start << 1 | 1) + varint(frames) + varint(unit) + varint(sum(1 << n for n in nodes))


# The first 2 MiB alternate by page, 100 regions over nodes 0, 2, 5, then a rest on node 2 with 7 holes.
runs = varint(0) + in_turn(512, 1, (0, 2), 2) + in_turn(51200, 512, (0, 2, 5), 5) + one_node(1007, 2)
pages = [256 + 33 * 512, 0, 256 + 33 * 512 + 1000, 0, 0, 34 * 512]
layout = zlib.compress(runs)
proto = b"".join([
    number(1, 1), blob(2, bytes(range(0x10, 0x20))), blob(3, b"source.example"), blob(4, b"4.17.7"),
    number(5, 4096), number(6, sum(pages)), number(7, sum(pages) + 256), packed(8, pages),
    number(9, 4 << 20), number(10, 4), number(14, 3), number(15, 1), number(17, 1764000000123),
    blob(20, layout), number(21, 1), number(22, len(runs)), packed(23, [0, 0, 7]),
])
write(__file__, proto)
