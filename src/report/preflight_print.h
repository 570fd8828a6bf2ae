/* SPDX-License-Identifier: BSD-2-Clause */
/* What a preflight found, as it is asked for and shown. */
#ifndef EXCLAIM_PREFLIGHT_PRINT_H
#define EXCLAIM_PREFLIGHT_PRINT_H

#include <exclaim/plan.h>

#include "facts.h"

struct preflight {
    const struct exclaim_pool *pool;
    int64_t time_unix_ms; /* when the pool was read, by our clock */
    struct exclaim_plan_options opt;
    enum exclaim_guarantee least;
    uint32_t *vm, nr_vms;
    uint32_t *host, nr_hosts;
    struct exclaim_preflight *result;
    bool fits;
    struct facts facts;
    const char *not_held; /* why --hold does nothing; NULL: not asked */
};

/* The move of @vm in result->together, NULL if it has none. */
const struct exclaim_plan_move *preflight_move(const struct preflight *p, uint32_t vm);

/* Whether that move is what was asked: all of its shape, and the guarantee. */
bool preflight_good(const struct preflight *p, const struct exclaim_plan_move *move);

/* One part of a VM on one node of a host, all in pages. */
struct preflight_node {
    uint32_t src_node; /* EXCLAIM_NO_NODE: its parts are not known */
    uint32_t node;
    uint64_t need; /* what comes to lie there, with what a plan charges to the node on top */
    uint64_t free;
    uint64_t claimed; /* slack included */
    uint64_t short_by;
};

/*
 * Every part of a VM on every node of a host (up to @max, the number is returned), or with @chosen
 * only where a match puts them.
 */
uint32_t preflight_nodes(const struct preflight *p, uint32_t vm, uint32_t host, bool chosen,
                         struct preflight_node *out, uint32_t max);

void preflight_print_json(const struct preflight *p);
int preflight_print_text(const struct preflight *p, struct exclaim_error *err);

#endif
