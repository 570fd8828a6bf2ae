/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes and reads a guest's memory as xc_domain_save() and xc_domain_restore() do. */
#include "guest.h"

#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

/* xen tools/libs/guest/xg_sr_stream_format.h */
#define REC_END             0x00000000u
#define REC_PAGE_DATA       0x00000001u
#define REC_STATIC_DATA_END 0x00000010u
#define REC_OPTIONAL        0x80000000u
#define REC_LENGTH_MAX      (128u << 20)
#define PAGE                4096u

struct headers {
    uint64_t marker;
    uint32_t id, version; /* big endian, as all of the first 24 bytes */
    uint16_t options, reserved1;
    uint32_t reserved2;
    uint32_t type; /* little endian from here */
    uint16_t page_shift, reserved3;
    uint32_t xen_major, xen_minor;
};

_Static_assert(sizeof(struct headers) == 40, "image header and domain header");

static uint64_t word(uint64_t pfn, uint32_t i)
{
    uint64_t x = pfn * 512 + i + 1;

    x ^= x >> 31;
    return x * 0x9e3779b97f4a7c15u;
}

static int put_record(int fd, uint32_t type, const void *body, uint32_t len)
{
    static const char zero[8];
    const uint32_t header[2] = { htole32(type), htole32(len) };

    return wire_write(fd, header, sizeof(header)) || wire_write(fd, body, len) ||
           wire_write(fd, zero, -len & 7u);
}

int guest_save_begin(int fd, bool pv)
{
    const struct headers h = { .marker = UINT64_MAX,
                               .id = htobe32(0x58454e46u),
                               .version = htobe32(3),
                               .type = htole32(pv ? 1 : 2),
                               .page_shift = htole16(12),
                               .xen_major = htole32(4),
                               .xen_minor = htole32(17) };

    return wire_write(fd, &h, sizeof(h)) || put_record(fd, REC_STATIC_DATA_END, "", 0);
}

int guest_save_pages(int fd, uint64_t first, uint64_t nr)
{
    static uint64_t body[1 + GUEST_BATCH + GUEST_BATCH * PAGE / 8];

    while (nr) {
        const uint32_t n = nr < GUEST_BATCH ? (uint32_t)nr : GUEST_BATCH;
        uint64_t *page = body + 1 + n;

        body[0] = htole64(n); /* count, 32 bits of zero */
        for (uint32_t p = 0; p < n; p++) {
            body[1 + p] = htole64(first + p);
            for (uint32_t i = 0; i < PAGE / 8; i++) {
                *page++ = word(first + p, i);
            }
        }
        if (put_record(fd, REC_PAGE_DATA, body, 8 + n * 8 + n * PAGE)) {
            return -1;
        }
        first += n;
        nr -= n;
    }
    return 0;
}

int guest_save_end(int fd)
{
    return put_record(fd, REC_END, "", 0);
}

static int bad(struct guest_restore *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct guest_restore *g, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(g->why, sizeof(g->why), fmt, ap);
    va_end(ap);
    return -1;
}

static int read_headers(int fd, struct guest_restore *g)
{
    struct headers h;

    if (wire_read(fd, &h, sizeof(h)) != 1) {
        return bad(g, "the stream ended in its headers");
    }
    if (h.marker != UINT64_MAX || be32toh(h.id) != 0x58454e46u) {
        return bad(g, "invalid marker or id");
    }
    if (be32toh(h.version) != 3) {
        return bad(g, "version %" PRIu32, be32toh(h.version));
    }
    if (le32toh(h.type) != (g->pv ? 1u : 2u)) {
        return bad(g, "guest type %" PRIu32 " for a %s domain", le32toh(h.type),
                   g->pv ? "PV" : "HVM");
    }
    return 0;
}

static int take_pages(struct guest_restore *g, const uint64_t *body, uint32_t len)
{
    const uint64_t n = len >= 8 ? le64toh(body[0]) & UINT32_MAX : 0;
    const uint64_t *page = body + 1 + n;

    if (!n || n > len / PAGE || len != 8 + n * 8 + n * PAGE) {
        return bad(g, "PAGE_DATA of %" PRIu32 " bytes for %" PRIu64 " pages", len, n);
    }
    for (uint64_t p = 0; p < n; p++) {
        const uint64_t pfn = le64toh(body[1 + p]);

        if (pfn != g->pages + p) {
            return bad(g, "page %" PRIu64 " where %" PRIu64 " is next", pfn, g->pages + p);
        }
        for (uint32_t i = 0; i < PAGE / 8; i++) {
            if (*page++ != word(pfn, i)) {
                return bad(g, "page %" PRIu64 " is damaged", pfn);
            }
        }
    }
    g->pages += n;
    return g->populate && !g->populate(g->arg, n) ? bad(g, "no memory for page %" PRIu64, g->pages)
                                                  : 0;
}

static int take_record(struct guest_restore *g, uint32_t type, const uint64_t *body, uint32_t len,
                       bool *static_end)
{
    switch (type) {
    case REC_STATIC_DATA_END:
        *static_end = true;
        return 0;
    case REC_PAGE_DATA:
        if (!*static_end) {
            return bad(g, "PAGE_DATA before STATIC_DATA_END");
        }
        return take_pages(g, body, len);
    default:
        if (!(type & REC_OPTIONAL)) {
            return bad(g, "unknown mandatory record %08" PRIx32, type);
        }
        g->optional++;
        return 0;
    }
}

int guest_restore(int fd, struct guest_restore *g)
{
    bool static_end = false;

    if (read_headers(fd, g)) {
        return -1;
    }
    for (;;) {
        uint32_t header[2], type, len;
        uint64_t *body;
        int rc;

        if (wire_read(fd, header, sizeof(header)) != 1) {
            return bad(g, "the stream ended between records");
        }
        type = le32toh(header[0]);
        len = le32toh(header[1]);
        if (len > REC_LENGTH_MAX) {
            return bad(g, "record %08" PRIx32 " of %" PRIu32 " bytes", type, len);
        }
        if (type == REC_END) {
            return 0;
        }
        body = malloc((size_t)len + 8);
        if (!body) {
            return bad(g, "no memory for a record of %" PRIu32 " bytes", len);
        }
        rc = len && wire_read(fd, body, ((size_t)len + 7) & ~(size_t)7) != 1
                 ? bad(g, "the stream ended in record %08" PRIx32, type)
                 : take_record(g, type, body, len, &static_end);
        free(body);
        if (rc) {
            return -1;
        }
    }
}
