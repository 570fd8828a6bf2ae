/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Xen gives node numbers in the order in which it first meets a proximity domain, and it goes
 * through the table three times: x2APIC, then CPU, then memory entries (xen/drivers/acpi/numa.c,
 * acpi_numa_init(); xen/arch/x86/srat.c, setup_node()).  Disabled entries do not count.
 */
#include "srat.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SRAT_HEADER      48u /* ACPI 6.5, 5.2.16: the common 36 bytes and 12 reserved */
#define SRAT_REVISION_AT 8u

enum { TYPE_CPU = 0, TYPE_MEMORY = 1, TYPE_X2APIC = 2 };
enum { LENGTH_CPU = 16, LENGTH_MEMORY = 40, LENGTH_X2APIC = 24 };

#define FLAG_ENABLED 1u
#define FLAG_HOTPLUG 2u

struct reader {
    const uint8_t *table;
    size_t size;
    struct xen_srat *srat;
    uint32_t domain[EXCLAIM_NODES_MAX]; /* proximity domain of each node */
    char *why;
    size_t why_size;
};

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static bool __attribute__((format(printf, 2, 3))) because(struct reader *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(r->why, r->why_size, fmt, ap);
    va_end(ap);
    return false;
}

static bool node_of_domain(struct reader *r, uint32_t domain, uint32_t *node)
{
    for (*node = 0; *node < r->srat->nr_nodes; ++*node) {
        if (r->domain[*node] == domain) {
            return true;
        }
    }
    if (r->srat->nr_nodes == EXCLAIM_NODES_MAX) {
        return because(r, "more than %d proximity domains", EXCLAIM_NODES_MAX);
    }
    r->domain[r->srat->nr_nodes++] = domain;
    return true;
}

static bool see_memory(struct reader *r, const uint8_t *entry)
{
    struct xen_srat *srat = r->srat;
    uint32_t domain = get32(entry + 2);
    uint32_t flags = get32(entry + 28);
    uint64_t base = get64(entry + 8);
    uint64_t length = get64(entry + 16);
    struct xen_srat_range *range;
    uint32_t node;

    if (!(flags & FLAG_ENABLED)) {
        return true;
    }
    if (r->table[SRAT_REVISION_AT] < 2) {
        domain &= 0xff; /* revision 1 has one byte, the rest is undefined */
    }
    if (!node_of_domain(r, domain, &node)) {
        return false;
    }
    if (length == 0) {
        return true;
    }
    if (length > UINT64_MAX - base || ((base | length) & (EXCLAIM_PAGE_SIZE - 1))) {
        return because(r, "memory of proximity domain %u is not in whole pages", domain);
    }
    if (srat->nr_ranges == XEN_SRAT_RANGES_MAX) {
        return because(r, "more than %d memory ranges", XEN_SRAT_RANGES_MAX);
    }
    range = &srat->range[srat->nr_ranges++];
    range->start = base >> EXCLAIM_PAGE_SHIFT;
    range->end = (base + length) >> EXCLAIM_PAGE_SHIFT;
    range->node = node;

    /* Memory that may be added later is no part of what Xen calls a node's spanned pages. */
    if (!(flags & FLAG_HOTPLUG)) {
        if (srat->span[node].end == 0 || range->start < srat->span[node].start) {
            srat->span[node].start = range->start;
        }
        if (range->end > srat->span[node].end) {
            srat->span[node].end = range->end;
        }
    }
    return true;
}

static bool see_entry(struct reader *r, const uint8_t *entry)
{
    uint32_t domain, node;

    switch (entry[0]) {
    case TYPE_X2APIC:
        return !(get32(entry + 12) & FLAG_ENABLED) || node_of_domain(r, get32(entry + 4), &node);
    case TYPE_CPU:
        domain = entry[2];
        if (r->table[SRAT_REVISION_AT] >= 2) {
            domain |=
                (uint32_t)entry[9] << 8 | (uint32_t)entry[10] << 16 | (uint32_t)entry[11] << 24;
        }
        return !(get32(entry + 4) & FLAG_ENABLED) || node_of_domain(r, domain, &node);
    default:
        return see_memory(r, entry);
    }
}

/* One pass over the entries of one type; all lengths are checked in each. */
static bool see_type(struct reader *r, uint8_t type, size_t length)
{
    size_t at = SRAT_HEADER;

    while (at < r->size) {
        const uint8_t *entry = r->table + at;

        if (r->size - at < 2 || entry[1] < 2 || entry[1] > r->size - at) {
            return because(r, "entry at byte %zu does not fit in %zu bytes", at, r->size);
        }
        if (entry[0] == type) {
            if (entry[1] < length) {
                return because(r, "entry at byte %zu has %u bytes, type %u has %zu", at, entry[1],
                               type, length);
            }
            if (!see_entry(r, entry)) {
                return false;
            }
        }
        at += entry[1];
    }
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct xen_srat_range *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* Xen uses no table with overlaps between nodes; neither do we, nor within one. */
static bool sort_ranges(struct reader *r)
{
    struct xen_srat *srat = r->srat;

    qsort(srat->range, srat->nr_ranges, sizeof(srat->range[0]), by_start);
    for (uint32_t i = 1; i < srat->nr_ranges; i++) {
        if (srat->range[i].start < srat->range[i - 1].end) {
            return because(r, "memory of nodes %u and %u overlaps", srat->range[i - 1].node,
                           srat->range[i].node);
        }
    }
    return true;
}

bool xen_srat_parse(const void *table, size_t size, struct xen_srat *srat, char *why,
                    size_t why_size)
{
    struct reader r = {
        .table = table, .size = size, .srat = srat, .why = why, .why_size = why_size
    };

    memset(srat, 0, sizeof(*srat));
    why[0] = '\0';
    if (size < SRAT_HEADER || memcmp(table, "SRAT", 4) != 0) {
        return because(&r, "%zu bytes are no srat", size);
    }
    if (get32(r.table + 4) != size) {
        return because(&r, "the srat says it has %u bytes, %zu are there", get32(r.table + 4),
                       size);
    }
    if (!see_type(&r, TYPE_X2APIC, LENGTH_X2APIC) || !see_type(&r, TYPE_CPU, LENGTH_CPU) ||
        !see_type(&r, TYPE_MEMORY, LENGTH_MEMORY) || !sort_ranges(&r)) {
        return false;
    }
    if (srat->nr_ranges == 0) {
        return because(&r, "the srat has no memory");
    }
    return true;
}

uint32_t xen_srat_node(const struct xen_srat *srat, uint64_t mfn)
{
    uint32_t low = 0, high = srat->nr_ranges;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (mfn < srat->range[mid].start) {
            high = mid;
        } else if (mfn >= srat->range[mid].end) {
            low = mid + 1;
        } else {
            return srat->range[mid].node;
        }
    }
    return UINT32_MAX;
}
