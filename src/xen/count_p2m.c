/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages per node of a PV guest from its own p2m: the machine page of every guest page, and the node
 * of every machine page from the firmware's table.
 *
 * The p2m belongs to the guest, which may change it at any time or lie.  So the result is exact
 * only if as many *different* machine pages that Xen confirms as the guest's were found as it owns:
 * then they are all of them.
 */
#include "srat.h"
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/memory.h>

#define SRAT_PATH      "/sys/firmware/acpi/tables/SRAT"
#define SRAT_BYTES_MAX ((size_t)64 * 1024)

/* Nodes of machine pages on this host. */
struct node_map {
    bool single; /* one node, everything is there */
    uint32_t nr_nodes;
    uint64_t max_mfn;
    struct xen_srat srat;
};

static bool read_srat(struct xen_srat *srat, char *why, size_t size)
{
    uint8_t *table = malloc(SRAT_BYTES_MAX);
    int fd = open(SRAT_PATH, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = 0;
    bool ok = false;

    if (!table || fd < 0) {
        snprintf(why, size, "%s: %s", SRAT_PATH, strerror(table ? errno : ENOMEM));
        goto out;
    }
    while (len < SRAT_BYTES_MAX && (n = read(fd, table + len, SRAT_BYTES_MAX - len)) > 0) {
        len += (size_t)n;
    }
    if (n < 0 || len == SRAT_BYTES_MAX) {
        snprintf(why, size, "%s: %s", SRAT_PATH, n < 0 ? strerror(errno) : "too large");
        goto out;
    }
    ok = xen_srat_parse(table, len, srat, why, size);

out:
    if (fd >= 0) {
        close(fd);
    }
    free(table);
    return ok;
}

/*
 * Xen may number or cut nodes otherwise than the table says: numa=off, numa=fake, a table it
 * refused. It reports what each node spans (xen/common/sysctl.c: memsize = node_spanned_pages()),
 * which must be what the table says; only the highest node may be cut off at the end of RAM.
 */
static bool check_spans(const struct node_map *map, const xc_meminfo_t *info, uint64_t online,
                        char *why, size_t size)
{
    uint32_t highest = 0;

    if (map->srat.nr_nodes != map->nr_nodes || online != (~0ull >> (64 - map->nr_nodes))) {
        snprintf(why, size, "the srat has %u nodes, xen %u", map->srat.nr_nodes, map->nr_nodes);
        return false;
    }
    for (uint32_t i = 0; i < map->nr_nodes; i++) {
        if (map->srat.span[i].end > map->srat.span[highest].end) {
            highest = i;
        }
    }
    for (uint32_t i = 0; i < map->nr_nodes; i++) {
        uint64_t srat = map->srat.span[i].end - map->srat.span[i].start;
        uint64_t xen = info[i].memsize >> EXCLAIM_PAGE_SHIFT;

        if (xen != srat && !(i == highest && xen < srat)) {
            snprintf(why, size, "node %u spans %" PRIu64 " pages in the srat, %" PRIu64 " in xen",
                     i, srat, xen);
            return false;
        }
    }
    return true;
}

static bool make_node_map(struct exclaim_xen *xen, struct node_map *map, char *why, size_t size)
{
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    struct exclaim_error err;
    uint64_t online;
    long max;

    if (xen_node_sizes(xen, info, &map->nr_nodes, &online, &err)) {
        snprintf(why, size, "%.*s", (int)size - 1, err.text);
        return false;
    }
    max = xen->lib.memory_op(xen->xch, XENMEM_maximum_ram_page, NULL, 0);
    if (max < 0 || (uint64_t)max >= EXCLAIM_PAGES_MAX) {
        snprintf(why, size, "highest machine page: %s",
                 exclaim_hv_errno_meaning(max < 0 ? errno : ERANGE));
        return false;
    }
    map->max_mfn = (uint64_t)max;
    map->single = map->nr_nodes == 1;
    if (map->nr_nodes == 0) {
        snprintf(why, size, "no node is online");
        return false;
    }
    return map->single ||
           (read_srat(&map->srat, why, size) && check_spans(map, info, online, why, size));
}

bool xen_count_p2m_possible(struct exclaim_xen *xen, char *why, size_t size)
{
    struct exclaim_error err;
    struct node_map *map;
    bool ok;

    if (xen_lib_guest(&xen->lib, &err)) {
        snprintf(why, size, "%.*s", (int)size - 1, err.text);
        return false;
    }
    map = calloc(1, sizeof(*map));
    if (!map) {
        snprintf(why, size, "out of memory");
        return false;
    }
    ok = make_node_map(xen, map, why, size);
    free(map);
    return ok;
}

/* Sums up the pages of @info by node, each machine page once.  False with a reason. */
static bool add_up(const struct xc_domain_meminfo *info, const struct node_map *map, uint64_t *sum,
                   struct exclaim_count *count)
{
    uint8_t *seen = calloc(1, map->max_mfn / 8 + 1);
    bool ok = false;

    if (!seen) {
        snprintf(count->why, sizeof(count->why), "out of memory");
        return false;
    }
    for (unsigned long pfn = 0; pfn < info->p2m_size; pfn++) {
        xen_pfn_t type = info->pfn_type[pfn] & XEN_DOMCTL_PFINFO_LTAB_MASK;
        uint64_t mfn = info->guest_width == 8 ? info->p2m_table[pfn]
                                              : ((const uint32_t *)info->p2m_table)[pfn];
        uint32_t node;

        /* XTAB: no page, or one that Xen does not say is the guest's (getpageframeinfo3). */
        if (type == XEN_DOMCTL_PFINFO_XTAB || type == XEN_DOMCTL_PFINFO_XALLOC ||
            mfn > map->max_mfn || (seen[mfn / 8] & (1u << (mfn % 8)))) {
            continue;
        }
        seen[mfn / 8] = (uint8_t)(seen[mfn / 8] | 1u << (mfn % 8));
        node = map->single ? 0 : xen_srat_node(&map->srat, mfn);
        if (node >= map->nr_nodes) {
            snprintf(count->why, sizeof(count->why),
                     "machine page 0x%" PRIx64 " is on no node of the srat", mfn);
            goto out;
        }
        count->pages[node]++;
        ++*sum;
    }
    ok = true;

out:
    free(seen);
    return ok;
}

static void read_p2m(struct exclaim_xen *xen, uint32_t domid, const struct node_map *map,
                     struct exclaim_count *count)
{
    struct xc_domain_meminfo info = { 0 };
    uint64_t before = 0, after = 0, sum = 0;
    int errnum = xen_total_pages(xen, domid, &before);

    if (!errnum && xen->lib.map_domain_meminfo(xen->xch, domid, &info) < 0) {
        errnum = errno ? errno : EIO;
    }
    if (errnum) {
        snprintf(count->why, sizeof(count->why), "mapping the p2m of domain %u: %s", domid,
                 exclaim_hv_errno_meaning(errnum));
        return;
    }
    if (!add_up(&info, map, &sum, count)) {
        goto out;
    }
    errnum = xen_total_pages(xen, domid, &after);
    if (errnum) {
        snprintf(count->why, sizeof(count->why), "domain %u: %s", domid,
                 exclaim_hv_errno_meaning(errnum));
        goto out;
    }
    count->nr_nodes = map->nr_nodes;
    count->total_pages = after;
    count->exact = before == after && sum == after;
    if (!count->exact) {
        snprintf(count->why, sizeof(count->why),
                 "%" PRIu64 " pages in the p2m, the total was %" PRIu64 ", then %" PRIu64, sum,
                 before, after);
    }

out:
    xen->lib.unmap_domain_meminfo(xen->xch, &info);
}

void xen_count_p2m(struct exclaim_xen *xen, uint32_t domid, struct exclaim_count *count)
{
    struct exclaim_error err;
    struct node_map *map;

    *count = (struct exclaim_count){ .method = EXCLAIM_COUNT_P2M };
    if (xen_lib_guest(&xen->lib, &err)) {
        snprintf(count->why, sizeof(count->why), "%.*s", (int)sizeof(count->why) - 1, err.text);
        return;
    }
    map = calloc(1, sizeof(*map));
    if (!map) {
        snprintf(count->why, sizeof(count->why), "out of memory");
        return;
    }
    if (make_node_map(xen, map, count->why, sizeof(count->why))) {
        read_p2m(xen, domid, map, count);
    }
    free(map);
}
