/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's hosts and VMs by the names that people give them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/pool.h>

const char *exclaim_pool_host_name(const struct exclaim_pool *pool, uint32_t host)
{
    if (host >= pool->nr_hosts) {
        return "nowhere";
    }
    return *pool->host[host].name ? pool->host[host].name : pool->host[host].uuid;
}

const char *exclaim_pool_vm_name(const struct exclaim_pool *pool, uint32_t vm)
{
    return *pool->vm[vm].name ? pool->vm[vm].name : pool->vm[vm].uuid;
}

uint32_t exclaim_pool_find_host(const struct exclaim_pool *pool, const char *name)
{
    uint32_t found = EXCLAIM_NO_HOST;

    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (*name && !strcmp(pool->host[h].uuid, name)) {
            return h;
        }
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (!strcmp(pool->host[h].name, name)) {
            if (found != EXCLAIM_NO_HOST) {
                return EXCLAIM_NO_HOST;
            }
            found = h;
        }
    }
    return found;
}

static uint32_t *new_indices(uint32_t nr, struct exclaim_error *err)
{
    uint32_t *index = calloc(nr ? nr : 1, sizeof(*index));

    if (!index) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "list of %" PRIu32 " hosts or VMs", nr);
    }
    return index;
}

int exclaim_pool_find_hosts(const struct exclaim_pool *pool, const char *const *name, uint32_t nr,
                            uint32_t **index, struct exclaim_error *err)
{
    *index = new_indices(nr, err);
    if (!*index) {
        return -1;
    }
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t host = exclaim_pool_find_host(pool, name[i]);

        if (host == EXCLAIM_NO_HOST) {
            exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                         "none or several of the pool's %" PRIu32 " hosts are called \"%s\"",
                         pool->nr_hosts, name[i]);
            goto bad;
        }
        for (uint32_t j = 0; j < i; j++) {
            if ((*index)[j] == host) {
                exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "host %s is named twice", name[i]);
                goto bad;
            }
        }
        (*index)[i] = host;
    }
    return 0;

bad:
    free(*index);
    *index = NULL;
    return -1;
}

static bool among(const uint32_t *index, uint32_t nr, uint32_t i)
{
    while (nr--) {
        if (index[nr] == i) {
            return true;
        }
    }
    return false;
}

int exclaim_pool_targets(const struct exclaim_pool *pool, const char *const *to, uint32_t nr_to,
                         const uint32_t *from, uint32_t nr_from, uint32_t **index, uint32_t *nr,
                         struct exclaim_error *err)
{
    *nr = 0;
    if (nr_to) {
        if (exclaim_pool_find_hosts(pool, to, nr_to, index, err)) {
            return -1;
        }
        *nr = nr_to;
        return 0;
    }
    *index = new_indices(pool->nr_hosts, err);
    if (!*index) {
        return -1;
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (!among(from, nr_from, h)) {
            (*index)[(*nr)++] = h;
        }
    }
    if (!*nr) {
        free(*index);
        *index = NULL;
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "the pool has %" PRIu32 " host(s): there is no other to go to",
                            pool->nr_hosts);
    }
    return 0;
}

int exclaim_pool_find_vm(const struct exclaim_pool *pool, const char *name, uint32_t *vm,
                         struct exclaim_error *err)
{
    uint32_t named = 0;

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (*name && !strcasecmp(pool->vm[v].uuid, name)) {
            *vm = v;
            return 0;
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (!strcmp(pool->vm[v].name, name)) {
            *vm = v;
            named++;
        }
    }
    if (named != 1) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "%" PRIu32 " running VMs are called \"%s\", one is needed", named,
                            name);
    }
    return 0;
}

int exclaim_pool_vms_on(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                        uint32_t **vm, uint32_t *nr, struct exclaim_error *err)
{
    *nr = 0;
    *vm = new_indices(pool->nr_vms, err);
    if (!*vm) {
        return -1;
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (among(host, nr_hosts, pool->vm[v].host)) {
            (*vm)[(*nr)++] = v;
        }
    }
    return 0;
}

int exclaim_pool_leave_out(struct exclaim_pool *pool, const char *const *name, uint32_t nr,
                           bool must, struct exclaim_error *err)
{
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t v = 0;

        if (exclaim_pool_find_vm(pool, name[i], &v, must ? err : NULL)) {
            if (must) {
                return -1;
            }
        } else if (pool->vm[v].host != EXCLAIM_NO_HOST) {
            pool->vm[v].left_out = 1 + pool->vm[v].host;
            pool->vm[v].host = EXCLAIM_NO_HOST;
        }
    }
    return 0;
}

bool exclaim_pool_newest(const struct exclaim_pool *pool, uint32_t host)
{
    const struct exclaim_host_version *mine = &pool->host[host].version;
    bool older = false;

    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (exclaim_host_version_older(mine, &pool->host[h].version)) {
            return false;
        }
        older |= exclaim_host_version_older(&pool->host[h].version, mine);
    }
    return older;
}

/* What a domain has beyond its target without being able to give it: less is not worth a word. */
#define GIVES_LEAST 4096u

static uint64_t givable(const struct exclaim_pool_vm *vm, uint32_t node)
{
    uint64_t pages = vm->min_pages && vm->total_pages > vm->min_pages + GIVES_LEAST
                         ? vm->total_pages - vm->min_pages
                         : 0;

    if (node != UINT32_MAX && pages) {
        uint64_t there = node < vm->nr_nodes ? vm->pages[node] : 0;

        pages = there < pages ? there : pages;
    }
    return pages;
}

uint64_t exclaim_pool_givable(const struct exclaim_pool *pool, uint32_t host, uint32_t node,
                              uint32_t *most)
{
    uint64_t sum = 0, best = 0;

    *most = EXCLAIM_POOL_VMS;
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        uint64_t pages = pool->vm[v].host == host ? givable(&pool->vm[v], node) : 0;

        sum += pages;
        if (pages > best) {
            best = pages;
            *most = v;
        }
    }
    return sum;
}
