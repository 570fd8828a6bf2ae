/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes that nobody sends in good faith: huge numbers, strange enums, control characters, noise. */
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
        cmocka_unit_test(huge_numbers),
        cmocka_unit_test(enums),
        cmocka_unit_test(text),
        cmocka_unit_test(mangled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
