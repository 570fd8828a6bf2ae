/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of XAPI's database, each read whole: one call per class however many VMs there are.
 * What XAPI answers per VM and host (VM.assert_can_boot_here) would be 64,000 calls for 64 hosts
 * and 1000 VMs.
 */
#include "database.h"

#include <string.h>

static const char *const methods[DB_CLASSES] = {
    [DB_POOL] = "pool.get_all_records",
    [DB_HOST] = "host.get_all_records",
    [DB_HOST_METRICS] = "host_metrics.get_all_records",
    [DB_VM] = "VM.get_all_records",
    [DB_VM_METRICS] = "VM_metrics.get_all_records",
    [DB_VBD] = "VBD.get_all_records",
    [DB_VDI] = "VDI.get_all_records",
    [DB_SR] = "SR.get_all_records",
    [DB_PBD] = "PBD.get_all_records",
    [DB_VIF] = "VIF.get_all_records",
    [DB_NETWORK] = "network.get_all_records",
    [DB_PIF] = "PIF.get_all_records",
    [DB_VGPU] = "VGPU.get_all_records",
    [DB_PGPU] = "PGPU.get_all_records",
    [DB_VGPU_TYPE] = "VGPU_type.get_all_records",
    [DB_VM_GROUP] = "VM_group.get_all_records",
};

static bool unknown(const struct rpc *rpc)
{
    return !strcmp(rpc->code, "MESSAGE_METHOD_UNKNOWN");
}

int db_read(struct exclaim_xapi *xapi, struct database *db, struct exclaim_error *err)
{
    for (int c = 0; c < DB_CLASSES; c++) {
        db->rpc[c] = (struct rpc){ .method = methods[c], .params = rpc_params(NULL, NULL) };
    }
    db->none = json_object_new_object();
    rpc_run(xapi, db->rpc, DB_CLASSES, "reading the pool's database");
    for (int c = 0; c < DB_CLASSES; c++) {
        struct rpc *rpc = &db->rpc[c];

        if (rpc->failed && c >= DB_VGPU && unknown(rpc)) {
            continue;
        }
        if (rpc->failed) {
            rpc_fail(rpc, err);
            return exclaim_error_wrap(err, "%s", rpc->method);
        }
        if (!json_object_is_type(rpc->result, json_type_object)) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s: %s answered a %s, not records",
                                exclaim_xapi_server(xapi), rpc->method,
                                json_type_to_name(json_object_get_type(rpc->result)));
        }
    }
    return 0;
}

void db_drop(struct database *db)
{
    for (int c = 0; c < DB_CLASSES; c++) {
        rpc_drop(&db->rpc[c]);
    }
    json_object_put(db->none);
}

json_object *db_table(const struct database *db, enum db_class which)
{
    return db->rpc[which].result ? db->rpc[which].result : db->none;
}

json_object *db_record(const struct database *db, enum db_class which, const char *ref)
{
    return jread_get(db_table(db, which), ref);
}

json_object *db_follow(const struct database *db, enum db_class which, json_object *record,
                       const char *member)
{
    return db_record(db, which, db_text(record, member));
}

const char *db_text(json_object *record, const char *member)
{
    json_object *value = jread_get(record, member);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

bool db_true(json_object *record, const char *member)
{
    json_object *value = jread_get(record, member);

    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

bool db_truth(const char *text)
{
    static const char *const yes[] = { "true", "t", "1", "yes", "y" };

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (!strcasecmp(text, yes[i])) {
            return true;
        }
    }
    return false;
}

bool db_ref(const char *text)
{
    return *text && strcmp(text, "OpaqueRef:NULL") != 0;
}

size_t db_list(json_object *record, const char *member, json_object **list)
{
    *list = jread_get(record, member);
    return json_object_is_type(*list, json_type_array) ? json_object_array_length(*list) : 0;
}

const char *db_item(json_object *list, size_t i)
{
    json_object *item = json_object_array_get_idx(list, i);

    return json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";
}

uint32_t db_host(const struct database *db, const char *ref)
{
    for (uint32_t h = 0; h < db->pool->nr_hosts; h++) {
        if (!strcmp(db->pool->host[h].ref, ref)) {
            return h;
        }
    }
    return EXCLAIM_NO_HOST;
}
