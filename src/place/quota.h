/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which extents go to which node, by the quotas of a ledger entry, and which single pages become
 * one extent.  Knows nothing of Xen's calls, so that tests and the model run the same code as the
 * placing object.
 */
#ifndef EXCLAIM_QUOTA_H
#define EXCLAIM_QUOTA_H

#include <stddef.h>

#include <exclaim/ledger.h>

#define QUOTA_ANY_NODE UINT32_MAX

/* At most so many joined extents in one run; libxenguest's batches of 1024 pages hold two. */
#define QUOTA_JOINED_MAX 8u

/* The order that single pages are joined to, 0 for none.  The ledger is a file: one that is out of
 * its range is none. */
static inline unsigned int quota_join(const struct exclaim_ledger_entry *entry)
{
    return entry->join <= EXCLAIM_ORDER_1G ? entry->join : 0;
}

/*
 * Extents of 2^order pages each, on exactly this node: first .. first + nr - 1 of the call's list.
 * Joined ones are single pages in that list: extent i is 2^order of them, from
 * first + (i << order) on.
 */
struct quota_run {
    unsigned long first;
    unsigned long nr;
    unsigned int order;
    bool joined;
    uint32_t node;
    const unsigned long *own; /* not NULL: extent i begins at page own[i], not of the call's list */
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
 * Populates @nr extents of 2^@order pages, counting into @entry.  @extents are their first pages'
 * numbers, or NULL to join none.  Not for two threads at once on one entry.
 *
 * Where entry->join says so, 2^join single pages that follow one another in @extents and in the
 * guest, aligned, become one extent.  Only such: never a page that is not in @extents, and each
 * once.  Where no node has such an extent, its pages are placed one by one.
 *
 * Returns 0 when all are populated, else -1 with errno, as xc_domain_populate_physmap_exact() does.
 * A large extent that fits no node's remaining quota is not asked for: the answer is -1/ENOMEM,
 * upon which restore asks for its 4 KiB pages (Xen 4.21 on; older ones ask for no large extents),
 * and those are split to the page.
 */
int quota_populate(struct exclaim_ledger_entry *entry, unsigned long nr, unsigned int order,
                   const unsigned long *extents, quota_populate_fn *populate, void *arg);

#endif
