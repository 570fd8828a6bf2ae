/* SPDX-License-Identifier: BSD-2-Clause */
/* Which node each of this host's machine pages is on. */
#ifndef XEN_NODES_H
#define XEN_NODES_H

#include "srat.h"
#include "client.h"

struct xen_nodes {
    bool single; /* one node, everything is there */
    uint32_t nr;
    uint64_t max_mfn; /* the highest machine page of RAM */
    struct xen_srat srat;
};

#define XEN_NODE_UNKNOWN UINT32_MAX

/* From the firmware's table, compared with what Xen says of its nodes.  False with the reason. */
bool xen_nodes_read(struct exclaim_xen *xen, struct xen_nodes *nodes, char *why, size_t size);

/* The node of machine page @mfn, or XEN_NODE_UNKNOWN. */
uint32_t xen_nodes_of(const struct xen_nodes *nodes, uint64_t mfn);

#endif
