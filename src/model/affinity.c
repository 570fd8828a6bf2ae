/* SPDX-License-Identifier: BSD-2-Clause */
/* Node affinity, set or derived from the vCPUs (xen/common/sched/core.c). */
#include "state.h"

#include <errno.h>

uint64_t model_cpu_nodes(const struct model *m)
{
    uint64_t nodes = 0;

    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        nodes |= m->node[i].has_cpus ? 1ull << i : 0;
    }
    return nodes;
}

/* domain_update_node_aff(): the nodes of the narrowest set of CPUs; nothing without vCPUs. */
void model_update_affinity(const struct model *m, struct model_domain *d)
{
    uint64_t hard = d->hard & model_cpu_nodes(m);

    if (d->nr_vcpus == 0 || !d->auto_affinity) {
        return;
    }
    d->affinity = (hard & d->soft) ? hard & d->soft : hard;
}

int model_pin(struct model *m, uint32_t domid, uint64_t hard_nodes)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    if (!(hard_nodes & model_cpu_nodes(m))) {
        return -EINVAL;
    }
    d->hard = hard_nodes;
    model_update_affinity(m, d);
    return 0;
}

/* xen/common/domain.c, domain_set_node_affinity(). */
int model_set_node_affinity(struct model *m, uint32_t domid, uint64_t nodes)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    if (!(nodes & model_online(m))) {
        return -EINVAL;
    }
    d->auto_affinity = nodes == UINT64_MAX;
    if (!d->auto_affinity) {
        d->affinity = nodes;
    }
    model_update_affinity(m, d);
    return 0;
}

/* vcpu_set_soft_affinity() of every vCPU. */
int model_set_soft(struct model *m, uint32_t domid, uint64_t nodes)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    d->soft = nodes;
    model_update_affinity(m, d);
    return 0;
}
