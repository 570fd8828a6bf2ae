/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans for people. */
#ifndef EXCLAIM_PLAN_PRINT_H
#define EXCLAIM_PLAN_PRINT_H

#include <exclaim/plan.h>

/* Numbers of a host that are older than this are said to be. */
#define OLD_MS INT64_C(600000)

/* The step's verdict, stays and moves. */
int print_plan_step(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                    uint32_t number, struct exclaim_error *err);

/* The VMs that should be apart and are not after step @number. */
void print_apart(const struct exclaim_pool *pool, const struct exclaim_plan *plan, uint32_t number);

/* A rolling upgrade: a row for each step. */
int print_steps(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                struct exclaim_error *err);

/* An evacuation: how many VMs would choose other nodes than the plan's, because the destination's
 * hook matches by itself. */
void print_own_match(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                     uint64_t stray_pages);

/* A rolling upgrade: every VM of the hosts to be upgraded (@order, NULL: all that are not the
 * newest) that no host can take. */
void print_blockers(const struct exclaim_pool *pool, const uint32_t *order, uint32_t nr_order);

/* What is not known of the pool, and what is old @now (unix ms). */
void print_gaps(const struct exclaim_pool *pool, int64_t now);

#endif
