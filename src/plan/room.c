/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's host and VM as a match sees them. */
#include <stdio.h>
#include <string.h>

#include "work.h"

void exclaim_plan_room(const struct exclaim_pool *pool, uint32_t host, struct exclaim_room *room)
{
    const struct exclaim_pool_host *h = &pool->host[host];

    memset(room, 0, sizeof(*room));
    room->nr_nodes = h->nr_nodes;
    for (uint32_t n = 0; n < h->nr_nodes && h->free_source != EXCLAIM_FROM_NOWHERE; n++) {
        if (h->online >> n & 1) {
            room->allowed |= 1ull << n;
            room->free[n] = h->free[n];
            room->claimed[n] = h->claimed[n];
        }
        if (h->distance) {
            memcpy(room->distance[n], h->distance[n], sizeof(room->distance[n]));
        }
    }
    room->host_free = h->host_free;
    room->host_claimed = h->host_claimed;
    room->headroom = h->headroom;
    room->slack = h->slack;
}

void exclaim_plan_reservation(const struct exclaim_pool *pool, uint32_t vm,
                              struct exclaim_reservation *res)
{
    const struct exclaim_pool_vm *v = &pool->vm[vm];
    const struct exclaim_pool_host *from = v->host < pool->nr_hosts ? &pool->host[v->host] : NULL;

    memset(res, 0, sizeof(*res));
    res->count.nr_nodes = v->nr_nodes;
    for (uint32_t n = 0; n < v->nr_nodes; n++) {
        res->count.pages[n] = v->pages[n];
    }
    res->count.total_pages = v->total_pages;
    res->count.exact = v->exact;
    res->max_pages = v->max_pages;
    res->paging_pool_bytes = v->paging_pool_bytes;
    res->vcpus = v->vcpus;
    for (uint32_t n = 0; from && from->distance && n < from->nr_nodes; n++) {
        memcpy(res->distance[n], from->distance[n], sizeof(res->distance[n]));
    }
}
