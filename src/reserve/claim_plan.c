/* SPDX-License-Identifier: BSD-2-Clause */
/* The claims worth trying for a match, strongest first, as far as this Xen has them. */
#include <exclaim/match.h>

#include <string.h>

static struct exclaim_claim *add_step(struct exclaim_claim_plan *plan, enum exclaim_claim_kind kind,
                                      enum exclaim_guarantee guarantee)
{
    plan->step[plan->nr].claim.kind = kind;
    plan->step[plan->nr].guarantee = guarantee;
    return &plan->step[plan->nr++].claim;
}

void exclaim_claim_plan(const struct exclaim_match *match, const struct exclaim_caps *caps,
                        struct exclaim_claim_plan *plan)
{
    struct exclaim_claim *claim;
    uint32_t homes = 0;

    memset(plan, 0, sizeof(*plan));
    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        homes += match->pages[n] != 0;
    }
    if (caps->claim_set) {
        claim = add_step(plan, EXCLAIM_CLAIM_SET, EXCLAIM_GUARANTEE_NODE_SET);
        claim->nr_nodes = match->nr_nodes;
        memcpy(claim->node_pages, match->pages, sizeof(claim->node_pages));
    }
    if (homes == 1 && caps->claim_node) {
        claim = add_step(plan, EXCLAIM_CLAIM_NODE, EXCLAIM_GUARANTEE_NODE);
        claim->nr_nodes = match->nr_nodes;
        memcpy(claim->node_pages, match->pages, sizeof(claim->node_pages));
    }
    if (caps->claim_host) {
        claim = add_step(plan, EXCLAIM_CLAIM_HOST, EXCLAIM_GUARANTEE_HOST);
        claim->host_pages = match->total_pages;
    }
}
