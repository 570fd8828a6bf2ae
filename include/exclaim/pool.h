/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot of a pool: what every host has free per node, and what every VM owns per node.
 *
 * Plain data, written once by whoever takes or reads it and only read by planning, which knows
 * nothing of XAPI.  Hosts and VMs are named by their index.  Units: pages of 4 KiB; nodes by Xen's
 * node id on the host in question.  Everything that a pointer here shows belongs to the pool and
 * goes with it.
 *
 * Whatever gives out a pool (below, and xapi.h) has checked it: indices, node ids, sums and every
 * number against EXCLAIM_PAGES_MAX; no text is NULL.
 */
#ifndef EXCLAIM_POOL_H
#define EXCLAIM_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exclaim/hypervisor.h>
#include <exclaim/match.h>

/* XenServer's documented limits are 64 hosts and 1000 VMs per host. */
#define EXCLAIM_POOL_HOSTS 256u
#define EXCLAIM_POOL_VMS   (1u << 18)

#define EXCLAIM_NO_HOST UINT32_MAX

/*
 * Platform version, XAPI build, Xen version, four numbers each, absent ones 0.  For a migration
 * none of the three may be older where the VM goes (xen-api, ocaml/xapi/helpers.ml,
 * host_versions_not_decreasing).  From files only Xen's version is known.
 */
struct exclaim_host_version {
    uint32_t part[12];
};

struct exclaim_pool_host {
    const char *uuid; /* text; "" if not known */
    const char *name;
    const char *ref; /* XAPI's reference; "" from files */
    bool dead;       /* not live by XAPI's word: nothing on it can be migrated */
    bool enabled;    /* it takes VMs; false where it is dead */
    bool coordinator;
    const char *closed; /* not enabled: why, "it is disabled"; NULL or "" if not known */
    struct exclaim_host_version version;
    const char *xen_version; /* "4.17.7", for people */
    int64_t time_unix_ms;    /* when its memory was read, by its own clock */

    uint32_t cores; /* logical CPUs; 0: not known */
    uint32_t nr_nodes;
    uint64_t online; /* bit n: node n has memory and may be used */
    uint64_t free[EXCLAIM_NODES_MAX];
    uint64_t claimed[EXCLAIM_NODES_MAX];           /* claims and ledger entries of others */
    const uint32_t (*distance)[EXCLAIM_NODES_MAX]; /* [nr_nodes]; NULL = unknown */
    uint64_t host_free;                            /* domain heap, claims not subtracted */
    uint64_t host_claimed;                         /* all claims */
    uint64_t headroom;                             /* must stay unclaimed */
    uint64_t slack;                                /* of each node promised to nobody */
    enum exclaim_guarantee one_node;               /* for a VM on one node */
    enum exclaim_guarantee several_nodes;          /* for a VM on several */
    enum exclaim_provenance free_source;           /* per node; NOWHERE: only host_free */
    enum exclaim_provenance host_free_source;
    const char *why; /* what is missing and why, one line; "" if nothing */
};

/* Hosts that one rule keeps a VM from, and the rule in one line; the first one that names a host
 * counts. */
struct exclaim_bar {
    uint64_t host[EXCLAIM_POOL_HOSTS / 64];
    const char *why;
    struct exclaim_bar *next;
};

/*
 * Virtual GPUs.  A *kind* is a type of one group of physical GPUs; all that lie on one GPU together
 * take no more than EXCLAIM_GPU_FULL of it (xen-api, ocaml/xapi/xapi_pgpu_helpers.ml,
 * get_remaining_capacity).  Only XAPI knows of them: a pool from files has none.
 */
#define EXCLAIM_GPU_KINDS 32u
#define EXCLAIM_GPU_FULL  (1ull << 40)
#define EXCLAIM_NO_GPU    UINT32_MAX
#define EXCLAIM_VGPUS     64u /* of one VM */

/* A physical GPU; those of one host stand together. */
struct exclaim_pool_gpu {
    uint32_t host;
    uint32_t takes;                    /* kinds that may come to it, by bit */
    uint64_t share[EXCLAIM_GPU_KINDS]; /* what one of each takes of it */
    uint32_t nr[EXCLAIM_GPU_KINDS];    /* on it now, or promised to it */
};

struct exclaim_vgpu {
    uint32_t kind;
    uint32_t gpu; /* where it is; EXCLAIM_NO_GPU: nowhere */
};

/* A running or paused VM.  Control domains and halted VMs are not in a pool. */
struct exclaim_pool_vm {
    const char *uuid;
    const char *name;
    const char *ref;
    uint32_t host;     /* where it runs; EXCLAIM_NO_HOST: nowhere */
    uint32_t left_out; /* 1 + where it runs, though it is left out of all planning; 0: it is not */

    /* The count: pages per node of its host.  nr_nodes 0: only the total is known, and the VM is
     * planned as one part. */
    uint32_t nr_nodes;
    const uint64_t *pages;
    uint64_t total_pages;
    enum exclaim_provenance pages_source;
    bool exact;      /* the count was exact when it was read */
    const char *why; /* not exact: why not, one line; "" if it is */

    uint64_t max_pages;
    uint64_t min_pages; /* XAPI lets it give memory back down to this; 0: not known */
    uint32_t vcpus;
    uint64_t paging_pool_bytes; /* 0: not known, estimated from vCPUs */
    uint64_t arrival_pages;     /* beyond its own, see exclaim_arrival_pages() */
    enum exclaim_provenance arrival_source;

    /*
     * Agility: bit h of word h / 64: host h may run it (SRs, networks, devices), whether or not it
     * is enabled.  Its own host is always among them.  Not in it is what changes while a pool is
     * upgraded: see exclaim_host_version_older() and `enabled`.
     */
    uint64_t allowed[EXCLAIM_POOL_HOSTS / 64];
    struct exclaim_bar *bars; /* why not on the others; NULL if it may run on all hosts */
    bool pinned;              /* hard affinity set by a user */
    uint32_t apart;           /* VMs of the same number other than 0 should be on different hosts */
    uint32_t nr_vgpus;
    const struct exclaim_vgpu *vgpu;
};

struct exclaim_pool {
    const char *name;
    bool ha; /* XAPI's high availability is on */
    uint32_t nr_hosts;
    struct exclaim_pool_host *host;
    uint32_t nr_vms;
    struct exclaim_pool_vm *vm;
    uint32_t nr_gpus;
    struct exclaim_pool_gpu *gpu;
    uint32_t gpu_joins[EXCLAIM_GPU_KINDS]; /* kinds that may join one of this kind, by bit */
    void *memory;                          /* what owns all of the above */
};

/* False for a host out of range. */
bool exclaim_pool_may_run(const struct exclaim_pool_vm *vm, uint32_t host);

/* Why @vm may not run on @host by its bars; "" if nothing is known against it. */
const char *exclaim_pool_why_not(const struct exclaim_pool_vm *vm, uint32_t host);

/* From now on @vm may not go to @host, with @why copied; its own host stays allowed.  SYSTEM. */
int exclaim_pool_forbid(struct exclaim_pool *pool, uint32_t vm, uint32_t host, const char *why,
                        struct exclaim_error *err);

/* Whether a VM may not go from @from to @to: in platform, XAPI build or Xen @to is the older one.
 */
bool exclaim_host_version_older(const struct exclaim_host_version *to,
                                const struct exclaim_host_version *from);

/* For people: the name, or the uuid where there is none; "nowhere" for a host out of range. */
const char *exclaim_pool_host_name(const struct exclaim_pool *pool, uint32_t host);
const char *exclaim_pool_vm_name(const struct exclaim_pool *pool, uint32_t vm);

/* A host by name or uuid; EXCLAIM_NO_HOST if none or several have that name.  A uuid goes first. */
uint32_t exclaim_pool_find_host(const struct exclaim_pool *pool, const char *name);

/* A VM by uuid or name.  USAGE: none or several. */
int exclaim_pool_find_vm(const struct exclaim_pool *pool, const char *name, uint32_t *vm,
                         struct exclaim_error *err);

/* Indices of the hosts that are named; free() *index.  USAGE: unknown or ambiguous, twice. */
int exclaim_pool_find_hosts(const struct exclaim_pool *pool, const char *const *name, uint32_t nr,
                            uint32_t **index, struct exclaim_error *err);

/* The @nr_to hosts named by @to, or without any all hosts but @nr_from @from; free() *index.
 * USAGE: a name is unknown or ambiguous or comes twice, or there is no other host. */
int exclaim_pool_targets(const struct exclaim_pool *pool, const char *const *to, uint32_t nr_to,
                         const uint32_t *from, uint32_t nr_from, uint32_t **index, uint32_t *nr,
                         struct exclaim_error *err);

/* All VMs on those hosts; free() *vm, which has room for all VMs of the pool. */
int exclaim_pool_vms_on(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                        uint32_t **vm, uint32_t *nr, struct exclaim_error *err);

/*
 * Takes all VMs on @host but those named out of all planning, as exclaim_pool_leave_out() does.
 * @must: a name that is none of theirs is USAGE, else it is passed over.
 */
int exclaim_pool_leave_only(struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                            const char *const *name, uint32_t nr, bool must,
                            struct exclaim_error *err);

/*
 * Takes the VMs named out of all planning: as if they ran nowhere, while their memory stays taken.
 * @must: a name that is none of a VM's is USAGE, else it is passed over.
 */
int exclaim_pool_leave_out(struct exclaim_pool *pool, const char *const *name, uint32_t nr,
                           bool must, struct exclaim_error *err);

/* In a pool of several versions: whether no other host is newer, so that it need not be upgraded.
 */
bool exclaim_pool_newest(const struct exclaim_pool *pool, uint32_t host);

/* Pages that the VMs on @host can give back when XAPI asks them to (squeezed, down to their dynamic
 * minimum), and the one that can give most, EXCLAIM_POOL_VMS if none can.  @node: no more than they
 * have on it, UINT32_MAX: of the host. */
uint64_t exclaim_pool_givable(const struct exclaim_pool *pool, uint32_t host, uint32_t node,
                              uint32_t *most);

/*
 * Whether the GPUs of @host can take @more of each kind beside what lies on them, @there:
 * EXCLAIM_GPU_KINDS numbers for each GPU of the pool.  One kind after the other, each where least
 * is left for it, as XAPI chooses unless a group is breadth_first: the order of moves does not
 * matter.
 */
bool exclaim_pool_gpus_take(const struct exclaim_pool *pool, uint32_t host, const uint32_t *there,
                            const uint32_t more[EXCLAIM_GPU_KINDS]);

/* Gives back what the pool's pointers show and zeroes *pool, which stays the caller's.  A pool
 * whose `memory` is NULL owns nothing. */
void exclaim_pool_free(struct exclaim_pool *pool);

/* --- taking and keeping one host's part: a pool of one host --- */

struct exclaim_config;

/*
 * Takes this host's part: its memory with the ledger's entries charged, and the exact count of
 * every domain but dom0, dying ones and those under construction that own nothing yet.  All domains
 * that need the console share one debug key.  A domain whose count fails is in it with its total
 * and `why`; one that vanishes meanwhile is left out.  @room is what exclaim_room_read() gave.
 */
int exclaim_pool_take(struct exclaim_hv *hv, const struct exclaim_config *config,
                      const struct exclaim_room *room, struct exclaim_pool *pool,
                      struct exclaim_error *err);

/* The strongest guarantee that the host with these capabilities has for a VM on @homes nodes (1 or
 * more): its claims, and where they are the host's alone whether the placing object can be read. */
enum exclaim_guarantee exclaim_pool_guarantee(const struct exclaim_config *config,
                                              const struct exclaim_caps *caps, uint32_t homes);

/* The part of host @host as it is written: one line of JSON, "schema": "exclaim.snapshot/1".
 * free() *text.  SYSTEM when memory is gone. */
int exclaim_pool_json(const struct exclaim_pool *pool, uint32_t host, char **text,
                      struct exclaim_error *err);

/* Reads it.  STREAM: what is wrong, with value and limit. */
#define EXCLAIM_SNAPSHOT_MAX (64u << 20)
int exclaim_pool_unpack(const void *data, size_t size, struct exclaim_pool *pool,
                        struct exclaim_error *err);

/*
 * A pool from files, one host's part each.  Every VM may run on every host: files know nothing of
 * storage and networks.  USAGE: two files of one host; a VM on two hosts; too many of either.
 */
int exclaim_pool_read(const char *const *path, uint32_t nr_paths, struct exclaim_pool *pool,
                      struct exclaim_error *err);

#endif
