/* SPDX-License-Identifier: BSD-2-Clause */
/* The cheapest way to put an item where it does not fit: who has to be thrown out. */
#include <string.h>

#include "pack.h"

#define EJECTED 3u /* at most, from one node */
#define OUT     PACK_FORCED

struct ejection {
    uint64_t cost; /* penalties of those thrown out; UINT64_MAX: impossible */
    uint32_t host;
    bool fluid;
    uint32_t nr;
    uint32_t out[OUT];
    uint32_t where[EXCLAIM_NODES_MAX];
};

static bool among(const struct ejection *e, uint32_t item)
{
    for (uint32_t i = 0; i < e->nr; i++) {
        if (e->out[i] == item) {
            return true;
        }
    }
    return false;
}

/* What a node would have left without those already thrown out. */
static int64_t left_without(const struct pack *p, const struct ejection *e, uint32_t node)
{
    int64_t left = p->node[node].left;

    for (uint32_t i = 0; i < e->nr; i++) {
        const struct pack_item *item = &p->item[e->out[i]];

        left += item->loose; /* those thrown out are all of this host */
        for (uint32_t k = 0; k < item->nr; k++) {
            left += p->part[item->first + k].node == node ? p->part[item->first + k].pages : 0;
        }
    }
    return left;
}

/*
 * The cheapest one, two or three items of @node that give back @lack pages, at a cost below @limit,
 * added to @e.  Three only where few are there.
 */
static bool throw_out(struct pack *p, uint32_t node, int64_t lack, uint64_t limit, uint32_t keep,
                      struct ejection *e)
{
    uint32_t part[24], best[EJECTED] = { PACK_NONE, PACK_NONE, PACK_NONE }, nr = 0;
    uint64_t best_cost = limit, best_random = 0;

    for (uint32_t q = p->node[node].head; q != PACK_NONE && nr < 24; q = p->part[q].next) {
        if (p->part[q].item != keep && !among(e, p->part[q].item)) {
            part[nr++] = q;
        }
    }
#define FREED(q) (p->part[q].pages + p->item[p->part[q].item].loose)
#define COST(q)  ((uint64_t)p->item[p->part[q].item].penalty)
    for (uint32_t a = 0; a < nr; a++) {
        uint64_t r = pack_random(p);

        if (COST(part[a]) > best_cost) {
            continue;
        }
        if (FREED(part[a]) >= lack) {
            if (COST(part[a]) < best_cost || (best[0] != PACK_NONE && r > best_random)) {
                best_cost = COST(part[a]);
                best_random = r;
                best[0] = part[a];
                best[1] = best[2] = PACK_NONE;
            }
            continue;
        }
        for (uint32_t b = a + 1; b < nr; b++) {
            const uint64_t two = COST(part[a]) + COST(part[b]);

            if (two >= best_cost) {
                continue;
            }
            if (FREED(part[a]) + FREED(part[b]) >= lack) {
                best_cost = two;
                best_random = r;
                best[0] = part[a];
                best[1] = part[b];
                best[2] = PACK_NONE;
                continue;
            }
            for (uint32_t c = b + 1; c < nr && nr <= 12; c++) {
                if (two + COST(part[c]) < best_cost &&
                    FREED(part[a]) + FREED(part[b]) + FREED(part[c]) >= lack) {
                    best_cost = two + COST(part[c]);
                    best_random = r;
                    best[0] = part[a];
                    best[1] = part[b];
                    best[2] = part[c];
                }
            }
        }
    }
#undef FREED
    p->steps += 1u + nr;
    if (best[0] == PACK_NONE || e->nr + EJECTED > OUT) {
        return false;
    }
    for (uint32_t i = 0; i < EJECTED && best[i] != PACK_NONE; i++) {
        e->cost += COST(best[i]);
        e->out[e->nr++] = p->part[best[i]].item;
    }
#undef COST
    return true;
}

/* pack_fluid_room() without those thrown out. */
static int64_t room_without(const struct pack *p, const struct ejection *e, uint32_t host,
                            int64_t loose)
{
    const struct pack_host *h = &p->host[host];
    int64_t room = -h->fluid;

    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        const int64_t left = left_without(p, e, n) - loose;

        room += left > 0 ? left : 0;
    }
    for (uint32_t i = 0; i < e->nr; i++) {
        room += p->item[e->out[i]].fluid ? p->item[e->out[i]].total : 0;
    }
    return room;
}

/* The host as a whole after the nodes: total, its nodes' share of loose pages, fluid items. */
static bool host_has_room(const struct pack *p, const struct ejection *e,
                          const struct pack_item *item, uint32_t host)
{
    const struct pack_host *h = &p->host[host];
    int64_t left = h->left;

    for (uint32_t i = 0; i < e->nr; i++) {
        left += p->item[e->out[i]].total + p->item[e->out[i]].arrival;
    }
    if (left < item->total + item->arrival || !pack_gpus_without(p, item, host, e->out, e->nr) ||
        (h->fluid && room_without(p, e, host, item->loose) < item->total)) {
        return false;
    }
    if (h->spare >= item->loose) {
        return true;
    }
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        if (p->node[n].parts && left_without(p, e, n) < item->loose) {
            return false;
        }
    }
    return true;
}

static bool breaks_without(const struct pack *p, const struct ejection *e,
                           const struct pack_item *item, uint32_t host)
{
    uint32_t members = item->group ? *pack_members(p, item, host) : 0;

    for (uint32_t i = 0; i < e->nr; i++) {
        members -= item->group && p->item[e->out[i]].group == item->group;
    }
    return members > 0;
}

/* Where its GPUs lack room, the cheapest item there without which they have it. */
static bool throw_off_gpus(const struct pack *p, uint32_t index, uint32_t host, struct ejection *e)
{
    const struct pack_item *item = &p->item[index];
    uint32_t best = PACK_NONE;

    if (!item->nr_vgpus || pack_gpus_without(p, item, host, e->out, e->nr)) {
        return true;
    }
    for (uint32_t i = 0; i < p->nr_items && e->nr < OUT; i++) {
        if (p->item[i].host != host || !p->item[i].nr_vgpus || i == index || among(e, i) ||
            (best != PACK_NONE && p->item[i].penalty >= p->item[best].penalty)) {
            continue;
        }
        e->out[e->nr] = i;
        best = pack_gpus_without(p, item, host, e->out, e->nr + 1) ? i : best;
    }
    if (best == PACK_NONE) {
        return false;
    }
    e->out[e->nr++] = best;
    e->cost += p->item[best].penalty;
    return true;
}

/* The common case: one part, onto node @n. */
static void try_node(struct pack *p, uint32_t index, uint32_t n, uint64_t limit, struct ejection *e)
{
    const struct pack_item *item = &p->item[index];
    const struct pack_part *part = &p->part[item->first];
    int64_t lack;

    e->host = p->node[n].host;
    e->fluid = false;
    e->nr = 0;
    e->cost = 0;
    e->where[0] = n;
    if ((item->pinned && p->node[n].id != part->src) || !throw_off_gpus(p, index, e->host, e)) {
        e->cost = UINT64_MAX;
        return;
    }
    lack = part->pages + item->loose - left_without(p, e, n);
    if ((lack > 0 && !throw_out(p, n, lack, limit, index, e)) ||
        !host_has_room(p, e, item, e->host) ||
        (p->strict_apart && breaks_without(p, e, item, e->host))) {
        e->cost = UINT64_MAX;
    }
}

/* @item onto @host, its parts from the largest on each where least is thrown out; @first is where
 * the largest must go. */
static void try_host(struct pack *p, uint32_t index, uint32_t host, uint32_t first,
                     struct ejection *e)
{
    const struct pack_item *item = &p->item[index];
    const struct pack_host *h = &p->host[host];

    e->host = host;
    e->nr = 0;
    e->cost = 0;
    if (!throw_off_gpus(p, index, host, e)) {
        e->cost = UINT64_MAX;
        return;
    }
    for (uint32_t k = 0; k < item->nr; k++) {
        const struct pack_part *part = &p->part[item->first + k];
        const int64_t need = part->pages + item->loose;
        const uint64_t cost = e->cost;
        const uint32_t nr = e->nr;
        uint64_t least = UINT64_MAX;
        uint32_t out[EJECTED] = { PACK_NONE, PACK_NONE, PACK_NONE }, more = 0;

        for (uint32_t n = h->first; n < h->first + h->nr; n++) {
            bool skip = (k == 0 && n != first) || (item->pinned && p->node[n].id != part->src);
            int64_t lack;

            for (uint32_t i = 0; i < k && !skip; i++) {
                skip = e->where[i] == n;
            }
            if (skip) {
                continue;
            }
            lack = need - left_without(p, e, n);
            if ((lack <= 0 || throw_out(p, n, lack, least, index, e)) && e->cost < least) {
                e->where[k] = n;
                least = e->cost;
                more = e->nr - nr;
                memcpy(out, &e->out[nr], more * sizeof(*out));
            }
            e->cost = cost;
            e->nr = nr;
        }
        e->cost = least;
        if (least == UINT64_MAX) {
            return;
        }
        memcpy(&e->out[nr], out, more * sizeof(*out));
        e->nr = nr + more;
    }
    if (!host_has_room(p, e, item, host) || (p->strict_apart && breaks_without(p, e, item, host))) {
        e->cost = UINT64_MAX;
    }
}

static void force_whole(struct pack *p, uint32_t index, struct ejection *best, uint32_t *ties)
{
    const struct pack_item *item = &p->item[index];
    struct ejection e;

    for (uint32_t n = 0; n < p->nr_nodes; n++) {
        const struct pack_host *h = &p->host[p->node[n].host];

        p->steps++;
        if (!h->target || !h->known || !pack_allowed(item, p->node[n].host) || item->nr > h->nr ||
            (p->node[n].head == PACK_NONE &&
             p->node[n].left < p->part[item->first].pages + item->loose)) {
            continue;
        }
        if (item->nr == 1) {
            try_node(p, index, n, best->cost == UINT64_MAX ? UINT64_MAX : best->cost + 1, &e);
        } else {
            try_host(p, index, p->node[n].host, n, &e);
        }
        if (e.cost == UINT64_MAX || e.cost > best->cost) {
            continue;
        }
        *ties = e.cost < best->cost ? 1 : *ties + 1;
        if (*ties == 1 || pack_random(p) % *ties == 0) {
            *best = e;
            best->fluid = false;
        }
    }
}

/* Up to two items of @host such that @index may flow there. */
static bool clear_host(struct pack *p, uint32_t index, uint32_t host, struct ejection *e)
{
    const struct pack_item *item = &p->item[index];
    struct ejection best = { .cost = UINT64_MAX };
    uint32_t out[32], nr = 0;

    for (uint32_t i = 0; i < p->nr_items && nr < 32; i++) {
        if (p->item[i].host == host && i != index) {
            out[nr++] = i;
        }
    }
    p->steps += p->nr_items / 8 + nr * nr / 2;
    for (uint32_t a = 0; a < nr; a++) {
        for (uint32_t b = a; b < nr; b++) {
            struct ejection with = { .host = host, .fluid = true, .nr = a == b ? 1 : 2 };

            with.out[0] = out[a];
            with.out[1] = out[b];
            with.cost = p->item[out[a]].penalty + (a == b ? 0 : p->item[out[b]].penalty);
            if (with.cost < best.cost && host_has_room(p, &with, item, host) &&
                room_without(p, &with, host, item->loose) >= item->total) {
                best = with;
            }
        }
    }
    *e = best;
    return best.cost != UINT64_MAX;
}

static void force_fluid(struct pack *p, uint32_t index, struct ejection *best, uint32_t *ties)
{
    const struct pack_item *item = &p->item[index];
    struct ejection e;

    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        if (!p->host[h].target || !pack_allowed(item, h) || item->pinned ||
            !clear_host(p, index, h, &e) || e.cost > best->cost) {
            continue;
        }
        *ties = e.cost < best->cost ? 1 : *ties + 1;
        if (*ties == 1 || pack_random(p) % *ties == 0) {
            *best = e;
        }
    }
}

bool pack_force(struct pack *p, uint32_t index, bool may_flow, uint32_t *pool, uint32_t *nr_pool)
{
    struct ejection best = { .cost = UINT64_MAX };
    uint32_t ties = 0;

    if (p->item[index].counted) {
        force_whole(p, index, &best, &ties);
    }
    if (may_flow) {
        force_fluid(p, index, &best, &ties);
    }
    if (best.cost == UINT64_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < best.nr; i++) {
        pack_take(p, best.out[i]);
        pool[(*nr_pool)++] = best.out[i];
    }
    if (best.fluid) {
        pack_pour(p, index, best.host);
    } else {
        pack_put(p, index, best.host, best.where);
    }
    return true;
}
