/* SPDX-License-Identifier: BSD-2-Clause */
/* The source's sequence: count, record. */
#include <exclaim/session.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/record.h>

#include "libxl.h"

static int passed(struct exclaim_session *s, const struct exclaim_error *err)
{
    s->report.outcome = EXCLAIM_OUTCOME_PASSED;
    snprintf(s->report.why, sizeof(s->report.why), "%s", err->text);
    return 0;
}

static int build(struct exclaim_session *s, const char *userdata_dir, struct exclaim_error *err)
{
    struct exclaim_reservation *res = &s->report.res;
    struct exclaim_error count_err = { 0 };
    struct exclaim_count count = { 0 };
    int64_t start = exclaim_session_now();

    if (exclaim_xen_open(&s->hv, err) || s->hv->ops->caps(s->hv, &s->caps, err) ||
        exclaim_hv_domain(s->hv, s->report.domid, &s->dom, err)) {
        return -1;
    }
    memcpy(s->report.uuid, s->dom.uuid, sizeof(s->report.uuid));
    s->report.have_uuid = true;

    if (s->hv->ops->count(s->hv, s->dom.domid, s->config.count_console_max_pages, &count,
                          &count_err)) {
        /* The total alone still helps the destination, and the reason helps its operator. */
        memset(&count, 0, sizeof(count));
        count.total_pages = s->dom.total_pages;
        snprintf(count.why, sizeof(count.why), "%.*s", (int)sizeof(count.why) - 1, count_err.text);
    }
    s->report.ms[EXCLAIM_STEP_COUNT] = exclaim_session_now() - start;
    if (exclaim_reservation_build(s->hv, &s->caps, &s->dom, &count, res, err)) {
        return -1;
    }
    if (userdata_dir) {
        res->soft_affinity = libxl_soft_affinity(userdata_dir, s->dom.domid, s->dom.uuid);
    }
    s->report.have_reservation = true;
    if (!count.exact) {
        snprintf(s->report.why, sizeof(s->report.why), "count is not exact: %s", count.why);
    }
    return 0;
}

/* All of it, or *written says how far it came. */
static int write_all(int fd, const uint8_t *buf, size_t len, size_t *written,
                     struct exclaim_error *err)
{
    *written = 0;
    while (*written < len) {
        ssize_t r = write(fd, buf + *written, len - *written);

        if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            struct pollfd p = { .fd = fd, .events = POLLOUT };

            if (poll(&p, 1, -1) < 0 && errno != EINTR) {
                return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "poll stream %d", fd);
            }
            continue;
        }
        if (r < 0 && errno == EINTR) {
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

int exclaim_source_send(struct exclaim_session *s, int fd, const char *userdata_dir)
{
    uint8_t buf[EXCLAIM_PREFIX_MAX];
    struct exclaim_error err = { 0 };
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;
    size_t len, written;
    int64_t start;
    int rc;

    if (build(s, userdata_dir, &err)) {
        return passed(s, &err);
    }
    if (exclaim_prefix_encode(&s->report.res, s->dom.hvm ? EXCLAIM_GUEST_HVM : EXCLAIM_GUEST_PV,
                              s->caps.xen_major, s->caps.xen_minor, buf, sizeof(buf), &len, &err)) {
        return passed(s, &err);
    }
    start = exclaim_session_now();
    /* A dead peer is the emulator's to report; ours is only not to die of it without a report. */
    sigaction(SIGPIPE, &ignore, &before);
    rc = write_all(fd, buf, len, &written, &err);
    sigaction(SIGPIPE, &before, NULL);
    if (rc) {
        s->report.outcome = written ? EXCLAIM_OUTCOME_FAILED : EXCLAIM_OUTCOME_PASSED;
        snprintf(s->report.error, sizeof(s->report.error), "%s", err.text);
        return written ? -1 : 0;
    }
    s->report.ms[EXCLAIM_STEP_WRITE] = exclaim_session_now() - start;
    s->report.record_bytes = (uint32_t)len;
    s->report.outcome = EXCLAIM_OUTCOME_SENT;
    return 0;
}
