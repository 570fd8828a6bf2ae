/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a domain. */
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int model_create(struct model *m, uint32_t domid, const struct model_domain_config *config)
{
    struct model_domain **at = &m->domains;
    struct model_domain *d;

    if (domid >= MODEL_DOMID_END) {
        return -EINVAL;
    }
    while (*at && (*at)->domid < domid) {
        at = &(*at)->next;
    }
    if (*at && (*at)->domid == domid) {
        return -EEXIST;
    }
    d = calloc(1, sizeof(*d));
    if (!d) {
        return -ENOMEM;
    }
    d->domid = domid;
    memcpy(d->uuid, config->uuid, sizeof(d->uuid));
    memcpy(d->vm_uuid, config->vm_uuid, sizeof(d->vm_uuid));
    snprintf(d->name, sizeof(d->name), "%s", config->name ? config->name : "");
    d->hvm = config->hvm;
    d->nr_vcpus = config->nr_vcpus;
    d->paused = true;
    d->hard = UINT64_MAX;
    d->soft = UINT64_MAX;
    d->auto_affinity = true;
    d->affinity = UINT64_MAX; /* until there are vCPUs to derive it from (xen/common/domain.c) */
    d->claim_node = MODEL_NO_NODE;
    model_update_affinity(m, d);
    d->next = *at;
    *at = d;
    return 0;
}

int model_unpause(struct model *m, uint32_t domid)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    d->paused = false;
    return 0;
}

/* xen/common/domain.c, domain_kill(): claims go once, on the way from alive to dying. */
int model_kill(struct model *m, uint32_t domid)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    if (!d->dying) {
        d->dying = true;
        d->paused = true;
        m->rules->release(m, d);
    }
    return 0;
}

/*
 * Pages go the way that frees always go, so that where a free grows a claim, one that was staked
 * on the dying domain grows too.  What is outstanding at the end stays in the host's number for
 * ever: nothing looks at it when the domain's structure is freed.
 */
int model_destroy(struct model *m, uint32_t domid)
{
    struct model_domain **at = &m->domains;
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    model_kill(m, domid);
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        d->hidden[i] = 0;
        model_release_pages(m, d, d->pages, i, d->pages[i]);
        model_release_pages(m, d, d->extra, i, d->extra[i]);
        model_heap_give(m, i, d->pool[i]);
        d->pool[i] = 0;
    }
    while (*at != d) {
        at = &(*at)->next;
    }
    *at = d->next;
    d->next = m->gone;
    d->gone = true;
    m->gone = d;
    return 0;
}

/* xen/common/domctl.c, XEN_DOMCTL_max_mem: may go below what the domain has. */
int model_set_max(struct model *m, uint32_t domid, uint64_t pages)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    d->max = pages < UINT32_MAX ? pages : UINT32_MAX;
    d->over_max = model_owned(d) + model_outstanding(d) > d->max;
    return 0;
}

int model_hide(struct model *m, uint32_t domid, uint32_t node, uint64_t pages)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    if (node >= m->nr_nodes || pages > d->pages[node]) {
        return -EINVAL;
    }
    d->hidden[node] = pages;
    return 0;
}

int model_set_shared(struct model *m, uint32_t domid, uint64_t shared, uint64_t paged)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    d->shared = shared;
    d->paged = paged;
    return 0;
}

int model_view(const struct model *m, uint32_t domid, struct model_view *view)
{
    const struct model_domain *d = model_find(m, domid);

    *view = (struct model_view){ 0 };
    if (!d) {
        return -ESRCH;
    }
    *view = (struct model_view){
        .dying = d->dying,
        .paused = d->paused,
        .total = model_owned(d),
        .extra = model_sum(d->extra), /* d->extra_pages */
        .max = d->max,
        .outstanding = model_outstanding(d),
        .affinity = d->affinity,
        .affinity_auto = d->auto_affinity,
    };
    memcpy(view->pages, d->pages, sizeof(view->pages));
    memcpy(view->node_claim, d->node_claim, sizeof(view->node_claim));
    if (m->rules->node_claims && d->claim_node != MODEL_NO_NODE) {
        view->node_claim[d->claim_node] = d->outstanding;
    } else {
        view->host_claim = d->outstanding;
    }
    return 0;
}
