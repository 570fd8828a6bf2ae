/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ejection search after Nagata and Braysy (2009): an item that fits nowhere goes where it throws
 * out those that have caused the least trouble so far; what was thrown out is tried next; and
 * between two such steps the rest is stirred by moves and swaps that fit.
 */
#include <stdlib.h>
#include <string.h>

#include "pack.h"

#define STIR 12u

/* A random item of one part to a random node that holds it, or against one part there. */
static void stir(struct pack *p)
{
    for (uint32_t t = 0; t < STIR; t++) {
        uint32_t a = (uint32_t)(pack_random(p) % p->nr_items), b;
        uint32_t to = (uint32_t)(pack_random(p) % p->nr_nodes), from, from_host;
        uint32_t to_host = p->node[to].host;
        struct pack_item *item = &p->item[a];

        p->steps += 2;
        if (item->host == PACK_NONE || item->fluid || item->nr != 1 || item->pinned ||
            p->part[item->first].node == to || !p->host[to_host].known) {
            continue;
        }
        from = p->part[item->first].node;
        from_host = item->host;
        b = p->node[to].head != PACK_NONE ? p->part[p->node[to].head].item : PACK_NONE;
        pack_take(p, a);
        if (p->node[to].left >= p->part[item->first].pages + item->loose &&
            pack_host_takes(p, item, to_host)) {
            pack_put(p, a, to_host, &to);
            continue;
        }
        if (b != PACK_NONE && p->item[b].nr == 1 && !p->item[b].pinned) {
            struct pack_item *other = &p->item[b];

            pack_take(p, b);
            if (p->node[to].left >= p->part[item->first].pages + item->loose &&
                pack_host_takes(p, item, to_host)) {
                pack_put(p, a, to_host, &to);
                if (p->node[from].left >= p->part[other->first].pages + other->loose &&
                    pack_host_takes(p, other, from_host)) {
                    pack_put(p, b, from_host, &from);
                    continue;
                }
                pack_take(p, a);
            }
            pack_put(p, b, to_host, &to);
        }
        pack_put(p, a, from_host, &from);
    }
}

/* Who is to be placed: the unplaced, and the fluid ones beyond the quota. */
static uint32_t fill_pool(struct pack *p, uint32_t quota, uint32_t *pool, uint32_t *lost)
{
    uint32_t nr = 0, flowing = pack_flowing(p), unplaced = 0;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        p->item[i].penalty = 1;
        if (p->item[i].fluid && flowing > quota) {
            pack_take(p, i);
            flowing--;
        }
        if (p->item[i].host == PACK_NONE) {
            unplaced++;
            if (quota || p->item[i].alone) {
                pool[nr++] = i;
            }
        }
    }
    /* Those left out are lost in any case. */
    *lost -= unplaced - nr < *lost ? unplaced - nr : *lost;
    return nr;
}

/* Where not all can be placed, the largest are best left out: the smallest of the pool is next. */
static uint32_t next(const struct pack *p, uint32_t *pool, uint32_t nr, bool smallest)
{
    uint32_t at = nr - 1, u;

    for (uint32_t i = 0; i < nr && smallest; i++) {
        if (p->part[p->item[pool[i]].first].pages < p->part[p->item[pool[at]].first].pages) {
            at = i;
        }
    }
    u = pool[at];
    pool[at] = pool[nr - 1];
    return u;
}

static void eject(struct pack *p, uint32_t lost, uint32_t quota, bool smallest, uint64_t effort)
{
    uint32_t *pool = calloc(p->nr_items + PACK_FORCED, sizeof(*pool)), nr, best;
    struct pack_saved s;
    const bool saved = pack_save(p, &s);

    if (!pool || !saved || !p->nr_nodes) {
        goto out; /* without memory for it the answer is only not improved */
    }
    nr = best = fill_pool(p, quota, pool, &lost);
    while (nr > lost && p->steps < effort) {
        uint32_t u = next(p, pool, nr--, smallest);
        bool may_flow = quota && pack_flowing(p) < quota;

        if (!pack_insert(p, u) && !(may_flow && pack_insert_fluid(p, u))) {
            p->item[u].penalty++;
            if (!pack_force(p, u, may_flow, pool, &nr)) {
                /* Nothing that may be thrown out helps here; another one first. */
                pool[nr++] = pool[0];
                pool[0] = u;
            }
            stir(p);
        }
        if (nr < best) {
            best = nr;
            pack_save_again(p, &s);
        }
    }
    pack_restore(p, &s);
out:
    free(pool);
    pack_forget(&s);
}

void pack_eject(struct pack *p, uint32_t lost, uint32_t quota)
{
    const uint32_t rounds = 8;

    /* What one way does not find from where it stands the other may. */
    for (uint32_t round = 0; round < rounds && p->steps < p->effort; round++) {
        eject(p, lost, quota, round % 2, p->steps + (p->effort - p->steps) / (rounds - round));
    }
}
