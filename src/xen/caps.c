/* SPDX-License-Identifier: BSD-2-Clause */
/* What this Xen offers, for people. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whether the ring can be read; that the key can be sent is only seen when it is. */
static void console_caps(struct exclaim_xen *xen, struct exclaim_caps *caps)
{
    char byte;
    unsigned int nr = sizeof(byte);
    uint32_t index = 0;

    if (xen->lib.readconsolering(xen->xch, &byte, &nr, 0, 1, &index) < 0) {
        snprintf(caps->why_count[EXCLAIM_FROM_CONSOLE], sizeof(caps->why_count[0]),
                 "reading the console ring: %s", exclaim_hv_errno_meaning(errno));
        return;
    }
    caps->count[EXCLAIM_FROM_CONSOLE] = true;
}

int xen_caps(struct exclaim_hv *hv, struct exclaim_caps *caps, struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    const struct xen_features *f = xen_probe(xen);
    xen_extraversion_t extra = "";

    *caps = (struct exclaim_caps){
        .xen_major = xen->lib.major,
        .xen_minor = xen->lib.minor,
        .count[EXCLAIM_FROM_HYPERCALL] = f->numa_op,
        .node_memory = f->node_memory,
        .claim_host = f->claim_host,
        .claim_node = f->claim_node,
        .claim_node_known = f->claim_node_known,
        .claim_set = f->claim_sets != NULL,
        .place_exact_node = true, /* XENMEMF_exact_node: older than any Xen handled here */
    };
    if (xen->lib.version(xen->xch, XENVER_extraversion, &extra) < 0) {
        return xen_fail(xen, err, errno, "reading the version of xen");
    }
    snprintf(caps->xen_extra, sizeof(caps->xen_extra), "%.*s", (int)sizeof(extra), extra);
    snprintf(caps->library, sizeof(caps->library), "%s", xen->lib.soname);

    snprintf(caps->why_count[EXCLAIM_FROM_HYPERCALL], sizeof(caps->why_count[0]), "%s",
             f->why_numa_op);
    memcpy(caps->why_node_memory, f->why_node_memory, sizeof(caps->why_node_memory));
    memcpy(caps->why_claim_node, f->why_claim_node, sizeof(caps->why_claim_node));
    memcpy(caps->why_claim_set, f->why_claim_sets, sizeof(caps->why_claim_set));

    caps->count[EXCLAIM_FROM_MAPPED] = xen_count_mapped_possible(
        xen, caps->why_count[EXCLAIM_FROM_MAPPED], sizeof(caps->why_count[0]));
    console_caps(xen, caps);
    return 0;
}
