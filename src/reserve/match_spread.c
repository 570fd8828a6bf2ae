/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts that share nodes, and parts on several nodes. */
#include "match_work.h"

#include <string.h>

/* The smallest node that still holds the part, whoever else is on it. */
static uint32_t best_fit(const struct match_work *w, uint32_t part)
{
    uint32_t best = UNMATCHED;

    if (w->left[w->src[part]] >= w->need[part]) {
        return w->src[part];
    }
    for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
        if (w->left[n] >= w->need[part] && (best == UNMATCHED || w->left[n] < w->left[best])) {
            best = n;
        }
    }
    return best;
}

/*
 * Whole parts that share nodes, tightest fit, largest first.  A heuristic: where it misses a
 * solution, a part is split that need not be, but nothing is refused that fits.
 */
bool match_merged(struct match_work *w)
{
    match_reset(w);
    for (uint32_t i = 0; i < w->nr; i++) {
        uint32_t node = best_fit(w, i);

        if (node == UNMATCHED) {
            return false;
        }
        w->dst[i] = node;
        w->left[node] -= w->need[i];
    }
    return true;
}

void match_add_part(struct exclaim_match *match, uint32_t src, uint32_t dst, uint64_t pages)
{
    struct exclaim_part *part = &match->part[match->nr_parts++];

    part->src_node = src;
    part->dst_node = dst;
    part->pages = pages;
    match->pages[dst] += pages;
    match->total_pages += pages;
}

/* The node's own number is nearest, an unknown distance farthest. */
static uint32_t distance_from(const struct match_work *w, uint32_t home, uint32_t node)
{
    uint32_t distance;

    if (node == home) {
        return 0;
    }
    distance = home < w->room->nr_nodes ? w->room->distance[home][node] : 0;
    return distance ? distance : UINT32_MAX;
}

/* For a piece of a part: nearest to the part's own number, then most room, then lowest id. */
static uint32_t next_for_split(const struct match_work *w, uint32_t part)
{
    uint32_t home = w->src[part], best = UNMATCHED;

    for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
        uint32_t here, there;

        if (!w->left[n]) {
            continue;
        }
        if (best == UNMATCHED) {
            best = n;
            continue;
        }
        here = distance_from(w, home, n);
        there = distance_from(w, home, best);
        if (here < there || (here == there && w->left[n] > w->left[best])) {
            best = n;
        }
    }
    return best;
}

/* Fails only if all nodes together are too small, so its "no" is a proof as well. */
bool match_split(struct match_work *w, struct exclaim_match *match)
{
    match_reset(w);
    for (uint32_t i = 0; i < w->nr; i++) {
        uint64_t need = w->need[i];
        uint32_t node = best_fit(w, i); /* whole where it can be */

        while (need) {
            uint64_t pages;

            if (node == UNMATCHED) {
                node = next_for_split(w, i);
            }
            if (node == UNMATCHED) {
                memset(match, 0, sizeof(*match));
                match->nr_nodes = w->room->nr_nodes;
                return false;
            }
            pages = w->left[node] < need ? w->left[node] : need;
            match_add_part(match, w->src[i], node, pages);
            w->left[node] -= pages;
            need -= pages;
            node = UNMATCHED;
        }
    }
    match->shape = EXCLAIM_MATCH_SPLIT;
    return true;
}
