/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole pool over XAPI: the database, then every host's exact numbers over it. */
#include "database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
    if (!rc) {
        names_keep(xapi, &db);
    }
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

/* Whether @ref is in a list of references. */
static bool among(json_object *list, const char *ref)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        if (!strcmp(db_item(list, i), ref)) {
            return true;
        }
    }
    return false;
}

/* Where VMs run is the database's to say. */
static int residents(struct exclaim_xapi *xapi, const char *host_ref, struct rpc *rpc,
                     struct exclaim_error *err)
{
    *rpc = (struct rpc){ .method = "host.get_resident_VMs", .params = rpc_params(host_ref, NULL) };
    if (rpc_call(xapi, rpc, err)) {
        return -1;
    }
    if (!json_object_is_type(rpc->result, json_type_array)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "host.get_resident_VMs answered no list");
    }
    return 0;
}

static void settle(struct exclaim_pool *pool, uint32_t host, json_object *list)
{
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        struct exclaim_pool_vm *vm = &pool->vm[v];

        if (!among(list, vm->ref)) {
            vm->host = vm->host == host ? EXCLAIM_NO_HOST : vm->host;
        } else if (vm->host != host) {
            /* Its pages were counted on another host. */
            vm->host = host;
            vm->nr_nodes = 0;
            vm->exact = false;
            vm->why = "the host does not show it yet";
        }
    }
}

/* A host without plugin: what the database says now. */
static int refresh_database(struct exclaim_xapi *xapi, struct exclaim_pool *pool, uint32_t host,
                            struct exclaim_error *err)
{
    struct exclaim_pool_host *h = &pool->host[host];
    struct rpc ref = { .method = "host.get_metrics", .params = rpc_params(h->ref, NULL) };
    struct rpc metrics = { .method = "host_metrics.get_record" };
    const char *why = h->why;
    int rc = rpc_call(xapi, &ref, err);

    if (!rc) {
        metrics.params = rpc_params(json_object_get_string(ref.result), NULL);
        rc = rpc_call(xapi, &metrics, err) || host_from_metrics(h, metrics.result, err) ? -1 : 0;
        h->why = why;
    }
    rpc_drop(&metrics);
    rpc_drop(&ref);
    return rc;
}

int exclaim_xapi_refresh(struct exclaim_xapi *xapi, struct exclaim_pool *pool, uint32_t host,
                         struct exclaim_error *err)
{
    struct exclaim_error failed;
    struct rpc here;
    int rc = residents(xapi, pool->host[host].ref, &here, err);

    if (!rc) {
        settle(pool, host, here.result);
    }
    if (!rc && pool->host[host].host_free_source != EXCLAIM_FROM_HYPERCALL) {
        rc = refresh_database(xapi, pool, host, err);
    } else if (!rc) {
        rc = plugin_ask(xapi, pool, &host, 1, &failed, err);
        if (!rc && failed.kind) {
            rc = exclaim_fail(err, failed.kind, 0, "%s", failed.text);
        }
    }
    rpc_drop(&here);
    if (rc) {
        return exclaim_error_wrap(err, "host %s", pool->host[host].name);
    }
    drop_stale_nodes(pool);
    return pool_finish(pool, err);
}

int exclaim_xapi_residents(struct exclaim_xapi *xapi, const char *host_ref, uint32_t *nr,
                           char *first, size_t size, struct exclaim_error *err)
{
    struct rpc here;
    int rc = residents(xapi, host_ref, &here, err);

    *nr = 0;
    for (size_t i = 0; !rc && i < json_object_array_length(here.result); i++) {
        struct rpc rpc = { .method = "VM.get_record",
                           .params = rpc_params(db_item(here.result, i), NULL) };

        if (!rpc_call(xapi, &rpc, err)) {
            if (!db_true(rpc.result, "is_control_domain") && !(*nr)++) {
                snprintf(first, size, "%.100s (%.20s)", db_text(rpc.result, "name_label"),
                         db_text(rpc.result, "power_state"));
            }
        } else if (strcmp(rpc.code, "HANDLE_INVALID") != 0) {
            rc = -1; /* else it has gone meanwhile */
        }
        rpc_drop(&rpc);
    }
    rpc_drop(&here);
    return rc ? exclaim_error_wrap(err, "VMs resident there") : 0;
}
