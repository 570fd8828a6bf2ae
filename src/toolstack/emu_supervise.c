/* SPDX-License-Identifier: BSD-2-Clause */
/* The supervisor's loop: hands lines on between xenopsd and emu-manager, and begins our work. */
#include "emu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "../base/clock.h"

/* Between two looks at the domain's size where pages are placed by node affinity. */
#define TICK_MS 1

/* A manager that exits closes its pipes a moment before its end can be seen. */
#define END_GRACE_MS 1000

const struct exclaim_emu_limits exclaim_emu_limits = {
    .count = 20000,
    .write = 20000,
    .peek = 60000,
    .end = 10000,
    .deserted = 90000, /* a manager gives its xenguest 60 s to end */
    .last_word = 5000,
};

/* The toolstack cancels, or is gone, while a line waits: that line is void. */
static void leave_hold(struct emu *e)
{
    static const char abort_line[] = "abort\n";

    if (emu_way_aborted(&e->down)) {
        e->aborted = true;
        emu_way_put(&e->down, abort_line, sizeof(abort_line) - 1);
    } else if (!e->down.ended) {
        return;
    }
    e->down.in_len = 0;
    e->down.inside = false;
    emu_cancel(e);
}

static void from_toolstack(struct emu *e)
{
    enum emu_word word;
    size_t len;

    if (e->hold) {
        leave_hold(e);
        return;
    }
    while (emu_way_room(&e->down) && (len = emu_way_next(&e->down, &word))) {
        if (word == EMU_ABORT) {
            e->aborted = true;
        } else if (!emu_void(e) && emu_begin(e, word)) {
            if (e->hold) {
                leave_hold(e); /* an abort may have come with it */
            }
            return;
        }
        if (word == EMU_DONE) {
            e->asked = EMU_OTHER;
        }
        emu_way_put(&e->down, e->down.in, len);
        emu_way_drop(&e->down, len);
    }
}

static void from_manager(struct emu *e)
{
    enum emu_word word;
    size_t len;

    while (emu_way_room(&e->up) && (len = emu_way_next(&e->up, &word))) {
        bool verify = false;

        switch (word) {
        case EMU_PREPARE_XENGUEST:
        case EMU_ASK:
            e->asked = word;
            break;
        case EMU_RESULT_XENGUEST:
            verify = emu_restored(e, true);
            e->xenguest_done = true;
            break;
        case EMU_RESULT:
            e->xenguest_done |= e->args->save;
            e->vgpu_done = true;
            break;
        case EMU_ERROR:
            e->failed = true;
            emu_cancel(e);
            emu_restored(e, false);
            break;
        default:
            break;
        }
        if (!e->ended_by_us) {
            emu_way_put(&e->up, e->up.in, len);
        }
        emu_way_drop(&e->up, len);
        if (verify) {
            emu_way_write(&e->up);
            exclaim_dest_verify_later(e->s);
        }
    }
}

/* The manager has ended without the `result:` lines or the `error:` that xenopsd still waits for.
 */
static bool silent(const struct emu *e)
{
    return !e->aborted && !e->failed &&
           !(e->xenguest_done && (e->args->save || e->args->vgpu_fd < 0 || e->vgpu_done));
}

/* Ends of pipes are handed on like lines, once all that came before them has been. */
static void hand_on_ends(struct emu *e, int64_t now)
{
    if (e->down.ended && !e->down.in_len && !e->down.out_len) {
        emu_way_close(&e->down.to);
    }
    if (e->down.to < 0 && !e->hold) {
        emu_way_close(&e->down.from);
    }
    if (e->up.to < 0) {
        emu_way_close(&e->up.from); /* the manager writes to nobody, as it would without us */
        e->up.ended = true;
    }
    if (e->up.ended && !e->up.in_len && e->up.to >= 0) {
        if (!e->silent_since) {
            e->silent_since = now;
        } else if (now - e->silent_since >= END_GRACE_MS) {
            if (silent(e)) {
                emu_error(e, "emu-manager closed its control output and goes on");
            }
            emu_way_write(&e->up);
            if (!e->up.out_len) {
                emu_way_close(&e->up.to);
            }
        }
    }
    if (e->up.to < 0 && e->down.to < 0 && !e->kill_at) {
        e->kill_at = now + e->limits->deserted;
    }
    if (e->kill_at && now >= e->kill_at) {
        exclaim_log(LOG_ERR, "domain %u: emu-manager does not end: killed", e->args->domid);
        kill(e->pid, SIGKILL);
        e->kill_at = now + e->limits->deserted;
    }
}

/* Milliseconds until something is due without anything happening. */
static int patience(const struct emu *e, int64_t now)
{
    int64_t until = INT64_MAX;

    if (e->restoring && e->s->steer.active) {
        return TICK_MS;
    }
    if (e->kill_at) {
        until = e->kill_at;
    }
    if (e->hold_until && e->hold_until < until) {
        until = e->hold_until;
    }
    /* What is still to be written is waited for by poll. */
    if (e->silent_since && e->up.to >= 0 && !e->up.out_len &&
        e->silent_since + END_GRACE_MS < until) {
        until = e->silent_since + END_GRACE_MS;
    }
    if (until == INT64_MAX) {
        return -1;
    }
    return until > now ? (int)(until - now) : 0;
}

/* Waits for whatever may come next. */
static void wait_for_more(struct emu *e)
{
    const bool read_down = !e->down.ended && e->down.in_len < sizeof(e->down.in);
    const bool read_up = !e->up.ended && emu_way_room(&e->up);
    struct pollfd p[] = {
        { .fd = e->signals, .events = POLLIN },
        { .fd = e->job.done_fd, .events = POLLIN },
        { .fd = read_down ? e->down.from : -1, .events = POLLIN },
        { .fd = read_up ? e->up.from : -1, .events = POLLIN },
        { .fd = e->down.out_len ? e->down.to : -1, .events = POLLOUT },
        { .fd = e->up.to, .events = e->up.out_len ? POLLOUT : 0 },
    };

    if (poll(p, sizeof(p) / sizeof(p[0]), patience(e, exclaim_now_ms())) < 0) {
        return; /* EINTR cannot be, ENOMEM passes */
    }
    if (e->restoring) {
        exclaim_dest_tick(e->s);
    }
    if (p[1].revents || (e->hold_until && exclaim_now_ms() >= e->hold_until)) {
        emu_continue(e);
    }
    if ((p[5].revents & POLLERR) && !e->up.out_len) {
        emu_way_close(&e->up.to); /* xenopsd does not read any more */
    }
    if (p[2].revents) {
        emu_way_read(&e->down);
    }
    if (p[3].revents) {
        emu_way_read(&e->up);
    }
}

/* The manager has ended.  What it wrote is in the pipe, whoever else may hold that open. */
static void last_words(struct emu *e, int status)
{
    const int64_t until = exclaim_now_ms() + e->limits->last_word;

    for (;;) {
        struct pollfd p = { .fd = e->up.to, .events = POLLOUT };
        bool more = emu_way_read(&e->up);
        int64_t now;

        from_manager(e);
        emu_way_write(&e->up);
        now = exclaim_now_ms();
        if (e->up.to < 0 || now >= until || (!more && !e->up.out_len)) {
            break;
        }
        if (e->up.out_len) {
            poll(&p, 1, (int)(until - now));
        }
    }
    /* A piece of a line is the last one now. */
    e->up.ended = true;
    from_manager(e);
    emu_settle(e);
    if (silent(e)) {
        exclaim_log(LOG_ERR, "domain %u: emu-manager ended without a word: wait status 0x%x",
                    e->args->domid, (unsigned int)status);
        if (WIFSIGNALED(status)) {
            emu_error(e, "emu-manager killed by signal %d", WTERMSIG(status));
        } else {
            emu_error(e, "emu-manager ended with exit code %d", WEXITSTATUS(status));
        }
    }
    while (e->up.to >= 0 && e->up.out_len) {
        struct pollfd p = { .fd = e->up.to, .events = POLLOUT };
        int64_t now = exclaim_now_ms();

        emu_way_write(&e->up);
        if (now >= until || !e->up.out_len || poll(&p, 1, (int)(until - now)) < 0) {
            break;
        }
    }
}

static void run(struct emu *e, int *status)
{
    while (!exclaim_child_ended(e->signals, e->pid, status)) {
        from_manager(e);
        from_toolstack(e);
        emu_way_write(&e->up);
        emu_way_write(&e->down);
        hand_on_ends(e, exclaim_now_ms());
        wait_for_more(e);
    }
    last_words(e, *status);
}

static int set_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* Closes our copies of all that only the manager needs. */
static void keep_only(const struct emu *e, const struct exclaim_inherited *inherited, bool stream)
{
    struct exclaim_inherited others = { 0 };

    for (uint32_t i = 0; i < inherited->nr; i++) {
        int fd = inherited->fd[i];

        if (fd != e->down.from && fd != e->up.to && !(stream && fd == e->args->stream_fd)) {
            others.fd[others.nr++] = fd;
        }
    }
    exclaim_child_detach(&others);
}

int exclaim_emu_supervise(struct exclaim_session *s, const struct exclaim_emu_start *start,
                          int *code, int *status, struct exclaim_error *err)
{
    const struct exclaim_emu_args *args = start->args;
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, rc = -1;
    struct exclaim_child_setup setup = { .outlives = true, .nr_fds = 2 };
    struct emu e = {
        .args = args,
        .limits = start->limits,
        .s = s,
        .signals = -1,
        .down = { .from = args->control_in, .to = -1 },
        .up = { .from = -1, .to = args->control_out },
        .stream = args->stream_fd,
        .due = !exclaim_emu_not_ours(args),
        .code = -1,
    };

    emu_job_init(&e.job);
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "pipes to emu-manager");
        goto out;
    }
    setup.fd[0].ours = in[0];
    setup.fd[0].its = args->control_in;
    setup.fd[1].ours = out[1];
    setup.fd[1].its = args->control_out;
    e.signals = exclaim_child_signals(err);
    if (e.signals < 0 || exclaim_child_start(start->path, start->argv, &setup, &e.pid, err)) {
        goto out;
    }
    e.down.to = in[1];
    e.up.from = out[0];
    in[1] = out[0] = -1;
    emu_way_close(&in[0]);
    emu_way_close(&out[1]);
    if (set_nonblock(e.down.from) || set_nonblock(e.down.to) || set_nonblock(e.up.from) ||
        set_nonblock(e.up.to)) {
        exclaim_log(LOG_WARNING, "domain %u: control pipes: %m", args->domid);
    }
    signal(SIGPIPE, SIG_IGN); /* as xenopsd has it, whoever starts us */
    keep_only(&e, start->inherited, e.due);
    run(&e, status);
    *code = e.code;
    rc = 0;

out:
    emu_way_close(&in[0]);
    emu_way_close(&in[1]);
    emu_way_close(&out[0]);
    emu_way_close(&out[1]);
    emu_way_close(&e.signals);
    return rc;
}
