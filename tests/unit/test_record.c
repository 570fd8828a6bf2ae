/* SPDX-License-Identifier: BSD-2-Clause */
/* The record as it is written: every byte, the golden file, the limits. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <exclaim/record.h>

static void encode(const struct exclaim_reservation *res, uint8_t *buf, size_t *len)
{
    struct exclaim_error err = { 0 };

    if (exclaim_prefix_encode(res, EXCLAIM_GUEST_HVM, 4, 17, buf, EXCLAIM_PREFIX_MAX, len, &err)) {
        fail_msg("%s", err.text);
    }
}

static void decode(const uint8_t *buf, size_t len, struct exclaim_reservation *res)
{
    struct exclaim_prefix prefix;
    struct exclaim_error err = { 0 };

    if (exclaim_prefix_scan(buf, len, &prefix, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(prefix.state, EXCLAIM_PREFIX_COMPLETE);
    assert_int_equal(prefix.type, EXCLAIM_GUEST_HVM);
    assert_int_equal(prefix.body, 48);
    if (exclaim_body_decode(buf + prefix.body, prefix.body_size, res, &err)) {
        fail_msg("%s", err.text);
    }
}

static void round_trip(void **state)
{
    static const uint32_t nodes[] = { 1, 2, 3, 8, 63, 64 };
    uint8_t *buf = malloc(EXCLAIM_PREFIX_MAX);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        struct exclaim_reservation in, out;
        size_t len;

        sample_reservation(&in, nodes[i]);
        encode(&in, buf, &len);
        assert_int_equal(len % 8, 0);
        decode(buf, len, &out);
        assert_reservation_equal(&in, &out);
    }
    free(buf);
}

/* tests/data/record-v1.py wrote it; what is once sent must be understood for ever. */
static void golden(void **state)
{
    struct exclaim_reservation want, got;
    uint8_t *buf = malloc(EXCLAIM_PREFIX_MAX);
    size_t len, file_len;
    char *file = get_file(TEST_DATA "/record-v1.bin", &file_len);

    (void)state;
    golden_reservation(&want);
    decode((uint8_t *)file, file_len, &got);
    assert_reservation_equal(&want, &got);

    encode(&want, buf, &len);
    assert_int_equal(len, file_len);
    assert_memory_equal(buf, file, len);
    free(file);
    free(buf);
}

/* record.h, offset by offset, for a reservation whose protobuf bytes fit on one screen. */
static void layout(void **state)
{
    /* clang-format off */
    static const uint8_t want[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* 0: marker */
        'X', 'E', 'N', 'F', 0, 0, 0, 3,                 /* 8: id, version, big endian */
        0, 0, 0, 0, 0, 0, 0, 0,                         /* 16: options, reserved */
        1, 0, 0, 0, 12, 0, 0, 0,                        /* 24: PV, page shift */
        4, 0, 0, 0, 20, 0, 0, 0,                        /* 32: Xen 4.20 */
        0x4c, 0x43, 0x58, 0x80, 104, 0, 0, 0,           /* 40: type; 24 + 40 of body, 40 of tail */
        'E', 'X', 'C', 'L', 'A', 'I', 'M', 0,           /* 48 */
        1, 0, 0, 0, 35, 0, 0, 0,                        /* 56: version, protobuf length */
        0, 0, 0, 0, 0, 0, 0, 0,                         /* 64: CRC-32C (below), zero */
        0x08, 1,                                        /* 72: schema */
        0x12, 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        0x28, 0x80, 0x20,                               /* page size 4096 */
        0x30, 7,                                        /* total */
        0x38, 9,                                        /* max_pages */
        0x42, 2, 3, 4,                                  /* node_pages */
        0x50, 2,                                        /* vcpus */
        0x78, 1,                                        /* exact */
        0, 0, 0, 0, 0,                                  /* padding to 8 */
    };
    /* clang-format on */
    struct exclaim_reservation res = { 0 };
    uint8_t buf[256], crc[4];
    struct exclaim_error err;
    size_t len;
    uint32_t sum;

    (void)state;
    memset(buf, 0xaa, sizeof(buf)); /* padding and zero fields must be written, not left */
    for (uint8_t i = 0; i < 16; i++) {
        res.uuid[i] = i;
    }
    res.count.nr_nodes = 2;
    res.count.pages[0] = 3;
    res.count.pages[1] = 4;
    res.count.total_pages = 7;
    res.count.exact = true;
    res.max_pages = 9;
    res.vcpus = 2;
    assert_int_equal(
        exclaim_prefix_encode(&res, EXCLAIM_GUEST_PV, 4, 20, buf, sizeof(buf), &len, &err), 0);
    assert_int_equal(len, sizeof(want));
    assert_memory_equal(buf, want, 64);
    assert_memory_equal(buf + 68, want + 68, sizeof(want) - 68);
    sum = exclaim_crc32c(want + 72, 35);
    for (unsigned int i = 0; i < 4; i++) {
        crc[i] = (uint8_t)(sum >> (8 * i));
    }
    assert_memory_equal(buf + 64, crc, 4);
}

/* A buffer of every size: either all of the record or an error, and never a byte behind it. */
static void short_buffer(void **state)
{
    struct exclaim_reservation res;
    uint8_t *full = malloc(EXCLAIM_PREFIX_MAX);
    size_t len;

    (void)state;
    sample_reservation(&res, 3);
    encode(&res, full, &len);
    for (size_t size = 0; size <= len + 9; size++) {
        struct exclaim_error err = { 0 };
        uint8_t *buf = malloc(size ? size : 1);
        size_t used = 0;
        int rc = exclaim_prefix_encode(&res, EXCLAIM_GUEST_HVM, 4, 17, buf, size, &used, &err);

        assert_int_equal(rc, size < len ? -1 : 0);
        if (rc) {
            assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
        } else {
            assert_int_equal(used, len);
            assert_memory_equal(buf, full, len);
        }
        free(buf);
    }
    free(full);
}

/* The largest reservation that the structure can hold must be far from the limit. */
static void largest(void **state)
{
    struct exclaim_reservation in, out;
    uint8_t *buf = malloc(EXCLAIM_PREFIX_MAX);
    size_t len;

    (void)state;
    sample_reservation(&in, 64);
    in.count.total_pages = 0;
    for (uint32_t i = 0; i < 64; i++) {
        in.count.pages[i] = EXCLAIM_PAGES_MAX / 64;
        in.count.total_pages += in.count.pages[i];
        for (uint32_t j = 0; j < 64; j++) {
            in.distance[i][j] = UINT32_MAX;
        }
    }
    in.max_pages = EXCLAIM_PAGES_MAX;
    memset(in.source_host, 'h', sizeof(in.source_host) - 1);
    memset(in.xen_version, 'x', sizeof(in.xen_version) - 1);
    memset(in.count.why, 'w', sizeof(in.count.why) - 1);
    encode(&in, buf, &len);
    assert_true(len < EXCLAIM_PREFIX_MAX / 2);
    decode(buf, len, &out);
    assert_reservation_equal(&in, &out);
    free(buf);
}

/* 64 KiB of body exactly, filled by a field of a later version, is read; 8 bytes more is refused.
 */
static void size_limit(void **state)
{
    static struct wire w;
    static uint8_t filler[EXCLAIM_RECORD_MAX];
    uint8_t *buf = malloc(EXCLAIM_PREFIX_MAX + 64);
    struct exclaim_reservation res;
    struct exclaim_prefix prefix;
    struct exclaim_error err = { 0 };
    size_t len, fill;

    (void)state;
    wire_minimum(&w);
    fill = EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER - w.len - 5; /* 2 of key, 3 of length */
    wire_bytes(&w, 100, filler, fill);
    assert_int_equal(w.len, EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER);
    len = wire_stream(buf, w.buf, w.len);
    assert_int_equal(len, EXCLAIM_PREFIX_MAX);
    decode(buf, len, &res);

    wire_minimum(&w);
    wire_bytes(&w, 100, filler, fill + 1);
    len = wire_stream(buf, w.buf, w.len);
    assert_int_equal(exclaim_prefix_scan(buf, len, &prefix, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    assert_non_null(strstr(err.text, "65584")); /* the length that the record claims */
    assert_int_equal(exclaim_body_decode(buf + 48, len - 48, &res, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    assert_non_null(strstr(err.text, "65513"));
    free(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),   cmocka_unit_test(golden),  cmocka_unit_test(layout),
        cmocka_unit_test(short_buffer), cmocka_unit_test(largest), cmocka_unit_test(size_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
