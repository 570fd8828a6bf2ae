/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of exclaim/hypervisor.h over the host's libraries: what their files share. */
#ifndef XEN_CLIENT_H
#define XEN_CLIENT_H

#include <exclaim/hypervisor.h>

#include "abi.h"
#include "lib.h"

/* Domain ids from here on are Xen's own (xen/include/public/xen.h, DOMID_FIRST_RESERVED). */
#define XEN_DOMID_END 0x7ff0u

struct xen_claim_form;

/* What was probed, once per handle; see probe.c. */
struct xen_features {
    bool probed;
    bool numa_op;     /* XEN_DOMCTL_numa_op */
    bool node_memory; /* XEN_SYSCTL_numa_meminfo */
    bool claim_host;
    bool claim_node, claim_node_known;
    const struct xen_claim_form *claim_sets; /* NULL: none that can hold a set */
    char why_numa_op[96];
    char why_node_memory[96];
    char why_claim_node[96];
    char why_claim_sets[96];
};

struct exclaim_xen {
    struct exclaim_hv hv; /* first: see hypervisor.h */
    struct xen_lib lib;
    xc_interface *xch;
    struct xs_handle *xs; /* NULL until xenstore is read */
    bool store_stuck;     /* it did not answer: it is not asked again */
    struct xen_features features;
};

static inline struct exclaim_xen *xen_of(struct exclaim_hv *hv)
{
    return (struct exclaim_xen *)(void *)hv;
}

/* --- xen.c --- */

/*
 * Opens the hypervisor that @lib leads to and that its open() has given @xch for; @xs, or NULL, is
 * its xenstore.  They are closed, and the library unloaded, with *hv, and on failure at once.
 * UNSUPPORTED: no control domain, or hypervisor and library disagree.
 */
int xen_open_lib(const struct xen_lib *lib, xc_interface *xch, struct xs_handle *xs,
                 struct exclaim_hv **hv, struct exclaim_error *err);

/* --- call.c: hypercalls.  All return 0 or a positive errno value. --- */

/* Memory that a hypercall's argument may point to. */
struct xen_buffer {
    void *data; /* zeroed */
    xc_hypercall_buffer_t raw;
};

int xen_buffer_alloc(struct exclaim_xen *xen, struct xen_buffer *buf, size_t size);
void xen_buffer_free(struct exclaim_xen *xen, struct xen_buffer *buf);
uint64_t xen_buffer_handle(const struct xen_buffer *buf);

/* @arg is copied in and back.  @version (or NULL): the interface version of the library. */
int xen_domctl(struct exclaim_xen *xen, uint32_t cmd, uint32_t domid, void *arg, size_t size,
               uint32_t *version);
int xen_sysctl(struct exclaim_xen *xen, uint32_t cmd, void *arg, size_t size);

/* XENMEM_current_reservation: works on every Xen without an interface version. */
int xen_total_pages(struct exclaim_xen *xen, uint32_t domid, uint64_t *pages);

/* XENMEM_claim_pages, without libxc's wrapper, which turns ENOSYS into success up to 4.21. */
int xen_claim_pages(struct exclaim_xen *xen, uint32_t domid, uint64_t pages, uint32_t mem_flags);

/* ESRCH if there is no such domain. */
int xen_domain_info(struct exclaim_xen *xen, uint32_t domid, xc_domaininfo_t *info);

/* xc_numainfo: node ids 0 .. *nr - 1, offline ones with memsize XEN_INVALID_MEM_SZ. */
int xen_node_sizes(struct exclaim_xen *xen, xc_meminfo_t info[EXCLAIM_NODES_MAX], uint32_t *nr,
                   uint64_t *online, struct exclaim_error *err);

/* As exclaim_fail(), with the kind that @errnum stands for and its meaning in the text. */
int xen_fail(struct exclaim_xen *xen, struct exclaim_error *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* --- probe.c, caps.c --- */

const struct xen_features *xen_probe(struct exclaim_xen *xen);
int xen_caps(struct exclaim_hv *hv, struct exclaim_caps *caps, struct exclaim_error *err);

/* --- store.c --- */

/*
 * What is at @path of xenstore: *value is the caller's to free, NULL if nothing is there.  Waits 3
 * s at most; a daemon that did not answer is not asked again.
 */
int xen_store_read(struct exclaim_xen *xen, const char *path, char **value,
                   struct exclaim_error *err);

/* --- domain.c --- */

int xen_next_domain(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                    struct exclaim_error *err);
int xen_domain_name(struct exclaim_hv *hv, uint32_t domid, char *name, uint32_t size,
                    struct exclaim_error *err);
int xen_vm_uuid(struct exclaim_hv *hv, uint32_t domid, uint8_t uuid[EXCLAIM_UUID_BYTES],
                struct exclaim_error *err);

/* --- count.c and its methods --- */

int xen_count(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_count_how *how,
              struct exclaim_count *count, struct exclaim_error *err);
int xen_count_many(struct exclaim_hv *hv, const uint32_t *domid, uint32_t nr,
                   const struct exclaim_count_how *how, struct exclaim_count *count,
                   struct exclaim_error *err);

/* Each fills @count, with exact or why; nr_nodes stays 0 if it saw nothing. */
void xen_count_hypercall(struct exclaim_xen *xen, uint32_t domid, struct exclaim_count *count);
void xen_count_mapped(struct exclaim_xen *xen, uint32_t domid, const struct exclaim_count_how *how,
                      struct exclaim_count *count);
void xen_count_console(struct exclaim_xen *xen, const uint32_t *domid, uint32_t nr,
                       uint64_t max_pages, struct exclaim_count *count);

/* Whether frames that are mapped from a guest can be told apart by node here; @why says why not. */
bool xen_count_mapped_possible(struct exclaim_xen *xen, char *why, size_t size);

/* --- host.c --- */

int xen_host(struct exclaim_hv *hv, struct exclaim_host *host, struct exclaim_error *err);

/* --- claim.c and what claim.h names --- */

int xen_claim(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_claim *claim,
              struct exclaim_error *err);

/* --- affinity.c, pool.c --- */

int xen_get_affinity(struct exclaim_hv *hv, uint32_t domid, struct exclaim_affinity *aff,
                     struct exclaim_error *err);
int xen_set_node_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                          struct exclaim_error *err);
int xen_set_soft_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                          struct exclaim_error *err);
int xen_paging_pool(struct exclaim_hv *hv, uint32_t domid, uint64_t *bytes,
                    struct exclaim_error *err);

#endif
