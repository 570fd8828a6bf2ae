/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot of a pool: what every host has free per node, and what every VM owns per node.
 *
 * Plain data, written once by whoever takes or reads it and only read by planning, which knows
 * nothing of XAPI.  Hosts and VMs are named by their index.  Units: pages of 4 KiB; nodes by Xen's
 * node id on the host in question.  Everything that a pointer here shows belongs to the pool and
 * goes with it.
 */
#ifndef EXCLAIM_POOL_H
#define EXCLAIM_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <exclaim/hypervisor.h>
#include <exclaim/match.h>

/* XenServer's documented limits are 64 hosts and 1000 VMs per host. */
#define EXCLAIM_POOL_HOSTS 256u
#define EXCLAIM_POOL_VMS   (1u << 18)

#define EXCLAIM_NO_HOST UINT32_MAX

/* Where a number comes from, best first. */
enum exclaim_number_source {
    EXCLAIM_FROM_NOWHERE = 0,
    EXCLAIM_FROM_HYPERCALL,
    EXCLAIM_FROM_CONSOLE,  /* debug key `u` */
    EXCLAIM_FROM_XAPI,     /* XAPI's database: may be stale */
    EXCLAIM_FROM_ESTIMATE, /* the memory model */
};

const char *exclaim_number_source_name(enum exclaim_number_source source);

/* Hosts compare by these in order, as XAPI does for migrations (newer may receive from older, never
 * the reverse): platform version, XAPI build, Xen version. */
struct exclaim_host_version {
    uint32_t part[8]; /* up to eight numbers, most significant first; absent ones 0 */
};

struct exclaim_pool_host {
    const char *uuid; /* text; "" if not known */
    const char *name;
    const char *ref; /* XAPI's reference; "" from files */
    bool enabled;
    bool coordinator;
    struct exclaim_host_version version;
    const char *xen_version; /* "4.17.7", for people */
    int64_t time_unix_ms;    /* when its memory was read, by its own clock */

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
    enum exclaim_number_source free_source;        /* per node; NOWHERE: only host_free */
    enum exclaim_number_source host_free_source;
    const char *why; /* what is missing and why, one line; "" if nothing */
};

struct exclaim_pool_vm {
    const char *uuid;
    const char *name;
    const char *ref;
    uint32_t host; /* where it runs; EXCLAIM_NO_HOST: nowhere */

    /* The count: pages per node of its host.  nr_nodes 0: only the total is known, and the VM is
     * planned as one part. */
    uint32_t nr_nodes;
    const uint64_t *pages;
    uint64_t total_pages;
    enum exclaim_number_source pages_source;
    bool exact; /* the count was exact when it was read */

    uint64_t max_pages;
    uint32_t vcpus;
    uint64_t paging_pool_bytes; /* 0: not known, estimated from vCPUs */
    uint64_t arrival_pages;     /* beyond its own, see exclaim_arrival_pages() */
    enum exclaim_number_source arrival_source;

    /* Agility: bit h of word h / 64: host h may run it (SRs, networks, PCI devices, version). */
    uint64_t allowed[EXCLAIM_POOL_HOSTS / 64];
    const char *why_not_agile; /* "" if it may run on all enabled hosts */
    bool pinned;               /* hard affinity set by a user */
    uint32_t apart; /* VMs of the same number other than 0 should be on different hosts */
};

struct exclaim_pool {
    const char *name;
    uint32_t nr_hosts;
    struct exclaim_pool_host *host;
    uint32_t nr_vms;
    struct exclaim_pool_vm *vm;
    void *memory; /* what owns all of the above */
};

bool exclaim_pool_may_run(const struct exclaim_pool_vm *vm, uint32_t host);

/* <0, 0, >0 as @a is older than, as old as, newer than @b. */
int exclaim_host_version_compare(const struct exclaim_host_version *a,
                                 const struct exclaim_host_version *b);

void exclaim_pool_free(struct exclaim_pool *pool);

#endif
