#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes record-v1.bin, the record as version 1 has it, for tests/unit/test_record.c.

The file must decode for ever: never write it again, add a record-v2 beside it.
"""
from record_kit import blob, number, packed, write

proto = b"".join([
    number(1, 1), blob(2, bytes(range(0x10, 0x20))), blob(3, b"source.example"), blob(4, b"4.17.7"),
    number(5, 4096), number(6, 51216), number(7, 51472), packed(8, [33439, 0, 17777]),
    number(9, 4 << 20), number(10, 4), packed(11, [10, 21, 22, 21, 10, 21, 22, 21, 10]),
    number(12, 3), number(13, 5), number(14, 3), number(15, 1), number(17, 1764000000123),
    number(18, 2),
])
write(__file__, proto)
