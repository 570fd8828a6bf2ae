/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's hosts and VMs by the names that people give them. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/pool.h>

#include "../base/nearest.h"

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

/* Texts one behind the other, as many as there is room for. */
struct list {
    char text[320];
    size_t len;
    uint32_t nr, left_out;
};

static void __attribute__((format(printf, 2, 3))) list_add(struct list *l, const char *fmt, ...)
{
    char one[128];
    va_list ap;
    int len;

    va_start(ap, fmt);
    vsnprintf(one, sizeof(one), fmt, ap);
    va_end(ap);
    if (l->left_out || l->len + strlen(one) + 3 > sizeof(l->text)) {
        l->left_out++;
        return;
    }
    len = snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s%s", l->nr++ ? ", " : "", one);
    l->len += len > 0 ? (size_t)len : 0;
}

static const char *list_end(const struct list *l, char *more, size_t size)
{
    more[0] = '\0';
    if (l->left_out) {
        snprintf(more, size, " and %" PRIu32 " more", l->left_out);
    }
    return more;
}

/* Which there are instead, or which of several it may be. */
static void no_such_host(const struct exclaim_pool *pool, const char *name,
                         struct exclaim_error *err)
{
    struct list named = { .nr = 0 }, all = { .nr = 0 };
    struct nearest near = { .word = name };
    char more[32];

    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (!strcmp(pool->host[h].name, name)) {
            list_add(&named, "%s", pool->host[h].uuid);
        }
        nearest_try(&near, exclaim_pool_host_name(pool, h));
        list_add(&all, "%s", exclaim_pool_host_name(pool, h));
    }
    if (named.nr) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                     "%" PRIu32 " hosts are called \"%s\", name one by its uuid: %s%s",
                     named.nr + named.left_out, name, named.text,
                     list_end(&named, more, sizeof(more)));
    } else if (near.best) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                     "no host is called \"%s\", did you mean %s? there are: %s%s", name, near.best,
                     all.text, list_end(&all, more, sizeof(more)));
    } else {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no host is called \"%s\", there are: %s%s", name,
                     all.text, list_end(&all, more, sizeof(more)));
    }
}

static void no_such_vm(const struct exclaim_pool *pool, const char *name, struct exclaim_error *err)
{
    struct list named = { .nr = 0 };
    struct nearest near = { .word = name };
    char more[32];

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (!strcmp(pool->vm[v].name, name)) {
            list_add(&named, "%s on host %s", pool->vm[v].uuid,
                     exclaim_pool_host_name(pool, pool->vm[v].host));
        }
        nearest_try(&near, exclaim_pool_vm_name(pool, v));
    }
    if (named.nr) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                     "%" PRIu32 " running VMs are called \"%s\", name one by its uuid: %s%s",
                     named.nr + named.left_out, name, named.text,
                     list_end(&named, more, sizeof(more)));
    } else if (near.best) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no running VM is called \"%s\", did you mean %s?",
                     name, near.best);
    } else if (pool->nr_vms < 2) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                     pool->nr_vms ? "the one VM that runs in the pool is not called \"%s\""
                                  : "no VM runs in the pool, so none that is called \"%s\"",
                     name);
    } else {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                     "none of the pool's %" PRIu32 " running VMs is called \"%s\"", pool->nr_vms,
                     name);
    }
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
            no_such_host(pool, name[i], err);
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
                            pool->nr_hosts == 1
                                ? "the pool has %" PRIu32 " host: there is no other to go to"
                                : "all %" PRIu32
                                  " hosts of the pool are named: none is left to go to",
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
        no_such_vm(pool, name, err);
        return -1;
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

static void leave_out(struct exclaim_pool_vm *vm)
{
    vm->left_out = 1 + vm->host;
    vm->host = EXCLAIM_NO_HOST;
}

int exclaim_pool_leave_only(struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                            const char *const *name, uint32_t nr, bool must,
                            struct exclaim_error *err)
{
    uint32_t *only = new_indices(nr, err), nr_only = 0;
    int rc = -1;

    if (!only) {
        return -1;
    }
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t v = 0;

        if (exclaim_pool_find_vm(pool, name[i], &v, must ? err : NULL)) {
            if (must) {
                goto out;
            }
            continue;
        }
        if (must && !among(host, nr_hosts, pool->vm[v].host)) {
            exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "VM %s is on none of these hosts", name[i]);
            goto out;
        }
        only[nr_only++] = v;
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (among(host, nr_hosts, pool->vm[v].host) && !among(only, nr_only, v)) {
            leave_out(&pool->vm[v]);
        }
    }
    rc = 0;

out:
    free(only);
    return rc;
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
            leave_out(&pool->vm[v]);
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
