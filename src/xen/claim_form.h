/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The forms in which Xens take claims, as one table: what differs between generations is a row
 * here, and nothing else in src/xen asks which Xen this is before it claims.
 */
#ifndef XEN_CLAIM_FORM_H
#define XEN_CLAIM_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include <exclaim/hypervisor.h>

enum xen_claim_call {
    XEN_CLAIM_BY_MEMORY_OP, /* XENMEM_claim_pages: one number of pages */
    XEN_CLAIM_BY_DOMCTL,    /* domctl 91: a list of targets */
};

/* What an errno of the call says; the ones that are not in a form's row mean themselves. */
enum xen_claim_meaning {
    XEN_CLAIM_MEANS_ITSELF = 0,
    XEN_CLAIM_NO_MEMORY, /* another match, or a refusal: never a weaker claim */
    XEN_CLAIM_OFFLINE,   /* it names a node that is offline or not there */
    XEN_CLAIM_RUNNING,   /* the domain is not paused */
    XEN_CLAIM_CHANGED,   /* what was checked beforehand is no longer so, or was never offered */
};

#define XEN_CLAIM_ERRNOS 3

struct xen_claim_form {
    enum xen_claim_call call;
    bool absolute;         /* pages that the domain owns are counted in; else they come on top */
    bool replaces;         /* an earlier claim gives way in the same step */
    unsigned int attempts; /* calls until no memory is believed */
    /* Sets only. */
    uint32_t release_entries; /* entries of 0 pages that release all */
    uint32_t get_cmd;         /* domctl that reads back, with get_word; 0: none does */
    uint32_t get_word;
    struct {
        int errnum;
        enum xen_claim_meaning meaning;
    } means[XEN_CLAIM_ERRNOS];
};

/* Claims on the host or one node, and sets by the version of their series. */
extern const struct xen_claim_form xen_claim_host;
extern const struct xen_claim_form xen_claim_node;
extern const struct xen_claim_form xen_claim_set_v5; /* v5 and v6 */
extern const struct xen_claim_form xen_claim_set_v7;
extern const struct xen_claim_form xen_claim_set_v8;

enum xen_claim_meaning xen_claim_meaning(const struct xen_claim_form *form, int errnum);

#endif
