/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One migration on one side, as a toolstack's hook carries it out.
 *
 *   source:       exclaim_source_send(): count, record
 *   destination:  exclaim_dest_prepare(): peek, check, match, claim
 *                 (the emulator restores, with exclaim_dest_place_env() in its environment)
 *                 exclaim_dest_end(): entry removed, leftovers released, counts read back
 *   both:         exclaim_session_report() where exclaim_dest_end() has not, _close()
 *
 * Nothing here ends the process, and nothing fails a migration that policy `prefer` would let go
 * on: what went wrong is in the report's `why`.
 */
#ifndef EXCLAIM_SESSION_H
#define EXCLAIM_SESSION_H

#include <exclaim/config.h>
#include <exclaim/ledger.h>
#include <exclaim/match.h>

enum exclaim_role { EXCLAIM_ROLE_SOURCE, EXCLAIM_ROLE_DESTINATION };

/* The steps of both sides, in their order; each is timed. */
enum exclaim_timed {
    EXCLAIM_TIMED_PEEK,    /* destination: wait for and read the record */
    EXCLAIM_TIMED_COUNT,   /* source: read the count */
    EXCLAIM_TIMED_MATCH,   /* destination: memory per node, ledger, match */
    EXCLAIM_TIMED_CLAIM,   /* destination: stake */
    EXCLAIM_TIMED_WRITE,   /* source: write the record */
    EXCLAIM_TIMED_READY,   /* both: from the hook's start to the emulator's */
    EXCLAIM_TIMED_RESTORE, /* destination: the emulator's run */
    EXCLAIM_TIMED_VERIFY,  /* destination: read the counts back */
    EXCLAIM_TIMED_RELEASE, /* destination: release what is left */
    EXCLAIM_TIMED,
};

enum exclaim_placement {
    EXCLAIM_PLACEMENT_NONE,
    EXCLAIM_PLACEMENT_PRELOAD,  /* every extent on its exact node */
    EXCLAIM_PLACEMENT_AFFINITY, /* node affinity moved along while restore populates */
};

enum exclaim_outcome {
    EXCLAIM_OUTCOME_PASSED, /* we stayed out; `error` or `why` says why */
    EXCLAIM_OUTCOME_SENT,   /* source: record written */
    EXCLAIM_OUTCOME_DONE,   /* destination: restored */
    EXCLAIM_OUTCOME_REFUSED,
    EXCLAIM_OUTCOME_FAILED, /* the emulator failed */
};

/* What the placing object has counted. */
struct exclaim_placed {
    bool steered;                        /* placement took place */
    uint64_t pages[EXCLAIM_NODES_MAX];   /* put exactly there */
    uint64_t refused[EXCLAIM_NODES_MAX]; /* the node had no memory for */
    uint64_t elsewhere;
    uint64_t extents[EXCLAIM_NODES_MAX][EXCLAIM_EXTENTS]; /* put exactly there, by size */
    uint64_t extents_elsewhere[EXCLAIM_EXTENTS];
    uint64_t lacking[EXCLAIM_NODES_MAX]; /* times that the node had no large extent */
    uint64_t broken; /* whole runs of pages that became no large extent for want of one */
    struct {
        bool used;            /* pages were placed by frame */
        uint64_t kept_pages;  /* put on a node that is matched to their own */
        uint64_t moved_pages; /* put elsewhere: of stray pages, or for want of memory */
        uint64_t split;       /* whole runs of pages that lie on several nodes */
        char why[256];        /* why not */
        bool have_got;        /* read back frame by frame, while the guest ran */
        uint64_t got_kept_pages, got_moved_pages;
        uint64_t got_unlisted_pages; /* of frames that the layout does not have */
    } layout;
    uint64_t populate_calls;
    uint64_t populate_us; /* spent in them */
};

/* Nodes that somebody has noted for the VM, on the destination. */
struct exclaim_planned {
    bool told;     /* there are such */
    bool taken;    /* and the match is that */
    char why[256]; /* why not */
};

/*
 * How far a migration has come on this side: the last of these that was reached.  The destination's
 * are the states of tests/model/ledger.pml, and where a test may have this process killed: by the
 * environment variable EXCLAIM_FAULT, which names one as below without the prefix.
 */
enum exclaim_phase {
    EXCLAIM_PHASE_STARTED,
    EXCLAIM_PHASE_COUNTED,  /* source: the reservation is known */
    EXCLAIM_PHASE_PEEKED,   /* destination: the stream's beginning was seen */
    EXCLAIM_PHASE_LOCKED,   /* the ledger is ours alone */
    EXCLAIM_PHASE_MATCHED,  /* a match exists, or is known not to */
    EXCLAIM_PHASE_ENTERED,  /* it is in the ledger */
    EXCLAIM_PHASE_STAKED,   /* what can be had is claimed */
    EXCLAIM_PHASE_UNLOCKED, /* the emulator may start */
    EXCLAIM_PHASE_RESTORED, /* it has ended */
    EXCLAIM_PHASE_REMOVED,  /* the entry is gone */
    EXCLAIM_PHASE_RELEASED, /* so is the claim */
};

/*
 * The state of one migration on one side.  What is said of it, the report, is made of this once, at
 * the end.
 */
struct exclaim_session {
    struct exclaim_config config;
    char config_error[512]; /* a wrong line of it */
    bool policy_lost;       /* policy was strict, and cannot be read any more */
    enum exclaim_role role;
    const char *hook;
    uint32_t domid;
    bool have_uuid;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    struct exclaim_hv *hv;
    struct exclaim_caps caps;
    struct exclaim_domain dom;

    enum exclaim_phase phase;
    enum exclaim_outcome outcome;
    char why[512];   /* reasons, in their order: exclaim_session_reason() */
    char error[512]; /* faults: exclaim_session_error() */
    int64_t started_ms, emulator_ms;
    int64_t ms[EXCLAIM_TIMED]; /* -1: not done */

    /* What a hook knows from its toolstack; nothing unless it says so. */
    struct {
        bool type;           /* the guest's type is `hvm` */
        bool hvm;            /* HVM or PVH */
        bool soft_automatic; /* it lets no user choose a soft affinity */
        /* source: whether a user chose the domain's soft affinity; NULL: not known */
        enum exclaim_soft_affinity (*soft_affinity)(uint32_t domid,
                                                    const uint8_t uuid[EXCLAIM_UUID_BYTES]);
        pid_t emulator; /* started already; 0: we start it when all is prepared */
        /* then: sets `preloaded`, waits a moment for an emulator that is only just starting */
        void (*look)(struct exclaim_session *s, int cancel_fd);
    } known;
    struct exclaim_claim_past past; /* of the domain's claims, as far as the toolstack says it */
    bool preloaded;                 /* known.emulator has loaded the placing object */

    bool have_reservation;
    struct exclaim_reservation res; /* source: what is sent; destination: what came */
    uint32_t record_bytes;
    struct exclaim_planned planned;
    bool have_match; /* and something to compare with when the emulator has ended */
    struct exclaim_match match;
    enum exclaim_guarantee guarantee;
    uint64_t claimed_pages;
    enum exclaim_placement placement;
    struct exclaim_ledger *ledger;
    bool have_entry;
    uint32_t slot;
    bool claimed; /* by us: leftovers are ours to release */
    struct {
        bool active;
        uint32_t node;        /* where pages go now */
        uint64_t base_pages;  /* the domain's before the restore */
        uint64_t saved_nodes; /* its node affinity then */
    } steer;                  /* placement by affinity */
    int place_fd;             /* the ledger for the restoring process, -1 if none */

    struct exclaim_placed placed;
    uint64_t released_pages; /* leftover of the claim */
    bool have_got;
    struct exclaim_count got; /* read back from Xen */
    bool verified_paused;     /* before the guest ran again */
};

/* @hook names the program in reports.  Loads the configuration; wrong lines of it are reported
 * and left out, because a migration must not fail for them, unless the policy was strict and is
 * lost with them. */
void exclaim_session_init(struct exclaim_session *s, enum exclaim_role role, const char *hook,
                          uint32_t domid);

/* What kept us from more, or from acting at all; what is wrong.  Added to what stands there. */
void exclaim_session_reason(struct exclaim_session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void exclaim_session_error(struct exclaim_session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The emulator starts: notes the time since the hook's own start. */
void exclaim_session_ready(struct exclaim_session *s);

/*
 * Source.  Counts the domain and writes headers and record to @fd.  Returns 0 if the emulator
 * should go on (with or without our record), -1 if the stream was left with a part of the record
 * and must not be used.
 */
int exclaim_source_send(struct exclaim_session *s, int fd);

/*
 * The same in two steps, for a hook that must not wait for either.  Counts; -1 if no record is to
 * be sent, for the reason in `why`.
 */
int exclaim_source_count(struct exclaim_session *s);

/*
 * Writes headers and record, in at most @timeout_ms (-1: as long as it takes) or until @cancel_fd
 * (or -1) is readable.  Whether @fd blocks is not touched: others share it.  Returns as
 * exclaim_source_send() does.
 */
int exclaim_source_write(struct exclaim_session *s, int fd, int timeout_ms, int cancel_fd);

/*
 * Destination.  Returns 0 if the emulator should be started, -1 if the policy refuses: then nothing
 * is claimed and `error` has the reason.  Once @cancel_fd (or -1) is readable nothing more is
 * waited for or claimed; what was, exclaim_dest_end() gives back.
 */
int exclaim_dest_prepare(struct exclaim_session *s, int fd, int cancel_fd);

/*
 * The same for a hook whose arguments @argv have a form that it does not know: nothing can be done
 * for what the emulator restores.  @fd is its stream as far as it is known (-1: not); a suspend
 * image is no migration.
 */
int exclaim_dest_not_understood(struct exclaim_session *s, int fd, char *const *argv);

/* "<fd>:<slot>:<domid>" for EXCLAIM_PLACE of the restoring process; false if nothing is to be
 * placed. */
bool exclaim_dest_place_env(const struct exclaim_session *s, char *text, uint32_t size);

/* The emulator could not be started with what it needs, for want of memory or processes: gives back
 * what was prepared.  The outcome is REFUSED under `strict`, else the emulator may go on alone. */
void exclaim_dest_not_started(struct exclaim_session *s, const struct exclaim_error *why);

/* While the emulator runs, every few milliseconds: placement by affinity needs it. */
void exclaim_dest_tick(struct exclaim_session *s);

/*
 * The emulator has ended, or never will have begun: reads what was placed, removes the ledger's
 * entry, releases leftovers, reads the counts and reports.  @result is the emulator's own verdict,
 * false only if it is known to have failed, then for @failure (or NULL).  True if reading the
 * counts would take too long for the guest to wait: they and the report are still to be had, by
 * exclaim_dest_verify_later().
 */
bool exclaim_dest_end(struct exclaim_session *s, bool result, const char *failure);

/* Verifies and reports in a process of its own, with none of our descriptors, so that neither the
 * guest nor whoever reads from us has to wait. */
void exclaim_dest_verify_later(struct exclaim_session *s);

/* Pages that lie on another node than matched, are missing or too many; 0 is exact.  Needs match
 * and got. */
uint64_t exclaim_session_deviation(const struct exclaim_session *s);

/* What came is what was matched, page by page, for certain. */
bool exclaim_session_exact(const struct exclaim_session *s);

/* Makes the report and appends its line; failures go to syslog only. */
void exclaim_session_report(struct exclaim_session *s);
void exclaim_session_close(struct exclaim_session *s);

#endif
