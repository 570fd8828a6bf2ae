/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pages of a source node go to which destination node, by a match. */
#include <exclaim/layout.h>

#include <string.h>

/*
 * A part may hold more pages than its source node has: strays are folded into the largest one, and
 * shared and paged pages are added to it.  Those are anybody's, so that no page with a node of its
 * own loses its place to them.
 */
uint32_t exclaim_layout_shares(const struct exclaim_match *match, const struct exclaim_count *count,
                               struct exclaim_share share[EXCLAIM_SHARES_MAX])
{
    uint64_t left[EXCLAIM_NODES_MAX] = { 0 };
    uint32_t nr = 0;

    memcpy(left, count->pages, sizeof(left));
    for (uint32_t i = 0; i < match->nr_parts; i++) {
        const struct exclaim_part *part = &match->part[i];
        const uint64_t own =
            part->pages < left[part->src_node] ? part->pages : left[part->src_node];

        left[part->src_node] -= own;
        if (own) {
            share[nr++] = (struct exclaim_share){ part->src_node, part->dst_node, own };
        }
        if (part->pages > own) {
            share[nr++] =
                (struct exclaim_share){ EXCLAIM_LAYOUT_NO_NODE, part->dst_node, part->pages - own };
        }
    }
    return nr;
}

void exclaim_layout_homes(const struct exclaim_share *share, uint32_t nr,
                          uint64_t homes[EXCLAIM_NODES_MAX])
{
    memset(homes, 0, EXCLAIM_NODES_MAX * sizeof(homes[0]));
    for (uint32_t i = 0; i < nr; i++) {
        if (share[i].src < EXCLAIM_NODES_MAX) {
            homes[share[i].src] |= 1ull << share[i].dst;
        }
    }
}
