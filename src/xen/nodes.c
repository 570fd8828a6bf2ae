/* SPDX-License-Identifier: BSD-2-Clause */
/* Which node each machine page is on: the firmware's table, checked against what Xen says. */
#include "nodes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/memory.h>

#define SRAT_BYTES_MAX ((size_t)64 * 1024)

static bool read_srat(struct exclaim_xen *xen, struct xen_srat *srat, char *why, size_t size)
{
    uint8_t *table = malloc(SRAT_BYTES_MAX);
    size_t len = 0;
    int errnum = table ? xen->lib.srat(xen->xch, table, SRAT_BYTES_MAX, &len) : ENOMEM;
    bool ok = false;

    if (errnum) {
        snprintf(why, size, "reading the srat: %s", strerror(errnum));
    } else {
        ok = xen_srat_parse(table, len, srat, why, size);
    }
    free(table);
    return ok;
}

/*
 * Xen may number or cut nodes otherwise than the table says: numa=off, numa=fake, a table it
 * refused. It reports what each node spans (xen/common/sysctl.c: memsize = node_spanned_pages()),
 * which must be what the table says; only the highest node may be cut off at the end of RAM.
 */
static bool check_spans(const struct xen_nodes *nodes, const xc_meminfo_t *info, uint64_t online,
                        char *why, size_t size)
{
    uint32_t highest = 0;

    if (nodes->srat.nr_nodes != nodes->nr || online != (~0ull >> (64 - nodes->nr))) {
        snprintf(why, size, "the srat has %u nodes, xen %u", nodes->srat.nr_nodes, nodes->nr);
        return false;
    }
    for (uint32_t i = 0; i < nodes->nr; i++) {
        if (nodes->srat.span[i].end > nodes->srat.span[highest].end) {
            highest = i;
        }
    }
    for (uint32_t i = 0; i < nodes->nr; i++) {
        uint64_t srat = nodes->srat.span[i].end - nodes->srat.span[i].start;
        uint64_t xen = info[i].memsize >> EXCLAIM_PAGE_SHIFT;

        if (xen != srat && !(i == highest && xen < srat)) {
            snprintf(why, size, "node %u spans %" PRIu64 " pages in the srat, %" PRIu64 " in xen",
                     i, srat, xen);
            return false;
        }
    }
    return true;
}

bool xen_nodes_read(struct exclaim_xen *xen, struct xen_nodes *nodes, char *why, size_t size)
{
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    struct exclaim_error err;
    uint64_t online;
    long max;

    *nodes = (struct xen_nodes){ 0 };
    if (xen_node_sizes(xen, info, &nodes->nr, &online, &err)) {
        snprintf(why, size, "%.*s", (int)size - 1, err.text);
        return false;
    }
    max = xen->lib.memory_op(xen->xch, XENMEM_maximum_ram_page, NULL, 0);
    if (max < 0 || (uint64_t)max >= EXCLAIM_PAGES_MAX) {
        snprintf(why, size, "highest machine page: %s",
                 exclaim_hv_errno_meaning(max < 0 ? errno : ERANGE));
        return false;
    }
    nodes->max_mfn = (uint64_t)max;
    nodes->single = nodes->nr == 1;
    if (nodes->nr == 0) {
        snprintf(why, size, "no node is online");
        return false;
    }
    return nodes->single ||
           (read_srat(xen, &nodes->srat, why, size) && check_spans(nodes, info, online, why, size));
}

uint32_t xen_nodes_of(const struct xen_nodes *nodes, uint64_t mfn)
{
    if (mfn > nodes->max_mfn) {
        return XEN_NODE_UNKNOWN;
    }
    return nodes->single ? 0 : xen_srat_node(&nodes->srat, mfn);
}
