/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A claim as the hypercall of its form wants it.  Sets never go through libxc, whose function of
 * one name has had three prototypes.
 */
#include "claim.h"

#include <errno.h>

static int by_domctl(struct exclaim_xen *xen, uint32_t domid, const struct xen_claim_entry *entries,
                     uint32_t nr)
{
    struct xen_claims_op arg = { .nr = nr };
    struct xen_claim_entry *list;
    struct xen_buffer buf;
    int errnum = xen_buffer_alloc(xen, &buf, XEN_CLAIM_ENTRIES_MAX * sizeof(*list));

    if (errnum) {
        return ENOBUFS; /* ours: what Xen's ENOMEM means is another thing */
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

/* The host first, then nodes ascending; no empty entries, which v8 refuses. */
static uint32_t fill_entries(const struct exclaim_claim *claim,
                             struct xen_claim_entry entries[XEN_CLAIM_ENTRIES_MAX])
{
    uint32_t nr = 0;

    if (claim->host_pages) {
        entries[nr++] =
            (struct xen_claim_entry){ .pages = claim->host_pages, .target = XEN_CLAIM_TARGET_HOST };
    }
    for (uint32_t i = 0; i < claim->nr_nodes; i++) {
        if (claim->node_pages[i]) {
            entries[nr++] = (struct xen_claim_entry){ .pages = claim->node_pages[i], .target = i };
        }
    }
    return nr;
}

uint32_t xen_claim_first_node(const struct exclaim_claim *claim)
{
    uint32_t node = 0;

    while (claim->node_pages[node] == 0) {
        node++;
    }
    return node;
}

int xen_claim_set(struct exclaim_xen *xen, const struct xen_claim_form *form,
                  const xc_domaininfo_t *info, const struct exclaim_claim *claim)
{
    struct xen_claim_entry entries[XEN_CLAIM_ENTRIES_MAX];
    const uint64_t owned = form->absolute ? info->tot_pages : 0;
    uint32_t node;

    if (form->call == XEN_CLAIM_BY_DOMCTL) {
        return by_domctl(xen, info->domain, entries, fill_entries(claim, entries));
    }
    if (claim->kind == EXCLAIM_CLAIM_HOST) {
        return xen_claim_pages(xen, info->domain, owned + claim->host_pages, 0);
    }
    node = xen_claim_first_node(claim);
    return xen_claim_pages(xen, info->domain, owned + claim->node_pages[node],
                           XENMEMF_exact_node(node));
}

int xen_claim_drop(struct exclaim_xen *xen, const struct xen_claim_form *form, uint32_t domid)
{
    const struct xen_claim_entry nothing = { .target = XEN_CLAIM_TARGET_HOST };

    return form->call == XEN_CLAIM_BY_DOMCTL
               ? by_domctl(xen, domid, &nothing, form->release_entries)
               : xen_claim_pages(xen, domid, 0, 0);
}

int xen_claim_get(struct exclaim_xen *xen, const struct xen_claim_form *form, uint32_t domid,
                  uint64_t pages[EXCLAIM_NODES_MAX])
{
    struct xen_claims_op arg = { .nr = XEN_CLAIM_ENTRIES_MAX, .word = form->get_word };
    const struct xen_claim_entry *list;
    struct xen_buffer buf;
    int errnum = xen_buffer_alloc(xen, &buf, XEN_CLAIM_ENTRIES_MAX * sizeof(*list));

    if (errnum) {
        return errnum;
    }
    arg.claims = xen_buffer_handle(&buf);
    errnum = xen_domctl(xen, form->get_cmd, domid, &arg, sizeof(arg), NULL);
    list = buf.data;
    for (uint32_t i = 0; !errnum && i < arg.nr && i < XEN_CLAIM_ENTRIES_MAX; i++) {
        if (list[i].target < EXCLAIM_NODES_MAX) {
            pages[list[i].target] = list[i].pages;
        }
    }
    xen_buffer_free(xen, &buf);
    return errnum;
}
