/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool put together from files, one host's part each. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/file.h"
#include "work.h"

static int read_part(const char *path, struct exclaim_pool *part, struct exclaim_error *err)
{
    char *data;
    size_t len;
    int rc;

    if (exclaim_file_read(path, EXCLAIM_SNAPSHOT_MAX, &data, &len, err)) {
        return -1;
    }
    rc = exclaim_pool_unpack(data, len, part, err);
    free(data);
    return rc ? exclaim_error_wrap(err, "%s", path) : 0;
}

static int by_uuid(const void *a, const void *b)
{
    const struct exclaim_pool_vm *const *x = a, *const *y = b;

    return strcmp((*x)->uuid, (*y)->uuid);
}

/* One VM on two hosts: the files were taken while it moved. */
static int check_twice(const struct exclaim_pool *pool, struct exclaim_error *err)
{
    const struct exclaim_pool_vm **list = calloc(pool->nr_vms + 1, sizeof(const void *));
    int rc = 0;

    if (!list) {
        return pool_no_memory(err);
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        list[v] = &pool->vm[v];
    }
    qsort(list, pool->nr_vms, sizeof(const void *), by_uuid);
    for (uint32_t v = 1; !rc && v < pool->nr_vms; v++) {
        if (*list[v]->uuid && !strcmp(list[v]->uuid, list[v - 1]->uuid)) {
            rc = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                              "VM %s is on host %s and on host %s: it moved meanwhile, or has a "
                              "twin",
                              list[v]->uuid, pool->host[list[v - 1]->host].name,
                              pool->host[list[v]->host].name);
        }
    }
    free(list);
    return rc;
}

static bool same_host(const struct exclaim_pool_host *a, const struct exclaim_pool_host *b)
{
    return *a->uuid || *b->uuid ? !strcmp(a->uuid, b->uuid) : !strcmp(a->name, b->name);
}

/* Moves a part into the pool: the blocks of its memory go along, so that its pointers hold. */
static void take_over(struct exclaim_pool *pool, struct exclaim_pool *part)
{
    pool->host[pool->nr_hosts] = part->host[0];
    for (uint32_t v = 0; v < part->nr_vms; v++) {
        pool->vm[pool->nr_vms] = part->vm[v];
        pool->vm[pool->nr_vms++].host = pool->nr_hosts;
    }
    pool->nr_hosts++;
    pool_adopt(pool, part);
}

static int join(struct exclaim_pool *part, uint32_t nr, struct exclaim_pool *pool,
                struct exclaim_error *err)
{
    uint64_t nr_vms = 0;

    for (uint32_t i = 0; i < nr; i++) {
        nr_vms += part[i].nr_vms;
    }
    if (nr_vms > EXCLAIM_POOL_VMS) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%" PRIu64 " VMs, limit %u", nr_vms,
                            EXCLAIM_POOL_VMS);
    }
    pool->name = "";
    pool->host = pool_alloc(pool, nr, sizeof(*pool->host));
    pool->vm = pool_alloc(pool, nr_vms + 1, sizeof(*pool->vm));
    if (!pool->host || !pool->vm) {
        return pool_no_memory(err);
    }
    for (uint32_t i = 0; i < nr; i++) {
        for (uint32_t h = 0; h < pool->nr_hosts; h++) {
            if (same_host(&pool->host[h], part[i].host)) {
                return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "two files are of host %s",
                                    pool->host[h].name);
            }
        }
        take_over(pool, &part[i]);
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        memset(pool->vm[v].allowed, 0, sizeof(pool->vm[v].allowed));
        pool_allow_all(pool, &pool->vm[v]);
    }
    return check_twice(pool, err);
}

int exclaim_pool_read(const char *const *path, uint32_t nr_paths, struct exclaim_pool *pool,
                      struct exclaim_error *err)
{
    struct exclaim_pool *part;
    int rc = 0;

    *pool = (struct exclaim_pool){ 0 };
    if (nr_paths == 0 || nr_paths > EXCLAIM_POOL_HOSTS) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%" PRIu32 " files, 1 to %u make a pool",
                            nr_paths, EXCLAIM_POOL_HOSTS);
    }
    part = calloc(nr_paths, sizeof(*part));
    if (!part) {
        return pool_no_memory(err);
    }
    for (uint32_t i = 0; !rc && i < nr_paths; i++) {
        rc = read_part(path[i], &part[i], err);
    }
    if (!rc) {
        rc = join(part, nr_paths, pool, err);
    }
    for (uint32_t i = 0; i < nr_paths; i++) {
        exclaim_pool_free(&part[i]); /* empty where it was taken over */
    }
    free(part);
    if (rc) {
        exclaim_pool_free(pool);
    }
    return rc;
}
