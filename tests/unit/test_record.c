/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record as it is written: every byte, the golden file, the limits; and what is damaged, cut
 * short or something else.  Every buffer is as long as what it holds, so that a sanitizer sees a
 * read beyond it.
 */
#include "support.h"

#include <stdio.h>
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

static uint8_t *good;
static size_t good_len;

static int load(void **state)
{
    (void)state;
    good = (uint8_t *)get_file(TEST_DATA "/record-v1.bin", &good_len);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    free(good);
    return 0;
}

enum verdict { MORE, ABSENT, COMPLETE, BAD_RECORD, BAD_BODY };

/* Scan and decode of a copy with no byte to spare. */
static enum verdict judge(const uint8_t *in, size_t len, struct exclaim_prefix *prefix,
                          struct exclaim_error *err)
{
    struct exclaim_reservation res;
    uint8_t *buf = malloc(len ? len : 1);
    enum verdict v;

    memcpy(buf, in, len);
    memset(err, 0, sizeof(*err));
    if (exclaim_prefix_scan(buf, len, prefix, err)) {
        v = BAD_RECORD;
    } else if (prefix->state == EXCLAIM_PREFIX_MORE) {
        v = MORE;
    } else if (prefix->state == EXCLAIM_PREFIX_ABSENT) {
        v = ABSENT;
    } else {
        assert_true(prefix->body + prefix->body_size <= len);
        v = exclaim_body_decode(buf + prefix->body, prefix->body_size, &res, err) ? BAD_BODY
                                                                                  : COMPLETE;
    }
    if (v == BAD_RECORD || v == BAD_BODY) {
        assert_int_equal(err->kind, EXCLAIM_ERR_STREAM);
        assert_true(err->text[0] != '\0');
    }
    if (v == ABSENT) {
        assert_non_null(prefix->why);
    }
    free(buf);
    return v;
}

static void cut_short(void **state)
{
    struct exclaim_prefix prefix;
    struct exclaim_error err;
    size_t needed = 0;

    (void)state;
    for (size_t len = 1; len < good_len; len++) {
        assert_int_equal(judge(good, len, &prefix, &err), MORE);
        assert_true(prefix.need > len);
        assert_true(prefix.need <= good_len);
        assert_true(prefix.need >= needed); /* each look knows more */
        needed = prefix.need;
    }
    assert_int_equal(judge(good, good_len, &prefix, &err), COMPLETE);
}

/* The body alone, as `count --record` might have left it on a full disk. */
static void cut_body(void **state)
{
    const size_t body = good_len - 48;
    const size_t proto = good[60] | (size_t)good[61] << 8;

    (void)state;
    for (size_t len = 0; len <= body; len++) {
        struct exclaim_error err = { 0 };
        struct exclaim_reservation res;
        uint8_t *buf = malloc(len ? len : 1);
        int rc;

        memcpy(buf, good + 48, len);
        rc = exclaim_body_decode(buf, len, &res, &err);
        assert_int_equal(rc, len < 24 + proto ? -1 : 0);
        assert_int_equal(err.kind, rc ? EXCLAIM_ERR_STREAM : EXCLAIM_OK);
        free(buf);
    }
}

/* All 255 other values of every byte in front of the protobuf bytes, and of those one flip per bit.
 */
static void flipped(void **state)
{
    uint8_t *bad = malloc(good_len);
    const size_t proto_end = 72 + (good[60] | (size_t)good[61] << 8);

    (void)state;
    for (size_t at = 0; at < good_len; at++) {
        for (unsigned int x = 1; x < 256; x = at < 72 ? x + 1 : x << 1) {
            struct exclaim_prefix prefix;
            struct exclaim_error err;
            enum verdict v;

            memcpy(bad, good, good_len);
            bad[at] ^= (uint8_t)x;
            v = judge(bad, good_len, &prefix, &err);
            if (at < 16 || (at >= 40 && at < 44)) {
                assert_int_equal(v, ABSENT); /* marker, id, version; another record's type */
            } else if (at < 40 || at >= proto_end || (at >= 68 && at < 72)) {
                assert_int_equal(v, COMPLETE); /* not ours to judge, or reserved */
            } else if (at < 48) {
                /* The record's length: too small or too large, or longer than ours has to be. */
                assert_true(v == BAD_RECORD || v == COMPLETE);
            } else if (at >= 60 && at < 64) {
                assert_true(v == BAD_RECORD || v == BAD_BODY || v == MORE);
            } else {
                assert_int_equal(v, BAD_BODY); /* magic, version, CRC, protobuf */
            }
        }
    }
    free(bad);
}

static void lengths(void **state)
{
    static const struct {
        uint32_t record, proto;
        enum verdict want;
        const char *text;
    } cases[] = {
        { 0, 16, BAD_RECORD, "length 0" },
        { 23, 16, BAD_RECORD, "length 23, must be 24 to 65576" },
        { 65577, 16, BAD_RECORD, "length 65577" },
        { 0xffffffff, 16, BAD_RECORD, "length 4294967295" },
        { 24, 1, BAD_RECORD, "32 bytes is longer than the record's 24" },
        { 200, 0xffffffff, BAD_RECORD, "4294967295 protobuf bytes" },
        { 200, 0xfffffff9, BAD_RECORD, "4294967289 protobuf bytes" },
        { 200, 0x80000000, BAD_RECORD, "2147483648 protobuf bytes" },
        { 65576, 65513, BAD_RECORD, "65513 protobuf bytes, limit 65512" },
        { 65576, 65512, MORE, NULL },
        { 200, 177, BAD_RECORD, "208 bytes is longer than the record's 200" },
        { 24, 0, BAD_BODY, "CRC-32C" },
    };
    uint8_t *bad = malloc(good_len);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_prefix prefix;
        struct exclaim_error err;

        memcpy(bad, good, good_len);
        for (unsigned int b = 0; b < 4; b++) {
            bad[44 + b] = (uint8_t)(cases[i].record >> (8 * b));
            bad[60 + b] = (uint8_t)(cases[i].proto >> (8 * b));
        }
        assert_int_equal(judge(bad, good_len, &prefix, &err), cases[i].want);
        if (cases[i].text && !strstr(err.text, cases[i].text)) {
            fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].text, err.text);
        }
    }
    free(bad);
}

static void body_errors(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *text;
    } cases[] = {
        { 48, 'e', "EXCLAIM" },
        { 55, ' ', "EXCLAIM" },
        { 56, 2, "version 2, this program knows 1" },
        { 56, 0, "version 0" },
        { 59, 0x80, "version 2147483649" },
        { 64, 0, "CRC-32C" },
    };
    uint8_t *bad = malloc(good_len);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_prefix prefix;
        struct exclaim_error err;

        memcpy(bad, good, good_len);
        bad[cases[i].at] = cases[i].value;
        assert_int_equal(judge(bad, good_len, &prefix, &err), BAD_BODY);
        assert_non_null(strstr(err.text, cases[i].text));
    }
    free(bad);
}

static void other_streams(void **state)
{
    uint8_t buf[64], type[64];
    struct exclaim_prefix prefix;
    struct exclaim_error err;

    (void)state;
    assert_int_equal(judge(good, 0, &prefix, &err), MORE);
    for (unsigned int c = 0; c < 256; c++) {
        memset(buf, (int)c, sizeof(buf));
        assert_int_equal(judge(buf, sizeof(buf), &prefix, &err), ABSENT);
    }
    memcpy(buf, good, 48);
    buf[15] = 2; /* a version 2 stream shows itself by its first 16 bytes */
    assert_int_equal(judge(buf, 15, &prefix, &err), MORE);
    assert_int_equal(judge(buf, 16, &prefix, &err), ABSENT);
    assert_non_null(strstr(prefix.why, "version"));
    memcpy(type, good, 48);
    memset(type + 40, 0, 8);
    type[40] = 0x11; /* x86 CPUID policy, the first record of a plain stream */
    assert_int_equal(judge(type, 47, &prefix, &err), MORE);
    assert_int_equal(judge(type, 48, &prefix, &err), ABSENT);
    assert_string_equal(prefix.why, "a libxc stream without a reservation");
    srand(1);
    for (unsigned int i = 0; i < 20000; i++) {
        size_t keep = (size_t)rand() % 73, len = (size_t)rand() % sizeof(buf);

        memcpy(buf, good, sizeof(buf));
        for (size_t at = keep < len ? keep : len; at < len; at++) {
            buf[at] = (uint8_t)rand();
        }
        assert_int_not_equal(judge(buf, len, &prefix, &err), COMPLETE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),  cmocka_unit_test(golden),
        cmocka_unit_test(layout),      cmocka_unit_test(short_buffer),
        cmocka_unit_test(largest),     cmocka_unit_test(size_limit),
        cmocka_unit_test(cut_short),   cmocka_unit_test(cut_body),
        cmocka_unit_test(flipped),     cmocka_unit_test(lengths),
        cmocka_unit_test(body_errors), cmocka_unit_test(other_streams),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
