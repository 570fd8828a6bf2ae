/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Branch and bound: items largest first, each on every node that holds it, tightest first, or lost.
 * A branch ends where more is lost than the best so far allows, counting those that the parts still
 * to come cannot avoid (as in pack_bound.c).
 */
#include <stdlib.h>
#include <string.h>

#include "pack.h"

struct search {
    struct pack *p;
    uint32_t *order; /* items that fit alone, largest first */
    uint32_t nr;
    uint32_t allowed;      /* losses; less than the best so far */
    uint32_t least;        /* no fewer can be lost */
    bool done;             /* nothing was left out */
    bool best;             /* what was found cannot be bettered, whatever was left out */
    uint32_t *host, *node; /* the best */
};

static void keep(struct search *s)
{
    for (uint32_t i = 0; i < s->p->nr_items; i++) {
        s->host[i] = s->p->item[i].host;
    }
    for (uint32_t i = 0; i < s->p->nr_parts; i++) {
        s->node[i] = s->p->part[i].node;
    }
}

/* How many of the items from @at on cannot be placed, at least. */
static uint32_t unavoidable(struct search *s, uint32_t at)
{
    struct pack *p = s->p;
    const uint32_t rest = s->nr - at;
    uint32_t worst = 0;

    for (uint32_t q = 0; q < 3; q++) {
        const struct pack_item *item = &p->item[s->order[at + q * (rest - 1) / 3]];
        const int64_t t = p->part[item->first].pages + item->loose;
        int64_t need = 0, room = 0, heaviest = 1;
        uint32_t lost;

        for (uint32_t i = at; i < s->nr; i++) {
            const struct pack_item *other = &p->item[s->order[i]];
            int64_t weight = 0;

            for (uint32_t k = 0; k < other->nr; k++) {
                weight += (p->part[other->first + k].pages + other->loose) / t;
            }
            if (!weight) {
                break; /* the rest has no larger part */
            }
            need += weight;
            heaviest = weight > heaviest ? weight : heaviest;
        }
        for (uint32_t n = 0; n < p->nr_nodes && room < need; n++) {
            if (p->node[n].left >= t) {
                room += p->node[n].left < 2 * t ? 1 : p->node[n].left / t;
            }
        }
        lost = need > room ? (uint32_t)((need - room + heaviest - 1) / heaviest) : 0;
        worst = lost > worst ? lost : worst;
        p->steps += p->nr_nodes / 4 + rest / 4 + 1;
    }
    return worst;
}

static void search(struct search *s, uint32_t at, uint32_t lost);

struct candidate {
    int64_t left;
    uint32_t node;
};

static int tightest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->left != y->left) {
        return x->left < y->left ? -1 : 1;
    }
    return x->node < y->node ? -1 : x->node > y->node;
}

static void single(struct search *s, uint32_t at, uint32_t lost)
{
    struct pack *p = s->p;
    const uint32_t index = s->order[at];
    const struct pack_item *item = &p->item[index];
    const struct pack_part *part = &p->part[item->first];
    struct candidate *c = malloc((p->nr_nodes + 1u) * sizeof(*c));
    uint32_t nr = 0;

    if (!c) {
        s->done = false;
        return;
    }
    for (uint32_t n = 0; n < p->nr_nodes; n++) {
        const uint32_t host = p->node[n].host;

        if (p->node[n].left >= part->pages + item->loose && p->host[host].known &&
            pack_host_takes(p, item, host) && (!item->pinned || p->node[n].id == part->src)) {
            c[nr++] = (struct candidate){ p->node[n].left, n };
        }
    }
    p->steps += p->nr_nodes;
    qsort(c, nr, sizeof(*c), tightest_first);
    for (uint32_t i = 0; i < nr && s->done && lost <= s->allowed; i++) {
        pack_put(p, index, p->node[c[i].node].host, &c[i].node);
        search(s, at + 1, lost);
        pack_take(p, index);
    }
    free(c);
}

/* Every way to give the parts from @k on nodes of @host of their own. */
static void several(struct search *s, uint32_t at, uint32_t lost, uint32_t host, uint32_t k,
                    uint32_t *where)
{
    struct pack *p = s->p;
    const struct pack_item *item = &p->item[s->order[at]];
    const struct pack_host *h = &p->host[host];

    if (k == item->nr) {
        pack_put(p, s->order[at], host, where);
        search(s, at + 1, lost);
        pack_take(p, s->order[at]);
        return;
    }
    for (uint32_t n = h->first; n < h->first + h->nr && s->done && lost <= s->allowed; n++) {
        const struct pack_part *part = &p->part[item->first + k];
        bool skip = p->node[n].left < part->pages + item->loose ||
                    (item->pinned && p->node[n].id != part->src);

        p->steps++;
        /* Parts of the same size change nothing by changing places. */
        skip |= k && !item->pinned && part[-1].pages == part->pages && n < where[k - 1];
        for (uint32_t i = 0; i < k && !skip; i++) {
            skip = where[i] == n;
        }
        if (!skip) {
            where[k] = n;
            several(s, at, lost, host, k + 1, where);
        }
    }
}

static void search(struct search *s, uint32_t at, uint32_t lost)
{
    struct pack *p = s->p;

    if (!s->done || lost > s->allowed) {
        return;
    }
    if (p->steps >= p->effort) {
        s->done = false;
        return;
    }
    if (at == s->nr) {
        keep(s);
        /* Only fewer are of interest from now on; none if that cannot be. */
        s->allowed = lost;
        if (lost <= s->least) {
            s->best = true;
            s->done = false;
        } else {
            s->allowed--;
        }
        return;
    }
    if (lost + unavoidable(s, at) > s->allowed) {
        return;
    }
    if (p->item[s->order[at]].nr == 1) {
        single(s, at, lost);
    } else {
        uint32_t where[EXCLAIM_NODES_MAX];

        for (uint32_t h = 0; h < p->nr_hosts && s->done; h++) {
            if (p->host[h].known && pack_host_takes(p, &p->item[s->order[at]], h)) {
                several(s, at, lost, h, 0, where);
            }
        }
    }
    search(s, at + 1, lost + 1);
}

bool pack_exact(struct pack *p, uint32_t lost)
{
    struct search s = { .p = p,
                        .order = calloc(p->nr_items + 1u, sizeof(*s.order)),
                        .host = calloc(p->nr_items + 1u, sizeof(*s.host)),
                        .node = calloc(p->nr_parts + 1u, sizeof(*s.node)),
                        .done = true };
    uint32_t now = p->nr_items - pack_placed(p), unfit = 0;
    bool proven = false;

    if (!s.order || !s.host || !s.node) {
        goto out;
    }
    keep(&s);
    pack_order(p, s.order, false);
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[s.order[i]].alone) {
            s.order[s.nr++] = s.order[i];
        } else {
            unfit++;
        }
        if (p->item[i].host != PACK_NONE) {
            pack_take(p, i);
        }
    }
    s.least = lost - unfit;
    s.allowed = now - unfit - 1;
    search(&s, 0, 0);
    proven = s.done || s.best;
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (s.host[i] != PACK_NONE) {
            pack_put(p, i, s.host[i], &s.node[p->item[i].first]);
        }
    }
out:
    free(s.order);
    free(s.host);
    free(s.node);
    return proven;
}

/* Those of several parts that would be whole alone, and nobody else, in @q. */
static bool only_several(const struct pack *p, struct pack *q)
{
    uint32_t parts = 0;

    if (pack_open(q, p->nr_items, p->nr_parts, p->nr_hosts, p->nr_nodes, 0)) {
        return false;
    }
    memcpy(q->host, p->host, p->nr_hosts * sizeof(*q->host));
    memcpy(q->node, p->node, p->nr_nodes * sizeof(*q->node));
    q->nr_items = 0;
    for (uint32_t i = 0; i < p->nr_items; i++) {
        struct pack_item *item = &q->item[q->nr_items];

        if (!p->item[i].alone || p->item[i].nr < 2) {
            continue;
        }
        *item = p->item[i];
        item->first = parts;
        item->group = 0;
        for (uint32_t k = 0; k < item->nr; k++) {
            q->part[parts] = p->part[p->item[i].first + k];
            q->part[parts++].item = q->nr_items;
        }
        q->nr_items++;
    }
    q->nr_parts = parts;
    return true;
}

uint32_t pack_bound_several(struct pack *p)
{
    struct exclaim_plan_reason why;
    uint32_t *order, lost = 0, least;
    struct pack q;

    if (!only_several(p, &q)) {
        return 0;
    }
    order = calloc(q.nr_items + 1u, sizeof(*order));
    q.effort = pack_effort_left(p) / 16;
    if (order && q.nr_items && q.nr_items <= PACK_EXACT_ITEMS) {
        least = pack_bound_keep(&q, &why);
        pack_order(&q, order, false);
        lost = q.nr_items - pack_greedy(&q, order);
        if (lost > least) {
            lost = pack_exact(&q, least) ? q.nr_items - pack_placed(&q) : least;
        }
    }
    p->steps += q.steps;
    free(order);
    pack_close(&q);
    return lost;
}
