/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a plan holds at every moment, in whatever order its moves come within its limits. */
#include <stdlib.h>

#include "work.h"

/* No wave has more moves of one host than may run at once.  @moves[] are of one step. */
static int check_limits(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                        const struct exclaim_plan_options *opt, struct exclaim_error *err)
{
    const uint32_t max_out = opt && opt->max_out ? opt->max_out : EXCLAIM_PLAN_CONCURRENT;
    const uint32_t max_in = opt && opt->max_in ? opt->max_in : EXCLAIM_PLAN_CONCURRENT;
    uint32_t *next = calloc(plan->nr_moves + 1u, sizeof(*next));
    uint32_t *first = calloc(plan->nr_waves + 1u, sizeof(*first));
    uint32_t out[EXCLAIM_POOL_HOSTS] = { 0 }, in[EXCLAIM_POOL_HOSTS] = { 0 };
    int r = 0;

    if (!next || !first) {
        r = plan_no_memory(err);
        goto out;
    }
    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        const struct exclaim_plan_move *m = &plan->move[i];

        if (m->wave >= plan->nr_waves || m->after > m->wave) {
            r = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "move %u is of wave %u after %u of %u", i,
                             m->wave, m->after, plan->nr_waves);
            goto out;
        }
        next[i] = first[m->wave];
        first[m->wave] = i + 1;
    }
    for (uint32_t w = 0; w < plan->nr_waves; w++) {
        for (uint32_t i = first[w]; i && !r; i = next[i - 1]) {
            const struct exclaim_plan_move *m = &plan->move[i - 1];

            if ((m->from < pool->nr_hosts && ++out[m->from] > max_out) || ++in[m->to] > max_in) {
                r = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                 "wave %u has too many moves of VM %s's hosts", w,
                                 pool->vm[m->vm].name);
            }
        }
        for (uint32_t i = first[w]; i; i = next[i - 1]) {
            if (plan->move[i - 1].from < pool->nr_hosts) {
                out[plan->move[i - 1].from] = 0;
            }
            in[plan->move[i - 1].to] = 0;
        }
    }
out:
    free(next);
    free(first);
    return r;
}

/* All that may run at once has started before the first of them ends: nothing can need more. */
static int check_step(struct exclaim_replay *r, const struct exclaim_plan *plan,
                      const struct exclaim_plan_step *step, struct exclaim_error *err)
{
    const uint32_t end = step->first_move + step->nr_moves;

    for (uint32_t first = step->first_move, i; first < end; first = i) {
        for (i = first; i < end && plan->move[i].after == plan->move[first].after; i++) {
            if (exclaim_replay_start(r, i, err)) {
                return exclaim_error_wrap(err, "move %u", i);
            }
        }
        for (uint32_t k = first; k < i; k++) {
            if (exclaim_replay_end(r, k, err)) {
                return -1;
            }
        }
        if (i < end && plan->move[i].after < plan->move[first].after) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "move %u comes too late", i);
        }
    }
    return 0;
}

int exclaim_plan_check(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                       const struct exclaim_plan_options *opt, struct exclaim_error *err)
{
    struct exclaim_replay *r = exclaim_replay_open(pool, plan);
    int ret = 0;

    if (!r) {
        return plan_no_memory(err);
    }
    for (uint32_t i = 0; i < plan->nr_steps && !ret; i++) {
        const struct exclaim_plan_step *step = &plan->step[i];

        ret = check_step(r, plan, step, err);
        if (!ret && step->kind == EXCLAIM_STEP_EVACUATE && i + 1 < plan->nr_steps) {
            ret = exclaim_replay_upgraded(r, step->host, err);
        }
    }
    exclaim_replay_close(r);
    return ret ? ret : check_limits(pool, plan, opt, err);
}

int exclaim_plan_must_hold(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                           const struct exclaim_plan_options *opt, struct exclaim_error *err)
{
    return exclaim_plan_check(pool, plan, opt, err)
               ? exclaim_error_wrap(err, "the plan does not hold")
               : 0;
}
