/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hypervisor in memory: nodes, domains, Xen's page allocator as far as counts go, and the claim
 * rules of each generation.  src/xen is its client as it is that of the running Xen: model_hv() is
 * that client over the model's form of the host's library (lib.c).  Beside it stands a raw
 * interface, for tests and for others than us, that answers with Xen's own errno values, negative
 * as in Xen.
 *
 * Domain 0 is there and owns nothing, so that all numbers are those of the guests.
 *
 * Deterministic, without globals, I/O or clock.  After each step model_check() must hold.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stddef.h>

#include <exclaim/hypervisor.h>

#define MODEL_NODES   EXCLAIM_NODES_MAX
#define MODEL_NO_NODE UINT32_MAX

/* xen/include/public/memory.h; 0xff as a node means none. */
#define MODEL_MEMF_NODE(n)       (((((uint32_t)(n)) + 1u) & 0xffu) << 8)
#define MODEL_MEMF_EXACT         (1u << 17)
#define MODEL_MEMF_EXACT_NODE(n) (MODEL_MEMF_NODE(n) | MODEL_MEMF_EXACT)

/* One personality each; rules.c has their rules and the sources. */
enum model_generation {
    MODEL_4_17,    /* also 4.18, 4.19.0-4, 4.20.0-2 */
    MODEL_4_21_0,  /* as 4.17, but frees do not grow a claim again */
    MODEL_4_21,    /* 4.19.5, 4.20.3, 4.21.1, 4.22 and later */
    MODEL_XS9,     /* branch 4.20-scm-claim-pages */
    MODEL_SETS_V5, /* branch node-claims-v5 */
    MODEL_SETS_V7, /* branch claims-v7, with the read-back of the posted v7 */
    MODEL_SETS_V8, /* the late draft: set only where none is */
    MODEL_GENERATIONS
};

struct model_node_config {
    uint64_t pages;
    bool offline;
    bool no_cpus;
};

/* How the host's library tells the paging pool. */
enum model_pool_call { MODEL_POOL_KNOWN, MODEL_POOL_NO_CALL, MODEL_POOL_ENOSYS };

/* The firmware's SRAT; a host of one node needs none. */
enum model_srat {
    MODEL_SRAT_TRUE,
    MODEL_SRAT_NONE,  /* cannot be read */
    MODEL_SRAT_WRONG, /* not what Xen says of its nodes */
    MODEL_SRAT_GAP,   /* two pages in the middle of each node are on none */
};

struct model_config {
    enum model_generation generation;
    uint32_t nr_nodes;
    struct model_node_config node[MODEL_NODES];
    bool colouring;    /* LLC colouring is active; only where Xen has it (4.20 on) */
    bool unprivileged; /* the caller of claims is no control domain */
    bool untold;       /* sysctl 1117 is missing, as in all public branches of XenServer 9 */
    bool timestamps;   /* console_timestamps= is set: each line of the console begins with one */
    uint32_t conring;  /* bytes of the console's ring, a power of two; 0: 32 KiB */
    enum model_pool_call pool;
    uint32_t dom0_vcpus; /* 0 or 1: nobody can be asked for the registers of another one */
    bool dom0_pvh;
    enum model_srat srat;
};

struct model;

/* -ENOMEM, -EINVAL: nodes or pages beyond the limits of the house.  The client is open; closing it
 * frees the model. */
int model_open(const struct model_config *config, struct model **m);
struct exclaim_hv *model_hv(struct model *m);

/* The same without a client, and its end. */
int model_new(const struct model_config *config, struct model **m);
void model_free_all(struct model *m);

/*
 * Where the model's library finds the model: take() before each call of the client, NULL with errno
 * where there is none, and give() after it.  close() ends the port.
 */
struct model_port {
    struct model *(*take)(struct model_port *port);
    void (*give)(struct model_port *port, struct model *m);
    void (*close)(struct model_port *port);
    struct model_tables *tables; /* of the client's process; NULL at first */
};

/* The functions that the client calls, with a struct model_port as their handle; without those
 * that find and open a library. */
struct xen_lib;
void model_lib(struct xen_lib *lib);
void model_version(const struct model *m, uint32_t *major, uint32_t *minor);

/* src/xen over @port; closed through the table, which closes the port. */
int model_client(struct model_port *port, struct exclaim_hv **hv, struct exclaim_error *err);

const char *model_generation_name(enum model_generation generation);

/* Whether every sum and every promise of this generation holds; if not, @why says which. */
bool model_check(const struct model *m, char *why, size_t size);

/* Why this hypervisor has stopped (a BUG_ON of Xen), or NULL. */
const char *model_crashed(const struct model *m);

/* --- numbers; @node or MODEL_NO_NODE for the host --- */

uint64_t model_free_pages(const struct model *m, uint32_t node);
uint64_t model_claimed_pages(const struct model *m, uint32_t node);

/* Accepted claims that no memory is behind: offlining without recall, a counter that wrapped. */
bool model_oversold(const struct model *m);

/* --- domains --- */

struct model_domain_config {
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    uint8_t vm_uuid[EXCLAIM_UUID_BYTES]; /* of xenopsd's VM; all zero: xenstore has none */
    const char *name;                    /* or NULL */
    bool hvm;
    uint32_t nr_vcpus;
};

/* Paused by its controller, without a maximum of pages, on all nodes.  -EEXIST, -ENOMEM. */
int model_create(struct model *m, uint32_t domid, const struct model_domain_config *config);
int model_unpause(struct model *m, uint32_t domid);

/* The first step of a destruction: dying, claims dropped; and the last: memory given back. */
int model_kill(struct model *m, uint32_t domid);
int model_destroy(struct model *m, uint32_t domid);

/* XEN_DOMCTL_max_mem in pages; a 32 bit number in Xen. */
int model_set_max(struct model *m, uint32_t domid, uint64_t pages);
int model_pin(struct model *m, uint32_t domid, uint64_t hard_nodes);

/* XEN_DOMCTL_setnodeaffinity: all 64 bits mean automatic. */
int model_set_node_affinity(struct model *m, uint32_t domid, uint64_t nodes);

/* Pages of @node that key `u` does not see: PoD cache, pages being relinquished. */
int model_hide(struct model *m, uint32_t domid, uint32_t node, uint64_t pages);
int model_set_shared(struct model *m, uint32_t domid, uint64_t shared, uint64_t paged);

/*
 * How a guest's frames lie.  @unit: its nodes take turns in the guest's memory, so many frames
 * each; 0: one node after the other.  @heap_frames: pages of Xen's heap that it has mapped, behind
 * its memory.  @pod_entries: frames that are populated as soon as somebody asks.
 */
int model_set_frames(struct model *m, uint32_t domid, uint64_t unit, uint64_t heap_frames,
                     uint64_t pod_entries);

/* How often somebody has asked for such a frame. */
uint64_t model_populated(const struct model *m, uint32_t domid);

/* The next @times somebody else is on domain 0's vCPUs when their registers are read. */
void model_set_others(struct model *m, uint64_t times);

struct model_view {
    bool dying, paused;
    uint64_t total; /* without extra pages */
    uint64_t extra;
    uint64_t max;
    uint64_t outstanding; /* all claims */
    uint64_t host_claim;
    uint64_t pages[MODEL_NODES]; /* without extra pages */
    uint64_t node_claim[MODEL_NODES];
    uint64_t affinity;
    bool affinity_auto;
};

/* -ESRCH: no such domain, also after its destruction. */
int model_view(const struct model *m, uint32_t domid, struct model_view *view);

/* --- memory --- */

/* XENMEM_populate_physmap: extents done, from the first on; -ESRCH. */
long model_populate(struct model *m, uint32_t domid, uint64_t extents, uint32_t order,
                    uint32_t mem_flags);

/* XENMEM_decrease_reservation of pages that lie on @node. */
int model_free(struct model *m, uint32_t domid, uint32_t node, uint64_t pages);

/* A PGC_extra allocation (APIC access page, ioreq page): owned, but not refcounted. */
int model_extra(struct model *m, uint32_t domid, uint32_t order, uint32_t mem_flags);
int model_free_extra(struct model *m, uint32_t domid, uint32_t node);

/* The paging pool grows or shrinks to @pages: pages without owner, on the domain's nodes. */
int model_set_pool(struct model *m, uint32_t domid, uint64_t pages);

/* Memory of Xen itself, without any domain. */
int model_xenheap(struct model *m, uint32_t order, uint32_t mem_flags);

/* Only @pages of the node's free ones lie in extents of more than one page. */
int model_fragment(struct model *m, uint32_t node, uint64_t pages);

/* Free pages of the node go offline; or all of them, and the node, if nobody owns any there. */
int model_offline_pages(struct model *m, uint32_t node, uint64_t pages);
int model_offline_node(struct model *m, uint32_t node);

/* --- claims, as the hypercalls --- */

/* struct xen_memory_reservation for XENMEM_claim_pages. */
struct model_reservation {
    bool extent_start; /* not NULL */
    uint64_t nr_extents;
    uint32_t extent_order;
    uint32_t mem_flags;
    uint32_t domid;
};

int model_memory_claim(struct model *m, const struct model_reservation *arg, uint64_t start_extent);
int model_claim_pages(struct model *m, uint32_t domid, uint64_t pages, uint32_t mem_flags);

#define MODEL_DOMCTL_SET    91u
#define MODEL_DOMCTL_GET    92u
#define MODEL_TARGET_HOST   0x80000000u
#define MODEL_TARGET_LEGACY 0x40000000u
#define MODEL_ENTRIES_MAX   65u

struct model_entry {
    uint64_t pages;
    uint32_t target;
    uint32_t pad;
};

/* Domctls 91 and 92; @word is the padding, or v7's mode.  *nr is written back by a read. */
int model_domctl_claims(struct model *m, uint32_t cmd, uint32_t domid, struct model_entry *list,
                        uint32_t *nr, uint32_t word);

/* --- interleaving and faults --- */

/* A call of the client's or of the raw interface. */
enum model_op {
    MODEL_OP_VERSION,
    MODEL_OP_GETINFOLIST,
    MODEL_OP_TOTAL_PAGES, /* XENMEM_current_reservation */
    MODEL_OP_PHYSINFO,
    MODEL_OP_NUMAINFO,
    MODEL_OP_NODE_MEMORY, /* XenServer 9's sysctl 1117 */
    MODEL_OP_NODE_PAGES,  /* its domctl 1101 */
    MODEL_OP_CPUS,
    MODEL_OP_GET_NODES, /* the domctls on node affinity */
    MODEL_OP_SET_NODES,
    MODEL_OP_GET_VCPU,
    MODEL_OP_SET_VCPU,
    MODEL_OP_POOL,
    MODEL_OP_DEBUG_KEY,
    MODEL_OP_CONSOLE,
    MODEL_OP_STORE,
    MODEL_OP_BUFFER,
    MODEL_OP_PAUSE,         /* the client waits; cannot fail */
    MODEL_OP_CLAIM_PAGES,   /* XENMEM_claim_pages */
    MODEL_OP_DOMCTL_CLAIMS, /* domctl 91 or 92 */
    MODEL_OP_CONTEXT,       /* a vCPU's registers */
    MODEL_OP_TYPES,         /* of frames */
    MODEL_OP_MAP,           /* foreign frames, or domain 0's own */
    MODEL_OP_FRAMES,        /* the highest frame; whether frames are populated on demand */
    MODEL_OP_POPULATE,
    MODEL_OP_WINDOW, /* the extent is off the heap and not yet the domain's; cannot fail */
    MODEL_OP_ANY,
};

/* Called before every call but those that it makes itself. */
typedef void model_hook_fn(struct model *m, enum model_op op, uint32_t domid, void *arg);
void model_set_hook(struct model *m, model_hook_fn *hook, void *arg);

/* The call reports success and does nothing, as libxc up to 4.21 on ENOSYS.  Claims, populate and
 * the debug key only; elsewhere it is no fault. */
#define MODEL_NO_EFFECT (-1)

/* The @nth @op from now on, counted from 1, fails with @errnum.  -ENOSPC: eight are set. */
int model_fault(struct model *m, enum model_op op, uint64_t nth, int errnum);

/* Counting only the calls about @domid: src/xen probes with claims for domain 0. */
int model_fault_of(struct model *m, enum model_op op, uint32_t domid, uint64_t nth, int errnum);

/* How many faults have not happened yet. */
unsigned int model_faults_waiting(const struct model *m);

#endif
