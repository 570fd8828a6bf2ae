/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls with the structures that src/xen sends: read as Xen reads them, answered by the rules
 * of the generation.  A handle is an address of the caller's.
 */
#include "state.h"

#include <errno.h>
#include <string.h>

#include <xenctrl.h>
#include <xen/memory.h>

#include "../xen/abi.h"

_Static_assert(sizeof(struct model_entry) == sizeof(struct xen_claim_entry), "claim entry");
_Static_assert(XENMEMF_exact_node(3) == MODEL_MEMF_EXACT_NODE(3), "memory flags");

static void *handle(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

/* Ids end at the last node that is online, as in XEN_SYSCTL_numainfo. */
static uint32_t ids(const struct model *m)
{
    return 64 - (uint32_t)__builtin_clzll(model_online(m));
}

static int domctl_claims(struct model *m, struct xen_domctl *op)
{
    struct xen_claims_op arg;
    int r;

    memcpy(&arg, &op->u, sizeof(arg));
    r = model_domctl_claims(m, op->cmd, op->domain, handle(arg.claims), &arg.nr, arg.word);
    memcpy(&op->u, &arg, sizeof(arg));
    return -r;
}

/* GET_NODE_PAGES: extra pages are in the counters (branch 4.20-scm-domain-numa-get-node_pages). */
static int domctl_node_pages(struct model *m, struct xen_domctl *op)
{
    int errnum = model_enter(m, MODEL_OP_NODE_PAGES, op->domain);
    const struct model_domain *d = model_find(m, op->domain);
    struct xen_numa_op arg;
    uint64_t *pages;

    memcpy(&arg, &op->u, sizeof(arg));
    if (errnum > 0 || !d) {
        return errnum > 0 ? errnum : ESRCH;
    }
    if (!m->rules->node_claims) {
        return ENOSYS;
    }
    if (arg.op != XEN_NUMA_OP_GET_NODE_PAGES) {
        return EINVAL;
    }
    pages = handle(arg.pages);
    for (uint32_t i = 0; i < ids(m) && i < arg.nr_nodes; i++) {
        pages[i] = d->pages[i] + d->extra[i];
    }
    if (arg.nr_nodes > ids(m)) {
        arg.nr_nodes = ids(m);
    }
    memcpy(&op->u, &arg, sizeof(arg));
    return 0;
}

/* The bits beyond those of Xen's own map are dropped, or read as 0. */
static int domctl_node_affinity(struct model *m, struct xen_domctl *op)
{
    bool set = op->cmd == XEN_DOMCTL_setnodeaffinity;
    int errnum = model_enter(m, set ? MODEL_OP_SET_NODES : MODEL_OP_GET_NODES, op->domain);
    const struct model_domain *d = model_find(m, op->domain);
    struct xen_node_bitmap arg;
    uint64_t nodes = d ? d->affinity : 0;
    size_t bytes;

    memcpy(&arg, &op->u, sizeof(arg));
    if (errnum > 0 || !d) {
        return errnum > 0 ? errnum : ESRCH;
    }
    bytes = arg.nr_bits < MODEL_NODES ? (arg.nr_bits + 7) / 8 : sizeof(nodes);
    if (set) {
        nodes = 0;
        memcpy(&nodes, handle(arg.bitmap), bytes);
        return -model_set_node_affinity(m, op->domain, nodes);
    }
    if (bytes) {
        memset(handle(arg.bitmap), 0, arg.nr_bits / 8);
        memcpy(handle(arg.bitmap), &nodes, bytes);
    }
    return 0;
}

/* Of domain 0's vCPUs only; the one that asks, and one that is not there, is EINVAL. */
static int domctl_context(struct model *m, struct xen_domctl *op)
{
    int errnum = model_enter(m, MODEL_OP_CONTEXT, op->domain);
    const struct model_domain *d = model_find(m, op->domain);
    struct xen_vcpu_context arg;
    vcpu_guest_context_any_t *context;

    memcpy(&arg, &op->u, sizeof(arg));
    if (errnum > 0 || !d || arg.vcpu >= d->nr_vcpus) {
        return errnum > 0 ? errnum : d ? EINVAL : ESRCH;
    }
    context = handle(arg.context);
    memset(context, 0, sizeof(*context));
    context->x64.ctrlreg[3] = model_top_table(m, m->others != 0) << EXCLAIM_PAGE_SHIFT;
    m->others -= m->others != 0;
    return 0;
}

/* XTAB for holes and for pages of Xen's heap (xen/arch/x86/domctl.c, getpageframeinfo3). */
static int domctl_types(struct model *m, struct xen_domctl *op)
{
    int errnum = model_enter(m, MODEL_OP_TYPES, op->domain);
    struct model_domain *d = model_find(m, op->domain);
    struct xen_page_types arg;
    uint64_t *at, mfn;

    memcpy(&arg, &op->u, sizeof(arg));
    if (errnum > 0 || !d || d->dying) {
        return errnum > 0 ? errnum : ESRCH;
    }
    if (arg.nr > XEN_PAGE_TYPES_MAX) {
        return E2BIG;
    }
    at = handle(arg.gfns);
    for (uint64_t i = 0; i < arg.nr; i++) {
        at[i] = model_frame(m, d, at[i], &mfn) == MODEL_FRAME_RAM ? XEN_DOMCTL_PFINFO_NOTAB
                                                                  : XEN_DOMCTL_PFINFO_XTAB;
    }
    return 0;
}

int model_domctl(struct model *m, struct xen_domctl *op)
{
    op->interface_version = m->rules->domctl_version;
    switch (op->cmd) {
    case MODEL_DOMCTL_SET:
    case MODEL_DOMCTL_GET:
        return domctl_claims(m, op);
    case XEN_DOMCTL_NUMA_OP:
        return domctl_node_pages(m, op);
    case XEN_DOMCTL_getvcpucontext:
        return domctl_context(m, op);
    case XEN_DOMCTL_getpageframeinfo3:
        return domctl_types(m, op);
    case XEN_DOMCTL_getnodeaffinity:
    case XEN_DOMCTL_setnodeaffinity:
        return domctl_node_affinity(m, op);
    default:
        return ENOSYS;
    }
}

/* XenServer 9's: bytes, and all ones for a node that is offline. */
static int sysctl_node_memory(struct model *m, struct xen_sysctl *op)
{
    int errnum = model_enter(m, MODEL_OP_NODE_MEMORY, UINT32_MAX);
    struct xen_numa_meminfo arg;
    struct xen_node_meminfo *info;

    memcpy(&arg, &op->u, sizeof(arg));
    if (errnum > 0 || !m->rules->node_claims || m->untold) {
        return errnum > 0 ? errnum : ENOSYS;
    }
    info = handle(arg.meminfo);
    for (uint32_t i = 0; info && i < ids(m) && i < arg.num_nodes; i++) {
        const struct model_node *n = &m->node[i];

        memset(&info[i], 0xff, sizeof(info[i]));
        if (n->online) {
            info[i].size = n->initial << EXCLAIM_PAGE_SHIFT;
            info[i].free = n->free << EXCLAIM_PAGE_SHIFT;
            info[i].claimed = n->claimed << EXCLAIM_PAGE_SHIFT;
        }
    }
    arg.num_nodes = ids(m);
    memcpy(&op->u, &arg, sizeof(arg));
    return 0;
}

int model_sysctl(struct model *m, struct xen_sysctl *op)
{
    return op->cmd == XEN_SYSCTL_NUMA_MEMINFO ? sysctl_node_memory(m, op) : ENOSYS;
}

static long claim_pages(struct model *m, const struct xen_memory_reservation *arg)
{
    const struct model_reservation claim = {
        .extent_start = arg->extent_start.p != NULL,
        .nr_extents = arg->nr_extents,
        .extent_order = arg->extent_order,
        .mem_flags = arg->mem_flags,
        .domid = arg->domid,
    };

    return model_memory_claim(m, &claim, 0);
}

static long total_pages(struct model *m, const struct xen_memory_domain *arg)
{
    int errnum = model_enter(m, MODEL_OP_TOTAL_PAGES, arg->domid);
    const struct model_domain *d = model_find(m, arg->domid);

    if (errnum > 0 || !d) {
        return -(errnum > 0 ? errnum : ESRCH);
    }
    return (long)model_owned(d);
}

static long highest_frame(struct model *m, const struct xen_memory_domain *arg)
{
    int errnum = model_enter(m, MODEL_OP_FRAMES, arg->domid);
    const struct model_domain *d = model_find(m, arg->domid);

    if (errnum > 0 || !d) {
        return -(errnum > 0 ? errnum : ESRCH);
    }
    return (long)model_frames_end(d) - 1;
}

static long pod_target(struct model *m, struct xen_pod_target *arg)
{
    int errnum = model_enter(m, MODEL_OP_FRAMES, arg->domid);
    const struct model_domain *d = model_find(m, arg->domid);

    if (errnum > 0 || !d) {
        return -(errnum > 0 ? errnum : ESRCH);
    }
    arg->tot_pages = model_owned(d);
    arg->pod_cache_pages = 0;
    arg->pod_entries = d->pod_entries;
    return 0;
}

long model_memory_op(struct model *m, unsigned int cmd, void *arg)
{
    switch (cmd) {
    case XENMEM_claim_pages:
        return claim_pages(m, arg);
    case XENMEM_current_reservation:
        return total_pages(m, arg);
    case XENMEM_maximum_gpfn:
        return highest_frame(m, arg);
    case XENMEM_get_pod_target:
        return pod_target(m, arg);
    case XENMEM_maximum_ram_page:
        return (long)m->total;
    default:
        return -ENOSYS;
    }
}
