/* SPDX-License-Identifier: BSD-2-Clause */
/* XENMEM_claim_pages: one claim for a domain, on the host or (XenServer 9) on one node. */
#include "xen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Up to 4.19.4, 4.20.2 and 4.21.0 a claim is redeemed some time after the page was taken from the
 * heap (xen/common/page_alloc.c, domain_adjust_tot_pages()): in between, other allocations are
 * counted twice and a claim that fits is refused.
 */
#define NOMEM_ATTEMPTS 5
#define NOMEM_PAUSE_MS 10

int xen_claim_nofit(struct exclaim_xen *xen, uint32_t domid, const struct exclaim_claim *claim,
                    struct exclaim_error *err)
{
    char text[384] = "";
    struct exclaim_host host;
    uint64_t total = claim->kind == EXCLAIM_CLAIM_NODE ? 0 : claim->host_pages;
    size_t used = 0;

    if (xen_host(&xen->hv, &host, NULL)) {
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, ENOMEM, "claim for domain %u", domid);
    }
    for (uint32_t i = 0; claim->kind != EXCLAIM_CLAIM_HOST && i < claim->nr_nodes; i++) {
        char claimed[48] = "";

        if (claim->node_pages[i] == 0) {
            continue;
        }
        total += claim->node_pages[i];
        if (host.node[i].claimed_known) {
            snprintf(claimed, sizeof(claimed), " and %" PRIu64 " claimed",
                     host.node[i].claimed_pages);
        }
        snprintf(text + used, sizeof(text) - used,
                 "%" PRIu64 " on node %u with %" PRIu64 " free%s, ", claim->node_pages[i], i,
                 host.node[i].free_pages, claimed);
        used = strlen(text);
    }
    return exclaim_fail(err, EXCLAIM_ERR_NOFIT, ENOMEM,
                        "domain %u wants %" PRIu64 " pages: %shost with %" PRIu64
                        " free and %" PRIu64 " claimed",
                        domid, total, text, host.free_pages, host.outstanding_pages);
}

/* EINVAL, although everything that can be seen was right: what has changed since? */
static int explain_invalid(struct exclaim_xen *xen, const xc_domaininfo_t *before,
                           const struct exclaim_claim *claim, uint32_t node,
                           struct exclaim_error *err)
{
    const uint32_t domid = before->domain;
    xc_domaininfo_t now;
    int errnum = xen_domain_info(xen, domid, &now);

    if (errnum || (now.flags & XEN_DOMINF_dying)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u went away", domid);
    }
    if (now.outstanding_pages != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EEXIST,
                            "domain %u was given a claim of %" PRIu64 " pages by somebody else",
                            domid, (uint64_t)now.outstanding_pages);
    }
    if (now.tot_pages != before->tot_pages || now.max_pages != before->max_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EAGAIN,
                            "domain %u changed from %" PRIu64 " of %" PRIu64 " pages to %" PRIu64
                            " of %" PRIu64 " while it was claimed for",
                            domid, (uint64_t)before->tot_pages, (uint64_t)before->max_pages,
                            (uint64_t)now.tot_pages, (uint64_t)now.max_pages);
    }
    if (claim->kind == EXCLAIM_CLAIM_NODE) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, EINVAL,
                            "claim for domain %u on node %u: xen %u.%u has no claims on one node",
                            domid, node, xen->lib.major, xen->lib.minor);
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                        "claim of %" PRIu64 " pages for domain %u with %" PRIu64 " of %" PRIu64
                        " pages",
                        claim->host_pages, domid, (uint64_t)now.tot_pages, (uint64_t)now.max_pages);
}

int xen_stake_pages(struct exclaim_xen *xen, const xc_domaininfo_t *info,
                    const struct exclaim_claim *claim, struct exclaim_error *err)
{
    const uint32_t domid = info->domain;
    uint32_t node = 0, mem_flags = 0;
    uint64_t pages = claim->host_pages;
    int errnum = ENOMEM;

    if (claim->kind == EXCLAIM_CLAIM_NODE) {
        while (claim->node_pages[node] == 0) {
            node++;
        }
        pages = claim->node_pages[node];
        mem_flags = XENMEMF_exact_node(node);
    }

    /* Xen wants the pages that the domain owns counted in. */
    for (unsigned int i = 0; i < NOMEM_ATTEMPTS && errnum == ENOMEM; i++) {
        if (i > 0) {
            xen->lib.pause(xen->xch, NOMEM_PAUSE_MS);
        }
        errnum = xen_claim_pages(xen, domid, info->tot_pages + pages, mem_flags);
    }

    switch (errnum) {
    case 0:
        return 0;
    case ENOMEM:
        return xen_claim_nofit(xen, domid, claim, err);
    case EINVAL:
        return explain_invalid(xen, info, claim, node, err);
    case ENOENT:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOENT,
                            "claim for domain %u: node %u is offline", domid, node);
    default:
        return xen_fail(xen, err, errnum, "claim of %" PRIu64 " pages for domain %u", pages, domid);
    }
}
