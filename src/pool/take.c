/* SPDX-License-Identifier: BSD-2-Clause */
/* This host's part of a pool, read from the hypervisor. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/config.h>

#include "../base/compat.h"
#include "../base/clock.h"
#include "../base/file.h"
#include "part.h"

/* Where XenServer and XCP-ng keep the host's uuid. */
#define INVENTORY "/etc/xensource-inventory"

#define DOMAINS_MAX 0x7ff0u /* xen/include/public/xen.h, DOMID_FIRST_RESERVED */

/* INSTALLATION_UUID='...' of the inventory, or "". */
static void host_uuid(char *uuid, size_t size)
{
    static const char key[] = "INSTALLATION_UUID='";
    FILE *f = fopen(INVENTORY, "re");
    char line[256];

    uuid[0] = '\0';
    while (f && fgets(line, sizeof(line), f)) {
        char *value = line + sizeof(key) - 1;

        if (!strncmp(line, key, sizeof(key) - 1)) {
            value[strcspn(value, "'\n")] = '\0';
            snprintf(uuid, size, "%.36s", value);
        }
    }
    if (f) {
        fclose(f);
    }
}

enum exclaim_guarantee exclaim_pool_guarantee(const struct exclaim_config *config,
                                              const struct exclaim_caps *caps, uint32_t homes)
{
    struct exclaim_match match = { .nr_nodes = homes, .total_pages = homes };
    struct exclaim_claim_plan plan;

    for (uint32_t n = 0; n < homes; n++) {
        match.pages[n] = 1;
    }
    exclaim_claim_plan(&match, caps, &plan);
    if (plan.nr && plan.step[0].guarantee == EXCLAIM_GUARANTEE_HOST && homes > 1 &&
        !exclaim_file_loads(config->place_object)) {
        /* As src/session decides: node affinity steers to one node, and is a wish for several. */
        return EXCLAIM_GUARANTEE_NONE;
    }
    return plan.nr ? plan.step[0].guarantee : EXCLAIM_GUARANTEE_NONE;
}

static int fill_host(struct exclaim_hv *hv, const struct exclaim_config *config,
                     const struct exclaim_room *room, struct exclaim_pool *pool,
                     struct exclaim_error *err)
{
    struct exclaim_pool_host *host = pool->host;
    uint32_t(*distance)[EXCLAIM_NODES_MAX];
    struct exclaim_caps caps;
    char uuid[64], name[256] = "", version[64], hidden[192], both[384];
    const char *why = "";

    if (hv->ops->caps(hv, &caps, err)) {
        return -1;
    }
    host->time_unix_ms = exclaim_now_unix_ms();
    host->nr_nodes = room->nr_nodes;
    host->online = room->allowed;
    memcpy(host->free, room->free, sizeof(host->free));
    memcpy(host->claimed, room->claimed, sizeof(host->claimed));
    distance = pool_alloc(pool, room->nr_nodes + 1, sizeof(*distance));
    if (!distance) {
        return pool_no_memory(err);
    }
    memcpy(distance, room->distance, room->nr_nodes * sizeof(*distance));
    host->distance = (const uint32_t(*)[EXCLAIM_NODES_MAX])distance;
    host->host_free = room->host_free;
    host->host_claimed = room->host_claimed;
    host->headroom = room->headroom;
    host->slack = room->slack;

    host->one_node = exclaim_pool_guarantee(config, &caps, 1);
    host->several_nodes = exclaim_pool_guarantee(config, &caps, 2);
    if (host->one_node != EXCLAIM_GUARANTEE_NONE && host->several_nodes == EXCLAIM_GUARANTEE_NONE) {
        why = "no placing object: nothing is guaranteed on several nodes";
    } else if (!caps.claim_node_known) {
        why = "whether this Xen claims on a node shows only on a domain under construction";
    }

    exclaim_room_hidden_text(room, hidden, sizeof(hidden));
    if (hidden[0]) {
        snprintf(both, sizeof(both), "%s%s%s", why, *why ? "; " : "", hidden);
        why = both;
    }
    host_uuid(uuid, sizeof(uuid));
    if (gethostname(name, sizeof(name) - 1)) {
        name[0] = '\0';
    }
    snprintf(version, sizeof(version), "%u.%u%s", caps.xen_major, caps.xen_minor, caps.xen_extra);
    return part_host_texts(pool, uuid, name, version, why, err);
}

/* Domains to be counted. */
struct found {
    uint32_t nr;
    uint32_t size;
    struct exclaim_domain *dom;
    uint32_t *domid;
    struct exclaim_count *count;
};

static void drop_found(struct found *f)
{
    free(f->dom);
    free(f->domid);
    free(f->count);
}

static int add_found(struct found *f, const struct exclaim_domain *dom, struct exclaim_error *err)
{
    if (f->nr == f->size) {
        uint32_t size = f->size ? f->size * 2 : 64;
        struct exclaim_domain *more = compat_reallocarray(f->dom, size, sizeof(*more));

        if (!more) {
            return pool_no_memory(err);
        }
        f->dom = more;
        f->size = size;
    }
    f->dom[f->nr++] = *dom;
    return 0;
}

static int find(struct exclaim_hv *hv, struct found *f, struct exclaim_error *err)
{
    struct exclaim_domain dom = { 0 };
    int r = 1;

    /* Domain 0 stays where it is. */
    for (uint32_t next = 1; next < DOMAINS_MAX; next = dom.domid + 1) {
        r = hv->ops->next_domain(hv, next, &dom, err);
        if (r <= 0) {
            break;
        }
        if (!dom.dying && dom.total_pages && add_found(f, &dom, err)) {
            return -1;
        }
    }
    if (r < 0) {
        return -1;
    }
    f->domid = calloc(f->nr + 1, sizeof(*f->domid));
    f->count = calloc(f->nr + 1, sizeof(*f->count));
    if (!f->domid || !f->count) {
        return pool_no_memory(err);
    }
    for (uint32_t i = 0; i < f->nr; i++) {
        f->domid[i] = f->dom[i].domid;
    }
    return 0;
}

/* Shared and paged pages become the VM's own on arrival; nobody knows on which node they are. */
static void add_unshared(struct exclaim_pool_vm *vm, uint64_t *pages, uint64_t more)
{
    uint32_t largest = 0;

    vm->total_pages += more;
    for (uint32_t n = 1; n < vm->nr_nodes; n++) {
        largest = pages[n] > pages[largest] ? n : largest;
    }
    if (vm->nr_nodes && more) {
        pages[largest] += more;
        vm->exact = false;
    }
}

/* 1 if it is in, 0 if it has gone meanwhile. */
static int fill_vm(struct exclaim_hv *hv, const struct exclaim_domain *dom,
                   const struct exclaim_count *count, struct exclaim_pool *pool,
                   struct exclaim_pool_vm *vm, struct exclaim_error *err)
{
    struct exclaim_domain now;
    struct exclaim_affinity aff;
    struct exclaim_error ignored;
    const char *why;
    uint64_t *pages;

    if (exclaim_hv_domain(hv, dom->domid, &now, &ignored) || now.dying ||
        memcmp(now.uuid, dom->uuid, sizeof(now.uuid)) != 0 ||
        hv->ops->get_affinity(hv, dom->domid, &aff, &ignored)) {
        return 0;
    }
    pages = pool_alloc(pool, count->nr_nodes + 1, sizeof(*pages));
    if (!pages) {
        return pool_no_memory(err);
    }
    memcpy(pages, count->pages, count->nr_nodes * sizeof(*pages));
    vm->pages = pages;
    vm->exact = count->exact;
    /* Numbers that are off by a few pages are worth keeping, ones that do not add up are not. */
    if (exclaim_count_usable(count)) {
        vm->nr_nodes = count->nr_nodes;
        vm->total_pages = count->total_pages;
        vm->pages_source = count->method;
    } else {
        vm->total_pages = now.total_pages;
        vm->pages_source = EXCLAIM_FROM_HYPERCALL;
    }
    add_unshared(vm, pages, now.shared_pages + now.paged_pages);
    vm->max_pages = now.max_pages;
    vm->vcpus = now.max_vcpu_id + 1;
    vm->pinned = !aff.hard_all;
    if (hv->ops->paging_pool(hv, dom->domid, &vm->paging_pool_bytes, &ignored)) {
        vm->paging_pool_bytes = 0; /* not known: estimated */
    }
    why = count->exact && !vm->exact ? "shared or paged pages are counted with the largest node"
                                     : count->why;
    return part_vm_texts(pool, vm, now.uuid, now.name, why, err) ? -1 : 1;
}

int exclaim_pool_take(struct exclaim_hv *hv, const struct exclaim_config *config,
                      const struct exclaim_room *room, struct exclaim_pool *pool,
                      struct exclaim_error *err)
{
    const struct exclaim_count_how how = exclaim_count_how(config);
    struct found f = { 0 };
    int rc = -1;

    *pool = (struct exclaim_pool){ 0 };
    if (find(hv, &f, err) || hv->ops->count_many(hv, f.domid, f.nr, &how, f.count, err) ||
        part_alloc(pool, f.nr, err) || fill_host(hv, config, room, pool, err)) {
        goto out;
    }
    pool->nr_vms = 0;
    for (uint32_t i = 0; i < f.nr; i++) {
        int r = fill_vm(hv, &f.dom[i], &f.count[i], pool, &pool->vm[pool->nr_vms], err);

        if (r < 0) {
            goto out;
        }
        pool->nr_vms += (uint32_t)r;
    }
    rc = pool_finish(pool, err);

out:
    drop_found(&f);
    if (rc) {
        exclaim_pool_free(pool);
    }
    return rc;
}
