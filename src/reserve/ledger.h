/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger as a migration keeps its entry in it, and as a host's room is read. */
#ifndef EXCLAIM_RESERVE_LEDGER_H
#define EXCLAIM_RESERVE_LEDGER_H

#include <exclaim/layout.h>
#include <exclaim/ledger.h>

/* SYSTEM if the file was cut short, removed or replaced since it was opened: what is mapped is not
 * what other hooks see.  Taking the lock checks as well. */
int exclaim_ledger_check(const struct exclaim_ledger *ledger, struct exclaim_error *err);

/* With the lock held: frees dead entries; how many.  @hv may be NULL: then processes alone decide.
 */
uint32_t exclaim_ledger_prune(struct exclaim_ledger *ledger, struct exclaim_hv *hv);

/* With the lock held: frees dead entries and takes a free slot for the calling process.  NOFIT when
 * all slots are in use. */
int exclaim_ledger_add(struct exclaim_ledger *ledger, uint32_t domid,
                       const uint8_t uuid[EXCLAIM_UUID_BYTES], const struct exclaim_match *match,
                       enum exclaim_guarantee guarantee, bool steer, uint32_t *slot,
                       struct exclaim_error *err);

/*
 * Puts @layout and the shares of its match beside the entry in @slot, for the placing process: in a
 * file of its own, which goes with the entry.  Of the calling process's own entry only.
 */
int exclaim_ledger_set_layout(struct exclaim_ledger *ledger, uint32_t slot,
                              const struct exclaim_layout *layout,
                              const struct exclaim_share *share, uint32_t nr,
                              struct exclaim_error *err);

/* Of the calling process's own entry only: owes nothing from now on; free, too, unless a restoring
 * process that has not returned still writes to it: then pruning frees it when that has ended. */
void exclaim_ledger_remove(struct exclaim_ledger *ledger, uint32_t slot);

/* With the lock held: the entry's pages are to go where @match says; NULL: nowhere yet. */
void exclaim_ledger_retarget(struct exclaim_ledger *ledger, uint32_t slot,
                             const struct exclaim_match *match);

/* With the lock held: adds to room->claimed what entries still have to place whose processes are
 * not proven gone, nor their domain by @hv (or NULL); and of that to room->unkept what no claim on
 * a node keeps, to host_claimed what any claim does.  Entries whose claims Xen itself keeps per
 * node are left out where Xen's numbers already contain them.  Changes nothing in the ledger. */
void exclaim_ledger_owed(const struct exclaim_ledger *ledger, struct exclaim_hv *hv,
                         bool xen_knows_nodes, struct exclaim_room *room);

/* For the restoring process: a descriptor without close-on-exec.  The caller closes it. */
int exclaim_ledger_fd(struct exclaim_ledger *ledger, struct exclaim_error *err);

#endif
