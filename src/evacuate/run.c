/* SPDX-License-Identifier: BSD-2-Clause */
/* The rounds of an evacuation, and how it ends. */
#include "work.h"

#include <inttypes.h>
#include <stdio.h>

#include "../base/text.h"

/* New VMs may be started on a host that is not disabled: not for ever. */
#define ROUNDS 100

/* Rounds in a row that move nothing; what stood in the way of the first may be gone in the second.
 */
#define IDLE_ROUNDS 2

static uint32_t vms_left(const struct evac *e, uint32_t *given_up)
{
    const struct exclaim_pool *pool = e->pool;
    uint32_t left = 0;

    *given_up = 0;
    if (e->planned_ahead) {
        return evac_goals_left(e, given_up);
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        for (uint32_t i = 0; i < e->nr_hosts; i++) {
            if (pool->vm[v].host == exclaim_pool_find_host(pool, e->host[i])) {
                left++;
                *given_up += evac_gave_up(e, v);
            }
        }
    }
    return left;
}

/* Until nothing is left or nothing goes on. */
static int run_rounds(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    unsigned int idle = 0;
    uint32_t moved, bans, given_up = 0;
    bool again = true;

    for (unsigned int round = 0;; round++) {
        if (round) {
            exclaim_plan_free(*plan);
            *plan = NULL;
            if (evac_look(e, err)) {
                return exclaim_error_wrap(err, "looking at the pool after the moves");
            }
            e->left = vms_left(e, &given_up);
            if (!e->left && evac_next_stage(e)) {
                e->left = vms_left(e, &given_up);
                idle = 0;
                again = true;
            }
        }
        if (e->left == given_up || !again || idle == IDLE_ROUNDS || round == ROUNDS ||
            !evac_goes_on(e)) {
            return 0;
        }
        if (round) {
            evac_note(e, "%" PRIu32 " %s left, planning anew%s", e->left, exclaim_vms_are(e->left),
                      e->planned_ahead ? ", to the same hosts" : "");
            if (evac_plan_now(e, plan, err)) {
                return -1;
            }
        }
        e->stays = (*plan)->nr_stays;
        if (!(*plan)->nr_moves) {
            return 0;
        }
        evac_expect_all(e, *plan);
        evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_PLAN, .plan = *plan });
        bans = e->nr_bans;
        if (evac_round(e, *plan, &moved, &again, err)) {
            return -1;
        }
        /* To know of a refusal is to be further: there are only so many pairs. */
        idle = moved || e->nr_bans > bans ? 0 : idle + 1;
    }
}

/* Whether a host is empty is for XAPI to say: it also counts VMs that are just starting, and those
 * that a snapshot of the pool leaves out. */
static int ask_residents(struct evac *e, struct exclaim_error *err)
{
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        uint32_t host = exclaim_pool_find_host(e->pool, e->host[i]), nr;
        char first[128];

        if (host == EXCLAIM_NO_HOST) {
            continue;
        }
        if (exclaim_xapi_residents(e->xapi, e->pool->host[host].ref, &nr, first, sizeof(first),
                                   err)) {
            return exclaim_error_wrap(err, "host %s", exclaim_pool_host_name(e->pool, host));
        }
        for (uint32_t v = 0; v < e->pool->nr_vms; v++) {
            nr -= nr && e->pool->vm[v].left_out == host + 1;
        }
        e->left += nr;
        if (nr) {
            snprintf(e->given_up, sizeof(e->given_up), "XAPI has %.100s on host %.100s", first,
                     exclaim_pool_host_name(e->pool, host));
        }
    }
    return 0;
}

enum evac_end evac_run(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    uint32_t given_up;

    e->left = e->planned = vms_left(e, &given_up);
    evac_expect_all(e, *plan); /* a run may end before its first move */
    if (!e->opt.max_moves) {
        e->opt.max_moves = EXCLAIM_PLAN_CONCURRENT;
    }
    if (evac_disable_hosts(e, err) || run_rounds(e, plan, err)) {
        return EVAC_END_FAILED;
    }
    if (!e->left && !e->planned_ahead && ask_residents(e, err)) {
        return EVAC_END_FAILED;
    }
    if (e->lost) {
        return EVAC_END_LOST;
    }
    if (!e->left) {
        return EVAC_END_DONE;
    }
    if (*e->halted) {
        return EVAC_END_HALTED;
    }
    if (e->stop->asked || e->events_lost) {
        return EVAC_END_STOPPED;
    }
    return e->stays == e->left ? EVAC_END_STAYS : EVAC_END_INCOMPLETE;
}
