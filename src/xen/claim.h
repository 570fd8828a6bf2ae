/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the operation `claim` share.  Calls return 0 or a positive errno value. */
#ifndef XEN_CLAIM_H
#define XEN_CLAIM_H

#include "claim_form.h"
#include "client.h"

/* --- claim_call.c --- */

/* Stakes @claim, once; @info is the domain as seen just before. */
int xen_claim_set(struct exclaim_xen *xen, const struct xen_claim_form *form,
                  const xc_domaininfo_t *info, const struct exclaim_claim *claim);

/* Releases whatever @domid has claimed. */
int xen_claim_drop(struct exclaim_xen *xen, const struct xen_claim_form *form, uint32_t domid);

/* Reads back what a set holds on each node; @pages is zeroed by the caller, @form has a get_cmd. */
int xen_claim_get(struct exclaim_xen *xen, const struct xen_claim_form *form, uint32_t domid,
                  uint64_t pages[EXCLAIM_NODES_MAX]);

/* The node with pages; there is one. */
uint32_t xen_claim_first_node(const struct exclaim_claim *claim);

/* --- claim_fail.c: why @claim was refused, with the numbers of now --- */

/* SYSTEM/EEXIST, naming the claim of @pages that is there. */
int xen_claim_exists(struct exclaim_error *err, uint32_t domid, uint64_t pages, const char *how);

int xen_claim_refused(struct exclaim_xen *xen, const struct xen_claim_form *form, int errnum,
                      const xc_domaininfo_t *before, const struct exclaim_claim *claim,
                      struct exclaim_error *err);

#endif
