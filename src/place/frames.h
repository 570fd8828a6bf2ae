/* SPDX-License-Identifier: BSD-2-Clause */
/* Every page on the node that is matched to its own, by the layout of the guest it comes from. */
#ifndef EXCLAIM_FRAMES_H
#define EXCLAIM_FRAMES_H

#include <exclaim/layout.h>

#include "quota.h"

#define FRAMES_BATCH 1024u /* pages sorted at once; libxenguest's batches are as large */

struct frames {
    struct exclaim_layout_finder finder;
    uint32_t nr_shares;
    struct exclaim_share share[EXCLAIM_SHARES_MAX];
    uint64_t placed[EXCLAIM_SHARES_MAX];
    uint64_t homes[EXCLAIM_NODES_MAX]; /* bit d of homes[s]: node d is matched to source node s */
    unsigned long pages[FRAMES_BATCH]; /* single pages of one source node */
    uint8_t source[FRAMES_BATCH];      /* of each page of a batch */
};

/* @layout stays where it is; @share are those of the entry's match. */
void frames_open(struct frames *f, const struct exclaim_layout *layout,
                 const struct exclaim_share *share, uint32_t nr);

/*
 * As quota_populate(), with the node of each page by its frame.  Only for a guest with a p2m of its
 * own, whose list Xen does not write to: pages of a call are populated in another order.
 *
 * A page whose node has no quota left, or that the layout has not, takes what is nobody's first.
 * One whose node has no memory left goes where Xen finds some, and nobody loses a quota for it.
 * Extents of 2 MiB where the frames of a region lie on one node, and there only: where that node
 * has none, its pages one by one.  A large extent that lies on several nodes is answered with
 * ENOMEM, upon which restore asks for its pages.
 */
int frames_populate(struct exclaim_ledger_entry *entry, struct frames *f, unsigned long nr,
                    unsigned int order, const unsigned long *extents, quota_populate_fn *populate,
                    void *arg);

#endif
