/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory for a domain and back: populate, balloon, extra pages, the paging pool. */
#include "state.h"

#include <errno.h>

/* max_order() of the control domain: CONFIG_CTLDOM_MAX_ORDER, 1 GiB (xen/common/memory.c). */
#define ORDER_MAX 18u

/* propagate_node(): a node beyond MAX_NUMNODES makes the whole call a failure. */
static bool read_flags(uint32_t mem_flags, uint32_t order, struct model_request *req)
{
    uint32_t node = ((mem_flags >> 8) - 1) & 0xffu;

    *req = (struct model_request){ .order = order, .node = MODEL_NO_NODE };
    if (node != 0xffu) {
        req->node = node;
        req->exact = (mem_flags & MODEL_MEMF_EXACT) != 0;
    }
    return order <= ORDER_MAX && (req->node == MODEL_NO_NODE || req->node < MODEL_NODES);
}

/* Between heap and owner; others may run here. */
static void window(struct model *m, const struct model_domain *d, uint32_t node, uint64_t size)
{
    m->node[node].in_flight += size;
    m->in_flight += size;
    model_enter(m, MODEL_OP_WINDOW, d->domid);
    m->node[node].in_flight -= size;
    m->in_flight -= size;
}

/* assign_pages(): extra pages are counted as owned but not held against the maximum. */
static bool assign(struct model *m, struct model_domain *d, uint32_t node, uint64_t size,
                   bool extra)
{
    uint64_t owned = model_owned(d);

    if (d->dying || (!extra && (owned > d->max || size > d->max - owned))) {
        return false;
    }
    (extra ? d->extra : d->pages)[node] += size;
    if (m->rules->redeem_late) {
        m->rules->redeem(m, d, node, size);
    }
    return true;
}

/* alloc_domheap_pages() of one extent; a claim that was redeemed for nothing is lost. */
static bool allocate(struct model *m, struct model_domain *d, const struct model_request *req)
{
    uint64_t size = 1ull << req->order;
    uint32_t node;

    if (!model_heap_take(m, d, req, &node)) {
        return false;
    }
    window(m, d, node, size);
    if (!assign(m, d, node, size, req->no_refcount)) {
        model_heap_give(m, node, size);
        return false;
    }
    return true;
}

long model_populate(struct model *m, uint32_t domid, uint64_t extents, uint32_t order,
                    uint32_t mem_flags)
{
    struct model_request req;
    int errnum = model_enter(m, MODEL_OP_POPULATE, domid);
    struct model_domain *d = model_find(m, domid);
    uint64_t done = 0;

    if (errnum == MODEL_NO_EFFECT) {
        return (long)extents;
    }
    if (errnum || !d) {
        return -(errnum ? errnum : ESRCH);
    }
    if (!read_flags(mem_flags, order, &req)) {
        return 0;
    }
    while (done < extents && allocate(m, d, &req) && !m->crashed[0]) {
        done++;
    }
    return (long)done;
}

int model_extra(struct model *m, uint32_t domid, uint32_t order, uint32_t mem_flags)
{
    struct model_domain *d = model_find(m, domid);
    struct model_request req;

    if (!d) {
        return -ESRCH;
    }
    if (!read_flags(mem_flags, order, &req)) {
        return -EINVAL;
    }
    req.no_refcount = true;
    return allocate(m, d, &req) ? 0 : -ENOMEM;
}

/*
 * free_domheap_pages().  domain_adjust_tot_pages() of 4.17 takes a negative number like any other:
 * an outstanding claim grows by what is freed.
 */
void model_release_pages(struct model *m, struct model_domain *d, uint64_t *owned, uint32_t node,
                         uint64_t pages)
{
    if (m->rules->regrow && d->outstanding) {
        d->outstanding += pages;
        m->claimed += pages;
        /* A free of an extra page moves the claim without moving domain_tot_pages(). */
        d->over_max |= model_owned(d) - (owned == d->pages ? pages : 0) + d->outstanding > d->max;
    }
    owned[node] -= pages;
    model_heap_give(m, node, pages);
}

int model_free(struct model *m, uint32_t domid, uint32_t node, uint64_t pages)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    if (node >= m->nr_nodes || pages > d->pages[node] - d->hidden[node]) {
        return -EINVAL;
    }
    model_release_pages(m, d, d->pages, node, pages);
    return 0;
}

int model_free_extra(struct model *m, uint32_t domid, uint32_t node)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    if (node >= m->nr_nodes || d->extra[node] == 0) {
        return -EINVAL;
    }
    model_release_pages(m, d, d->extra, node, 1);
    return 0;
}

/* hap_set_allocation(): single pages with MEMF_no_owner, which implies MEMF_no_refcount. */
int model_set_pool(struct model *m, uint32_t domid, uint64_t pages)
{
    const struct model_request req = { .node = MODEL_NO_NODE, .no_refcount = true };
    struct model_domain *d = model_find(m, domid);
    uint64_t have = 0;
    uint32_t node;

    if (!d) {
        return -ESRCH;
    }
    if (!d->hvm) {
        return -EOPNOTSUPP;
    }
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        have += d->pool[i];
    }
    for (; have < pages; have++) {
        if (!model_heap_take(m, d, &req, &node)) {
            return -ENOMEM;
        }
        d->pool[node]++;
    }
    for (uint32_t i = 0; i < m->nr_nodes && have > pages; i++) {
        uint64_t give = d->pool[i] < have - pages ? d->pool[i] : have - pages;

        d->pool[i] -= give;
        have -= give;
        model_heap_give(m, i, give);
    }
    return 0;
}

int model_xenheap(struct model *m, uint32_t order, uint32_t mem_flags)
{
    struct model_request req;
    uint32_t node;

    if (!read_flags(mem_flags, order, &req)) {
        return -EINVAL;
    }
    req.no_refcount = true;
    if (!model_heap_take(m, NULL, &req, &node)) {
        return -ENOMEM;
    }
    m->node[node].xenheap += 1ull << order;
    return 0;
}

int model_fragment(struct model *m, uint32_t node, uint64_t pages)
{
    if (node >= m->nr_nodes || pages > m->node[node].free) {
        return -EINVAL;
    }
    m->node[node].contiguous = pages;
    return 0;
}
