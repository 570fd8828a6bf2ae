/* SPDX-License-Identifier: BSD-2-Clause */
/* Source nodes to destination nodes: one table, and what a refusal says. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/match.h>

#define N   4
#define ANY UINT64_MAX

struct outcome {
    int shape; /* enum exclaim_match_shape, -1: NOFIT */
    uint64_t pages[N];
    uint64_t strays;
};

struct test_case {
    const char *name;
    uint64_t need[N], free[N], claimed[N];
    uint64_t allowed, headroom, stray_limit;
    uint32_t nr_dst;   /* 0: N */
    bool near_is_last; /* distances: the higher the number, the nearer */
    bool far;          /* node 3 is far from all others */
    uint64_t shared;
    struct outcome prefer, strict;
};

#define SAME       EXCLAIM_MATCH_SAME
#define RENUMBERED EXCLAIM_MATCH_RENUMBERED
#define MERGED     EXCLAIM_MATCH_MERGED
#define SPLIT      EXCLAIM_MATCH_SPLIT
#define BOTH(...)  .prefer = __VA_ARGS__, .strict = __VA_ARGS__
#define NOFIT                                                                                      \
    {                                                                                              \
        .shape = -1                                                                                \
    }

/* clang-format off */
static const struct test_case cases[] = {
    { "same numbers", { 10, 20 }, { 10, 20, 90, 90 }, .allowed = ANY,
      BOTH({ SAME, { 10, 20 }, 0 }) },
    { "same numbers with a hole", { 10, 0, 20 }, { 10, 0, 20 }, .allowed = ANY,
      BOTH({ SAME, { 10, 0, 20 }, 0 }) },
    { "a claim of others makes node 0 too small", { 10, 20 }, { 12, 20, 11, 50 }, { 3 },
      .allowed = ANY, BOTH({ RENUMBERED, { 0, 20, 10 }, 0 }) },
    { "the largest part keeps its number, best fit for the other", { 30, 20 }, { 30, 5, 25, 22 },
      .allowed = ANY, BOTH({ RENUMBERED, { 30, 0, 0, 20 }, 0 }) },
    { "a small part must leave its number to a large one", { 10, 40 }, { 40, 5, 10 },
      .allowed = ANY, BOTH({ RENUMBERED, { 40, 0, 10 }, 0 }) },
    { "the largest part's number would leave no room for the other", { 30, 20 }, { 30, 30, 5, 5 },
      .allowed = ANY, BOTH({ SAME, { 30, 20 }, 0 }) },
    { "keeping number 0 would starve the second part", { 10, 0, 20 }, { 25, 12 }, .allowed = ANY,
      BOTH({ RENUMBERED, { 20, 10 }, 0 }) },
    { "equal nodes: the lower number", { 0, 0, 10 }, { 50, 50 }, .allowed = ANY,
      BOTH({ RENUMBERED, { 10 }, 0 }) },
    { "fewer nodes here", { 10, 10 }, { 30 }, .allowed = ANY, .nr_dst = 1,
      .prefer = { MERGED, { 20 }, 0 }, .strict = NOFIT },
    { "merged: own number first", { 30, 20, 10 }, { 45, 20 }, .allowed = ANY,
      .prefer = { MERGED, { 40, 20 }, 0 }, .strict = NOFIT },
    { "split: nothing holds the part whole", { 100 }, { 60, 30, 20 }, .allowed = ANY,
      .prefer = { SPLIT, { 60, 30, 10 }, 0 }, .strict = NOFIT },
    { "split: own number first, then the nearest", { 0, 100 }, { 40, 50, 30, 40 }, .allowed = ANY,
      .near_is_last = true, .prefer = { SPLIT, { 0, 50, 10, 40 }, 0 }, .strict = NOFIT },
    { "split: two parts", { 50, 60 }, { 45, 45, 45 }, .allowed = ANY,
      .prefer = { SPLIT, { 45, 45, 20 }, 0 }, .strict = NOFIT },
    { "strays stay where all fits as it was", { 100, 3 }, { 100, 3 }, .allowed = ANY,
      .stray_limit = 5, BOTH({ SAME, { 100, 3 }, 0 }) },
    { "strays go with the largest part", { 100, 3, 5 }, { 108, 1 }, .allowed = ANY,
      .stray_limit = 5, BOTH({ RENUMBERED, { 108 }, 8 }) },
    { "six pages are no strays at a limit of five", { 100, 6 }, { 200 }, .allowed = ANY,
      .stray_limit = 5, .prefer = { MERGED, { 106 }, 0 }, .strict = NOFIT },
    { "a VM of strays alone keeps its largest", { 2, 4, 3 }, { 0, 9 }, .allowed = ANY,
      .stray_limit = 5, BOTH({ RENUMBERED, { 0, 9 }, 5 }) },
    { "pinned to nodes 2 and 3", { 10, 20 }, { 99, 99, 20, 10 }, .allowed = 12,
      BOTH({ RENUMBERED, { 0, 0, 20, 10 }, 0 }) },
    { "pinned to too little", { 10, 20 }, { 99, 99, 20, 9 }, .allowed = 12, BOTH(NOFIT) },
    { "headroom just left", { 10, 20 }, { 20, 20 }, .allowed = ANY, .headroom = 10,
      BOTH({ SAME, { 10, 20 }, 0 }) },
    { "headroom not left", { 10, 20 }, { 20, 20 }, .allowed = ANY, .headroom = 11, BOTH(NOFIT) },
    { "claims of others fill the host", { 10 }, { 20, 20 }, { 15, 16 }, .allowed = ANY, BOTH(NOFIT) },
    { "claims of more than is free", { 10 }, { 20, 10 }, { 30 }, .allowed = ANY, BOTH(NOFIT) },
    { "shared and paged pages arrive with the largest part", { 10, 20 }, { 10, 27 }, .allowed = ANY,
      .shared = 7, BOTH({ SAME, { 10, 27 }, 0 }) },
    { "far memory is the last choice", { 100 }, { 60, 60, 10, 500 }, .allowed = ANY, .far = true,
      .prefer = { SPLIT, { 60, 40 }, 0 }, .strict = NOFIT },
    { "and is one where all else is too small", { 100 }, { 30, 30, 10, 500 }, .allowed = ANY, .far = true,
      .prefer = { RENUMBERED, { 0, 0, 0, 100 }, 0 }, .strict = NOFIT },
    { "and count for the host", { 10, 20 }, { 10, 26 }, .allowed = ANY, .shared = 7, BOTH(NOFIT) },
};
/* clang-format on */

static void build(const struct test_case *c, struct exclaim_reservation *res,
                  struct exclaim_room *room)
{
    memset(res, 0, sizeof(*res));
    memset(room, 0, sizeof(*room));
    res->count.exact = true;
    res->count.nr_nodes = N;
    res->shared_pages = c->shared / 2;
    res->paged_pages = c->shared - c->shared / 2;
    room->nr_nodes = c->nr_dst ? c->nr_dst : N;
    room->allowed = c->allowed;
    room->headroom = c->headroom;
    for (uint32_t n = 0; n < N; n++) {
        res->count.pages[n] = c->need[n];
        res->count.total_pages += c->need[n];
        room->free[n] = c->free[n];
        room->claimed[n] = c->claimed[n];
        room->host_free += c->free[n];
        room->host_claimed += c->claimed[n];
        for (uint32_t m = 0; m < N; m++) {
            room->distance[n][m] = n == m ? 10 : c->near_is_last ? 40 - m : 20;
            room->distance[n][m] =
                c->far && n != m && (n == 3 || m == 3) ? 50 : room->distance[n][m];
        }
    }
}

static void check_sums(const struct exclaim_reservation *res, const struct exclaim_room *room,
                       const struct exclaim_match *m)
{
    uint64_t dst[EXCLAIM_NODES_MAX] = { 0 }, total = 0;

    assert_true(m->nr_parts <= EXCLAIM_PARTS_MAX);
    assert_int_equal(m->nr_nodes, room->nr_nodes);
    for (uint32_t i = 0; i < m->nr_parts; i++) {
        assert_true(m->part[i].dst_node < room->nr_nodes);
        assert_true(m->part[i].pages > 0);
        dst[m->part[i].dst_node] += m->part[i].pages;
        total += m->part[i].pages;
    }
    assert_memory_equal(dst, m->pages, sizeof(dst));
    assert_int_equal(total, m->total_pages);
    assert_int_equal(total, exclaim_reservation_pages(res));
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        assert_true(m->pages[n] <= exclaim_room_node(room, n));
    }
}

static void check(const struct test_case *c, bool strict)
{
    const struct outcome *want = strict ? &c->strict : &c->prefer;
    const struct exclaim_match_options opt = { c->stray_limit, strict };
    struct exclaim_reservation res;
    struct exclaim_match match, again;
    struct exclaim_error err = { 0 };
    struct exclaim_room room;
    int rc;

    build(c, &res, &room);
    memset(&match, 0xaa, sizeof(match));
    rc = exclaim_match(&res, &room, &opt, &match, &err);
    if (want->shape < 0) {
        if (rc != -1 || err.kind != EXCLAIM_ERR_NOFIT) {
            fail_msg("%s: fits as %s", c->name, exclaim_match_shape_name(match.shape));
        }
        assert_non_null(strstr(err.text, "need"));
        assert_non_null(strstr(err.text, "short by"));
        return;
    }
    if (rc || (int)match.shape != want->shape ||
        memcmp(match.pages, want->pages, sizeof(want->pages))) {
        fail_msg("%s (%s): %s%s %lu %lu %lu %lu", c->name, strict ? "strict" : "prefer",
                 rc ? "" : exclaim_match_shape_name(match.shape), err.text,
                 (unsigned long)match.pages[0], (unsigned long)match.pages[1],
                 (unsigned long)match.pages[2], (unsigned long)match.pages[3]);
    }
    assert_int_equal(match.stray_pages, want->strays);
    check_sums(&res, &room, &match);

    memset(&again, 0x55, sizeof(again));
    assert_int_equal(exclaim_match(&res, &room, &opt, &again, &err), 0);
    assert_memory_equal(again.part, match.part, match.nr_parts * sizeof(match.part[0]));
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check(&cases[i], false);
        check(&cases[i], true);
    }
}

static void refusal_texts(void **state)
{
    static const struct {
        uint64_t need[N], free[N], claimed[N], headroom;
        uint32_t nr_dst;
        const char *text;
    } texts[] = {
        { { 100 },
          { 90, 20 },
          { 7 },
          0,
          0,
          "source node 0 needs 400 KiB (100 pages), best is node 0 with 360 KiB free, 28 KiB "
          "claimed by others, 0 KiB kept free: short by 68 KiB (17 pages)" },
        { { 10, 60 },
          { 50, 50 },
          { 0 },
          0,
          0,
          "source node 1 needs 240 KiB (60 pages), best is node 0 with 200 KiB free, 0 KiB claimed "
          "by others, 0 KiB kept free: short by 40 KiB (10 pages)" },
        { { 30, 20 }, { 60 }, { 0 }, 0, 1, "source node 1 needs 80 KiB, no node is left for it" },
        { { 100 },
          { 90, 20 },
          { 7, 1 },
          5,
          0,
          "need 400 KiB (100 pages), host has 440 KiB free, 32 KiB claimed by others, 20 KiB "
          "headroom: short by 12 KiB (3 pages)" },
        { { 100 }, /* kept free is more than is free */
          { 10, 5 },
          { 7, 1 },
          20,
          0,
          "need 400 KiB (100 pages), host has 60 KiB free, 32 KiB claimed by others, 80 KiB "
          "headroom: short by 452 KiB (113 pages)" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct exclaim_match_options opt = { .whole_parts = true };
        struct test_case c = { .allowed = ANY,
                               .headroom = texts[i].headroom,
                               .nr_dst = texts[i].nr_dst };
        struct exclaim_reservation res;
        struct exclaim_match match;
        struct exclaim_error err;
        struct exclaim_room room;

        memcpy(c.need, texts[i].need, sizeof(c.need));
        memcpy(c.free, texts[i].free, sizeof(c.free));
        memcpy(c.claimed, texts[i].claimed, sizeof(c.claimed));
        build(&c, &res, &room);
        assert_int_equal(exclaim_match(&res, &room, &opt, &match, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);
        if (!strstr(err.text, texts[i].text)) {
            fail_msg("%s", err.text);
        }
    }
}

static void inexact(void **state)
{
    const struct exclaim_match_options opt = { 0 };
    struct exclaim_reservation res;
    struct exclaim_room room;
    struct exclaim_match match;
    struct exclaim_error err;

    (void)state;
    build(&cases[0], &res, &room);
    res.count.exact = false;
    strcpy(res.count.why, "ballooned meanwhile");
    assert_int_equal(exclaim_match(&res, &room, &opt, &match, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    assert_non_null(strstr(err.text, "ballooned meanwhile"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(refusal_texts),
        cmocka_unit_test(inexact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
