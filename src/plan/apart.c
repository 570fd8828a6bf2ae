/* SPDX-License-Identifier: BSD-2-Clause */
/* Which VMs that should be apart share a host after a step: by whom that was done. */
#include <exclaim/plan.h>

#include <stdlib.h>

struct place {
    uint32_t host;
    bool moved; /* in this step */
};

/* Where every VM is after step @number. */
static void follow(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                   uint32_t number, struct place *place)
{
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        place[v] = (struct place){ .host = pool->vm[v].host };
    }
    for (uint32_t s = 0; s <= number; s++) {
        const struct exclaim_plan_step *step = &plan->step[s];

        for (uint32_t m = step->first_move; m < step->first_move + step->nr_moves; m++) {
            place[plan->move[m].vm] =
                (struct place){ .host = plan->move[m].to, .moved = s == number };
        }
    }
}

/* Whether a VM of the same rule moves in this step: others are no matter of it. */
static bool concerned(const struct exclaim_pool *pool, const struct exclaim_plan_step *step,
                      const struct exclaim_plan *plan, uint32_t apart)
{
    for (uint32_t m = step->first_move; m < step->first_move + step->nr_moves; m++) {
        if (pool->vm[plan->move[m].vm].apart == apart) {
            return true;
        }
    }
    return false;
}

uint32_t exclaim_plan_apart(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                            uint32_t number, struct exclaim_apart_pair *pair, uint32_t max)
{
    const struct exclaim_plan_step *step = &plan->step[number];
    struct place *place;
    uint32_t nr = 0;

    if (!step->proof.apart.reached) {
        return 0;
    }
    place = calloc((size_t)pool->nr_vms + 1, sizeof(*place));
    if (!place) {
        return 0; /* the verdict has their number */
    }
    follow(pool, plan, number, place);
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        const uint32_t apart = pool->vm[v].apart;

        if (!apart || place[v].host >= pool->nr_hosts || !concerned(pool, step, plan, apart)) {
            continue;
        }
        for (uint32_t w = v + 1; w < pool->nr_vms; w++) {
            if (pool->vm[w].apart != apart || place[w].host != place[v].host) {
                continue;
            }
            if (nr < max) {
                pair[nr] = (struct exclaim_apart_pair){
                    .vm = v,
                    .other = w,
                    .host = place[v].host,
                    .before = !place[v].moved && !place[w].moved,
                };
            }
            nr++;
        }
    }
    free(place);
    return nr;
}
