/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical GPUs and the virtual ones on them (xen-api, ocaml/xapi/vgpuops.ml, allocate_vgpu_to_gpu,
 * and xapi_pgpu_helpers.ml, get_remaining_capacity). */
#include "agility.h"

#include <string.h>

/* Above, sizes are halved: a share is exact up to here, and more than one by far what a GPU holds.
 */
#define SIZE_BITS 22

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

/* What one virtual GPU of @type takes of @pgpu. */
static uint64_t share(struct database *db, json_object *pgpu, const char *type)
{
    json_object *kind = db_record(db, DB_VGPU_TYPE, type);
    uint64_t size = number(kind, "size"), all = number(pgpu, "size");

    if (!size || !all) { /* an older XAPI: how many there may be */
        const uint64_t most = number(jread_get(pgpu, "supported_VGPU_max_capacities"), type);

        return most ? EXCLAIM_GPU_FULL / most : kind ? 0 : EXCLAIM_GPU_FULL + 1;
    }
    for (; all >> SIZE_BITS; all /= 2) {
        size = (size + 1) / 2;
    }
    return size <= all ? EXCLAIM_GPU_FULL * size / all : EXCLAIM_GPU_FULL + 1;
}

/* The number of a vGPU's type in its group; a new one if @add.  EXCLAIM_GPU_KINDS: none. */
static uint32_t kind_of(struct database *db, json_object *vgpu, bool add)
{
    const char *group = db_text(vgpu, "GPU_group"), *type = db_text(vgpu, "type");
    uint32_t k = 0;

    while (k < db->nr_kinds &&
           (strcmp(db->kind[k].group, group) != 0 || strcmp(db->kind[k].type, type) != 0)) {
        k++;
    }
    if (k < db->nr_kinds) {
        return k;
    }
    if (!add || k == EXCLAIM_GPU_KINDS) {
        return EXCLAIM_GPU_KINDS;
    }
    db->kind[k] = (struct db_gpu_kind){ group, type };
    return db->nr_kinds++;
}

static uint32_t gpu_of(const struct database *db, const char *ref)
{
    json_object *at = jread_get(db->gpus, ref);

    return at ? (uint32_t)json_object_get_int64(at) : EXCLAIM_NO_GPU;
}

/* One that is on a GPU, or promised to it, takes its share there. */
static void put(struct database *db, json_object *vgpu, const char *member)
{
    const uint32_t gpu = gpu_of(db, db_text(vgpu, member));
    const uint32_t kind = gpu == EXCLAIM_NO_GPU ? EXCLAIM_GPU_KINDS : kind_of(db, vgpu, true);

    if (kind < EXCLAIM_GPU_KINDS) {
        db->pool->gpu[gpu].nr[kind]++;
    }
}

static void fill_gpu(struct database *db, json_object *pgpu, struct exclaim_pool_gpu *gpu)
{
    for (uint32_t k = 0; k < db->nr_kinds; k++) {
        gpu->share[k] = share(db, pgpu, db->kind[k].type);
        gpu->takes |= (uint32_t)(!strcmp(db_text(pgpu, "GPU_group"), db->kind[k].group) &&
                                 lists(pgpu, "enabled_VGPU_types", db->kind[k].type))
                      << k;
    }
}

/* Types that may join one of kind @k: without a word on that, its own. */
static uint32_t joins(struct database *db, uint32_t k)
{
    json_object *type = db_record(db, DB_VGPU_TYPE, db->kind[k].type), *list;
    const bool told = db_list(type, "compatible_types_on_pgpu", &list) > 0;
    uint32_t kinds = 0;

    for (uint32_t other = 0; other < db->nr_kinds; other++) {
        const char *ref = db->kind[other].type;

        kinds |= (uint32_t)(told ? lists(type, "compatible_types_on_pgpu", ref)
                                 : !strcmp(ref, db->kind[k].type))
                 << other;
    }
    return kinds;
}

/* GPUs of one host stand together. */
static int list_gpus(struct database *db, struct exclaim_error *err)
{
    struct exclaim_pool *pool = db->pool;
    const size_t nr = (size_t)json_object_object_length(db_table(db, DB_PGPU));

    pool->gpu = pool_alloc(pool, nr + 1, sizeof(*pool->gpu));
    db->gpus = json_object_new_object();
    if (!pool->gpu || !db->gpus) {
        return pool_no_memory(err);
    }
    for (uint32_t h = 0; h < pool->nr_hosts && pool->nr_gpus < nr; h++) {
        json_object_object_foreach(db_table(db, DB_PGPU), ref, pgpu)
        {
            if (strcmp(db_text(pgpu, "host"), pool->host[h].ref) != 0) {
                continue;
            }
            if (json_object_object_add(db->gpus, ref, json_object_new_int64(pool->nr_gpus))) {
                return pool_no_memory(err);
            }
            pool->gpu[pool->nr_gpus++].host = h;
        }
    }
    return 0;
}

int gpus_prepare(struct database *db, struct exclaim_error *err)
{
    if (list_gpus(db, err)) {
        return -1;
    }
    json_object_object_foreach(db_table(db, DB_VGPU), vgpu_ref, vgpu)
    {
        (void)vgpu_ref;
        put(db, vgpu, "resident_on");
        put(db, vgpu, "scheduled_to_be_resident_on");
    }
    for (uint32_t k = 0; k < db->nr_kinds; k++) {
        db->pool->gpu_joins[k] = joins(db, k);
    }
    json_object_object_foreach(db_table(db, DB_PGPU), ref, pgpu)
    {
        const uint32_t gpu = gpu_of(db, ref);

        if (gpu != EXCLAIM_NO_GPU) {
            fill_gpu(db, pgpu, &db->pool->gpu[gpu]);
        }
    }
    return 0;
}

void gpus_drop(struct database *db)
{
    json_object_put(db->gpus);
    db->gpus = NULL;
}

int gpus_of(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
            struct exclaim_error *err)
{
    json_object *list;
    const size_t nr = db_list(record, "VGPUs", &list);
    struct exclaim_vgpu *vgpu;

    if (!nr) {
        return 0;
    }
    vgpu = pool_alloc(db->pool, nr, sizeof(*vgpu));
    if (!vgpu) {
        return pool_no_memory(err);
    }
    vm->vgpu = vgpu;
    for (size_t i = 0; i < nr && i < EXCLAIM_VGPUS; i++) {
        json_object *one = db_record(db, DB_VGPU, db_item(list, i));
        const uint32_t kind = kind_of(db, one, false);

        if (kind < EXCLAIM_GPU_KINDS) {
            vgpu[vm->nr_vgpus++] =
                (struct exclaim_vgpu){ .kind = kind,
                                       .gpu = gpu_of(db, db_text(one, "resident_on")) };
        }
    }
    return 0;
}

bool gpu_has_function(struct database *db, json_object *vgpu)
{
    return !strcmp(db_text(db_follow(db, DB_VGPU_TYPE, vgpu, "type"), "implementation"),
                   "nvidia_sriov");
}

const char *gpu_lacks(struct database *db, json_object *record, uint32_t host)
{
    json_object *list;
    const size_t nr = db_list(record, "VGPUs", &list);

    for (size_t i = 0; i < nr; i++) {
        json_object *vgpu = db_record(db, DB_VGPU, db_item(list, i));
        const uint32_t kind = kind_of(db, vgpu, false);
        const char *group = db_text(vgpu, "GPU_group");
        const char *iommu = db_text(
            jread_get(db_record(db, DB_HOST, db->pool->host[host].ref), "chipset_info"), "iommu");
        bool any = false, found = false;

        json_object_object_foreach(db_table(db, DB_PGPU), ref, pgpu)
        {
            (void)ref;
            if (db_host(db, db_text(pgpu, "host")) == host &&
                !strcmp(db_text(pgpu, "GPU_group"), group)) {
                any = true;
                found |= lists(pgpu, "enabled_VGPU_types", db_text(vgpu, "type"));
            }
        }
        if (!found) {
            return any ? "no GPU of its group there takes its type of vGPU"
                       : "there is no GPU of its group";
        }
        if (gpu_has_function(db, vgpu) && *iommu && strcmp(iommu, "true") != 0) {
            return "the host has no IOMMU, which its vGPU needs";
        }
        if (kind == EXCLAIM_GPU_KINDS) { /* on none now, or one of too many kinds */
            return "its vGPU is on no GPU that is known, or of too many types";
        }
    }
    return "";
}
