#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes record-layout.bin, a record with a layout, for tests/unit/test_layout_wire.c.

An encoder of its own, from proto/exclaim.proto and docs/wire-format.md.  The file must decode for
ever: never write it again, add another beside it.
"""
import pathlib
import struct
import zlib


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def blob(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def packed(field, numbers):
    return blob(field, b"".join(map(varint, numbers)))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


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
padding = bytes(-len(proto) % 8)
body = struct.pack("<8sIIII", b"EXCLAIM", 1, len(proto), crc32c(proto), 0) + proto + padding
head = b"\xff" * 8 + struct.pack(">4sIHHI", b"XENF", 3, 0, 0, 0) + struct.pack("<IHHII", 2, 12, 0, 4, 17)
record = struct.pack("<II", 0x8058434C, len(body) + len(head)) + body
pathlib.Path(__file__).with_suffix(".bin").write_bytes(head + record)
