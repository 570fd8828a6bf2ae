# SPDX-License-Identifier: BSD-2-Clause
"""A record as an attacker would write it: from docs/wire-format.md alone, without the project's code."""
import struct


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def _varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def _number(field, n):
    return _varint(field << 3) + _varint(n)


def _bytes(field, data):
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def prefix(uuid, node_pages, max_pages):
    """Headers and record that promise these pages to this VM, to be written in front of an HVM stream."""
    message = (_number(1, 1) + _bytes(2, uuid.bytes) + _number(5, 4096) + _number(6, sum(node_pages)) + _number(7, max_pages)
               + _bytes(8, b"".join(map(_varint, node_pages))) + _number(14, 3) + _number(15, 1))
    body = b"EXCLAIM\0" + struct.pack("<IIII", 1, len(message), crc32c(message), 0) + message
    body += bytes(-len(body) % 8)
    headers = struct.pack(">QIIHHI", 2**64 - 1, 0x58454e46, 3, 0, 0, 0) + struct.pack("<IHHII", 2, 12, 0, 4, 17)
    return headers + struct.pack("<II", 0x8058434c, len(body) + len(headers)) + body
