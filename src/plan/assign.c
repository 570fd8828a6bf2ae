/* SPDX-License-Identifier: BSD-2-Clause */
/* From the state to a pack. */
#include <stdlib.h>
#include <string.h>

#include "work.h"

static void add_host(const struct state *s, const struct assignment *a, uint32_t host,
                     struct pack *p, uint32_t *nodes)
{
    const struct exclaim_pool_host *from = &s->pool->host[host];
    const struct state_host *now = &s->host[host];
    struct pack_host *h = &p->host[host];
    uint64_t far;

    *h = (struct pack_host){ .first = *nodes,
                             .left = now->left > 0 ? now->left : 0,
                             .spare = INT64_MAX,
                             .vcpus = now->vcpus,
                             .cores = 1,
                             .rank = a->rank ? a->rank[host] : 0,
                             .target = a->target[host],
                             .known = now->known };
    if (!h->target) {
        return;
    }
    if (!h->known) {
        p->node[*nodes] = (struct pack_node){
            .left = h->left, .host = host, .id = EXCLAIM_NO_NODE, .head = PACK_NONE
        };
        h->nr = 1;
    }
    far = from->distance ? exclaim_far_nodes(from->nr_nodes, from->online, from->distance) : 0;
    for (uint32_t n = 0; n < from->nr_nodes && h->known; n++) {
        if (!(from->online >> n & 1) || far >> n & 1) {
            continue; /* nothing is planned onto far memory */
        }
        p->node[*nodes + h->nr++] = (struct pack_node){
            .left = now->node[n], .host = host, .id = n, .parts = now->parts[n], .head = PACK_NONE
        };
        if (now->parts[n] && now->node[n] < h->spare) {
            h->spare = now->node[n];
        }
    }
    *nodes += h->nr;
}

static void add_item(const struct state *s, const struct draft *d, const struct assignment *a,
                     uint32_t index, struct pack *p, uint32_t *parts)
{
    const uint32_t vm = a->vm[index];
    const struct exclaim_pool_vm *from = &s->pool->vm[vm];
    struct pack_item *item = &p->item[index];
    struct layout l;

    state_layout(s, d, vm, &s->vm[vm], &l);
    *item = (struct pack_item){ .vm = vm,
                                .first = *parts,
                                .nr = l.nr,
                                .total = l.total,
                                .arrival = (int64_t)from->arrival_pages,
                                .loose = (int64_t)from->arrival_pages + l.strays,
                                .vcpus = from->vcpus,
                                .nr_vgpus = from->nr_vgpus,
                                .vgpu = from->vgpu,
                                .pinned = from->pinned,
                                .counted = l.known && from->exact && s->vm[vm].intact,
                                .host = PACK_NONE };
    for (uint32_t k = 0; k < l.nr; k++) {
        p->part[(*parts)++] = (struct pack_part){
            .pages = l.pages[k], .src = l.node[k], .node = PACK_NONE, .item = index
        };
    }
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        if (a->target[h] && !(a->not_home && from->host == h) &&
            state_forbids(s, vm, h) == EXCLAIM_FITS) {
            item->allowed[h / 64] |= 1ull << (h % 64);
        }
    }
}

static uint32_t first_of_group(const struct state *s, uint32_t apart)
{
    uint32_t low = 0, high = s->nr_group;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (s->group[middle] >> 32 < apart) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Numbers the groups of the items from 1 on; apart[] tells which each is.  -1: no memory. */
static int number_groups(const struct state *s, const struct assignment *a, uint32_t *of_item,
                         uint32_t *apart, uint32_t *nr)
{
    uint32_t *number = calloc(s->nr_group + 1u, sizeof(*number)); /* by first member */

    *nr = 0;
    if (!number) {
        return -1;
    }
    for (uint32_t i = 0; i < a->nr_vms; i++) {
        const uint32_t group = s->pool->vm[a->vm[i]].apart;
        const uint32_t first = group ? first_of_group(s, group) : 0;

        if (group && !number[first]) {
            apart[*nr] = group;
            number[first] = ++*nr;
        }
        of_item[i] = group ? number[first] : 0;
    }
    free(number);
    return 0;
}

static void count_members(const struct state *s, struct pack *p, const uint32_t *apart)
{
    for (uint32_t g = 0; g < p->nr_groups; g++) {
        for (uint32_t i = first_of_group(s, apart[g]);
             i < s->nr_group && s->group[i] >> 32 == apart[g]; i++) {
            const uint32_t host = s->vm[(uint32_t)s->group[i]].host;

            if (host < p->nr_hosts) {
                p->members[(size_t)g * p->nr_hosts + host]++;
            }
        }
    }
    for (uint32_t i = 0; i < p->nr_items; i++) {
        const uint32_t host = s->vm[p->item[i].vm].host;

        if (p->item[i].group && host < p->nr_hosts) {
            (*pack_members(p, &p->item[i], host))--;
        }
    }
}

/* Where they are known of all targets: a core of one is as good as one of another. */
static void set_cores(const struct state *s, struct pack *p)
{
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        if (p->host[h].target && !s->pool->host[h].cores) {
            return;
        }
    }
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        p->host[h].cores = p->host[h].target ? s->pool->host[h].cores : 1;
    }
}

/* -1: no memory. */
static int copy_gpus(const struct state *s, struct pack *p)
{
    const size_t nr = (size_t)p->nr_hosts * EXCLAIM_GPU_KINDS;

    p->gpus_more = calloc(nr + 1, sizeof(*p->gpus_more));
    if (!p->gpus_more) {
        return -1;
    }
    memcpy(p->gpus_more, s->gpus_more, nr * sizeof(*p->gpus_more));
    p->gpus_there = s->gpus_there;
    p->gpus = s->pool;
    return 0;
}

int assign_build(const struct state *s, const struct draft *d, const struct assignment *a,
                 struct pack *p)
{
    const uint32_t hosts = s->pool->nr_hosts;
    uint32_t nodes = 0, parts = 0, groups;
    uint32_t *of_item = calloc(a->nr_vms + 1u, sizeof(*of_item));
    uint32_t *apart = calloc(a->nr_vms + 1u, sizeof(*apart));
    int r = -1;

    if (!of_item || !apart || number_groups(s, a, of_item, apart, &groups)) {
        goto out;
    }
    for (uint32_t h = 0; h < hosts; h++) {
        nodes += a->target[h] ? 1 + s->pool->host[h].nr_nodes : 0;
    }
    for (uint32_t i = 0; i < a->nr_vms; i++) {
        parts += s->vm[a->vm[i]].moved ? EXCLAIM_NODES_MAX : 1 + s->pool->vm[a->vm[i]].nr_nodes;
    }
    if (pack_open(p, a->nr_vms, parts, hosts, nodes, groups)) {
        goto out;
    }
    p->effort = s->opt.effort;
    p->whole_parts = s->opt.whole_parts;
    p->spread = s->opt.prefer == EXCLAIM_PREFER_SPREAD;
    nodes = parts = 0;
    for (uint32_t h = 0; h < hosts; h++) {
        add_host(s, a, h, p, &nodes);
    }
    for (uint32_t i = 0; i < a->nr_vms; i++) {
        add_item(s, d, a, i, p, &parts);
        p->item[i].group = of_item[i];
    }
    p->nr_nodes = nodes;
    p->nr_parts = parts;
    set_cores(s, p);
    count_members(s, p, apart);
    if (s->pool->nr_gpus && copy_gpus(s, p)) {
        pack_close(p);
        goto out;
    }
    r = 0;
out:
    free(of_item);
    free(apart);
    return r;
}
