/* SPDX-License-Identifier: BSD-2-Clause */
/* Host after host is emptied and comes back newer. */
#include <stdlib.h>
#include <string.h>

#include "work.h"

struct rolling {
    struct state s;
    struct draft d;
    enum exclaim_plan_back back;
    uint32_t order[EXCLAIM_POOL_HOSTS], nr_order;
};

static int set_order(const struct exclaim_pool *pool, const struct exclaim_rolling_options *opt,
                     struct rolling *r, struct exclaim_error *err)
{
    if (opt->order) {
        if (plan_check_hosts(pool, opt->order, opt->nr_order, err)) {
            return -1;
        }
        memcpy(r->order, opt->order, opt->nr_order * sizeof(*opt->order));
        r->nr_order = opt->nr_order;
        return 0;
    }
    for (int coordinator = 1; coordinator >= 0; coordinator--) {
        for (uint32_t h = 0; h < pool->nr_hosts; h++) {
            if (pool->host[h].coordinator == coordinator && !exclaim_pool_newest(pool, h)) {
                r->order[r->nr_order++] = h;
            }
        }
    }
    return 0;
}

/* Those of other hosts go home at once where their host is back and has their place. */
static int homewards(struct rolling *r, uint32_t host)
{
    const uint32_t first = r->d.nr_moves;
    uint32_t next;

    for (uint32_t vm = r->s.host[host].head; vm != EXCLAIM_NO_VM; vm = next) {
        const uint32_t home = r->s.pool->vm[vm].host;
        struct state_vm was;
        bool done;

        next = r->s.vm[vm].next;
        if (home == host || !r->s.host[home].upgraded) {
            continue;
        }
        if (back_home(&r->s, &r->d, vm, &done, &was)) {
            return -1;
        }
        if (done) {
            state_release(&r->s, &r->d, vm, &was);
        }
    }
    return draft_waves(&r->d, &r->s, first, r->d.nr_waves);
}

static int empty_host(struct rolling *r, uint32_t host, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = r->s.pool;
    bool target[EXCLAIM_POOL_HOSTS];
    uint32_t rank[EXCLAIM_POOL_HOSTS];
    uint32_t *vm = calloc(pool->nr_vms + 1u, sizeof(*vm)), step;
    struct assignment a = { .vm = vm, .target = target, .rank = rank };
    int ret = -1;

    if (!vm || !draft_step(&r->d, EXCLAIM_STEP_EVACUATE, host)) {
        plan_no_memory(err);
        goto out;
    }
    step = r->d.nr_steps - 1;
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        target[h] = r->s.host[h].enabled && h != host;
        /* Whoever goes to a host that is still to be emptied has to move once more, unless all go
         * home before that. */
        rank[h] = r->back != EXCLAIM_BACK_EACH && !r->s.host[h].upgraded;
    }
    r->s.host[host].enabled = false;
    a.not_home = r->back == EXCLAIM_BACK_END;
    if (a.not_home && homewards(r, host)) {
        plan_no_memory(err);
        goto out;
    }
    for (uint32_t v = r->s.host[host].head; v != EXCLAIM_NO_VM; v = r->s.vm[v].next) {
        vm[a.nr_vms++] = v;
    }
    ret = assign_step(&r->s, &r->d, &a, step, err);
    r->d.blocked = r->s.host[host].head != EXCLAIM_NO_VM;
    if (!r->d.blocked) {
        r->s.host[host].enabled = r->s.host[host].upgraded = true;
    }
out:
    free(vm);
    return ret;
}

static int all_steps(struct rolling *r, struct exclaim_error *err)
{
    for (uint32_t i = 0; i < r->nr_order; i++) {
        if (empty_host(r, r->order[i], err)) {
            return -1;
        }
        if (r->d.blocked) {
            return 0;
        }
        if (r->back == EXCLAIM_BACK_EACH && back_step(&r->s, &r->d, r->order[i], err)) {
            return -1;
        }
    }
    return r->back == EXCLAIM_BACK_END ? back_step(&r->s, &r->d, EXCLAIM_NO_HOST, err) : 0;
}

static int roll(const struct exclaim_pool *pool, const struct exclaim_rolling_options *opt,
                struct exclaim_plan **plan, struct exclaim_error *err)
{
    struct rolling *r = calloc(1, sizeof(*r));
    int ret = -1;

    *plan = NULL;
    if (!r) {
        return plan_no_memory(err);
    }
    r->back = opt->back;
    if (state_open(&r->s, pool, &opt->plan, err) == 0) {
        for (uint32_t h = 0; h < pool->nr_hosts; h++) {
            r->s.host[h].upgraded = exclaim_pool_newest(pool, h);
        }
        if (set_order(pool, opt, r, err) || all_steps(r, err)) {
            draft_close(&r->d);
        } else {
            r->d.nr_strays = 0;
            for (uint32_t v = 0; v < pool->nr_vms; v++) {
                r->d.nr_strays +=
                    pool->vm[v].host < pool->nr_hosts && r->s.vm[v].host != pool->vm[v].host;
            }
            ret = draft_finish(&r->d, plan, err);
        }
        state_close(&r->s);
    }
    free(r);
    return ret;
}

/* Whether @a is the better plan by all that goes before evenness. */
static bool better(const struct exclaim_plan *a, const struct exclaim_plan *b)
{
    uint32_t kept_a = 0, kept_b = 0;

    if (a->blocked != b->blocked || a->nr_steps != b->nr_steps) {
        return !a->blocked || (b->blocked && a->nr_steps > b->nr_steps);
    }
    if (a->nr_stays != b->nr_stays || a->nr_strays != b->nr_strays) {
        return a->nr_stays != b->nr_stays ? a->nr_stays < b->nr_stays : a->nr_strays < b->nr_strays;
    }
    for (uint32_t i = 0; i < a->nr_moves; i++) {
        kept_a += a->move[i].kept;
    }
    for (uint32_t i = 0; i < b->nr_moves; i++) {
        kept_b += b->move[i].kept;
    }
    /* Moves that do not keep the shape, then moves. */
    return a->nr_moves - kept_a != b->nr_moves - kept_b
               ? a->nr_moves - kept_a < b->nr_moves - kept_b
               : a->nr_moves < b->nr_moves;
}

/* Whether another plan could be better by what goes before evenness. */
static bool lacks(const struct exclaim_plan *plan, enum exclaim_plan_back back)
{
    for (uint32_t m = 0; m < plan->nr_moves && back != EXCLAIM_BACK_EACH; m++) {
        if (!plan->move[m].kept || plan->move[m].temporary) {
            return true;
        }
    }
    return plan->blocked || (plan->nr_strays && back != EXCLAIM_BACK_NONE);
}

int exclaim_plan_rolling(const struct exclaim_pool *pool, const struct exclaim_rolling_options *opt,
                         struct exclaim_plan **plan, struct exclaim_error *err)
{
    struct exclaim_rolling_options packed = *opt;
    struct exclaim_plan *other = NULL;
    int rc = roll(pool, opt, plan, err);

    packed.plan.prefer = EXCLAIM_PREFER_PACK;
    if (rc || !*plan || opt->plan.prefer == EXCLAIM_PREFER_PACK || !lacks(*plan, opt->back)) {
        return rc;
    }
    /* What is spread in one step may be in the way of a later one. */
    rc = roll(pool, &packed, &other, err);
    if (other && better(other, *plan)) {
        exclaim_plan_free(*plan);
        *plan = other;
    } else if (!rc) {
        exclaim_plan_free(other);
    } else {
        exclaim_plan_free(*plan);
        *plan = NULL;
    }
    return rc;
}

bool exclaim_plan_upgrades(const struct exclaim_pool *pool, const uint32_t *order,
                           uint32_t nr_order, uint32_t host)
{
    for (uint32_t i = 0; order && i < nr_order; i++) {
        if (order[i] == host) {
            return true;
        }
    }
    return !order && host < pool->nr_hosts && !exclaim_pool_newest(pool, host);
}
