/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_CLI_PLAN_PRINT_H
#define EXCLAIM_CLI_PLAN_PRINT_H

#include "pool.h"

/* Numbers of a host that are older than this are said to be. */
#define CLI_OLD_MS INT64_C(600000)

/* The step's moves, stays and verdict. */
int cli_print_step(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                   uint32_t number, struct exclaim_error *err);

/* An evacuation: how many VMs would choose other nodes than the plan's, because the destination's
 * hook matches by itself. */
void cli_print_own_match(const struct cli *cli, const struct exclaim_pool *pool,
                         const struct exclaim_plan *plan);

/* What is not known of the pool, and what is old. */
void cli_print_gaps(const struct cli_pool *from);

/* Every VM leaves with its shape; rolling: and comes back. */
bool cli_plan_fits(const struct exclaim_plan *plan);

#endif
