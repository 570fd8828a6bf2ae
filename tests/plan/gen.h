/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools for tests and benchmarks, the same for the same seed. */
#ifndef PLAN_GEN_H
#define PLAN_GEN_H

#include <exclaim/pool.h>

#define GEN_GIB (1ull << (30 - EXCLAIM_PAGE_SHIFT))

uint64_t gen_random(uint64_t *seed);
uint64_t gen_below(uint64_t *seed, uint64_t limit);

/* An empty pool with room for @hosts and @vms; every VM may run everywhere. */
struct exclaim_pool *gen_pool(uint32_t hosts, uint32_t vms);
void gen_free(struct exclaim_pool *pool);

/* @nodes nodes of @pages each, all free. */
void gen_host(struct exclaim_pool *pool, uint32_t host, uint32_t nodes, uint64_t pages);

/* The next VM, on @host with @pages[] there (nobody's if EXCLAIM_NO_HOST); takes them off the
 * host's free ones.  Its index. */
uint32_t gen_vm(struct exclaim_pool *pool, uint32_t host, uint32_t nodes, const uint64_t *pages,
                uint32_t vcpus);

/*
 * Hosts of 1.5 TiB in two nodes with dom0 on node 0, VMs of 4 to 256 GiB scaled to @fill per
 * cent, 12 of 100 on two nodes, placed first fit from a random host on.  VMs that find no place
 * are left out.
 */
struct gen_large {
    uint32_t hosts, vms, fill;
    bool arrival; /* with the arrival pages of 1 to 16 vCPUs, else none */
};

struct exclaim_pool *gen_large(const struct gen_large *how, uint64_t seed);

/*
 * Anything: 2 to 6 hosts of 1 to @nodes uneven nodes, some full, offline or of another version, few
 * VMs of one to three parts, some pinned, apart, stray, huge or of unknown counts.
 */
struct exclaim_pool *gen_odd(uint32_t nodes, uint32_t vms, uint64_t seed);

/*
 * GPUs of 1 to 4 for two hosts of three, up to two on each; virtual ones of two kinds, of size 1
 * and 2, which do not share a GPU, for half of the VMs as far as their host has room for them.
 */
void gen_gpus(struct exclaim_pool *pool, uint64_t seed);

/* Of a VM that may run nowhere but where it is. */
extern struct exclaim_bar gen_local_disk;

/*
 * Tight: 3 to 8 hosts of 1 to 8 uneven nodes; host 0 has @vms VMs, a third of them on several
 * nodes, and the others have about as much room as these need.
 */
struct exclaim_pool *gen_tight(uint32_t vms, uint64_t seed);

/* The same in the ways that are hard to prove. */
enum gen_hard {
    GEN_FEW_HOSTS,  /* two or three for all */
    GEN_PINNED,     /* a third of the VMs */
    GEN_MANY_PARTS, /* half of the VMs on up to 8 nodes */
    GEN_ALIKE,      /* three kinds of VMs at most */
    GEN_BINS,       /* six sizes that add up to each other */
    GEN_APART,      /* three rules */
    GEN_HARD_KINDS
};

struct exclaim_pool *gen_hard(enum gen_hard kind, uint32_t vms, uint64_t seed);

#endif
