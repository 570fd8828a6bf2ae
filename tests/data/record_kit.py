# SPDX-License-Identifier: BSD-2-Clause
"""An encoder of its own, from proto/exclaim.proto, include/exclaim/record.h and docs/wire-format.md."""
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


def write(script, proto):
    """Beside @script, behind the headers of a stream."""
    padding = bytes(-len(proto) % 8)
    body = struct.pack("<8sIIII", b"EXCLAIM", 1, len(proto), crc32c(proto), 0) + proto + padding
    head = b"\xff" * 8 + struct.pack(">4sIHHI", b"XENF", 3, 0, 0, 0) + struct.pack("<IHHII", 2, 12, 0, 4, 17)
    record = struct.pack("<II", 0x8058434C, len(body) + len(head)) + body
    pathlib.Path(script).with_suffix(".bin").write_bytes(head + record)
