/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts into a reservation and out of it: deflated, within a record's limit, never trusted. */
#include <exclaim/layout.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <exclaim/record.h>

/* Whether the record of @res keeps its limit. */
static bool fits(const struct exclaim_reservation *res)
{
    const size_t size = EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER;
    void *buf = malloc(size);
    bool ok = false;
    size_t len;

    if (buf) {
        ok = !exclaim_reservation_pack(res, buf, size, &len, NULL);
        free(buf);
    }
    return ok;
}

void exclaim_layout_pack(const struct exclaim_layout *layout, const char *why,
                         struct exclaim_reservation *res)
{
    struct exclaim_packed_layout *packed = &res->layout;
    uLongf len = sizeof(packed->bytes);

    memset(packed, 0, sizeof(*packed));
    if (!layout || !layout->len) {
        snprintf(packed->why, sizeof(packed->why), "%s", why ? why : "");
        return;
    }
    packed->plain = (uint32_t)layout->len;
    memcpy(packed->hole_frames, layout->hole_frames, sizeof(packed->hole_frames));
    if (compress2(packed->bytes, &len, layout->bytes, layout->len, Z_BEST_COMPRESSION) == Z_OK &&
        len < layout->len) {
        packed->form = EXCLAIM_LAYOUT_ZLIB;
        packed->len = (uint32_t)len;
    } else if (layout->len <= sizeof(packed->bytes)) {
        packed->form = EXCLAIM_LAYOUT_PLAIN;
        packed->len = (uint32_t)layout->len;
        memcpy(packed->bytes, layout->bytes, layout->len);
    }
    if (!packed->len || !fits(res)) {
        memset(packed, 0, sizeof(*packed));
        snprintf(packed->why, sizeof(packed->why),
                 "%zu bytes of runs do not fit in a record of %u bytes", layout->len,
                 EXCLAIM_RECORD_MAX);
    }
}

int exclaim_layout_unpack(const struct exclaim_reservation *res, void *buf,
                          struct exclaim_layout *layout, struct exclaim_error *err)
{
    const struct exclaim_packed_layout *packed = &res->layout;
    uLongf len = packed->plain;

    memset(layout, 0, sizeof(*layout));
    if (!packed->len) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "%s",
                            packed->why[0] ? packed->why : "the source sent no layout");
    }
    if (!packed->plain || packed->plain > EXCLAIM_LAYOUT_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "layout: %" PRIu32 " bytes of runs, must be 1 to %zu", packed->plain,
                            EXCLAIM_LAYOUT_MAX);
    }
    if (packed->form == EXCLAIM_LAYOUT_PLAIN) {
        if (packed->len != packed->plain) {
            return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                                "layout: %" PRIu32 " plain bytes, %" PRIu32 " announced",
                                packed->len, packed->plain);
        }
        memcpy(buf, packed->bytes, packed->len);
    } else if (uncompress(buf, &len, packed->bytes, packed->len) != Z_OK || len != packed->plain) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "layout: %" PRIu32 " bytes do not inflate to %" PRIu32, packed->len,
                            packed->plain);
    }
    layout->bytes = buf;
    layout->len = packed->plain;
    memcpy(layout->hole_frames, packed->hole_frames, sizeof(layout->hole_frames));
    if (exclaim_layout_check(layout, &res->count, err)) {
        memset(layout, 0, sizeof(*layout));
        return -1;
    }
    return 0;
}
