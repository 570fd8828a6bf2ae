/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which hosts may run a VM, by what XAPI checks before it starts one there, memory and versions
 * left out (xen-api, ocaml/xapi/xapi_vm_helpers.ml, assert_can_boot_here): storage, networks, GPUs;
 * and what keeps a running VM where it is: devices of the host, blocked operations.
 */
#include "database.h"

#include <stdlib.h>
#include <string.h>

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
        struct host_set *more = reallocarray(sets->set, size, sizeof(*more));

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
    drop(&db->storage);
    drop(&db->networks);
    drop(&db->gpus);
}

/* The host of every record of a table has what `member` refers to. */
static int gather(struct database *db, enum db_class which, const char *member, const char *only_if,
                  struct host_sets *sets, struct exclaim_error *err)
{
    json_object_object_foreach(db_table(db, which), ref, record)
    {
        uint32_t host = db_host(db, db_text(record, "host"));
        struct host_set *set;

        (void)ref;
        if (host == EXCLAIM_NO_HOST || (only_if && !db_true(record, only_if))) {
            continue;
        }
        set = set_of(sets, db_text(record, member), true);
        if (!set) {
            return pool_no_memory(err);
        }
        set->host[host / 64] |= 1ull << (host % 64);
    }
    return 0;
}

/* A network without an interface lives on the one host where somebody uses it. */
static int count_users(struct database *db, struct exclaim_error *err)
{
    json_object_object_foreach(db_table(db, DB_VIF), ref, record)
    {
        struct host_set *set;

        (void)ref;
        if (!db_true(record, "currently_attached")) {
            continue;
        }
        set = set_of(&db->networks, db_text(record, "network"), true);
        if (!set) {
            return pool_no_memory(err);
        }
        set->users++;
    }
    return 0;
}

int agility_prepare(struct database *db, struct exclaim_error *err)
{
    if (gather(db, DB_PBD, "SR", "currently_attached", &db->storage, err) ||
        gather(db, DB_PIF, "network", NULL, &db->networks, err) ||
        gather(db, DB_PGPU, "GPU_group", NULL, &db->gpus, err)) {
        return -1;
    }
    return count_users(db, err);
}

/* Takes hosts out of vm->allowed; the first reason stays. */
static int narrow(struct database *db, struct exclaim_pool_vm *vm, const struct host_set *set,
                  const char *what, const char *name, struct exclaim_error *err)
{
    static const struct host_set nowhere;
    bool less = false;

    set = set ? set : &nowhere;
    for (uint32_t w = 0; w < HOST_WORDS; w++) {
        less |= (vm->allowed[w] & ~set->host[w]) != 0;
        vm->allowed[w] &= set->host[w];
    }
    if (less && !*vm->why_not_agile) {
        vm->why_not_agile =
            pool_textf(db->pool, "%s%.100s%s", what, name, *name ? " is not on every host" : "");
    }
    return vm->why_not_agile ? 0 : pool_no_memory(err);
}

/* The list of references that a member is. */
static size_t list_of(json_object *record, const char *member, json_object **list)
{
    *list = jread_get(record, member);
    return json_object_is_type(*list, json_type_array) ? json_object_array_length(*list) : 0;
}

static const char *item_of(json_object *list, size_t i)
{
    json_object *item = json_object_array_get_idx(list, i);

    return json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";
}

static int need_storage(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
                        struct exclaim_error *err)
{
    json_object *list;
    size_t nr = list_of(record, "VBDs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vbd = db_record(db, DB_VBD, item_of(list, i));
        json_object *vdi = db_follow(db, DB_VDI, vbd, "VDI");
        const char *sr = db_text(vdi, "SR");

        if (vdi && !db_true(vbd, "empty") &&
            narrow(db, vm, set_of(&db->storage, sr, false), "storage ",
                   db_text(db_record(db, DB_SR, sr), "name_label"), err)) {
            return -1;
        }
    }
    return 0;
}

static int need_networks(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
                         struct exclaim_error *err)
{
    json_object *list, *pifs;
    size_t nr = list_of(record, "VIFs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vif = db_record(db, DB_VIF, item_of(list, i));
        json_object *network = db_follow(db, DB_NETWORK, vif, "network");
        struct host_set *set = set_of(&db->networks, db_text(vif, "network"), false);
        uint32_t mine = db_true(vif, "currently_attached") ? 1 : 0;
        bool internal = list_of(network, "PIFs", &pifs) == 0;

        if (strlen(db_text(vif, "reserved_pci")) > strlen("OpaqueRef:NULL")) {
            if (narrow(db, vm, NULL, "it has an SR-IOV interface", "", err)) {
                return -1;
            }
        } else if (!network || (internal && (!set || set->users <= mine))) {
            continue;
        } else if (narrow(db, vm, internal ? NULL : set, "network ", db_text(network, "name_label"),
                          err)) {
            return -1;
        }
    }
    return 0;
}

static int need_gpus(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
                     struct exclaim_error *err)
{
    json_object *list;
    size_t nr = list_of(record, "VGPUs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vgpu = db_record(db, DB_VGPU, item_of(list, i));

        if (narrow(db, vm, set_of(&db->gpus, db_text(vgpu, "GPU_group"), false), "its GPU group",
                   " ", err)) {
            return -1;
        }
    }
    return 0;
}

/* Why XAPI would not move it at all; "" if it would. */
static const char *immovable(json_object *record)
{
    json_object *list;
    size_t nr;

    if (list_of(record, "attached_PCIs", &list) ||
        *db_text(jread_get(record, "other_config"), "pci")) {
        return "a PCI device is passed through to it";
    }
    if (list_of(record, "VUSBs", &list)) {
        return "a USB device is passed through to it";
    }
    if (jread_get(jread_get(record, "blocked_operations"), "pool_migrate")) {
        return "pool_migrate is among its blocked operations";
    }
    /* XAPI's own list, which it keeps up to date; while another operation runs it is empty. */
    nr = list_of(record, "allowed_operations", &list);
    for (size_t i = 0; i < nr; i++) {
        if (!strcmp(item_of(list, i), "pool_migrate")) {
            return "";
        }
    }
    return nr ? "XAPI does not list pool_migrate among what it allows (drivers, features)" : "";
}

int agility_of(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
               struct exclaim_error *err)
{
    const char *why = immovable(record);

    vm->why_not_agile = "";
    pool_allow_all(db->pool, vm);
    if (*why && narrow(db, vm, NULL, why, "", err)) {
        return -1;
    }
    return need_storage(db, record, vm, err) || need_networks(db, record, vm, err) ||
                   need_gpus(db, record, vm, err)
               ? -1
               : 0;
}
