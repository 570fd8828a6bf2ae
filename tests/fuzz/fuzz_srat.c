/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's affinity table of any bytes: ranges in order on nodes that there are, or a reason.
 *   fuzz_srat -max_total_time=60 corpus/fuzz_srat
 */
#include <stdlib.h>
#include <string.h>

#include "xen/srat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct xen_srat *srat)
{
    if (srat->nr_nodes > EXCLAIM_NODES_MAX || srat->nr_ranges > XEN_SRAT_RANGES_MAX) {
        abort();
    }
    for (uint32_t i = 0; i < srat->nr_ranges; i++) {
        const struct xen_srat_range *r = &srat->range[i];

        if (r->start >= r->end || r->node >= srat->nr_nodes ||
            (i && srat->range[i - 1].end > r->start) || xen_srat_node(srat, r->start) != r->node ||
            xen_srat_node(srat, r->end - 1) != r->node) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct xen_srat srat;
    uint8_t *copy = malloc(size ? size : 1); /* no byte to spare */
    char why[60];

    if (!copy) {
        return 0;
    }
    memcpy(copy, data, size);
    /* Half of all inputs with a sum that is right, or hardly any would get past it. */
    for (int mend = 0; mend < 2; mend++) {
        if (mend && size > 9) {
            uint8_t sum = 0;
            uint32_t length = (uint32_t)size;

            memcpy(copy + 4, &length, sizeof(length));
            copy[9] = 0;
            for (size_t i = 0; i < size; i++) {
                sum = (uint8_t)(sum + copy[i]);
            }
            copy[9] = (uint8_t)-sum;
        }
        memset(why, 'x', sizeof(why));
        if (xen_srat_parse(copy, size, &srat, why, sizeof(why))) {
            check(&srat);
        } else if (!memchr(why, '\0', sizeof(why)) || !why[0]) {
            abort();
        }
    }
    free(copy);
    return 0;
}
