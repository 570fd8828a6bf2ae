/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libraries of the running Xen, loaded at run time: a domctl of another release's library is
 * refused with EACCES, so the one that matches the hypervisor must be found, not the one built
 * with.  Whatever src/xen asks of a hypervisor goes through this table, so that src/model, which
 * fills it with a hypervisor in memory, is asked by the same code.
 */
#ifndef XEN_LIB_H
#define XEN_LIB_H

#include <stdint.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenstore.h>

#include <exclaim/error.h>

/*
 * Only functions whose prototype is the same in 4.17 to 4.22 (tools/include/xenctrl.h of each). The
 * fields have the types of the header's declarations; nothing is linked.
 */
struct xen_lib {
    void *ctrl;    /* NULL where nothing was loaded, as over the model */
    void *foreign; /* libxenforeignmemory.so.1, likewise */
    uint32_t major, minor;
    char soname[64];

    __typeof__(&xc_interface_open) open;
    __typeof__(&xc_interface_close) close;
    __typeof__(&xc_version) version;
    __typeof__(&xc_domctl) domctl;
    __typeof__(&xc_sysctl) sysctl;
    __typeof__(&xc_memory_op) memory_op;
    __typeof__(&xc__hypercall_buffer_alloc) buffer_alloc;
    __typeof__(&xc__hypercall_buffer_free) buffer_free;
    __typeof__(&xc_domain_getinfolist) getinfolist;
    __typeof__(&xc_physinfo) physinfo;
    __typeof__(&xc_numainfo) numainfo;
    __typeof__(&xc_cputopoinfo) cputopoinfo;
    __typeof__(&xc_get_max_cpus) get_max_cpus;
    __typeof__(&xc_send_debug_keys) send_debug_keys;
    __typeof__(&xc_readconsolering) readconsolering;
    __typeof__(&xc_vcpu_getaffinity) vcpu_getaffinity;
    __typeof__(&xc_vcpu_setaffinity) vcpu_setaffinity;
    __typeof__(&xc_interface_fmem_handle) fmem_handle;
    __typeof__(&xc_shadow_control) shadow_control;
    __typeof__(&xc_get_paging_mempool_size) get_paging_mempool_size; /* NULL in early 4.17 builds */

    __typeof__(&xs_open) store_open; /* libxenstore, which is linked: it has one version */
    __typeof__(&xs_read) store_read;
    __typeof__(&xs_close) store_close;

    void (*pause)(xc_interface *xch, unsigned int ms); /* ours: nothing is asked meanwhile */

    /* From libxenforeignmemory, whose interface never changed; NULL without it. */
    __typeof__(&xenforeignmemory_map2) map2;
    __typeof__(&xenforeignmemory_unmap) unmap;

    /* The firmware's SRAT: up to @size bytes into @table, *len of them.  A positive errno value. */
    int (*srat)(xc_interface *xch, void *table, size_t size, size_t *len);
};

/* For libraries that print to stderr unless they are given a logger. */
xentoollog_logger *xen_quiet(void);

/* Finds the version of the running Xen and loads its libxenctrl.  UNSUPPORTED if there is none. */
int xen_lib_load(struct xen_lib *lib, xentoollog_logger *logger, struct exclaim_error *err);

void xen_lib_unload(struct xen_lib *lib);

#endif
