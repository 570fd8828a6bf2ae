/* SPDX-License-Identifier: BSD-2-Clause */
/* Items on nodes: what fits, putting and taking, largest first. */
#include "pack.h"

#include <stdlib.h>

int pack_open(struct pack *p, uint32_t nr_items, uint32_t nr_parts, uint32_t nr_hosts,
              uint32_t nr_nodes, uint32_t nr_groups)
{
    *p = (struct pack){
        .nr_items = nr_items,
        .nr_parts = nr_parts,
        .nr_hosts = nr_hosts,
        .nr_nodes = nr_nodes,
        .nr_groups = nr_groups,
        .random = 0x9e3779b97f4a7c15u,
        .item = calloc(nr_items + 1u, sizeof(*p->item)),
        .part = calloc(nr_parts + 1u, sizeof(*p->part)),
        .host = calloc(nr_hosts + 1u, sizeof(*p->host)),
        .node = calloc(nr_nodes + 1u, sizeof(*p->node)),
        .members = calloc((size_t)nr_groups * nr_hosts + 1u, sizeof(*p->members)),
    };
    if (!p->item || !p->part || !p->host || !p->node || !p->members) {
        pack_close(p);
        return -1;
    }
    return 0;
}

void pack_close(struct pack *p)
{
    free(p->item);
    free(p->part);
    free(p->host);
    free(p->node);
    free(p->members);
    free(p->gpus_more);
    *p = (struct pack){ 0 };
}

/* xorshift64*: the same sequence for the same pack. */
uint64_t pack_random(struct pack *p)
{
    p->random ^= p->random >> 12;
    p->random ^= p->random << 25;
    p->random ^= p->random >> 27;
    return p->random * 0x2545f4914f6cdd1du >> 11;
}

int64_t pack_fluid_room(const struct pack *p, uint32_t host, int64_t loose)
{
    const struct pack_host *h = &p->host[host];
    int64_t room = -h->fluid;

    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        const int64_t left = p->node[n].left - loose;

        room += left > 0 ? left : 0;
    }
    return room;
}

static bool closer(const struct pack *p, const struct pack_part *part, uint32_t node, uint32_t best)
{
    const struct pack_node *a = &p->node[node], *b = &p->node[best];

    if (!p->roomy) {
        return a->left < b->left;
    }
    return a->left > b->left || (a->left == b->left && a->id == part->src);
}

/*
 * Largest part first onto the tightest node left, or the roomiest.  Every node that takes a part
 * takes all smaller ones, so whatever node the larger parts have chosen, there is one for this part
 * if there is any assignment at all.
 */
bool pack_fit(const struct pack *p, const struct pack_item *item, uint32_t host, uint32_t *where,
              int64_t *slack)
{
    const struct pack_host *h = &p->host[host];

    *slack = 0;
    if (!h->known || item->nr > h->nr || !pack_host_takes(p, item, host)) {
        return false;
    }
    for (uint32_t k = 0; k < item->nr; k++) {
        const struct pack_part *part = &p->part[item->first + k];
        const int64_t need = part->pages + item->loose;
        uint32_t best = PACK_NONE;

        for (uint32_t n = h->first; n < h->first + h->nr; n++) {
            bool taken = p->node[n].left < need || (item->pinned && p->node[n].id != part->src);

            for (uint32_t i = 0; i < k && !taken; i++) {
                taken = where[i] == n;
            }
            if (!taken && (best == PACK_NONE || closer(p, part, n, best))) {
                best = n;
            }
        }
        if (best == PACK_NONE) {
            return false;
        }
        where[k] = best;
        *slack += p->roomy ? need - p->node[best].left : p->node[best].left - need;
    }
    return true;
}

static void charge_loose(struct pack *p, struct pack_host *h, int64_t loose)
{
    h->spare = INT64_MAX;
    h->loose += loose;
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        p->node[n].left -= loose;
        if (p->node[n].parts && p->node[n].left < h->spare) {
            h->spare = p->node[n].left;
        }
    }
}

void pack_put(struct pack *p, uint32_t index, uint32_t host, const uint32_t *where)
{
    struct pack_item *item = &p->item[index];
    struct pack_host *h = &p->host[host];

    for (uint32_t k = 0; k < item->nr; k++) {
        struct pack_part *part = &p->part[item->first + k];
        struct pack_node *node = &p->node[where[k]];

        part->node = where[k];
        part->item = index;
        part->prev = PACK_NONE;
        part->next = node->head;
        if (node->head != PACK_NONE) {
            p->part[node->head].prev = item->first + k;
        }
        node->head = item->first + k;
        node->left -= part->pages;
        node->parts++;
    }
    h->left -= item->total + item->arrival;
    h->vcpus += item->vcpus;
    charge_loose(p, h, item->loose);
    item->host = host;
    item->fluid = false;
    if (item->group) {
        (*pack_members(p, item, host))++;
    }
    pack_gpus_put(p, item, host, 1);
}

void pack_take(struct pack *p, uint32_t index)
{
    struct pack_item *item = &p->item[index];
    struct pack_host *h = &p->host[item->host];

    for (uint32_t k = 0; k < item->nr && !item->fluid; k++) {
        struct pack_part *part = &p->part[item->first + k];
        struct pack_node *node = &p->node[part->node];

        if (part->prev != PACK_NONE) {
            p->part[part->prev].next = part->next;
        } else {
            node->head = part->next;
        }
        if (part->next != PACK_NONE) {
            p->part[part->next].prev = part->prev;
        }
        node->left += part->pages;
        node->parts--;
        part->node = PACK_NONE;
    }
    if (item->fluid) {
        h->fluid -= item->total;
    }
    h->left += item->total + item->arrival;
    h->vcpus -= item->vcpus;
    charge_loose(p, h, -item->loose);
    if (item->group) {
        (*pack_members(p, item, item->host))--;
    }
    pack_gpus_put(p, item, item->host, -1);
    item->host = PACK_NONE;
    item->fluid = false;
}

struct choice {
    uint32_t host;
    uint32_t breaks; /* pairs */
    uint32_t rank;
    int64_t slack;
    uint32_t where[EXCLAIM_NODES_MAX];
};

static bool better(const struct choice *c, uint32_t breaks, uint32_t rank, int64_t slack)
{
    if (c->host == PACK_NONE) {
        return true;
    }
    if (c->breaks != breaks) {
        return breaks < c->breaks;
    }
    return c->rank != rank ? rank < c->rank : slack < c->slack;
}

/* The common case: one part. */
static void insert_single(struct pack *p, const struct pack_item *item, struct choice *c)
{
    const struct pack_part *part = &p->part[item->first];
    const int64_t need = part->pages + item->loose;

    for (uint32_t n = 0; n < p->nr_nodes; n++) {
        const struct pack_node *node = &p->node[n];
        const int64_t slack = p->roomy ? need - node->left : node->left - need;
        const struct pack_host *h;

        if (node->left < need) {
            continue;
        }
        h = &p->host[node->host];
        if (better(c, pack_breaks(p, item, node->host), h->rank, slack) && h->known &&
            pack_host_takes(p, item, node->host) && (!item->pinned || node->id == part->src)) {
            c->host = node->host;
            c->breaks = pack_breaks(p, item, node->host);
            c->rank = h->rank;
            c->slack = slack;
            c->where[0] = n;
        }
    }
    p->steps += p->nr_nodes;
}

bool pack_insert(struct pack *p, uint32_t index)
{
    const struct pack_item *item = &p->item[index];
    struct choice c = { .host = PACK_NONE }, try;

    if (!item->counted) {
        return false;
    }
    if (item->nr == 1) {
        insert_single(p, item, &c);
    } else {
        for (uint32_t h = 0; h < p->nr_hosts; h++) {
            try.breaks = pack_breaks(p, item, h);
            try.rank = p->host[h].rank;
            if (pack_fit(p, item, h, try.where, &try.slack) &&
                better(&c, try.breaks, try.rank, try.slack)) {
                try.host = h;
                c = try;
            }
        }
        p->steps += (uint64_t)p->nr_nodes * item->nr;
    }
    if (c.host == PACK_NONE) {
        return false;
    }
    pack_put(p, index, c.host, c.where);
    return true;
}

struct key {
    int64_t size;
    uint32_t item;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    if (x->size != y->size) {
        return x->size > y->size ? -1 : 1;
    }
    return x->item < y->item ? -1 : x->item > y->item;
}

/* Several parts of one host are harder to find than one: by their total, or by their largest. */
void pack_order(const struct pack *p, uint32_t *order, bool by_total)
{
    struct key *key = malloc((p->nr_items + 1u) * sizeof(*key));

    for (uint32_t i = 0; i < p->nr_items; i++) {
        const struct pack_item *item = &p->item[i];

        order[i] = i;
        if (key) {
            key[i].item = i;
            key[i].size = by_total ? item->total : p->part[item->first].pages;
        }
    }
    if (!key) { /* any order is an order */
        return;
    }
    qsort(key, p->nr_items, sizeof(*key), compare_keys);
    for (uint32_t i = 0; i < p->nr_items; i++) {
        order[i] = key[i].item;
    }
    free(key);
}

uint32_t pack_greedy(struct pack *p, const uint32_t *order)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[order[i]].host == PACK_NONE) {
            pack_insert(p, order[i]);
        }
    }
    return pack_placed(p);
}

uint32_t pack_placed(const struct pack *p)
{
    uint32_t placed = 0;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        placed += p->item[i].host != PACK_NONE && !p->item[i].fluid;
    }
    return placed;
}
