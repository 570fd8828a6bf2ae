/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same question to an exact solver: written as a mixed integer program straight from the pool
 * and the rules of exclaim/plan.h, answered by CBC.
 */
#ifndef PLAN_MILP_H
#define PLAN_MILP_H

#include <exclaim/plan.h>

struct milp_answer {
    bool optimal; /* else it ran out of time */
    uint64_t leave, keep;
    double ms;
};

/* Whether cbc is installed. */
bool milp_available(void);

/* Emptying @host; files in @dir.  False: cbc could not be run or gave no answer. */
bool milp_evacuate(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                   const struct exclaim_plan_options *opt, uint32_t seconds, const char *dir,
                   struct milp_answer *answer);

#endif
