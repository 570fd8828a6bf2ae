/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks into the state, which all other files of the model do, and the crash that ends it. */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>

struct model_domain *model_find(const struct model *m, uint32_t domid)
{
    for (struct model_domain *d = m->domains; d; d = d->next) {
        if (d->domid == domid) {
            return d;
        }
    }
    return NULL;
}

uint64_t model_sum(const uint64_t pages[MODEL_NODES])
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < MODEL_NODES; i++) {
        total += pages[i];
    }
    return total;
}

uint64_t model_owned(const struct model_domain *d)
{
    return model_sum(d->pages);
}

uint64_t model_outstanding(const struct model_domain *d)
{
    return d->outstanding + model_sum(d->node_claim);
}

uint64_t model_online(const struct model *m)
{
    uint64_t nodes = 0;

    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        nodes |= m->node[i].online ? 1ull << i : 0;
    }
    return nodes;
}

void model_crash(struct model *m, const char *fmt, ...)
{
    va_list ap;

    if (m->crashed[0]) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(m->crashed, sizeof(m->crashed), fmt, ap);
    va_end(ap);
}
