/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Claim sets: domctl 91 of the series v5 to v8, never through libxc, whose function of one name has
 * had three prototypes.  Pages are additional to what the domain owns in all of them.
 */
#include "xen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static int set_entries(struct exclaim_xen *xen, uint32_t domid,
                       const struct xen_claim_entry *entries, uint32_t nr)
{
    struct xen_claims_op arg = { .nr = nr };
    struct xen_claim_entry *list;
    struct xen_buffer buf;
    int errnum = xen_buffer_alloc(xen, &buf, XEN_CLAIM_ENTRIES_MAX * sizeof(*list));

    if (errnum) {
        return errnum;
    }
    list = buf.data;
    for (uint32_t i = 0; i < nr; i++) {
        list[i] = entries[i];
    }
    arg.claims = xen_buffer_handle(&buf);
    errnum = xen_domctl(xen, XEN_DOMCTL_SET_CLAIMS, domid, &arg, sizeof(arg), NULL);
    xen_buffer_free(xen, &buf);
    return errnum;
}

int xen_release_set(struct exclaim_xen *xen, uint32_t domid)
{
    /* v8 releases with an empty set; before, that was invalid and a set of nothing was needed. */
    const struct xen_claim_entry nothing = { .target = XEN_CLAIM_TARGET_HOST };
    bool v8 = xen_probe(xen)->claim_sets == XEN_CLAIM_SETS_V8;

    return set_entries(xen, domid, &nothing, v8 ? 0 : 1);
}

/*
 * v7 and v8 can be asked what they hold.  The total was compared by the caller; this compares each
 * node.  Returns 0, or EPROTO with the first difference in the arguments.
 */
static int read_back(struct exclaim_xen *xen, uint32_t domid, const struct exclaim_claim *claim,
                     uint32_t *node, uint64_t *pages)
{
    enum xen_claim_sets form = xen_probe(xen)->claim_sets;
    struct xen_claims_op arg = { .nr = XEN_CLAIM_ENTRIES_MAX,
                                 .word = form == XEN_CLAIM_SETS_V7 ? 1 : 0 };
    uint64_t held[EXCLAIM_NODES_MAX] = { 0 };
    const struct xen_claim_entry *list;
    struct xen_buffer buf;
    int errnum;

    if (form == XEN_CLAIM_SETS_V5) {
        return 0;
    }
    errnum = xen_buffer_alloc(xen, &buf, XEN_CLAIM_ENTRIES_MAX * sizeof(*list));
    if (errnum) {
        return errnum;
    }
    arg.claims = xen_buffer_handle(&buf);
    errnum =
        xen_domctl(xen, form == XEN_CLAIM_SETS_V7 ? XEN_DOMCTL_SET_CLAIMS : XEN_DOMCTL_GET_CLAIMS,
                   domid, &arg, sizeof(arg), NULL);
    list = buf.data;
    for (uint32_t i = 0; !errnum && i < arg.nr && i < XEN_CLAIM_ENTRIES_MAX; i++) {
        if (list[i].target < EXCLAIM_NODES_MAX) {
            held[list[i].target] = list[i].pages;
        }
    }
    xen_buffer_free(xen, &buf);

    for (*node = 0; !errnum && *node < claim->nr_nodes; ++*node) {
        /* Fewer are no fault: the domain may have got pages by now. */
        if (held[*node] > claim->node_pages[*node]) {
            *pages = held[*node];
            return EPROTO;
        }
    }
    return errnum;
}

int xen_stake_set(struct exclaim_xen *xen, const xc_domaininfo_t *info,
                  const struct exclaim_claim *claim, struct exclaim_error *err)
{
    const struct xen_features *f = xen_probe(xen);
    struct xen_claim_entry entries[XEN_CLAIM_ENTRIES_MAX];
    const uint32_t domid = info->domain;
    uint32_t nr = 0, node = 0;
    uint64_t held = 0;
    int errnum;

    if (f->claim_sets == XEN_CLAIM_SETS_NONE) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "claim set for domain %u: %s", domid,
                            f->why_claim_sets);
    }
    /* The host first, then nodes ascending; no empty entries, which v8 refuses. */
    if (claim->host_pages) {
        entries[nr++] =
            (struct xen_claim_entry){ .pages = claim->host_pages, .target = XEN_CLAIM_TARGET_HOST };
    }
    for (uint32_t i = 0; i < claim->nr_nodes; i++) {
        if (claim->node_pages[i]) {
            entries[nr++] = (struct xen_claim_entry){ .pages = claim->node_pages[i], .target = i };
        }
    }

    errnum = set_entries(xen, domid, entries, nr);
    switch (errnum) {
    case 0:
        break;
    case ENOMEM:
        return xen_claim_nofit(xen, domid, claim, err);
    case ENOENT:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOENT,
                            "claim set for domain %u names an offline node", domid);
    case EBUSY:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EBUSY,
                            "claim set for domain %u: the domain is not paused", domid);
    default:
        return xen_fail(xen, err, errnum, "claim set of %u entries for domain %u", nr, domid);
    }

    errnum = read_back(xen, domid, claim, &node, &held);
    if (errnum == EPROTO) {
        xen_release_set(xen, domid);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EPROTO,
                            "domain %u: %" PRIu64 " pages asked on node %u, xen says %" PRIu64
                            " are claimed",
                            domid, claim->node_pages[node], node, held);
    }
    if (errnum) {
        xen_release_set(xen, domid);
        return xen_fail(xen, err, errnum, "reading the claim set of domain %u", domid);
    }
    return 0;
}
