/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor behind one table of operations, which src/xen implements: over the host's own
 * libraries, or over src/model, a hypervisor in memory that stands in for them in tests.
 *
 * Units: memory in 4 KiB pages, nodes by Xen's node id.  Errors: see error.h; the kinds that an
 * operation gives on top of EXCLAIM_ERR_SYSTEM are named with it.
 */
#ifndef EXCLAIM_HYPERVISOR_H
#define EXCLAIM_HYPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include <exclaim/config.h>
#include <exclaim/error.h>
#include <exclaim/limits.h>

struct exclaim_hv;

/* Where numbers come from: the ways to count a domain's pages per node, numbered as in the record,
 * and behind them where else a pool's numbers may be from. */
enum exclaim_provenance {
    EXCLAIM_FROM_NOWHERE = 0,
    EXCLAIM_FROM_HYPERCALL, /* XEN_DOMCTL_numa_op GET_NODE_PAGES (XenServer 9, XCP-ng 9) */
    EXCLAIM_FROM_P2M,       /* of old records only: a PV guest's own p2m, which it can forge */
    EXCLAIM_FROM_CONSOLE,   /* debug key `u` and the console ring: every Xen */
    EXCLAIM_FROM_MAPPED,    /* HVM and PVH under a PV dom0: the guest's frames mapped and their
                             * machine pages read from dom0's own page tables */
    EXCLAIM_COUNT_WAYS,
    EXCLAIM_FROM_XAPI = EXCLAIM_COUNT_WAYS, /* XAPI's database: may be stale */
    EXCLAIM_FROM_ESTIMATE,                  /* the memory model */
    EXCLAIM_PROVENANCES,
};

/* As it is written into JSON. */
const char *exclaim_provenance_name(enum exclaim_provenance provenance);

/* The @i-th way to count, cheapest first; NOWHERE behind the last. */
enum exclaim_provenance exclaim_count_way(unsigned int i);

/*
 * A running domain's pages per node.  `exact` says that the nodes add up to total_pages and that
 * the total was the same before and after; otherwise `why` tells in one line what was seen, and
 * pages[] must not be used for a reservation, unless uncertain_pages says by how much it may be
 * wrong.
 */
struct exclaim_count {
    uint32_t nr_nodes; /* ids 0 .. nr_nodes - 1; an id without memory holds 0 */
    uint64_t pages[EXCLAIM_NODES_MAX];
    uint64_t total_pages;     /* XENMEM_current_reservation */
    uint64_t uncertain_pages; /* inexact only: Xen's own pages for the domain, on an unknown node;
                               * they are taken off the node with most, so that pages[] adds up and
                               * is wrong by at most this many pages.  0: no such statement */
    enum exclaim_provenance method;
    bool exact;
    char why[256];
};

/* pages[] add up and may be used: exact, or wrong by at most uncertain_pages. */
static inline bool exclaim_count_usable(const struct exclaim_count *count)
{
    return count->exact || count->uncertain_pages;
}

/*
 * What a count by EXCLAIM_FROM_MAPPED tells on its way: runs of guest frames on one node.  Called
 * by the process and thread that counts, between the begin and the return of the count.
 */
struct exclaim_run_sink {
    void *arg;
    /* Counting begins, or begins anew as the domain changed: all runs until now are void. */
    void (*begin)(void *arg);
    /* Frames @gfn .. @gfn + @nr - 1 are the domain's, on @node.  Ascending, without overlap, and
     * as long as they can be: the next run begins behind a hole or is on another node. */
    void (*run)(void *arg, uint64_t gfn, uint64_t nr, uint32_t node);
};

/* How a count may be done.  Zeros are allowed: no console, default workers, no time at all. */
struct exclaim_count_how {
    uint64_t console_max_pages; /* what a console dump may walk, of all domains; 0 forbids it */
    uint32_t workers; /* processes of a mapped count; 0: half of dom0's vCPUs, at least 1 */
    uint32_t ms_max;  /* milliseconds of a mapped count */
    const struct exclaim_run_sink *runs; /* NULL: nobody wants to know.  What it was told is the
                                          * domain's layout only if the count is exact and its
                                          * method EXCLAIM_FROM_MAPPED */
};

struct exclaim_domain {
    uint32_t domid;
    uint8_t uuid[EXCLAIM_UUID_BYTES]; /* Xen's domain handle */
    char name[128];                   /* "" when xenstore has none */
    bool hvm;                         /* HVM or PVH; false for PV */
    bool dying;
    bool paused;
    uint64_t total_pages;       /* d->tot_pages without extra pages */
    uint64_t max_pages;         /* d->max_pages; 0 until XEN_DOMCTL_max_mem */
    uint64_t outstanding_pages; /* claimed and not yet allocated */
    uint64_t shared_pages;      /* become pages of their own on another host */
    uint64_t paged_pages;       /* likewise */
    uint32_t max_vcpu_id;       /* highest vCPU id in use */
};

struct exclaim_host_node {
    bool online;
    uint64_t free_pages;                  /* free on the node's heap; claims are not subtracted */
    uint64_t claimed_pages;               /* claimed on this node; only where claimed_known */
    bool claimed_known;                   /* XenServer 9's XEN_SYSCTL_numa_meminfo answered */
    uint32_t distance[EXCLAIM_NODES_MAX]; /* ACPI SLIT; 0 = unknown */
};

struct exclaim_host {
    uint32_t nr_nodes;
    struct exclaim_host_node node[EXCLAIM_NODES_MAX];
    uint64_t total_pages;
    uint64_t free_pages;        /* physinfo: domain heap, claims not subtracted */
    uint64_t outstanding_pages; /* physinfo: all claims of all domains */
};

/*
 * What this Xen offers; `why_*` says what was seen otherwise.  Probed, not assumed, but for what
 * every Xen since 4.17 has: host claims and XENMEMF_exact_node.
 */
struct exclaim_caps {
    uint32_t xen_major, xen_minor;
    char xen_extra[32]; /* XENVER_extraversion */
    char library[64];   /* soname of the libxenctrl in use */
    bool count[EXCLAIM_COUNT_WAYS];
    bool node_memory;      /* claimed pages per node can be read */
    bool claim_host;       /* XENMEM_claim_pages */
    bool claim_node;       /* the same with XENMEMF_exact_node, one node */
    bool claim_node_known; /* false: can only be told on a domain under construction */
    bool claim_set;        /* claim sets, several nodes atomically */
    bool place_exact_node; /* populate with XENMEMF_exact_node */
    char why_count[EXCLAIM_COUNT_WAYS][128];
    char why_node_memory[96];
    char why_claim_node[96];
    char why_claim_set[96];
};

enum exclaim_claim_kind {
    EXCLAIM_CLAIM_NONE = 0, /* releases whatever is claimed */
    EXCLAIM_CLAIM_HOST,     /* host_pages anywhere */
    EXCLAIM_CLAIM_NODE,     /* node_pages[n] on exactly one node n */
    EXCLAIM_CLAIM_SET,      /* node_pages[] each on its node, plus host_pages anywhere */
};

/*
 * Pages still to be allocated that should be kept for a domain.  Always *additional* to what the
 * domain owns; src/xen turns it into the absolute number that XENMEM_claim_pages wants.
 */
struct exclaim_claim {
    enum exclaim_claim_kind kind;
    uint32_t nr_nodes;
    uint64_t node_pages[EXCLAIM_NODES_MAX];
    uint64_t host_pages;
};

/* vCPU affinity in terms of nodes, as far as it is one. */
struct exclaim_affinity {
    uint64_t nodes;      /* bit n: node n is in the domain's node affinity */
    uint64_t hard_nodes; /* nodes that hold at least one CPU of some vCPU's hard affinity */
    bool hard_all;       /* no vCPU is pinned */
};

struct exclaim_hv_ops {
    int (*caps)(struct exclaim_hv *hv, struct exclaim_caps *caps, struct exclaim_error *err);

    /* The domain @domid, or the next one with a higher id (Xen's getdomaininfolist).
     * Returns 1 with *dom filled, 0 if there is none, -1 on error.  Without the name. */
    int (*next_domain)(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                       struct exclaim_error *err);

    /* The name that xenstore has for @domid; "" if none. */
    int (*domain_name)(struct exclaim_hv *hv, uint32_t domid, char *name, uint32_t size,
                       struct exclaim_error *err);

    /* The uuid of the VM that @domid is or, while it arrives under xenopsd with another handle,
     * will be: final-uuid in its part of /vm in xenstore (xen-api ocaml/xenopsd/xc/domain.ml).
     * Returns 1 with @uuid filled, 0 if there is none, as under libxl, -1 on error. */
    int (*vm_uuid)(struct exclaim_hv *hv, uint32_t domid, uint8_t uuid[EXCLAIM_UUID_BYTES],
                   struct exclaim_error *err);

    /* Pages per node.  Success includes an inexact result with a reason.
     * UNSUPPORTED: no method works here. */
    int (*count)(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_count_how *how,
                 struct exclaim_count *count, struct exclaim_error *err);

    /* The same for @nr domains: count[i] for domid[i].  One dump serves all that need the console,
     * so that it costs what it costs for one.  Where a domain is gone or cannot be counted,
     * nr_nodes is 0 and `why` says so; an error is only that nothing could be tried at all. */
    int (*count_many)(struct exclaim_hv *hv, const uint32_t *domid, uint32_t nr,
                      const struct exclaim_count_how *how, struct exclaim_count *count,
                      struct exclaim_error *err);

    int (*host)(struct exclaim_hv *hv, struct exclaim_host *host, struct exclaim_error *err);

    /* Stakes @claim.  Nothing is replaced unless the Xen does so atomically (claim sets): where a
     * claim exists, the answer is SYSTEM/EEXIST.  NOFIT: Xen said ENOMEM.  UNSUPPORTED: this kind
     * of claim is not offered.  outstanding_pages is read back and compared before success. */
    int (*claim)(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_claim *claim,
                 struct exclaim_error *err);

    int (*get_affinity)(struct exclaim_hv *hv, uint32_t domid, struct exclaim_affinity *aff,
                        struct exclaim_error *err);

    /* Node affinity.  All online nodes means automatic (Xen then derives it from the vCPUs). */
    int (*set_node_affinity)(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                             struct exclaim_error *err);

    /* Soft affinity of every vCPU to the CPUs of @nodes. */
    int (*set_soft_affinity)(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                             struct exclaim_error *err);

    /* Bytes of the paging (HAP or shadow) pool; 0 for PV. */
    int (*paging_pool)(struct exclaim_hv *hv, uint32_t domid, uint64_t *bytes,
                       struct exclaim_error *err);

    void (*close)(struct exclaim_hv *hv);
};

/* The first member of what src/xen keeps behind it. */
struct exclaim_hv {
    const struct exclaim_hv_ops *ops;
};

/*
 * Opens the running Xen: finds its version, loads that version's libxenctrl.so.X.Y.
 * Must be closed with hv->ops->close().  UNSUPPORTED: not running as dom0 of a Xen from 4.17 on,
 * or no library of its version (the text names both).
 */
int exclaim_xen_open(struct exclaim_hv **hv, struct exclaim_error *err);

/* --- helpers over the table --- */

/* Exactly @domid, with its name; UNSUPPORTED never; SYSTEM/ESRCH if there is no such domain. */
int exclaim_hv_domain(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                      struct exclaim_error *err);

/* A VM by domid, uuid or name.  USAGE if none or several match. */
int exclaim_hv_lookup(struct exclaim_hv *hv, const char *vm, struct exclaim_domain *dom,
                      struct exclaim_error *err);

/* What @claim adds up to in pages.  USAGE if it is none: no pages, or not one node for a node
 * claim. */
int exclaim_claim_total(uint32_t domid, const struct exclaim_claim *claim, uint64_t *total,
                        struct exclaim_error *err);

/* What the errno of a hypercall means to an operator; as strerror(3) where there is no more to say.
 */
const char *exclaim_hv_errno_meaning(int errnum);

/* What the configuration allows; nobody wants to know the runs. */
struct exclaim_count_how exclaim_count_how(const struct exclaim_config *config);

#endif
