/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a reservation from what Xen says of a running domain. */
#include <exclaim/reservation.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"

int exclaim_reservation_build(struct exclaim_hv *hv, const struct exclaim_caps *caps,
                              const struct exclaim_domain *dom, const struct exclaim_count *count,
                              struct exclaim_reservation *res, struct exclaim_error *err)
{
    struct exclaim_host host;

    memset(res, 0, sizeof(*res));
    memcpy(res->uuid, dom->uuid, sizeof(res->uuid));
    res->count = *count;
    res->max_pages = dom->max_pages;
    res->vcpus = dom->max_vcpu_id + 1;
    res->shared_pages = dom->shared_pages;
    res->paged_pages = dom->paged_pages;
    if (gethostname(res->source_host, sizeof(res->source_host) - 1)) {
        res->source_host[0] = '\0';
    }
    snprintf(res->xen_version, sizeof(res->xen_version), "%" PRIu32 ".%" PRIu32 "%s",
             caps->xen_major, caps->xen_minor, caps->xen_extra);
    res->time_unix_ms = (uint64_t)exclaim_now_unix_ms();

    /* These two only make the match better or the report fuller. */
    if (hv->ops->paging_pool(hv, dom->domid, &res->paging_pool_bytes, NULL)) {
        res->paging_pool_bytes = 0;
    }
    if (!hv->ops->host(hv, &host, NULL)) {
        for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
            memcpy(res->distance[i], host.node[i].distance, sizeof(res->distance[i]));
        }
    }
    return exclaim_reservation_check(res, err);
}
