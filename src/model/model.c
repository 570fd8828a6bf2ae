/* SPDX-License-Identifier: BSD-2-Clause */
/* A host: its nodes, and the end of it. */
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* SLIT values as firmware commonly has them. */
#define DISTANCE_LOCAL  10u
#define DISTANCE_REMOTE 21u

static void free_domains(struct model_domain *d)
{
    while (d) {
        struct model_domain *next = d->next;

        free(d);
        d = next;
    }
}

void model_free_all(struct model *m)
{
    free_domains(m->domains);
    free_domains(m->gone);
    free(m);
}

static void fill_node(struct model *m, uint32_t id, const struct model_node_config *config)
{
    struct model_node *n = &m->node[id];

    n->online = !config->offline;
    n->has_cpus = n->online && !config->no_cpus;
    if (!n->online) {
        return;
    }
    n->initial = config->pages;
    n->free = config->pages;
    n->contiguous = config->pages;
    m->total += config->pages;
    m->free += config->pages;
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        n->distance[i] = i == id ? DISTANCE_LOCAL : DISTANCE_REMOTE;
    }
}

int model_new(const struct model_config *config, struct model **out)
{
    struct model *m;
    int rc;

    *out = NULL;
    if ((unsigned int)config->generation >= MODEL_GENERATIONS || config->nr_nodes == 0 ||
        config->nr_nodes > MODEL_NODES || config->conring > MODEL_CONRING) {
        return -EINVAL;
    }
    for (uint32_t i = 0; i < config->nr_nodes; i++) {
        if (config->node[i].pages > EXCLAIM_PAGES_MAX) {
            return -EINVAL;
        }
    }
    m = calloc(1, sizeof(*m));
    if (!m) {
        return -ENOMEM;
    }
    m->rules = model_rules_of(config->generation);
    m->nr_nodes = config->nr_nodes;
    m->colouring = config->colouring && m->rules->has_colouring;
    m->unprivileged = config->unprivileged;
    m->untold = config->untold;
    m->timestamps = config->timestamps;
    m->pool = config->pool;
    m->srat = config->srat;
    m->conring_size = config->conring ? config->conring : MODEL_CONRING;
    for (uint32_t i = 0; i < config->nr_nodes; i++) {
        fill_node(m, i, &config->node[i]);
    }
    rc = model_online(m)
             ? model_create(m, 0,
                            &(struct model_domain_config){ .hvm = config->dom0_pvh,
                                                           .nr_vcpus = config->dom0_vcpus })
             : -EINVAL;
    if (rc) {
        model_free_all(m);
        return rc;
    }
    m->domains->paused = false;
    *out = m;
    return 0;
}

static struct model *take_own(struct model_port *port)
{
    return (struct model *)(void *)port; /* its first member */
}

static void give_own(struct model_port *port, struct model *m)
{
    (void)port, (void)m;
}

static void close_own(struct model_port *port)
{
    model_free_all(take_own(port));
}

int model_open(const struct model_config *config, struct model **out)
{
    struct exclaim_error err;
    int rc = model_new(config, out);

    if (rc) {
        return rc;
    }
    (*out)->port = (struct model_port){ take_own, give_own, close_own, NULL };
    if (model_client(&(*out)->port, &(*out)->hv, &err)) {
        *out = NULL;
        return err.errnum ? -err.errnum : -EIO;
    }
    return 0;
}

struct exclaim_hv *model_hv(struct model *m)
{
    return m->hv;
}

const char *model_crashed(const struct model *m)
{
    return m->crashed[0] ? m->crashed : NULL;
}

uint64_t model_free_pages(const struct model *m, uint32_t node)
{
    return node == MODEL_NO_NODE ? m->free : node < m->nr_nodes ? m->node[node].free : 0;
}

uint64_t model_claimed_pages(const struct model *m, uint32_t node)
{
    return node == MODEL_NO_NODE ? m->claimed : node < m->nr_nodes ? m->node[node].claimed : 0;
}

void model_set_others(struct model *m, uint64_t times)
{
    m->others = times;
}

bool model_oversold(const struct model *m)
{
    return m->oversold;
}
