/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages per node from XEN_DOMCTL_numa_op (XenServer 9, XCP-ng 9). */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define ATTEMPTS 3

/*
 * Xen's own pages for a domain (APIC access page, ioreq pages: PGC_extra) are in these counters but
 * not in the total.  There are at most a handful; more means counters that never go down, as in the
 * first public branch of this hypercall.
 */
#define EXTRA_PAGES_MAX 16u

static int read_pages(struct exclaim_xen *xen, uint32_t domid, struct exclaim_count *count)
{
    struct xen_numa_op arg = { .op = XEN_NUMA_OP_GET_NODE_PAGES, .nr_nodes = XEN_NUMA_OP_ENTRIES };
    struct xen_buffer buf;
    const uint64_t *pages;
    int errnum;

    errnum = xen_buffer_alloc(xen, &buf, XEN_NUMA_OP_ENTRIES * sizeof(*pages));
    if (errnum) {
        return errnum;
    }
    arg.pages = xen_buffer_handle(&buf);
    errnum = xen_domctl(xen, XEN_DOMCTL_NUMA_OP, domid, &arg, sizeof(arg), NULL);
    if (errnum) {
        goto out;
    }
    if (arg.nr_nodes == 0 || arg.nr_nodes > EXCLAIM_NODES_MAX) {
        errnum = ERANGE;
        goto out;
    }
    pages = buf.data;
    count->nr_nodes = arg.nr_nodes;
    for (uint32_t i = 0; i < arg.nr_nodes; i++) {
        if (pages[i] > EXCLAIM_PAGES_MAX) {
            errnum = ERANGE;
            count->nr_nodes = 0;
            goto out;
        }
        count->pages[i] = pages[i];
    }

out:
    xen_buffer_free(xen, &buf);
    return errnum;
}

/* Compares the nodes with the total; takes extra pages off where their node is certain. */
static void judge(struct exclaim_count *count, uint64_t before, uint64_t after)
{
    uint32_t largest = 0, used = 0;
    uint64_t sum = 0, extra;

    for (uint32_t i = 0; i < count->nr_nodes; i++) {
        sum += count->pages[i];
        used += count->pages[i] != 0;
        if (count->pages[i] > count->pages[largest]) {
            largest = i;
        }
    }
    count->total_pages = after;
    if (before != after) {
        snprintf(count->why, sizeof(count->why),
                 "pages changed: %" PRIu64 " before, %" PRIu64 " after", before, after);
        return;
    }
    if (sum < after || sum - after > EXTRA_PAGES_MAX || sum - after > count->pages[largest]) {
        snprintf(count->why, sizeof(count->why),
                 "nodes add up to %" PRIu64 ", the total is %" PRIu64, sum, after);
        return;
    }

    extra = sum - after;
    count->pages[largest] -= extra;
    count->exact = extra == 0 || used == 1;
    if (!count->exact) {
        count->uncertain_pages = extra;
        snprintf(count->why, sizeof(count->why),
                 "%" PRIu64 " extra pages beyond the total of %" PRIu64
                 " are on an unknown node, taken off node %u",
                 extra, after, largest);
    }
}

void xen_count_hypercall(struct exclaim_xen *xen, uint32_t domid, struct exclaim_count *count)
{
    const struct xen_features *f = xen_probe(xen);
    uint64_t before, after;
    int errnum;

    *count = (struct exclaim_count){ .method = EXCLAIM_FROM_HYPERCALL };
    if (!f->numa_op) {
        snprintf(count->why, sizeof(count->why), "%s", f->why_numa_op);
        return;
    }
    for (unsigned int i = 0; i < ATTEMPTS && !count->exact; i++) {
        *count = (struct exclaim_count){ .method = EXCLAIM_FROM_HYPERCALL };
        errnum = xen_total_pages(xen, domid, &before);
        if (!errnum) {
            errnum = read_pages(xen, domid, count);
        }
        if (!errnum) {
            errnum = xen_total_pages(xen, domid, &after);
        }
        if (errnum) {
            count->nr_nodes = 0;
            snprintf(count->why, sizeof(count->why), "domain %u: %s", domid,
                     exclaim_hv_errno_meaning(errnum));
            return;
        }
        judge(count, before, after);
        if (before == after) {
            break;
        }
    }
}
