/* SPDX-License-Identifier: BSD-2-Clause */
/* Room for virtual GPUs (xen-api, ocaml/xapi/vgpuops.ml, allocate_vgpu_to_gpu, and
 * xapi_pgpu_helpers.ml, get_remaining_capacity). */
#include "agility.h"

#include <string.h>

/* More virtual GPUs than a VM may have. */
#define VGPUS_MAX 64

/* Virtual GPUs of the VM that have a place on a physical one already. */
struct placed {
    uint32_t nr;
    const char *type[VGPUS_MAX], *pgpu[VGPUS_MAX];
};

static bool lists(json_object *record, const char *member, const char *ref)
{
    json_object *list;
    size_t nr = db_list(record, member, &list);

    for (size_t i = 0; i < nr; i++) {
        if (!strcmp(db_item(list, i), ref)) {
            return true;
        }
    }
    return false;
}

static uint64_t number(json_object *record, const char *member)
{
    uint64_t n = 0;

    jread_number(jread_get(record, member), INT64_MAX, &n);
    return n;
}

/* What is on a physical GPU: how many, how large together, and whether @type may join them. */
struct load {
    uint64_t nr, size;
    bool joins;
};

static void put(struct database *db, struct load *load, const char *there, const char *type)
{
    json_object *kind = db_record(db, DB_VGPU_TYPE, there), *list;

    load->nr++;
    load->size += number(kind, "size");
    load->joins &= db_list(kind, "compatible_types_on_pgpu", &list)
                       ? lists(kind, "compatible_types_on_pgpu", type)
                       : !strcmp(there, type);
}

static bool room(struct database *db, const char *ref, json_object *pgpu, const char *type,
                 const struct placed *placed)
{
    json_object *kind = db_record(db, DB_VGPU_TYPE, type);
    struct load load = { .joins = true };
    uint64_t size = number(kind, "size"), all = number(pgpu, "size");

    if (!lists(pgpu, "enabled_VGPU_types", type)) {
        return false;
    }
    json_object_object_foreach(db_table(db, DB_VGPU), vgpu_ref, vgpu)
    {
        (void)vgpu_ref;
        if (!strcmp(db_text(vgpu, "resident_on"), ref) ||
            !strcmp(db_text(vgpu, "scheduled_to_be_resident_on"), ref)) {
            put(db, &load, db_text(vgpu, "type"), type);
        }
    }
    for (uint32_t i = 0; i < placed->nr; i++) {
        if (!strcmp(placed->pgpu[i], ref)) {
            put(db, &load, placed->type[i], type);
        }
    }
    if (!load.joins) {
        return false;
    }
    if (size && all) {
        return load.size <= all && all - load.size >= size;
    }
    return load.nr < number(jread_get(pgpu, "supported_VGPU_max_capacities"), type);
}

const char *gpu_lacks(struct database *db, json_object *record, uint32_t host)
{
    struct placed placed = { 0 };
    json_object *list;
    size_t nr = db_list(record, "VGPUs", &list);

    for (size_t i = 0; i < nr && i < VGPUS_MAX; i++) {
        json_object *vgpu = db_record(db, DB_VGPU, db_item(list, i));
        const char *group = db_text(vgpu, "GPU_group"), *type = db_text(vgpu, "type");
        bool any = false, found = false;

        json_object_object_foreach(db_table(db, DB_PGPU), ref, pgpu)
        {
            if (found || db_host(db, db_text(pgpu, "host")) != host ||
                strcmp(db_text(pgpu, "GPU_group"), group) != 0) {
                continue;
            }
            any = true;
            if (room(db, ref, pgpu, type, &placed)) {
                placed.type[placed.nr] = type;
                placed.pgpu[placed.nr++] = ref;
                found = true;
            }
        }
        if (!found) {
            return any ? "no GPU of its group there has room for its vGPU"
                       : "there is no GPU of its group";
        }
    }
    return "";
}
