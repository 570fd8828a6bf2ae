/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this Xen offers beyond 4.17, asked without an effect on any domain.  Questions that need a
 * domain are asked of domain 0, in a form that is refused or reads nothing under every known
 * meaning.
 */
#include "claim_form.h"
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DOM0 0u

static void probe_numa_op(struct exclaim_xen *xen, struct xen_features *f)
{
    struct xen_numa_op arg = { .op =
                                   XEN_NUMA_OP_GET_NODE_PAGES }; /* room for no node: writes none */
    int errnum = xen_domctl(xen, XEN_DOMCTL_NUMA_OP, DOM0, &arg, sizeof(arg), NULL);

    /* Later forms may refuse a buffer that is too small, which also says that they are there. */
    f->numa_op = errnum == 0 || errnum == ERANGE;
    if (!f->numa_op) {
        snprintf(f->why_numa_op, sizeof(f->why_numa_op), "domctl 1101: %s",
                 exclaim_hv_errno_meaning(errnum));
    }
}

static void probe_node_memory(struct exclaim_xen *xen, struct xen_features *f)
{
    struct xen_numa_meminfo arg = { 0 }; /* no buffer: only the number of nodes */
    int errnum = xen_sysctl(xen, XEN_SYSCTL_NUMA_MEMINFO, &arg, sizeof(arg));

    f->node_memory = errnum == 0;
    if (errnum) {
        snprintf(f->why_node_memory, sizeof(f->why_node_memory), "sysctl 1117: %s",
                 exclaim_hv_errno_meaning(errnum));
    }
}

/*
 * A claim of one page is never more than domain 0 owns, so it is refused with EINVAL wherever
 * claims exist (xen/common/page_alloc.c, domain_set_outstanding_pages).
 */
static void probe_claim_host(struct exclaim_xen *xen, struct xen_features *f)
{
    f->claim_host = xen_claim_pages(xen, DOM0, 1, 0) == EINVAL;
}

/*
 * The same on a node that is offline: a Xen with claims per node looks at the node first and says
 * ENOENT; one without says EINVAL to any flag.  Xen tests the id in a bitmap of 64 nodes, so it
 * must stay below 64.
 */
static void probe_claim_node(struct exclaim_xen *xen, struct xen_features *f)
{
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    uint64_t online;
    uint32_t nr;
    int errnum;

    if (xen_node_sizes(xen, info, &nr, &online, NULL) || (online >> 63)) {
        snprintf(f->why_claim_node, sizeof(f->why_claim_node),
                 "no offline node id below 64 to ask with");
        return;
    }
    errnum = xen_claim_pages(xen, DOM0, 1, XENMEMF_exact_node(EXCLAIM_NODES_MAX - 1u));
    f->claim_node = errnum == ENOENT;
    f->claim_node_known = f->claim_node || (errnum == EINVAL && !f->numa_op && !f->node_memory);
    if (!f->claim_node) {
        snprintf(f->why_claim_node, sizeof(f->why_claim_node), "a claim with a node: %s",
                 f->claim_node_known ? "this xen refuses every node"
                                     : exclaim_hv_errno_meaning(errnum));
    }
}

/* 91 says what its argument means: only v5 and later can hold a set, and they limit its entries. */
static int probe_set_command(struct exclaim_xen *xen, const struct xen_claim_form **sets)
{
    struct xen_claims_op too_many = { .nr = XEN_CLAIM_ENTRIES_MAX + 1 };
    struct xen_claims_op read_none = { .word = 1 };
    int errnum = xen_domctl(xen, XEN_DOMCTL_SET_CLAIMS, DOM0, &too_many, sizeof(too_many), NULL);

    if (errnum != E2BIG) {
        return errnum ? errnum : EPROTO;
    }
    errnum = xen_domctl(xen, XEN_DOMCTL_SET_CLAIMS, DOM0, &read_none, sizeof(read_none), NULL);
    if (errnum == ERANGE || errnum == ENOBUFS) {
        *sets = &xen_claim_set_v7;
        return 0;
    }
    if (errnum == EINVAL) {
        *sets = &xen_claim_set_v5;
        return 0;
    }
    return errnum ? errnum : EPROTO;
}

static void probe_claim_sets(struct exclaim_xen *xen, struct xen_features *f)
{
    struct xen_claims_op read_none = { 0 };
    xc_domaininfo_t info;
    uint32_t version = 0;
    int errnum;

    /* The first drafts cancel the claims of the domain asked here: make sure that it has none. */
    if (xen_domain_info(xen, DOM0, &info) || info.outstanding_pages) {
        snprintf(f->why_claim_sets, sizeof(f->why_claim_sets), "domain 0 has claims: not asked");
        return;
    }

    errnum = xen_domctl(xen, XEN_DOMCTL_GET_CLAIMS, DOM0, &read_none, sizeof(read_none), &version);
    if (version < XEN_DOMCTL_VERSION_FIRST || version > XEN_DOMCTL_VERSION_LAST) {
        snprintf(f->why_claim_sets, sizeof(f->why_claim_sets),
                 "domctl 91 and 92 are not known in interface version 0x%x", version);
        return;
    }
    if (errnum == 0 || errnum == ENOBUFS || errnum == ERANGE) {
        f->claim_sets = &xen_claim_set_v8;
        return;
    }
    errnum = probe_set_command(xen, &f->claim_sets);
    if (errnum) {
        snprintf(f->why_claim_sets, sizeof(f->why_claim_sets), "domctl 91: %s",
                 errnum == EINVAL ? "holds one claim, not a set"
                                  : exclaim_hv_errno_meaning(errnum));
    }
}

const struct xen_features *xen_probe(struct exclaim_xen *xen)
{
    struct xen_features *f = &xen->features;

    if (!f->probed) {
        f->probed = true;
        probe_numa_op(xen, f);
        probe_node_memory(xen, f);
        probe_claim_host(xen, f);
        probe_claim_node(xen, f);
        probe_claim_sets(xen, f);
    }
    return f;
}
