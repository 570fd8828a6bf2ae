/* SPDX-License-Identifier: BSD-2-Clause */
/* Packing and unpacking, and every rule of what may be in a reservation. */
#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT (1ull << 40)

static void round_trip(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 64; nodes++) {
        struct exclaim_reservation in, out;
        struct exclaim_error err = { 0 };
        uint8_t buf[16384], *exact;
        size_t len;

        sample_reservation(&in, nodes);
        if (nodes % 3 == 0) {
            memset(in.distance, 0, sizeof(in.distance)); /* unknown: not sent at all */
        }
        in.soft_affinity = nodes % 3;
        in.count.method = (enum exclaim_provenance)(nodes % 4);
        assert_int_equal(exclaim_reservation_pack(&in, buf, sizeof(buf), &len, &err), 0);
        exact = malloc(len);
        memcpy(exact, buf, len);
        memset(&out, 0xaa, sizeof(out));
        if (exclaim_reservation_unpack(exact, len, &out, &err)) {
            fail_msg("%s", err.text);
        }
        assert_reservation_equal(&in, &out);
        free(exact);

        exact = malloc(len);
        assert_int_equal(exclaim_reservation_pack(&in, exact, len - 1, &len, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
        assert_int_equal(exclaim_reservation_pack(&in, exact, len, &len, &err), 0);
        free(exact);
    }
}

/* An inexact count travels as well: the total and the reason help the destination. */
static void inexact(void **state)
{
    struct exclaim_reservation in, out;
    struct exclaim_error err = { 0 };
    uint8_t buf[4096];
    size_t len;

    (void)state;
    sample_reservation(&in, 2);
    in.count.exact = false;
    in.count.nr_nodes = 0;
    memset(in.count.pages, 0, sizeof(in.count.pages));
    memset(in.distance, 0, sizeof(in.distance));
    strcpy(in.count.why, "the guest balloons");
    assert_int_equal(exclaim_reservation_pack(&in, buf, sizeof(buf), &len, &err), 0);
    assert_int_equal(exclaim_reservation_unpack(buf, len, &out, &err), 0);
    assert_reservation_equal(&in, &out);
}

/* One rule broken at a time; the refusal names the numbers. */
struct rule {
    const char *text[2];
    size_t offset; /* of a uint64_t, ... */
    uint64_t value;
    uint32_t nodes; /* ... or the number of nodes */
};

#define FIELD(f) offsetof(struct exclaim_reservation, f)

static const struct rule rules[] = {
    { { "65 nodes", "limit 64" }, 0, 0, 65 },
    { { "4294967295 nodes", "64" }, 0, 0, UINT32_MAX },
    { { "node 1: ", "1099511627777" }, FIELD(count.pages[1]), LIMIT + 1, 2 },
    { { "node 0: ", "18446744073709551615" }, FIELD(count.pages[0]), UINT64_MAX, 2 },
    { { "total pages 1099511627777", "1099511627776" }, FIELD(count.total_pages), LIMIT + 1, 2 },
    { { "max_pages 18446744073709551615", "1099511627776" }, FIELD(max_pages), UINT64_MAX, 2 },
    { { "shared pages 1099511627777", "" }, FIELD(shared_pages), LIMIT + 1, 2 },
    { { "paged pages 18446744073709551615", "" }, FIELD(paged_pages), UINT64_MAX, 2 },
    { { "paging pool", "1099511627777" }, FIELD(paging_pool_bytes), (LIMIT + 1) << 12, 2 },
    { { "nodes add up to 2017", "total is 2018" }, FIELD(count.total_pages), 2018, 2 },
    { { "nodes add up to 2018", "total is 2017" }, FIELD(count.pages[1]), 1018, 2 },
    { { "total of 2017", "max_pages 2016" }, FIELD(max_pages), 2016, 2 },
    { { "exact count of 0 pages on 2 nodes", "" }, FIELD(count.total_pages), 0, 2 },
    { { "exact count of 2017 pages on 0 nodes", "" }, 0, 0, 0 },
};

static void broken_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        struct exclaim_reservation res;
        struct exclaim_error err = { 0 }, packing = { 0 };
        uint8_t buf[4096];
        size_t len;

        sample_reservation(&res, 2);
        if (rules[i].offset) {
            memcpy((char *)&res + rules[i].offset, &rules[i].value, sizeof(rules[i].value));
        }
        res.count.nr_nodes = rules[i].nodes;
        assert_int_equal(exclaim_reservation_check(&res, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
        if (!strstr(err.text, rules[i].text[0]) || !strstr(err.text, rules[i].text[1])) {
            fail_msg("rule %zu: %s", i, err.text);
        }
        /* Nothing is sent that the other side would refuse. */
        assert_int_equal(exclaim_reservation_pack(&res, buf, sizeof(buf), &len, &packing), -1);
        assert_string_equal(packing.text, err.text);
    }
}

/* Each limit itself is allowed. */
static void at_the_limits(void **state)
{
    struct exclaim_reservation res;
    struct exclaim_error err = { 0 };

    (void)state;
    sample_reservation(&res, 64);
    assert_int_equal(exclaim_reservation_check(&res, &err), 0);
    memset(res.count.pages, 0, sizeof(res.count.pages));
    res.count.pages[63] = res.count.total_pages = res.max_pages = LIMIT;
    res.shared_pages = res.paged_pages = LIMIT;
    res.paging_pool_bytes = LIMIT << 12 | 4095;
    assert_int_equal(exclaim_reservation_check(&res, &err), 0);
    assert_int_equal(exclaim_reservation_pages(&res), 3 * LIMIT);

    sample_reservation(&res, 1);
    res.count.pages[0] = res.count.total_pages = res.max_pages = 1;
    assert_int_equal(exclaim_reservation_check(&res, &err), 0);
    res.count.exact = false; /* then the sum is no promise */
    res.count.total_pages = 77;
    assert_int_equal(exclaim_reservation_check(&res, &err), 0);
}

static void for_domain(void **state)
{
    struct exclaim_reservation res;
    struct exclaim_domain dom = { .domid = 42 };
    struct exclaim_error err = { 0 };

    (void)state;
    sample_reservation(&res, 2);
    memcpy(dom.uuid, res.uuid, sizeof(dom.uuid));
    dom.max_pages = 2017 + 3 + 5;
    assert_int_equal(exclaim_reservation_check_domain(&res, &dom, &err), 0);

    dom.max_pages--;
    assert_int_equal(exclaim_reservation_check_domain(&res, &dom, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    assert_non_null(strstr(err.text, "2025"));
    assert_non_null(strstr(err.text, "2024"));
    assert_non_null(strstr(err.text, "42"));

    dom.max_pages = LIMIT;
    for (unsigned int i = 0; i < EXCLAIM_UUID_BYTES; i++) {
        dom.uuid[i] ^= 0x80;
        assert_int_equal(exclaim_reservation_check_domain(&res, &dom, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
        assert_non_null(strstr(err.text, "10111213-1415-1617-1819-1a1b1c1d1e1f"));
        assert_non_null(strstr(err.text, "domain 42"));
        dom.uuid[i] ^= 0x80;
    }
    /* Under xenopsd a VM arrives with the end of its uuid replaced; no other end will do. */
    memcpy(dom.uuid + 10, "\0\0\0\0\0\1", 6);
    assert_int_equal(exclaim_reservation_check_domain(&res, &dom, &err), 0);
    dom.uuid[15] = 0;
    assert_int_equal(exclaim_reservation_check_domain(&res, &dom, &err), -1);
    dom.uuid[15] = 1;
    dom.uuid[9] ^= 1;
    assert_int_equal(exclaim_reservation_check_domain(&res, &dom, &err), -1);
    dom.uuid[9] ^= 1;
    /* A domain that has no limit yet has room for nothing. */
    dom.max_pages = 0;
    assert_int_equal(exclaim_reservation_check_domain(&res, &dom, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),   cmocka_unit_test(inexact),
        cmocka_unit_test(broken_rules), cmocka_unit_test(at_the_limits),
        cmocka_unit_test(for_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
