/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing the running Xen. */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void xen_close(struct exclaim_hv *hv)
{
    struct exclaim_xen *xen = xen_of(hv);

    if (xen->xs) {
        xen->lib.store_close(xen->xs);
    }
    xen->lib.close(xen->xch);
    xen_lib_unload(&xen->lib);
    free(xen);
}

static const struct exclaim_hv_ops xen_ops = {
    .caps = xen_caps,
    .next_domain = xen_next_domain,
    .domain_name = xen_domain_name,
    .vm_uuid = xen_vm_uuid,
    .count = xen_count,
    .count_many = xen_count_many,
    .host = xen_host,
    .claim = xen_claim,
    .get_affinity = xen_get_affinity,
    .set_node_affinity = xen_set_node_affinity,
    .set_soft_affinity = xen_set_soft_affinity,
    .paging_pool = xen_paging_pool,
    .close = xen_close,
};

/*
 * One call of each kind that everything here stands on.  It tells apart no control domain (EPERM)
 * and a library of another build (EACCES), and compares the one number that also comes unversioned.
 */
static int check_interface(struct exclaim_xen *xen, struct exclaim_error *err)
{
    xc_domaininfo_t info;
    uint64_t total = 0;
    struct xen_node_bitmap none = { 0 }; /* no bits wanted: reads nothing, writes nothing */
    int errnum;

    /* Ballooning between the two calls makes the totals differ; three times in a row it does not.
     */
    for (unsigned int i = 0; i < 3; i++) {
        errnum = xen_domain_info(xen, 0, &info);
        if (errnum) {
            return xen_fail(xen, err, errnum, "reading domain 0 through %s", xen->lib.soname);
        }
        errnum = xen_total_pages(xen, 0, &total);
        if (errnum) {
            return xen_fail(xen, err, errnum, "reading the pages of domain 0");
        }
        if (total == info.tot_pages) {
            break;
        }
    }
    if (total != info.tot_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "xen %u.%u and %s disagree: domain 0 has %" PRIu64
                            " pages by one and %" PRIu64 " by the other",
                            xen->lib.major, xen->lib.minor, xen->lib.soname,
                            (uint64_t)info.tot_pages, total);
    }

    errnum = xen_domctl(xen, XEN_DOMCTL_getnodeaffinity, 0, &none, sizeof(none), NULL);
    if (errnum == EACCES || errnum == EPERM) {
        return xen_fail(xen, err, errnum, "asking for domain 0 through %s", xen->lib.soname);
    }
    return 0;
}

int xen_open_lib(const struct xen_lib *lib, xc_interface *xch, struct xs_handle *xs,
                 struct exclaim_hv **hv, struct exclaim_error *err)
{
    struct exclaim_xen *xen = calloc(1, sizeof(*xen));

    *hv = NULL;
    if (!xen) {
        struct xen_lib unused = *lib;

        lib->close(xch);
        xen_lib_unload(&unused);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "opening xen");
    }
    xen->hv.ops = &xen_ops;
    xen->lib = *lib;
    xen->xch = xch;
    xen->xs = xs;
    if (check_interface(xen, err)) {
        xen_close(&xen->hv);
        return -1;
    }
    *hv = &xen->hv;
    return 0;
}

int exclaim_xen_open(struct exclaim_hv **hv, struct exclaim_error *err)
{
    struct xen_lib lib;
    xc_interface *xch;

    *hv = NULL;
    if (xen_lib_load(&lib, xen_quiet(), err)) {
        return -1;
    }
    xch = lib.open(xen_quiet(), xen_quiet(), 0);
    if (!xch) {
        exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, errno,
                     "opening xen %u.%u through %s (root in domain 0?)", lib.major, lib.minor,
                     lib.soname);
        xen_lib_unload(&lib);
        return -1;
    }
    return xen_open_lib(&lib, xch, NULL, hv, err);
}
