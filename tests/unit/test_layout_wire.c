/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts in records: written, read by readers of each age, left out, damaged on purpose. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <exclaim/layout.h>
#include <exclaim/record.h>

#include "exclaim_v1.pb-c.h"

#define REGION 512u

static uint8_t bytes[EXCLAIM_LAYOUT_MAX], opened[EXCLAIM_LAYOUT_MAX];
static struct exclaim_reservation res, back;

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A guest of so many regions; which nodes is up to @node_of. */
static void reserve(uint32_t nodes, uint64_t regions, uint32_t (*node_of)(uint64_t, uint32_t),
                    struct exclaim_layout *layout)
{
    struct exclaim_layout_build b;

    sample_reservation(&res, nodes);
    exclaim_layout_build(&b, bytes, sizeof(bytes));
    for (uint64_t i = 0; i < regions; i++) {
        exclaim_layout_add(&b, i * REGION, REGION, node_of(i, nodes));
    }
    memcpy(res.count.pages, b.pages, sizeof(res.count.pages));
    res.count.total_pages = regions * REGION;
    res.max_pages = regions * REGION + 256;
    exclaim_layout_end(&b, layout);
}

static uint32_t in_turn(uint64_t region, uint32_t nodes)
{
    return (uint32_t)(region % nodes);
}

/* No pattern: a hash of the region's number (splitmix64). */
static uint32_t shuffled(uint64_t region, uint32_t nodes)
{
    uint64_t z = (region + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % nodes);
}

static void uneven(struct exclaim_layout *layout)
{
    reserve(3, 1000, shuffled, layout);
}

/* Sends res and receives it as back; how long the record was. */
static size_t travel(void)
{
    uint8_t *buf = malloc(EXCLAIM_PREFIX_MAX);
    struct exclaim_prefix prefix;
    struct exclaim_error err = { 0 };
    size_t len;

    assert_non_null(buf);
    if (exclaim_prefix_encode(&res, EXCLAIM_GUEST_HVM, 4, 17, buf, EXCLAIM_PREFIX_MAX, &len,
                              &err) ||
        exclaim_prefix_scan(buf, len, &prefix, &err) ||
        exclaim_body_decode(buf + prefix.body, prefix.body_size, &back, &err)) {
        fail_msg("%s", err.text);
    }
    free(buf);
    return len;
}

/* What fits, and how long it is, for guests of the sizes that hosts have. */
static void sizes(void **state)
{
    static const struct {
        const char *what;
        uint32_t nodes;
        uint64_t gib;
        uint32_t (*node_of)(uint64_t, uint32_t);
        size_t most; /* bytes of the whole record; 0: it does not fit */
    } cases[] = {
        { "1 TiB alternating over 2 nodes", 2, 1024, in_turn, 256 },
        { "1 TiB alternating over 8 nodes", 8, 1024, in_turn, 512 },
        { "64 GiB shuffled over 2 nodes", 2, 64, shuffled, 8192 },
        { "256 GiB shuffled over 2 nodes", 2, 256, shuffled, 32768 },
        { "64 GiB shuffled over 8 nodes", 8, 64, shuffled, 24576 },
        { "1 TiB shuffled over 2 nodes", 2, 1024, shuffled, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_layout layout, got;
        struct exclaim_error err;
        size_t len;

        reserve(cases[i].nodes, cases[i].gib * 512, cases[i].node_of, &layout);
        exclaim_layout_pack(&layout, "too many runs", &res);
        len = travel();
        print_message("%s: record of %zu bytes, %zu bytes of runs\n", cases[i].what, len,
                      layout.len);
        if (!cases[i].most) {
            assert_int_equal(res.layout.len, 0);
            assert_string_equal(back.layout.why, res.layout.why);
            assert_int_equal(exclaim_layout_unpack(&back, opened, &got, &err), -1);
            assert_int_equal(err.kind, EXCLAIM_ERR_UNSUPPORTED);
            assert_string_equal(err.text, res.layout.why);
            continue;
        }
        assert_true(len <= cases[i].most);
        assert_int_equal(exclaim_layout_unpack(&back, opened, &got, &err), 0);
        assert_int_equal(got.len, layout.len);
        assert_memory_equal(got.bytes, layout.bytes, layout.len);
    }
}

/* Runs that deflate to more than a record holds are left out, the record goes without them. */
static void too_long(void **state)
{
    struct exclaim_layout layout;
    struct exclaim_layout_build b;
    uint32_t seed = 5;
    uint64_t at = 0;

    (void)state;
    sample_reservation(&res, 64);
    exclaim_layout_build(&b, bytes, sizeof(bytes));
    for (int i = 0; i < 40000; i++) {
        const uint64_t nr = 1 + dice(&seed) % 10000;

        exclaim_layout_add(&b, at, nr, dice(&seed) % 64);
        at += nr;
    }
    memcpy(res.count.pages, b.pages, sizeof(res.count.pages));
    res.count.total_pages = res.max_pages = at;
    assert_true(exclaim_layout_end(&b, &layout));
    exclaim_layout_pack(&layout, NULL, &res);
    assert_int_equal(res.layout.len, 0);
    assert_non_null(strstr(res.layout.why, "do not fit in a record of 65536 bytes"));
    travel();
    assert_int_equal(back.count.total_pages, at);
    assert_string_equal(back.layout.why, res.layout.why);
}

/* tests/data/record-layout.py wrote it; what is once sent must be understood for ever. */
static void golden(void **state)
{
    static struct exclaim_layout_finder finder;
    size_t len;
    char *file = get_file(TEST_DATA "/record-layout.bin", &len);
    struct exclaim_prefix prefix;
    struct exclaim_layout layout;
    struct exclaim_error err;
    uint64_t same;

    (void)state;
    assert_int_equal(exclaim_prefix_scan(file, len, &prefix, &err), 0);
    assert_int_equal(exclaim_body_decode(file + prefix.body, prefix.body_size, &back, &err), 0);
    assert_int_equal(exclaim_layout_unpack(&back, opened, &layout, &err), 0);
    assert_int_equal(layout.hole_frames[2], 7);
    exclaim_layout_find_open(&finder, &layout);
    for (uint64_t gfn = 0; gfn < 52719; gfn++) {
        const uint32_t want = gfn < 512     ? (gfn % 2 ? 0 : 2)
                              : gfn < 51712 ? (const uint32_t[]){ 5, 0, 2 }[(gfn - 512) / 512 % 3]
                                            : 2;

        assert_int_equal(exclaim_layout_find(&finder, gfn, &same), want);
    }
    assert_int_equal(exclaim_layout_find(&finder, 52719, &same), EXCLAIM_LAYOUT_NO_NODE);
    free(file);
}

/* A reader from before layouts finds in a new record all that it knew, and skips the rest. */
static void old_reader(void **state)
{
    const size_t body = EXCLAIM_STREAM_HEADERS + EXCLAIM_RECORD_HEADER;
    uint8_t *buf = malloc(EXCLAIM_PREFIX_MAX);
    struct exclaim_layout layout;
    struct exclaim_error err;
    ExclaimV1__Reservation *msg;
    uint32_t proto;
    size_t len;

    (void)state;
    assert_non_null(buf);
    uneven(&layout);
    exclaim_layout_pack(&layout, NULL, &res);
    assert_true(res.layout.len > 0);
    assert_int_equal(
        exclaim_prefix_encode(&res, EXCLAIM_GUEST_HVM, 4, 17, buf, EXCLAIM_PREFIX_MAX, &len, &err),
        0);
    assert_true(len <= EXCLAIM_PREFIX_MAX); /* all of it can be peeked */
    memcpy(&proto, buf + body + 12, sizeof(proto));
    msg = exclaim_v1__reservation__unpack(NULL, proto, buf + body + EXCLAIM_BODY_HEADER);
    assert_non_null(msg);
    assert_int_equal(msg->schema, 1);
    assert_memory_equal(msg->vm_uuid.data, res.uuid, sizeof(res.uuid));
    assert_int_equal(msg->total_pages, res.count.total_pages);
    assert_int_equal(msg->n_node_pages, res.count.nr_nodes);
    assert_memory_equal(msg->node_pages, res.count.pages, msg->n_node_pages * sizeof(uint64_t));
    assert_int_equal(msg->count_exact, res.count.exact);
    assert_int_equal(msg->time_unix_ms, res.time_unix_ms);
    exclaim_v1__reservation__free_unpacked(msg, NULL);
    free(buf);
}

/* A record without a layout: the count stands for itself. */
static void old_writer(void **state)
{
    struct exclaim_layout layout;
    struct exclaim_error err;

    (void)state;
    sample_reservation(&res, 3);
    travel();
    assert_int_equal(exclaim_layout_unpack(&back, opened, &layout, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_UNSUPPORTED);
    assert_string_equal(err.text, "the source sent no layout");
    assert_int_equal(layout.len, 0);
}

static void assert_dropped(const char *what)
{
    struct exclaim_layout layout;
    struct exclaim_error err;

    travel(); /* the record is as good as ever */
    assert_int_equal(back.count.total_pages, res.count.total_pages);
    if (!exclaim_layout_unpack(&back, opened, &layout, &err)) {
        fail_msg("%s: taken", what);
    }
    assert_int_equal(layout.len, 0);
}

/* A hostile layout costs its record nothing but the layout. */
static void hostile(void **state)
{
    static uint8_t zeros[4 * EXCLAIM_LAYOUT_MAX];
    struct exclaim_layout layout;
    struct exclaim_packed_layout good;
    uLongf len;

    (void)state;
    uneven(&layout);
    exclaim_layout_pack(&layout, NULL, &res);
    good = res.layout;
    assert_int_equal(good.form, EXCLAIM_LAYOUT_ZLIB);

    /* Inflates to more than it says, to the limit or far beyond it. */
    res.layout.plain--;
    assert_dropped("more bytes than announced");
    res.layout.plain = good.plain + 1;
    assert_dropped("fewer bytes than announced");
    res.layout.plain = 0;
    assert_dropped("none announced");
    res.layout.plain = EXCLAIM_LAYOUT_MAX + 1;
    assert_dropped("too many announced");
    for (uint32_t plain = 1; plain; plain <<= 1) {
        len = sizeof(res.layout.bytes);
        assert_int_equal(compress(res.layout.bytes, &len, zeros, sizeof(zeros)), Z_OK);
        res.layout.len = (uint32_t)len;
        res.layout.plain = plain;
        assert_dropped("a bomb");
    }
    res.layout = good;
    res.layout.form = EXCLAIM_LAYOUT_PLAIN;
    assert_dropped("deflated, announced as plain");
    res.layout.form = (enum exclaim_layout_form)2;
    assert_dropped("a form of another time");
    for (uint32_t i = 0; i < good.len; i++) {
        res.layout = good;
        res.layout.bytes[i] ^= 0x41;
        assert_dropped("damaged");
        res.layout = good;
        res.layout.len = i;
        assert_dropped("cut");
    }
    /* Another count's: the layout goes, the count stays. */
    res.layout = good;
    res.count.pages[0]++;
    res.count.pages[1]--;
    assert_dropped("of another count");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),      cmocka_unit_test(too_long),   cmocka_unit_test(golden),
        cmocka_unit_test(old_reader), cmocka_unit_test(old_writer), cmocka_unit_test(hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
