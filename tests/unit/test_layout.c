/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts built, read, looked up; against a plain array of nodes. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <exclaim/layout.h>

#define FRAMES 40000u
#define HOLE   0xff
#define NODES  8u

static uint8_t bytes[EXCLAIM_LAYOUT_MAX];
static uint8_t truth[FRAMES]; /* [gfn]: node or HOLE */

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Stretches as Xen, restores and balloons make them. */
static void make_guest(uint32_t *seed)
{
    const uint32_t nodes = 1 + dice(seed) % NODES;
    uint32_t at = dice(seed) % 300;

    memset(truth, HOLE, sizeof(truth));
    while (at < FRAMES) {
        const uint32_t units[] = { 1, 2, 16, 512, 1 + dice(seed) % 700 };
        const uint32_t unit = units[dice(seed) % 5], kind = dice(seed) % 5;
        uint32_t nr = 1 + dice(seed) % 6000, turn = dice(seed) % nodes;

        for (uint32_t i = 0; i < nr && at < FRAMES; i++, at++) {
            if (i && i % unit == 0) {
                turn = kind == 0 ? turn : kind == 1 ? dice(seed) % nodes : (turn + 1) % nodes;
            }
            truth[at] = (uint8_t)turn;
        }
        at += dice(seed) % 4 ? 0 : dice(seed) % 1000;
    }
    for (uint32_t i = 0, nr = dice(seed) % 3 ? 0 : dice(seed) % 2000; i < nr; i++) {
        truth[dice(seed) % FRAMES] = HOLE;
    }
}

/* In pieces, as a count finds them. */
static void add_guest(struct exclaim_layout_build *b, uint32_t *seed)
{
    for (uint32_t at = 0, end; at < FRAMES; at = end) {
        const uint32_t most = 1 + dice(seed) % 1024;

        for (end = at + 1; end < FRAMES && end - at < most && truth[end] == truth[at]; end++) {
        }
        if (truth[at] != HOLE) {
            exclaim_layout_add(b, at, end - at, truth[at]);
        }
    }
}

static void count_guest(struct exclaim_count *count)
{
    memset(count, 0, sizeof(*count));
    count->nr_nodes = NODES;
    for (uint32_t at = 0; at < FRAMES; at++) {
        if (truth[at] != HOLE) {
            count->pages[truth[at]]++;
            count->total_pages++;
        }
    }
}

/* Every page where it is, in ascending order and in any. */
static void assert_truth(const struct exclaim_layout *layout, uint32_t *seed)
{
    static struct exclaim_layout_finder finder;
    struct exclaim_count count;
    struct exclaim_error err;
    uint64_t same;

    count_guest(&count);
    if (exclaim_layout_check(layout, &count, &err)) {
        fail_msg("%s", err.text);
    }
    exclaim_layout_find_open(&finder, layout);
    for (uint32_t at = 0; at < FRAMES; at++) {
        const uint32_t node = exclaim_layout_find(&finder, at, &same);

        assert_true(same > 0);
        for (uint64_t i = 0; i < same && at + i < FRAMES; i++) {
            if (truth[at + i] != HOLE && truth[at + i] != node) {
                fail_msg("frame %llu lies on node %u, layout says %u", (unsigned long long)(at + i),
                         truth[at + i], node);
            }
        }
        if (dice(seed) % 2 && same < FRAMES) {
            at += (uint32_t)same - 1;
        }
    }
    for (uint32_t i = 0; i < 3000; i++) {
        const uint32_t at = dice(seed) % FRAMES;
        const uint32_t node = exclaim_layout_find(&finder, at, &same);

        assert_true(truth[at] == HOLE || truth[at] == node);
    }
    assert_int_equal(exclaim_layout_find(&finder, FRAMES + 5, &same), EXCLAIM_LAYOUT_NO_NODE);
}

static void comes_back(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 400; i++) {
        struct exclaim_layout_build b;
        struct exclaim_layout layout;

        make_guest(&seed);
        exclaim_layout_build(&b, bytes, sizeof(bytes));
        add_guest(&b, &seed);
        assert_true(exclaim_layout_end(&b, &layout));
        assert_truth(&layout, &seed);
    }
}

/* Guests of 1 TiB that Xen has built, in a few bytes; every page alternating as well. */
static void alternating(void **state)
{
    const uint64_t tib = 1ull << 28;

    (void)state;
    for (uint32_t nodes = 2; nodes <= 64; nodes *= 2) {
        struct exclaim_layout_build b;
        struct exclaim_layout layout;
        uint64_t frames[EXCLAIM_NODES_MAX], pages = 0;

        exclaim_layout_build(&b, bytes, sizeof(bytes));
        for (uint64_t gfn = 0; gfn < 512; gfn++) {
            exclaim_layout_add(&b, gfn, 1, (uint32_t)(gfn % nodes));
        }
        for (uint64_t gfn = 512; gfn < tib; gfn += 512) {
            exclaim_layout_add(&b, gfn, 512, (uint32_t)(gfn / 512 % nodes));
        }
        assert_true(exclaim_layout_end(&b, &layout));
        assert_true(layout.len < 60);
        exclaim_layout_frames(&layout, frames);
        for (uint32_t n = 0; n < nodes; n++) {
            assert_int_equal(layout.hole_frames[n], 0);
            assert_int_equal(frames[n], b.pages[n]);
            pages += frames[n];
        }
        assert_int_equal(pages, tib);
    }
}

/* Holes of a balloon do not break runs: one page in a hundred is gone, nothing is longer for it. */
static void ballooned(void **state)
{
    uint32_t seed = 3;

    (void)state;
    for (uint32_t unit = 1; unit <= 512; unit *= 8) {
        struct exclaim_layout_build b;
        struct exclaim_layout layout;

        for (uint32_t at = 0; at < FRAMES; at++) {
            truth[at] = (uint8_t)(at / unit % 4);
        }
        for (uint32_t i = 0; i < FRAMES / 100; i++) {
            truth[4 * unit + dice(&seed) % (FRAMES - 4 * unit)] = HOLE;
        }
        exclaim_layout_build(&b, bytes, sizeof(bytes));
        add_guest(&b, &seed);
        assert_true(exclaim_layout_end(&b, &layout));
        assert_truth(&layout, &seed);
        assert_true(layout.len < 40);
    }
}

/* What does not fit is no layout, and writes nothing beyond. */
static void does_not_fit(void **state)
{
    uint32_t seed = 4;

    (void)state;
    make_guest(&seed);
    for (size_t size = 0; size < 40; size++) {
        struct exclaim_layout_build b;
        struct exclaim_layout layout;

        memset(bytes, 0xaa, 64);
        for (uint32_t at = 0; at < FRAMES; at++) {
            truth[at] = (uint8_t)(dice(&seed) % 3);
        }
        exclaim_layout_build(&b, bytes, size);
        add_guest(&b, &seed);
        assert_false(exclaim_layout_end(&b, &layout));
        assert_int_equal(layout.len, 0);
        for (size_t i = size; i < 64; i++) {
            assert_int_equal(bytes[i], 0xaa);
        }
    }
}

/* Bytes that are no layout, or not this count's. */
static void refused(void **state)
{
    static const struct {
        const char *what;
        uint8_t bytes[24];
        size_t len;
    } cases[] = {
        { "nothing", { 0 }, 0 },
        { "a first frame alone", { 0 }, 1 },
        { "half a number", { 0x80 }, 1 },
        { "a number beyond 64 bits",
          { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 },
          10 },
        { "a first frame beyond any host", { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0, 100 }, 9 },
        { "a run of no frames", { 0, 0, 0 }, 3 },
        { "half a run", { 0, 0 }, 2 },
        { "node 64", { 0, 0x80, 1, 100 }, 4 },
        { "a run beyond any guest", { 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f }, 9 },
        { "a unit of 0", { 0, 1, 100, 0, 3 }, 5 },
        { "a unit larger than the run", { 0, 1, 100, 101, 3 }, 5 },
        { "no nodes", { 0, 1, 100, 1, 0 }, 5 },
        { "a start that is none of the nodes", { 0, 1, 100, 1, 2 }, 5 },
        { "a page too many", { 0, 0, 101 }, 3 },
        { "a page too few", { 0, 0, 99 }, 3 },
        { "another node", { 0, 2, 100 }, 3 },
        { "a node that the count has not", { 0, 0, 100, 4, 1 }, 5 },
        { "rubbish behind it", { 0, 0, 100, 0 }, 4 },
    };
    const struct exclaim_count count = { .nr_nodes = 2, .pages = { 100 }, .total_pages = 100 };
    struct exclaim_layout good = { .bytes = (const uint8_t[]){ 0, 0, 100 }, .len = 3 };
    struct exclaim_error err;

    (void)state;
    assert_int_equal(exclaim_layout_check(&good, &count, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct exclaim_layout layout = { .bytes = cases[i].bytes, .len = cases[i].len };

        if (!exclaim_layout_check(&layout, &count, &err)) {
            fail_msg("taken: %s", cases[i].what);
        }
        assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    }
    good.hole_frames[0] = 1;
    assert_int_equal(exclaim_layout_check(&good, &count, &err), -1);
    good.hole_frames[0] = 0;
    good.hole_frames[63] = 1;
    assert_int_equal(exclaim_layout_check(&good, &count, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),   cmocka_unit_test(alternating), cmocka_unit_test(ballooned),
        cmocka_unit_test(does_not_fit), cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
