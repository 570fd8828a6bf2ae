/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger file as it is mapped; shared with the placing object. */
#ifndef EXCLAIM_LEDGER_MAP_H
#define EXCLAIM_LEDGER_MAP_H

#include <unistd.h>

#include <exclaim/ledger.h>

#include "../base/process.h"

#define LEDGER_MAGIC 0x5245474445434c58ull

struct ledger_map {
    uint64_t magic;
    uint32_t entry_size;
    uint32_t slots;
    struct exclaim_ledger_entry entry[EXCLAIM_LEDGER_SLOTS];
};

/* What the placing object finds in its environment: "<ledger fd>:<slot>:<domid>", or "@<ledger
 * file>:<domid>" if there is no entry yet. */
#define EXCLAIM_PLACE_ENV "EXCLAIM_PLACE"

/* The calling process is the one that places; its start time survives exec. */
static inline void ledger_note_placer(struct exclaim_ledger_entry *e)
{
    atomic_store(&e->placer, getpid());
    atomic_store(&e->placer_start, exclaim_process_start(getpid()));
}

/*
 * A page of the ledger that is gone from its file must not end its user, who may have a claim to
 * release: SIGBUS, if nobody else has taken it, puts an empty page in its place.  Also for the
 * restoring process, which is not ours.
 */
void ledger_guard(void);

#endif
