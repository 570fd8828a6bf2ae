/* SPDX-License-Identifier: BSD-2-Clause */
/* What the steps of a match share: parts, nodes, and who has which. */
#ifndef EXCLAIM_MATCH_WORK_H
#define EXCLAIM_MATCH_WORK_H

#include <exclaim/match.h>

#define UNMATCHED UINT32_MAX

struct match_work {
    const struct exclaim_reservation *res;
    const struct exclaim_room *room;
    uint32_t nr;                       /* parts, largest first */
    uint32_t src[EXCLAIM_NODES_MAX];   /* their source node */
    uint64_t need[EXCLAIM_NODES_MAX];  /* their pages, folded strays included */
    uint32_t dst[EXCLAIM_NODES_MAX];   /* per part: destination node or UNMATCHED */
    uint64_t left[EXCLAIM_NODES_MAX];  /* per destination node: still unpromised */
    uint32_t order[EXCLAIM_NODES_MAX]; /* destination nodes by `left` at reset(), largest first */
    bool taken[EXCLAIM_NODES_MAX];     /* per destination node */
};

/* Source nodes with pages become parts, largest first; equal ones by node id. */
void match_load(struct match_work *w, const uint64_t *pages, uint32_t nr_nodes);

/* Nobody has anything. */
void match_reset(struct match_work *w);
void match_take(struct match_work *w, uint32_t part, uint32_t node);

/* Each tries one shape from the start; false if it cannot be, with nothing in @match. */
bool match_same(struct match_work *w);
bool match_whole(struct match_work *w);
bool match_merged(struct match_work *w);
bool match_split(struct match_work *w, struct exclaim_match *match);

void match_add_part(struct exclaim_match *match, uint32_t src, uint32_t dst, uint64_t pages);

#endif
