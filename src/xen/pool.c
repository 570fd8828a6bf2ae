/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory that Xen keeps aside for a guest's paging. */
#include "client.h"

#include <errno.h>

#define MIB ((uint64_t)1024 * 1024)

int xen_paging_pool(struct exclaim_hv *hv, uint32_t domid, uint64_t *bytes,
                    struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    unsigned int mib = 0;
    int r;

    *bytes = 0;
    if (xen->lib.get_paging_mempool_size) {
        r = xen->lib.get_paging_mempool_size(xen->xch, domid, bytes);
        if (r < 0 && errno == ENOSYS) {
            r = xen->lib.shadow_control(xen->xch, domid, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, &mib,
                                        0);
            *bytes = mib * MIB;
        }
    } else {
        r = xen->lib.shadow_control(xen->xch, domid, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, &mib, 0);
        *bytes = mib * MIB;
    }
    if (r < 0) {
        xc_domaininfo_t info;
        int errnum = errno;

        *bytes = 0;
        /* A PV guest has no pool; Xen says EOPNOTSUPP, or what its shadow code says. */
        if (xen_domain_info(xen, domid, &info) == 0 && !(info.flags & XEN_DOMINF_hvm_guest)) {
            return 0;
        }
        return xen_fail(xen, err, errnum, "reading the paging pool of domain %u", domid);
    }
    return 0;
}
