/* SPDX-License-Identifier: BSD-2-Clause */
#include <exclaim/session.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "reason.h"

int64_t exclaim_session_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void exclaim_session_init(struct exclaim_session *s, enum exclaim_role role, const char *hook,
                          uint32_t domid)
{
    struct exclaim_error err = { 0 };

    memset(s, 0, sizeof(*s));
    s->place_fd = -1;
    s->started_ms = exclaim_session_now();
    exclaim_report_init(&s->report, role, hook);
    s->report.domid = domid;
    if (exclaim_config_load_hook(&s->config, &s->policy_lost, &err)) {
        exclaim_log(LOG_ERR, "%s%s", err.text,
                    s->policy_lost ? "" : "; going on without that line");
        strcpy(s->report.config_error, err.text);
    }
    s->report.policy = s->config.policy;
}

void exclaim_session_ready(struct exclaim_session *s)
{
    s->report.ms[EXCLAIM_STEP_READY] = exclaim_session_now() - s->started_ms;
}

void exclaim_session_report(struct exclaim_session *s)
{
    char line[1400];

    session_conclude(s);
    exclaim_report_send(&s->report, s->config.report_file);
    exclaim_report_line(&s->report, line, sizeof(line));
    exclaim_log(s->report.error[0] ? LOG_WARNING
                : s->report.why[0] || (s->report.have_match && !exclaim_report_exact(&s->report))
                    ? LOG_NOTICE
                    : LOG_INFO,
                "%s", line);
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
