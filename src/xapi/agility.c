/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which hosts may run a VM, by what XAPI checks before it starts or migrates one there, memory,
 * versions and switches of hosts left out, which change while a pool is upgraded (xen-api,
 * ocaml/xapi/xapi_vm_helpers.ml, assert_can_boot_here, and what it calls).  docs/evacuation.md has
 * the table of conditions.
 */
#include "../base/compat.h"
#include "database.h"

#include <stdlib.h>
#include <string.h>

#include "agility.h"

static const struct host_set nowhere, everywhere = { .host = { ~0ull, ~0ull, ~0ull, ~0ull } };

_Static_assert(HOST_WORDS == 4, "everywhere is all words");

/* The set of @ref; a new one if @add.  NULL: none, or no memory. */
static struct host_set *set_of(struct host_sets *sets, const char *ref, bool add)
{
    json_object *at = jread_get(sets->index, ref);

    if (at) {
        return &sets->set[json_object_get_int64(at)];
    }
    if (!add) {
        return NULL;
    }
    if (sets->nr == sets->size) {
        uint32_t size = sets->size ? sets->size * 2 : 64;
        struct host_set *more = compat_reallocarray(sets->set, size, sizeof(*more));

        if (!more) {
            return NULL;
        }
        sets->set = more;
        sets->size = size;
    }
    if (!sets->index) {
        sets->index = json_object_new_object();
    }
    if (json_object_object_add(sets->index, ref, json_object_new_int64(sets->nr))) {
        return NULL;
    }
    sets->set[sets->nr] = (struct host_set){ 0 };
    return &sets->set[sets->nr++];
}

static void drop(struct host_sets *sets)
{
    json_object_put(sets->index);
    free(sets->set);
    *sets = (struct host_sets){ 0 };
}

void agility_drop(struct database *db)
{
    gpus_drop(db);
    drop(&db->storage);
    drop(&db->networks);
    drop(&db->slaves);
    drop(&db->users);
}

static int add(struct host_sets *sets, const char *ref, uint32_t host, struct exclaim_error *err)
{
    struct host_set *set = set_of(sets, ref, true);

    if (!set) {
        return pool_no_memory(err);
    }
    if (host != EXCLAIM_NO_HOST) {
        set->host[host / 64] |= 1ull << (host % 64);
    }
    return 0;
}

/* A managed network without an interface lives where running VMs use it, the VM itself included. */
static int gather_users(struct database *db, struct exclaim_error *err)
{
    json_object_object_foreach(db_table(db, DB_VIF), ref, vif)
    {
        json_object *vm = db_follow(db, DB_VM, vif, "VM");

        (void)ref;
        if (vm && !strcmp(db_text(vm, "power_state"), "Running") &&
            add(&db->users, db_text(vif, "network"), db_host(db, db_text(vm, "resident_on")),
                err)) {
            return -1;
        }
    }
    return 0;
}

int agility_prepare(struct database *db, struct exclaim_error *err)
{
    json_object_object_foreach(db_table(db, DB_PBD), pbd_ref, pbd)
    {
        (void)pbd_ref;
        if (db_true(pbd, "currently_attached") &&
            add(&db->storage, db_text(pbd, "SR"), db_host(db, db_text(pbd, "host")), err)) {
            return -1;
        }
    }
    json_object_object_foreach(db_table(db, DB_PIF), pif_ref, pif)
    {
        const char *network = db_text(pif, "network");
        uint32_t host = db_host(db, db_text(pif, "host"));

        (void)pif_ref;
        if (add(&db->networks, network, host, err) ||
            (db_ref(db_text(pif, "bond_slave_of")) && add(&db->slaves, network, host, err))) {
            return -1;
        }
    }
    return gather_users(db, err) || gpus_prepare(db, err) ? -1 : 0;
}

/* All hosts that are not in @set are out of vm->allowed, because of @what @name. */
static int narrow(struct database *db, struct exclaim_pool_vm *vm, const struct host_set *set,
                  const char *what, const char *name, const char *behind, struct exclaim_error *err)
{
    uint64_t out[HOST_WORDS], any = 0;
    const char *why;

    set = set ? set : &nowhere;
    for (uint32_t w = 0; w < HOST_WORDS; w++) {
        out[w] = ~set->host[w];
        any |= vm->allowed[w] & out[w];
    }
    if (!any) {
        return 0;
    }
    why = pool_textf(db->pool, "%s%.100s%s", what, name, behind);
    return why ? pool_bar(db->pool, vm, out, why, err) : pool_no_memory(err);
}

static int bar_host(struct database *db, struct exclaim_pool_vm *vm, uint32_t host, const char *why,
                    struct exclaim_error *err)
{
    struct host_set others = everywhere;

    others.host[host / 64] &= ~(1ull << (host % 64));
    return narrow(db, vm, &others, why, "", "", err);
}

static int need_storage(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
                        struct exclaim_error *err)
{
    json_object *list;
    size_t nr = db_list(record, "VBDs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vbd = db_record(db, DB_VBD, db_item(list, i));
        json_object *vdi = db_follow(db, DB_VDI, vbd, "VDI");
        const char *sr = db_text(vdi, "SR");

        if (vdi && !db_true(vbd, "empty") &&
            narrow(db, vm, set_of(&db->storage, sr, false), "storage ",
                   db_text(db_record(db, DB_SR, sr), "name_label"), " is not plugged there", err)) {
            return -1;
        }
    }
    return 0;
}

/* xapi_network_attach_helpers.ml, assert_can_see_named_networks */
static int need_network(struct database *db, const char *ref, struct exclaim_pool_vm *vm,
                        struct exclaim_error *err)
{
    json_object *network = db_record(db, DB_NETWORK, ref), *pifs, *managed;
    const char *name = db_text(network, "name_label");
    const struct host_set *slaves = set_of(&db->slaves, ref, false);
    struct host_set free_of = everywhere;

    if (!network) {
        return 0;
    }
    if (slaves) {
        for (uint32_t w = 0; w < HOST_WORDS; w++) {
            free_of.host[w] = ~slaves->host[w];
        }
        if (narrow(db, vm, &free_of, "the interface of network ", name, " is part of a bond there",
                   err)) {
            return -1;
        }
    }
    if (db_list(network, "PIFs", &pifs)) {
        return narrow(db, vm, set_of(&db->networks, ref, false), "network ", name,
                      " has no interface there", err);
    }
    managed = jread_get(network, "managed");
    if (!strcmp(db_text(jread_get(network, "other_config"), "assume_network_is_shared"), "true") ||
        (managed && !db_true(network, "managed"))) {
        return 0;
    }
    return narrow(db, vm, set_of(&db->users, ref, false), "internal network ", name,
                  " is on the host where it is used", err);
}

static int need_networks(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
                         struct exclaim_error *err)
{
    json_object *list;
    size_t nr = db_list(record, "VIFs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vif = db_record(db, DB_VIF, db_item(list, i));

        if (db_ref(db_text(vif, "reserved_pci")) &&
            narrow(db, vm, NULL, "it has an SR-IOV interface", "", "", err)) {
            return -1;
        }
        if (need_network(db, db_text(vif, "network"), vm, err)) {
            return -1;
        }
    }
    return 0;
}

/* The n-th word of a feature set, "1fcbfbff-97fa3223-..."; 0 beyond its end. */
static uint32_t feature_word(const char *features, unsigned int n)
{
    while (n && *features) {
        n -= *features++ == '-';
    }
    return n ? 0 : (uint32_t)strtoul(features, NULL, 16);
}

/* helpers.ml, domain_type: as what it runs, whatever it will be started as the next time. */
static bool runs_as_pv(const struct database *db, json_object *record)
{
    const char *now =
        db_text(db_follow(db, DB_VM_METRICS, record, "metrics"), "current_domain_type");

    return !strcmp(*now && strcmp(now, "unspecified") != 0 ? now : db_text(record, "domain_type"),
                   "pv");
}

/* cpuid_helpers.ml, assert_vm_is_compatible: a running VM keeps the features that it booted with.
 */
static const char *cpu_lacks(const struct database *db, json_object *record, json_object *host)
{
    json_object *flags = jread_get(record, "last_boot_CPU_flags");
    json_object *info = jread_get(host, "cpu_info");
    const bool pv = runs_as_pv(db, record);
    const char *has = db_text(info, pv ? "features_pv" : "features_hvm");
    const char *needs = db_text(flags, "features");
    const char *vendor = db_text(flags, "vendor"), *other = db_text(info, "vendor");
    unsigned int words = 1;

    if (*vendor && *other && strcmp(vendor, other) != 0) {
        return "the CPU there is of another vendor than the one it was booted on";
    }
    if (!*needs || !*has) {
        return ""; /* XAPI before feature levelling */
    }
    for (const char *c = needs; *c; c++) {
        words += *c == '-';
    }
    for (unsigned int i = 0; i < words; i++) {
        if (feature_word(needs, i) & ~feature_word(has, i)) {
            return "the CPU there lacks features that it was booted with";
        }
    }
    return "";
}

static bool has_number(json_object *list, uint64_t number)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        uint64_t other;

        if (jread_number(json_object_array_get_idx(list, i), UINT64_MAX, &other) &&
            other == number) {
            return true;
        }
    }
    return false;
}

/* assert_enough_pcpus, assert_hardware_platform_support, assert_host_supports_hvm */
static const char *host_lacks(struct database *db, json_object *record, json_object *host)
{
    uint64_t vcpus = 0, cpus = 0, platform = 0;
    const char *why = cpu_lacks(db, record, host);
    json_object *list;
    bool hvm = false;
    size_t nr;

    if (*why) {
        return why;
    }
    jread_number(jread_get(record, "VCPUs_max"), UINT32_MAX, &vcpus);
    jread_number(jread_get(jread_get(host, "cpu_info"), "cpu_count"), UINT32_MAX, &cpus);
    if (cpus && vcpus > cpus &&
        !db_truth(db_text(jread_get(record, "platform"), "vcpu-unrestricted"))) {
        return pool_textf(db->pool, "it has %llu vCPUs, the host %llu CPUs",
                          (unsigned long long)vcpus, (unsigned long long)cpus);
    }
    jread_number(jread_get(record, "hardware_platform_version"), UINT32_MAX, &platform);
    if (db_list(host, "virtual_hardware_platform_versions", &list) && !has_number(list, platform)) {
        return pool_textf(db->pool, "virtual hardware platform version %llu is not offered there",
                          (unsigned long long)platform);
    }
    nr = db_list(host, "capabilities", &list);
    for (size_t i = 0; i < nr; i++) {
        hvm |= !strncmp(db_item(list, i), "hvm", 3);
    }
    if (nr && !hvm && !runs_as_pv(db, record)) {
        return "its CPUs have no hardware virtualisation";
    }
    return "";
}

static int need_hosts(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
                      struct exclaim_error *err)
{
    for (uint32_t h = 0; h < db->pool->nr_hosts; h++) {
        const char *why;

        if (h == vm->host) {
            continue;
        }
        why = host_lacks(db, record, db_record(db, DB_HOST, db->pool->host[h].ref));
        if (why && !*why) {
            why = gpu_lacks(db, record, h);
        }
        if (!why) {
            return pool_no_memory(err);
        }
        if (*why && bar_host(db, vm, h, why, err)) {
            return -1;
        }
    }
    return 0;
}

int agility_of(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
               struct exclaim_error *err)
{
    const char *why = immovable(db, record);

    pool_allow_all(db->pool, vm);
    if (gpus_of(db, record, vm, err)) {
        return -1;
    }
    if (!why || (*why && narrow(db, vm, NULL, why, "", "", err))) {
        return why ? -1 : pool_no_memory(err);
    }
    return need_storage(db, record, vm, err) || need_networks(db, record, vm, err) ||
                   need_hosts(db, record, vm, err)
               ? -1
               : 0;
}
