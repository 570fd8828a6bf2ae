/* SPDX-License-Identifier: BSD-2-Clause */
/* Tries every assignment of a handful of VMs, to hold the planner's answers against. */
#include "brute.h"

#include <string.h>

#define LEAVES 20000000u

struct vm {
    const struct exclaim_pool_vm *pool;
    uint32_t nr, src[EXCLAIM_NODES_MAX];
    int64_t part[EXCLAIM_NODES_MAX];
    int64_t loose; /* arrival and strays */
    bool counted;
};

struct brute {
    const struct exclaim_pool *pool;
    const struct exclaim_plan_options *opt;
    uint32_t from, nr;
    struct vm vm[BRUTE_VMS];
    int64_t node[16][EXCLAIM_NODES_MAX]; /* left without loose pages */
    bool used[16][EXCLAIM_NODES_MAX];
    int64_t total[16], loose[16], fluid[16];
    uint32_t best_leave, best_keep, leaves;
    uint32_t vgpus[16][EXCLAIM_GPU_KINDS]; /* that the assignment brings */
};

/* One after the other, each where XAPI would put it: where least is left. */
static bool gpus_possible(const struct brute *b, uint32_t h)
{
    uint64_t left[64], kinds[64];

    for (uint32_t g = 0; g < b->pool->nr_gpus; g++) {
        left[g] = EXCLAIM_GPU_FULL;
        kinds[g] = 0;
        for (uint32_t k = 0; k < EXCLAIM_GPU_KINDS; k++) {
            left[g] -= b->pool->gpu[g].nr[k] * b->pool->gpu[g].share[k];
            kinds[g] |= b->pool->gpu[g].nr[k] ? 1u << k : 0;
        }
    }
    for (uint32_t k = 0; k < EXCLAIM_GPU_KINDS; k++) {
        for (uint32_t i = 0; i < b->vgpus[h][k]; i++) {
            uint64_t least = UINT64_MAX;
            uint32_t best = b->pool->nr_gpus;

            for (uint32_t g = 0; g < b->pool->nr_gpus; g++) {
                if (b->pool->gpu[g].host == h && !(kinds[g] & ~(1ull << k)) &&
                    left[g] >= b->pool->gpu[g].share[k] &&
                    left[g] / b->pool->gpu[g].share[k] < least) {
                    least = left[g] / b->pool->gpu[g].share[k];
                    best = g;
                }
            }
            if (best == b->pool->nr_gpus) {
                return false;
            }
            left[best] -= b->pool->gpu[best].share[k];
            kinds[best] |= 1ull << k;
        }
    }
    return true;
}

static bool possible(const struct brute *b)
{
    for (uint32_t h = 0; h < b->pool->nr_hosts; h++) {
        int64_t room = 0;

        if (b->total[h] < 0 || !gpus_possible(b, h)) {
            return false;
        }
        for (uint32_t n = 0; n < b->pool->host[h].nr_nodes; n++) {
            const int64_t left = b->node[h][n] - b->loose[h];

            if (b->used[h][n] && left < 0) {
                return false;
            }
            room += left > 0 ? left : 0;
        }
        if (b->fluid[h] > room) {
            return false;
        }
    }
    return true;
}

static void next(struct brute *b, uint32_t at, uint32_t leave, uint32_t keep);

static void whole(struct brute *b, uint32_t at, uint32_t h, uint32_t k, uint64_t taken,
                  uint32_t leave, uint32_t keep)
{
    const struct vm *vm = &b->vm[at];

    if (k == vm->nr) {
        next(b, at + 1, leave + 1, keep + vm->counted);
        return;
    }
    for (uint32_t n = 0; n < b->pool->host[h].nr_nodes; n++) {
        const bool used = b->used[h][n];

        if ((taken >> n & 1) || !(b->pool->host[h].online >> n & 1) ||
            b->node[h][n] < vm->part[k] || (vm->pool->pinned && vm->src[k] != n)) {
            continue;
        }
        b->node[h][n] -= vm->part[k];
        b->used[h][n] = true;
        whole(b, at, h, k + 1, taken | 1ull << n, leave, keep);
        b->used[h][n] = used;
        b->node[h][n] += vm->part[k];
    }
}

static void next(struct brute *b, uint32_t at, uint32_t leave, uint32_t keep)
{
    const struct exclaim_pool *pool = b->pool;

    if (b->leaves > LEAVES || leave + b->nr - at < b->best_leave ||
        (leave + b->nr - at == b->best_leave && keep + b->nr - at <= b->best_keep)) {
        return;
    }
    if (at == b->nr) {
        b->leaves++;
        if (possible(b)) {
            b->best_leave = leave;
            b->best_keep = keep;
        }
        return;
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        const struct vm *vm = &b->vm[at];
        const int64_t own = (int64_t)vm->pool->total_pages;
        const int64_t all = own + (int64_t)vm->pool->arrival_pages;

        if (h == b->from || !pool->host[h].enabled || !exclaim_pool_may_run(vm->pool, h) ||
            exclaim_host_version_older(&pool->host[h].version, &pool->host[b->from].version) ||
            b->total[h] < all) {
            continue;
        }
        b->total[h] -= all;
        b->loose[h] += vm->loose;
        for (uint32_t i = 0; i < vm->pool->nr_vgpus; i++) {
            b->vgpus[h][vm->pool->vgpu[i].kind]++;
        }
        if (vm->counted) {
            whole(b, at, h, 0, 0, leave, keep);
        }
        if (!vm->pool->pinned && !b->opt->whole_parts) {
            b->fluid[h] += own;
            next(b, at + 1, leave + 1, keep);
            b->fluid[h] -= own;
        }
        for (uint32_t i = 0; i < vm->pool->nr_vgpus; i++) {
            b->vgpus[h][vm->pool->vgpu[i].kind]--;
        }
        b->loose[h] -= vm->loose;
        b->total[h] += all;
    }
    next(b, at + 1, leave, keep);
}

static void load(struct brute *b, const struct exclaim_pool_vm *from)
{
    struct vm *vm = &b->vm[b->nr++];
    uint32_t largest = 0; /* a home however small it is, the first of several alike */

    *vm = (struct vm){ .pool = from,
                       .loose = (int64_t)(from->arrival_pages + from->total_pages),
                       .counted = from->exact && from->nr_nodes };
    for (uint32_t n = 0; n < from->nr_nodes; n++) {
        largest = from->pages[n] > from->pages[largest] ? n : largest;
    }
    for (uint32_t n = 0; n < from->nr_nodes; n++) {
        if (n == largest || from->pages[n] > b->opt->stray_pages) {
            vm->src[vm->nr] = n;
            vm->part[vm->nr++] = (int64_t)from->pages[n];
            vm->loose -= (int64_t)from->pages[n];
        }
    }
    if (!vm->nr) {
        vm->src[0] = EXCLAIM_NO_NODE;
        vm->part[vm->nr++] = (int64_t)from->total_pages;
        vm->loose = (int64_t)from->arrival_pages;
    }
}

bool brute_evacuate(const struct exclaim_pool *pool, uint32_t host,
                    const struct exclaim_plan_options *opt, uint32_t *leave, uint32_t *keep)
{
    struct brute b = { .pool = pool, .opt = opt, .from = host };

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].host == host) {
            if (b.nr == BRUTE_VMS) {
                return false;
            }
            load(&b, &pool->vm[v]);
        }
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        const struct exclaim_pool_host *from = &pool->host[h];
        const uint64_t promised = from->host_claimed + from->headroom;

        b.total[h] = from->host_free > promised ? (int64_t)(from->host_free - promised) : 0;
        for (uint32_t n = 0; n < from->nr_nodes; n++) {
            b.node[h][n] =
                from->online >> n & 1
                    ? (int64_t)from->free[n] - (int64_t)from->claimed[n] - (int64_t)from->slack
                    : -1;
        }
    }
    next(&b, 0, 0, 0);
    *leave = b.best_leave;
    *keep = b.best_keep;
    return b.leaves <= LEAVES;
}
