/* SPDX-License-Identifier: BSD-2-Clause */
/* What the model's files share: the state, and the rules of a generation as data and functions. */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include "model.h"

struct xen_domctl;
struct xen_sysctl;

#define MODEL_FAULTS    8
#define MODEL_CONRING   (32u * 1024)
#define MODEL_DOMID_END 0x7ff0u /* xen/include/public/xen.h, DOMID_FIRST_RESERVED */

struct model_domain {
    struct model_domain *next; /* by ascending domid; among gone ones in any order */
    uint32_t domid;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    uint8_t vm_uuid[EXCLAIM_UUID_BYTES];
    char name[128];
    bool hvm, dying, paused;
    bool gone; /* destroyed; kept for what it may have leaked */
    uint32_t nr_vcpus;
    uint64_t hard, soft; /* nodes of every vCPU's affinity */
    bool auto_affinity;
    uint64_t affinity;
    uint32_t last_node; /* d->last_alloc_node: 0 at first, as the struct is zeroed */
    uint64_t max;
    bool over_max; /* the maximum was lowered below what is owned and claimed */
    uint64_t pages[MODEL_NODES];
    uint64_t extra[MODEL_NODES];
    uint64_t pool[MODEL_NODES];
    uint64_t hidden[MODEL_NODES];
    uint64_t shared, paged;
    uint64_t unit, heap_frames, pod_entries, populated; /* frames.c */
    uint64_t outstanding;                               /* one claim; with sets: that on the host */
    uint32_t claim_node;              /* XenServer 9: of `outstanding`, and after it is gone */
    uint64_t node_claim[MODEL_NODES]; /* sets */
};

struct model_node {
    bool online, has_cpus;
    uint64_t initial;
    uint64_t free;
    uint64_t contiguous; /* of the free ones, in extents of more than one page */
    uint64_t offlined;
    uint64_t xenheap;
    uint64_t in_flight; /* off the heap, not yet owned */
    uint64_t claimed;
    uint32_t distance[MODEL_NODES];
};

struct model_fault {
    enum model_op op;
    uint32_t domid; /* UINT32_MAX: whatever domain */
    uint64_t left;  /* 0: slot is free */
    int errnum;
};

struct model_request {
    uint32_t order;
    uint32_t node; /* or MODEL_NO_NODE */
    bool exact;
    bool no_refcount;
};

enum model_sets { MODEL_NO_SETS, MODEL_V5, MODEL_V7, MODEL_V8 };

struct model_rules {
    const char *name;
    uint32_t major, minor;
    const char *extra;
    uint32_t domctl_version; /* XEN_DOMCTL_INTERFACE_VERSION */
    bool redeem_late;        /* when the pages are assigned, not when they leave the heap */
    bool regrow;             /* freeing pages grows an outstanding claim */
    bool dying_refused;      /* XENMEM_claim_pages on a dying domain */
    bool has_colouring;      /* Xen can colour at all */
    bool colouring_refused;  /* no claims with LLC colouring; else the colour allocator is blind */
    bool node_claims;        /* node in mem_flags; also the count and memory hypercalls */
    enum model_sets sets;
    bool owned_twice; /* a set must fit together with what the domain owns already */
    bool recalls;     /* offlining takes claims back */
    bool keeps_host;  /* promise: free pages of the host cover all claims */
    bool keeps_max;   /* promise: owned and claimed together stay within the maximum */
    /* The test before the heap is looked at, and that of one node. */
    bool (*host_permits)(const struct model *m, const struct model_domain *d,
                         const struct model_request *req);
    bool (*node_permits)(const struct model *m, const struct model_domain *d, uint32_t node,
                         const struct model_request *req);
    /* Whether other nodes may be tried after the first. */
    bool (*may_leave)(const struct model_domain *d, const struct model_request *req);
    void (*redeem)(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages);
    void (*release)(struct model *m, struct model_domain *d);
};

struct model {
    struct model_port port; /* of its own client */
    struct exclaim_hv *hv;  /* that client */
    const struct model_rules *rules;
    bool colouring, unprivileged, untold;
    uint32_t nr_nodes;
    struct model_node node[MODEL_NODES];
    uint64_t total;     /* pages of the host at boot */
    uint64_t free;      /* total_avail_pages */
    uint64_t claimed;   /* outstanding_claims */
    uint64_t in_flight; /* sum over the nodes */
    bool oversold;
    char crashed[160];
    struct model_domain *domains;
    struct model_domain *gone;
    struct model_fault fault[MODEL_FAULTS];
    model_hook_fn *hook;
    void *hook_arg;
    bool in_hook;
    bool timestamps;
    enum model_pool_call pool;
    enum model_srat srat;
    uint64_t others; /* how often another process is still on domain 0's vCPUs */
    uint32_t conring_size, conringc, conringp;
    char conring[MODEL_CONRING];
};

/* rules.c */
const struct model_rules *model_rules_of(enum model_generation generation);

/* state.c */
struct model_domain *model_find(const struct model *m, uint32_t domid);
uint64_t model_sum(const uint64_t pages[MODEL_NODES]);
uint64_t model_owned(const struct model_domain *d); /* domain_tot_pages() */
uint64_t model_outstanding(const struct model_domain *d);
uint64_t model_online(const struct model *m);
void model_crash(struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* fault.c: 0, a positive errno value, or MODEL_NO_EFFECT */
int model_enter(struct model *m, enum model_op op, uint32_t domid);

/* affinity.c */
void model_update_affinity(const struct model *m, struct model_domain *d);
uint64_t model_cpu_nodes(const struct model *m);
int model_set_soft(struct model *m, uint32_t domid, uint64_t nodes);

/* heap.c */
bool model_heap_take(struct model *m, struct model_domain *d, const struct model_request *req,
                     uint32_t *node);
void model_heap_give(struct model *m, uint32_t node, uint64_t pages);

/* memory.c */
void model_release_pages(struct model *m, struct model_domain *d, uint64_t *owned, uint32_t node,
                         uint64_t pages);

/* claim_host.c, claim_node.c, claim_set.c: the functions of the rules */
bool model_any_permits(const struct model *m, const struct model_domain *d, uint32_t node,
                       const struct model_request *req);
bool model_any_leaves(const struct model_domain *d, const struct model_request *req);
bool model_one_permits(const struct model *m, const struct model_domain *d,
                       const struct model_request *req);
void model_one_redeem(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages);
void model_one_release(struct model *m, struct model_domain *d);
int model_one_stake(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages);
bool model_xs9_permits(const struct model *m, const struct model_domain *d, uint32_t node,
                       const struct model_request *req);
bool model_xs9_leaves(const struct model_domain *d, const struct model_request *req);
void model_xs9_redeem(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages);
void model_xs9_release(struct model *m, struct model_domain *d);
bool model_set_host_permits(const struct model *m, const struct model_domain *d,
                            const struct model_request *req);
bool model_set_node_permits(const struct model *m, const struct model_domain *d, uint32_t node,
                            const struct model_request *req);
void model_set_redeem(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages);
void model_set_release(struct model *m, struct model_domain *d);
uint64_t model_set_drop_node(struct model *m, struct model_domain *d, uint32_t node, uint64_t most);
uint64_t model_set_drop_host(struct model *m, struct model_domain *d, uint64_t most);

/* frames.c */
enum model_frame_type { MODEL_FRAME_HOLE, MODEL_FRAME_RAM, MODEL_FRAME_HEAP };
enum model_frame_type model_frame(const struct model *m, struct model_domain *d, uint64_t gfn,
                                  uint64_t *mfn);
uint64_t model_frames_end(const struct model_domain *d);
int model_srat(const struct model *m, uint8_t *table, size_t size, size_t *len); /* errno value */

/* foreign.c */
uint64_t model_top_table(const struct model *m, bool other);
void model_tables_free(struct model_port *port);
xenforeignmemory_handle *model_fmem_handle(xc_interface *xch);
void *model_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot, int flags,
                 size_t pages, const xen_pfn_t *arr, int *err);
int model_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages);

/* console.c: Xen's printk() into the ring, debug key u, and the ring read */
void model_debug_key_u(struct model *m);
int model_read_console(const struct model *m, char *buffer, uint32_t *nr, bool incremental,
                       uint32_t *index);

/* hypercall.c: an errno value, positive; the memory of a handle is the caller's own */
int model_domctl(struct model *m, struct xen_domctl *op);
int model_sysctl(struct model *m, struct xen_sysctl *op);
long model_memory_op(struct model *m, unsigned int cmd, void *arg); /* negative errno */

#endif
