/* SPDX-License-Identifier: BSD-2-Clause */
/* Why an item does not keep its shape on a host, in numbers. */
#include "work.h"

static uint64_t positive(int64_t a)
{
    return a > 0 ? (uint64_t)a : 0;
}

static void node_numbers(const struct state *s, const struct pack *p, uint32_t node, int64_t need,
                         struct exclaim_misfit *misfit)
{
    const struct pack_node *n = &p->node[node];
    const struct exclaim_pool_host *host = &s->pool->host[n->host];
    const int64_t promised = (int64_t)(host->claimed[n->id] + host->slack);

    misfit->node = n->id;
    misfit->need = (uint64_t)need;
    misfit->claimed = (uint64_t)promised;
    misfit->free = positive(n->left + promised);
    misfit->short_by = positive(need - n->left);
}

/* The nodes of the host, most left first. */
static void by_left(const struct pack *p, const struct pack_host *h, uint32_t *order)
{
    for (uint32_t i = 0; i < h->nr; i++) {
        uint32_t at = i;

        while (at > 0 && p->node[order[at - 1]].left < p->node[h->first + i].left) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = h->first + i;
    }
}

static void node_misfit(const struct state *s, const struct pack *p, const struct pack_item *item,
                        uint32_t host, struct exclaim_misfit *misfit)
{
    const struct pack_host *h = &p->host[host];
    uint32_t order[EXCLAIM_NODES_MAX];

    by_left(p, h, order);
    for (uint32_t k = 0; k < item->nr; k++) {
        const struct pack_part *part = &p->part[item->first + k];
        const int64_t need = part->pages + item->loose;
        uint32_t node = k < h->nr ? order[k] : PACK_NONE;

        if (item->pinned) {
            node = PACK_NONE;
            for (uint32_t i = 0; i < h->nr; i++) {
                node = p->node[order[i]].id == part->src ? order[i] : node;
            }
        }
        misfit->src_node = part->src;
        if (node == PACK_NONE) {
            misfit->why = item->pinned ? EXCLAIM_MISFIT_NO_NODE : EXCLAIM_MISFIT_NODES;
            misfit->node = EXCLAIM_NO_NODE;
            misfit->need = misfit->short_by = item->pinned ? 0 : (uint64_t)need;
            misfit->free = misfit->claimed = 0;
            return;
        }
        if (p->node[node].left < need) {
            misfit->why = item->pinned ? EXCLAIM_MISFIT_PINNED : EXCLAIM_MISFIT_NODE;
            node_numbers(s, p, node, need, misfit);
            return;
        }
    }
    /* All parts have nodes, so it is a node that others use that cannot take the loose pages. */
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        if (p->node[n].parts && p->node[n].left < item->loose) {
            misfit->why = EXCLAIM_MISFIT_NODE;
            misfit->src_node = EXCLAIM_NO_NODE;
            node_numbers(s, p, n, item->loose, misfit);
            return;
        }
    }
}

/* @leaves: whether it can leave at all is asked, its shape aside, so the host's total goes first.
 */
void assign_misfit(const struct state *s, const struct pack *p, const struct pack_item *item,
                   uint32_t host, bool leaves, struct exclaim_misfit *misfit)
{
    const struct exclaim_pool_host *to = &s->pool->host[host];
    const struct pack_host *h = &p->host[host];
    const int64_t total = item->total + item->arrival;
    uint32_t where[EXCLAIM_NODES_MAX];
    int64_t slack, left;

    *misfit = (struct exclaim_misfit){ .why = state_forbids(s, item->vm, host),
                                       .vm = item->vm,
                                       .host = host,
                                       .src_node = EXCLAIM_NO_NODE,
                                       .node = EXCLAIM_NO_NODE };
    if (misfit->why != EXCLAIM_FITS) {
        return;
    }
    if (pack_fit(p, item, host, where, &slack)) {
        misfit->why = item->counted ? EXCLAIM_FITS : EXCLAIM_MISFIT_COUNT;
        return;
    }
    if (!h->target) {
        misfit->why = EXCLAIM_MISFIT_DISABLED;
        return;
    }
    if (!pack_gpus_take(p, item, host, 0)) {
        misfit->why = EXCLAIM_MISFIT_GPU; /* and no memory helps */
        return;
    }
    if (h->known) {
        node_misfit(s, p, item, host, misfit);
    } else {
        misfit->why = EXCLAIM_MISFIT_UNKNOWN;
    }
    /* Both may be too small: what lacks more says what is needed.  What the host is beyond its
     * promises already is not in h->left, which ends at 0. */
    left = h->left + (s->host[host].left < 0 ? s->host[host].left : 0);
    if (left < total && (leaves ? misfit->short_by != (uint64_t)(total - left)
                                : misfit->short_by < (uint64_t)(total - left))) {
        const uint64_t promised = to->host_claimed + to->headroom;

        misfit->why = EXCLAIM_MISFIT_HOST;
        misfit->src_node = misfit->node = EXCLAIM_NO_NODE;
        misfit->need = (uint64_t)total;
        misfit->free = positive(left + (int64_t)promised);
        misfit->claimed = promised;
        misfit->short_by = (uint64_t)(total - left);
    }
}

bool exclaim_plan_immovable(const struct exclaim_pool *pool, uint32_t vm,
                            struct exclaim_misfit *misfit)
{
    const struct exclaim_pool_vm *v = &pool->vm[vm];

    *misfit = (struct exclaim_misfit){ .why = EXCLAIM_MISFIT_DEAD,
                                       .vm = vm,
                                       .host = EXCLAIM_NO_HOST,
                                       .src_node = EXCLAIM_NO_NODE,
                                       .node = EXCLAIM_NO_NODE };
    if (v->host >= pool->nr_hosts) {
        return false;
    }
    if (pool->host[v->host].dead) {
        return true;
    }
    misfit->why = EXCLAIM_MISFIT_AGILITY;
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (h != v->host && exclaim_pool_may_run(v, h)) {
            return false;
        }
        if (h != v->host && misfit->host == EXCLAIM_NO_HOST) {
            misfit->host = h;
        }
    }
    return misfit->host != EXCLAIM_NO_HOST;
}
