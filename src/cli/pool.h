/* SPDX-License-Identifier: BSD-2-Clause */
/* What preflight, plan and evacuate share: where the pool comes from, names, limits, answers. */
#ifndef EXCLAIM_CLI_POOL_H
#define EXCLAIM_CLI_POOL_H

#include <exclaim/plan.h>
#include <exclaim/xapi.h>

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

/* The session alone, with XAPI as the options name it. */
int cli_xapi_open(struct cli *cli, bool (*stop)(void *arg), void *arg, struct exclaim_xapi **xapi,
                  struct exclaim_error *err);

/* The pool again, from XAPI; the old one goes only once the new one is there. */
int cli_pool_again(struct cli_pool *from, struct exclaim_error *err);

void cli_pool_close(struct cli_pool *from);

void cli_plan_options(const struct cli *cli, struct exclaim_plan_options *opt);

#endif
