/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools, plans and refusals as JSON: the same members in preflight, plan and evacuate. */
#ifndef EXCLAIM_PLAN_JSON_H
#define EXCLAIM_PLAN_JSON_H

#include <exclaim/plan.h>

#include "../base/json.h"

/* "key": {"uuid": ..., "name": ...}; null for nothing. */
void exclaim_json_host(json_object *o, const char *key, const struct exclaim_pool *pool,
                       uint32_t host);
void exclaim_json_vm(json_object *o, const char *key, const struct exclaim_pool *pool, uint32_t vm);

/* "hosts": what was read of each, when and how. */
void exclaim_json_hosts(json_object *o, const struct exclaim_pool *pool);

/* The members of one refusal, with XAPI's error of the same meaning where there is one. */
void exclaim_json_misfit(json_object *o, const struct exclaim_pool *pool,
                         const struct exclaim_misfit *misfit);

/* "left_out": VMs that are out of all planning, if there are any. */
void exclaim_json_left_out(json_object *o, const struct exclaim_pool *pool);

/* "optimal", "complete", "verdict", the goals. */
void exclaim_json_proof(json_object *o, const struct exclaim_pool *pool,
                        const struct exclaim_plan_proof *proof);

void exclaim_json_move(json_object *o, const struct exclaim_pool *pool,
                       const struct exclaim_plan_move *move);

/* "steps", each with its proof, moves and VMs that stay. */
void exclaim_json_steps(json_object *o, const struct exclaim_pool *pool,
                        const struct exclaim_plan *plan);

#endif
