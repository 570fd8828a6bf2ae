/* SPDX-License-Identifier: BSD-2-Clause */
/* XAPI's database as it is when it is read, and a pool made of it. */
#ifndef POOL_DATABASE_H
#define POOL_DATABASE_H

#include "client.h"
#include "../base/jread.h"
#include "../pool/work.h"

enum db_class {
    DB_POOL,
    DB_HOST,
    DB_HOST_METRICS,
    DB_VM,
    DB_VM_METRICS,
    DB_VBD,
    DB_VDI,
    DB_SR,
    DB_PBD,
    DB_VIF,
    DB_NETWORK,
    DB_PIF,
    DB_VGPU, /* from here on: not every XAPI has them */
    DB_PGPU,
    DB_VGPU_TYPE,
    DB_VM_GROUP,
    DB_CLASSES
};

#define HOST_WORDS (EXCLAIM_POOL_HOSTS / 64)

/* Which hosts have something: by its reference. */
struct host_set {
    uint64_t host[HOST_WORDS];
};

struct host_sets {
    json_object *index; /* reference: place in `set` */
    struct host_set *set;
    uint32_t nr, size;
};

/* A type of virtual GPU in one group of physical ones; the texts are the tables'. */
struct db_gpu_kind {
    const char *group, *type;
};

struct database {
    struct rpc rpc[DB_CLASSES]; /* their results are the tables: reference → record */
    json_object *none;          /* an empty table */
    struct host_sets storage;   /* by SR: plugged */
    struct host_sets networks;  /* by network: an interface */
    struct host_sets slaves;    /* by network: an interface that is part of a bond */
    struct host_sets users;     /* by network: a running VM */
    json_object *gpus;          /* reference of a physical GPU: its place in the pool */
    struct db_gpu_kind kind[EXCLAIM_GPU_KINDS];
    uint32_t nr_kinds;
    struct exclaim_pool *pool;
};

/* --- database.c --- */

int db_read(struct exclaim_xapi *xapi, struct database *db, struct exclaim_error *err);
void db_drop(struct database *db);

/* The table of a class; a record by its reference, or by a member that holds one; NULL if there is
 * none. */
json_object *db_table(const struct database *db, enum db_class which);
json_object *db_record(const struct database *db, enum db_class which, const char *ref);
json_object *db_follow(const struct database *db, enum db_class which, json_object *record,
                       const char *member);

/* A text member of any record; "" if it is none. */
const char *db_text(json_object *record, const char *member);
bool db_true(json_object *record, const char *member);

/* "true", "1", "yes", "t", "y", as XAPI reads texts. */
bool db_truth(const char *text);

/* Whether a text is a reference to something, as OpaqueRef:NULL and "" are not. */
bool db_ref(const char *text);

/* The list that a member is, and its length; its i-th text. */
size_t db_list(json_object *record, const char *member, json_object **list);
const char *db_item(json_object *list, size_t i);

/* The host with this reference; EXCLAIM_NO_HOST. */
uint32_t db_host(const struct database *db, const char *ref);

/* --- names.c --- */

/* Remembers what names_put() needs. */
void names_keep(struct exclaim_xapi *xapi, const struct database *db);

/* --- hosts.c --- */

/* Fills pool->host from the database alone; their numbers are replaced by the plugin's. */
int db_hosts(struct database *db, struct exclaim_error *err);

/* A database's own number for a host without plugin. */
int host_from_metrics(struct exclaim_pool_host *host, json_object *metrics,
                      struct exclaim_error *err);

/* --- vms.c --- */

int db_vms(struct database *db, struct exclaim_error *err);

/* --- agility.c --- */

int agility_prepare(struct database *db, struct exclaim_error *err);
/* Fills allowed and bars. */
int agility_of(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
               struct exclaim_error *err);
void agility_drop(struct database *db);

/* --- plugin.c --- */

/* The error of a call of the plugin; that it is not there in words that say what to do. */
int plugin_fail(const struct rpc *rpc, struct exclaim_error *err);

/* Asks the plugin of the hosts in @host in parallel and puts what they say into the pool; a host
 * whose plugin fails keeps its numbers, and the reason goes to failed[i]. */
int plugin_ask(struct exclaim_xapi *xapi, struct exclaim_pool *pool, const uint32_t *host,
               uint32_t nr, struct exclaim_error *failed, struct exclaim_error *err);

/* --- model.c: the memory model of xenopsd (xen-api, ocaml/xenopsd/lib/memory.ml) --- */

/* Bytes of the paging pool that it gives a domain; 0 for pv. */
uint64_t model_pool_bytes(const char *domain_type, uint64_t static_max, uint32_t vcpus,
                          double multiplier);

/* Bytes of the shim of a pv-in-pvh domain with so much memory, else 0. */
uint64_t model_shim_bytes(const char *domain_type, uint64_t bytes);

#endif
