/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: migrations in flight towards this host, in a file that every hook maps.
 *
 * It lets restores that run at once share nodes without overselling on a Xen that only has
 * host-wide claims, and it is where the placing object finds its quotas and counts what it placed.
 *
 * An entry belongs to the process that added it (the destination's hook) and to the one that
 * places its pages.  It is dead when both are proven gone; it owes nothing any more when its domain
 * is.  What cannot be seen (another pid namespace, no /proc, no descriptor left) is not dead.
 * Readers leave dead entries out and alone; whoever adds an entry removes them, so a crash leaves
 * nothing behind that the next migration does not clean.  Processes are told apart by pid, start
 * time and namespace, domains by domid and handle: a reused number is no owner.
 *
 * A file that is cut short or replaced under its users is an error of theirs, not their end: the
 * first open gives SIGBUS, if it is at its default, a handler that puts empty pages in the place of
 * lost ones.
 */
#ifndef EXCLAIM_LEDGER_H
#define EXCLAIM_LEDGER_H

#include <stdatomic.h>
#include <sys/types.h>

#include <exclaim/match.h>

#define EXCLAIM_LEDGER_SLOTS 128
#define EXCLAIM_LEDGER_FILE  "ledger.3" /* the number is the layout's version */

/* What the placing object finds in its environment: "<ledger fd>:<slot>:<domid>", or "@<ledger
 * file>:<domid>" if there is no entry yet. */
#define EXCLAIM_PLACE_ENV "EXCLAIM_PLACE"

enum exclaim_ledger_state {
    EXCLAIM_ENTRY_FREE = 0,
    EXCLAIM_ENTRY_STAKED,  /* matched and claimed as far as the guarantee says */
    EXCLAIM_ENTRY_PLACING, /* the restoring process has mapped it */
};

/*
 * One migration.  The first part is written under the ledger's lock by its owner; the second only
 * by the restoring process, whose numbers only ever grow; the third is that process's own.
 */
struct exclaim_ledger_entry {
    _Atomic uint32_t state;
    uint32_t domid;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    int32_t pid;         /* owner */
    uint32_t guarantee;  /* enum exclaim_guarantee */
    uint64_t pid_start;  /* owner's start time in clock ticks since boot */
    uint64_t pid_space;  /* the namespaces that both count in, exclaim_process_space() */
    uint64_t started_ms; /* wall clock */
    uint32_t nr_nodes;
    uint32_t steer;                     /* 0: count only, do not steer */
    uint64_t target[EXCLAIM_NODES_MAX]; /* pages to be placed per node */
    uint32_t layout; /* the placing process finds one beside the ledger, see ledger_layout_read() */
    uint32_t join;   /* single pages become extents of this order where they can; 0: never */

    _Atomic uint64_t placer_start; /* the restoring process's, written after its pid */
    _Atomic int32_t placer;        /* its pid; 0 before it has mapped this */
    _Atomic int32_t result;        /* what xc_domain_restore() returned, once `ended` is set */
    _Atomic uint32_t ended;
    /* Pages that Xen put exactly on the node; that the node had no memory for; put elsewhere. */
    _Atomic uint64_t placed[EXCLAIM_NODES_MAX];
    _Atomic uint64_t refused[EXCLAIM_NODES_MAX];
    _Atomic uint64_t elsewhere;
    /* Extents that Xen put exactly on the node, by size; and those put elsewhere. */
    _Atomic uint64_t extents[EXCLAIM_NODES_MAX][EXCLAIM_EXTENTS];
    _Atomic uint64_t extents_elsewhere[EXCLAIM_EXTENTS];
    _Atomic uint64_t lacking[EXCLAIM_NODES_MAX]; /* times that the node had no large extent */
    /* With a layout only: pages put on a node that is matched to their own, and elsewhere. */
    _Atomic uint32_t by_frame; /* the placing process has read it */
    _Atomic uint64_t kept;
    _Atomic uint64_t moved;
    _Atomic uint64_t split;  /* whole runs that are no large extent as they lie on several nodes */
    _Atomic uint64_t broken; /* whole runs that could be joined nowhere: single pages */
    _Atomic uint64_t calls;  /* populate calls */
    _Atomic uint64_t populate_ns; /* time spent in them */

    /* Large extents for which the node is not asked again, and for how many the next time. */
    uint32_t rest[EXCLAIM_NODES_MAX];
    uint32_t next_rest[EXCLAIM_NODES_MAX];
};

struct exclaim_ledger;

/* Creates @dir (0700) and the file as needed.  UNSUPPORTED: a file of another layout. */
int exclaim_ledger_open(const char *dir, struct exclaim_ledger **ledger, struct exclaim_error *err);
void exclaim_ledger_close(struct exclaim_ledger *ledger);

/* One holder among all processes; the kernel drops it with its holder.  Gives up after
 * @timeout_ms with SYSTEM/ETIMEDOUT. */
int exclaim_ledger_lock(struct exclaim_ledger *ledger, int timeout_ms, struct exclaim_error *err);
void exclaim_ledger_unlock(struct exclaim_ledger *ledger);

/* Whether an entry is in use by processes that live, cannot be seen, or are gone.  A free one is
 * gone. */
enum exclaim_ledger_use { EXCLAIM_USE_UNKNOWN, EXCLAIM_USE_LIVES, EXCLAIM_USE_GONE };
enum exclaim_ledger_use exclaim_ledger_use(const struct exclaim_ledger_entry *entry);

/* The entry in @slot, shared with other processes; NULL if @slot is out of range. */
struct exclaim_ledger_entry *exclaim_ledger_at(struct exclaim_ledger *ledger, uint32_t slot);

/*
 * With the lock held: the room on this host as Xen and the ledger tell it.  @dom is NULL or a
 * domain under construction: its hard affinity is a constraint, and what is claimed for it is no
 * other's.
 */
int exclaim_room_read(struct exclaim_hv *hv, struct exclaim_ledger *ledger,
                      const struct exclaim_domain *dom, uint64_t headroom,
                      struct exclaim_room *room, struct exclaim_error *err);

#endif
