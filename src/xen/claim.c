/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Staking and releasing claims: what is asked is checked against the domain first, so that the one
 * EINVAL that Xen has for five reasons (xen/common/page_alloc.c, domain_set_outstanding_pages()) is
 * told apart.  Nobody but the toolstack, which waits for us, changes a domain under construction.
 */
#include "claim.h"

#include <errno.h>
#include <inttypes.h>

#include "../base/text.h"

#define PAUSE_MS 10 /* between two attempts */

/* NULL: this Xen has no sets. */
static const struct xen_claim_form *form_of(struct exclaim_xen *xen, enum exclaim_claim_kind kind)
{
    switch (kind) {
    case EXCLAIM_CLAIM_NODE:
        return &xen_claim_node;
    case EXCLAIM_CLAIM_SET:
        return xen_probe(xen)->claim_sets;
    case EXCLAIM_CLAIM_NONE:
    case EXCLAIM_CLAIM_HOST:
        break;
    }
    return &xen_claim_host;
}

static int release(struct exclaim_xen *xen, const xc_domaininfo_t *info, struct exclaim_error *err)
{
    const struct xen_claim_form *sets = form_of(xen, EXCLAIM_CLAIM_SET);
    const uint32_t domid = info->domain;
    xc_domaininfo_t now;
    int errnum, r;

    /* With nothing to release, not even a Xen with coloured memory (EOPNOTSUPP) can fail. */
    if (info->outstanding_pages == 0) {
        return 0;
    }
    errnum = xen_claim_drop(xen, &xen_claim_host, domid);
    r = xen_domain_info(xen, domid, &now);
    if (r == 0 && now.outstanding_pages != 0 && sets) {
        errnum = xen_claim_drop(xen, sets, domid);
        r = xen_domain_info(xen, domid, &now);
    }
    /* A domain that is gone has no claim. */
    if (r == ESRCH || (r == 0 && now.outstanding_pages == 0)) {
        return 0;
    }
    if (r) {
        return xen_fail(xen, err, r, "reading the claim of domain %u after its release", domid);
    }
    return xen_fail(xen, err, errnum ? errnum : EBUSY,
                    "domain %u still claims %s (%" PRIu64 " pages) of %s after their release",
                    domid, exclaim_size(now.outstanding_pages).text,
                    (uint64_t)now.outstanding_pages, exclaim_size(info->outstanding_pages).text);
}

/* Every reason to refuse that can be seen beforehand. */
static int check_domain(const struct xen_claim_form *form, const xc_domaininfo_t *info,
                        uint64_t total, struct exclaim_error *err)
{
    const uint32_t domid = info->domain;

    /* Old hypervisors accept a claim for a dying domain and never give it back (before 4.19.5). */
    if (info->flags & XEN_DOMINF_dying) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u is dying: nothing claimed",
                            domid);
    }
    if (info->outstanding_pages != 0 && !form->replaces) {
        return xen_claim_exists(err, domid, info->outstanding_pages, "already claims");
    }
    if (info->max_pages == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                            "domain %u has no maximum of pages yet: claim after setmaxmem", domid);
    }
    if (info->tot_pages + total > info->max_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                            "domain %u owns %s (%" PRIu64 " pages) and cannot claim %s (%" PRIu64
                            " pages) more: its maximum is %s (%" PRIu64 " pages)",
                            domid, exclaim_size(info->tot_pages).text, (uint64_t)info->tot_pages,
                            exclaim_size(total).text, total, exclaim_size(info->max_pages).text,
                            (uint64_t)info->max_pages);
    }
    return 0;
}

/* That no node holds more than was asked.  Fewer are no fault: the domain may have got pages. */
static int check_nodes(struct exclaim_xen *xen, const struct xen_claim_form *form, uint32_t domid,
                       const struct exclaim_claim *claim, struct exclaim_error *err)
{
    uint64_t held[EXCLAIM_NODES_MAX] = { 0 };
    int errnum = form->get_cmd ? xen_claim_get(xen, form, domid, held) : 0;

    if (errnum) {
        return xen_fail(xen, err, errnum, "reading the claim set of domain %u", domid);
    }
    for (uint32_t node = 0; node < claim->nr_nodes; node++) {
        if (held[node] > claim->node_pages[node]) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EPROTO,
                                "domain %u: %" PRIu64 " pages asked on node %u, xen says %" PRIu64
                                " are claimed",
                                domid, claim->node_pages[node], node, held[node]);
        }
    }
    return 0;
}

/* What Xen says it has put aside, less what the domain got in the meantime. */
static int check_total(struct exclaim_xen *xen, const xc_domaininfo_t *before, uint64_t total,
                       struct exclaim_error *err)
{
    xc_domaininfo_t now;
    uint64_t grown;
    int errnum = xen_domain_info(xen, before->domain, &now);

    if (errnum) {
        return xen_fail(xen, err, errnum, "reading the claim of domain %u", before->domain);
    }
    if (now.flags & XEN_DOMINF_dying) { /* since it was checked */
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u went away", before->domain);
    }
    grown = now.tot_pages > before->tot_pages ? now.tot_pages - before->tot_pages : 0;
    if (now.outstanding_pages <= total && now.outstanding_pages + grown >= total) {
        return 0;
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EPROTO,
                        "domain %u: %" PRIu64 " pages asked, xen says %" PRIu64 " are claimed",
                        before->domain, total, (uint64_t)now.outstanding_pages);
}

static int stake(struct exclaim_xen *xen, const struct xen_claim_form *form,
                 const xc_domaininfo_t *info, const struct exclaim_claim *claim, uint64_t total,
                 struct exclaim_error *err)
{
    struct exclaim_error ignored;
    xc_domaininfo_t staked = *info;
    int errnum = xen_claim_set(xen, form, info, claim);

    for (unsigned int i = 1; i < form->attempts; i++) {
        if (xen_claim_meaning(form, errnum) != XEN_CLAIM_NO_MEMORY) {
            break;
        }
        xen->lib.pause(xen->xch, PAUSE_MS);
        errnum = xen_claim_set(xen, form, info, claim);
    }
    if (errnum) {
        return xen_claim_refused(xen, form, errnum, info, claim, err);
    }
    if (check_nodes(xen, form, info->domain, claim, err) == 0 &&
        check_total(xen, info, total, err) == 0) {
        return 0;
    }
    /* What is not what was asked, or cannot be seen, is taken back. */
    staked.outstanding_pages = total;
    release(xen, &staked, &ignored);
    return -1;
}

int xen_claim(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_claim *claim,
              struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    const struct xen_claim_form *form;
    xc_domaininfo_t info;
    uint64_t total;
    int errnum = xen_domain_info(xen, domid, &info);

    if (errnum) {
        return xen_fail(xen, err, errnum, "claim for domain %u", domid);
    }
    if (claim->kind == EXCLAIM_CLAIM_NONE) {
        return release(xen, &info, err);
    }
    if (exclaim_claim_total(domid, claim, &total, err)) {
        return -1;
    }
    form = form_of(xen, claim->kind);
    if (!form) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "claim set for domain %u: %s", domid,
                            xen_probe(xen)->why_claim_sets);
    }
    return check_domain(form, &info, total, err) ? -1 : stake(xen, form, &info, claim, total, err);
}
