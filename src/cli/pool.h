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

/* Files, or XAPI with @stop (may be NULL, see xapi.h).  USAGE: both, or none of what is needed. */
int cli_pool_open(struct cli *cli, bool (*stop)(void *arg), void *arg, struct cli_pool *from,
                  struct exclaim_error *err);

/* The pool again, from XAPI; the old one goes only once the new one is there. */
int cli_pool_again(struct cli_pool *from, struct exclaim_error *err);

void cli_pool_close(struct cli_pool *from);

/* Indices of the hosts that are named; free() *index.  USAGE: unknown or ambiguous, twice. */
int cli_hosts(const struct exclaim_pool *pool, const char *const *name, uint32_t nr,
              uint32_t **index, struct exclaim_error *err);

/* The hosts of @to, or without any all hosts but @nr_from @from. */
int cli_targets(const struct exclaim_pool *pool, const struct cli_list *to, const uint32_t *from,
                uint32_t nr_from, uint32_t **index, uint32_t *nr, struct exclaim_error *err);

/* A running VM by uuid or name.  USAGE: none or several. */
int cli_vm(const struct exclaim_pool *pool, const char *name, uint32_t *vm,
           struct exclaim_error *err);

/* All VMs on those hosts. */
int cli_vms_on(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
               uint32_t **vm, uint32_t *nr, struct exclaim_error *err);

void cli_plan_options(const struct cli *cli, struct exclaim_plan_options *opt);

int64_t cli_now_ms(void);

/* "host-a", or its uuid where it has no name. */
const char *cli_host_name(const struct exclaim_pool *pool, uint32_t host);
const char *cli_vm_name(const struct exclaim_pool *pool, uint32_t vm);

/* "12 s", "3 min", "2 h"; "" when not known. */
void cli_age(const struct cli_pool *from, uint32_t host, char *text, size_t size);

/* Where the parts of a move go: "0>1 1>0", "?" for what is not known. */
void cli_nodes(const struct exclaim_plan_move *move, char *text, size_t size);

#endif
