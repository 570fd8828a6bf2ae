/* SPDX-License-Identifier: BSD-2-Clause */
/* Source nodes to destination nodes. */
#include <exclaim/match.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "../base/text.h"
#include "match_work.h"

static void store_whole(const struct match_work *w, enum exclaim_match_shape shape,
                        struct exclaim_match *match)
{
    match->shape = shape;
    for (uint32_t i = 0; i < w->nr; i++) {
        match_add_part(match, w->src[i], w->dst[i], w->need[i]);
    }
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
    const uint64_t short_by = need + room->host_claimed + room->headroom - room->host_free;

    return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                        "need %s (%" PRIu64 " pages), host has %s free, %s claimed by others, %s "
                        "headroom: short by %s (%" PRIu64 " pages)",
                        exclaim_size(need).text, need, exclaim_size(room->host_free).text,
                        exclaim_size(room->host_claimed).text, exclaim_size(room->headroom).text,
                        exclaim_size(short_by).text, short_by);
}

/* The first part, largest first, that finds no node once the larger ones have theirs.  There is
 * one: this walk is rest_fits() with numbers, and every match failed before. */
static int no_node_room(struct match_work *w, struct exclaim_error *err)
{
    uint32_t part = 0, node = UNMATCHED;
    uint64_t need, short_by;

    match_reset(w);
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
        match_take(w, part, node);
    }
    assert(part < w->nr);
    need = w->need[part];
    if (node == UNMATCHED) {
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                            "source node %" PRIu32 " needs %s, no node is left for it: short by %s "
                            "(%" PRIu64 " pages)",
                            w->src[part], exclaim_size(need).text, exclaim_size(need).text, need);
    }
    short_by = need + w->room->claimed[node] + w->room->slack - w->room->free[node];
    return exclaim_fail(
        err, EXCLAIM_ERR_NOFIT, 0,
        "source node %" PRIu32 " needs %s (%" PRIu64 " pages), best is node %" PRIu32
        " with %s free, %s claimed by others, %s kept free: short by %s (%" PRIu64 " pages)",
        w->src[part], exclaim_size(need).text, need, node, exclaim_size(w->room->free[node]).text,
        exclaim_size(w->room->claimed[node]).text, exclaim_size(w->room->slack).text,
        exclaim_size(short_by).text, short_by);
}

static int match_in(const struct exclaim_reservation *res, const struct exclaim_room *room,
                    const struct exclaim_match_options *opt, struct exclaim_match *match,
                    struct exclaim_error *err)
{
    uint64_t pages[EXCLAIM_NODES_MAX] = { 0 };
    struct match_work w = { .res = res, .room = room };
    uint32_t largest = 0;

    memset(match, 0, sizeof(*match));
    match->nr_nodes = room->nr_nodes;
    /* XenServer 9 cannot tell on which node a few pages lie: no more than would be strays. */
    if (!res->count.exact &&
        (!res->count.uncertain_pages || res->count.uncertain_pages > opt->stray_pages)) {
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

    match_load(&w, pages, res->count.nr_nodes);
    match_reset(&w);
    if (match_same(&w)) {
        store_whole(&w, EXCLAIM_MATCH_SAME, match);
        return 0;
    }
    match->stray_pages = fold_strays(res, opt->stray_pages, pages);
    match_load(&w, pages, res->count.nr_nodes);
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

/* Whether the VM lies on far memory where it is. */
static bool is_far_already(const struct exclaim_reservation *res, uint64_t stray_pages)
{
    uint64_t homes = 0, all = 0;

    for (uint32_t n = 0; n < res->count.nr_nodes; n++) {
        homes |= res->count.pages[n] > stray_pages ? 1ull << n : 0;
        all |= res->distance[n][n] ? 1ull << n : 0;
    }
    return homes & exclaim_far_nodes(res->count.nr_nodes, all, res->distance);
}

int exclaim_match(const struct exclaim_reservation *res, const struct exclaim_room *room,
                  const struct exclaim_match_options *opt, struct exclaim_match *match,
                  struct exclaim_error *err)
{
    const uint64_t far = exclaim_far_nodes(room->nr_nodes, room->allowed, room->distance);

    if (far && !is_far_already(res, opt->stray_pages)) {
        struct exclaim_room near = *room;

        near.allowed &= ~far;
        if (!match_in(res, &near, opt, match, err)) {
            return 0;
        }
        if (opt->whole_parts) {
            return -1; /* on far memory it would not have the shape that it has */
        }
    }
    return match_in(res, room, opt, match, err);
}
