/* SPDX-License-Identifier: BSD-2-Clause */
/* Protobuf and record bytes written by hand, from the specifications and not from src/stream. */
#include "support.h"

#include <string.h>

#include <exclaim/record.h>

void wire_varint(struct wire *w, uint64_t value)
{
    do {
        assert_true(w->len < sizeof(w->buf));
        w->buf[w->len++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
}

void wire_number(struct wire *w, uint32_t field, uint64_t value)
{
    wire_varint(w, (uint64_t)field << 3);
    wire_varint(w, value);
}

void wire_bytes(struct wire *w, uint32_t field, const void *data, size_t len)
{
    wire_varint(w, (uint64_t)field << 3 | 2);
    wire_varint(w, len);
    assert_true(len <= sizeof(w->buf) - w->len);
    memcpy(w->buf + w->len, data, len);
    w->len += len;
}

void wire_packed(struct wire *w, uint32_t field, const uint64_t *values, size_t nr)
{
    static struct wire inner;

    inner.len = 0;
    for (size_t i = 0; i < nr; i++) {
        wire_varint(&inner, values[i]);
    }
    wire_bytes(w, field, inner.buf, inner.len);
}

void wire_minimum(struct wire *w)
{
    struct exclaim_reservation res;

    sample_reservation(&res, 1);
    w->len = 0;
    wire_number(w, 1, 1);
    wire_bytes(w, 2, res.uuid, sizeof(res.uuid));
    wire_number(w, 5, 4096);
}

static void put32(uint8_t *out, uint32_t value)
{
    for (unsigned int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

size_t wire_stream(uint8_t *out, const void *proto, size_t len)
{
    static const uint8_t head[40] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'X', 'E', 'N', 'F', 0,  0, 0, 3,
        0,    0,    0,    0,    0,    0,    0,    0, /* options, reserved */
        2,    0,    0,    0,    12,   0,    0,    0,    4,   0,   0,   0,   17, 0, 0, 0,
    };
    const size_t padded = (len + 7) / 8 * 8;

    memcpy(out, head, sizeof(head));
    put32(out + 40, 0x8058434c);
    put32(out + 44, (uint32_t)(24 + padded + 40));
    memcpy(out + 48, "EXCLAIM", 8);
    put32(out + 56, 1);
    put32(out + 60, (uint32_t)len);
    put32(out + 64, exclaim_crc32c(proto, len));
    put32(out + 68, 0);
    memcpy(out + 72, proto, len);
    memset(out + 72 + len, 0, padded - len);
    return 72 + padded;
}
