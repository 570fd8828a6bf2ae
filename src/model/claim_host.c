/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One claim per domain, and the hypercall XENMEM_claim_pages of every generation
 * (xen/common/page_alloc.c, domain_set_outstanding_pages(); xen/common/memory.c).
 */
#include "state.h"

#include <errno.h>

bool model_any_permits(const struct model *m, const struct model_domain *d, uint32_t node,
                       const struct model_request *req)
{
    (void)m, (void)d, (void)node, (void)req;
    return true;
}

bool model_any_leaves(const struct model_domain *d, const struct model_request *req)
{
    (void)d, (void)req;
    return true;
}

/* Unclaimed memory, or a claim of the domain's own that covers the whole extent. */
bool model_one_permits(const struct model *m, const struct model_domain *d,
                       const struct model_request *req)
{
    uint64_t size = 1ull << req->order;

    return m->claimed + size <= m->free || (!req->no_refcount && d && d->outstanding >= size);
}

void model_one_redeem(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages)
{
    uint64_t least = d->outstanding < pages ? d->outstanding : pages;

    (void)node;
    d->outstanding -= least;
    m->claimed -= least;
}

void model_one_release(struct model *m, struct model_domain *d)
{
    m->claimed -= d->outstanding;
    d->outstanding = 0;
}

/*
 * avail_pages is unsigned long in Xen and wraps when more is claimed than is free: in the window of
 * late redemption, or after memory went offline.  Any claim is then accepted.
 */
static bool host_has(struct model *m, uint64_t claim)
{
    uint64_t avail = m->free - m->claimed;

    if (claim > avail) {
        return false;
    }
    m->oversold |= m->claimed + claim > m->free;
    return true;
}

int model_one_stake(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages)
{
    uint64_t owned = model_owned(d);
    uint64_t claim;

    if (pages == 0) {
        m->rules->release(m, d);
        return 0;
    }
    if (model_outstanding(d) || pages <= owned || pages > d->max) {
        return -EINVAL;
    }
    claim = pages - owned;
    if (node != MODEL_NO_NODE && claim > m->node[node].free - m->node[node].claimed) {
        return -ENOMEM;
    }
    if (!host_has(m, claim)) {
        return -ENOMEM;
    }
    if (node != MODEL_NO_NODE) {
        d->claim_node = node;
        m->node[node].claimed += claim;
    }
    d->outstanding = claim;
    m->claimed += claim;
    return 0;
}

/* The node in the flags: none without the exact bit, whatever else is set. */
static int claim_node(const struct model *m, uint32_t mem_flags, uint32_t *node)
{
    const uint32_t known = MODEL_MEMF_NODE(0xfe) | MODEL_MEMF_EXACT;

    *node = MODEL_NO_NODE;
    if (mem_flags & ~(m->rules->node_claims ? known : 0)) {
        return -EINVAL;
    }
    if (mem_flags & MODEL_MEMF_EXACT) {
        *node = ((mem_flags >> 8) - 1) & 0xffu;
        if (*node == 0xffu) {
            return -EINVAL;
        }
    }
    return 0;
}

/* In Xen's order, so that the first of several faults is the one that is told. */
static int memory_claim(struct model *m, const struct model_reservation *arg, uint64_t start_extent)
{
    struct model_domain *d;
    uint32_t node;
    int r;

    if (m->colouring && m->rules->colouring_refused) {
        return -EOPNOTSUPP;
    }
    if (start_extent) {
        return -EINVAL;
    }
    if (!arg) {
        return -EFAULT;
    }
    if (arg->extent_start || arg->extent_order) {
        return -EINVAL;
    }
    r = claim_node(m, arg->mem_flags, &node);
    if (r) {
        return r;
    }
    d = model_find(m, arg->domid);
    if (!d) {
        return -EINVAL;
    }
    if (m->unprivileged) {
        return -EPERM;
    }
    if (d->dying && m->rules->dying_refused) {
        return -EINVAL;
    }
    if (node != MODEL_NO_NODE && (node >= m->nr_nodes || !m->node[node].online)) {
        return -ENOENT;
    }
    return model_one_stake(m, d, node, arg->nr_extents);
}

int model_memory_claim(struct model *m, const struct model_reservation *arg, uint64_t start_extent)
{
    int errnum = model_enter(m, MODEL_OP_CLAIM_PAGES, arg ? arg->domid : UINT32_MAX);

    if (errnum) {
        return errnum == MODEL_NO_EFFECT ? 0 : -errnum;
    }
    return memory_claim(m, arg, start_extent);
}

int model_claim_pages(struct model *m, uint32_t domid, uint64_t pages, uint32_t mem_flags)
{
    const struct model_reservation arg = { .nr_extents = pages,
                                           .mem_flags = mem_flags,
                                           .domid = domid };

    return model_memory_claim(m, &arg, 0);
}
