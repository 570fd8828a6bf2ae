/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans for people. */
#ifndef EXCLAIM_PLAN_PRINT_H
#define EXCLAIM_PLAN_PRINT_H

#include <exclaim/plan.h>

/* The step's verdict, stays and moves. */
int print_plan_step(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                    uint32_t number, struct exclaim_error *err);

/* The VMs that should be apart and are not after step @number. */
void print_apart(const struct exclaim_pool *pool, const struct exclaim_plan *plan, uint32_t number);

/* A rolling upgrade: a row for each step. */
int print_steps(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                struct exclaim_error *err);

#endif
