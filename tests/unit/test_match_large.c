/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hosts of up to 64 nodes: the verdict "every part whole on a node of its own" against Kuhn's
 * algorithm for bipartite matching, which knows nothing of sorted nodes; and what a VM takes on
 * arrival against the figures that were measured.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <exclaim/match.h>

#define CASES 4000

static uint64_t rnd(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

struct graph {
    const struct exclaim_reservation *res;
    const struct exclaim_room *room;
    uint32_t part_of[EXCLAIM_NODES_MAX]; /* per node: its part, or UINT32_MAX */
    bool seen[EXCLAIM_NODES_MAX];
};

static bool edge(const struct graph *g, uint32_t part, uint32_t node)
{
    return (g->room->allowed & (1ull << node)) &&
           g->room->free[node] - g->room->claimed[node] >= g->res->count.pages[part];
}

static bool augment(struct graph *g, uint32_t part)
{
    for (uint32_t n = 0; n < g->room->nr_nodes; n++) {
        if (g->seen[n] || !edge(g, part, n)) {
            continue;
        }
        g->seen[n] = true;
        if (g->part_of[n] == UINT32_MAX || augment(g, g->part_of[n])) {
            g->part_of[n] = part;
            return true;
        }
    }
    return false;
}

static bool kuhn(const struct exclaim_reservation *res, const struct exclaim_room *room)
{
    struct graph g = { .res = res, .room = room };

    memset(g.part_of, 0xff, sizeof(g.part_of));
    for (uint32_t part = 0; part < res->count.nr_nodes; part++) {
        memset(g.seen, 0, sizeof(g.seen));
        if (res->count.pages[part] && !augment(&g, part)) {
            return false;
        }
    }
    return true;
}

static void make(uint64_t *state, struct exclaim_reservation *res, struct exclaim_room *room)
{
    memset(res, 0, sizeof(*res));
    memset(room, 0, sizeof(*room));
    room->nr_nodes = 1 + (uint32_t)(rnd(state) % EXCLAIM_NODES_MAX);
    /* Seldom more parts than nodes, and sizes alike: verdicts then hang on the last part. */
    res->count.nr_nodes = 1 + (uint32_t)(rnd(state) % (room->nr_nodes < 8 ? 8 : room->nr_nodes));
    res->count.exact = true;
    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        res->count.pages[i] = rnd(state) % 4 ? 1 + rnd(state) % 1000 : 0;
    }
    res->count.pages[0] += 1;
    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        res->count.total_pages += res->count.pages[i];
    }
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        room->free[n] = 1000 + rnd(state) % 400;
        room->claimed[n] = rnd(state) % 1000;
        room->allowed |= (uint64_t)(rnd(state) % 8 != 0) << n;
        room->host_free += room->free[n];
        for (uint32_t m = 0; m < room->nr_nodes; m++) {
            room->distance[n][m] = n == m ? 10 : 11 + (uint32_t)(rnd(state) % 10);
        }
    }
}

static void verdicts(void **unused)
{
    const struct exclaim_match_options opt = { .whole_parts = true };
    static struct exclaim_reservation res;
    static struct exclaim_match match;
    struct exclaim_room room;
    uint64_t state = 20260101;
    uint32_t yes = 0;

    (void)unused;
    for (uint32_t i = 0; i < CASES; i++) {
        bool expected, got;

        make(&state, &res, &room);
        expected = kuhn(&res, &room);
        got = !exclaim_match(&res, &room, &opt, &match, NULL);
        if (got != expected) {
            print_error("case %u: match says %d, bipartite matching %d\n", i, got, expected);
            fail();
        }
        yes += got;
        for (uint32_t p = 0; got && p < match.nr_parts; p++) {
            const struct exclaim_part *part = &match.part[p];

            assert_true(room.allowed & (1ull << part->dst_node));
            assert_true(match.pages[part->dst_node] == part->pages); /* its own node */
            assert_true(part->pages == res.count.pages[part->src_node]);
            assert_true(part->pages <= room.free[part->dst_node] - room.claimed[part->dst_node]);
        }
    }
    assert_in_range(yes, CASES / 10, CASES * 19 / 20); /* both verdicts were tried */
}

/* Rows of xen-api pull request 6869: vCPUs and the pages that the host's use grew by. */
static void arrival(void **unused)
{
    static const struct {
        uint32_t vcpus, pages;
    } rows[] = {
        { 1, 264 },    { 2, 558 },   { 3, 776 },    { 4, 1032 },  { 5, 1350 },  { 6, 1614 },
        { 7, 1878 },   { 8, 2056 },  { 9, 2406 },   { 10, 2670 }, { 11, 2934 }, { 16, 4254 },
        { 30, 7952 },  { 31, 8216 }, { 32, 8480 },  { 34, 9009 }, { 36, 9543 }, { 40, 10604 },
        { 47, 12454 }, { 0, 30 },    { 1, 294 },    { 3, 822 },   { 4, 1086 },  { 8, 2142 },
        { 34, 9011 },  { 36, 9546 }, { 47, 12456 }, { 15, 3960 }, { 31, 8186 }, { 63, 16635 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(exclaim_arrival_pages(rows[i].vcpus, 0) >= rows[i].pages);
        /* Not absurdly more: within 15 % and the domain's 30 pages. */
        assert_true(exclaim_arrival_pages(rows[i].vcpus, 0) <= rows[i].pages * 115 / 100 + 30);
    }
    /* A pool that is known stands for itself: rounded up to pages. */
    assert_int_equal(exclaim_arrival_pages(2, 4097), 2 + 30 + 2 * 38);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(verdicts), cmocka_unit_test(arrival) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
