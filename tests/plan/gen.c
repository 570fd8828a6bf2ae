/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes pools from a seed: regular, odd, tight and large ones. */
#include "gen.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    char (*host_name)[16];
    char (*vm_name)[16];
    uint64_t (*pages)[EXCLAIM_NODES_MAX];
    struct exclaim_vgpu *vgpu; /* one for each VM */
    uint32_t max_vms;
};

/* splitmix64 */
uint64_t gen_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t gen_below(uint64_t *seed, uint64_t limit)
{
    return gen_random(seed) % limit;
}

struct exclaim_bar gen_local_disk = { .host = { ~0ull, ~0ull, ~0ull, ~0ull },
                                      .why = "its disk is local" };

static void *must(void *memory)
{
    if (!memory) {
        abort();
    }
    return memory;
}

struct exclaim_pool *gen_pool(uint32_t hosts, uint32_t vms)
{
    struct exclaim_pool *pool = must(calloc(1, sizeof(*pool)));
    struct memory *m = must(calloc(1, sizeof(*m)));

    m->host_name = must(calloc(hosts, sizeof(*m->host_name)));
    m->vm_name = must(calloc(vms + 1u, sizeof(*m->vm_name)));
    m->pages = must(calloc(vms + 1u, sizeof(*m->pages)));
    m->max_vms = vms;
    pool->name = "";
    pool->nr_hosts = hosts;
    pool->host = must(calloc(hosts, sizeof(*pool->host)));
    pool->vm = must(calloc(vms + 1u, sizeof(*pool->vm)));
    pool->memory = m;
    for (uint32_t h = 0; h < hosts; h++) {
        snprintf(m->host_name[h], sizeof(m->host_name[h]), "host%u", h);
    }
    return pool;
}

void gen_free(struct exclaim_pool *pool)
{
    struct memory *m = pool->memory;

    free(m->host_name);
    free(m->vm_name);
    free(m->pages);
    free(m->vgpu);
    free(m);
    free(pool->gpu);
    free(pool->host);
    free(pool->vm);
    free(pool);
}

void gen_gpus(struct exclaim_pool *pool, uint64_t seed)
{
    struct memory *m = pool->memory;
    uint32_t size[2 * EXCLAIM_POOL_HOSTS], taken[2 * EXCLAIM_POOL_HOSTS] = { 0 };

    pool->gpu = must(calloc(2 * pool->nr_hosts + 1u, sizeof(*pool->gpu)));
    m->vgpu = must(calloc(pool->nr_vms + 1u, sizeof(*m->vgpu)));
    pool->gpu_joins[0] = 1;
    pool->gpu_joins[1] = 2;
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        const uint64_t nr = gen_below(&seed, 3) ? 1 + gen_below(&seed, 2) : 0;

        for (uint64_t i = 0; i < nr; i++) {
            struct exclaim_pool_gpu *gpu = &pool->gpu[pool->nr_gpus];

            size[pool->nr_gpus++] = 1 + (uint32_t)gen_below(&seed, 4);
            gpu->host = h;
            gpu->takes = 3;
            for (uint32_t k = 0; k < 2; k++) {
                gpu->share[k] = EXCLAIM_GPU_FULL * (k + 1) / size[pool->nr_gpus - 1];
            }
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        const uint32_t kind = (uint32_t)gen_below(&seed, 2);

        for (uint32_t g = 0; g < pool->nr_gpus && !pool->vm[v].nr_vgpus; g++) {
            if (pool->gpu[g].host != pool->vm[v].host || pool->gpu[g].nr[1 - kind] ||
                taken[g] + kind + 1 > size[g] || !gen_below(&seed, 2)) {
                continue;
            }
            taken[g] += kind + 1;
            pool->gpu[g].nr[kind]++;
            m->vgpu[v] = (struct exclaim_vgpu){ .kind = kind, .gpu = g };
            pool->vm[v].vgpu = &m->vgpu[v];
            pool->vm[v].nr_vgpus = 1;
        }
    }
}

void gen_host(struct exclaim_pool *pool, uint32_t host, uint32_t nodes, uint64_t pages)
{
    struct memory *m = pool->memory;
    struct exclaim_pool_host *h = &pool->host[host];

    *h = (struct exclaim_pool_host){
        .uuid = m->host_name[host],
        .name = m->host_name[host],
        .ref = "",
        .enabled = true,
        .coordinator = host == 0,
        .xen_version = "4.17.6",
        .nr_nodes = nodes,
        .online = nodes == 64 ? UINT64_MAX : (1ull << nodes) - 1,
        .host_free = pages * nodes,
        .one_node = EXCLAIM_GUARANTEE_NODE,
        .several_nodes = EXCLAIM_GUARANTEE_HOST,
        .free_source = EXCLAIM_FROM_HYPERCALL,
        .host_free_source = EXCLAIM_FROM_HYPERCALL,
        .why = "",
    };
    for (uint32_t n = 0; n < nodes; n++) {
        h->free[n] = pages;
    }
}

uint32_t gen_vm(struct exclaim_pool *pool, uint32_t host, uint32_t nodes, const uint64_t *pages,
                uint32_t vcpus)
{
    struct memory *m = pool->memory;
    const uint32_t index = pool->nr_vms++;
    struct exclaim_pool_vm *vm = &pool->vm[index];

    if (index >= m->max_vms) {
        abort();
    }
    snprintf(m->vm_name[index], sizeof(m->vm_name[index]), "vm%u", index);
    *vm = (struct exclaim_pool_vm){
        .uuid = m->vm_name[index],
        .name = m->vm_name[index],
        .ref = "",
        .host = host,
        .nr_nodes = nodes,
        .pages = m->pages[index],
        .pages_source = EXCLAIM_FROM_HYPERCALL,
        .exact = true,
        .why = "",
        .vcpus = vcpus,
        .arrival_pages = vcpus ? exclaim_arrival_pages(vcpus, 0) : 0,
    };
    for (uint32_t n = 0; n < nodes; n++) {
        m->pages[index][n] = pages[n];
        vm->total_pages += pages[n];
        if (host < pool->nr_hosts) {
            pool->host[host].free[n] -= pages[n];
            pool->host[host].host_free -= pages[n];
        }
    }
    vm->max_pages = vm->total_pages + 256;
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        vm->allowed[h / 64] |= 1ull << (h % 64);
    }
    return index;
}

struct exclaim_pool *gen_large(const struct gen_large *how, uint64_t seed)
{
    static const uint32_t sizes[] = { 4,  8,  16, 16, 24,  32,  32,  48,
                                      64, 64, 96, 96, 128, 128, 192, 256 };
    struct exclaim_pool *pool = gen_pool(how->hosts, how->vms);
    uint64_t *want = must(calloc(how->vms, sizeof(*want))), sum = 0, capacity;
    double scale;

    assert(how->hosts > 0);
    for (uint32_t h = 0; h < how->hosts; h++) {
        gen_host(pool, h, 2, 768 * GEN_GIB);
        pool->host[h].free[0] -= 8 * GEN_GIB; /* dom0 */
        pool->host[h].host_free -= 8 * GEN_GIB;
        pool->host[h].slack = EXCLAIM_NODE_SLACK;
    }
    capacity = (uint64_t)how->hosts * 1528 * GEN_GIB;
    for (uint32_t v = 0; v < how->vms; v++) {
        want[v] = sizes[gen_below(&seed, 16)] * GEN_GIB;
        sum += want[v];
    }
    scale = (double)capacity * how->fill / 100.0 / (double)sum;
    for (uint32_t v = 0; v < how->vms; v++) {
        const bool two = gen_below(&seed, 100) < 12;
        const uint64_t size = (uint64_t)((double)want[v] * scale) / 512 * 512;
        const uint32_t first = (uint32_t)gen_below(&seed, how->hosts);
        const uint32_t vcpus = how->arrival ? 1 + (uint32_t)gen_below(&seed, 16) : 0;

        for (uint32_t i = 0; i < how->hosts; i++) {
            const uint32_t h = (first + i) % how->hosts;
            const uint64_t *free = pool->host[h].free;
            uint64_t pages[2] = { size, 0 };

            if (two) {
                pages[0] = pages[1] = size / 2;
            } else if (free[0] < size + EXCLAIM_NODE_SLACK) {
                pages[0] = 0;
                pages[1] = size;
            }
            if (pages[0] + EXCLAIM_NODE_SLACK <= free[0] &&
                pages[1] + EXCLAIM_NODE_SLACK <= free[1]) {
                gen_vm(pool, h, 2, pages, vcpus);
                break;
            }
        }
    }
    free(want);
    return pool;
}

/* Up to three parts on nodes of @host, within what is free there. */
static void odd_vm(struct exclaim_pool *pool, uint64_t *seed)
{
    const uint32_t host = (uint32_t)gen_below(seed, pool->nr_hosts);
    const struct exclaim_pool_host *h = &pool->host[host];
    const uint64_t kind = gen_below(seed, 20);
    uint64_t pages[EXCLAIM_NODES_MAX] = { 0 };
    uint32_t parts = 1 + (uint32_t)(gen_below(seed, 10) < 3) + (uint32_t)(gen_below(seed, 20) < 1);
    struct exclaim_pool_vm *vm;
    uint64_t total = 0;

    for (uint32_t k = 0; k < parts; k++) {
        const uint32_t n = (uint32_t)gen_below(seed, h->nr_nodes);
        const uint64_t limit = h->free[n] > 70 ? h->free[n] - 70 : 0;
        const uint64_t want = kind == 0 ? limit : 100 + gen_below(seed, 6) * 700;

        if (!pages[n] && want <= limit && (h->online >> n & 1)) {
            pages[n] = want;
            total += want;
        }
    }
    if (!total) {
        return;
    }
    vm = &pool->vm[gen_vm(pool, host, h->nr_nodes, pages,
                          gen_below(seed, 2) ? 0 : 1 + (uint32_t)gen_below(seed, 2))];
    if (vm->vcpus) {
        vm->arrival_pages /= 8; /* small hosts, small pages */
    }
    vm->pinned = kind == 1;
    vm->apart = kind > 1 && kind < 6 ? (uint32_t)kind : 0;
    if (kind == 6) {
        vm->nr_nodes = 0;
        vm->exact = false;
        vm->why = "it changed while it was counted";
    }
    if (kind == 7) {
        vm->allowed[0] &= ~(1ull << gen_below(seed, pool->nr_hosts)) | 1ull << host;
        vm->bars = &gen_local_disk;
    }
}

struct exclaim_pool *gen_odd(uint32_t nodes, uint32_t vms, uint64_t seed)
{
    const uint32_t hosts = 2 + (uint32_t)gen_below(&seed, 5);
    struct exclaim_pool *pool = gen_pool(hosts, vms);

    for (uint32_t h = 0; h < hosts; h++) {
        struct exclaim_pool_host *host = &pool->host[h];
        const uint32_t nr = 1 + (uint32_t)gen_below(&seed, nodes);

        gen_host(pool, h, nr, 0);
        for (uint32_t n = 0; n < nr; n++) {
            const uint64_t kind = gen_below(&seed, 12);

            if (kind == 0 && nr > 1 && n) {
                host->online &= ~(1ull << n);
                continue;
            }
            host->free[n] = kind == 1 ? 70 : 2000 + gen_below(&seed, 8) * 600;
            host->host_free += host->free[n];
        }
        host->slack = gen_below(&seed, 2) ? EXCLAIM_NODE_SLACK : 0;
        host->version.part[0] = gen_below(&seed, 6) ? 4 : 3;
        if (gen_below(&seed, 25) == 0) {
            host->enabled = false;
        }
    }
    for (uint32_t v = 0; v < vms; v++) {
        odd_vm(pool, &seed);
    }
    for (uint32_t h = 0; h < hosts; h++) {
        struct exclaim_pool_host *host = &pool->host[h];

        if (gen_below(&seed, 6) == 0 && host->host_free > 400) {
            host->host_claimed = 200;
            host->headroom = 100;
        }
        if (gen_below(&seed, 6) == 0 && host->free[0] > 300) {
            host->claimed[0] = 150;
            host->host_claimed += 150;
        }
    }
    return pool;
}

#define TIGHT_NODES 8u

/* All hosts but the first, with about @need pages together on uneven nodes. */
static void tight_room(struct exclaim_pool *pool, uint64_t need, uint64_t *seed)
{
    uint64_t room = 0;

    need = need * (85 + gen_below(seed, 31)) / 100;
    for (uint32_t h = 1; h < pool->nr_hosts; h++) {
        gen_host(pool, h, 1 + (uint32_t)gen_below(seed, TIGHT_NODES), 0);
        room += pool->host[h].nr_nodes;
    }
    for (uint32_t h = 1; h < pool->nr_hosts; h++) {
        struct exclaim_pool_host *host = &pool->host[h];

        for (uint32_t n = 0; n < host->nr_nodes; n++) {
            host->free[n] = need / room * (50 + gen_below(seed, 101)) / 100;
            host->host_free += host->free[n];
        }
    }
}

struct exclaim_pool *gen_tight(uint32_t vms, uint64_t seed)
{
    const uint32_t hosts = 3 + (uint32_t)gen_below(&seed, 6);
    const uint32_t from = 1 + (uint32_t)gen_below(&seed, TIGHT_NODES);
    const uint64_t unit = GEN_GIB / 2;
    struct exclaim_pool *pool = gen_pool(hosts, vms);
    uint64_t need = 0;

    gen_host(pool, 0, from, 1024 * GEN_GIB);
    for (uint32_t v = 0; v < vms; v++) {
        const uint32_t first = (uint32_t)gen_below(&seed, from);
        uint64_t pages[EXCLAIM_NODES_MAX] = { 0 };
        uint32_t parts = gen_below(&seed, 3) ? 1 : 2 + (uint32_t)gen_below(&seed, 3);

        parts = parts < from ? parts : from;
        for (uint32_t k = 0; k < parts; k++) {
            pages[(first + k) % from] = (1 + gen_below(&seed, 16)) * unit;
            need += pages[(first + k) % from];
        }
        gen_vm(pool, 0, from, pages, gen_below(&seed, 2) ? 0 : 1 + (uint32_t)gen_below(&seed, 8));
    }
    for (uint32_t v = 0; v < vms && gen_below(&seed, 4) == 0; v += 2) {
        pool->vm[v].apart = 1;
    }
    tight_room(pool, need, &seed);
    return pool;
}

struct exclaim_pool *gen_hard(enum gen_hard kind, uint32_t vms, uint64_t seed)
{
    static const uint32_t bins[] = { 17, 11, 7, 5, 26, 13 };
    const uint32_t hosts = 3 + (uint32_t)gen_below(&seed, kind == GEN_FEW_HOSTS ? 2 : 6);
    const uint32_t from = 1 + (uint32_t)gen_below(&seed, TIGHT_NODES);
    struct exclaim_pool *pool = gen_pool(hosts, vms);
    uint32_t sizes[3], parts_of[3];
    uint64_t need = 0;

    gen_host(pool, 0, from, 1024 * GEN_GIB);
    for (uint32_t i = 0; i < 3; i++) {
        sizes[i] = 1 + (uint32_t)gen_below(&seed, 16);
        parts_of[i] = 1 + (uint32_t)gen_below(&seed, 4);
    }
    for (uint32_t v = 0; v < vms; v++) {
        const uint32_t first = (uint32_t)gen_below(&seed, from);
        const uint32_t like = (uint32_t)gen_below(&seed, 3);
        uint32_t parts = gen_below(&seed, 3) ? 1 : 2 + (uint32_t)gen_below(&seed, 3);
        uint64_t pages[EXCLAIM_NODES_MAX] = { 0 };
        struct exclaim_pool_vm *vm;

        if (kind == GEN_MANY_PARTS && gen_below(&seed, 2)) {
            parts = 1 + (uint32_t)gen_below(&seed, 8);
        }
        parts = kind == GEN_ALIKE ? parts_of[like] : parts;
        parts = parts < from ? parts : from;
        for (uint32_t k = 0; k < parts; k++) {
            const uint64_t size = kind == GEN_ALIKE ? sizes[like]
                                  : kind == GEN_BINS
                                      ? bins[gen_below(&seed, sizeof(bins) / sizeof(bins[0]))]
                                      : 1 + gen_below(&seed, 16);

            pages[(first + k) % from] = size * GEN_GIB / 2;
            need += size * GEN_GIB / 2;
        }
        vm = &pool->vm[gen_vm(pool, 0, from, pages,
                              gen_below(&seed, 2) ? 0 : 1 + (uint32_t)gen_below(&seed, 8))];
        vm->pinned = kind == GEN_PINNED && gen_below(&seed, 3) == 0;
        vm->apart =
            kind == GEN_APART && gen_below(&seed, 2) ? 1 + (uint32_t)gen_below(&seed, 3) : 0;
    }
    tight_room(pool, need, &seed);
    return pool;
}
