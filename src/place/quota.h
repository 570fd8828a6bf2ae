/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which extents go to which node, by the quotas of a ledger entry.  Knows nothing of Xen's calls,
 * so that tests and the model run the same code as the placing object.
 */
#ifndef EXCLAIM_QUOTA_H
#define EXCLAIM_QUOTA_H

#include <exclaim/ledger.h>

#define QUOTA_ANY_NODE UINT32_MAX

/* Extents first .. first + nr - 1 of a call, of 2^order pages each, on exactly this node. */
struct quota_run {
    unsigned long first;
    unsigned long nr;
    unsigned int order;
    uint32_t node;
};

/* Arguments of the real call behind a run, for the placing object's callback. */
struct quota_call {
    void *xch;
    uint32_t domid;
    unsigned int mem_flags;
    unsigned long *extents;
};

/*
 * Populates a run; returns how many of its extents Xen populated from the first on (fewer than nr:
 * no memory there), or -1 with errno for anything else.
 */
typedef long quota_populate_fn(void *arg, const struct quota_run *run);

/*
 * Populates @nr extents of 2^@order pages, counting into @entry.
 *
 * Returns 0 when all are populated, else -1 with errno, as xc_domain_populate_physmap_exact() does.
 * A large extent that fits no node's remaining quota is not asked for: the answer is -1/ENOMEM,
 * upon which restore asks for its 4 KiB pages (Xen 4.21 on; older ones ask for no large extents),
 * and those are split to the page.
 */
int quota_populate(struct exclaim_ledger_entry *entry, unsigned long nr, unsigned int order,
                   quota_populate_fn *populate, void *arg);

#endif
