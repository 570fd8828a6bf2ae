/* SPDX-License-Identifier: BSD-2-Clause */
/* Where every VM is and what is left, as a plan goes on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void load_host(const struct exclaim_pool *pool, uint32_t index, struct state_host *host)
{
    const struct exclaim_pool_host *h = &pool->host[index];
    const uint64_t promised = h->host_claimed + h->headroom;

    host->known = h->free_source != EXCLAIM_FROM_NOWHERE && h->nr_nodes && h->online;
    host->enabled = h->enabled;
    /* Not cut off at 0, here and below: what is promised beyond it is given back first. */
    host->left = (int64_t)h->host_free - (int64_t)promised;
    host->head = EXCLAIM_NO_VM;
    for (uint32_t n = 0; n < h->nr_nodes && host->known; n++) {
        if (h->online >> n & 1) {
            host->node[n] = (int64_t)h->free[n] - (int64_t)h->claimed[n] - (int64_t)h->slack;
        }
    }
}

static void list_vm(struct state *s, uint32_t vm, uint32_t host)
{
    struct state_vm *v = &s->vm[vm];

    v->host = host;
    v->prev = EXCLAIM_NO_VM;
    v->next = s->host[host].head;
    if (v->next != EXCLAIM_NO_VM) {
        s->vm[v->next].prev = vm;
    }
    s->host[host].head = vm;
    v->listed = true;
    s->host[host].vcpus += s->pool->vm[vm].vcpus;
}

static void unlist_vm(struct state *s, uint32_t vm)
{
    struct state_vm *v = &s->vm[vm];

    if (!v->listed) {
        return;
    }
    if (v->prev != EXCLAIM_NO_VM) {
        s->vm[v->prev].next = v->next;
    } else {
        s->host[v->host].head = v->next;
    }
    if (v->next != EXCLAIM_NO_VM) {
        s->vm[v->next].prev = v->prev;
    }
    v->listed = false;
    s->host[v->host].vcpus -= s->pool->vm[vm].vcpus;
}

int state_open(struct state *s, const struct exclaim_pool *pool,
               const struct exclaim_plan_options *opt, struct exclaim_error *err)
{
    *s = (struct state){ .pool = pool };
    s->opt = opt ? *opt : (struct exclaim_plan_options){ 0 };
    s->opt.max_out = s->opt.max_out ? s->opt.max_out : EXCLAIM_PLAN_CONCURRENT;
    s->opt.max_in = s->opt.max_in ? s->opt.max_in : EXCLAIM_PLAN_CONCURRENT;
    s->opt.effort = s->opt.effort ? s->opt.effort : EXCLAIM_PLAN_EFFORT;
    if (pool->nr_hosts > EXCLAIM_POOL_HOSTS || pool->nr_vms > EXCLAIM_POOL_VMS) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "a pool of %u hosts and %u VMs, the limits are %u and %u",
                            pool->nr_hosts, pool->nr_vms, EXCLAIM_POOL_HOSTS, EXCLAIM_POOL_VMS);
    }
    s->host = calloc(pool->nr_hosts + 1u, sizeof(*s->host));
    s->vm = calloc(pool->nr_vms + 1u, sizeof(*s->vm));
    s->group = calloc(pool->nr_vms + 1u, sizeof(*s->group));
    s->gpus_there = calloc((size_t)pool->nr_gpus * EXCLAIM_GPU_KINDS + 1u, sizeof(*s->gpus_there));
    s->gpus_more = calloc((size_t)pool->nr_hosts * EXCLAIM_GPU_KINDS + 1u, sizeof(*s->gpus_more));
    if (!s->host || !s->vm || !s->group || !s->gpus_there || !s->gpus_more) {
        state_close(s);
        return plan_no_memory(err);
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        load_host(pool, h, &s->host[h]);
    }
    for (uint32_t g = 0; g < pool->nr_gpus; g++) {
        memcpy(&s->gpus_there[(size_t)g * EXCLAIM_GPU_KINDS], pool->gpu[g].nr,
               sizeof(pool->gpu[g].nr));
    }
    for (uint32_t v = pool->nr_vms; v-- > 0;) {
        s->vm[v].host = pool->vm[v].host;
        s->vm[v].intact = true;
        if (pool->vm[v].host < pool->nr_hosts) {
            list_vm(s, v, pool->vm[v].host);
        }
        if (pool->vm[v].apart) {
            s->group[s->nr_group++] = (uint64_t)pool->vm[v].apart << 32 | v;
        }
    }
    qsort(s->group, s->nr_group, sizeof(*s->group), compare_u64);
    return 0;
}

void state_close(struct state *s)
{
    free(s->host);
    free(s->vm);
    free(s->group);
    free(s->gpus_there);
    free(s->gpus_more);
    *s = (struct state){ 0 };
}

enum exclaim_misfit_why state_forbids(const struct state *s, uint32_t vm, uint32_t host)
{
    const uint32_t from = s->vm[vm].host;

    if (from == host) {
        return EXCLAIM_MISFIT_SELF;
    }
    if (from < s->pool->nr_hosts && s->pool->host[from].dead) {
        return EXCLAIM_MISFIT_DEAD;
    }
    if (!s->host[host].enabled) {
        return EXCLAIM_MISFIT_DISABLED;
    }
    if (!exclaim_pool_may_run(&s->pool->vm[vm], host)) {
        return EXCLAIM_MISFIT_AGILITY;
    }
    if (from < s->pool->nr_hosts && !s->host[host].upgraded &&
        (s->host[from].upgraded ||
         exclaim_host_version_older(&s->pool->host[host].version, &s->pool->host[from].version))) {
        return EXCLAIM_MISFIT_OLDER;
    }
    return EXCLAIM_FITS;
}

static void pages_by_node(const struct state *s, const struct draft *d, uint32_t vm,
                          const struct state_vm *v, int64_t pages[EXCLAIM_NODES_MAX], bool *known)
{
    const struct exclaim_pool_vm *p = &s->pool->vm[vm];

    *known = false;
    if (!v->moved) {
        for (uint32_t n = 0; n < p->nr_nodes && n < EXCLAIM_NODES_MAX; n++) {
            pages[n] = (int64_t)p->pages[n];
            *known |= pages[n] > 0;
        }
        return;
    }
    for (uint32_t i = v->first; i < v->first + v->nr; i++) {
        if (d->part[i].dst_node < EXCLAIM_NODES_MAX) {
            pages[d->part[i].dst_node] += (int64_t)d->part[i].pages;
            *known = true;
        }
    }
}

/* As a match does: the largest part is a home however small it is, and takes the strays in. */
void state_layout(const struct state *s, const struct draft *d, uint32_t vm,
                  const struct state_vm *v, struct layout *l)
{
    int64_t pages[EXCLAIM_NODES_MAX] = { 0 };
    uint32_t largest = 0;

    l->nr = 0;
    l->total = l->strays = (int64_t)s->pool->vm[vm].total_pages;
    pages_by_node(s, d, vm, v, pages, &l->known);
    for (uint32_t n = 1; n < EXCLAIM_NODES_MAX; n++) {
        largest = pages[n] > pages[largest] ? n : largest;
    }
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX && l->known; n++) {
        uint32_t at = l->nr;

        if (!pages[n] || (n != largest && (uint64_t)pages[n] <= s->opt.stray_pages)) {
            continue;
        }
        while (at > 0 && l->pages[at - 1] < pages[n]) {
            l->pages[at] = l->pages[at - 1];
            l->node[at] = l->node[at - 1];
            at--;
        }
        l->pages[at] = pages[n];
        l->node[at] = n;
        l->nr++;
        l->strays -= pages[n];
    }
    if (!l->known) {
        l->nr = 1;
        l->pages[0] = l->total;
        l->node[0] = EXCLAIM_NO_NODE;
        l->strays = 0;
    }
    l->strays = l->strays > 0 ? l->strays : 0;
}

static void charge(struct state *s, const struct draft *d, uint32_t vm, const struct state_vm *v,
                   int64_t sign)
{
    struct state_host *h = &s->host[v->host];
    int64_t pages[EXCLAIM_NODES_MAX] = { 0 };
    bool known;

    pages_by_node(s, d, vm, v, pages, &known);
    for (uint32_t n = 0; n < s->pool->host[v->host].nr_nodes && h->known; n++) {
        h->node[n] -= sign * (pages[n] + v->loose);
        if (v->charged && pages[n]) {
            h->parts[n] = sign > 0 ? h->parts[n] + 1 : h->parts[n] - 1;
        }
    }
    h->left -= sign * ((int64_t)s->pool->vm[vm].total_pages + v->arrival);
}

/* The virtual GPUs of @vm as @v lies, @sign times; those that nobody has counted are nowhere. */
static void charge_gpus(struct state *s, uint32_t vm, const struct state_vm *v, int sign)
{
    const struct exclaim_pool_vm *p = &s->pool->vm[vm];

    for (uint32_t i = 0; i < p->nr_vgpus; i++) {
        const struct exclaim_vgpu *vgpu = &p->vgpu[i];

        if (v->moved) {
            s->gpus_more[(size_t)v->host * EXCLAIM_GPU_KINDS + vgpu->kind] += (uint32_t)sign;
        } else if (vgpu->gpu < s->pool->nr_gpus) {
            s->gpus_there[(size_t)vgpu->gpu * EXCLAIM_GPU_KINDS + vgpu->kind] += (uint32_t)sign;
        }
    }
}

bool state_gpus_take(const struct state *s, uint32_t vm, uint32_t host, uint32_t without)
{
    const struct exclaim_pool_vm *p = &s->pool->vm[vm];
    struct state now = *s; /* its arrays are changed and changed back */
    uint32_t more[EXCLAIM_GPU_KINDS];
    bool take;

    if (!p->nr_vgpus) {
        return true;
    }
    if (without != EXCLAIM_NO_VM) {
        charge_gpus(&now, without, &s->vm[without], -1);
    }
    memcpy(more, &s->gpus_more[(size_t)host * EXCLAIM_GPU_KINDS], sizeof(more));
    for (uint32_t i = 0; i < p->nr_vgpus; i++) {
        more[p->vgpu[i].kind]++;
    }
    take = exclaim_pool_gpus_take(s->pool, host, s->gpus_there, more);
    if (without != EXCLAIM_NO_VM) {
        charge_gpus(&now, without, &s->vm[without], 1);
    }
    return take;
}

void state_release(struct state *s, const struct draft *d, uint32_t vm, const struct state_vm *was)
{
    if (was->host < s->pool->nr_hosts) {
        charge(s, d, vm, was, -1);
        charge_gpus(s, vm, was, -1);
    }
}

struct state_vm state_arrive(struct state *s, const struct draft *d, uint32_t vm, uint32_t host,
                             uint32_t move, int64_t loose, int64_t arrival)
{
    struct state_vm *v = &s->vm[vm];
    const struct state_vm was = *v;

    unlist_vm(s, vm);
    v->first = d->first_part[move];
    v->nr = d->move[move].nr_parts;
    v->moved = v->charged = true;
    v->loose = loose;
    v->arrival = arrival;
    list_vm(s, vm, host);
    charge(s, d, vm, v, 1);
    charge_gpus(s, vm, v, 1);
    return was;
}
