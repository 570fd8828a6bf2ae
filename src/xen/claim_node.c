/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XenServer 9's public code keeps the node of a claim on one node after the claim is gone; a later
 * claim on the host then takes pages off that node's counter that were never added, and Xen stops
 * at a BUG_ON (branch 4.20-scm-claim-pages, domain_update_total_pages()).  The state cannot be read
 * from Xen, so it is remembered for as long as this handle lives: claims of ours on a node, and
 * claims of others that we released without knowing their kind.
 */
#include "xen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int xen_node_claim_room(struct exclaim_xen *xen)
{
    struct xen_node_claim *list =
        realloc(xen->node_claims, (xen->nr_node_claims + 1) * sizeof(*list));

    if (!list) {
        return ENOMEM;
    }
    xen->node_claims = list;
    return 0;
}

/* Cannot fail after xen_node_claim_room(), so that a claim that was staked cannot be forgotten. */
void xen_node_claim_remember(struct exclaim_xen *xen, const xc_domaininfo_t *info)
{
    struct xen_node_claim *claim = &xen->node_claims[xen->nr_node_claims++];

    claim->domid = info->domain;
    memcpy(claim->uuid, info->handle, EXCLAIM_UUID_BYTES);
}

bool xen_node_claim_had(const struct exclaim_xen *xen, const xc_domaininfo_t *info)
{
    for (uint32_t i = 0; i < xen->nr_node_claims; i++) {
        if (xen->node_claims[i].domid == info->domain &&
            memcmp(xen->node_claims[i].uuid, info->handle, EXCLAIM_UUID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Whether a claim of unknown origin can be one on a node.  Where Xen tells how much is claimed on
 * each node, one node must hold all of it; the domain is read again because redemption lowers both.
 */
bool xen_node_claim_possible(struct exclaim_xen *xen, const xc_domaininfo_t *info)
{
    const struct xen_features *f = xen_probe(xen);
    struct exclaim_host host;
    xc_domaininfo_t now;

    if (f->claim_node_known && !f->claim_node) {
        return false;
    }
    if (!f->node_memory || xen_host(&xen->hv, &host, NULL) ||
        xen_domain_info(xen, info->domain, &now) ||
        now.outstanding_pages != info->outstanding_pages) {
        return true;
    }
    for (uint32_t i = 0; i < host.nr_nodes; i++) {
        if (host.node[i].online && (!host.node[i].claimed_known ||
                                    host.node[i].claimed_pages >= info->outstanding_pages)) {
            return true;
        }
    }
    return false;
}
