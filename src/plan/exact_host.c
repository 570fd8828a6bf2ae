/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The best pattern of one host.  Which items are whole and which flow decides everything but one
 * question: whether the parts of those that are whole have nodes.  That is asked for each set of
 * items once and remembered.
 */
#include <stdlib.h>
#include <string.h>

#include "exact.h"

#define CACHE_BITS 9
#define CACHE      (1u << CACHE_BITS) /* sets remembered for each host */

/* A set fits with as much charged to each node as it did, and not with as much as it did not. */
struct fit_cache {
    struct fit {
        uint64_t items;
        int64_t fits, fails;
    } fit[CACHE];
};

bool exact_open(struct exact *x, struct pack *p, uint64_t steps)
{
    *x = (struct exact){ .p = p, .nr = p->nr_items, .end = p->steps + steps };
    x->cache = calloc(p->nr_hosts + 1u, sizeof(*x->cache));
    if (!x->cache || p->nr_items > EXACT_ITEMS) {
        exact_close(x);
        return false;
    }
    for (uint32_t i = 0; i < p->nr_items; i++) {
        const struct pack_item *item = &p->item[i];

        for (uint32_t k = 0; k < item->nr; k++) {
            const uint32_t part = item->first + k;
            uint32_t at = x->nr_rank++;

            x->weight[i] += p->part[part].pages;
            while (at > 0 && p->part[x->rank[at - 1]].pages < p->part[part].pages) {
                x->rank[at] = x->rank[at - 1];
                at--;
            }
            x->rank[at] = part;
        }
    }
    return true;
}

void exact_close(struct exact *x)
{
    free(x->cache);
    x->cache = NULL;
}

/* --- parts on nodes --- */

/*
 * One node after the other, the smallest first, with every set of parts to which nothing can be
 * added.  What all nodes may leave empty together is known beforehand, and mostly little.
 */
struct packing {
    struct exact *x;
    uint32_t nr, nr_nodes;
    uint32_t part[EXACT_ITEMS * EXCLAIM_NODES_MAX]; /* largest first */
    bool placed[EXACT_ITEMS * EXCLAIM_NODES_MAX];
    uint32_t node[EXCLAIM_NODES_MAX];
    int64_t cap[EXCLAIM_NODES_MAX];
    int64_t waste;   /* that may still be left empty */
    int64_t rest;    /* of parts that have no node yet */
    uint64_t here;   /* items with a part on the node that is being filled */
    uint32_t *where; /* by part of the pack, or NULL */
};

static const struct pack_part *part_of(const struct packing *k, uint32_t i)
{
    return &k->x->p->part[k->part[i]];
}

static bool may_add(const struct packing *k, uint32_t at, uint32_t i, int64_t left)
{
    const struct pack_part *part = part_of(k, i);

    return !k->placed[i] && part->pages <= left && !(k->here >> part->item & 1) &&
           !(k->x->p->item[part->item].pinned && k->x->p->node[k->node[at]].id != part->src);
}

/* Whether either can stand for the other. */
static bool alike(const struct packing *k, uint32_t i, uint32_t j)
{
    const struct pack_part *a = part_of(k, i), *b = part_of(k, j);
    const struct pack_item *item = k->x->p->item;

    return a->pages == b->pages && item[a->item].nr == 1 && item[b->item].nr == 1 &&
           !item[a->item].pinned && !item[b->item].pinned;
}

static bool fill(struct packing *k, uint32_t at, uint32_t from, int64_t left);

static bool next_node(struct packing *k, uint32_t at, int64_t left)
{
    const uint64_t here = k->here;
    bool done;

    if (!k->rest) {
        return true;
    }
    if (left > k->waste || at + 1 == k->nr_nodes) {
        return false;
    }
    for (uint32_t i = 0; i < k->nr; i++) {
        if (may_add(k, at, i, left)) {
            return false; /* the same with that part here is no worse */
        }
    }
    k->waste -= left;
    k->here = 0;
    done = fill(k, at + 1, 0, k->cap[at + 1]);
    k->here = here;
    k->waste += left;
    return done;
}

static bool fill(struct packing *k, uint32_t at, uint32_t from, int64_t left)
{
    const struct pack_part *part;
    int64_t some = 0;
    bool done;

    k->x->p->steps += 1 + k->nr / 8;
    if (k->x->p->steps >= k->x->end) {
        k->x->spent = true;
        return false;
    }
    for (uint32_t i = from; i < k->nr && left - some > k->waste; i++) {
        some += may_add(k, at, i, left) ? part_of(k, i)->pages : 0;
    }
    if (left - some > k->waste && some < k->rest) {
        return false;
    }
    while (from < k->nr && !may_add(k, at, from, left)) {
        from++;
    }
    if (from == k->nr) {
        return next_node(k, at, left);
    }
    part = part_of(k, from);
    k->placed[from] = true;
    k->here |= 1ull << part->item;
    k->rest -= part->pages;
    if (k->where) {
        k->where[k->part[from]] = k->node[at];
    }
    done = fill(k, at, from + 1, left - part->pages);
    k->rest += part->pages;
    k->here &= ~(1ull << part->item);
    k->placed[from] = false;
    if (done || k->x->spent) {
        return done;
    }
    for (const uint32_t without = from++; from < k->nr && alike(k, without, from);) {
        from++;
    }
    return fill(k, at, from, left);
}

/* Largest first, each on the tightest node: mostly enough where there is room. */
static bool fill_tightly(struct packing *k)
{
    int64_t left[EXCLAIM_NODES_MAX];
    uint64_t on[EXCLAIM_NODES_MAX] = { 0 };

    memcpy(left, k->cap, k->nr_nodes * sizeof(*left));
    for (uint32_t i = 0; i < k->nr; i++) {
        const struct pack_part *part = part_of(k, i);
        uint32_t best = PACK_NONE;

        for (uint32_t n = 0; n < k->nr_nodes; n++) {
            k->here = on[n];
            if (may_add(k, n, i, left[n]) && (best == PACK_NONE || left[n] < left[best])) {
                best = n;
            }
        }
        k->here = 0;
        if (best == PACK_NONE) {
            return false;
        }
        left[best] -= part->pages;
        on[best] |= 1ull << part->item;
        if (k->where) {
            k->where[k->part[i]] = k->node[best];
        }
    }
    return true;
}

static bool find_nodes(struct exact *x, uint32_t host, uint64_t items, int64_t loose,
                       uint32_t *where)
{
    const struct pack_host *h = &x->p->host[host];
    struct packing k; /* large, and not cleared */

    k.x = x;
    k.nr = k.nr_nodes = 0;
    k.waste = k.rest = 0;
    k.here = 0;
    k.where = where;
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        const int64_t cap = x->p->node[n].left - loose;
        uint32_t to = k.nr_nodes;

        if (cap <= 0) {
            continue;
        }
        while (to > 0 && k.cap[to - 1] > cap) {
            k.cap[to] = k.cap[to - 1];
            k.node[to] = k.node[to - 1];
            to--;
        }
        k.cap[to] = cap;
        k.node[to] = n;
        k.nr_nodes++;
        k.waste += cap;
    }
    for (uint32_t r = 0; r < x->nr_rank; r++) {
        const struct pack_part *part = &x->p->part[x->rank[r]];

        if (items >> part->item & 1) {
            k.placed[k.nr] = false;
            k.part[k.nr++] = x->rank[r];
            k.rest += part->pages;
        }
    }
    k.waste -= k.rest;
    x->p->steps += k.nr;
    return k.waste >= 0 && k.nr_nodes && (fill_tightly(&k) || fill(&k, 0, 0, k.cap[0]));
}

/* Whether all of @items can be whole on @host with @loose pages charged to each node; *found is
 * with how many they were found to be. */
static bool have_nodes(struct exact *x, uint32_t host, uint64_t items, int64_t loose,
                       int64_t *found)
{
    const uint64_t hash = items * 0x9e3779b97f4a7c15u;
    struct fit *fit = &x->cache[host].fit[hash >> (64 - CACHE_BITS)];

    *found = loose;
    if (!items) {
        return true;
    }
    if (fit->items != items) {
        *fit = (struct fit){ .items = items, .fits = -1, .fails = INT64_MAX };
    }
    if (loose > fit->fits && loose < fit->fails) {
        if (find_nodes(x, host, items, loose, NULL)) {
            fit->fits = loose;
        } else if (!x->spent) {
            fit->fails = loose;
        }
    }
    *found = fit->fits;
    return loose <= fit->fits;
}

void exact_where(struct exact *x, const struct pattern *pattern, uint32_t *where)
{
    const uint64_t end = x->end;
    const bool spent = x->spent;

    x->end = UINT64_MAX; /* the same search found it before */
    x->spent = false;
    find_nodes(x, pattern->host, pattern->whole, pattern->loose, where);
    x->end = end;
    x->spent = spent;
}

/* --- items on the host --- */

struct search {
    struct exact *x;
    const struct pack_host *h;
    uint32_t host;
    struct candidate {
        uint32_t item;
        int64_t whole, fluid, most; /* value less price, scaled; fluid 0 or less: not worth it */
        int64_t weight;
    } c[EXACT_ITEMS];
    uint32_t nr;
    struct pattern now, best;
    int64_t gain, most;
    int64_t left, loose, flowing, standing; /* flowing: totals; standing: parts */
    uint64_t end;
};

/* Pages that the nodes of the host have for parts and for what flows. */
static int64_t nodes_have(const struct search *s, int64_t loose)
{
    int64_t room = 0;

    for (uint32_t n = s->h->first; n < s->h->first + s->h->nr; n++) {
        const int64_t left = s->x->p->node[n].left - loose;

        room += left > 0 ? left : 0;
    }
    return room;
}

/* What the candidates from @at on can add, at most: as if they could be cut in pieces. */
static int64_t promise(const struct search *s, uint32_t at)
{
    int64_t room = nodes_have(s, s->loose) - s->standing - s->flowing, sum = 0;

    room = s->left < room ? s->left : room;
    for (uint32_t i = at; i < s->nr && room > 0; i++) {
        const struct candidate *c = &s->c[i];

        if (c->weight <= room) {
            sum += c->most;
            room -= c->weight;
            continue;
        }
        return sum + (int64_t)((double)c->most * (double)room / (double)c->weight) + 1;
    }
    return sum;
}

static int64_t pairs_with(const struct search *s, const struct pack_item *item)
{
    int64_t pairs;

    if (!item->group || !s->x->pair) {
        return 0;
    }
    pairs = *pack_members(s->x->p, item, s->host);
    for (uint64_t items = s->now.whole | s->now.fluid; items; items &= items - 1) {
        pairs += s->x->p->item[__builtin_ctzll(items)].group == item->group;
    }
    return pairs;
}

static void search(struct search *s, uint32_t at);

static void with(struct search *s, uint32_t at, bool fluid)
{
    const struct candidate *c = &s->c[at];
    const struct pack_item *item = &s->x->p->item[c->item];
    const int64_t loose = s->loose + item->loose, own = item->total + item->arrival;
    const int64_t flowing = s->flowing + (fluid ? item->total : 0);
    const int64_t standing = s->standing + (fluid ? 0 : s->x->weight[c->item]);
    const uint64_t bit = 1ull << c->item;
    const int64_t gain =
        (fluid ? c->fluid : c->whole) - EXACT_SCALE * s->x->pair * pairs_with(s, item);

    if (own > s->left || loose > s->h->spare ||
        (flowing && flowing + standing > nodes_have(s, loose)) ||
        !have_nodes(s->x, s->host, s->now.whole | (fluid ? 0 : bit), loose, &s->now.loose)) {
        return;
    }
    s->left -= own;
    s->loose = loose;
    s->flowing = flowing;
    s->standing = standing;
    s->gain += gain;
    *(fluid ? &s->now.fluid : &s->now.whole) |= bit;
    search(s, at + 1);
    *(fluid ? &s->now.fluid : &s->now.whole) &= ~bit;
    s->gain -= gain;
    s->standing -= fluid ? 0 : s->x->weight[c->item];
    s->flowing -= fluid ? item->total : 0;
    s->loose -= item->loose;
    s->left += own;
}

static void search(struct search *s, uint32_t at)
{
    if (s->gain > s->most) {
        s->most = s->gain;
        s->best = s->now;
    }
    s->x->p->steps += 2;
    if (s->x->p->steps >= s->x->end) {
        s->x->spent = true;
    }
    if (at == s->nr || s->x->spent || s->x->p->steps > s->end ||
        s->gain + promise(s, at) <= s->most) {
        return;
    }
    if (s->c[at].whole > 0) {
        with(s, at, false);
    }
    if (s->c[at].fluid > 0) {
        with(s, at, true);
    }
    search(s, at + 1);
}

/* Most value for its size first. */
static int by_worth(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    const double worth = (double)x->most * (double)(y->weight ? y->weight : 1);
    const double other = (double)y->most * (double)(x->weight ? x->weight : 1);

    if (worth != other) {
        return worth > other ? -1 : 1;
    }
    return x->item < y->item ? -1 : x->item > y->item;
}

int64_t exact_value(const struct exact *x, uint32_t host, uint64_t whole, uint64_t fluid)
{
    int64_t value =
        x->keep * __builtin_popcountll(whole) + x->leave * __builtin_popcountll(whole | fluid);
    uint64_t before = 0;

    for (uint64_t items = whole | fluid; items; items &= items - 1) {
        const uint32_t i = (uint32_t)__builtin_ctzll(items);
        const struct pack_item *item = &x->p->item[i];

        if (!item->group) {
            continue;
        }
        value -= x->pair * *pack_members(x->p, item, host);
        for (uint64_t others = before; others; others &= others - 1) {
            value -= x->p->item[__builtin_ctzll(others)].group == item->group ? x->pair : 0;
        }
        before |= 1ull << i;
    }
    return value;
}

int64_t exact_best(struct exact *x, uint32_t host, uint64_t may, const struct price *price,
                   uint64_t steps, struct pattern *best)
{
    const struct pack *p = x->p;
    struct search s = { .x = x, .h = &p->host[host], .host = host, .left = p->host[host].left };

    s.end = steps < UINT64_MAX - p->steps ? p->steps + steps : UINT64_MAX;

    s.now.host = s.best.host = host;
    for (; may; may &= may - 1) {
        const uint32_t i = (uint32_t)__builtin_ctzll(may);
        const struct pack_item *item = &p->item[i];
        struct candidate c = { .item = i, .weight = x->weight[i] };

        if (!pack_host_takes(p, item, host)) {
            continue;
        }
        if (item->counted && s.h->known && item->nr <= s.h->nr) {
            c.whole = EXACT_SCALE * (x->leave + x->keep) - price->item[i] - price->whole;
        }
        if (!item->pinned && !p->whole_parts) {
            c.fluid = EXACT_SCALE * x->leave - price->item[i];
        }
        if (c.fluid >= c.whole && item->total == c.weight) {
            c.whole = 0; /* it takes the same room, and needs no nodes of its own */
        }
        c.most = c.whole > c.fluid ? c.whole : c.fluid;
        if (c.most > 0) {
            s.c[s.nr++] = c;
        }
    }
    qsort(s.c, s.nr, sizeof(*s.c), by_worth);
    search(&s, 0);
    *best = s.best;
    best->value = exact_value(x, host, best->whole, best->fluid);
    return s.most;
}
