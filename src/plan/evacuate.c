/* SPDX-License-Identifier: BSD-2-Clause */
/* One assignment as a plan: of all VMs of some hosts, or of some VMs. */
#include <stdlib.h>

#include "work.h"

int plan_check_hosts(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr,
                     struct exclaim_error *err)
{
    uint64_t seen[HOST_WORDS] = { 0 };

    if (!nr) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no host is named");
    }
    for (uint32_t i = 0; i < nr; i++) {
        if (host[i] >= pool->nr_hosts || host[i] >= EXCLAIM_POOL_HOSTS) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "host %u of a pool of %u", host[i],
                                pool->nr_hosts);
        }
        if (seen[host[i] / 64] >> (host[i] % 64) & 1) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "host %s is named twice",
                                pool->host[host[i]].name);
        }
        seen[host[i] / 64] |= 1ull << (host[i] % 64);
    }
    return 0;
}

int plan_check_vms(const struct exclaim_pool *pool, const uint32_t *vm, uint32_t nr,
                   struct exclaim_error *err)
{
    bool *seen = calloc(pool->nr_vms + 1u, sizeof(*seen));
    int r = 0;

    if (!seen) {
        return plan_no_memory(err);
    }
    for (uint32_t i = 0; i < nr && !r; i++) {
        if (vm[i] >= pool->nr_vms) {
            r = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "VM %u of a pool of %u", vm[i],
                             pool->nr_vms);
        } else if (seen[vm[i]]) {
            r = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "VM %s is named twice",
                             pool->vm[vm[i]].name);
        } else {
            seen[vm[i]] = true;
        }
    }
    free(seen);
    return r;
}

static int one_step(struct state *s, const struct assignment *a, uint32_t host,
                    struct exclaim_plan **plan, struct exclaim_error *err)
{
    struct draft d = { 0 };

    if (!draft_step(&d, EXCLAIM_STEP_EVACUATE, host)) {
        return plan_no_memory(err);
    }
    if (assign_step(s, &d, a, 0, err)) {
        draft_close(&d);
        return -1;
    }
    return draft_finish(&d, plan, err);
}

int exclaim_plan_evacuate(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                          const struct exclaim_plan_options *opt, struct exclaim_plan **plan,
                          struct exclaim_error *err)
{
    uint32_t *vm = NULL, nr = 0;
    bool target[EXCLAIM_POOL_HOSTS];
    struct state s;
    int r = -1;

    *plan = NULL;
    if (plan_check_hosts(pool, host, nr_hosts, err) || state_open(&s, pool, opt, err)) {
        return -1;
    }
    vm = calloc(pool->nr_vms + 1u, sizeof(*vm));
    if (!vm) {
        plan_no_memory(err);
        goto out;
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        target[h] = pool->host[h].enabled;
    }
    for (uint32_t i = 0; i < nr_hosts; i++) {
        target[host[i]] = false;
        s.host[host[i]].enabled = false;
        for (uint32_t v = s.host[host[i]].head; v != EXCLAIM_NO_VM; v = s.vm[v].next) {
            vm[nr++] = v;
        }
    }
    r = one_step(&s, &(struct assignment){ .vm = vm, .nr_vms = nr, .target = target }, host[0],
                 plan, err);
out:
    free(vm);
    state_close(&s);
    return r;
}

int exclaim_plan_place(const struct exclaim_pool *pool, const uint32_t *vm, uint32_t nr_vms,
                       const uint32_t *host, uint32_t nr_hosts,
                       const struct exclaim_plan_options *opt, struct exclaim_plan **plan,
                       struct exclaim_error *err)
{
    bool target[EXCLAIM_POOL_HOSTS] = { false };
    struct state s;
    int r = -1;

    *plan = NULL;
    if (plan_check_hosts(pool, host, nr_hosts, err) || state_open(&s, pool, opt, err)) {
        return -1;
    }
    if (plan_check_vms(pool, vm, nr_vms, err)) {
        goto out;
    }
    for (uint32_t i = 0; i < nr_hosts; i++) {
        target[host[i]] = pool->host[host[i]].enabled;
    }
    r = one_step(&s, &(struct assignment){ .vm = vm, .nr_vms = nr_vms, .target = target },
                 EXCLAIM_NO_HOST, plan, err);
out:
    state_close(&s);
    return r;
}
