/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls that several files make, and what their errno values mean. */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <xen/memory.h>

int xen_buffer_alloc(struct exclaim_xen *xen, struct xen_buffer *buf, size_t size)
{
    buf->raw = (xc_hypercall_buffer_t){ .hbuf = NULL,
                                        .param_shadow = NULL,
                                        HYPERCALL_BUFFER_INIT_NO_BOUNCE };
    buf->data = xen->lib.buffer_alloc(xen->xch, &buf->raw, size);
    if (!buf->data) {
        return ENOMEM;
    }
    memset(buf->data, 0, size);
    return 0;
}

void xen_buffer_free(struct exclaim_xen *xen, struct xen_buffer *buf)
{
    if (buf->data) {
        xen->lib.buffer_free(xen->xch, &buf->raw);
        buf->data = NULL;
    }
}

uint64_t xen_buffer_handle(const struct xen_buffer *buf)
{
    return (uint64_t)(uintptr_t)buf->data;
}

int xen_domctl(struct exclaim_xen *xen, uint32_t cmd, uint32_t domid, void *arg, size_t size,
               uint32_t *version)
{
    struct xen_domctl op;
    int errnum = 0;

    if (domid >= XEN_DOMID_END || size > sizeof(op.u)) {
        return EINVAL;
    }
    memset(&op, 0, sizeof(op));
    op.cmd = cmd;
    op.domain = (domid_t)domid;
    memcpy(&op.u, arg, size);

    /* xc_domctl() puts the library's interface version in (tools/libs/ctrl/xc_private.h). */
    if (xen->lib.domctl(xen->xch, &op) < 0) {
        errnum = errno ? errno : EIO;
    }
    memcpy(arg, &op.u, size);
    if (version) {
        *version = op.interface_version;
    }
    return errnum;
}

int xen_sysctl(struct exclaim_xen *xen, uint32_t cmd, void *arg, size_t size)
{
    struct xen_sysctl op;
    int errnum = 0;

    if (size > sizeof(op.u)) {
        return EINVAL;
    }
    memset(&op, 0, sizeof(op));
    op.cmd = cmd;
    memcpy(&op.u, arg, size);
    if (xen->lib.sysctl(xen->xch, &op) < 0) {
        errnum = errno ? errno : EIO;
    }
    memcpy(arg, &op.u, size);
    return errnum;
}

int xen_total_pages(struct exclaim_xen *xen, uint32_t domid, uint64_t *pages)
{
    struct xen_memory_domain arg = { .domid = (domid_t)domid };
    long r;

    if (domid >= XEN_DOMID_END) {
        return ESRCH;
    }
    r = xen->lib.memory_op(xen->xch, XENMEM_current_reservation, &arg, sizeof(arg));
    if (r < 0) {
        return errno ? errno : EIO;
    }
    *pages = (uint64_t)r;
    return 0;
}

int xen_claim_pages(struct exclaim_xen *xen, uint32_t domid, uint64_t pages, uint32_t mem_flags)
{
    struct xen_memory_reservation arg;

    if (domid >= XEN_DOMID_END) {
        return ESRCH;
    }
    memset(&arg, 0, sizeof(arg)); /* extent_start, order and padding must be zero */
    arg.nr_extents = pages;
    arg.mem_flags = mem_flags;
    arg.domid = (domid_t)domid;
    if (xen->lib.memory_op(xen->xch, XENMEM_claim_pages, &arg, sizeof(arg)) < 0) {
        return errno ? errno : EIO;
    }
    return 0;
}

int xen_domain_info(struct exclaim_xen *xen, uint32_t domid, xc_domaininfo_t *info)
{
    int nr;

    if (domid >= XEN_DOMID_END) {
        return ESRCH;
    }
    nr = xen->lib.getinfolist(xen->xch, domid, 1, info);
    if (nr < 0) {
        return errno ? errno : EIO;
    }
    /* The list starts at the first domain with this or a higher id. */
    return nr == 1 && info->domain == domid ? 0 : ESRCH;
}

int xen_node_sizes(struct exclaim_xen *xen, xc_meminfo_t info[EXCLAIM_NODES_MAX], uint32_t *nr,
                   uint64_t *online, struct exclaim_error *err)
{
    xc_physinfo_t phys = { 0 };
    unsigned int nodes = EXCLAIM_NODES_MAX;

    /* xc_numainfo cuts off silently at what it was given, so ask for the highest id first. */
    if (xen->lib.physinfo(xen->xch, &phys) < 0) {
        return xen_fail(xen, err, errno, "reading the host's physical information");
    }
    if (phys.max_node_id >= EXCLAIM_NODES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "this host has node %u, at most node %u is handled", phys.max_node_id,
                            EXCLAIM_NODES_MAX - 1);
    }
    if (xen->lib.numainfo(xen->xch, &nodes, info, NULL) < 0) {
        return xen_fail(xen, err, errno, "reading the host's nodes");
    }

    *nr = nodes;
    *online = 0;
    for (unsigned int i = 0; i < nodes; i++) {
        /* An offline id is marked with XEN_INVALID_MEM_SZ in both (xen/common/sysctl.c). */
        if (info[i].memsize != XEN_INVALID_MEM_SZ || info[i].memfree != XEN_INVALID_MEM_SZ) {
            *online |= 1ull << i;
        }
    }
    return 0;
}

int xen_fail(struct exclaim_xen *xen, struct exclaim_error *err, int errnum, const char *fmt, ...)
{
    char what[256];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(what, sizeof(what), fmt, ap) < 0) {
        what[0] = '\0';
    }
    va_end(ap);

    switch (errnum) {
    case EACCES:
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, errnum,
                            "%s: xen %u.%u and library %s disagree on the interface (upgraded "
                            "without reboot?)",
                            what, xen->lib.major, xen->lib.minor, xen->lib.soname);
    case EPERM:
    case ENOSYS:
    case EOPNOTSUPP:
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, errnum, "%s: %s", what,
                            exclaim_hv_errno_meaning(errnum));
    default:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "%s", what);
    }
}
