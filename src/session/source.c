/* SPDX-License-Identifier: BSD-2-Clause */
/* The source's sequence: count, record. */
#include <exclaim/session.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exclaim/layout.h>
#include <exclaim/record.h>

#include "phase.h"
#include "../base/clock.h"
#include "type.h"

static int build(struct exclaim_session *s, struct exclaim_layout_collect *collect,
                 struct exclaim_error *err)
{
    struct exclaim_count_how how = exclaim_count_how(&s->config);
    struct exclaim_reservation *res = &s->res;
    struct exclaim_error count_err = { 0 }, no_layout = { 0 };
    struct exclaim_layout layout;
    struct exclaim_count count = { 0 };
    int64_t start = exclaim_now_ms();

    if (exclaim_xen_open(&s->hv, err) || s->hv->ops->caps(s->hv, &s->caps, err) ||
        exclaim_hv_domain(s->hv, s->domid, &s->dom, err)) {
        return -1;
    }
    memcpy(s->uuid, s->dom.uuid, sizeof(s->uuid));
    s->have_uuid = true;
    if (session_other_type(s, err)) {
        return -1;
    }

    how.runs = &collect->sink;
    if (s->hv->ops->count(s->hv, s->dom.domid, &how, &count, &count_err)) {
        /* The total alone still helps the destination, and the reason helps its operator. */
        memset(&count, 0, sizeof(count));
        count.total_pages = s->dom.total_pages;
        snprintf(count.why, sizeof(count.why), "%.*s", (int)sizeof(count.why) - 1, count_err.text);
    }
    if (exclaim_reservation_build(s->hv, &s->caps, &s->dom, &count, res, err)) {
        return -1;
    }
    if (exclaim_layout_collected(collect, &count, &layout, &no_layout)) {
        exclaim_layout_pack(NULL, no_layout.text, res);
    } else {
        exclaim_layout_pack(&layout, NULL, res);
    }
    s->ms[EXCLAIM_TIMED_COUNT] = exclaim_now_ms() - start;
    if (s->known.soft_affinity) {
        res->soft_affinity = s->known.soft_affinity(s->dom.domid, s->dom.uuid);
    }
    s->have_reservation = true;
    session_reach(s, EXCLAIM_PHASE_COUNTED);
    if (!count.exact) {
        exclaim_session_reason(s, "count is not exact: %s", count.why);
    }
    return 0;
}

int exclaim_source_count(struct exclaim_session *s)
{
    struct exclaim_layout_collect collect;
    struct exclaim_error err = { 0 };
    int rc;

    exclaim_layout_collect_open(&collect);
    rc = build(s, &collect, &err);
    exclaim_layout_collect_close(&collect);
    if (rc) {
        s->outcome = EXCLAIM_OUTCOME_PASSED;
        exclaim_session_reason(s, "%s", err.text);
    }
    return rc;
}

/* Waits until something can be written.  -1 for an error, a time-out or a cancel. */
static int wait_writable(int fd, int cancel_fd, int64_t deadline, struct exclaim_error *err)
{
    struct pollfd p[2] = { { .fd = fd, .events = POLLOUT }, { .fd = cancel_fd, .events = POLLIN } };
    int64_t left = deadline < 0 ? -1 : deadline - exclaim_now_ms();
    int r = poll(p, 2, left < 0 && deadline >= 0 ? 0 : (int)left);

    if (r < 0 && errno != EINTR) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "poll stream %d", fd);
    }
    if (r > 0 && p[1].revents) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ECANCELED, "stream %d", fd);
    }
    if (deadline >= 0 && exclaim_now_ms() >= deadline) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ETIMEDOUT, "stream %d", fd);
    }
    return 0;
}

/*
 * One write that does not wait, although others have the same open file description and rely on it
 * to block.  A pipe that is ready takes PIPE_BUF bytes; a file is always ready.
 */
static ssize_t write_some(int fd, mode_t type, const uint8_t *buf, size_t len)
{
    if (S_ISSOCK(type)) {
        return send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return write(fd, buf, S_ISFIFO(type) && len > PIPE_BUF ? PIPE_BUF : len);
}

/* All of it, or *written says how far it came. */
static int write_all(int fd, const uint8_t *buf, size_t len, int timeout_ms, int cancel_fd,
                     size_t *written, struct exclaim_error *err)
{
    const int64_t deadline = timeout_ms < 0 ? -1 : exclaim_now_ms() + timeout_ms;
    struct stat st;

    *written = 0;
    if (fstat(fd, &st)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "stream %d", fd);
    }
    while (*written < len) {
        ssize_t r;

        if (wait_writable(fd, cancel_fd, deadline, err)) {
            return exclaim_error_wrap(err, "record: %zu of %zu bytes written", *written, len);
        }
        r = write_some(fd, st.st_mode, buf + *written, len - *written);
        if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            continue;
        }
        if (r < 0) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno,
                                "record: %zu of %zu bytes written to stream %d", *written, len, fd);
        }
        *written += (size_t)r;
    }
    return 0;
}

int exclaim_source_write(struct exclaim_session *s, int fd, int timeout_ms, int cancel_fd)
{
    uint8_t buf[EXCLAIM_PREFIX_MAX];
    struct exclaim_error err = { 0 };
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;
    size_t len, written;
    int64_t start;
    int rc;

    if (exclaim_prefix_encode(&s->res, s->dom.hvm ? EXCLAIM_GUEST_HVM : EXCLAIM_GUEST_PV,
                              s->caps.xen_major, s->caps.xen_minor, buf, sizeof(buf), &len, &err)) {
        s->outcome = EXCLAIM_OUTCOME_PASSED;
        exclaim_session_reason(s, "%s", err.text);
        return 0;
    }
    start = exclaim_now_ms();
    /* A dead peer is the emulator's to report; ours is only not to die of it without a report. */
    sigaction(SIGPIPE, &ignore, &before);
    rc = write_all(fd, buf, len, timeout_ms, cancel_fd, &written, &err);
    sigaction(SIGPIPE, &before, NULL);
    if (rc) {
        s->outcome = written ? EXCLAIM_OUTCOME_FAILED : EXCLAIM_OUTCOME_PASSED;
        exclaim_session_error(s, "%s", err.text);
        return written ? -1 : 0;
    }
    s->ms[EXCLAIM_TIMED_WRITE] = exclaim_now_ms() - start;
    s->record_bytes = (uint32_t)len;
    s->outcome = EXCLAIM_OUTCOME_SENT;
    return 0;
}

int exclaim_source_send(struct exclaim_session *s, int fd)
{
    return exclaim_source_count(s) ? 0 : exclaim_source_write(s, fd, -1, -1);
}
