/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole pool over XAPI: the database, then every host's exact numbers over it. */
#include "database.h"

#include <errno.h>
#include <string.h>

/* VMs that ran on a host by the database and not by its own word: it moves, starts or ends.  The
 * database has the last word, because a VM must not be forgotten in a plan. */
static void keep_residence(struct exclaim_pool *pool, const uint32_t *resident)
{
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].host == EXCLAIM_NO_HOST) {
            pool->vm[v].host = resident[v];
        }
    }
}

/* XAPI's nodes of a VM are as old as its last event, which may have been on another host. */
static void drop_stale_nodes(struct exclaim_pool *pool)
{
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        struct exclaim_pool_vm *vm = &pool->vm[v];
        const struct exclaim_pool_host *host =
            vm->host == EXCLAIM_NO_HOST ? NULL : &pool->host[vm->host];

        for (uint32_t n = 0; host && host->nr_nodes && n < vm->nr_nodes; n++) {
            if (vm->pages_source == EXCLAIM_FROM_XAPI && vm->pages[n] && !(host->online >> n & 1)) {
                vm->nr_nodes = 0;
            }
        }
    }
}

static int ask_all(struct exclaim_xapi *xapi, struct exclaim_pool *pool, struct exclaim_error *err)
{
    struct exclaim_error failed[EXCLAIM_POOL_HOSTS];
    uint32_t live[EXCLAIM_POOL_HOSTS], nr = 0;
    uint32_t *resident = pool_alloc(pool, (size_t)pool->nr_vms + 1, sizeof(*resident));

    if (!resident) {
        return pool_no_memory(err);
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        resident[v] = pool->vm[v].host;
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (!pool->host[h].dead) {
            live[nr++] = h;
        }
    }
    if (plugin_ask(xapi, pool, live, nr, failed, err)) {
        return -1;
    }
    for (uint32_t i = 0; i < nr; i++) {
        if (failed[i].kind) {
            pool->host[live[i]].why = pool_text(pool, failed[i].text, sizeof(failed[i].text));
            if (!pool->host[live[i]].why) {
                return pool_no_memory(err);
            }
        }
    }
    keep_residence(pool, resident);
    drop_stale_nodes(pool);
    return 0;
}

int exclaim_xapi_snapshot(struct exclaim_xapi *xapi, struct exclaim_pool *pool,
                          struct exclaim_error *err)
{
    struct database db = { .pool = pool };
    int rc;

    *pool = (struct exclaim_pool){ 0 };
    rc = db_read(xapi, &db, err) || db_hosts(&db, err) || db_vms(&db, err) ? -1 : 0;
    agility_drop(&db);
    db_drop(&db);
    if (!rc) {
        rc = ask_all(xapi, pool, err);
    }
    if (!rc) {
        rc = pool_finish(pool, err);
    }
    if (rc) {
        exclaim_pool_free(pool);
        return exclaim_error_wrap(err, "snapshot of the pool");
    }
    return 0;
}

/* A host without plugin: what the database says now. */
static int refresh_database(struct exclaim_xapi *xapi, struct exclaim_pool *pool, uint32_t host,
                            struct exclaim_error *err)
{
    struct exclaim_pool_host *h = &pool->host[host];
    struct rpc rpc[2] = {
        { .method = "host.get_metrics", .params = rpc_params(h->ref, NULL) },
        { .method = "host.get_resident_VMs", .params = rpc_params(h->ref, NULL) },
    };
    struct rpc metrics = { .method = "host_metrics.get_record" };
    const char *why = h->why;
    int rc = -1;

    rpc_run(xapi, rpc, 2, NULL);
    metrics.params = rpc_params(json_object_get_string(rpc[0].result), NULL);
    if (rpc[0].failed || rpc[1].failed) {
        rpc_fail(&rpc[rpc[0].failed ? 0 : 1], err);
        goto out;
    }
    if (!json_object_is_type(rpc[1].result, json_type_array)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "host.get_resident_VMs answered no list");
        goto out;
    }
    if (rpc_call(xapi, &metrics, err) || host_from_metrics(h, metrics.result, err)) {
        goto out;
    }
    h->why = why;
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        bool here = false;

        for (size_t i = 0; i < json_object_array_length(rpc[1].result); i++) {
            const char *ref = json_object_get_string(json_object_array_get_idx(rpc[1].result, i));

            here |= ref && !strcmp(ref, pool->vm[v].ref);
        }
        if (here) {
            pool->vm[v].host = host;
        } else if (pool->vm[v].host == host) {
            pool->vm[v].host = EXCLAIM_NO_HOST;
        }
    }
    rc = 0;

out:
    rpc_drop(&metrics);
    rpc_drop(&rpc[0]);
    rpc_drop(&rpc[1]);
    return rc;
}

int exclaim_xapi_refresh(struct exclaim_xapi *xapi, struct exclaim_pool *pool, uint32_t host,
                         struct exclaim_error *err)
{
    struct exclaim_error failed;
    int rc;

    if (pool->host[host].host_free_source != EXCLAIM_FROM_HYPERCALL) {
        rc = refresh_database(xapi, pool, host, err);
    } else {
        rc = plugin_ask(xapi, pool, &host, 1, &failed, err);
        if (!rc && failed.kind) {
            rc = exclaim_fail(err, failed.kind, 0, "%s", failed.text);
        }
    }
    if (rc) {
        return exclaim_error_wrap(err, "host %s", pool->host[host].name);
    }
    drop_stale_nodes(pool);
    return pool_finish(pool, err);
}
