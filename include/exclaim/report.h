/* SPDX-License-Identifier: BSD-2-Clause */
/* One line per migration and side: "schema": "exclaim.migration/1". */
#ifndef EXCLAIM_REPORT_H
#define EXCLAIM_REPORT_H

#include <exclaim/config.h>
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

const char *exclaim_placement_name(enum exclaim_placement placement);

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

/* What is said of a migration in the end. */
struct exclaim_report {
    enum exclaim_role role;
    enum exclaim_outcome outcome;
    const char *hook;
    uint32_t policy;
    uint32_t domid;
    bool have_uuid;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    bool have_reservation;
    struct exclaim_reservation res; /* source: what was sent; destination: what came */
    struct exclaim_planned planned;
    bool have_match;
    struct exclaim_match match;
    enum exclaim_guarantee guarantee;
    uint64_t claimed_pages;
    enum exclaim_placement placement;
    struct exclaim_placed placed;
    bool have_got;
    struct exclaim_count got; /* read back from Xen */
    bool verified_paused;     /* before the guest ran again */
    uint64_t released_pages;  /* leftover of the claim */
    uint32_t record_bytes;
    int64_t ms[EXCLAIM_TIMED]; /* -1: not done */
    char why[512];             /* what kept us from a stronger guarantee, or from acting at all */
    char error[512];
    char config_error[512]; /* a wrong line of the configuration */
};

void exclaim_report_init(struct exclaim_report *report, enum exclaim_role role, const char *hook);

/* Pages that lie on another node than matched, are missing or too many; 0 is exact. */
uint64_t exclaim_deviation(const struct exclaim_match *match, const struct exclaim_count *got);

/* Needs match and got. */
uint64_t exclaim_report_deviation(const struct exclaim_report *report);
bool exclaim_report_exact(const struct exclaim_report *report);

/* Appends one line to @path, creating it (0640, a regular file) and its directory; a single write,
 * so that lines of several writers do not mix.  Nothing is allocated. */
int exclaim_report_append(const struct exclaim_report *report, const char *path,
                          struct exclaim_error *err);

/* The same for a hook, in a process of its own, so that a file system that hangs holds up nothing;
 * waits a second for it at most.  Failures go to the log. */
void exclaim_report_send(const struct exclaim_report *report, const char *path);

/* The same in one line for people, at most @size bytes: VM, outcome, and for a destination what was
 * reserved and what came of it. */
void exclaim_report_line(const struct exclaim_report *report, char *text, size_t size);

const char *exclaim_outcome_name(enum exclaim_outcome outcome);

#endif
