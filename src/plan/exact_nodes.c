/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether parts have nodes: those of one item on different ones, none filled beyond its room.
 *
 * One node after the other, the smallest first, with every set of parts that no exchange improves.
 * An item with as many parts left as there are nodes has one on each of them.
 * What all nodes may leave empty together is known beforehand, and mostly little; what the rest of
 * the nodes could not take once they cannot take when the same parts are left again.
 */
#include <string.h>

#include "exact.h"

#define PARTS  (EXACT_ITEMS * EXCLAIM_NODES_MAX)
#define ROUNDS 30u /* of placing one after the other before all is tried */

struct packing {
    struct exact *x;
    uint32_t nr, nr_nodes;
    int64_t size[PARTS]; /* largest first; pinned ones are not among them */
    uint32_t item[PARTS];
    uint32_t part[PARTS]; /* of the pack */
    bool placed[PARTS];
    uint32_t node[EXCLAIM_NODES_MAX];
    int64_t cap[EXCLAIM_NODES_MAX];
    int64_t waste;              /* that may still be left empty */
    int64_t rest;               /* of parts that have no node yet */
    uint64_t must;              /* items that need every node from this one on */
    int64_t least[EXACT_ITEMS]; /* of these: the smallest part that may still come here */
    uint64_t here;              /* items with a part on the node that is being filled */
    uint64_t several;           /* items of more than one part */
    uint64_t open[EXACT_ITEMS]; /* by item: its parts that have no node yet, by size */
    uint64_t like[EXACT_ITEMS]; /* items of a packing with parts of the same sizes, itself too */
    uint64_t items;
    uint32_t place[PARTS];                       /* of the part among its item's */
    uint32_t on[EXCLAIM_NODES_MAX][EXACT_ITEMS]; /* single parts on each node */
    uint32_t nr_on[EXCLAIM_NODES_MAX];
    uint32_t *where; /* by part of the pack, or NULL */
};

static bool may_add(const struct packing *k, uint32_t i, int64_t left)
{
    return k->size[i] <= left && !k->placed[i] && !(k->here >> k->item[i] & 1);
}

static bool single(const struct packing *k, uint32_t i)
{
    return !(k->several >> k->item[i] & 1);
}

/* Whether one can stand for the other as things are; neither is on the node that is being filled.
 */
static bool alike(const struct packing *k, uint32_t i, uint32_t j)
{
    const uint32_t a = k->item[i], b = k->item[j];

    return k->size[i] == k->size[j] &&
           (a == b || ((k->like[a] >> b & 1) && k->open[a] == k->open[b]));
}

/* Up to @more of the single parts from @from on that together are no larger than @size, and with
 * @left leave room for it: @size here and they where it goes is no worse. */
static bool exchange(const struct packing *k, uint32_t at, uint32_t from, uint32_t more,
                     int64_t size, int64_t left, int64_t sum)
{
    for (uint32_t i = from; i < k->nr_on[at]; i++) {
        const int64_t with = sum + k->size[k->on[at][i]];

        if (with <= size && size <= left + with && (sum || with < size)) {
            return true;
        }
        if (more > 1 && with < size && exchange(k, at, i + 1, more - 1, size, left, with)) {
            return true;
        }
    }
    return false;
}

/* What is still to be placed, whichever of equal items it is: 128 bits that stand for it. */
static struct dead_end left_from(const struct packing *k, uint32_t node)
{
    struct dead_end end = { .packing = k->x->packing, .node = node };

    for (uint64_t items = k->items; items; items &= items - 1) {
        const uint64_t like = k->like[__builtin_ctzll(items)];
        const uint64_t kind = like & -like; /* first of them */
        uint64_t open = k->open[__builtin_ctzll(items)];

        open = (open + 1) * 0x9e3779b97f4a7c15u ^ kind * 0xd1342543de82ef95u;
        open = (open ^ open >> 32) * 0xda942042e4dd58b5u;
        open ^= open >> 29;
        end.left[0] += open * 0xff51afd7ed558ccdu; /* in any order */
        end.left[1] += (open ^ open >> 31) * 0xc4ceb9fe1a85ec53u;
    }
    return end;
}

static struct dead_end *dead_end(const struct packing *k, const struct dead_end *end)
{
    return &k->x->dead[(end->left[0] + end->node) >> (64 - EXACT_DEAD_BITS)];
}

/* Items with as many parts left as there are nodes from @at on; false: one has more. */
static bool find_must(struct packing *k, uint32_t at)
{
    const int nodes = (int)(k->nr_nodes - at);

    k->must = 0;
    for (uint64_t items = k->items; items; items &= items - 1) {
        const int item = __builtin_ctzll(items), open = __builtin_popcountll(k->open[item]);

        k->must |= (uint64_t)(open == nodes) << item;
        if (open > nodes) {
            return false;
        }
    }
    return true;
}

/* What those that must still come to this node take at least, of the parts from @from on; below 0:
 * one has none there. */
static int64_t must_take(struct packing *k, uint32_t from)
{
    uint64_t items = k->must & ~k->here;
    int64_t sum = 0;

    for (uint32_t i = k->nr; i-- > from && items;) {
        if (!k->placed[i] && (items >> k->item[i] & 1)) {
            items &= ~(1ull << k->item[i]);
            k->least[k->item[i]] = k->size[i];
            sum += k->size[i];
        }
    }
    return items ? -1 : sum;
}

/* Whether the part leaves room for those that must come, @keep pages with its own item's. */
static bool may_join(const struct packing *k, uint32_t i, int64_t left, int64_t keep)
{
    const uint32_t item = k->item[i];

    if (keep && ((k->must & ~k->here) >> item & 1)) {
        keep -= k->least[item];
    }
    return may_add(k, i, left - keep);
}

static bool fill(struct packing *k, uint32_t at, uint32_t from, int64_t left);

static bool next_node(struct packing *k, uint32_t at, int64_t left)
{
    const uint64_t here = k->here, must = k->must;
    struct dead_end end, *dead;
    int64_t last = -1;
    bool done;

    if (!k->rest) {
        return true;
    }
    if (left > k->waste || at + 1 == k->nr_nodes) {
        return false;
    }
    for (uint32_t i = 0; i < k->nr; i++) {
        if (k->size[i] == last || !may_add(k, i, k->cap[at])) {
            continue;
        }
        if (k->size[i] <= left || exchange(k, at, 0, 3, k->size[i], left, 0)) {
            return false;
        }
        last = k->size[i];
    }
    end = left_from(k, at + 1);
    dead = dead_end(k, &end);
    if (dead->packing == end.packing && dead->node == end.node && dead->left[0] == end.left[0] &&
        dead->left[1] == end.left[1]) {
        return false;
    }
    k->waste -= left;
    k->here = 0;
    k->nr_on[at + 1] = 0;
    done = find_must(k, at + 1) && fill(k, at + 1, 0, k->cap[at + 1]);
    k->here = here;
    k->must = must;
    k->waste += left;
    if (!done && !k->x->spent) {
        *dead = end;
    }
    return done;
}

static bool fill(struct packing *k, uint32_t at, uint32_t from, int64_t left)
{
    int64_t some = 0, keep = 0;
    uint32_t next;
    bool done;

    k->x->p->steps += 1 + k->nr / 16;
    if (k->x->p->steps >= k->x->end) {
        k->x->spent = true;
        return false;
    }
    if (k->must & ~k->here) {
        keep = must_take(k, from);
        if (keep < 0 || keep > left) {
            return false;
        }
    }
    while (from < k->nr && !may_join(k, from, left, keep)) {
        from++;
    }
    if (from == k->nr) {
        return !keep && next_node(k, at, left);
    }
    for (uint32_t i = from; i < k->nr && left - some > k->waste; i++) {
        some += may_add(k, i, left) ? k->size[i] : 0;
    }
    if (left - some > k->waste && some < k->rest) {
        return false;
    }
    k->placed[from] = true;
    k->open[k->item[from]] ^= 1ull << k->place[from];
    k->here |= 1ull << k->item[from];
    k->rest -= k->size[from];
    if (single(k, from)) {
        k->on[at][k->nr_on[at]++] = from;
    }
    if (k->where) {
        k->where[k->part[from]] = k->node[at];
    }
    done = fill(k, at, from + 1, left - k->size[from]);
    k->nr_on[at] -= single(k, from);
    k->rest += k->size[from];
    k->here &= ~(1ull << k->item[from]);
    k->open[k->item[from]] ^= 1ull << k->place[from];
    k->placed[from] = false;
    if (done || k->x->spent) {
        return done;
    }
    /* Without it, and without those that can stand for it. */
    for (next = from + 1; next < k->nr && (!may_add(k, next, left) || alike(k, from, next));) {
        next++;
    }
    return fill(k, at, next, left);
}

/* What grows at least as fast as a sum must hold for all nodes together: see pack_bound.c. */
static bool too_much(struct packing *k)
{
    int64_t last = 0;

    for (uint32_t i = 0; i < k->nr; i++) {
        const int64_t t = k->size[i];
        int64_t places = 0, pages = 0;

        if (t == last) {
            continue;
        }
        last = t;
        for (uint32_t n = 0; n < k->nr_nodes; n++) {
            places += k->cap[n] / t;
            pages += k->cap[n] >= t ? k->cap[n] : 0;
        }
        for (uint32_t j = 0; j < k->nr && k->size[j] >= t; j++) {
            places -= k->size[j] / t;
            pages -= k->size[j];
        }
        if (places < 0 || pages < 0) {
            return true;
        }
        if (t <= k->waste / 2) {
            break; /* small beside what is to spare */
        }
    }
    k->x->p->steps += k->nr;
    return false;
}

/* In this order, each on the tightest node; the first that finds none, or k->nr. */
static uint32_t fill_tightly(struct packing *k, const uint32_t *order)
{
    int64_t left[EXCLAIM_NODES_MAX];
    uint64_t on[EXCLAIM_NODES_MAX] = { 0 };

    memcpy(left, k->cap, k->nr_nodes * sizeof(*left));
    for (uint32_t at = 0; at < k->nr; at++) {
        const uint32_t i = order[at];
        uint32_t best = PACK_NONE;

        for (uint32_t n = 0; n < k->nr_nodes; n++) {
            if (k->size[i] <= left[n] && !(on[n] >> k->item[i] & 1) &&
                (best == PACK_NONE || left[n] < left[best])) {
                best = n;
            }
        }
        if (best == PACK_NONE) {
            return at;
        }
        left[best] -= k->size[i];
        on[best] |= 1ull << k->item[i];
        if (k->where) {
            k->where[k->part[i]] = k->node[best];
        }
    }
    return k->nr;
}

/* What finds no node goes to the front the next time: quicker than the search where it succeeds. */
static bool fill_again(struct packing *k, uint32_t *order, uint32_t at)
{
    for (uint32_t round = 0; round < ROUNDS && at < k->nr; round++) {
        const uint32_t part = order[at];

        memmove(order + 1, order, at * sizeof(*order));
        order[0] = part;
        at = fill_tightly(k, order);
        k->x->p->steps += 1 + k->nr / 4;
    }
    return at == k->nr;
}

/* Largest first is mostly enough. */
static bool fill_all(struct packing *k)
{
    uint32_t order[PARTS], at;

    for (uint32_t i = 0; i < k->nr; i++) {
        order[i] = i;
    }
    at = fill_tightly(k, order);
    k->x->p->steps += k->nr;
    return at == k->nr || (!too_much(k) && (fill_again(k, order, at) ||
                                            (find_must(k, 0) && fill(k, 0, 0, k->cap[0]))));
}

/* Pinned parts have no choice. */
static bool put_pinned(struct packing *k, uint32_t part)
{
    for (uint32_t n = 0; n < k->nr_nodes; n++) {
        if (k->x->p->node[k->node[n]].id == k->x->p->part[part].src) {
            k->cap[n] -= k->x->p->part[part].pages;
            if (k->where) {
                k->where[part] = k->node[n];
            }
            return k->cap[n] >= 0;
        }
    }
    return false;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

static void sort_nodes(struct packing *k)
{
    for (uint32_t i = 1; i < k->nr_nodes; i++) {
        const uint32_t node = k->node[i];
        const int64_t cap = k->cap[i];
        uint32_t to = i;

        for (; to > 0 && k->cap[to - 1] > cap; to--) {
            k->cap[to] = k->cap[to - 1];
            k->node[to] = k->node[to - 1];
        }
        k->cap[to] = cap;
        k->node[to] = node;
    }
}

bool exact_nodes(struct exact *x, uint32_t host, uint64_t items, int64_t loose, uint32_t *where)
{
    const struct pack_host *h = &x->p->host[host];
    int64_t divisor = 0;
    struct packing k; /* large, and not cleared */

    k.x = x;
    k.nr = k.nr_nodes = k.nr_on[0] = 0;
    k.waste = k.rest = 0;
    k.here = k.several = k.items = 0;
    k.where = where;
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        if (x->p->node[n].left > loose) {
            k.cap[k.nr_nodes] = x->p->node[n].left - loose;
            k.node[k.nr_nodes++] = n;
        }
    }
    for (uint32_t r = 0; r < x->nr_rank; r++) {
        const struct pack_part *part = &x->p->part[x->rank[r]];

        if (!(items >> part->item & 1)) {
            continue;
        }
        if (x->p->item[part->item].pinned) {
            if (!put_pinned(&k, x->rank[r])) {
                return false;
            }
            continue;
        }
        k.placed[k.nr] = false;
        if (!(k.items >> part->item & 1)) {
            k.items |= 1ull << part->item;
            k.open[part->item] = 0;
            k.like[part->item] = x->like[part->item] & items;
        }
        k.place[k.nr] = x->rank[r] - x->p->item[part->item].first;
        k.open[part->item] |= 1ull << k.place[k.nr];
        k.item[k.nr] = part->item;
        k.size[k.nr] = part->pages;
        k.part[k.nr++] = x->rank[r];
        k.several |= (uint64_t)(x->p->item[part->item].nr > 1) << part->item;
        k.rest += part->pages;
        divisor = common_divisor(part->pages, divisor);
    }
    if (!k.nr) {
        return k.nr_nodes > 0 || !items;
    }
    sort_nodes(&k);
    for (uint32_t n = 0; n < k.nr_nodes; n++) {
        k.cap[n] -= divisor ? k.cap[n] % divisor : 0; /* no sum of parts comes closer */
        k.waste += k.cap[n];
    }
    k.waste -= k.rest;
    x->packing++;
    return k.waste >= 0 && k.nr_nodes && fill_all(&k);
}
