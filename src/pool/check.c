/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of a pool whoever it comes from. */
#include "work.h"

#include <inttypes.h>
#include <string.h>

/* Of a PV guest, which may have most (MAX_VIRT_CPUS in xen/arch/x86/include/asm/config.h). */
#define VCPUS_MAX 8192u

static int bad(struct exclaim_error *err, const char *what, uint64_t value, uint64_t limit)
{
    return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%s %" PRIu64 ", limit %" PRIu64, what, value,
                        limit);
}

static int limit(const char *what, uint64_t value, struct exclaim_error *err)
{
    return value > EXCLAIM_PAGES_MAX ? bad(err, what, value, EXCLAIM_PAGES_MAX) : 0;
}

/* Also forgets what is said of nodes that are not online, as Xen's own list ends at the last one.
 */
static int check_host(struct exclaim_pool_host *host, struct exclaim_error *err)
{
    uint64_t free = 0;

    if (host->nr_nodes > EXCLAIM_NODES_MAX) {
        return bad(err, "nodes", host->nr_nodes, EXCLAIM_NODES_MAX);
    }
    if (host->nr_nodes < EXCLAIM_NODES_MAX && host->online >> host->nr_nodes) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "a node is online beyond its %" PRIu32,
                            host->nr_nodes);
    }
    host->nr_nodes = host->online ? 64 - (uint32_t)__builtin_clzll(host->online) : 0;
    if (limit("free pages", host->host_free, err) ||
        limit("claimed pages", host->host_claimed, err) ||
        limit("headroom pages", host->headroom, err) || limit("slack pages", host->slack, err)) {
        return -1;
    }
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (!(host->online >> n & 1)) {
            host->free[n] = host->claimed[n] = 0;
        }
        if (limit("free pages", host->free[n], err) ||
            limit("claimed pages", host->claimed[n], err)) {
            return exclaim_error_wrap(err, "node %" PRIu32, n);
        }
        free += host->free[n];
    }
    return limit("free pages of all nodes", free, err);
}

static int check_vm(const struct exclaim_pool *pool, const struct exclaim_pool_vm *vm,
                    struct exclaim_error *err)
{
    const struct exclaim_pool_host *host;
    uint64_t sum = 0;

    if (vm->host != EXCLAIM_NO_HOST && vm->host >= pool->nr_hosts) {
        return bad(err, "host", vm->host, pool->nr_hosts - 1);
    }
    host = vm->host == EXCLAIM_NO_HOST ? NULL : &pool->host[vm->host];
    if (vm->nr_nodes > EXCLAIM_NODES_MAX) {
        return bad(err, "nodes", vm->nr_nodes, EXCLAIM_NODES_MAX);
    }
    if (limit("total pages", vm->total_pages, err) || limit("max_pages", vm->max_pages, err) ||
        limit("paging pool pages", vm->paging_pool_bytes >> EXCLAIM_PAGE_SHIFT, err)) {
        return -1;
    }
    if (vm->vcpus > VCPUS_MAX) {
        return bad(err, "vcpus", vm->vcpus, VCPUS_MAX);
    }
    for (uint32_t n = 0; n < vm->nr_nodes; n++) {
        if (limit("pages", vm->pages[n], err)) {
            return exclaim_error_wrap(err, "node %" PRIu32, n);
        }
        if (vm->pages[n] && host && host->nr_nodes && !(host->online >> n & 1)) {
            return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                                "%" PRIu64 " pages on node %" PRIu32
                                ", which is not online on its host",
                                vm->pages[n], n);
        }
        sum += vm->pages[n]; /* 64 numbers up to 2^40 */
    }
    if (vm->nr_nodes && sum != vm->total_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "nodes add up to %" PRIu64 " pages, total is %" PRIu64, sum,
                            vm->total_pages);
    }
    if (vm->exact && !vm->nr_nodes) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "an exact count without nodes");
    }
    return 0;
}

int pool_finish(struct exclaim_pool *pool, struct exclaim_error *err)
{
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (check_host(&pool->host[h], err)) {
            return exclaim_error_wrap(err, "host %s", pool->host[h].name);
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        struct exclaim_pool_vm *vm = &pool->vm[v];

        if (check_vm(pool, vm, err)) {
            return exclaim_error_wrap(err, "VM %s", *vm->name ? vm->name : vm->uuid);
        }
        if (!vm->arrival_source) {
            vm->arrival_pages = exclaim_arrival_pages(vm->vcpus, vm->paging_pool_bytes);
            vm->arrival_source = EXCLAIM_FROM_ESTIMATE;
        }
        if (vm->host != EXCLAIM_NO_HOST) {
            pool_allow(vm, vm->host);
        }
    }
    return 0;
}
