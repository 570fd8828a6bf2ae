/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual GPUs of items: what a host's GPUs take, and what they cannot. */
#include <string.h>

#include "pack.h"

static void add(const struct pack_item *item, uint32_t more[EXCLAIM_GPU_KINDS])
{
    for (uint32_t i = 0; i < item->nr_vgpus; i++) {
        more[item->vgpu[i].kind]++;
    }
}

static const uint32_t *on_host(const struct pack *p, uint32_t host)
{
    return &p->gpus_more[(size_t)host * EXCLAIM_GPU_KINDS];
}

bool pack_gpus_take(const struct pack *p, const struct pack_item *item, uint32_t host,
                    uint64_t with)
{
    uint32_t more[EXCLAIM_GPU_KINDS];

    if (!p->gpus || !item->nr_vgpus) {
        return true;
    }
    memcpy(more, on_host(p, host), sizeof(more));
    add(item, more);
    for (; with; with &= with - 1) {
        add(&p->item[__builtin_ctzll(with)], more);
    }
    return exclaim_pool_gpus_take(p->gpus, host, p->gpus_there, more);
}

void pack_gpus_put(struct pack *p, const struct pack_item *item, uint32_t host, int sign)
{
    for (uint32_t i = 0; i < item->nr_vgpus && p->gpus; i++) {
        p->gpus_more[(size_t)host * EXCLAIM_GPU_KINDS + item->vgpu[i].kind] += (uint32_t)sign;
    }
}

bool pack_gpus_without(const struct pack *p, const struct pack_item *item, uint32_t host,
                       const uint32_t *out, uint32_t nr)
{
    uint32_t more[EXCLAIM_GPU_KINDS];

    if (!p->gpus || !item->nr_vgpus) {
        return true;
    }
    memcpy(more, on_host(p, host), sizeof(more));
    add(item, more);
    for (uint32_t i = 0; i < nr; i++) {
        for (uint32_t k = 0; k < p->item[out[i]].nr_vgpus; k++) {
            more[p->item[out[i]].vgpu[k].kind]--;
        }
    }
    return exclaim_pool_gpus_take(p->gpus, host, p->gpus_there, more);
}

/* Up to @want more of @kind that the GPUs of @host take. */
static uint64_t places(const struct pack *p, uint32_t host, uint32_t kind, uint64_t want)
{
    uint32_t more[EXCLAIM_GPU_KINDS];
    uint64_t nr = 0;

    memcpy(more, on_host(p, host), sizeof(more));
    while (nr < want) {
        more[kind]++;
        if (!exclaim_pool_gpus_take(p->gpus, host, p->gpus_there, more)) {
            break;
        }
        nr++;
    }
    return nr;
}

/* How many items must be left out, the ones with most first, so that @need is at most @room. */
static uint32_t too_many(const uint32_t *with, uint64_t need, uint64_t room)
{
    uint32_t lost = 0;

    for (uint32_t most = EXCLAIM_VGPUS; most && need > room; most--) {
        for (uint32_t i = 0; i < with[most] && need > room; i++) {
            need -= most;
            lost++;
        }
    }
    return lost;
}

uint32_t pack_bound_gpus(const struct pack *p, struct exclaim_plan_reason *why)
{
    uint32_t worst = 0;

    for (uint32_t kind = 0; kind < EXCLAIM_GPU_KINDS && p->gpus; kind++) {
        uint32_t with[EXCLAIM_VGPUS + 1] = { 0 }, lost, items = 0;
        uint64_t allowed[HOST_WORDS] = { 0 }, need = 0, room = 0;

        for (uint32_t i = 0; i < p->nr_items; i++) {
            uint32_t nr = 0;

            for (uint32_t k = 0; k < p->item[i].nr_vgpus; k++) {
                nr += p->item[i].vgpu[k].kind == kind;
            }
            with[nr]++;
            need += nr;
            items += nr > 0;
            for (uint32_t w = 0; w < HOST_WORDS && nr; w++) {
                allowed[w] |= p->item[i].allowed[w];
            }
        }
        for (uint32_t h = 0; h < p->nr_hosts && room < need; h++) {
            if (p->host[h].target && (allowed[h / 64] >> (h % 64) & 1)) {
                room += places(p, h, kind, need - room);
            }
        }
        lost = too_many(with, need, room);
        if (lost > worst) {
            worst = lost;
            *why = (struct exclaim_plan_reason){
                .kind = EXCLAIM_REASON_GPUS, .count = items, .need = need, .room = room
            };
        }
    }
    return worst;
}
