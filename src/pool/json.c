/* SPDX-License-Identifier: BSD-2-Clause */
/* One host's part as JSON, "schema": "exclaim.snapshot/1": written and read.  No I/O. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/uuid.h>

#include "../base/json.h"
#include "../base/jread.h"
#include "part.h"

static void put_host(json_object *o, const struct exclaim_pool_host *host)
{
    json_object *nodes = exclaim_json_array(o, "nodes");

    exclaim_json_str(o, "uuid", host->uuid);
    exclaim_json_str(o, "name", host->name);
    exclaim_json_str(o, "xen_version", host->xen_version);
    exclaim_json_u64(o, "time_unix_ms", (uint64_t)host->time_unix_ms);
    for (uint32_t n = 0; n < host->nr_nodes; n++) {
        json_object *item, *distances;

        if (!(host->online >> n & 1)) {
            continue;
        }
        item = exclaim_json_item(nodes);
        exclaim_json_u64(item, "node", n);
        exclaim_json_u64(item, "free_pages", host->free[n]);
        exclaim_json_u64(item, "claimed_pages", host->claimed[n]);
        if (!host->distance) {
            continue;
        }
        distances = exclaim_json_array(item, "distances");
        for (uint32_t m = 0; m < host->nr_nodes; m++) {
            json_object_array_add(distances, json_object_new_uint64(host->distance[n][m]));
        }
    }
    exclaim_json_u64(o, "free_pages", host->host_free);
    exclaim_json_u64(o, "claimed_pages", host->host_claimed);
    exclaim_json_u64(o, "headroom_pages", host->headroom);
    exclaim_json_u64(o, "slack_pages", host->slack);
    if (host->cores) {
        exclaim_json_u64(o, "cores", host->cores);
    }
    exclaim_json_str(o, "one_node", exclaim_guarantee_name(host->one_node));
    exclaim_json_str(o, "several_nodes", exclaim_guarantee_name(host->several_nodes));
    if (*host->why) {
        exclaim_json_str(o, "why", host->why);
    }
}

static void put_vm(json_object *item, const struct exclaim_pool_vm *vm)
{
    exclaim_json_str(item, "uuid", vm->uuid);
    exclaim_json_str(item, "name", vm->name);
    if (vm->nr_nodes) {
        exclaim_json_nodes(item, "nodes", vm->nr_nodes, vm->pages);
    }
    exclaim_json_u64(item, "total_pages", vm->total_pages);
    exclaim_json_str(item, "source", exclaim_provenance_name(vm->pages_source));
    exclaim_json_bool(item, "exact", vm->exact);
    if (!vm->exact) {
        exclaim_json_str(item, "why", vm->why);
    }
    exclaim_json_u64(item, "max_pages", vm->max_pages);
    exclaim_json_u64(item, "vcpus", vm->vcpus);
    exclaim_json_u64(item, "paging_pool_bytes", vm->paging_pool_bytes);
    exclaim_json_bool(item, "pinned", vm->pinned);
}

int exclaim_pool_json(const struct exclaim_pool *pool, uint32_t host, char **text,
                      struct exclaim_error *err)
{
    json_object *o = exclaim_json_schema("snapshot"), *domains;
    const char *line;

    put_host(o, &pool->host[host]);
    domains = exclaim_json_array(o, "domains");
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].host == host) {
            put_vm(exclaim_json_item(domains), &pool->vm[v]);
        }
    }
    line = exclaim_json_text(o);
    *text = line ? strdup(line) : NULL;
    json_object_put(o);
    return *text ? 0 : pool_no_memory(err);
}

static enum exclaim_guarantee get_guarantee(struct jread *r, json_object *o, const char *key)
{
    const char *name = jread_str(r, o, key);

    for (int g = EXCLAIM_GUARANTEE_NONE; g <= EXCLAIM_GUARANTEE_NODE_SET; g++) {
        if (!strcmp(name, exclaim_guarantee_name((enum exclaim_guarantee)g))) {
            return (enum exclaim_guarantee)g;
        }
    }
    jread_fail(r, "%s is \"%.20s\", no guarantee", key, name);
    return EXCLAIM_GUARANTEE_NONE;
}

static enum exclaim_provenance get_source(struct jread *r, json_object *o)
{
    const char *name = jread_str(r, o, "source");

    for (int s = EXCLAIM_FROM_HYPERCALL; s < EXCLAIM_PROVENANCES; s++) {
        if (!strcmp(name, exclaim_provenance_name((enum exclaim_provenance)s))) {
            return (enum exclaim_provenance)s;
        }
    }
    return EXCLAIM_FROM_NOWHERE;
}

/* The nodes of an array: calls see() for each with its id, once. */
typedef void see_node(struct jread *r, json_object *item, uint32_t node, void *arg);

static uint32_t get_nodes(struct jread *r, json_object *nodes, see_node *see, void *arg)
{
    size_t nr = json_object_array_length(nodes);
    uint64_t seen = 0;
    uint32_t end = 0;

    if (nr > EXCLAIM_NODES_MAX) {
        jread_fail(r, "%zu nodes, limit %d", nr, EXCLAIM_NODES_MAX);
        return 0;
    }
    for (size_t i = 0; !r->failed && i < nr; i++) {
        json_object *item = json_object_array_get_idx(nodes, i);
        uint32_t node = (uint32_t)jread_u64(r, item, "node", EXCLAIM_NODES_MAX - 1, JREAD_NEEDED);

        if (seen >> node & 1) {
            jread_fail(r, "node %" PRIu32 " stands twice", node);
        }
        if (r->failed) {
            return 0;
        }
        seen |= 1ull << node;
        end = node >= end ? node + 1 : end;
        see(r, item, node, arg);
    }
    return end;
}

struct host_nodes {
    struct exclaim_pool_host *host;
    uint32_t (*distance)[EXCLAIM_NODES_MAX];
    uint32_t with_distances;
    uint32_t longest;
};

static void see_host_node(struct jread *r, json_object *item, uint32_t node, void *arg)
{
    struct host_nodes *h = arg;
    json_object *distances = jread_get(item, "distances");
    size_t nr;

    h->host->online |= 1ull << node;
    h->host->free[node] = jread_u64(r, item, "free_pages", EXCLAIM_PAGES_MAX, JREAD_NEEDED);
    h->host->claimed[node] = jread_u64(r, item, "claimed_pages", EXCLAIM_PAGES_MAX, 0);
    if (!distances) {
        return;
    }
    nr = json_object_is_type(distances, json_type_array) ? json_object_array_length(distances)
                                                         : SIZE_MAX;
    if (nr > EXCLAIM_NODES_MAX) {
        jread_fail(r, "distances of node %" PRIu32 " are no list of up to %d numbers", node,
                   EXCLAIM_NODES_MAX);
        return;
    }
    for (size_t m = 0; m < nr; m++) {
        uint64_t number;

        if (!jread_number(json_object_array_get_idx(distances, m), UINT32_MAX, &number)) {
            jread_fail(r, "distance from node %" PRIu32 " to %zu is no number", node, m);
            return;
        }
        h->distance[node][m] = (uint32_t)number;
    }
    h->with_distances++;
    h->longest = nr > h->longest ? (uint32_t)nr : h->longest;
}

static int get_host(struct jread *r, json_object *o, struct exclaim_pool *pool)
{
    struct exclaim_pool_host *host = pool->host;
    struct host_nodes h = { .host = host };
    json_object *nodes = jread_array(r, o, "nodes");

    h.distance = pool_alloc(pool, EXCLAIM_NODES_MAX, sizeof(*h.distance));
    if (!h.distance) {
        return pool_no_memory(r->err);
    }
    host->nr_nodes = nodes ? get_nodes(r, nodes, see_host_node, &h) : 0;
    if (h.longest > host->nr_nodes) {
        jread_fail(r, "distances to %" PRIu32 " nodes, there are %" PRIu32, h.longest,
                   host->nr_nodes);
    }
    host->distance = h.with_distances ? (const uint32_t(*)[EXCLAIM_NODES_MAX])h.distance : NULL;
    host->host_free = jread_u64(r, o, "free_pages", EXCLAIM_PAGES_MAX, JREAD_NEEDED);
    host->host_claimed = jread_u64(r, o, "claimed_pages", EXCLAIM_PAGES_MAX, 0);
    host->headroom = jread_u64(r, o, "headroom_pages", EXCLAIM_PAGES_MAX, 0);
    host->slack = jread_u64(r, o, "slack_pages", EXCLAIM_PAGES_MAX, 0);
    host->cores = (uint32_t)jread_u64(r, o, "cores", UINT32_MAX, 0);
    host->time_unix_ms = (int64_t)jread_u64(r, o, "time_unix_ms", INT64_MAX, 0);
    host->one_node = get_guarantee(r, o, "one_node");
    host->several_nodes = get_guarantee(r, o, "several_nodes");
    return part_host_texts(pool, jread_str(r, o, "uuid"), jread_str(r, o, "name"),
                           jread_str(r, o, "xen_version"), jread_str(r, o, "why"), r->err);
}

static void see_vm_node(struct jread *r, json_object *item, uint32_t node, void *arg)
{
    uint64_t *pages = arg;

    pages[node] = jread_u64(r, item, "pages", EXCLAIM_PAGES_MAX, JREAD_NEEDED);
}

static int get_vm(struct jread *r, json_object *o, struct exclaim_pool *pool,
                  struct exclaim_pool_vm *vm)
{
    uint64_t pages[EXCLAIM_NODES_MAX] = { 0 }, *copy;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    const char *text = jread_str(r, o, "uuid");
    json_object *nodes = jread_get(o, "nodes") ? jread_array(r, o, "nodes") : NULL;

    if (*text && !exclaim_uuid_parse(text, uuid)) {
        jread_fail(r, "\"%.40s\" is no uuid", text);
    }
    vm->nr_nodes = nodes ? get_nodes(r, nodes, see_vm_node, pages) : 0;
    copy = pool_alloc(pool, vm->nr_nodes + 1, sizeof(*copy));
    if (!copy) {
        return pool_no_memory(r->err);
    }
    memcpy(copy, pages, vm->nr_nodes * sizeof(*copy));
    vm->pages = copy;
    vm->total_pages = jread_u64(r, o, "total_pages", EXCLAIM_PAGES_MAX, JREAD_NEEDED);
    vm->max_pages = jread_u64(r, o, "max_pages", EXCLAIM_PAGES_MAX, 0);
    vm->vcpus = (uint32_t)jread_u64(r, o, "vcpus", UINT32_MAX, 0);
    vm->paging_pool_bytes =
        jread_u64(r, o, "paging_pool_bytes", EXCLAIM_PAGES_MAX << EXCLAIM_PAGE_SHIFT, 0);
    vm->pages_source = get_source(r, o);
    vm->exact = jread_bool(r, o, "exact");
    vm->pinned = jread_bool(r, o, "pinned");
    return part_vm_texts(pool, vm, *text && !r->failed ? uuid : NULL, jread_str(r, o, "name"),
                         jread_str(r, o, "why"), r->err);
}

/* Fills an empty pool with one host and its VMs, unchecked but for what would not fit. */
static int parse(const char *text, size_t size, struct exclaim_pool *pool,
                 struct exclaim_error *err)
{
    struct jread r = { .err = err };
    json_object *o, *domains;
    size_t nr;
    int rc = -1;

    if (jread_parse(text, size, &o, err)) {
        return -1;
    }
    if (strcmp(jread_str(&r, o, "schema"), "exclaim.snapshot/1") != 0) {
        jread_fail(&r, "schema is \"%.40s\", not exclaim.snapshot/1", jread_str(&r, o, "schema"));
        goto out;
    }
    domains = jread_array(&r, o, "domains");
    nr = domains ? json_object_array_length(domains) : 0;
    if (nr > EXCLAIM_POOL_VMS) {
        jread_fail(&r, "%zu domains, limit %u", nr, EXCLAIM_POOL_VMS);
    }
    if (r.failed || part_alloc(pool, (uint32_t)nr, err) || get_host(&r, o, pool)) {
        goto out;
    }
    for (size_t i = 0; !r.failed && i < nr; i++) {
        if (get_vm(&r, json_object_array_get_idx(domains, i), pool, &pool->vm[i])) {
            goto out;
        }
        if (r.failed) {
            exclaim_error_wrap(err, "domain %zu", i);
        }
    }
    rc = r.failed ? -1 : 0;

out:
    json_object_put(o);
    return rc;
}

int exclaim_pool_unpack(const void *data, size_t size, struct exclaim_pool *pool,
                        struct exclaim_error *err)
{
    const char *text = data;
    size_t at = 0;
    int rc;

    *pool = (struct exclaim_pool){ 0 };
    if (size > EXCLAIM_SNAPSHOT_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "a snapshot of %zu bytes, limit %u", size,
                            EXCLAIM_SNAPSHOT_MAX);
    }
    while (at < size && isspace((unsigned char)text[at])) {
        at++;
    }
    if (at == size || text[at] != '{') {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "%zu bytes are no host snapshot: it is JSON and begins with {", size);
    }
    rc = parse(text, size, pool, err);
    if (!rc) {
        rc = pool_finish(pool, err);
    }
    if (rc) {
        exclaim_pool_free(pool);
        return -1;
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        pool_allow_all(pool, &pool->vm[v]);
    }
    return 0;
}
