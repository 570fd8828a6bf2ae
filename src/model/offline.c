/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that goes away: reserve_offlined_page() of xen/common/page_alloc.c. */
#include "state.h"

#include <errno.h>

/*
 * Branch node-claims-v5: claims on the node are taken back until they fit, then claims on the host,
 * domain by domain from the lowest id on.  Claims on the host are always enough for the rest,
 * because those on nodes fit on each node by then.
 */
static void recall(struct model *m, uint32_t node)
{
    for (struct model_domain *d = m->domains; d; d = d->next) {
        if (m->node[node].claimed > m->node[node].free) {
            model_set_drop_node(m, d, node, m->node[node].claimed - m->node[node].free);
        }
    }
    for (struct model_domain *d = m->domains; d; d = d->next) {
        if (m->claimed > m->free) {
            model_set_drop_host(m, d, m->claimed - m->free);
        }
    }
}

int model_offline_pages(struct model *m, uint32_t node, uint64_t pages)
{
    struct model_node *n;

    if (node >= m->nr_nodes || pages > m->node[node].free) {
        return -EINVAL;
    }
    n = &m->node[node];
    n->free -= pages;
    m->free -= pages;
    n->offlined += pages;
    if (n->contiguous > n->free) {
        n->contiguous = n->free;
    }
    if (m->rules->recalls) {
        recall(m, node);
    } else {
        m->oversold |= m->claimed > m->free;
    }
    return 0;
}

/* Xen takes pages offline, never a node; a node without any is as good as offline for all rules. */
int model_offline_node(struct model *m, uint32_t node)
{
    struct model_node *n;

    if (node >= m->nr_nodes || !m->node[node].online) {
        return -EINVAL;
    }
    n = &m->node[node];
    if (n->free + n->offlined != n->initial || model_online(m) == 1ull << node) {
        return -EBUSY;
    }
    model_offline_pages(m, node, n->free);
    n->online = false;
    n->has_cpus = false;
    for (struct model_domain *d = m->domains; d; d = d->next) {
        model_update_affinity(m, d);
    }
    return 0;
}
