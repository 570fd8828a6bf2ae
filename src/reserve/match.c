/* SPDX-License-Identifier: BSD-2-Clause */
/* Source nodes to destination nodes. */
#include <exclaim/match.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define UNMATCHED UINT32_MAX

struct work {
    const struct exclaim_room *room;
    uint32_t nr;                      /* parts, largest first */
    uint32_t src[EXCLAIM_NODES_MAX];  /* their source node */
    uint64_t need[EXCLAIM_NODES_MAX]; /* their pages, folded strays included */
    uint64_t left[EXCLAIM_NODES_MAX]; /* per destination node: still unpromised */
    uint32_t dst[EXCLAIM_NODES_MAX];  /* per part: destination node or UNMATCHED */
    bool taken[EXCLAIM_NODES_MAX];    /* per destination node */
};

/* Parts by pages, largest first; equal ones by source node, so that the order is unique. */
static void load_parts(struct work *w, const uint64_t *pages, uint32_t nr_nodes)
{
    w->nr = 0;
    for (uint32_t src = 0; src < nr_nodes; src++) {
        uint32_t at = w->nr;

        if (!pages[src]) {
            continue;
        }
        while (at > 0 && w->need[at - 1] < pages[src]) {
            w->need[at] = w->need[at - 1];
            w->src[at] = w->src[at - 1];
            at--;
        }
        w->need[at] = pages[src];
        w->src[at] = src;
        w->nr++;
    }
}

static void reset(struct work *w)
{
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        w->left[n] = exclaim_room_node(w->room, n);
        w->dst[n] = UNMATCHED;
        w->taken[n] = false;
    }
}

static bool match_same(struct work *w)
{
    for (uint32_t i = 0; i < w->nr; i++) {
        if (w->left[w->src[i]] < w->need[i]) {
            return false;
        }
        w->dst[i] = w->src[i];
    }
    return true;
}

/*
 * Whether the unmatched parts fit, each on an untaken node of its own.  Every part accepts every
 * node with enough room, so the k-th largest part needs the k-th largest node: that is Hall's
 * condition for nested sets, and the answer is exact.
 */
static bool rest_fits(const struct work *w)
{
    bool used[EXCLAIM_NODES_MAX];

    memcpy(used, w->taken, sizeof(used));
    for (uint32_t i = 0; i < w->nr; i++) {
        uint32_t best = UNMATCHED;

        if (w->dst[i] != UNMATCHED) {
            continue;
        }
        for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
            if (!used[n] && (best == UNMATCHED || w->left[n] > w->left[best])) {
                best = n;
            }
        }
        if (best == UNMATCHED || w->left[best] < w->need[i]) {
            return false;
        }
        used[best] = true;
    }
    return true;
}

static void take(struct work *w, uint32_t part, uint32_t node)
{
    w->dst[part] = node;
    w->taken[node] = true;
}

static void untake(struct work *w, uint32_t part)
{
    w->taken[w->dst[part]] = false;
    w->dst[part] = UNMATCHED;
}

/* Smallest untaken node that holds the part. */
static uint32_t best_fit(const struct work *w, uint32_t part)
{
    uint32_t best = UNMATCHED;

    for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
        if (!w->taken[n] && w->left[n] >= w->need[part] &&
            (best == UNMATCHED || w->left[n] < w->left[best])) {
            best = n;
        }
    }
    return best;
}

static bool match_whole(struct work *w)
{
    reset(w);
    if (!rest_fits(w)) {
        return false;
    }
    for (uint32_t i = 0; i < w->nr; i++) {
        uint32_t same = w->src[i];

        if (w->left[same] >= w->need[i]) {
            take(w, i, same);
            if (!rest_fits(w)) {
                untake(w, i);
            }
        }
    }
    /* Best fit, largest part first, keeps the rest feasible: where a solution gives this part a
     * larger node and the best fit to a smaller part, the two can be swapped. */
    for (uint32_t i = 0; i < w->nr; i++) {
        if (w->dst[i] == UNMATCHED) {
            take(w, i, best_fit(w, i));
        }
    }
    return true;
}

/* Whole parts that share nodes, best-fit decreasing: a heuristic, used only where no proof is owed.
 */
static bool match_merged(struct work *w)
{
    reset(w);
    for (uint32_t i = 0; i < w->nr; i++) {
        uint32_t node = w->left[w->src[i]] >= w->need[i] ? w->src[i] : best_fit(w, i);

        if (node == UNMATCHED) {
            return false;
        }
        w->dst[i] = node;
        w->left[node] -= w->need[i];
    }
    return true;
}

static void add_part(struct exclaim_match *match, uint32_t src, uint32_t dst, uint64_t pages)
{
    struct exclaim_part *part = &match->part[match->nr_parts++];

    part->src_node = src;
    part->dst_node = dst;
    part->pages = pages;
    match->pages[dst] += pages;
    match->total_pages += pages;
}

static void store_whole(const struct work *w, enum exclaim_match_shape shape,
                        struct exclaim_match *match)
{
    match->shape = shape;
    for (uint32_t i = 0; i < w->nr; i++) {
        add_part(match, w->src[i], w->dst[i], w->need[i]);
    }
}

/* Nearest first to the node of the part's own number; then the one with most room; then by id. */
static uint32_t next_for_split(const struct work *w, uint32_t part)
{
    uint32_t home = w->src[part], best = UNMATCHED;

    for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
        uint32_t dn, db;

        if (!w->left[n]) {
            continue;
        }
        if (n == home) {
            return n;
        }
        if (best == UNMATCHED) {
            best = n;
            continue;
        }
        dn = w->room->distance[home < w->room->nr_nodes ? home : 0][n];
        db = w->room->distance[home < w->room->nr_nodes ? home : 0][best];
        if (dn < db || (dn == db && w->left[n] > w->left[best])) {
            best = n;
        }
    }
    return best;
}

static bool match_split(struct work *w, struct exclaim_match *match)
{
    reset(w);
    for (uint32_t i = 0; i < w->nr; i++) {
        uint64_t need = w->need[i];

        while (need) {
            uint32_t node = next_for_split(w, i);
            uint64_t pages;

            if (node == UNMATCHED) {
                return false;
            }
            pages = w->left[node] < need ? w->left[node] : need;
            add_part(match, w->src[i], node, pages);
            w->left[node] -= pages;
            need -= pages;
        }
    }
    match->shape = EXCLAIM_MATCH_SPLIT;
    return true;
}

/* Strays go where the largest part goes. */
static uint64_t fold_strays(const struct exclaim_reservation *res, uint64_t limit, uint64_t *pages)
{
    uint32_t largest = 0;
    uint64_t folded = 0;

    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        if (pages[i] > pages[largest]) {
            largest = i;
        }
    }
    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        if (i != largest && pages[i] && pages[i] <= limit) {
            folded += pages[i];
            pages[largest] += pages[i];
            pages[i] = 0;
        }
    }
    return folded;
}

static int no_host_room(const struct exclaim_room *room, uint64_t need, struct exclaim_error *err)
{
    return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                        "need %" PRIu64 " pages, host has %" PRIu64 " free, %" PRIu64
                        " claimed by others, %" PRIu64 " headroom: short by %" PRIu64,
                        need, room->host_free, room->host_claimed, room->headroom,
                        need - exclaim_room_host(room));
}

/* The first part, largest first, that finds no node once the larger ones have theirs.  There is
 * one: this walk is rest_fits() with numbers, and every match failed before. */
static int no_node_room(struct work *w, struct exclaim_error *err)
{
    uint32_t part = 0, node = UNMATCHED;

    reset(w);
    for (part = 0; part < w->nr; part++) {
        node = UNMATCHED;
        for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
            if (!w->taken[n] && (w->room->allowed & (1ull << n)) &&
                (node == UNMATCHED || w->left[n] > w->left[node])) {
                node = n;
            }
        }
        if (node == UNMATCHED || w->left[node] < w->need[part]) {
            break;
        }
        take(w, part, node);
    }
    assert(part < w->nr);
    if (node == UNMATCHED) {
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                            "source node %" PRIu32 " needs %" PRIu64
                            " pages, no node is left for it: short by %" PRIu64,
                            w->src[part], w->need[part], w->need[part]);
    }
    return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                        "source node %" PRIu32 " needs %" PRIu64 " pages, best is node %" PRIu32
                        " with %" PRIu64 " free, %" PRIu64 " claimed by others: short by %" PRIu64,
                        w->src[part], w->need[part], node, w->room->free[node],
                        w->room->claimed[node], w->need[part] - w->left[node]);
}

int exclaim_match(const struct exclaim_reservation *res, const struct exclaim_room *room,
                  const struct exclaim_match_options *opt, struct exclaim_match *match,
                  struct exclaim_error *err)
{
    uint64_t pages[EXCLAIM_NODES_MAX] = { 0 };
    struct work w = { .room = room };
    uint32_t largest = 0;

    memset(match, 0, sizeof(*match));
    match->nr_nodes = room->nr_nodes;
    if (!res->count.exact) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "the source's count is not exact: %s",
                            res->count.why);
    }
    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        pages[i] = res->count.pages[i];
        if (pages[i] > pages[largest]) {
            largest = i;
        }
    }
    /* Shared and paged pages become own pages on arrival; nobody knows their node. */
    pages[largest] += res->shared_pages + res->paged_pages;
    if (exclaim_reservation_pages(res) > exclaim_room_host(room)) {
        return no_host_room(room, exclaim_reservation_pages(res), err);
    }

    load_parts(&w, pages, res->count.nr_nodes);
    reset(&w);
    if (match_same(&w)) {
        store_whole(&w, EXCLAIM_MATCH_SAME, match);
        return 0;
    }
    match->stray_pages = fold_strays(res, opt->stray_pages, pages);
    load_parts(&w, pages, res->count.nr_nodes);
    if (match_whole(&w)) {
        store_whole(&w, EXCLAIM_MATCH_RENUMBERED, match);
        return 0;
    }
    if (opt->whole_parts) {
        return no_node_room(&w, err);
    }
    if (match_merged(&w)) {
        store_whole(&w, EXCLAIM_MATCH_MERGED, match);
        return 0;
    }
    if (match_split(&w, match)) {
        return 0;
    }
    return no_node_room(&w, err);
}
