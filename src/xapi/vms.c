/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's VMs as XAPI's database has them. */
#include "database.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (EXCLAIM_PAGES_MAX << EXCLAIM_PAGE_SHIFT)
#define MIB       (1024ull * 1024)

static bool wanted(json_object *record)
{
    const char *state = db_text(record, "power_state");

    return !db_true(record, "is_a_template") && !db_true(record, "is_a_snapshot") &&
           !db_true(record, "is_control_domain") &&
           (!strcmp(state, "Running") || !strcmp(state, "Paused"));
}

/*
 * VM_metrics.numa_node_memory: bytes per node, nodes with up to 4096 pages left out, as old as the
 * VM's last event (xen-api, ocaml/xapi/xapi_xenops.ml).  Good enough to plan by, never exact.
 */
static int metrics_nodes(struct database *db, json_object *metrics, struct exclaim_pool_vm *vm,
                         struct exclaim_error *err)
{
    json_object *map = jread_get(metrics, "numa_node_memory");
    uint64_t pages[EXCLAIM_NODES_MAX] = { 0 }, sum = 0, *copy;
    uint32_t end = 0, largest = 0;

    if (!json_object_is_type(map, json_type_object) || json_object_object_length(map) == 0) {
        return 0;
    }
    json_object_object_foreach(map, key, value)
    {
        char *rest;
        unsigned long node = strtoul(key, &rest, 10);
        uint64_t bytes;

        if (*rest || rest == key || node >= EXCLAIM_NODES_MAX ||
            !jread_number(value, BYTES_MAX, &bytes)) {
            return 0; /* no use: the total alone then */
        }
        pages[node] = bytes >> EXCLAIM_PAGE_SHIFT;
        sum += pages[node];
        end = node >= end ? (uint32_t)node + 1 : end;
        largest = pages[node] > pages[largest] ? (uint32_t)node : largest;
    }
    if (sum == 0 || sum > vm->total_pages) {
        return 0;
    }
    pages[largest] += vm->total_pages - sum;
    copy = pool_alloc(db->pool, end, sizeof(*copy));
    if (!copy) {
        return pool_no_memory(err);
    }
    memcpy(copy, pages, end * sizeof(*copy));
    vm->nr_nodes = end;
    vm->pages = copy;
    return 0;
}

static int memory(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
                  struct exclaim_error *err)
{
    json_object *metrics = db_follow(db, DB_VM_METRICS, record, "metrics");
    const char *type = db_text(record, "domain_type");
    struct jread r = { .err = err };
    uint64_t smax = jread_u64(&r, record, "memory_static_max", BYTES_MAX, 0);
    uint64_t target = jread_u64(&r, record, "memory_target", BYTES_MAX, 0);
    uint64_t least = jread_u64(&r, record, "memory_dynamic_min", BYTES_MAX, 0);
    uint64_t actual = jread_u64(&r, metrics, "memory_actual", BYTES_MAX, 0);
    uint64_t vcpus = jread_u64(&r, record, "VCPUs_max", 8192, 0);
    uint64_t running = jread_u64(&r, metrics, "VCPUs_number", 8192, 0);
    double multiplier = json_object_get_double(jread_get(record, "HVM_shadow_multiplier"));

    if (r.failed) {
        return -1;
    }
    if (actual) {
        vm->total_pages = actual >> EXCLAIM_PAGE_SHIFT;
        vm->pages_source = EXCLAIM_FROM_XAPI;
    } else {
        target = target ? target : smax;
        vm->total_pages = (target + model_shim_bytes(type, target)) >> EXCLAIM_PAGE_SHIFT;
        vm->pages_source = EXCLAIM_FROM_ESTIMATE;
    }
    /* A pv-in-pvh domain starts with its static maximum, whatever it has (memory_check.ml). */
    vm->min_pages = strcmp(type, "pv_in_pvh") ? least >> EXCLAIM_PAGE_SHIFT : 0;
    vm->max_pages = (smax + MIB + model_shim_bytes(type, smax)) >> EXCLAIM_PAGE_SHIFT;
    vm->vcpus = (uint32_t)(running > vcpus ? running : vcpus);
    /* What the destination's xenopsd will give it, whatever it has where it runs. */
    vm->arrival_pages =
        exclaim_arrival_pages(vm->vcpus, model_pool_bytes(type, smax, vm->vcpus, multiplier));
    vm->arrival_source = EXCLAIM_FROM_ESTIMATE;
    vm->why = "not counted: the numbers are XAPI's";
    return actual ? metrics_nodes(db, metrics, vm, err) : 0;
}

/* VMs of one anti-affinity group have one number: the group's place in its table. */
static uint32_t apart(const struct database *db, json_object *record)
{
    json_object *groups = jread_get(record, "groups");
    size_t nr = json_object_is_type(groups, json_type_array) ? json_object_array_length(groups) : 0;

    for (size_t i = 0; i < nr; i++) {
        const char *ref = json_object_get_string(json_object_array_get_idx(groups, i));
        uint32_t number = 1;

        json_object_object_foreach(db_table(db, DB_VM_GROUP), other, group)
        {
            if (ref && !strcmp(other, ref) &&
                !strcmp(db_text(group, "placement"), "anti_affinity")) {
                return number;
            }
            number++;
        }
    }
    return 0;
}

static int fill(struct database *db, json_object *record, const char *ref,
                struct exclaim_pool_vm *vm, struct exclaim_error *err)
{
    const char *name = db_text(record, "name_label"), *uuid = db_text(record, "uuid");

    vm->host = db_host(db, db_text(record, "resident_on"));
    vm->ref = pool_text(db->pool, ref, EXCLAIM_XAPI_REF);
    vm->name = pool_text(db->pool, name, strlen(name));
    vm->uuid = pool_text(db->pool, uuid, strlen(uuid));
    if (!vm->ref || !vm->name || !vm->uuid) {
        return pool_no_memory(err);
    }
    vm->pinned = *db_text(jread_get(record, "VCPUs_params"), "mask") != '\0';
    vm->apart = apart(db, record);
    return memory(db, record, vm, err) || agility_of(db, record, vm, err) ? -1 : 0;
}

int db_vms(struct database *db, struct exclaim_error *err)
{
    struct exclaim_pool *pool = db->pool;
    uint32_t nr = 0;

    json_object_object_foreach(db_table(db, DB_VM), ref, record)
    {
        (void)ref;
        nr += wanted(record);
    }
    if (nr > EXCLAIM_POOL_VMS) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "XAPI tells of %" PRIu32 " VMs, limit %u",
                            nr, EXCLAIM_POOL_VMS);
    }
    pool->vm = pool_alloc(pool, (size_t)nr + 1, sizeof(*pool->vm));
    if (!pool->vm || agility_prepare(db, err)) {
        return pool->vm ? -1 : pool_no_memory(err);
    }
    json_object_object_foreach(db_table(db, DB_VM), vm_ref, vm_record)
    {
        if (!wanted(vm_record)) {
            continue;
        }
        if (strlen(vm_ref) >= EXCLAIM_XAPI_REF) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "VM %.80s...: no reference", vm_ref);
        }
        if (fill(db, vm_record, vm_ref, &pool->vm[pool->nr_vms], err)) {
            return exclaim_error_wrap(err, "VM %.60s", db_text(vm_record, "name_label"));
        }
        pool->nr_vms++;
    }
    return 0;
}
