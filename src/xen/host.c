/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory per node of this host. */
#include "client.h"

#include <errno.h>

/* The distances come as a square whose side is the number of nodes that were returned. */
static int fill_distances(struct exclaim_xen *xen, struct exclaim_host *host,
                          struct exclaim_error *err)
{
    uint32_t distance[EXCLAIM_NODES_MAX * EXCLAIM_NODES_MAX];
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    unsigned int nodes = EXCLAIM_NODES_MAX;

    if (xen->lib.numainfo(xen->xch, &nodes, info, distance) < 0) {
        return xen_fail(xen, err, errno, "reading the distances of the host's nodes");
    }
    if (nodes != host->nr_nodes) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EAGAIN,
                            "the host's nodes changed from %u to %u while they were read",
                            host->nr_nodes, nodes);
    }
    for (unsigned int i = 0; i < nodes; i++) {
        for (unsigned int j = 0; j < nodes; j++) {
            uint32_t d = distance[i * nodes + j];

            host->node[i].distance[j] = d == XEN_INVALID_NODE_DIST ? 0 : d;
        }
    }
    return 0;
}

/* XenServer 9 only; elsewhere claimed pages per node do not exist or cannot be read. */
static void fill_claimed(struct exclaim_xen *xen, struct exclaim_host *host)
{
    struct xen_numa_meminfo arg = { .num_nodes = XEN_NUMA_OP_ENTRIES };
    const struct xen_node_meminfo *info;
    struct xen_buffer buf;

    if (!xen_probe(xen)->node_memory ||
        xen_buffer_alloc(xen, &buf, XEN_NUMA_OP_ENTRIES * sizeof(*info))) {
        return;
    }
    arg.meminfo = xen_buffer_handle(&buf);
    if (xen_sysctl(xen, XEN_SYSCTL_NUMA_MEMINFO, &arg, sizeof(arg)) == 0) {
        info = buf.data;
        for (uint32_t i = 0; i < host->nr_nodes && i < arg.num_nodes; i++) {
            if (host->node[i].online && info[i].claimed != UINT64_MAX) {
                host->node[i].claimed_pages = info[i].claimed >> EXCLAIM_PAGE_SHIFT;
                host->node[i].claimed_known = true;
            }
        }
    }
    xen_buffer_free(xen, &buf);
}

int xen_host(struct exclaim_hv *hv, struct exclaim_host *host, struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    xc_physinfo_t phys = { 0 };
    uint64_t online = 0;

    *host = (struct exclaim_host){ 0 };
    if (xen_node_sizes(xen, info, &host->nr_nodes, &online, err)) {
        return -1;
    }
    for (uint32_t i = 0; i < host->nr_nodes; i++) {
        if (online & (1ull << i)) {
            /* memsize spans holes and MMIO, so it is no capacity: only memfree is used. */
            host->node[i].online = true;
            host->node[i].free_pages = info[i].memfree >> EXCLAIM_PAGE_SHIFT;
        }
    }
    if (fill_distances(xen, host, err)) {
        return -1;
    }
    fill_claimed(xen, host);

    if (xen->lib.physinfo(xen->xch, &phys) < 0) {
        return xen_fail(xen, err, errno, "reading the host's physical information");
    }
    host->total_pages = phys.total_pages;
    host->free_pages = phys.free_pages;
    host->outstanding_pages = phys.outstanding_pages;
    return 0;
}
