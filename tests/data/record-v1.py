#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes record-v1.bin, the record as version 1 has it, for tests/unit/test_record.c.

An encoder of its own, from proto/exclaim.proto and include/exclaim/record.h.  The file must decode
for ever: never write it again, add a record-v2 beside it.
"""
import pathlib
import struct


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


proto = b"".join([
    number(1, 1), blob(2, bytes(range(0x10, 0x20))), blob(3, b"source.example"), blob(4, b"4.17.7"),
    number(5, 4096), number(6, 51216), number(7, 51472), packed(8, [33439, 0, 17777]),
    number(9, 4 << 20), number(10, 4), packed(11, [10, 21, 22, 21, 10, 21, 22, 21, 10]),
    number(12, 3), number(13, 5), number(14, 3), number(15, 1), number(17, 1764000000123),
    number(18, 2),
])
padding = bytes(-len(proto) % 8)
body = struct.pack("<8sIIII", b"EXCLAIM", 1, len(proto), crc32c(proto), 0) + proto + padding
head = b"\xff" * 8 + struct.pack(">4sIHHI", b"XENF", 3, 0, 0, 0) + struct.pack("<IHHII", 2, 12, 0, 4, 17)
record = struct.pack("<II", 0x8058434C, len(body) + len(head)) + body
pathlib.Path(__file__).with_suffix(".bin").write_bytes(head + record)
