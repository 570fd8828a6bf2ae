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
#define LOOK_NODES 20000u             /* steps beyond those of a look for the nodes of one set */
#define CACHE      (1u << CACHE_BITS) /* sets remembered for each host */

/* A set fits with as much charged to each node as it did, and not with as much as it did not. */
struct fit_cache {
    struct fit {
        uint64_t items;
        int64_t fits, fails;
    } fit[CACHE];
};

/* Whether @b fits wherever @a does, with @a gone. */
static bool no_more_than(const struct pack *p, const struct pack_item *b, const struct pack_item *a)
{
    bool fits = b->nr <= a->nr && b->loose <= a->loose && b->total <= a->total &&
                b->total + b->arrival <= a->total + a->arrival && !b->pinned &&
                (!b->group || b->group == a->group) &&
                (!b->nr_vgpus ||
                 (b->nr_vgpus == 1 && a->nr_vgpus == 1 && b->vgpu[0].kind == a->vgpu[0].kind));

    for (uint32_t k = 0; k < b->nr && fits; k++) {
        fits = p->part[b->first + k].pages <= p->part[a->first + k].pages;
    }
    return fits;
}

static bool same_parts(const struct pack *p, const struct pack_item *a, const struct pack_item *b)
{
    bool same = a->nr == b->nr && !a->pinned && !b->pinned;

    for (uint32_t k = 0; k < a->nr && same; k++) {
        same = p->part[a->first + k].pages == p->part[b->first + k].pages;
    }
    return same;
}

static void compare_items(struct exact *x)
{
    const struct pack *p = x->p;

    for (uint32_t i = 0; i < x->nr; i++) {
        x->like[i] = 1ull << i;
        for (uint32_t j = 0; j < x->nr; j++) {
            const bool other = i != j;

            x->like[i] |= (uint64_t)(other && same_parts(p, &p->item[i], &p->item[j])) << j;
            x->above[i] |= (uint64_t)(other && no_more_than(p, &p->item[i], &p->item[j])) << j;
        }
    }
}

/* Smaller, or as large and of items that come later: those that are alike stand together. */
static bool ranks_lower(const struct exact *x, uint32_t a, uint32_t b)
{
    const struct pack_part *of_a = &x->p->part[a], *of_b = &x->p->part[b];

    if (of_a->pages != of_b->pages) {
        return of_a->pages < of_b->pages;
    }
    return __builtin_ctzll(x->like[of_a->item]) > __builtin_ctzll(x->like[of_b->item]);
}

bool exact_open(struct exact *x, struct pack *p, uint64_t steps)
{
    *x = (struct exact){ .p = p, .nr = p->nr_items, .end = p->steps + steps };
    x->cache = calloc(p->nr_hosts + 1u, sizeof(*x->cache));
    x->dead = calloc(EXACT_DEAD, sizeof(*x->dead));
    if (!x->cache || !x->dead || p->nr_items > EXACT_ITEMS) {
        exact_close(x);
        return false;
    }
    compare_items(x);
    for (uint32_t i = 0; i < p->nr_items; i++) {
        const struct pack_item *item = &p->item[i];

        for (uint32_t k = 0; k < item->nr; k++) {
            const uint32_t part = item->first + k;
            uint32_t at = x->nr_rank++;

            x->weight[i] += p->part[part].pages;
            while (at > 0 && ranks_lower(x, x->rank[at - 1], part)) {
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
    free(x->dead);
    x->cache = NULL;
    x->dead = NULL;
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
        if (exact_nodes(x, host, items, loose, NULL)) {
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
    exact_nodes(x, pattern->host, pattern->whole, pattern->loose, where);
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
        uint64_t worse; /* items that take no less and are worth no more */
    } c[EXACT_ITEMS];
    uint32_t nr;
    struct pattern now, best;
    int64_t gain, most;
    int64_t little, over; /* over: the most that was not looked for, being so little more */
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

/* The same with rules, as if each page of @room were worth @rate and each candidate what it is
 * worth beyond its pages.  With k of its rule here the best of them pays for k pairs, the next for
 * one more. */
static int64_t promise_apart(const struct search *s, uint32_t at, uint64_t out, int64_t room,
                             double rate)
{
    const struct pack_item *item = s->x->p->item;
    double worth[EXACT_ITEMS], sum = rate * (double)room;

    for (uint32_t i = at; i < s->nr; i++) {
        const struct candidate *c = &s->c[i];

        worth[i] = out >> c->item & 1 ? 0 : (double)c->most - rate * (double)c->weight;
    }
    for (uint32_t i = at; i < s->nr; i++) {
        const uint32_t group = item[s->c[i].item].group;
        int64_t pairs = worth[i] > 0 ? pairs_with(s, &item[s->c[i].item]) : 0;
        double rest;

        for (uint32_t j = at; j < s->nr && group && worth[i] > 0; j++) {
            pairs += item[s->c[j].item].group == group &&
                     (worth[j] > worth[i] || (worth[j] >= worth[i] && j < i));
        }
        rest = worth[i] - (double)(EXACT_SCALE * s->x->pair * pairs);
        sum += rest > 0 ? rest : 0;
    }
    s->x->p->steps += s->nr - at;
    return (int64_t)sum + 1;
}

/* What the candidates from @at on can add, at most: as if they could be cut in pieces. */
static int64_t promise(const struct search *s, uint32_t at, uint64_t out)
{
    int64_t room = nodes_have(s, s->loose) - s->standing - s->flowing, left, sum = 0;
    double rate = 0;

    room = s->left < room ? s->left : room;
    left = room;
    for (uint32_t i = at; i < s->nr; i++) {
        const struct candidate *c = &s->c[i];

        if (out >> c->item & 1) {
            continue;
        }
        if (c->weight > left) {
            rate = (double)c->most / (double)c->weight;
            sum += (int64_t)(rate * (double)left) + 1;
            break;
        }
        sum += c->most;
        left -= c->weight;
    }
    if (s->x->pair && s->gain + sum > s->most + s->little) {
        const int64_t apart = promise_apart(s, at, out, room, rate);

        return apart < sum ? apart : sum;
    }
    return sum;
}

static void search(struct search *s, uint32_t at, uint64_t out);

static void with(struct search *s, uint32_t at, uint64_t out, bool fluid)
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
        !pack_gpus_take(s->x->p, item, s->host, s->now.whole | s->now.fluid) ||
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
    search(s, at + 1, out);
    *(fluid ? &s->now.fluid : &s->now.whole) &= ~bit;
    s->gain -= gain;
    s->standing -= fluid ? 0 : s->x->weight[c->item];
    s->flowing -= fluid ? item->total : 0;
    s->loose -= item->loose;
    s->left += own;
}

/* The candidates from @at on; those in @out are worse than one that was left out. */
static void search(struct search *s, uint32_t at, uint64_t out)
{
    int64_t most;

    if (s->gain > s->most) {
        s->most = s->gain;
        s->best = s->now;
    }
    s->x->p->steps += 2;
    if (s->x->p->steps >= s->x->end) {
        s->x->spent = true;
    }
    while (at < s->nr && out >> s->c[at].item & 1) {
        at++;
    }
    if (at == s->nr || s->x->spent || s->x->p->steps > s->end) {
        return;
    }
    most = s->gain + promise(s, at, out);
    if (most <= s->most + s->little) {
        s->over = most > s->over ? most : s->over;
        return;
    }
    if (s->c[at].whole > 0) {
        with(s, at, out, false);
    }
    if (s->c[at].fluid > 0) {
        with(s, at, out, true);
    }
    search(s, at + 1, out | s->c[at].worse);
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

/* Whoever takes one of these without the better one would do no worse with that instead. */
static void find_worse(struct search *s)
{
    for (uint32_t i = 0; i < s->nr; i++) {
        s->c[i].worse = 0;
        for (uint32_t j = i + 1; j < s->nr; j++) {
            if ((s->x->above[s->c[i].item] >> s->c[j].item & 1) && s->c[i].whole >= s->c[j].whole &&
                s->c[i].fluid >= s->c[j].fluid) {
                s->c[i].worse |= 1ull << s->c[j].item;
            }
        }
    }
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
                   struct look look, struct pattern *best)
{
    const struct pack *p = x->p;
    struct search s = {
        .x = x, .h = &p->host[host], .host = host, .left = p->host[host].left, .little = look.little
    };

    const uint64_t end = x->end;

    s.end = look.steps < UINT64_MAX - p->steps ? p->steps + look.steps : UINT64_MAX;

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
    find_worse(&s);
    /* A look does not wait for one hard set either: it is then only not known whether that fits. */
    if (s.end < x->end && LOOK_NODES < x->end - s.end) {
        x->end = s.end + LOOK_NODES;
    }
    search(&s, 0, 0);
    x->spent &= x->end == end;
    x->end = end;
    *best = s.best;
    best->value = exact_value(x, host, best->whole, best->fluid);
    best->gain = s.most;
    return s.over > s.most ? s.over : s.most;
}
