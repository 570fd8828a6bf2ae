/* SPDX-License-Identifier: BSD-2-Clause */
/* The goals that a saved plan has set: which are left, and a plan for them and nothing else. */
#include "work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

uint32_t evac_find_vm(const struct exclaim_pool *pool, const char *uuid)
{
    uint32_t v = 0;

    return exclaim_pool_find_vm(pool, uuid, &v, NULL) ? pool->nr_vms : v;
}

/* The VM that is not where this goal wants it; pool->nr_vms if it is. */
static uint32_t goal_left(const struct evac *e, const struct evac_goal *goal)
{
    const uint32_t v = evac_find_vm(e->pool, goal->vm);

    /* One that does not run any more is not left; where it was lost, that is told. */
    return v == e->pool->nr_vms || e->pool->vm[v].host == EXCLAIM_NO_HOST ||
                   e->pool->vm[v].host == exclaim_pool_find_host(e->pool, goal->to)
               ? e->pool->nr_vms
               : v;
}

uint64_t evac_goals_pages(const struct evac *e, uint64_t *given_up)
{
    uint64_t pages = 0;

    for (uint32_t g = 0; g < e->nr_goals; g++) {
        const uint32_t v =
            e->goal[g].stage < e->stage ? e->pool->nr_vms : goal_left(e, &e->goal[g]);

        if (v < e->pool->nr_vms) {
            pages += e->pool->vm[v].total_pages;
            *given_up += evac_gave_up(e, v) ? e->pool->vm[v].total_pages : 0;
        }
    }
    return pages;
}

/* The same of the goals of this stage alone. */
static uint32_t goal_now(const struct evac *e, const struct evac_goal *goal)
{
    return goal->stage == e->stage ? goal_left(e, goal) : e->pool->nr_vms;
}

uint32_t evac_goals_left(const struct evac *e, uint32_t *given_up)
{
    uint32_t left = 0;

    for (uint32_t g = 0; g < e->nr_goals; g++) {
        const uint32_t v = goal_now(e, &e->goal[g]);

        if (v < e->pool->nr_vms) {
            left++;
            *given_up += evac_gave_up(e, v);
        }
    }
    return left;
}

bool evac_next_stage(struct evac *e)
{
    for (uint32_t g = 0; g < e->nr_goals; g++) {
        if (e->goal[g].stage > e->stage) {
            e->stage = e->goal[g].stage;
            return true;
        }
    }
    return false;
}

static int forbid_others(struct evac *e, uint32_t vm, uint32_t to, struct exclaim_error *err)
{
    char why[160];

    snprintf(why, sizeof(why), "the saved plan has it go to host %.100s",
             exclaim_pool_host_name(e->pool, to));
    for (uint32_t h = 0; h < e->pool->nr_hosts; h++) {
        if (h != to && h != e->pool->vm[vm].host && exclaim_pool_forbid(e->pool, vm, h, why, err)) {
            return -1;
        }
    }
    return 0;
}

int evac_plan_goals(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    uint32_t *vm = calloc(e->nr_goals + 1, sizeof(*vm)), *to = calloc(e->nr_goals + 1, sizeof(*to));
    uint32_t host[EXCLAIM_POOL_HOSTS], nr_hosts = 0, nr = 0;
    int rc = -1;

    *plan = NULL;
    if (!vm || !to) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "plan");
        goto out;
    }
    for (uint32_t g = 0; g < e->nr_goals; g++) {
        const uint32_t v = goal_now(e, &e->goal[g]);

        if (v < e->pool->nr_vms) {
            vm[nr] = v;
            to[nr++] = exclaim_pool_find_host(e->pool, e->goal[g].to);
        }
    }
    for (uint32_t i = 0; i < nr; i++) {
        bool there = false;

        if (to[i] == EXCLAIM_NO_HOST) {
            exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                         "the host that the saved plan has for VM %s is "
                         "not in the pool any more",
                         exclaim_pool_vm_name(e->pool, vm[i]));
            goto out;
        }
        for (uint32_t k = 0; k < nr_hosts; k++) {
            there |= host[k] == to[i];
        }
        if (!there) {
            host[nr_hosts++] = to[i];
        }
        if (forbid_others(e, vm[i], to[i], err)) {
            goto out;
        }
    }
    rc = exclaim_plan_place(e->pool, vm, nr, host, nr_hosts, &e->opt.plan, plan, err);
    rc = rc ? rc : exclaim_plan_must_hold(e->pool, *plan, &e->opt.plan, err);

out:
    free(vm);
    free(to);
    return rc;
}
