/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between xenopsd and the real emu-manager: both directions of their control lines pass through
 * here, whole, in order and unchanged, and at one point on each side a line waits for us:
 *
 *   save      `done`, the answer to `prepare:xenguest`: count, write the record
 *   restore   `restore:xenguest`: peek, match, claim
 *
 * Both happen in a thread, so that meanwhile the other direction goes on, an `abort` is handed on
 * at once and a dead manager is noticed.
 */
#ifndef EXCLAIM_EMU_SUPERVISE_H
#define EXCLAIM_EMU_SUPERVISE_H

#include <exclaim/child.h>
#include <exclaim/session.h>

#include "emu_args.h"
#include "emu_job.h"
#include "emu_line.h"

/* Milliseconds.  The real managers wait 120 s for `done`, and xenguest as long for a command. */
struct emu_limits {
    int count;     /* for the count; then the save goes on without a record */
    int write;     /* for the record's bytes */
    int peek;      /* the most of peek_timeout_ms that is used */
    int end;       /* for a manager that was told to end */
    int deserted;  /* for a manager that nobody can hear and that hears nobody */
    int last_word; /* for the toolstack to take what is left */
};

extern const struct emu_limits emu_limits;

enum emu_hold { EMU_HOLD_NONE, EMU_HOLD_COUNT, EMU_HOLD_WRITE, EMU_HOLD_RESERVE };

struct emu {
    const struct emu_args *args;
    const struct emu_limits *limits;
    struct exclaim_session *s;
    pid_t pid;
    int signals;
    struct emu_way down; /* from xenopsd to the manager */
    struct emu_way up;   /* from the manager to xenopsd */
    int stream;          /* our copy; -1 once we are done with it */
    struct emu_job job;
    enum emu_hold hold;            /* what the line at the front of `down` waits for */
    int64_t hold_until;            /* the count only; 0: no limit of ours */
    enum emu_word asked;           /* by the manager, and not answered yet */
    bool due;                      /* our work of this side is still to be done */
    bool late;                     /* the count goes on, but nobody waits for it */
    bool restoring;                /* there is something to place, release and verify */
    bool aborted;                  /* by the toolstack */
    bool failed;                   /* an `error:` was sent */
    bool ended_by_us;              /* what the manager still says is of no interest */
    bool xenguest_done, vgpu_done; /* their `result:` was sent */
    int64_t silent_since; /* the manager's output has ended and the manager has not; 0: no */
    int64_t kill_at;      /* 0: never */
    int code;             /* our exit code, -1: as the manager ended */
};

struct emu_start {
    const struct emu_args *args;
    const char *path;  /* of the real manager */
    char *const *argv; /* for it */
    const struct exclaim_inherited *inherited;
    const struct emu_limits *limits;
};

/*
 * Starts the manager and stands between it and the toolstack until it has ended.  -1, with nothing
 * done, if it could not be started; otherwise *code is our exit code, or -1 to end as *status says.
 */
int emu_supervise(struct exclaim_session *s, const struct emu_start *start, int *code, int *status,
                  struct exclaim_error *err);

/* --- between emu_supervise.c and emu_work.c --- */

/* Our line to the toolstack: "info:exclaim: ..." or "error:...". */
void emu_info(struct emu *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void emu_error(struct emu *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Nothing that is held, or would be, is wanted any more. */
static inline bool emu_void(const struct emu *e)
{
    return e->aborted || e->failed || e->down.ended;
}

/* The line at the front of `down` is @word: true if it has to wait. */
bool emu_begin(struct emu *e, enum emu_word word);

/* The job has ended, or its time is over. */
void emu_continue(struct emu *e);

/* The job is not wanted any more. */
void emu_cancel(struct emu *e);

/* The restore has ended, or will never be; true if the counts are still to be read, behind the
 * line that says so. */
bool emu_restored(struct emu *e, bool result);

/* The manager has ended: nothing of ours stays. */
void emu_settle(struct emu *e);

/* Says @text as our error and ends the manager. */
void emu_end(struct emu *e, int code, const char *text);

#endif
