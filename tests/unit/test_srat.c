/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine pages to Xen's nodes.  srat-4-nodes.bin comes from a host of four nodes (QEMU's
 * firmware). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/srat.h"

#define TABLE_MAX 32768u

struct table {
    uint8_t bytes[TABLE_MAX];
    size_t size;
};

static void put32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
}

static void start(struct table *t, uint8_t revision)
{
    memset(t, 0, sizeof(*t));
    memcpy(t->bytes, "SRAT", 4);
    t->bytes[8] = revision;
    t->size = 48;
    put32(t->bytes + 4, (uint32_t)t->size);
}

static uint8_t *add(struct table *t, uint8_t type, uint8_t length)
{
    uint8_t *entry = t->bytes + t->size;

    assert_true(t->size + length <= TABLE_MAX);
    entry[0] = type;
    entry[1] = length;
    t->size += length;
    put32(t->bytes + 4, (uint32_t)t->size);
    return entry;
}

static void add_cpu(struct table *t, uint32_t domain, bool enabled)
{
    uint8_t *entry = add(t, 0, 16);

    entry[2] = (uint8_t)domain;
    put32(entry + 4, enabled);
    entry[9] = (uint8_t)(domain >> 8);
    entry[10] = (uint8_t)(domain >> 16);
    entry[11] = (uint8_t)(domain >> 24);
}

static void add_x2apic(struct table *t, uint32_t domain, bool enabled)
{
    uint8_t *entry = add(t, 2, 24);

    put32(entry + 4, domain);
    put32(entry + 12, enabled);
}

static void add_memory(struct table *t, uint32_t domain, uint64_t start_page, uint64_t end_page,
                       uint32_t flags)
{
    uint8_t *entry = add(t, 1, 40);

    put32(entry + 2, domain);
    put64(entry + 8, start_page << EXCLAIM_PAGE_SHIFT);
    put64(entry + 16, (end_page - start_page) << EXCLAIM_PAGE_SHIFT);
    put32(entry + 28, flags);
}

/* In a block of just that size, for the sanitizer. */
static bool parse_bytes(const uint8_t *bytes, size_t size, struct xen_srat *srat, char why[96])
{
    uint8_t *copy = malloc(size ? size : 1);
    bool ok;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    ok = xen_srat_parse(copy, size, srat, why, 96);
    free(copy);
    assert_true(ok == (why[0] == '\0'));
    return ok;
}

static bool parse(const struct table *t, struct xen_srat *srat, char why[96])
{
    return parse_bytes(t->bytes, t->size, srat, why);
}

static void refused(const struct table *t, const char *words)
{
    struct xen_srat srat;
    char why[96];

    if (parse(t, &srat, why) || !strstr(why, words)) {
        fail_msg("'%s', not '%s'", why, words);
    }
}

static void read_real(struct table *t)
{
    FILE *stream = fopen(TEST_DATA "/console/srat-4-nodes.bin", "re");

    assert_non_null(stream);
    t->size = fread(t->bytes, 1, sizeof(t->bytes), stream);
    fclose(stream);
    assert_int_equal(t->size, 352);
}

/* The same host's key u: NODE0 0+196608, NODE1 196608+196608, NODE2 393216+720896, NODE3 1114112+.
 */
static void test_real_table(void **state)
{
    struct table t;
    struct xen_srat srat;
    char why[96];

    (void)state;
    read_real(&t);
    assert_true(parse(&t, &srat, why));
    assert_int_equal(srat.nr_nodes, 4);
    assert_int_equal(srat.nr_ranges, 6);
    assert_int_equal(srat.span[0].start, 0);
    assert_int_equal(srat.span[0].end, 196608);
    assert_int_equal(srat.span[1].start, 196608);
    assert_int_equal(srat.span[1].end, 393216);
    assert_int_equal(srat.span[2].start, 393216);
    assert_int_equal(srat.span[2].end, 393216 + 720896);
    assert_int_equal(srat.span[3].start, 1114112);

    assert_int_equal(xen_srat_node(&srat, 0), 0);
    assert_int_equal(xen_srat_node(&srat, 0x9f), 0);
    assert_int_equal(xen_srat_node(&srat, 0xa0), UINT32_MAX); /* the VGA hole */
    assert_int_equal(xen_srat_node(&srat, 0xff), UINT32_MAX);
    assert_int_equal(xen_srat_node(&srat, 0x100), 0);
    assert_int_equal(xen_srat_node(&srat, 196607), 0);
    assert_int_equal(xen_srat_node(&srat, 196608), 1);
    assert_int_equal(xen_srat_node(&srat, 393216), 2);
    assert_int_equal(xen_srat_node(&srat, 0x80000), UINT32_MAX); /* the PCI hole inside node 2 */
    assert_int_equal(xen_srat_node(&srat, 0x100000), 2);
    assert_int_equal(xen_srat_node(&srat, 0x110000), 3);
    assert_int_equal(xen_srat_node(&srat, 0x13ffff), 3);
    assert_int_equal(xen_srat_node(&srat, 0x140000), UINT32_MAX);
    assert_int_equal(xen_srat_node(&srat, UINT64_MAX), UINT32_MAX);
}

static void test_cut_anywhere(void **state)
{
    struct table t;
    struct xen_srat srat;
    char why[96];

    (void)state;
    read_real(&t);
    for (size_t cut = 0; cut < t.size; cut++) {
        uint8_t bytes[352];

        assert_false(parse_bytes(t.bytes, cut, &srat, why));
        /* Also when the table admits that it is short: only whole entries count. */
        if (cut >= 48) {
            memcpy(bytes, t.bytes, cut);
            put32(bytes + 4, (uint32_t)cut);
            if (parse_bytes(bytes, cut, &srat, why)) {
                assert_true(cut >= 48 + 4 * 16 + 40 && (cut - 48 - 4 * 16) % 40 == 0);
            }
        }
    }
}

/* Xen numbers by first appearance: x2APIC entries, then CPUs, then memory; disabled ones not at
 * all. */
static void test_numbering(void **state)
{
    struct table t;
    struct xen_srat srat;
    char why[96];

    (void)state;
    start(&t, 3);
    add_memory(&t, 7, 0, 100, 1);
    add_memory(&t, 0x01020304, 100, 200, 1);
    add_cpu(&t, 99, false);
    add_cpu(&t, 0x01020304, true);
    add_memory(&t, 50, 200, 300, 0);
    add_memory(&t, 5, 300, 400, 1);
    add_x2apic(&t, 98, false);
    add_x2apic(&t, 5, true);
    assert_true(parse(&t, &srat, why));
    assert_int_equal(srat.nr_nodes, 3);
    assert_int_equal(xen_srat_node(&srat, 350), 0);
    assert_int_equal(xen_srat_node(&srat, 150), 1);
    assert_int_equal(xen_srat_node(&srat, 50), 2);
    assert_int_equal(xen_srat_node(&srat, 250), UINT32_MAX);
}

/* Revision 1 has one byte for the proximity domain; what stands in the others is no part of it. */
static void test_revision_1(void **state)
{
    struct table t;
    struct xen_srat srat;
    char why[96];

    (void)state;
    start(&t, 1);
    add_cpu(&t, 0xabcdef00, true);
    add_cpu(&t, 0xabcdef01, true);
    add_memory(&t, 0x12345601, 0, 100, 1);
    add_memory(&t, 0x65432100, 100, 200, 1);
    assert_true(parse(&t, &srat, why));
    assert_int_equal(srat.nr_nodes, 2);
    assert_int_equal(xen_srat_node(&srat, 0), 1);
    assert_int_equal(xen_srat_node(&srat, 199), 0);
}

/* Memory that can be added later has a node, but is not spanned; a node may have none at all. */
static void test_spans(void **state)
{
    struct table t;
    struct xen_srat srat;
    char why[96];

    (void)state;
    start(&t, 3);
    add_cpu(&t, 1, true);
    add_memory(&t, 0, 500, 600, 1 | 2);
    add_memory(&t, 0, 300, 400, 1);
    add_memory(&t, 0, 0, 100, 1 | 4);
    add_memory(&t, 2, 700, 700, 1);
    assert_true(parse(&t, &srat, why));
    assert_int_equal(srat.nr_nodes, 3);
    assert_int_equal(srat.nr_ranges, 3);
    assert_int_equal(xen_srat_node(&srat, 550), 1);
    assert_int_equal(xen_srat_node(&srat, 200), UINT32_MAX);
    assert_int_equal(srat.span[1].start, 0);
    assert_int_equal(srat.span[1].end, 400);
    assert_int_equal(srat.span[0].end, 0);
    assert_int_equal(srat.span[2].end, 0);
}

static void test_refused(void **state)
{
    struct table t;
    uint8_t *entry;

    (void)state;
    start(&t, 3);
    refused(&t, "no memory");
    memcpy(t.bytes, "SLIT", 4);
    refused(&t, "no srat");

    start(&t, 3);
    put32(t.bytes + 4, 47);
    refused(&t, "says it has 47 bytes");

    start(&t, 3);
    add_memory(&t, 0, 0, 100, 1);
    add_memory(&t, 1, 99, 200, 1);
    refused(&t, "nodes 0 and 1 overlaps");

    start(&t, 3);
    entry = add(&t, 1, 40);
    put64(entry + 8, UINT64_MAX - 4095);
    put64(entry + 16, 8192);
    put32(entry + 28, 1);
    refused(&t, "whole pages");
    put64(entry + 8, 512);
    put64(entry + 16, 4096);
    refused(&t, "whole pages");

    start(&t, 3);
    entry = add(&t, 1, 40);
    entry[1] = 0;
    refused(&t, "does not fit");
    entry[1] = 41;
    refused(&t, "does not fit");

    start(&t, 3);
    add(&t, 1, 16);
    refused(&t, "type 1 has 40");
}

static void test_too_many(void **state)
{
    struct table t;

    (void)state;
    start(&t, 3);
    for (uint32_t i = 0; i <= EXCLAIM_NODES_MAX; i++) {
        add_cpu(&t, i, true);
    }
    refused(&t, "more than 64 proximity domains");

    start(&t, 3);
    for (uint32_t i = 0; i <= XEN_SRAT_RANGES_MAX; i++) {
        add_memory(&t, 0, (uint64_t)i * 2, (uint64_t)i * 2 + 1, 1);
    }
    refused(&t, "more than 256 memory ranges");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_table), cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_numbering),  cmocka_unit_test(test_revision_1),
        cmocka_unit_test(test_spans),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
