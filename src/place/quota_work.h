/* SPDX-License-Identifier: BSD-2-Clause */
/* What placement by count and placement by frame have in common. */
#ifndef EXCLAIM_QUOTA_WORK_H
#define EXCLAIM_QUOTA_WORK_H

#include "quota.h"

/* Pages that @node still takes. */
uint64_t quota_remaining(const struct exclaim_ledger_entry *e, uint32_t node);

unsigned int quota_large_order(const struct exclaim_ledger_entry *e);

/* The node had no extent of this order lately: not asked again for a while. */
bool quota_rests(const struct exclaim_ledger_entry *e, uint32_t node, unsigned int order);

/* Nodes that rest are asked again when so many large extents have come by. */
void quota_wake(struct exclaim_ledger_entry *e, unsigned long nr);

/* The node had no extent of this order, or has given one. */
void quota_learn(struct exclaim_ledger_entry *e, uint32_t node, unsigned int order, bool lacks);

/* Populates as much of @run as Xen gives and counts it; -1 only for a real error. */
long quota_place_run(struct exclaim_ledger_entry *e, const struct quota_run *run,
                     quota_populate_fn *populate, void *arg);

/* Whether the 2^order pages from index @at on are one extent of the guest. */
bool quota_whole(const unsigned long *extents, unsigned long at, unsigned long nr,
                 unsigned int order);

#endif
