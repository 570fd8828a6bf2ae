/* SPDX-License-Identifier: BSD-2-Clause */
/* A session's beginning, its report, and its end. */
#include <exclaim/session.h>

#include <string.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "../base/clock.h"

#include "../base/output.h"
#include "reason.h"
#include "report.h"

/* So long a file system that hangs keeps a migration waiting, once for each report. */
#define WRITER_MS 1000

void exclaim_session_init(struct exclaim_session *s, enum exclaim_role role, const char *hook,
                          uint32_t domid)
{
    struct exclaim_error err = { 0 };

    memset(s, 0, sizeof(*s));
    s->place_fd = -1;
    s->started_ms = exclaim_now_ms();
    s->role = role;
    s->hook = hook;
    s->domid = domid;
    for (unsigned int i = 0; i < EXCLAIM_TIMED; i++) {
        s->ms[i] = -1;
    }
    if (exclaim_config_load_hook(&s->config, &s->policy_lost, &err)) {
        exclaim_log(
            LOG_ERR, "%s%s", err.text,
            s->policy_lost || err.kind == EXCLAIM_ERR_SYSTEM ? "" : "; going on without that line");
        strcpy(s->config_error, err.text);
    }
}

void exclaim_session_ready(struct exclaim_session *s)
{
    s->emulator_ms = exclaim_now_ms();
    s->ms[EXCLAIM_TIMED_READY] = s->emulator_ms - s->started_ms;
}

/* In a process of its own, so that a file system that hangs holds up nothing for long. */
static void append(void *arg)
{
    const struct exclaim_session *s = arg;
    struct exclaim_error err = { 0 };

    if (session_report_append(s, s->config.report_file, &err)) {
        exclaim_log(LOG_ERR, "report lost: %s", err.text);
    }
}

void exclaim_session_report(struct exclaim_session *s)
{
    struct exclaim_error err = { 0 };
    char line[1400];
    int level = LOG_INFO;

    session_conclude(s);
    if (exclaim_detached(append, s, WRITER_MS, &err)) {
        exclaim_log(LOG_ERR, "report lost: %s", err.text);
    }
    session_report_line(s, line, sizeof(line));
    if (s->error[0]) {
        level = LOG_WARNING;
    } else if (s->why[0] || (s->have_match && !exclaim_session_exact(s))) {
        level = LOG_NOTICE;
    }
    exclaim_log(level, "%s", line);
}

void exclaim_session_close(struct exclaim_session *s)
{
    if (s->place_fd >= 0) {
        close(s->place_fd);
        s->place_fd = -1;
    }
    exclaim_ledger_close(s->ledger);
    s->ledger = NULL;
    if (s->hv) {
        s->hv->ops->close(s->hv);
        s->hv = NULL;
    }
}
