/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts taken down while a domain is counted, sent, and compared with what is found later. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <exclaim/layout.h>

#define FRAMES 20000u
#define HOLE   0xff
#define NODES  4u

static uint8_t truth[FRAMES];
static uint8_t runs[EXCLAIM_LAYOUT_MAX];

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 10;
}

static void make_guest(uint32_t *seed)
{
    memset(truth, HOLE, sizeof(truth));
    for (uint32_t at = dice(seed) % 100; at < FRAMES; at += dice(seed) % 50) {
        const uint32_t node = dice(seed) % NODES;

        for (uint32_t nr = 1 + dice(seed) % 700; nr && at < FRAMES; nr--) {
            truth[at++] = (uint8_t)node;
        }
    }
}

/* As a mapped count tells it: the longest runs, none over a hole. */
static void tell(const struct exclaim_run_sink *sink, uint32_t until)
{
    sink->begin(sink->arg);
    for (uint32_t at = 0, end; at < until; at = end) {
        for (end = at + 1; end < until && truth[end] == truth[at]; end++) {
        }
        if (truth[at] != HOLE) {
            sink->run(sink->arg, at, end - at, truth[at]);
        }
    }
}

static struct exclaim_count mapped(void)
{
    struct exclaim_count count = { .nr_nodes = NODES,
                                   .method = EXCLAIM_FROM_MAPPED,
                                   .exact = true };

    for (uint32_t at = 0; at < FRAMES; at++) {
        if (truth[at] != HOLE) {
            count.pages[truth[at]]++;
            count.total_pages++;
        }
    }
    return count;
}

/* Source to destination: every page is found on the node that its own is matched to. */
static void there_and_back(void **state)
{
    static struct exclaim_reservation res;
    static struct exclaim_layout_compare compare;
    static const uint32_t to[NODES] = { 2, 0, 3, 1 };
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct exclaim_layout_collect collect;
        struct exclaim_match match = { .nr_nodes = NODES };
        struct exclaim_share share[EXCLAIM_SHARES_MAX];
        struct exclaim_layout layout;
        struct exclaim_error err;
        uint64_t lost = 0, gone = 0;

        make_guest(&seed);
        exclaim_layout_collect_open(&collect);
        tell(&collect.sink, FRAMES / 2); /* then the domain changed */
        tell(&collect.sink, FRAMES);
        sample_reservation(&res, NODES);
        res.count = mapped();
        res.max_pages = FRAMES;
        assert_int_equal(exclaim_layout_collected(&collect, &res.count, &layout, &err), 0);
        exclaim_layout_pack(&layout, NULL, &res);
        exclaim_layout_collect_close(&collect);

        for (uint32_t s = 0; s < NODES; s++) {
            match.part[match.nr_parts++] = (struct exclaim_part){ .src_node = s,
                                                                  .dst_node = to[s],
                                                                  .pages = res.count.pages[s] };
        }
        assert_int_equal(exclaim_layout_unpack(&res, runs, &layout, &err), 0);
        exclaim_layout_compare_open(&compare, &layout);
        exclaim_layout_homes(share, exclaim_layout_shares(&match, &res.count, share),
                             compare.homes);
        for (uint32_t at = 0; at < FRAMES; at++) {
            truth[at] = truth[at] == HOLE ? HOLE : (uint8_t)to[truth[at]];
        }
        tell(&compare.sink, FRAMES);
        assert_int_equal(compare.kept, res.count.total_pages);
        assert_int_equal(compare.moved + compare.unlisted, 0);

        /* Some lie elsewhere, some are gone, some are new. */
        for (int k = 0; k < 500; k++) {
            const uint32_t at = dice(&seed) % FRAMES;

            if (truth[at] != HOLE && truth[at] < NODES && dice(&seed) % 2) {
                truth[at] = (uint8_t)(truth[at] + NODES);
                lost++;
            } else if (truth[at] < NODES) {
                truth[at] = HOLE;
                gone++;
            }
        }
        tell(&compare.sink, FRAMES);
        assert_int_equal(compare.moved, lost);
        assert_int_equal(compare.kept, res.count.total_pages - lost - gone);
        compare.sink.run(compare.sink.arg, FRAMES + 10, 7, 0);
        assert_int_equal(compare.unlisted, 7);
    }
}

/* Only a mapped count that is exact has a layout; why not is told. */
static void none(void **state)
{
    struct exclaim_layout_collect collect;
    struct exclaim_layout layout;
    struct exclaim_count count;
    struct exclaim_error err;
    uint32_t seed = 2;

    (void)state;
    make_guest(&seed);
    count = mapped();
    exclaim_layout_collect_open(&collect);
    assert_int_equal(exclaim_layout_collected(&collect, &count, &layout, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_UNSUPPORTED);
    tell(&collect.sink, FRAMES);
    count.method = EXCLAIM_FROM_CONSOLE;
    assert_int_equal(exclaim_layout_collected(&collect, &count, &layout, &err), -1);
    assert_string_equal(err.text, "counted by console, which tells no frames of pages");
    count.method = EXCLAIM_FROM_MAPPED;
    count.exact = false;
    assert_int_equal(exclaim_layout_collected(&collect, &count, &layout, &err), -1);
    assert_int_equal(layout.len, 0);

    /* More runs than there may be. */
    count.exact = true;
    collect.sink.begin(collect.sink.arg);
    for (uint64_t at = 0; at < 400000; at++) {
        collect.sink.run(collect.sink.arg, at * 1000, 1 + at * at % 777, at * at % 7 % NODES);
    }
    assert_int_equal(exclaim_layout_collected(&collect, &count, &layout, &err), -1);
    assert_non_null(strstr(err.text, "need more than 524288 bytes"));
    /* Counted again, it fits. */
    tell(&collect.sink, FRAMES);
    assert_int_equal(exclaim_layout_collected(&collect, &count, &layout, &err), 0);
    exclaim_layout_collect_close(&collect);

    /* No memory for it. */
    exclaim_layout_collect_open(&collect);
    exclaim_layout_collect_close(&collect);
    tell(&collect.sink, FRAMES);
    assert_int_equal(exclaim_layout_collected(&collect, &count, &layout, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
