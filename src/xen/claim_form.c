/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forms of claims.  Sources, in the order of the rows: xen/common/page_alloc.c and memory.c of
 * 4.17 to 4.22; branch 4.20-scm-claim-pages of xenserver-next/xen; branch node-claims-v5 of the
 * same, of which the posted v6 differs in nothing seen from here; branch claims-v7 of
 * bernhardkaindl/xen; the v8 draft as reviewed.  Drafts before v5 cannot hold a set.
 */
#include "claim_form.h"

#include <errno.h>

#include "abi.h"

/*
 * Up to 4.19.4, 4.20.2 and 4.21.0 a claim is redeemed some time after the page was taken from the
 * heap (xen/common/page_alloc.c, domain_adjust_tot_pages()): in between, other allocations are
 * counted twice and a claim that fits is refused.  Xens with sets redeem with the heap's counters.
 */
#define ATTEMPTS_LATE 5

const struct xen_claim_form xen_claim_host = {
    .call = XEN_CLAIM_BY_MEMORY_OP,
    .absolute = true,
    .attempts = ATTEMPTS_LATE,
    .means = { { ENOMEM, XEN_CLAIM_NO_MEMORY }, { EINVAL, XEN_CLAIM_CHANGED } },
};

const struct xen_claim_form xen_claim_node = {
    .call = XEN_CLAIM_BY_MEMORY_OP,
    .absolute = true,
    .attempts = ATTEMPTS_LATE,
    .means = { { ENOMEM, XEN_CLAIM_NO_MEMORY },
               { EINVAL, XEN_CLAIM_CHANGED },
               { ENOENT, XEN_CLAIM_OFFLINE } },
};

const struct xen_claim_form xen_claim_set_v5 = {
    .call = XEN_CLAIM_BY_DOMCTL,
    .replaces = true,
    .attempts = 1,
    .release_entries = 1, /* an empty set is invalid */
    .means = { { ENOMEM, XEN_CLAIM_NO_MEMORY }, { ENOENT, XEN_CLAIM_OFFLINE } },
};

const struct xen_claim_form xen_claim_set_v7 = {
    .call = XEN_CLAIM_BY_DOMCTL,
    .replaces = true,
    .attempts = 1,
    .release_entries = 1,
    .get_cmd = XEN_DOMCTL_SET_CLAIMS,
    .get_word = 1,
    .means = { { ENOMEM, XEN_CLAIM_NO_MEMORY }, { ENOENT, XEN_CLAIM_OFFLINE } },
};

const struct xen_claim_form xen_claim_set_v8 = {
    .call = XEN_CLAIM_BY_DOMCTL,
    .attempts = 1,
    .release_entries = 0,
    .get_cmd = XEN_DOMCTL_GET_CLAIMS,
    .means = { { ENOMEM, XEN_CLAIM_NO_MEMORY },
               { ENOENT, XEN_CLAIM_OFFLINE },
               { EBUSY, XEN_CLAIM_RUNNING } },
};

enum xen_claim_meaning xen_claim_meaning(const struct xen_claim_form *form, int errnum)
{
    for (unsigned int i = 0; i < XEN_CLAIM_ERRNOS; i++) {
        if (errnum && form->means[i].errnum == errnum) {
            return form->means[i].meaning;
        }
    }
    return XEN_CLAIM_MEANS_ITSELF;
}
