/* SPDX-License-Identifier: BSD-2-Clause */
/* The exact numbers: every host's own part, through its plugin `exclaim`. */
#include "database.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Host numbers that a part has and the database has not. */
static void use_host(struct exclaim_pool_host *host, const struct exclaim_pool_host *part)
{
    host->time_unix_ms = part->time_unix_ms;
    host->nr_nodes = part->nr_nodes;
    host->online = part->online;
    memcpy(host->free, part->free, sizeof(host->free));
    memcpy(host->claimed, part->claimed, sizeof(host->claimed));
    host->distance = part->distance;
    host->host_free = part->host_free;
    host->host_claimed = part->host_claimed;
    host->headroom = part->headroom;
    host->slack = part->slack;
    host->one_node = part->one_node;
    host->several_nodes = part->several_nodes;
    host->free_source = part->free_source;
    host->host_free_source = part->host_free_source;
    host->why = part->why;
}

static void use_vm(struct exclaim_pool_vm *vm, const struct exclaim_pool_vm *part)
{
    uint64_t pool_pages = exclaim_arrival_pages(part->vcpus, part->paging_pool_bytes);

    if (part->nr_nodes || !vm->nr_nodes || vm->pages_source != EXCLAIM_FROM_XAPI) {
        vm->nr_nodes = part->nr_nodes;
        vm->pages = part->pages;
        vm->total_pages = part->total_pages;
        vm->pages_source = part->pages_source;
        vm->exact = part->exact;
    } /* else the database's nodes are better than the total alone */
    vm->why = part->why;
    vm->max_pages = part->max_pages;
    vm->vcpus = part->vcpus;
    vm->paging_pool_bytes = part->paging_pool_bytes;
    vm->arrival_pages = pool_pages > vm->arrival_pages ? pool_pages : vm->arrival_pages;
}

/* VM uuids and their index. */
static json_object *index_vms(const struct exclaim_pool *pool)
{
    json_object *index = json_object_new_object();

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        json_object_object_add(index, pool->vm[v].uuid, json_object_new_int64(v));
    }
    return index;
}

/* Numbers of VMs that run on the host by the database, and of no others: a VM on its way has a
 * domain on both hosts, and what a member says must not take a VM off another. */
static int use_part(struct exclaim_pool *pool, json_object *index, uint32_t h,
                    struct exclaim_pool *part, struct exclaim_error *err)
{
    struct exclaim_pool_host *host = &pool->host[h];

    if (*part->host->uuid && strcmp(part->host->uuid, host->uuid) != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "the answer is of host %.40s, not %.40s",
                            part->host->uuid, host->uuid);
    }
    for (uint32_t v = 0; v < part->nr_vms; v++) {
        json_object *at = jread_get(index, part->vm[v].uuid);

        if (at && *part->vm[v].uuid && pool->vm[json_object_get_int64(at)].host == h) {
            use_vm(&pool->vm[json_object_get_int64(at)], &part->vm[v]);
        }
    }
    use_host(host, part->host);
    pool_adopt(pool, part);
    return 0;
}

int plugin_fail(const struct rpc *rpc, struct exclaim_error *err)
{
    if (!strcmp(rpc->code, "XENAPI_MISSING_PLUGIN")) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                            "not in use on this host, run exclaim-hooks enable plugin there");
    }
    return rpc_fail(rpc, err);
}

static int see_answer(struct exclaim_pool *pool, json_object *index, uint32_t host,
                      const struct rpc *rpc, struct exclaim_error *err)
{
    struct exclaim_pool part;
    int rc;

    if (rpc->failed) {
        return plugin_fail(rpc, err);
    }
    if (!json_object_is_type(rpc->result, json_type_string)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "the answer is a %s, not a text",
                            json_type_to_name(json_object_get_type(rpc->result)));
    }
    if (exclaim_pool_unpack(json_object_get_string(rpc->result),
                            (size_t)json_object_get_string_len(rpc->result), &part, err)) {
        return -1;
    }
    rc = use_part(pool, index, host, &part, err);
    exclaim_pool_free(&part); /* empty if it was used */
    return rc;
}

int plugin_ask(struct exclaim_xapi *xapi, struct exclaim_pool *pool, const uint32_t *host,
               uint32_t nr, struct exclaim_error *failed, struct exclaim_error *err)
{
    struct rpc *rpc = calloc(nr + 1, sizeof(*rpc));
    json_object *index = index_vms(pool);

    if (!rpc || !index) {
        free(rpc);
        json_object_put(index);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "asking %u hosts", nr);
    }
    for (uint32_t i = 0; i < nr; i++) {
        rpc[i] = (struct rpc){ .method = "host.call_plugin",
                               .params =
                                   rpc_params(pool->host[host[i]].ref, "exclaim", "snapshot", NULL),
                               .patient = true };
        json_object_array_add(rpc[i].params, json_object_new_object());
    }
    if (nr) {
        rpc_run(xapi, rpc, nr, "counting on every host");
    }
    for (uint32_t i = 0; i < nr; i++) {
        failed[i] = (struct exclaim_error){ 0 };
        if (see_answer(pool, index, host[i], &rpc[i], &failed[i])) {
            exclaim_error_wrap(&failed[i], "plugin exclaim");
        }
        rpc_drop(&rpc[i]);
    }
    json_object_put(index);
    free(rpc);
    if (xapi->opt.stop && xapi->opt.stop(xapi->opt.arg)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINTR, "asking %u hosts", nr);
    }
    return 0;
}

int exclaim_xapi_note(struct exclaim_xapi *xapi, const char *host_ref, const char *vm_uuid,
                      const struct exclaim_part *part, uint32_t nr_parts, uint32_t seconds,
                      struct exclaim_error *err)
{
    struct rpc rpc = { .method = "host.call_plugin",
                       .params = rpc_params(host_ref, "exclaim", "note", NULL) };
    json_object *args = json_object_new_object();
    char nodes[1024] = "", number[16];
    size_t len = 0;
    int rc;

    for (uint32_t i = 0; i < nr_parts && len < sizeof(nodes); i++) {
        len += (size_t)snprintf(nodes + len, sizeof(nodes) - len, "%s%" PRIu32 "=%" PRIu32,
                                i ? "," : "", part[i].src_node, part[i].dst_node);
    }
    snprintf(number, sizeof(number), "%" PRIu32, seconds);
    json_object_object_add(args, "vm", json_object_new_string(vm_uuid));
    json_object_object_add(args, "nodes", json_object_new_string(nodes));
    json_object_object_add(args, "seconds", json_object_new_string(number));
    json_object_array_add(rpc.params, args);
    rpc_run(xapi, &rpc, 1, NULL);
    rc = rpc.failed ? plugin_fail(&rpc, err) : 0;
    rpc_drop(&rpc);
    return rc ? exclaim_error_wrap(err, "plugin exclaim, note") : 0;
}
