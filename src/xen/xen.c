/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening and closing the running Xen. */
#include "xen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <xenstore.h>

static void xen_close(struct exclaim_hv *hv)
{
    struct exclaim_xen *xen = xen_of(hv);

    if (xen->xs) {
        xs_close(xen->xs);
    }
    if (xen->xch) {
        xen->lib.close(xen->xch);
    }
    xen_lib_unload(&xen->lib);
    free(xen->node_claims);
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

/* libxc prints to stderr unless it is given a logger; our errors say what failed. */
static void quiet_message(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
                          const char *context, const char *format, va_list al)
{
    (void)logger, (void)level, (void)errnoval, (void)context, (void)format, (void)al;
}

static void quiet_progress(struct xentoollog_logger *logger, const char *context, const char *what,
                           int percent, unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)what, (void)percent, (void)done, (void)total;
}

static void quiet_destroy(struct xentoollog_logger *logger)
{
    (void)logger;
}

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

int exclaim_xen_open(struct exclaim_hv **hv, struct exclaim_error *err)
{
    struct exclaim_xen *xen = calloc(1, sizeof(*xen));

    *hv = NULL;
    if (!xen) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "opening xen");
    }
    xen->hv.ops = &xen_ops;
    xen->quiet.vmessage = quiet_message;
    xen->quiet.progress = quiet_progress;
    xen->quiet.destroy = quiet_destroy;

    if (xen_lib_load(&xen->lib, &xen->quiet, err)) {
        goto out;
    }
    xen->xch = xen->lib.open(&xen->quiet, &xen->quiet, 0);
    if (!xen->xch) {
        exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, errno, "opening xen %u.%u through %s",
                     xen->lib.major, xen->lib.minor, xen->lib.soname);
        goto out;
    }
    if (check_interface(xen, err)) {
        goto out;
    }
    *hv = &xen->hv;
    return 0;

out:
    xen_close(&xen->hv);
    return -1;
}
