/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything that must be true between two steps. */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>

struct checker {
    const struct model *m;
    char *why;
    size_t size;
};

static bool __attribute__((format(printf, 2, 3)))
broken(const struct checker *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->why, c->size, fmt, ap);
    va_end(ap);
    return false;
}

/* Pages never appear or vanish. */
static bool check_node(const struct checker *c, uint32_t i)
{
    const struct model_node *n = &c->m->node[i];
    uint64_t sum = n->free + n->offlined + n->xenheap + n->in_flight;

    for (const struct model_domain *d = c->m->domains; d; d = d->next) {
        sum += d->pages[i] + d->extra[i] + d->pool[i];
    }
    if (sum != n->initial) {
        return broken(c, "node %u: %llu pages of %llu are accounted for", i,
                      (unsigned long long)sum, (unsigned long long)n->initial);
    }
    if (n->contiguous > n->free) {
        return broken(c, "node %u: %llu contiguous pages of %llu free", i,
                      (unsigned long long)n->contiguous, (unsigned long long)n->free);
    }
    if (c->m->rules->sets != MODEL_NO_SETS && n->claimed > n->free) {
        return broken(c, "node %u: %llu pages claimed of %llu free", i,
                      (unsigned long long)n->claimed, (unsigned long long)n->free);
    }
    return true;
}

/* What this domain has claimed on node @i; on XenServer 9 by its node as it is now. */
static uint64_t claimed_on(const struct model *m, const struct model_domain *d, uint32_t i)
{
    return m->rules->node_claims ? (d->claim_node == i ? d->outstanding : 0) : d->node_claim[i];
}

/* The claims of all domains, also of those that leaked theirs, are the counters. */
static bool check_claims(const struct checker *c)
{
    const struct model *m = c->m;
    uint64_t node[MODEL_NODES] = { 0 };
    uint64_t host = 0;

    for (int gone = 0; gone < 2; gone++) {
        for (const struct model_domain *d = gone ? m->gone : m->domains; d; d = d->next) {
            host += model_outstanding(d);
            for (uint32_t i = 0; i < m->nr_nodes; i++) {
                node[i] += claimed_on(m, d, i);
            }
        }
    }
    if (host != m->claimed) {
        return broken(c, "domains claim %llu pages, the host counts %llu", (unsigned long long)host,
                      (unsigned long long)m->claimed);
    }
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        if (node[i] != m->node[i].claimed) {
            return broken(c, "domains claim %llu pages on node %u, the node counts %llu",
                          (unsigned long long)node[i], i, (unsigned long long)m->node[i].claimed);
        }
    }
    /* With late redemption pages in flight are counted as claimed, and no longer as free. */
    if (m->rules->keeps_host && !m->oversold &&
        m->claimed > m->free + (m->rules->redeem_late ? m->in_flight : 0)) {
        return broken(c, "%llu pages are claimed, %llu are free", (unsigned long long)m->claimed,
                      (unsigned long long)m->free);
    }
    return true;
}

static bool check_domain(const struct checker *c, const struct model_domain *d)
{
    uint64_t owned = model_owned(d), outstanding = model_outstanding(d);

    for (uint32_t i = 0; i < c->m->nr_nodes; i++) {
        if (d->hidden[i] > d->pages[i]) {
            return broken(c, "domain %u: %llu hidden pages of %llu on node %u", d->domid,
                          (unsigned long long)d->hidden[i], (unsigned long long)d->pages[i], i);
        }
    }
    if (!d->over_max && owned > d->max) {
        return broken(c, "domain %u owns %llu pages, its maximum is %llu", d->domid,
                      (unsigned long long)owned, (unsigned long long)d->max);
    }
    if (c->m->rules->keeps_max && !d->over_max && owned + outstanding > d->max) {
        return broken(c, "domain %u owns %llu and claims %llu pages, its maximum is %llu", d->domid,
                      (unsigned long long)owned, (unsigned long long)outstanding,
                      (unsigned long long)d->max);
    }
    if (d->dying && c->m->rules->dying_refused && outstanding) {
        return broken(c, "domain %u is dying and claims %llu pages", d->domid,
                      (unsigned long long)outstanding);
    }
    if (d->auto_affinity && d->nr_vcpus && !d->affinity) {
        return broken(c, "domain %u has no node affinity", d->domid);
    }
    return true;
}

bool model_check(const struct model *m, char *why, size_t size)
{
    const struct checker c = { .m = m, .why = why, .size = size };
    uint64_t free = 0, in_flight = 0;

    if (size) {
        why[0] = '\0';
    }
    if (m->crashed[0]) {
        return broken(&c, "the hypervisor has stopped: %s", m->crashed);
    }
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        if (!check_node(&c, i)) {
            return false;
        }
        free += m->node[i].free;
        in_flight += m->node[i].in_flight;
    }
    if (free != m->free || in_flight != m->in_flight) {
        return broken(&c, "nodes have %llu pages free, the host counts %llu",
                      (unsigned long long)free, (unsigned long long)m->free);
    }
    for (const struct model_domain *d = m->domains; d; d = d->next) {
        if (!check_domain(&c, d)) {
            return false;
        }
    }
    return check_claims(&c);
}
