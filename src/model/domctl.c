/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domctls 91 and 92, which set and read claim sets (xen/common/domctl.c, claim_memory(), and
 * domain_install_claim_set() of xen/common/page_alloc.c in the branches that claim_set.c names).
 */
#include "state.h"

#include <errno.h>
#include <string.h>

#define MODE_GET 1u

struct claim_set {
    uint64_t host;
    uint64_t node[MODEL_NODES];
    uint64_t nodes; /* sum */
    uint64_t named; /* bit n: node n has an entry */
    bool host_named;
};

/* In Xen's order: the first entry that is wrong decides, so ENOMEM may come before EINVAL. */
static int read_entry(const struct model *m, const struct model_domain *d,
                      const struct model_entry *e, struct claim_set *set)
{
    const struct model_node *n;

    if (e->pad || (m->rules->sets == MODEL_V8 && e->pages == 0)) {
        return -EINVAL;
    }
    if (e->target == MODEL_TARGET_HOST) {
        if (set->host_named) {
            return -EINVAL;
        }
        set->host_named = true;
        set->host = e->pages;
        return 0;
    }
    if (e->target >= MODEL_NODES || e->target >= m->nr_nodes || !m->node[e->target].online) {
        return -ENOENT;
    }
    /* d->node_claims has 32 bits. */
    if ((set->named & (1ull << e->target)) || e->pages > UINT32_MAX - set->nodes) {
        return -EINVAL;
    }
    n = &m->node[e->target];
    if (e->pages > n->free - n->claimed + d->node_claim[e->target]) {
        return -ENOMEM;
    }
    set->named |= 1ull << e->target;
    set->node[e->target] = e->pages;
    set->nodes += e->pages;
    return 0;
}

static int install(struct model *m, struct model_domain *d, const struct model_entry *list,
                   uint32_t nr)
{
    struct claim_set set = { 0 };
    uint64_t owned = model_owned(d);
    uint64_t wanted;

    for (uint32_t i = 0; i < nr; i++) {
        int r = read_entry(m, d, &list[i], &set);

        if (r) {
            return r;
        }
    }
    /* Also for a set of nothing: it does not release where the maximum is below what is owned. */
    if (set.host > d->max || set.nodes > d->max - set.host ||
        owned > d->max - set.host - set.nodes) {
        return -EINVAL;
    }
    wanted = set.host + set.nodes + (m->rules->owned_twice ? owned : 0);
    if (wanted > m->free - m->claimed + model_outstanding(d)) {
        return -ENOMEM;
    }

    model_set_release(m, d);
    d->outstanding = set.host;
    m->claimed += set.host + set.nodes;
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        d->node_claim[i] = set.node[i];
        m->node[i].claimed += set.node[i];
    }
    return 0;
}

/* v8: nothing but a release is done to a domain that dies, runs or has claims. */
static int set_v8(struct model *m, struct model_domain *d, const struct model_entry *list,
                  uint32_t nr)
{
    if (nr == 0) {
        model_set_release(m, d);
        return 0;
    }
    if (nr > MODEL_ENTRIES_MAX) {
        return -E2BIG;
    }
    if (d->dying) {
        return -ESRCH;
    }
    if (!d->paused) {
        return -EBUSY;
    }
    if (!list) {
        return -EFAULT;
    }
    return model_outstanding(d) ? -EINVAL : install(m, d, list, nr);
}

static int set_claims(struct model *m, struct model_domain *d, const struct model_entry *list,
                      uint32_t nr, uint32_t word)
{
    if (m->rules->sets == MODEL_V8) {
        return word ? -EINVAL : set_v8(m, d, list, nr);
    }
    if (nr == 0 || word) {
        return -EINVAL;
    }
    if (nr > MODEL_ENTRIES_MAX) {
        return -E2BIG;
    }
    if (d->dying) {
        return -ESRCH;
    }
    if (!list) {
        return -EFAULT;
    }
    /* Among others it is no node, like every value that is none. */
    if (list[0].target == MODEL_TARGET_LEGACY && nr == 1) {
        return model_one_stake(m, d, MODEL_NO_NODE, list[0].pages);
    }
    return install(m, d, list, nr);
}

/* The host first, then nodes ascending; v7 names the host in any case, v8 only what is claimed. */
static int get_claims(const struct model *m, const struct model_domain *d, struct model_entry *list,
                      uint32_t *nr)
{
    struct model_entry all[MODEL_ENTRIES_MAX] = { { .pages = d->outstanding,
                                                    .target = MODEL_TARGET_HOST } };
    bool v8 = m->rules->sets == MODEL_V8;
    uint32_t have = v8 && d->outstanding == 0 ? 0 : 1;
    uint32_t room = *nr;

    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        if (d->node_claim[i]) {
            all[have++] = (struct model_entry){ .pages = d->node_claim[i], .target = i };
        }
    }
    *nr = have;
    if (room < have) {
        return v8 ? -ENOBUFS : -ERANGE;
    }
    if (have && !list) {
        return -EFAULT;
    }
    if (have) {
        memcpy(list, all, have * sizeof(*list));
    }
    return 0;
}

int model_domctl_claims(struct model *m, uint32_t cmd, uint32_t domid, struct model_entry *list,
                        uint32_t *nr, uint32_t word)
{
    int errnum = model_enter(m, MODEL_OP_DOMCTL_CLAIMS, domid);
    enum model_sets sets = m->rules->sets;
    bool get =
        (sets == MODEL_V8 && cmd == MODEL_DOMCTL_GET) || (sets == MODEL_V7 && word == MODE_GET);
    struct model_domain *d = model_find(m, domid);

    if (errnum) {
        return errnum == MODEL_NO_EFFECT ? 0 : -errnum;
    }
    /* do_domctl() looks for the domain before it looks at a command that it does not know. */
    if (!d) {
        return -ESRCH;
    }
    if (m->unprivileged) {
        return -EPERM;
    }
    if (sets == MODEL_NO_SETS || (cmd == MODEL_DOMCTL_GET && sets != MODEL_V8)) {
        return -ENOSYS;
    }
    if (sets == MODEL_V7 && word > MODE_GET) {
        return -EOPNOTSUPP;
    }
    if (get) {
        return sets == MODEL_V8 && word ? -EINVAL : get_claims(m, d, list, nr);
    }
    return m->colouring ? -EOPNOTSUPP : set_claims(m, d, list, *nr, word);
}
