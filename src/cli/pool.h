/* SPDX-License-Identifier: BSD-2-Clause */
/* What preflight, plan and evacuate share: where the pool comes from, names, limits, answers. */
#ifndef EXCLAIM_CLI_POOL_H
#define EXCLAIM_CLI_POOL_H

#include <signal.h>

#include <exclaim/plan.h>
#include <exclaim/xapi.h>

#include "../report/pace.h"
#include "cli.h"

struct cli_pool {
    struct exclaim_pool pool;
    struct exclaim_xapi *xapi; /* NULL: from files */
    int64_t time_unix_ms;      /* when the answer was there, by our clock */
};

/* Files, or XAPI: with @stop (see xapi.h) a session that stays open, without one (NULL) a single
 * look, after which it is closed.  USAGE: both, or none of what is needed. */
int cli_pool_open(struct cli *cli, bool (*stop)(void *arg), void *arg, struct cli_pool *from,
                  struct exclaim_error *err);

/*
 * The signals that end a program wait from hold to let; in between @stop of a session with XAPI is
 * cli_signal_waits(), its @arg the struct.  So the session is closed before a signal does what it
 * always does: XAPI keeps one that nobody closes for a day.
 */
struct cli_signals {
    sigset_t held, old;
};

void cli_hold_signals(struct cli_signals *signals);
bool cli_signal_waits(void *signals);
void cli_let_signals(const struct cli_signals *signals);

/* The session alone, with XAPI as the options name it. */
int cli_xapi_open(struct cli *cli, bool (*stop)(void *arg), void *arg, struct exclaim_xapi **xapi,
                  struct exclaim_error *err);

void cli_pool_close(struct cli_pool *from);

/* By --bandwidth, else learned from the reports of this host. */
void cli_pace(const struct cli *cli, struct pace *pace);

void cli_plan_options(const struct cli *cli, struct exclaim_plan_options *opt);

#endif
