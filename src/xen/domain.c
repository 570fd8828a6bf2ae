/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains, their names and VMs. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/uuid.h>

_Static_assert(sizeof(((xc_domaininfo_t *)0)->handle) == EXCLAIM_UUID_BYTES, "domain handle");

static void fill_domain(const xc_domaininfo_t *info, struct exclaim_domain *dom)
{
    *dom = (struct exclaim_domain){
        .domid = info->domain,
        .hvm = (info->flags & XEN_DOMINF_hvm_guest) != 0, /* set for PVH as well */
        .dying = (info->flags & XEN_DOMINF_dying) != 0,
        .paused = (info->flags & XEN_DOMINF_paused) != 0,
        .total_pages = info->tot_pages,
        .max_pages = info->max_pages,
        .outstanding_pages = info->outstanding_pages,
        .shared_pages = info->shr_pages,
        .paged_pages = info->paged_pages,
        .max_vcpu_id = info->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : info->max_vcpu_id,
    };
    memcpy(dom->uuid, info->handle, sizeof(dom->uuid));
}

int xen_next_domain(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                    struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    xc_domaininfo_t info;
    int nr;

    if (domid >= XEN_DOMID_END) {
        return 0;
    }
    /*
     * The list, not XEN_DOMCTL_getdomaininfo: for a missing id that one gives the next domain
     * on 4.17 and ESRCH later (xen/common/domctl.c).
     */
    nr = xen->lib.getinfolist(xen->xch, domid, 1, &info);
    if (nr < 0) {
        return xen_fail(xen, err, errno, "reading domains from %u on", domid);
    }
    if (nr == 0) {
        return 0;
    }
    fill_domain(&info, dom);
    return 1;
}

int xen_domain_name(struct exclaim_hv *hv, uint32_t domid, char *name, uint32_t size,
                    struct exclaim_error *err)
{
    char path[64], *value;

    if (size == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, EINVAL, "name of domain %u: no room", domid);
    }
    name[0] = '\0';
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    if (xen_store_read(xen_of(hv), path, &value, err)) {
        return -1;
    }
    /* A domain under construction has none yet. */
    snprintf(name, size, "%s", value ? value : "");
    free(value);
    return 0;
}

int xen_vm_uuid(struct exclaim_hv *hv, uint32_t domid, uint8_t uuid[EXCLAIM_UUID_BYTES],
                struct exclaim_error *err)
{
    char path[128], *value;
    bool found;

    snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
    if (xen_store_read(xen_of(hv), path, &value, err)) {
        return -1;
    }
    found = value && snprintf(path, sizeof(path), "%s/final-uuid", value) < (int)sizeof(path);
    free(value);
    if (!found) {
        return 0;
    }
    if (xen_store_read(xen_of(hv), path, &value, err)) {
        return -1;
    }
    found = value && exclaim_uuid_parse(value, uuid);
    free(value);
    return found;
}
