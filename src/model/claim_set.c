/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Claim sets: protection and redemption (branch node-claims-v5 of xenserver-next/xen and claims-v7
 * of bernhardkaindl/xen, xen/common/page_alloc.c).
 */
#include "state.h"

uint64_t model_set_drop_node(struct model *m, struct model_domain *d, uint32_t node, uint64_t most)
{
    uint64_t pages = d->node_claim[node] < most ? d->node_claim[node] : most;

    d->node_claim[node] -= pages;
    m->node[node].claimed -= pages;
    m->claimed -= pages;
    return pages;
}

uint64_t model_set_drop_host(struct model *m, struct model_domain *d, uint64_t most)
{
    uint64_t pages = d->outstanding < most ? d->outstanding : most;

    d->outstanding -= pages;
    m->claimed -= pages;
    return pages;
}

void model_set_release(struct model *m, struct model_domain *d)
{
    model_set_drop_host(m, d, UINT64_MAX);
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        model_set_drop_node(m, d, i, UINT64_MAX);
    }
}

/* claims_permit_request(): unclaimed pages and own claims may be added up for one extent. */
static bool permits(uint64_t free, uint64_t claimed, uint64_t own, const struct model_domain *d,
                    const struct model_request *req)
{
    uint64_t unclaimed = free - claimed;
    uint64_t size = 1ull << req->order;

    return size <= unclaimed || (d && !req->no_refcount && size <= unclaimed + own);
}

bool model_set_host_permits(const struct model *m, const struct model_domain *d,
                            const struct model_request *req)
{
    return permits(m->free, m->claimed, d ? model_outstanding(d) : 0, d, req);
}

bool model_set_node_permits(const struct model *m, const struct model_domain *d, uint32_t node,
                            const struct model_request *req)
{
    const struct model_node *n = &m->node[node];

    return permits(n->free, n->claimed, d ? d->node_claim[node] : 0, d, req);
}

/* The node the pages came from, then the host, then the other nodes in ascending order. */
void model_set_redeem(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages)
{
    pages -= model_set_drop_node(m, d, node, pages);
    pages -= model_set_drop_host(m, d, pages);
    for (uint32_t i = 0; i < m->nr_nodes && pages; i++) {
        pages -= model_set_drop_node(m, d, i, pages);
    }
}
