/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercall arguments that Debian's 4.17 headers do not have, and proof that those they do have are
 * laid out as in every release we load (4.17 to 4.22: xen/include/public/{domctl,sysctl,memory}.h).
 */
#ifndef XEN_ABI_H
#define XEN_ABI_H

#include <stddef.h>
#include <stdint.h>

#include <xenctrl.h>

/* The domctl interface versions whose numbers 91 and 92 are known: 4.17, 4.18, 4.19-4.21, 4.22. */
#define XEN_DOMCTL_VERSION_FIRST 0x15u
#define XEN_DOMCTL_VERSION_LAST  0x18u

/* XenServer 9, XCP-ng 9: XEN_DOMCTL_numa_op, sub-op GET_NODE_PAGES. */
#define XEN_DOMCTL_NUMA_OP         1101u
#define XEN_NUMA_OP_GET_NODE_PAGES 0u
#define XEN_NUMA_OP_ENTRIES        256u /* its first form truncates silently: ask for plenty */

struct xen_numa_op {
    uint32_t op;
    uint32_t pad0;
    uint32_t nr_nodes;
    uint32_t pad1;
    uint64_t pages; /* handle of uint64_t */
};

/* XenServer 9: XEN_SYSCTL_numa_meminfo; bytes, all ones for an offline node. */
#define XEN_SYSCTL_NUMA_MEMINFO 1117u

struct xen_numa_meminfo {
    uint32_t num_nodes;
    uint32_t reserved;
    uint64_t meminfo; /* handle of xen_node_meminfo */
};

struct xen_node_meminfo {
    uint64_t size;
    uint64_t free;
    uint64_t claimed;
};

/* Claim sets, series v4 to v8: one layout for all; only the meaning of `word` differs. */
#define XEN_DOMCTL_SET_CLAIMS 91u
#define XEN_DOMCTL_GET_CLAIMS 92u
#define XEN_CLAIM_TARGET_HOST 0x80000000u
#define XEN_CLAIM_ENTRIES_MAX 65u /* 64 nodes and the host */

struct xen_claims_op {
    uint64_t claims; /* handle of xen_claim_entry */
    uint32_t nr;
    uint32_t word; /* pad; v7: mode, 0 set, 1 get */
};

struct xen_claim_entry {
    uint64_t pages;
    uint32_t target;
    uint32_t pad;
};

/* struct xen_domctl_nodeaffinity with the handle as the number that Xen reads. */
struct xen_node_bitmap {
    uint64_t bitmap;
    uint32_t nr_bits;
    uint32_t pad;
};

/* struct xen_domctl_getpageframeinfo3 and struct xen_domctl_vcpucontext, likewise. */
struct xen_page_types {
    uint64_t nr;
    uint64_t gfns; /* handle of uint64_t, replaced by the types */
};

#define XEN_PAGE_TYPES_MAX 1024u

struct xen_vcpu_context {
    uint32_t vcpu;
    uint32_t pad;
    uint64_t context; /* handle of vcpu_guest_context_any_t */
};

_Static_assert(sizeof(struct xen_domctl) == 144, "domctl");
_Static_assert(offsetof(struct xen_domctl, u) == 16, "domctl argument");
_Static_assert(sizeof(struct xen_sysctl) == 136, "sysctl");
_Static_assert(offsetof(struct xen_sysctl, u) == 8, "sysctl argument");
_Static_assert(sizeof(xc_physinfo_t) == 112, "physinfo");
_Static_assert(offsetof(xc_physinfo_t, total_pages) == 40, "physinfo total");
_Static_assert(offsetof(xc_physinfo_t, free_pages) == 48, "physinfo free");
_Static_assert(offsetof(xc_physinfo_t, outstanding_pages) == 64, "physinfo outstanding");
_Static_assert(sizeof(xc_domaininfo_t) == 112, "getdomaininfo");
_Static_assert(offsetof(xc_domaininfo_t, flags) == 4, "getdomaininfo flags");
_Static_assert(offsetof(xc_domaininfo_t, tot_pages) == 8, "getdomaininfo total");
_Static_assert(offsetof(xc_domaininfo_t, max_pages) == 16, "getdomaininfo maximum");
_Static_assert(offsetof(xc_domaininfo_t, outstanding_pages) == 24, "getdomaininfo outstanding");
_Static_assert(offsetof(xc_domaininfo_t, shr_pages) == 32, "getdomaininfo shared");
_Static_assert(offsetof(xc_domaininfo_t, paged_pages) == 40, "getdomaininfo paged");
_Static_assert(sizeof(struct xen_memory_reservation) == 32, "memory reservation");
_Static_assert(offsetof(struct xen_memory_reservation, domid) == 24, "memory reservation domain");
_Static_assert(sizeof(xc_meminfo_t) == 16, "meminfo");
_Static_assert(sizeof(xc_cputopo_t) == 12, "cputopo");
_Static_assert(sizeof(struct xen_domctl_nodeaffinity) == sizeof(struct xen_node_bitmap), "bitmap");

_Static_assert(sizeof(struct xen_domctl_getpageframeinfo3) == sizeof(struct xen_page_types),
               "types");
_Static_assert(sizeof(struct xen_domctl_vcpucontext) == sizeof(struct xen_vcpu_context), "context");
_Static_assert(offsetof(struct xen_domctl_vcpucontext, ctxt) == 8, "vcpu context handle");

_Static_assert(sizeof(struct xen_numa_op) == 24, "numa_op");
_Static_assert(offsetof(struct xen_numa_op, nr_nodes) == 8, "numa_op nodes");
_Static_assert(offsetof(struct xen_numa_op, pages) == 16, "numa_op handle");
_Static_assert(sizeof(struct xen_numa_meminfo) == 16, "numa_meminfo");
_Static_assert(sizeof(struct xen_node_meminfo) == 24, "node meminfo");
_Static_assert(sizeof(struct xen_claims_op) == 16, "claims");
_Static_assert(sizeof(struct xen_claim_entry) == 16, "claim entry");

#endif
