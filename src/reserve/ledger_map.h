/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger file as it is mapped; shared with the placing object. */
#ifndef EXCLAIM_LEDGER_MAP_H
#define EXCLAIM_LEDGER_MAP_H

#include <unistd.h>

#include <exclaim/layout.h>
#include <exclaim/ledger.h>

#include "../base/process.h"

#define LEDGER_MAGIC 0x5245474445434c58ull

struct ledger_map {
    uint64_t magic;
    uint32_t entry_size;
    uint32_t slots;
    struct exclaim_ledger_entry entry[EXCLAIM_LEDGER_SLOTS];
};

/* The calling process is the one that places; its start time survives exec. */
static inline void ledger_note_placer(struct exclaim_ledger_entry *e)
{
    atomic_store(&e->placer, getpid());
    atomic_store(&e->placer_start, exclaim_process_start_time(getpid()));
}

/*
 * A page of the ledger that is gone from its file must not end its user, who may have a claim to
 * release: SIGBUS, if nobody else has taken it, puts an empty page in its place.  Also for the
 * restoring process, which is not ours.
 */
void ledger_guard(void);

/* What an entry's layout file holds.  Its bytes are behind it, in one allocation. */
struct ledger_layout {
    struct exclaim_layout layout;
    uint32_t nr_shares;
    struct exclaim_share share[EXCLAIM_SHARES_MAX];
};

/*
 * For the placing process: the layout of the entry in @slot of the ledger @path.  NULL if there is
 * none, it is not of this entry, or there is no memory for it: then pages are placed by count.
 * Read, not mapped, so that whatever becomes of the file later does not matter.  The caller frees
 * it.
 */
struct ledger_layout *ledger_layout_read(const char *path, uint32_t slot,
                                         const struct exclaim_ledger_entry *entry);

/* 0, or -1 with errno; a file that was there before is replaced. */
int ledger_layout_write(const char *path, uint32_t slot, const struct exclaim_ledger_entry *entry,
                        const struct exclaim_layout *layout, const struct exclaim_share *share,
                        uint32_t nr);

void ledger_layout_remove(const char *path, uint32_t slot);

#endif
