/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From which node an extent comes: alloc_heap_pages() and get_free_buddy() of
 * xen/common/page_alloc.c, with counts instead of buddy lists.
 */
#include "state.h"

static bool in_mask(uint64_t mask, uint32_t node)
{
    return node < MODEL_NODES && (mask & (1ull << node));
}

/* The next node of @mask after @node, from the first again at the end (cycle_node()). */
static uint32_t cycle(uint64_t mask, uint32_t node)
{
    uint64_t above = node + 1 < MODEL_NODES ? mask & (UINT64_MAX << (node + 1)) : 0;

    if (!mask) {
        return MODEL_NO_NODE;
    }
    return (uint32_t)__builtin_ctzll(above ? above : mask);
}

/* An extent of several pages needs contiguous ones, a single page takes what is there. */
static bool has_extent(const struct model_node *n, uint32_t order)
{
    uint64_t size = 1ull << order;

    return n->online && (order ? n->contiguous : n->free) >= size;
}

static bool serves(const struct model *m, const struct model_domain *d, uint32_t node,
                   const struct model_request *req)
{
    return node < m->nr_nodes && has_extent(&m->node[node], req->order) &&
           /* The colour allocator is another one, which knows no claims. */
           ((m->colouring && d) || m->rules->node_permits(m, d, node, req));
}

/* Where the search starts: the node asked for, else round robin, else the caller's own. */
static uint32_t first_node(const struct model *m, const struct model_domain *d, uint64_t mask,
                           const struct model_request *req)
{
    if (req->node != MODEL_NO_NODE) {
        return req->node;
    }
    return d ? cycle(mask, d->last_node) : (uint32_t)__builtin_ctzll(model_online(m));
}

static uint32_t search(const struct model *m, const struct model_domain *d, uint64_t mask,
                       uint32_t first, const struct model_request *req)
{
    uint64_t others = model_online(m) & ~mask;
    uint32_t node = first;

    if (serves(m, d, first, req)) {
        return first;
    }
    if ((req->exact && req->node != MODEL_NO_NODE) || (d && !m->rules->may_leave(d, req))) {
        return MODEL_NO_NODE;
    }
    /* The rest of the preferred nodes in a circle, then all others in ascending order. */
    for (int i = __builtin_popcountll(mask); i > 0; i--) {
        node = i == __builtin_popcountll(mask) && !in_mask(mask, first)
                   ? (uint32_t)__builtin_ctzll(mask)
                   : cycle(mask, node);
        if (node != first && serves(m, d, node, req)) {
            return node;
        }
    }
    for (; others; others &= others - 1) {
        node = (uint32_t)__builtin_ctzll(others);
        if (serves(m, d, node, req)) {
            return node;
        }
    }
    return MODEL_NO_NODE;
}

bool model_heap_take(struct model *m, struct model_domain *d, const struct model_request *req,
                     uint32_t *node)
{
    uint64_t size = 1ull << req->order;
    uint64_t mask = model_online(m);
    struct model_node *n;

    if (m->free < size || (!(m->colouring && d) && !m->rules->host_permits(m, d, req))) {
        return false;
    }
    /* An affinity without any online node is ignored, as in a release build of Xen. */
    if (d && (d->affinity & mask)) {
        mask &= d->affinity;
    }
    *node = search(m, d, mask, first_node(m, d, mask, req), req);
    if (*node == MODEL_NO_NODE) {
        return false;
    }

    n = &m->node[*node];
    n->free -= size;
    m->free -= size;
    if (req->order) {
        n->contiguous -= size;
    }
    /* Single pages come from what is in pieces, until nothing else is left. */
    if (n->contiguous > n->free) {
        n->contiguous = n->free;
    }
    if (d) {
        d->last_node = *node;
    }
    if (!m->rules->redeem_late && !req->no_refcount && d && !m->colouring) {
        m->rules->redeem(m, d, *node, size);
    }
    return true;
}

/* Pages that come back one by one are in pieces unless the node never was in pieces. */
void model_heap_give(struct model *m, uint32_t node, uint64_t pages)
{
    struct model_node *n = &m->node[node];
    bool whole = n->contiguous == n->free;

    n->free += pages;
    m->free += pages;
    if (whole) {
        n->contiguous = n->free;
    }
}
