/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's memory affinity table, with nodes numbered as Xen numbers them.  Pure. */
#ifndef XEN_SRAT_H
#define XEN_SRAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exclaim/limits.h>

#define XEN_SRAT_RANGES_MAX 256

struct xen_srat_range {
    uint64_t start, end; /* machine pages, end excluded */
    uint32_t node;
};

struct xen_srat {
    uint32_t nr_nodes;
    uint32_t nr_ranges;
    struct xen_srat_range range[XEN_SRAT_RANGES_MAX]; /* ascending, without overlap */
    struct {
        uint64_t start, end; /* what Xen calls the node's spanned pages, before it cuts them off at
                              * the end of RAM; both 0 without memory */
    } span[EXCLAIM_NODES_MAX];
};

/* @table is a whole SRAT of @size bytes.  False with the reason in @why if it cannot be used. */
bool xen_srat_parse(const void *table, size_t size, struct xen_srat *srat, char *why,
                    size_t why_size);

/* The node of machine page @mfn, or UINT32_MAX. */
uint32_t xen_srat_node(const struct xen_srat *srat, uint64_t mfn);

#endif
