/* SPDX-License-Identifier: BSD-2-Clause */
/* Every part whole on a node of its own. */
#include "match_work.h"

/* Parts by pages, largest first; equal ones by source node, so that the order is unique. */
void match_load(struct match_work *w, const uint64_t *pages, uint32_t nr_nodes)
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

void match_reset(struct match_work *w)
{
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        w->left[n] = exclaim_room_node(w->room, n);
        w->dst[n] = UNMATCHED;
        w->taken[n] = false;
    }
    for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
        uint32_t at = n;

        while (at > 0 && w->left[w->order[at - 1]] < w->left[n]) {
            w->order[at] = w->order[at - 1];
            at--;
        }
        w->order[at] = n;
    }
}

void match_take(struct match_work *w, uint32_t part, uint32_t node)
{
    w->dst[part] = node;
    w->taken[node] = true;
}

static void give_back(struct match_work *w, uint32_t part)
{
    w->taken[w->dst[part]] = false;
    w->dst[part] = UNMATCHED;
}

bool match_same(struct match_work *w)
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
static bool rest_fits(const struct match_work *w)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < w->nr; i++) {
        if (w->dst[i] != UNMATCHED) {
            continue;
        }
        while (at < w->room->nr_nodes && w->taken[w->order[at]]) {
            at++;
        }
        if (at == w->room->nr_nodes || w->left[w->order[at]] < w->need[i]) {
            return false;
        }
        at++;
    }
    return true;
}

/*
 * How far the distances to the parts already matched would be from what they are on the source, if
 * @part went to @node.  Distances that either side does not know do not count.
 */
static uint64_t distance_change(const struct match_work *w, uint32_t part, uint32_t node)
{
    uint64_t change = 0;

    for (uint32_t i = 0; i < w->nr; i++) {
        uint32_t was, is;

        if (w->dst[i] == UNMATCHED) {
            continue;
        }
        was = w->res->distance[w->src[part]][w->src[i]];
        is = w->room->distance[node][w->dst[i]];
        if (was && is) {
            change += was > is ? was - is : is - was;
        }
    }
    return change;
}

/*
 * The node for a part that cannot keep its number: distances kept best, then the tightest fit, then
 * the lowest id, among those that leave the rest feasible.  There is one: where a solution gives
 * this part a larger node and its tightest fit to a smaller part, the two can be swapped.
 */
static uint32_t choose(struct match_work *w, uint32_t part)
{
    uint64_t best_change = UINT64_MAX;
    uint32_t best = UNMATCHED;

    for (uint32_t n = 0; n < w->room->nr_nodes; n++) {
        uint64_t change;
        bool fits;

        if (w->taken[n] || w->left[n] < w->need[part]) {
            continue;
        }
        change = distance_change(w, part, n);
        if (change > best_change || (change == best_change && w->left[n] >= w->left[best])) {
            continue;
        }
        match_take(w, part, n);
        fits = rest_fits(w);
        give_back(w, part);
        if (fits) {
            best = n;
            best_change = change;
        }
    }
    return best;
}

bool match_whole(struct match_work *w)
{
    match_reset(w);
    if (!rest_fits(w)) {
        return false;
    }
    for (uint32_t i = 0; i < w->nr; i++) {
        uint32_t same = w->src[i];

        if (w->left[same] >= w->need[i]) {
            match_take(w, i, same);
            if (!rest_fits(w)) {
                give_back(w, i);
            }
        }
    }
    for (uint32_t i = 0; i < w->nr; i++) {
        if (w->dst[i] == UNMATCHED) {
            match_take(w, i, choose(w, i));
        }
    }
    return true;
}
