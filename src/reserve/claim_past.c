/* SPDX-License-Identifier: BSD-2-Clause */
/* Claims that a domain has or had on one node, and what may follow them. */
#include <exclaim/match.h>

/* For certain neither on one node now nor ever before. */
static bool no_node_claims(const struct exclaim_caps *caps)
{
    return caps->claim_node_known && !caps->claim_node;
}

static bool may_lie_on(const struct exclaim_host_node *node, uint64_t pages)
{
    return node->online && (!node->claimed_known || node->claimed_pages >= pages);
}

static bool may_lie_on_any(const struct exclaim_host *host, uint64_t pages)
{
    for (uint32_t n = 0; n < host->nr_nodes; n++) {
        if (may_lie_on(&host->node[n], pages)) {
            return true;
        }
    }
    return false;
}

enum exclaim_claim_origin exclaim_claim_origin(const struct exclaim_caps *caps,
                                               const struct exclaim_host *host,
                                               const struct exclaim_claim_past *past,
                                               uint64_t outstanding)
{
    if (!outstanding) {
        return EXCLAIM_ORIGIN_NOTHING;
    }
    if (no_node_claims(caps) || (host && !may_lie_on_any(host, outstanding))) {
        return EXCLAIM_ORIGIN_HOST;
    }
    if (past->node_said && past->node < (host ? host->nr_nodes : EXCLAIM_NODES_MAX) &&
        (!host || may_lie_on(&host->node[past->node], outstanding))) {
        return EXCLAIM_ORIGIN_NODE;
    }
    return EXCLAIM_ORIGIN_UNKNOWN;
}

bool exclaim_claim_host_is_safe(const struct exclaim_caps *caps,
                                const struct exclaim_claim_past *past)
{
    return !past->was_on_node || caps->claim_set || no_node_claims(caps);
}
