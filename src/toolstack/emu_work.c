/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done while a line waits, and what becomes of it afterwards. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <exclaim/log.h>

#include "emu.h"
#include "../base/clock.h"
#include "placement_look.h"

static int count_job(void *arg, int cancel_fd)
{
    struct emu *e = arg;

    (void)cancel_fd; /* cannot be ended early: then nobody waits for it */
    return exclaim_source_count(e->s);
}

static int write_job(void *arg, int cancel_fd)
{
    struct emu *e = arg;

    return exclaim_source_write(e->s, e->stream, e->limits->write, cancel_fd);
}

static int reserve_job(void *arg, int cancel_fd)
{
    struct emu *e = arg;

    return exclaim_dest_prepare(e->s, e->stream, cancel_fd);
}

/* "0,2" */
static void node_list(const uint64_t *pages, uint32_t nr, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t n = 0; n < nr && used < size; n++) {
        if (pages[n]) {
            used += (size_t)snprintf(text + used, size - used, "%s%" PRIu32, used ? "," : "", n);
        }
    }
}

static void say_why(struct emu *e)
{
    const struct exclaim_session *r = e->s;
    const char *why = r->error[0] ? r->error : r->why;

    if (why[0]) {
        emu_info(e, "%s", why);
    }
}

static void say_sent(struct emu *e)
{
    const struct exclaim_session *r = e->s;
    char nodes[256];

    if (r->outcome == EXCLAIM_OUTCOME_SENT && r->res.count.exact) {
        node_list(r->res.count.pages, r->res.count.nr_nodes, nodes, sizeof(nodes));
        emu_info(e, "%" PRIu64 " pages on nodes %s recorded", r->res.count.total_pages, nodes);
    } else {
        say_why(e);
    }
}

static void say_reserved(struct emu *e)
{
    const struct exclaim_session *r = e->s;
    char nodes[256];

    if (r->have_match) {
        node_list(r->match.pages, r->match.nr_nodes, nodes, sizeof(nodes));
        emu_info(e, "%" PRIu64 " pages for nodes %s, %" PRIu64 " claimed, guarantee %s",
                 r->match.total_pages, nodes, r->claimed_pages,
                 exclaim_guarantee_name(r->guarantee));
    }
    say_why(e);
}

static void say_got(struct emu *e)
{
    const struct exclaim_session *r = e->s;

    if (r->have_got) {
        emu_info(e, "%s, %" PRIu64 " of %" PRIu64 " pages not where they should be",
                 exclaim_session_exact(r) ? "exact" : "not exact", exclaim_session_deviation(r),
                 r->match.total_pages);
    }
}

/* Nobody but the manager may hold the stream any more. */
static void leave_stream(struct emu *e)
{
    emu_way_close(&e->stream);
}

static bool hold(struct emu *e, enum emu_hold what, int (*run)(void *, int))
{
    struct exclaim_error err = { 0 };

    if (emu_job_start(&e->job, run, e, &err)) {
        exclaim_session_reason(e->s, "%s", err.text);
        return false;
    }
    e->hold = what;
    return true;
}

/* Without a thread nothing is reserved. */
static bool no_thread(struct emu *e)
{
    struct exclaim_session *r = e->s;
    bool refuse = !e->args->save && e->s->config.policy == EXCLAIM_POLICY_STRICT;

    leave_stream(e);
    r->outcome = refuse ? EXCLAIM_OUTCOME_REFUSED : EXCLAIM_OUTCOME_PASSED;
    exclaim_session_report(e->s);
    if (refuse) {
        emu_end(e, 3, r->why);
    } else {
        say_why(e);
    }
    return refuse;
}

bool emu_begin(struct emu *e, enum emu_word word)
{
    const int64_t now = exclaim_now_ms();

    if (!e->due || word != (e->args->save ? EMU_DONE : EMU_RESTORE_XENGUEST) ||
        (e->args->save && e->asked != EMU_PREPARE_XENGUEST)) {
        return false;
    }
    e->due = false;
    e->s->started_ms = now;
    if (e->args->save) {
        if (!hold(e, EMU_HOLD_COUNT, count_job)) {
            return no_thread(e);
        }
        e->hold_until = now + e->limits->count;
        return true;
    }
    e->s->known.emulator = e->pid;
    e->s->known.look = placement_look;
    if (e->s->config.peek_timeout_ms > (uint64_t)e->limits->peek) {
        e->s->config.peek_timeout_ms = (uint64_t)e->limits->peek;
    }
    return hold(e, EMU_HOLD_RESERVE, reserve_job) || no_thread(e);
}

/* The record is written, or is not to be: the manager has the stream again, the line goes on. */
static void stream_goes_on(struct emu *e)
{
    leave_stream(e);
    exclaim_session_ready(e->s);
    exclaim_session_report(e->s);
    say_sent(e);
}

static void counted(struct emu *e)
{
    int rc;

    e->hold_until = 0;
    e->hold = EMU_HOLD_NONE;
    if (!emu_job_ended(&e->job)) {
        e->late = true;
        leave_stream(e);
        emu_info(e, "no count within %d s: no reservation is sent", e->limits->count / 1000);
        exclaim_log(LOG_WARNING, "domain %u: no count within %d s: no reservation is sent",
                    e->args->domid, e->limits->count / 1000);
        return;
    }
    rc = emu_job_join(&e->job);
    if (e->late || emu_void(e)) {
        e->s->outcome = EXCLAIM_OUTCOME_PASSED;
        exclaim_session_reason(e->s, "%s", e->late ? "the count came too late" : "cancelled");
        rc = -1;
    }
    if (rc || !hold(e, EMU_HOLD_WRITE, write_job)) {
        stream_goes_on(e);
    }
}

static void written(struct emu *e)
{
    int rc = emu_job_join(&e->job);

    e->hold = EMU_HOLD_NONE;
    stream_goes_on(e);
    if (rc && !emu_void(e)) {
        emu_end(e, 5, e->s->error);
    }
}

static void reserved(struct emu *e)
{
    struct exclaim_session *s = e->s;
    int rc = emu_job_join(&e->job);

    e->hold = EMU_HOLD_NONE;
    leave_stream(e);
    exclaim_session_ready(s);
    e->restoring = !rc && s->have_match;
    if (emu_void(e)) {
        if (e->restoring) {
            emu_restored(e, false);
        } else {
            exclaim_session_report(s);
        }
        return;
    }
    if (rc) {
        exclaim_session_report(s);
        emu_end(e, 3, s->error);
        return;
    }
    say_reserved(e);
    if (!s->have_match) {
        exclaim_session_report(s);
    }
}

void emu_continue(struct emu *e)
{
    switch (e->hold) {
    case EMU_HOLD_WRITE:
        written(e);
        break;
    case EMU_HOLD_RESERVE:
        reserved(e);
        break;
    case EMU_HOLD_COUNT:
    case EMU_HOLD_NONE: /* a count that nobody waited for */
        counted(e);
        break;
    }
}

void emu_cancel(struct emu *e)
{
    if (emu_job_runs(&e->job)) {
        emu_job_cancel(&e->job);
    }
}

bool emu_restored(struct emu *e, bool result)
{
    if (!e->restoring) {
        return false;
    }
    e->restoring = false;
    if (exclaim_dest_end(e->s, result, e->aborted ? "aborted by the toolstack" : NULL)) {
        return true;
    }
    say_got(e);
    return false;
}

void emu_settle(struct emu *e)
{
    if (emu_job_runs(&e->job)) {
        if (e->hold == EMU_HOLD_COUNT || e->hold == EMU_HOLD_NONE) {
            /* It holds nothing, and ends with us. */
            exclaim_log(LOG_NOTICE, "domain %u: emu-manager ended while it was counted",
                        e->args->domid);
            return;
        }
        emu_job_cancel(&e->job);
        e->down.ended = true; /* nothing is to go on */
        emu_continue(e);
    }
    emu_restored(e, false);
    exclaim_session_close(e->s);
}
