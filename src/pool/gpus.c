/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which virtual GPUs fit together on a host (xen-api, ocaml/xapi/xapi_pgpu_helpers.ml,
 * assert_VGPU_type_allowed and get_remaining_capacity; vgpuops.ml, allocate_vgpu_to_gpu: depth
 * first, which is where least is left).
 */
#include <exclaim/pool.h>

/* What is on a GPU: kinds by bit, and how much they take together. */
struct load {
    uint32_t kinds;
    uint64_t taken;
};

/* How many of @kind may still come to @gpu. */
static uint64_t room(const struct exclaim_pool *pool, const struct exclaim_pool_gpu *gpu,
                     const struct load *load, uint32_t kind)
{
    if (!(gpu->takes >> kind & 1) || load->taken > EXCLAIM_GPU_FULL) {
        return 0;
    }
    for (uint32_t kinds = load->kinds; kinds; kinds &= kinds - 1) {
        if (!(pool->gpu_joins[__builtin_ctz(kinds)] >> kind & 1)) {
            return 0;
        }
    }
    return gpu->share[kind] ? (EXCLAIM_GPU_FULL - load->taken) / gpu->share[kind] : UINT32_MAX;
}

static struct load load_of(const struct exclaim_pool_gpu *gpu, const uint32_t *nr)
{
    struct load load = { 0, 0 };

    for (uint32_t k = 0; k < EXCLAIM_GPU_KINDS; k++) {
        load.kinds |= (uint32_t)(nr[k] > 0) << k;
        load.taken += nr[k] * gpu->share[k];
    }
    return load;
}

/* GPUs of one host that are looked at: no host has as many. */
#define GPUS_MAX 64u

bool exclaim_pool_gpus_take(const struct exclaim_pool *pool, uint32_t host, const uint32_t *there,
                            const uint32_t more[EXCLAIM_GPU_KINDS])
{
    struct load load[GPUS_MAX];
    uint32_t first = 0, nr = 0;

    while (first < pool->nr_gpus && pool->gpu[first].host != host) {
        first++;
    }
    for (; first + nr < pool->nr_gpus && pool->gpu[first + nr].host == host && nr < GPUS_MAX;
         nr++) {
        load[nr] =
            load_of(&pool->gpu[first + nr], &there[(size_t)(first + nr) * EXCLAIM_GPU_KINDS]);
    }
    for (uint32_t k = 0; k < EXCLAIM_GPU_KINDS; k++) {
        for (uint64_t left = more[k]; left;) {
            uint32_t best = nr;
            uint64_t least = UINT64_MAX;

            for (uint32_t g = 0; g < nr; g++) {
                const uint64_t some = room(pool, &pool->gpu[first + g], &load[g], k);

                if (some && some < least) {
                    least = some;
                    best = g;
                }
            }
            if (best == nr) {
                return false;
            }
            least = least < left ? least : left;
            left -= least;
            load[best].taken += least * pool->gpu[first + best].share[k];
            load[best].kinds |= 1u << k;
        }
    }
    return true;
}
