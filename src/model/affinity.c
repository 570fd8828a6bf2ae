/* SPDX-License-Identifier: BSD-2-Clause */
/* Node affinity, set or derived from the vCPUs (xen/common/sched/core.c). */
#include "state.h"

#include <errno.h>

static uint64_t cpu_nodes(const struct model *m)
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
    uint64_t hard = d->hard & cpu_nodes(m);

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
    if (!(hard_nodes & cpu_nodes(m))) {
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

int model_op_get_affinity(struct exclaim_hv *hv, uint32_t domid, struct exclaim_affinity *aff,
                          struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_GET_AFFINITY, domid);
    const struct model_domain *d = model_find(m, domid);
    uint64_t cpus = cpu_nodes(m);

    *aff = (struct exclaim_affinity){ .hard_all = true };
    if (!errnum && !d) {
        errnum = ESRCH;
    }
    if (errnum > 0) {
        return model_fail(m, err, errnum, "reading the affinity of domain %u", domid);
    }
    if (errnum == 0) {
        aff->nodes = d->affinity;
        aff->hard_nodes = d->nr_vcpus ? d->hard & cpus : 0;
        aff->hard_all = d->nr_vcpus == 0 || (d->hard & cpus) == cpus;
    }
    return 0;
}

int model_op_set_node_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                               struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_SET_NODE_AFFINITY, domid);
    uint64_t online = model_online(m);

    if (!(nodes & online)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, EINVAL,
                            "node affinity of domain %u: none of nodes 0x%llx is online (0x%llx)",
                            domid, (unsigned long long)nodes, (unsigned long long)online);
    }
    if (!errnum) {
        errnum =
            -model_set_node_affinity(m, domid, (nodes & online) == online ? UINT64_MAX : nodes);
    }
    return errnum > 0
               ? model_fail(m, err, errnum, "setting the node affinity of domain %u to 0x%llx",
                            domid, (unsigned long long)nodes)
               : 0;
}

int model_op_set_soft_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                               struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_SET_SOFT_AFFINITY, domid);
    struct model_domain *d = model_find(m, domid);

    if (!errnum && !d) {
        errnum = ESRCH;
    }
    if (errnum > 0) {
        return model_fail(m, err, errnum, "setting the affinity of domain %u", domid);
    }
    if (errnum == MODEL_NO_EFFECT || d->nr_vcpus == 0) {
        return 0;
    }
    if (!(nodes & cpu_nodes(m))) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, EINVAL,
                            "soft affinity of domain %u: nodes 0x%llx have no cpu", domid,
                            (unsigned long long)nodes);
    }
    d->soft = nodes;
    model_update_affinity(m, d);
    return 0;
}
