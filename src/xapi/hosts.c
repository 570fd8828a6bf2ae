/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's hosts as XAPI's database has them. */
#include "database.h"

#include <inttypes.h>
#include <string.h>

#include "../base/clock.h"

#define BYTES_MAX (EXCLAIM_PAGES_MAX << EXCLAIM_PAGE_SHIFT)

int host_from_metrics(struct exclaim_pool_host *host, json_object *metrics,
                      struct exclaim_error *err)
{
    struct jread r = { .err = err };
    bool live = db_true(metrics, "live");
    uint64_t free = jread_u64(&r, metrics, "memory_free", BYTES_MAX, 0);

    if (r.failed) {
        return exclaim_error_wrap(err, "host %s: metrics", host->name);
    }
    host->nr_nodes = 0;
    host->online = 0;
    memset(host->free, 0, sizeof(host->free));
    memset(host->claimed, 0, sizeof(host->claimed));
    host->distance = NULL;
    host->host_free = live ? free >> EXCLAIM_PAGE_SHIFT : 0;
    host->host_claimed = 0;
    host->headroom = host->slack = 0;
    host->one_node = host->several_nodes = EXCLAIM_GUARANTEE_NONE;
    host->free_source = EXCLAIM_FROM_NOWHERE;
    host->host_free_source = EXCLAIM_FROM_XAPI;
    host->time_unix_ms = exclaim_now_unix_ms();
    host->dead = !live;
    host->enabled &= live;
    host->closed = live ? host->closed : "it is not live";
    host->why = live ? "the host was not asked" : "XAPI says that the host is not live";
    return 0;
}

/* Copies a text member. */
static const char *text(struct exclaim_pool *pool, json_object *record, const char *member)
{
    const char *value = db_text(record, member);

    return pool_text(pool, value, strlen(value));
}

/* Why no VM may be migrated to it; "" if one may (xapi_host_helpers.ml, valid_operations). */
static const char *closed(json_object *record)
{
    json_object *operations = jread_get(record, "current_operations");

    if (!db_true(record, "enabled")) {
        return db_truth(db_text(jread_get(record, "other_config"), "MAINTENANCE_MODE"))
                   ? "it is in maintenance mode"
                   : "it is disabled";
    }
    if (json_object_is_type(operations, json_type_object)) {
        json_object_object_foreach(operations, task, name)
        {
            const char *text =
                json_object_is_type(name, json_type_string) ? json_object_get_string(name) : "";

            (void)task;
            if (!strcmp(text, "evacuate") || !strcmp(text, "reboot") || !strcmp(text, "shutdown")) {
                return !strcmp(text, "evacuate") ? "it is being evacuated by XAPI"
                       : *text == 'r'            ? "it is being rebooted"
                                                 : "it is being shut down";
            }
        }
    }
    return "";
}

static int fill(struct database *db, json_object *record, const char *ref,
                struct exclaim_pool_host *host, struct exclaim_error *err)
{
    json_object *versions = jread_get(record, "software_version");
    uint64_t cores = 0;

    host->ref = pool_text(db->pool, ref, EXCLAIM_XAPI_REF);
    host->uuid = text(db->pool, record, "uuid");
    host->name = text(db->pool, record, "name_label");
    host->xen_version = text(db->pool, versions, "xen");
    if (!host->ref || !host->uuid || !host->name || !host->xen_version) {
        return pool_no_memory(err);
    }
    pool_version(db_text(versions, "platform_version"), host->version.part);
    pool_version(db_text(versions, "xapi_build"), host->version.part + 4);
    pool_version(host->xen_version, host->version.part + 8);
    jread_number(jread_get(jread_get(record, "cpu_info"), "cpu_count"), UINT32_MAX, &cores);
    host->cores = (uint32_t)cores;
    host->closed = closed(record);
    host->enabled = !*host->closed;
    return host_from_metrics(host, db_follow(db, DB_HOST_METRICS, record, "metrics"), err);
}

int db_hosts(struct database *db, struct exclaim_error *err)
{
    json_object *table = db_table(db, DB_HOST);
    int nr = json_object_object_length(table);
    struct exclaim_pool *pool = db->pool;
    const char *master = "";

    if (nr < 1 || nr > (int)EXCLAIM_POOL_HOSTS) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "XAPI tells of %d hosts, limit %u", nr,
                            EXCLAIM_POOL_HOSTS);
    }
    pool->name = "";
    json_object_object_foreach(db_table(db, DB_POOL), pool_ref, pool_record)
    {
        (void)pool_ref;
        master = db_text(pool_record, "master");
        pool->name = text(pool, pool_record, "name_label");
        pool->ha = db_true(pool_record, "ha_enabled");
    }
    pool->host = pool_alloc(pool, (size_t)nr, sizeof(*pool->host));
    if (!pool->host || !pool->name) {
        return pool_no_memory(err);
    }
    json_object_object_foreach(table, ref, record)
    {
        struct exclaim_pool_host *host = &pool->host[pool->nr_hosts];

        if (strlen(ref) >= EXCLAIM_XAPI_REF) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "host %.80s...: no reference", ref);
        }
        if (fill(db, record, ref, host, err)) {
            return -1;
        }
        host->coordinator = !strcmp(ref, master);
        pool->nr_hosts++;
    }
    return 0;
}
