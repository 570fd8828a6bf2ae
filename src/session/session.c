/* SPDX-License-Identifier: BSD-2-Clause */
/* A session's beginning, its report, and its end. */
#include <exclaim/session.h>

#include <string.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "../base/clock.h"

#include "reason.h"

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
        exclaim_log(LOG_ERR, "%s%s", err.text,
                    s->policy_lost ? "" : "; going on without that line");
        strcpy(s->config_error, err.text);
    }
}

void exclaim_session_ready(struct exclaim_session *s)
{
    s->emulator_ms = exclaim_now_ms();
    s->ms[EXCLAIM_TIMED_READY] = s->emulator_ms - s->started_ms;
}

static void make_report(const struct exclaim_session *s, struct exclaim_report *r)
{
    exclaim_report_init(r, s->role, s->hook);
    r->outcome = s->outcome;
    r->policy = s->config.policy;
    r->domid = s->domid;
    r->have_uuid = s->have_uuid;
    memcpy(r->uuid, s->uuid, sizeof(r->uuid));
    r->have_reservation = s->have_reservation;
    r->res = s->res;
    r->planned = s->planned;
    r->have_match = s->have_match;
    r->match = s->match;
    r->guarantee = s->guarantee;
    r->claimed_pages = s->claimed_pages;
    r->placement = s->placement;
    r->placed = s->placed;
    r->have_got = s->have_got;
    r->got = s->got;
    r->verified_paused = s->verified_paused;
    r->released_pages = s->released_pages;
    r->record_bytes = s->record_bytes;
    memcpy(r->ms, s->ms, sizeof(r->ms));
    memcpy(r->why, s->why, sizeof(r->why));
    memcpy(r->error, s->error, sizeof(r->error));
    memcpy(r->config_error, s->config_error, sizeof(r->config_error));
}

void exclaim_session_report(struct exclaim_session *s)
{
    struct exclaim_report report;
    char line[1400];
    int level = LOG_INFO;

    session_conclude(s);
    make_report(s, &report);
    exclaim_report_send(&report, s->config.report_file);
    exclaim_report_line(&report, line, sizeof(line));
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
