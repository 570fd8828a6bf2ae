/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes that other writers may send, newer, older and incomplete ones; and those that nobody sends
 * in good faith: huge numbers, strange enums, control characters, noise. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wire w;

/* From a buffer with no byte to spare. */
static int unpack(struct exclaim_reservation *res, struct exclaim_error *err)
{
    uint8_t *buf = malloc(w.len ? w.len : 1);
    int rc;

    memcpy(buf, w.buf, w.len);
    memset(res, 0xaa, sizeof(*res));
    memset(err, 0, sizeof(*err));
    rc = exclaim_reservation_unpack(buf, w.len, res, err);
    free(buf);
    return rc;
}

static void accepted(struct exclaim_reservation *res)
{
    struct exclaim_error err;

    if (unpack(res, &err)) {
        fail_msg("%s", err.text);
    }
}

static void refused(const char *text)
{
    struct exclaim_reservation res;
    struct exclaim_error err;

    assert_int_equal(unpack(&res, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    if (!strstr(err.text, text)) {
        fail_msg("\"%s\" is not in \"%s\"", text, err.text);
    }
}

/* All that a reservation needs for an exact count. */
static void exact_message(void)
{
    static const uint64_t pages[2] = { 30, 12 };

    wire_minimum(&w);
    wire_number(&w, 6, 42);
    wire_number(&w, 7, 50);
    wire_packed(&w, 8, pages, 2);
    wire_number(&w, 15, 1);
}

/* Fields of a later version, of every wire type, before and behind ours. */
static void newer_writer(void **state)
{
    struct exclaim_reservation res;
    struct wire old;

    (void)state;
    exact_message();
    old = w;
    w.len = 0;
    wire_number(&w, 100, UINT64_MAX);
    wire_bytes(&w, 536870911, "unknown", 7);
    memcpy(w.buf + w.len, old.buf, old.len);
    w.len += old.len;
    wire_varint(&w, 101u << 3 | 1); /* 64 bit */
    memset(w.buf + w.len, 0xff, 8);
    w.len += 8;
    wire_varint(&w, 102u << 3 | 5); /* 32 bit */
    memset(w.buf + w.len, 0xff, 4);
    w.len += 4;
    wire_number(&w, 1, 7); /* schema 7 */
    accepted(&res);
    assert_int_equal(res.count.nr_nodes, 2);
    assert_int_equal(res.count.pages[0], 30);
    assert_int_equal(res.count.pages[1], 12);
    assert_true(res.count.exact);
}

/* What an old writer leaves out is empty, and no memory of the caller shines through. */
static void older_writer(void **state)
{
    struct exclaim_reservation res, want;

    (void)state;
    wire_minimum(&w);
    accepted(&res);
    memset(&want, 0, sizeof(want));
    memcpy(want.uuid, res.uuid, sizeof(want.uuid));
    assert_reservation_equal(&res, &want);
    assert_int_equal(res.uuid[0], 0x10);

    exact_message();
    accepted(&res);
    assert_int_equal(res.distance[0][1], 0);
    assert_int_equal(res.soft_affinity, EXCLAIM_SOFT_UNKNOWN);
    assert_int_equal(res.count.method, EXCLAIM_FROM_NOWHERE);
}

/* Another protobuf library may not pack numbers, or send a field twice: the last one counts. */
static void other_encoders(void **state)
{
    struct exclaim_reservation res;

    (void)state;
    wire_minimum(&w);
    wire_number(&w, 8, 30);
    wire_number(&w, 6, 41);
    wire_number(&w, 6, 42);
    wire_number(&w, 7, 50);
    wire_bytes(&w, 3, "first", 5);
    wire_bytes(&w, 3, "second", 6);
    wire_number(&w, 8, 12);
    wire_number(&w, 15, 1);
    accepted(&res);
    assert_int_equal(res.count.pages[1], 12);
    assert_string_equal(res.source_host, "second");
}

static void missing(void **state)
{
    struct exclaim_reservation sample;

    (void)state;
    sample_reservation(&sample, 1);
    w.len = 0;
    refused("schema 0"); /* no bytes at all */
    wire_number(&w, 1, 1);
    refused("uuid of 0 bytes");
    for (size_t len = 0; len <= 17; len++) {
        w.len = 0;
        wire_number(&w, 1, 1);
        wire_bytes(&w, 2, "0123456789abcdefg", len);
        refused(len == 16 ? "pages of 0 bytes, not 4096" : "uuid of ");
    }
    wire_minimum(&w);
    wire_number(&w, 5, 2097152);
    refused("pages of 2097152 bytes");
}

static void node_counts(void **state)
{
    static uint64_t values[70000];
    static const struct {
        size_t nodes, distances;
        const char *text; /* NULL: accepted */
    } cases[] = {
        { 64, 0, NULL },
        { 64, 4096, NULL },
        { 0, 0, NULL },
        { 65, 0, "65 nodes" },
        { 70000, 0, "70000 nodes" },
        { 2, 3, "3 distances for 2 nodes, not 4" },
        { 2, 5, "5 distances" },
        { 0, 1, "1 distances" },
        { 64, 4095, "4095 distances for 64 nodes, not 4096" },
        { 65, 4225, "65 nodes" },
        { 1, 70000, "70000 distances" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_reservation res;

        wire_minimum(&w);
        wire_packed(&w, 8, values, cases[i].nodes);
        wire_packed(&w, 11, values, cases[i].distances);
        if (cases[i].text) {
            refused(cases[i].text);
        } else {
            accepted(&res);
            assert_int_equal(res.count.nr_nodes, cases[i].nodes);
        }
    }
}

/* The largest number in every numeric field, one at a time: refused or harmless. */
static void huge_numbers(void **state)
{
    static const uint32_t checked[] = { 6, 7, 8, 9, 12, 13 };
    static const uint32_t free_text[] = { 10, 17 };
    struct exclaim_reservation res;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(checked); i++) {
        exact_message();
        wire_number(&w, checked[i], UINT64_MAX);
        refused("limit of 1099511627776");
    }
    for (size_t i = 0; i < ARRAY_SIZE(free_text); i++) {
        exact_message();
        wire_number(&w, free_text[i], UINT64_MAX);
        accepted(&res);
    }
    exact_message();
    wire_number(&w, 8, 1ull << 40);
    refused("nodes add up to 1099511627818 pages, total is 42");
}

static void enums(void **state)
{
    static const uint64_t values[] = { 5, 1000, 0x7fffffff, 0x80000000, UINT64_MAX, INT64_MAX };
    struct exclaim_reservation res;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        exact_message();
        wire_number(&w, 14, values[i]);
        wire_number(&w, 18, values[i]);
        accepted(&res);
        assert_int_equal(res.count.method, EXCLAIM_FROM_NOWHERE);
        assert_int_equal(res.soft_affinity, EXCLAIM_SOFT_UNKNOWN);
    }
}

/* Text goes to logs and terminals: printable ASCII, cut to fit, always ended. */
static void text(void **state)
{
    static char longest[9000];
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } cases[] = {
        { "plain", 5, "plain" },
        { "a\nb\tc\x1b[0m\x7f", 10, "a?b?c?[0m?" },
        { "caf\xc3\xa9 \xff\xfe", 8, "caf?? ??" },
        { "zero\0behind", 11, "zero" },
        { "", 0, "" },
        { "%s%n", 4, "%s%n" },
    };
    struct exclaim_reservation res;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        exact_message();
        wire_bytes(&w, 3, cases[i].in, cases[i].len);
        wire_bytes(&w, 4, cases[i].in, cases[i].len);
        wire_bytes(&w, 16, cases[i].in, cases[i].len);
        accepted(&res);
        assert_string_equal(res.source_host, cases[i].out);
        assert_string_equal(res.xen_version, cases[i].out);
        assert_string_equal(res.count.why, cases[i].out);
    }
    memset(longest, 'x', sizeof(longest));
    exact_message();
    wire_bytes(&w, 3, longest, sizeof(longest));
    wire_bytes(&w, 4, longest, sizeof(longest));
    wire_bytes(&w, 16, longest, sizeof(longest));
    accepted(&res);
    assert_int_equal(strlen(res.source_host), sizeof(res.source_host) - 1);
    assert_int_equal(strlen(res.xen_version), sizeof(res.xen_version) - 1);
    assert_int_equal(strlen(res.count.why), sizeof(res.count.why) - 1);
}

/* Cut at every byte, and every byte replaced: refused or valid by the rules, never a crash. */
static void mangled(void **state)
{
    struct exclaim_reservation res;
    struct exclaim_error err;
    struct wire whole;

    (void)state;
    exact_message();
    wire_bytes(&w, 3, "host", 4);
    whole = w;
    for (size_t n = 0; n < whole.len; n++) {
        w.len = n;
        if (!unpack(&res, &err)) {
            assert_int_equal(exclaim_reservation_check(&res, &err), 0);
        }
        w.len = whole.len;
        for (unsigned int x = 1; x < 256; x++) {
            w.buf[n] = (uint8_t)(whole.buf[n] ^ x);
            if (!unpack(&res, &err)) {
                assert_int_equal(exclaim_reservation_check(&res, &err), 0);
            } else {
                assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
            }
        }
        w.buf[n] = whole.buf[n];
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newer_writer),   cmocka_unit_test(older_writer),
        cmocka_unit_test(other_encoders), cmocka_unit_test(missing),
        cmocka_unit_test(node_counts),    cmocka_unit_test(huge_numbers),
        cmocka_unit_test(enums),          cmocka_unit_test(text),
        cmocka_unit_test(mangled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
