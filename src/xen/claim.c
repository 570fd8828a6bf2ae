/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Staking and releasing claims: what is asked is checked against the domain first, so that the one
 * EINVAL that Xen has for five reasons (xen/common/page_alloc.c, domain_set_outstanding_pages()) is
 * told apart.  Nobody but the toolstack, which waits for us, changes a domain under construction.
 */
#include "xen.h"

#include <errno.h>
#include <inttypes.h>

static int release(struct exclaim_xen *xen, const xc_domaininfo_t *info, struct exclaim_error *err)
{
    const uint32_t domid = info->domain;
    xc_domaininfo_t now;
    int errnum, r;

    /* With nothing to release, not even a Xen with coloured memory (EOPNOTSUPP) can fail. */
    if (info->outstanding_pages == 0) {
        return 0;
    }
    if (!xen_node_claim_had(xen, info) && xen_node_claim_possible(xen, info)) {
        errnum = xen_node_claim_room(xen);
        if (errnum) {
            return xen_fail(xen, err, errnum, "releasing the claim of domain %u", domid);
        }
        xen_node_claim_remember(xen, info);
    }

    errnum = xen_claim_pages(xen, domid, 0, 0);
    r = xen_domain_info(xen, domid, &now);
    if (r == 0 && now.outstanding_pages != 0 && xen_probe(xen)->claim_sets != XEN_CLAIM_SETS_NONE) {
        errnum = xen_release_set(xen, domid);
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
                    "domain %u still claims %" PRIu64 " of %" PRIu64 " pages after their release",
                    domid, (uint64_t)now.outstanding_pages, (uint64_t)info->outstanding_pages);
}

/* Every reason to refuse that can be seen beforehand. */
static int check_domain(struct exclaim_xen *xen, const xc_domaininfo_t *info,
                        const struct exclaim_claim *claim, uint64_t total,
                        struct exclaim_error *err)
{
    const uint32_t domid = info->domain;
    const struct xen_features *f = xen_probe(xen);
    bool replaces = claim->kind == EXCLAIM_CLAIM_SET && f->claim_sets != XEN_CLAIM_SETS_NONE &&
                    f->claim_sets != XEN_CLAIM_SETS_V8;

    /* Old hypervisors accept a claim for a dying domain and never give it back (before 4.19.5). */
    if (info->flags & XEN_DOMINF_dying) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u is dying: nothing claimed",
                            domid);
    }
    if (info->outstanding_pages != 0 && !replaces) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EEXIST,
                            "domain %u already claims %" PRIu64 " pages", domid,
                            (uint64_t)info->outstanding_pages);
    }
    if (info->max_pages == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                            "domain %u has no maximum of pages yet: claim after setmaxmem", domid);
    }
    if (info->tot_pages + total > info->max_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                            "domain %u owns %" PRIu64 " pages and cannot claim %" PRIu64
                            " more: its maximum is %" PRIu64,
                            domid, (uint64_t)info->tot_pages, total, (uint64_t)info->max_pages);
    }
    if (claim->kind == EXCLAIM_CLAIM_HOST && xen_node_claim_had(xen, info)) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "domain %u has had a claim on one node: one on the host after that "
                            "can stop this xen",
                            domid);
    }
    return 0;
}

/*
 * What Xen says it has put aside, less what the domain got in the meantime.  A claim that is not
 * what was asked, or cannot be seen, is taken back.
 */
static int verify(struct exclaim_xen *xen, const xc_domaininfo_t *before, uint64_t total,
                  struct exclaim_error *err)
{
    xc_domaininfo_t now;
    struct exclaim_error ignored;
    uint64_t grown, claimed;
    int errnum = xen_domain_info(xen, before->domain, &now);

    if (errnum) {
        now = *before;
        now.outstanding_pages = total;
        release(xen, &now, &ignored);
        return xen_fail(xen, err, errnum, "reading the claim of domain %u", before->domain);
    }
    grown = now.tot_pages > before->tot_pages ? now.tot_pages - before->tot_pages : 0;
    claimed = now.outstanding_pages;
    if (claimed <= total && claimed + grown >= total) {
        return 0;
    }
    release(xen, &now, &ignored);
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EPROTO,
                        "domain %u: %" PRIu64 " pages asked, xen says %" PRIu64 " are claimed",
                        before->domain, total, claimed);
}

int xen_claim(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_claim *claim,
              struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    xc_domaininfo_t info;
    uint64_t total;
    int errnum = xen_domain_info(xen, domid, &info);
    int r;

    if (errnum) {
        return xen_fail(xen, err, errnum, "claim for domain %u", domid);
    }
    if (claim->kind == EXCLAIM_CLAIM_NONE) {
        return release(xen, &info, err);
    }
    if (exclaim_claim_total(domid, claim, &total, err) ||
        check_domain(xen, &info, claim, total, err)) {
        return -1;
    }
    errnum = xen_node_claim_room(xen);
    if (errnum) {
        return xen_fail(xen, err, errnum, "claim for domain %u", domid);
    }
    r = claim->kind == EXCLAIM_CLAIM_SET ? xen_stake_set(xen, &info, claim, err)
                                         : xen_stake_pages(xen, &info, claim, err);
    if (r) {
        return -1;
    }
    /* Only success leaves a node behind: a claim on the host may follow one that did not fit. */
    if (claim->kind == EXCLAIM_CLAIM_NODE && !xen_node_claim_had(xen, &info)) {
        xen_node_claim_remember(xen, &info);
    }
    return verify(xen, &info, total, err);
}
