/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the supervisor share: its state, and the steps that its loop takes. */
#ifndef EXCLAIM_TOOLSTACK_EMU_H
#define EXCLAIM_TOOLSTACK_EMU_H

#include <exclaim/emu.h>

#include "emu_job.h"
#include "emu_line.h"

enum emu_hold { EMU_HOLD_NONE, EMU_HOLD_COUNT, EMU_HOLD_WRITE, EMU_HOLD_RESERVE };

struct emu {
    const struct exclaim_emu_args *args;
    const struct exclaim_emu_limits *limits;
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

/* --- child.c --- */

/*
 * For a loop of one's own instead of exclaim_child_wait(): a descriptor that is readable when the
 * child may have ended, or a signal waits to be handed on; -1 on error.  The caller closes it.
 */
int exclaim_child_signals(struct exclaim_error *err);

/* Empties it and hands signals on to @pid (0: to nobody).  True once the child has ended, with its
 * wait status; not again after that. */
bool exclaim_child_ended(int signals, pid_t pid, int *status);

/* --- emu_say.c --- */

/* Our line to the toolstack: "info:exclaim: ..." or "error:...". */
void emu_info(struct emu *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void emu_error(struct emu *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says @text as our error and ends the manager. */
void emu_end(struct emu *e, int code, const char *text);

/* --- emu_work.c --- */

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

#endif
