/* SPDX-License-Identifier: BSD-2-Clause */
/* Every assignment there is, for a handful of VMs: the rules of exclaim/plan.h once more. */
#ifndef PLAN_BRUTE_H
#define PLAN_BRUTE_H

#include <exclaim/plan.h>

#define BRUTE_VMS 8

/* The best that emptying @host alone can reach.  False: too many VMs or assignments. */
bool brute_evacuate(const struct exclaim_pool *pool, uint32_t host,
                    const struct exclaim_plan_options *opt, uint32_t *leave, uint32_t *keep);

#endif
