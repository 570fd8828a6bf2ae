/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a peer sends: scan, decode, and what comes out must keep the rules and survive another trip.
 * A layout that is taken has the count's pages, whatever else it says.
 *   fuzz_record -max_total_time=60 corpus/fuzz_record
 */
#include <stdlib.h>
#include <string.h>

#include <exclaim/layout.h>
#include <exclaim/record.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Without it random bytes would hardly ever get past the checksum. */
static void mend_crc(uint8_t *body, size_t size)
{
    uint32_t len, crc;

    if (size < EXCLAIM_BODY_HEADER) {
        return;
    }
    memcpy(&len, body + 12, sizeof(len));
    if (len <= size - EXCLAIM_BODY_HEADER) {
        crc = exclaim_crc32c(body + EXCLAIM_BODY_HEADER, len);
        memcpy(body + 16, &crc, sizeof(crc));
    }
}

static void open_layout(const struct exclaim_reservation *res)
{
    static struct exclaim_layout_finder finder;
    static uint8_t runs[EXCLAIM_LAYOUT_MAX];
    uint64_t frames[EXCLAIM_NODES_MAX], same = 0, gfn = 0;
    struct exclaim_layout layout;
    struct exclaim_error err;

    if (exclaim_layout_unpack(res, runs, &layout, &err)) {
        return;
    }
    exclaim_layout_frames(&layout, frames);
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (frames[n] - layout.hole_frames[n] != res->count.pages[n]) {
            abort();
        }
    }
    exclaim_layout_find_open(&finder, &layout);
    for (int i = 0; i < 1000; i++, gfn += same) {
        if (exclaim_layout_find(&finder, gfn, &same) >= EXCLAIM_NODES_MAX && i &&
            exclaim_layout_find(&finder, gfn + same / 2, &same) != EXCLAIM_LAYOUT_NO_NODE) {
            abort();
        }
    }
}

/* Against its own domain, one that is too small, and another. */
static void check_domain(const struct exclaim_reservation *res)
{
    const uint64_t pages = exclaim_reservation_pages(res);
    struct exclaim_domain dom = { .domid = 5, .max_pages = pages };
    struct exclaim_error err = { 0 };

    memcpy(dom.uuid, res->uuid, sizeof(dom.uuid));
    if (exclaim_reservation_check_domain(res, &dom, &err)) {
        abort();
    }
    dom.max_pages = pages - 1;
    if (pages && (!exclaim_reservation_check_domain(res, &dom, &err) || !err.text[0])) {
        abort();
    }
    dom.max_pages = pages;
    memset(dom.uuid, ~res->uuid[0], sizeof(dom.uuid));
    err = (struct exclaim_error){ 0 };
    if (!exclaim_reservation_check_domain(res, &dom, &err) || !err.text[0]) {
        abort();
    }
}

static void again(const struct exclaim_reservation *res)
{
    static uint8_t buf[EXCLAIM_PREFIX_MAX];
    struct exclaim_reservation back;
    struct exclaim_prefix prefix;
    struct exclaim_error err;
    size_t len;

    if (exclaim_reservation_check(res, &err) ||
        exclaim_prefix_encode(res, EXCLAIM_GUEST_HVM, 4, 17, buf, sizeof(buf), &len, &err) ||
        exclaim_prefix_scan(buf, len, &prefix, &err) || prefix.state != EXCLAIM_PREFIX_COMPLETE ||
        exclaim_body_decode(buf + prefix.body, prefix.body_size, &back, &err) ||
        back.count.total_pages != res->count.total_pages ||
        memcmp(back.count.pages, res->count.pages, sizeof(back.count.pages)) != 0) {
        abort();
    }
    check_domain(res);
    open_layout(res);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exclaim_reservation res;
    struct exclaim_prefix prefix;
    struct exclaim_error err;
    uint8_t *copy = malloc(size ? size : 1); /* no byte to spare */

    if (!copy) {
        return 0;
    }
    memcpy(copy, data, size);
    if (!exclaim_prefix_scan(copy, size, &prefix, &err)) {
        if (prefix.state == EXCLAIM_PREFIX_MORE &&
            (prefix.need <= size || prefix.need > EXCLAIM_PREFIX_MAX)) {
            abort(); /* the reader would wait for ever, or for more than it can hold */
        }
        if (prefix.state == EXCLAIM_PREFIX_COMPLETE) {
            mend_crc(copy + prefix.body, prefix.body_size);
            if (!exclaim_body_decode(copy + prefix.body, prefix.body_size, &res, &err)) {
                again(&res);
            }
        }
    }
    if (!exclaim_body_decode(copy, size, &res, &err)) {
        again(&res);
    }
    free(copy);
    return 0;
}
