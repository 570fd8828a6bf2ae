/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many items must be lost, whatever one does.
 *
 * For every threshold t, floor(x / t) grows at least as fast as x when sizes are added: the parts
 * that lie on a node have floor(size / t) in sum at most floor(room / t).  So those that are kept
 * weigh no more than all nodes do, and fewest are lost when the heaviest are.  With t the size of a
 * part this counts slots for parts at least that large.  Likewise in pages: parts of at least t can
 * only lie on nodes that hold t, and add up to no more than these.
 *
 * The same of items of at least k parts, with their k-th largest, which they take from k nodes of
 * one host at least.  Say those kept there weigh W.  None takes its weight twice from one node, so
 * each node gives no more than W of the k W that are taken: without the c nodes with most room, c <
 * k, the others must give (k - c) W.
 *
 * `apart` and all but the size of a host are left out, which can only make a bound weaker.
 */
#include <stdlib.h>
#include <string.h>

#include "pack.h"

#define THRESHOLDS 128u
#define PARTS      8u /* items of more are looked at as if they had these */

/* Sizes of things, by owner, and of the places for them; both of one kind (nodes or hosts). */
struct sizes {
    uint32_t nr_owners, nr_things, nr_places;
    uint32_t parts; /* of one thing, each in a place of its own of one host; mostly 1 */
    int64_t *thing;
    uint32_t *owner;
    int64_t *place;  /* host by host, largest first */
    uint32_t *host;  /* by place */
    int64_t *weight; /* by owner */
    int64_t *sorted; /* thresholds, then weights */
};

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x > y ? -1 : x < y;
}

static void sizes_close(struct sizes *s)
{
    free(s->thing);
    free(s->owner);
    free(s->place);
    free(s->host);
    free(s->weight);
    free(s->sorted);
}

static int sizes_open(struct sizes *s, uint32_t owners, uint32_t things, uint32_t places)
{
    *s = (struct sizes){
        .nr_owners = owners,
        .parts = 1,
        .thing = calloc(things + 1u, sizeof(*s->thing)),
        .owner = calloc(things + 1u, sizeof(*s->owner)),
        .place = calloc(places + 1u, sizeof(*s->place)),
        .host = calloc(places + 1u, sizeof(*s->host)),
        .weight = calloc(owners + 1u, sizeof(*s->weight)),
        .sorted = calloc((size_t)things + owners + 1u, sizeof(*s->sorted)),
    };
    if (!s->thing || !s->owner || !s->place || !s->host || !s->weight || !s->sorted) {
        sizes_close(s);
        return -1;
    }
    return 0;
}

static void add_place(struct sizes *s, int64_t room, uint32_t host)
{
    uint32_t at = s->nr_places;

    if (room <= 0) {
        return;
    }
    while (at > 0 && s->host[at - 1] == host && s->place[at - 1] < room) {
        s->place[at] = s->place[at - 1];
        at--;
    }
    s->place[at] = room;
    s->host[s->nr_places++] = host;
}

static int64_t weigh(int64_t size, int64_t t, bool pages)
{
    return pages ? (size >= t ? size : 0) : size / t;
}

/* What the things in all places can weigh. */
static int64_t weigh_places(const struct sizes *s, int64_t t, bool pages)
{
    int64_t sum = 0;

    for (uint32_t i = 0, end; i < s->nr_places; i = end) {
        int64_t rest = 0, most;

        for (end = i; end < s->nr_places && s->host[end] == s->host[i]; end++) {
            rest += weigh(s->place[end], t, pages);
        }
        most = rest / s->parts;
        for (uint32_t c = 1; c < s->parts && i + c <= end; c++) {
            rest -= weigh(s->place[i + c - 1], t, pages);
            most = rest / (s->parts - c) < most ? rest / (s->parts - c) : most;
        }
        sum += most;
    }
    return sum;
}

static void add_thing(struct sizes *s, int64_t size, uint32_t owner)
{
    if (size <= 0) { /* nothing is known of its memory: it weighs nothing, and is no threshold */
        return;
    }
    s->thing[s->nr_things] = size;
    s->owner[s->nr_things++] = owner;
}

/* How many of the heaviest owners must go until the rest weighs at most @room. */
static uint32_t must_go(struct sizes *s, int64_t room)
{
    int64_t sum = 0;
    uint32_t nr = 0, gone = 0;

    for (uint32_t i = 0; i < s->nr_owners; i++) {
        if (s->weight[i]) {
            s->sorted[nr++] = s->weight[i];
            sum += s->weight[i];
        }
    }
    if (sum <= room) {
        return 0;
    }
    qsort(s->sorted, nr, sizeof(*s->sorted), descending);
    while (sum > room) {
        sum -= s->sorted[gone++];
    }
    return gone;
}

/* The best bound over all thresholds, the reason for it in @why if it is above @best. */
static uint32_t bound(struct sizes *s, int64_t *threshold, uint32_t best,
                      struct exclaim_plan_reason *why)
{
    uint32_t nr = s->nr_things, step;

    for (uint32_t i = 0; i < nr; i++) {
        threshold[i] = s->thing[i];
    }
    qsort(threshold, nr, sizeof(*threshold), descending);
    step = 1 + nr / THRESHOLDS;
    for (uint32_t at = 0; at < nr; at += step) {
        const int64_t t = threshold[at];

        for (int pages = 0; pages < 2; pages++) {
            const int64_t room = weigh_places(s, t, pages);
            int64_t need = 0;
            uint64_t count = 0;
            uint32_t gone;

            for (uint32_t i = 0; i < s->nr_owners; i++) {
                s->weight[i] = 0;
            }
            for (uint32_t i = 0; i < nr; i++) {
                if (s->thing[i] >= t) {
                    s->weight[s->owner[i]] += weigh(s->thing[i], t, pages);
                    need += weigh(s->thing[i], t, pages);
                    count++;
                }
            }
            gone = must_go(s, room);
            if (gone > best) {
                best = gone;
                *why = (struct exclaim_plan_reason){
                    .kind = s->parts > 1 ? EXCLAIM_REASON_PARTS
                            : pages      ? EXCLAIM_REASON_PAGES
                                         : EXCLAIM_REASON_SLOTS,
                    .parts = s->parts,
                    .count = count,
                    .pages = (uint64_t)t,
                    .need = (uint64_t)need,
                    .room = (uint64_t)room,
                    .in_pages = pages,
                };
            }
        }
    }
    return best;
}

void pack_alone(struct pack *p)
{
    uint32_t where[EXCLAIM_NODES_MAX];
    int64_t slack;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        p->item[i].alone = false;
        for (uint32_t h = 0; h < p->nr_hosts && p->item[i].counted && !p->item[i].alone; h++) {
            p->item[i].alone = pack_fit(p, &p->item[i], h, where, &slack);
        }
    }
}

uint32_t pack_bound_keep(const struct pack *p, struct exclaim_plan_reason *why)
{
    int64_t *threshold = calloc(p->nr_parts + 1u, sizeof(*threshold));
    uint32_t unfit = 0, lost = 0, parts = 0;
    struct sizes s;

    *why = (struct exclaim_plan_reason){ 0 };
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (!p->item[i].alone && !unfit++) {
            why->misfit.vm = p->item[i].vm;
        }
    }
    if (unfit) {
        why->kind = EXCLAIM_REASON_ALONE;
        why->count = unfit;
    }
    if (!threshold || sizes_open(&s, p->nr_items, p->nr_parts, p->nr_nodes)) {
        free(threshold); /* a weaker bound, but a bound */
        return unfit;
    }
    for (uint32_t n = 0; n < p->nr_nodes; n++) {
        if (p->host[p->node[n].host].known) {
            add_place(&s, p->node[n].left, p->node[n].host);
        }
    }
    for (uint32_t i = 0; i < p->nr_items; i++) {
        parts = p->item[i].nr > parts ? p->item[i].nr : parts;
        for (uint32_t k = 0; k < p->item[i].nr && p->item[i].alone; k++) {
            add_thing(&s, p->part[p->item[i].first + k].pages + p->item[i].loose, i);
        }
    }
    lost = bound(&s, threshold, lost, why);
    for (s.parts = 2; s.parts <= parts && s.parts <= PARTS; s.parts++) {
        s.nr_things = 0;
        for (uint32_t i = 0; i < p->nr_items; i++) {
            const struct pack_item *item = &p->item[i];

            if (item->alone && item->nr >= s.parts) {
                add_thing(&s, p->part[item->first + s.parts - 1].pages + item->loose, i);
            }
        }
        lost = bound(&s, threshold, lost, why);
    }
    sizes_close(&s);
    free(threshold);
    return unfit + lost;
}

/* Room of a host for anything at all. */
static int64_t host_room(const struct pack *p, uint32_t host)
{
    const struct pack_host *h = &p->host[host];
    int64_t room = 0;

    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        room += p->node[n].left > 0 ? p->node[n].left : 0;
    }
    return room < h->left ? room : h->left;
}

uint32_t pack_bound_leave(const struct pack *p, struct exclaim_plan_reason *why)
{
    int64_t *threshold = calloc(p->nr_items + 1u, sizeof(*threshold));
    int64_t *room = calloc(p->nr_hosts + 1u, sizeof(*room));
    uint32_t unfit = 0, lost = 0;
    struct sizes s;

    *why = (struct exclaim_plan_reason){ 0 };
    if (!threshold || !room || sizes_open(&s, p->nr_items, p->nr_items, p->nr_hosts)) {
        free(threshold);
        free(room);
        return 0;
    }
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        if (p->host[h].target) {
            room[h] = host_room(p, h);
            add_place(&s, room[h], h);
        }
    }
    for (uint32_t i = 0; i < p->nr_items; i++) {
        const struct pack_item *item = &p->item[i];
        bool fits = item->alone;

        for (uint32_t h = 0; h < p->nr_hosts && !fits && !p->whole_parts && !item->pinned; h++) {
            fits = pack_host_takes(p, item, h) && room[h] >= item->total;
        }
        if (fits) {
            add_thing(&s, item->total, i);
        } else if (!unfit++) {
            why->misfit.vm = item->vm;
        }
    }
    if (unfit) {
        why->kind = EXCLAIM_REASON_ALONE;
        why->count = unfit;
    }
    lost = bound(&s, threshold, 0, why);
    if (lost) {
        why->kind = EXCLAIM_REASON_HOSTS;
    }
    sizes_close(&s);
    free(threshold);
    free(room);
    return unfit + lost;
}

static uint64_t pairs_of(uint32_t members)
{
    return members ? (uint64_t)members * (members - 1) / 2 : 0;
}

uint64_t pack_pairs(const struct pack *p)
{
    uint64_t pairs = 0;

    for (size_t i = 0; i < (size_t)p->nr_groups * p->nr_hosts; i++) {
        pairs += pairs_of(p->members[i]);
    }
    return pairs;
}

/* Residents, then each that leaves to the host with fewest so far, of those that any of its rule
 * may go to. */
uint64_t pack_bound_apart(const struct pack *p, uint32_t stay)
{
    uint64_t pairs = 0;

    for (uint32_t g = 1; g <= p->nr_groups; g++) {
        uint32_t members[EXCLAIM_POOL_HOSTS], items = 0;
        uint64_t allowed[HOST_WORDS] = { 0 };

        memcpy(members, &p->members[(size_t)(g - 1) * p->nr_hosts], p->nr_hosts * sizeof(*members));
        for (uint32_t i = 0; i < p->nr_items; i++) {
            if (p->item[i].group != g) {
                continue;
            }
            items++;
            if (p->item[i].host != PACK_NONE) {
                members[p->item[i].host]--;
            }
            for (uint32_t w = 0; w < HOST_WORDS; w++) {
                allowed[w] |= p->item[i].allowed[w];
            }
        }
        for (uint32_t h = 0; h < p->nr_hosts; h++) {
            pairs += pairs_of(members[h]);
        }
        for (; items > stay; items--) {
            uint32_t least = PACK_NONE;

            for (uint32_t h = 0; h < p->nr_hosts; h++) {
                if (p->host[h].target && (allowed[h / 64] >> (h % 64) & 1) &&
                    (least == PACK_NONE || members[h] < members[least])) {
                    least = h;
                }
            }
            if (least == PACK_NONE) {
                break;
            }
            pairs += members[least]++;
        }
    }
    return pairs;
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
    q->whole_parts = true;
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
    uint32_t *order, lost = 0;
    struct pack q;

    if (!only_several(p, &q)) {
        return 0;
    }
    order = calloc(q.nr_items + 1u, sizeof(*order));
    if (order && q.nr_items && q.nr_items <= PACK_EXACT_ITEMS) {
        lost = pack_bound_keep(&q, &why);
        pack_order(&q, order, false);
        if (pack_greedy(&q, order) + lost < q.nr_items) {
            struct pack_limit limit = { .leave = q.nr_items - lost, .keep = q.nr_items - lost };

            q.effort = pack_effort_left(p) / 16;
            pack_eject(&q, lost, 0);
            pack_exact(&q, pack_effort_left(p) / 2, &limit);
            lost = q.nr_items - limit.keep;
        }
    }
    p->steps += q.steps;
    free(order);
    pack_close(&q);
    return lost;
}
