/* SPDX-License-Identifier: BSD-2-Clause */
/* What keeps a VM from being migrated anywhere (xen-api, ocaml/xapi/xapi_vm_lifecycle.ml,
 * check_operation_error for pool_migrate). */
#include "agility.h"

#include <string.h>

/* An operation that runs on it and excludes a migration; a migration itself does not count, who
 * asks for one looks where the VM is first. */
static const char *busy(json_object *record)
{
    json_object *operations = jread_get(record, "current_operations");

    if (!json_object_is_type(operations, json_type_object)) {
        return "";
    }
    json_object_object_foreach(operations, task, name)
    {
        const char *text =
            json_object_is_type(name, json_type_string) ? json_object_get_string(name) : "";

        (void)task;
        if (*text && strcmp(text, "pool_migrate") != 0) {
            return text;
        }
    }
    return "";
}

static bool resets_with_cache(struct database *db, json_object *record)
{
    json_object *list;
    size_t nr = db_list(record, "VBDs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vbd = db_record(db, DB_VBD, db_item(list, i));
        json_object *config = jread_get(db_follow(db, DB_VDI, vbd, "VDI"), "sm_config");

        if (!strcmp(db_text(config, "on_boot"), "reset") && db_truth(db_text(config, "caching"))) {
            return true;
        }
    }
    return false;
}

/* The PCI function of a virtual GPU moves with it (nvidia_sriov_pcis). */
static bool is_of_gpu(struct database *db, json_object *record, const char *pci)
{
    json_object *list;
    size_t nr = db_list(record, "VGPUs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vgpu = db_record(db, DB_VGPU, db_item(list, i));

        if (gpu_has_function(db, vgpu) && !strcmp(db_text(vgpu, "PCI"), pci)) {
            return true;
        }
    }
    return false;
}

static bool has_pci(struct database *db, json_object *record)
{
    json_object *list;
    size_t nr = db_list(record, "attached_PCIs", &list);

    for (size_t i = 0; i < nr; i++) {
        if (!is_of_gpu(db, record, db_item(list, i))) {
            return true;
        }
    }
    return *db_text(jread_get(record, "other_config"), "pci") != '\0';
}

/* Only NVIDIA's, on a GPU that says with what it is compatible. */
static bool gpus_move(struct database *db, json_object *record)
{
    json_object *list;
    size_t nr = db_list(record, "VGPUs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vgpu = db_record(db, DB_VGPU, db_item(list, i));
        const char *kind = db_text(db_follow(db, DB_VGPU_TYPE, vgpu, "type"), "implementation");
        json_object *metadata =
            jread_get(db_follow(db, DB_PGPU, vgpu, "resident_on"), "compatibility_metadata");

        if ((*kind && strcmp(kind, "nvidia") != 0 && strcmp(kind, "nvidia_sriov") != 0) ||
            (json_object_is_type(metadata, json_type_object) &&
             !json_object_object_length(metadata))) {
            return false;
        }
    }
    return true;
}

const char *immovable(struct database *db, json_object *record)
{
    json_object *metrics = db_follow(db, DB_VM_METRICS, record, "metrics");
    json_object *blocked = jread_get(jread_get(record, "blocked_operations"), "pool_migrate");
    json_object *list;
    size_t nr;

    if (blocked) {
        const char *why =
            json_object_is_type(blocked, json_type_string) ? json_object_get_string(blocked) : "";

        return pool_textf(db->pool, "pool_migrate is among its blocked operations%s%.100s",
                          *why ? ": " : "", why);
    }
    if (!strcmp(db_text(record, "power_state"), "Paused")) {
        return "it is paused, and XAPI migrates running VMs only";
    }
    if (*busy(record)) {
        return pool_textf(db->pool, "%.60s runs on it: try again when that has ended",
                          busy(record));
    }
    if (db_true(metrics, "nomigrate")) {
        return "it was started not to be migrated (nomigrate)";
    }
    if (db_true(metrics, "nested_virt")) {
        return "it runs virtual machines itself (nested virtualisation)";
    }
    if (has_pci(db, record)) {
        return "a PCI device is passed through to it";
    }
    if (db_list(record, "VUSBs", &list)) {
        return "a USB device is passed through to it";
    }
    if (!gpus_move(db, record)) {
        return "its vGPU is of a kind that XAPI does not migrate";
    }
    if (resets_with_cache(db, record)) {
        return "a disk of it is reset on boot and cached on its host";
    }
    /* XAPI's own list, which it keeps up to date; while another operation runs it is empty. */
    nr = db_list(record, "allowed_operations", &list);
    for (size_t i = 0; i < nr; i++) {
        if (!strcmp(db_item(list, i), "pool_migrate")) {
            return "";
        }
    }
    return nr ? "XAPI does not list pool_migrate among what it allows (drivers, features)" : "";
}
