/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A libxenctrl and libxenforeignmemory over the model that HOST_ENV names, for src/xen/lib.c to
 * find and load: what is installed runs on it as it is.
 */
#include <errno.h>
#include <stdlib.h>

#pragma GCC visibility push(default)
#include <xenctrl.h>
#include <xenforeignmemory.h>
#pragma GCC visibility pop

#include "xen/lib.h"

#include "host.h"

static struct xen_lib lib; /* the same for every handle */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
                                unsigned int open_flags)
{
    const char *path = getenv(HOST_ENV);

    (void)logger, (void)dombuild_logger, (void)open_flags;
    if (!path) {
        errno = ENOENT;
        return NULL;
    }
    model_lib(&lib);
    return (xc_interface *)(void *)host_port(path);
}

int xc_interface_close(xc_interface *xch)
{
    return lib.close(xch);
}

int xc_version(xc_interface *xch, int cmd, void *arg)
{
    return lib.version(xch, cmd, arg);
}

int xc_domctl(xc_interface *xch, struct xen_domctl *op)
{
    return lib.domctl(xch, op);
}

int xc_sysctl(xc_interface *xch, struct xen_sysctl *op)
{
    return lib.sysctl(xch, op);
}

long xc_memory_op(xc_interface *xch, unsigned int cmd, void *arg, size_t len)
{
    return lib.memory_op(xch, cmd, arg, len);
}

void *xc__hypercall_buffer_alloc(xc_interface *xch, xc_hypercall_buffer_t *b, size_t size)
{
    return lib.buffer_alloc(xch, b, size);
}

void xc__hypercall_buffer_free(xc_interface *xch, xc_hypercall_buffer_t *b)
{
    lib.buffer_free(xch, b);
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
                          xc_domaininfo_t *info)
{
    return lib.getinfolist(xch, first, max, info);
}

int xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
    return lib.physinfo(xch, info);
}

int xc_numainfo(xc_interface *xch, unsigned int *max, xc_meminfo_t *info, uint32_t *distance)
{
    return lib.numainfo(xch, max, info, distance);
}

int xc_cputopoinfo(xc_interface *xch, unsigned int *max, xc_cputopo_t *topo)
{
    return lib.cputopoinfo(xch, max, topo);
}

int xc_get_max_cpus(xc_interface *xch)
{
    return lib.get_max_cpus(xch);
}

int xc_send_debug_keys(xc_interface *xch, const char *keys)
{
    return lib.send_debug_keys(xch, keys);
}

int xc_readconsolering(xc_interface *xch, char *buffer, unsigned int *nr, int clear,
                       int incremental, uint32_t *index)
{
    return lib.readconsolering(xch, buffer, nr, clear, incremental, index);
}

int xc_vcpu_getaffinity(xc_interface *xch, uint32_t domid, int vcpu, xc_cpumap_t hard,
                        xc_cpumap_t soft, uint32_t flags)
{
    return lib.vcpu_getaffinity(xch, domid, vcpu, hard, soft, flags);
}

int xc_vcpu_setaffinity(xc_interface *xch, uint32_t domid, int vcpu, xc_cpumap_t hard,
                        xc_cpumap_t soft, uint32_t flags)
{
    return lib.vcpu_setaffinity(xch, domid, vcpu, hard, soft, flags);
}

int xc_shadow_control(xc_interface *xch, uint32_t domid, unsigned int sop, unsigned int *mb,
                      unsigned int mode)
{
    return lib.shadow_control(xch, domid, sop, mb, mode);
}

xenforeignmemory_handle *xc_interface_fmem_handle(xc_interface *xch)
{
    return lib.fmem_handle(xch);
}

void *xenforeignmemory_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot,
                            int flags, size_t pages, const xen_pfn_t arr[], int err[])
{
    return lib.map2(fmem, dom, addr, prot, flags, pages, arr, err);
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    return lib.unmap(fmem, addr, pages);
}
