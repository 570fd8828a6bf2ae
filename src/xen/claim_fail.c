/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a claim was refused, in numbers. */
#include "claim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/text.h"

/* NOFIT with the numbers of every node that the claim names. */
static int no_memory(struct exclaim_xen *xen, uint32_t domid, const struct exclaim_claim *claim,
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
            snprintf(claimed, sizeof(claimed), " and %s claimed",
                     exclaim_size(host.node[i].claimed_pages).text);
        }
        snprintf(text + used, sizeof(text) - used, "%s on node %u with %s free%s, ",
                 exclaim_size(claim->node_pages[i]).text, i,
                 exclaim_size(host.node[i].free_pages).text, claimed);
        used = strlen(text);
    }
    return exclaim_fail(
        err, EXCLAIM_ERR_NOFIT, ENOMEM,
        "domain %u wants %s (%" PRIu64 " pages): %shost with %s free and %s claimed", domid,
        exclaim_size(total).text, total, text, exclaim_size(host.free_pages).text,
        exclaim_size(host.outstanding_pages).text);
}

int xen_claim_exists(struct exclaim_error *err, uint32_t domid, uint64_t pages, const char *how)
{
    exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                 "domain %u %s %s (%" PRIu64 " pages), and can have one claim: release it first",
                 domid, how, exclaim_size(pages).text, pages);
    if (err) {
        err->errnum = EEXIST; /* "File exists" says nothing of claims */
    }
    return -1;
}

/* Refused although everything that can be seen was right: what has changed since? */
static int changed(struct exclaim_xen *xen, const xc_domaininfo_t *before,
                   const struct exclaim_claim *claim, struct exclaim_error *err)
{
    const uint32_t domid = before->domain;
    xc_domaininfo_t now;
    int errnum = xen_domain_info(xen, domid, &now);

    if (errnum || (now.flags & XEN_DOMINF_dying)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u went away", domid);
    }
    if (now.outstanding_pages != 0) {
        return xen_claim_exists(err, domid, now.outstanding_pages,
                                "was meanwhile given, by somebody else, a claim of");
    }
    if (now.tot_pages != before->tot_pages || now.max_pages != before->max_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EAGAIN,
                            "domain %u changed while it was claimed for: from %s of %s to %s of %s "
                            "(%" PRIu64 " of %" PRIu64 " to %" PRIu64 " of %" PRIu64 " pages)",
                            domid, exclaim_size(before->tot_pages).text,
                            exclaim_size(before->max_pages).text, exclaim_size(now.tot_pages).text,
                            exclaim_size(now.max_pages).text, (uint64_t)before->tot_pages,
                            (uint64_t)before->max_pages, (uint64_t)now.tot_pages,
                            (uint64_t)now.max_pages);
    }
    if (claim->kind == EXCLAIM_CLAIM_NODE) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, EINVAL,
                            "claim for domain %u on node %u: xen %u.%u has no claims on one node",
                            domid, xen_claim_first_node(claim), xen->lib.major, xen->lib.minor);
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                        "claim of %s (%" PRIu64
                        " pages) for domain %u, which owns %s of at most %s",
                        exclaim_size(claim->host_pages).text, claim->host_pages, domid,
                        exclaim_size(now.tot_pages).text, exclaim_size(now.max_pages).text);
}

int xen_claim_refused(struct exclaim_xen *xen, const struct xen_claim_form *form, int errnum,
                      const xc_domaininfo_t *before, const struct exclaim_claim *claim,
                      struct exclaim_error *err)
{
    const uint32_t domid = before->domain;
    uint64_t total;

    switch (xen_claim_meaning(form, errnum)) {
    case XEN_CLAIM_NO_MEMORY:
        return no_memory(xen, domid, claim, err);
    case XEN_CLAIM_CHANGED:
        return changed(xen, before, claim, err);
    case XEN_CLAIM_OFFLINE:
        if (claim->kind == EXCLAIM_CLAIM_NODE) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum,
                                "claim for domain %u: node %u is offline", domid,
                                xen_claim_first_node(claim));
        }
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum,
                            "claim set for domain %u names an offline node", domid);
    case XEN_CLAIM_RUNNING:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum,
                            "claim set for domain %u: the domain is not paused", domid);
    case XEN_CLAIM_MEANS_ITSELF:
        break;
    }
    exclaim_claim_total(domid, claim, &total, NULL);
    return xen_fail(xen, err, errnum, "claim of %s (%" PRIu64 " pages) for domain %u",
                    exclaim_size(total).text, total, domid);
}
