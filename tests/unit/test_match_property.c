/* SPDX-License-Identifier: BSD-2-Clause */
/* The match against brute force over small random hosts, and at full size. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/match.h>

#define N      4
#define ROUNDS 200000

static uint64_t seed;

/* Not rand(): the same cases on every machine. */
static uint32_t pick(uint32_t below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((seed >> 33) % below);
}

static void random_case(struct exclaim_reservation *res, struct exclaim_room *room)
{
    const uint32_t most = pick(3) ? 6 : 40;

    memset(res, 0, sizeof(*res));
    memset(room, 0, sizeof(*room));
    res->count.exact = true;
    res->count.nr_nodes = 1 + pick(N);
    room->nr_nodes = 1 + pick(N);
    room->allowed = pick(4) ? UINT64_MAX : pick(16);
    for (uint32_t n = 0; n < res->count.nr_nodes; n++) {
        res->count.pages[n] = pick(most);
        res->count.total_pages += res->count.pages[n];
    }
    if (!res->count.total_pages) {
        res->count.pages[0] = res->count.total_pages = 1;
    }
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        room->free[n] = pick(most + most / 2);
        room->claimed[n] = pick(4) ? 0 : pick(most);
        room->host_free += room->free[n];
        room->host_claimed += room->claimed[n];
        for (uint32_t m = 0; m < room->nr_nodes; m++) {
            room->distance[n][m] = n == m ? 10 : 20 + pick(3);
        }
    }
    room->headroom = pick(3) ? 0 : pick(most);
}

/* Largest first, equal ones by source node: the order that match.h documents. */
static uint32_t order_parts(const struct exclaim_reservation *res, uint32_t *src)
{
    uint32_t nr = 0;

    for (uint32_t n = 0; n < res->count.nr_nodes; n++) {
        uint32_t at = nr;

        if (!res->count.pages[n]) {
            continue;
        }
        for (; at && res->count.pages[src[at - 1]] < res->count.pages[n]; at--) {
            src[at] = src[at - 1];
        }
        src[at] = n;
        nr++;
    }
    return nr;
}

/*
 * Tries every injective assignment.  Of those that exist the best keeps the numbers of the largest
 * parts: bit (nr - 1 - i) of the answer is set if part i keeps its own; -1 if there is none.
 */
static int brute(const struct exclaim_reservation *res, const struct exclaim_room *room,
                 const uint32_t *src, uint32_t nr, uint32_t part, uint32_t used)
{
    int best = -1;

    if (part == nr) {
        return 0;
    }
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        int rest;

        if (used & (1u << n) || exclaim_room_node(room, n) < res->count.pages[src[part]]) {
            continue;
        }
        rest = brute(res, room, src, nr, part + 1, used | 1u << n);
        if (rest >= 0 && src[part] == n) {
            rest |= 1 << (nr - 1 - part);
        }
        best = rest > best ? rest : best;
    }
    return best;
}

static int kept(const struct exclaim_match *m, const uint32_t *src, uint32_t nr)
{
    int mask = 0;

    for (uint32_t i = 0; i < m->nr_parts; i++) {
        for (uint32_t p = 0; p < nr; p++) {
            if (m->part[i].src_node == src[p] && m->part[i].dst_node == src[p]) {
                mask |= 1 << (nr - 1 - p);
            }
        }
    }
    return mask;
}

static void check_sums(const struct exclaim_reservation *res, const struct exclaim_room *room,
                       const struct exclaim_match *m)
{
    uint64_t from[EXCLAIM_NODES_MAX] = { 0 }, to[EXCLAIM_NODES_MAX] = { 0 };

    assert_true(m->nr_parts <= EXCLAIM_PARTS_MAX);
    for (uint32_t i = 0; i < m->nr_parts; i++) {
        from[m->part[i].src_node] += m->part[i].pages;
        to[m->part[i].dst_node] += m->part[i].pages;
    }
    assert_memory_equal(from, res->count.pages, sizeof(from));
    assert_memory_equal(to, m->pages, sizeof(to));
    assert_int_equal(m->total_pages, res->count.total_pages);
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        assert_true(to[n] <= exclaim_room_node(room, n));
    }
}

static void against_brute_force(void **state)
{
    const struct exclaim_match_options strict = { .whole_parts = true }, prefer = { 0 };
    unsigned int seen[EXCLAIM_MATCH_SPLIT + 2] = { 0 };

    (void)state;
    seed = 20251122;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        struct exclaim_reservation res;
        struct exclaim_room room;
        struct exclaim_match m, w;
        struct exclaim_error err;
        uint32_t src[N], nr;
        uint64_t room_sum = 0;
        bool host, whole, any;
        int best;

        random_case(&res, &room);
        nr = order_parts(&res, src);
        for (uint32_t n = 0; n < room.nr_nodes; n++) {
            room_sum += exclaim_room_node(&room, n);
        }
        host = res.count.total_pages <= exclaim_room_host(&room);
        best = brute(&res, &room, src, nr, 0, 0);

        whole = !exclaim_match(&res, &room, &strict, &w, &err);
        assert_int_equal(whole, host && best >= 0);
        if (!whole) {
            assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);
        }
        any = !exclaim_match(&res, &room, &prefer, &m, &err);
        assert_int_equal(any, host && res.count.total_pages <= room_sum);
        if (whole) {
            check_sums(&res, &room, &w);
            assert_int_equal(kept(&w, src, nr), best);
            assert_int_equal(w.shape == EXCLAIM_MATCH_SAME, best == (1 << nr) - 1);
            assert_true(any);
            assert_memory_equal(&m, &w,
                                sizeof(m)); /* both policies agree where strict is content */
        }
        if (any) {
            check_sums(&res, &room, &m);
        }
        seen[any ? m.shape : EXCLAIM_MATCH_SPLIT + 1]++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
        assert_true(seen[i] > ROUNDS / 100); /* every kind of answer was really tried */
    }
}

/* 64 nodes in reverse, and 64 parts over 64 nodes that each are one page too small. */
static void full_size(void **state)
{
    static struct exclaim_reservation res;
    static struct exclaim_room room;
    static struct exclaim_match m;
    const struct exclaim_match_options strict = { .whole_parts = true }, prefer = { 0 };
    struct exclaim_error err;

    (void)state;
    sample_reservation(&res, 64);
    res.shared_pages = res.paged_pages = 0;
    room.nr_nodes = 64;
    room.allowed = UINT64_MAX;
    for (uint32_t n = 0; n < 64; n++) {
        room.free[n] = res.count.pages[63 - n];
    }
    room.host_free = res.count.total_pages;
    assert_int_equal(exclaim_match(&res, &room, &strict, &m, &err), 0);
    assert_int_equal(m.shape, EXCLAIM_MATCH_RENUMBERED);
    assert_int_equal(m.nr_parts, 64);
    check_sums(&res, &room, &m);

    for (uint32_t n = 0; n < 63; n++) {
        room.free[n] = res.count.pages[n] - 1;
    }
    room.free[63] = res.count.pages[63] + 63;
    assert_int_equal(exclaim_match(&res, &room, &strict, &m, &err), -1);
    assert_int_equal(exclaim_match(&res, &room, &prefer, &m, &err), 0);
    assert_int_equal(m.shape, EXCLAIM_MATCH_SPLIT);
    check_sums(&res, &room, &m);
    for (uint32_t n = 0; n < 64; n++) {
        assert_int_equal(m.pages[n], room.free[n]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_brute_force),
        cmocka_unit_test(full_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
