/* SPDX-License-Identifier: BSD-2-Clause */
/* One host's part as protobuf (message HostSnapshot): written and read.  No I/O. */
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/uuid.h>

#include "exclaim.pb-c.h"

_Static_assert((int)EXCLAIM_GUARANTEE_NODE_SET == EXCLAIM__HOST_SNAPSHOT__GUARANTEE__NODE_SET,
               "guarantees are sent by their number");
_Static_assert((int)EXCLAIM_FROM_CONSOLE == EXCLAIM__HOST_SNAPSHOT__DOMAIN__SOURCE__CONSOLE,
               "sources are sent by their number");

/* What a message points to while it is packed. */
struct packing {
    Exclaim__HostSnapshot message;
    uint32_t distances[EXCLAIM_NODES_MAX * EXCLAIM_NODES_MAX];
    Exclaim__HostSnapshot__Domain **list;
    Exclaim__HostSnapshot__Domain *domain;
    uint8_t (*uuid)[EXCLAIM_UUID_BYTES];
};

/* Protobuf's structures are not const, but packing only reads. */
static void *mine(const void *p)
{
    return (void *)(uintptr_t)p;
}

static Exclaim__HostSnapshot__Domain__Source source_out(enum exclaim_number_source source)
{
    return source <= EXCLAIM_FROM_CONSOLE ? (Exclaim__HostSnapshot__Domain__Source)source
                                          : EXCLAIM__HOST_SNAPSHOT__DOMAIN__SOURCE__NOWHERE;
}

static void put_vm(const struct exclaim_pool_vm *vm, Exclaim__HostSnapshot__Domain *d,
                   uint8_t uuid[EXCLAIM_UUID_BYTES])
{
    exclaim__host_snapshot__domain__init(d);
    if (exclaim_uuid_parse(vm->uuid, uuid)) {
        d->uuid = (ProtobufCBinaryData){ .len = EXCLAIM_UUID_BYTES, .data = uuid };
    }
    d->name = mine(vm->name);
    d->n_node_pages = vm->nr_nodes;
    d->node_pages = mine(vm->pages);
    d->total_pages = vm->total_pages;
    d->max_pages = vm->max_pages;
    d->vcpus = vm->vcpus;
    d->paging_pool_bytes = vm->paging_pool_bytes;
    d->source = source_out(vm->pages_source);
    d->exact = vm->exact;
    d->why = mine(vm->why);
    d->pinned = vm->pinned;
}

static void put_host(const struct exclaim_pool_host *host, struct packing *p)
{
    Exclaim__HostSnapshot *m = &p->message;

    exclaim__host_snapshot__init(m);
    m->schema = 1;
    m->host_uuid = mine(host->uuid);
    m->host_name = mine(host->name);
    m->xen_version = mine(host->xen_version);
    m->time_unix_ms = (uint64_t)host->time_unix_ms;
    m->nodes_online = host->online;
    m->n_node_free_pages = host->nr_nodes;
    m->node_free_pages = mine(host->free);
    m->n_node_claimed_pages = host->nr_nodes;
    m->node_claimed_pages = mine(host->claimed);
    if (host->distance) {
        for (uint32_t a = 0; a < host->nr_nodes; a++) {
            memcpy(&p->distances[(size_t)a * host->nr_nodes], host->distance[a],
                   host->nr_nodes * sizeof(p->distances[0]));
        }
        m->n_node_distances = (size_t)host->nr_nodes * host->nr_nodes;
        m->node_distances = p->distances;
    }
    m->free_pages = host->host_free;
    m->claimed_pages = host->host_claimed;
    m->headroom_pages = host->headroom;
    m->slack_pages = host->slack;
    m->one_node = (Exclaim__HostSnapshot__Guarantee)host->one_node;
    m->several_nodes = (Exclaim__HostSnapshot__Guarantee)host->several_nodes;
    m->why = mine(host->why);
}

int exclaim_pool_pack(const struct exclaim_pool *pool, uint32_t host, uint8_t **data, size_t *size,
                      struct exclaim_error *err)
{
    struct packing *p = calloc(1, sizeof(*p));
    size_t nr = 0;
    int rc = -1;

    *data = NULL;
    if (!p) {
        return pool_no_memory(err);
    }
    p->list = calloc(pool->nr_vms + 1, sizeof(void *));
    p->domain = calloc(pool->nr_vms + 1, sizeof(*p->domain));
    p->uuid = calloc(pool->nr_vms + 1, sizeof(*p->uuid));
    if (!p->list || !p->domain || !p->uuid) {
        rc = pool_no_memory(err);
        goto out;
    }
    put_host(&pool->host[host], p);
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].host == host) {
            put_vm(&pool->vm[v], &p->domain[nr], p->uuid[nr]);
            p->list[nr] = &p->domain[nr];
            nr++;
        }
    }
    p->message.n_domain = nr;
    p->message.domain = p->list;
    *size = exclaim__host_snapshot__get_packed_size(&p->message);
    *data = malloc(*size);
    if (!*data) {
        rc = pool_no_memory(err);
        goto out;
    }
    exclaim__host_snapshot__pack(&p->message, *data);
    rc = 0;

out:
    free(p->list);
    free(p->domain);
    free(p->uuid);
    free(p);
    return rc;
}

static int too_many(struct exclaim_error *err, const char *what, size_t value, size_t max)
{
    return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%zu %s, limit %zu", value, what, max);
}

static const uint32_t (*get_distances(struct exclaim_pool *pool, const Exclaim__HostSnapshot *m,
                                      size_t nr))[EXCLAIM_NODES_MAX]
{
    uint32_t(*distance)[EXCLAIM_NODES_MAX] = pool_alloc(pool, nr, sizeof(*distance));

    for (size_t a = 0; distance && a < nr; a++) {
        memcpy(distance[a], &m->node_distances[a * nr], nr * sizeof(distance[0][0]));
    }
    return (const uint32_t(*)[EXCLAIM_NODES_MAX])distance;
}

static int get_host(const Exclaim__HostSnapshot *m, struct exclaim_pool *pool,
                    struct exclaim_error *err)
{
    struct exclaim_pool_host *host = pool->host;
    size_t nr = m->n_node_free_pages;

    if (nr > EXCLAIM_NODES_MAX) {
        return too_many(err, "nodes", nr, EXCLAIM_NODES_MAX);
    }
    if (m->n_node_claimed_pages != nr || (m->n_node_distances && m->n_node_distances != nr * nr)) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "%zu nodes with %zu claimed numbers and %zu distances", nr,
                            m->n_node_claimed_pages, m->n_node_distances);
    }
    if ((uint32_t)m->one_node > EXCLAIM__HOST_SNAPSHOT__GUARANTEE__NODE_SET ||
        (uint32_t)m->several_nodes > EXCLAIM__HOST_SNAPSHOT__GUARANTEE__NODE_SET) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "an unknown guarantee");
    }
    host->nr_nodes = (uint32_t)nr;
    host->online = m->nodes_online;
    if (nr) {
        memcpy(host->free, m->node_free_pages, nr * sizeof(host->free[0]));
        memcpy(host->claimed, m->node_claimed_pages, nr * sizeof(host->claimed[0]));
    }
    if (m->n_node_distances) {
        host->distance = get_distances(pool, m, nr);
        if (!host->distance) {
            return pool_no_memory(err);
        }
    }
    host->host_free = m->free_pages;
    host->host_claimed = m->claimed_pages;
    host->headroom = m->headroom_pages;
    host->slack = m->slack_pages;
    host->one_node = (enum exclaim_guarantee)m->one_node;
    host->several_nodes = (enum exclaim_guarantee)m->several_nodes;
    host->time_unix_ms = m->time_unix_ms > INT64_MAX ? INT64_MAX : (int64_t)m->time_unix_ms;
    return part_host_texts(pool, m->host_uuid, m->host_name, m->xen_version, m->why, err);
}

static int get_vm(const Exclaim__HostSnapshot__Domain *d, struct exclaim_pool *pool,
                  struct exclaim_pool_vm *vm, struct exclaim_error *err)
{
    uint64_t *pages;

    if (d->n_node_pages > EXCLAIM_NODES_MAX) {
        return too_many(err, "nodes of a domain", d->n_node_pages, EXCLAIM_NODES_MAX);
    }
    if (d->uuid.len && d->uuid.len != EXCLAIM_UUID_BYTES) {
        return too_many(err, "bytes of a uuid", d->uuid.len, EXCLAIM_UUID_BYTES);
    }
    pages = pool_alloc(pool, d->n_node_pages + 1, sizeof(*pages));
    if (!pages) {
        return pool_no_memory(err);
    }
    if (d->n_node_pages) {
        memcpy(pages, d->node_pages, d->n_node_pages * sizeof(*pages));
    }
    vm->nr_nodes = (uint32_t)d->n_node_pages;
    vm->pages = pages;
    vm->total_pages = d->total_pages;
    vm->max_pages = d->max_pages;
    vm->vcpus = d->vcpus;
    vm->paging_pool_bytes = d->paging_pool_bytes;
    vm->pages_source = (uint32_t)d->source <= EXCLAIM__HOST_SNAPSHOT__DOMAIN__SOURCE__CONSOLE
                           ? (enum exclaim_number_source)d->source
                           : EXCLAIM_FROM_NOWHERE;
    vm->exact = d->exact;
    vm->pinned = d->pinned;
    return part_vm_texts(pool, vm, d->uuid.len ? d->uuid.data : NULL, d->name, d->why, err);
}

int part_unpack(const void *data, size_t size, struct exclaim_pool *pool, struct exclaim_error *err)
{
    Exclaim__HostSnapshot *m = exclaim__host_snapshot__unpack(NULL, size, data);
    int rc = -1;

    if (!m || m->schema == 0) {
        exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%zu bytes are no host snapshot%s", size,
                     m ? ": schema 0" : "");
        goto out;
    }
    if (m->n_domain > EXCLAIM_POOL_VMS) {
        too_many(err, "domains", m->n_domain, EXCLAIM_POOL_VMS);
        goto out;
    }
    if (part_alloc(pool, (uint32_t)m->n_domain, err) || get_host(m, pool, err)) {
        goto out;
    }
    for (size_t i = 0; i < m->n_domain; i++) {
        if (get_vm(m->domain[i], pool, &pool->vm[i], err)) {
            exclaim_error_wrap(err, "domain %zu", i);
            goto out;
        }
    }
    rc = 0;

out:
    if (m) {
        exclaim__host_snapshot__free_unpacked(m, NULL);
    }
    return rc;
}
