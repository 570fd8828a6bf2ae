/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items that cannot be whole: they flow over what the nodes of a host have left.  Only once all
 * hosts are chosen are they given nodes.
 */
#include <stdlib.h>

#include "pack.h"

/* Fluid items that are whole after all, each on its host. */
static void settle(struct pack *p, const uint32_t *order)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        struct pack_item *item = &p->item[order[i]];
        const uint32_t host = item->host;
        uint32_t where[EXCLAIM_NODES_MAX];
        int64_t slack;

        if (host == PACK_NONE || !item->fluid || !item->counted) {
            continue;
        }
        pack_take(p, order[i]);
        if (pack_fit(p, item, host, where, &slack)) {
            pack_put(p, order[i], host, where);
            if (pack_fluid_room(p, host, 0) >= 0) {
                continue;
            }
            pack_take(p, order[i]);
        }
        pack_pour(p, order[i], host);
    }
}

static uint32_t on_hosts(const struct pack *p)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        nr += p->item[i].host != PACK_NONE;
    }
    return nr;
}

/*
 * Hosts by totals: every host one node, every item one part.  Pinned items stay where they are in
 * @p.  True if more leave than do in @p, where then all that are not pinned have been placed anew.
 */
static bool by_totals(struct pack *p, uint32_t *order, uint32_t lost)
{
    uint32_t before = on_hosts(p);
    bool more = false;
    struct pack q;

    if (pack_open(&q, p->nr_items, p->nr_items, p->nr_hosts, p->nr_hosts, 0)) {
        return false;
    }
    for (uint32_t i = 0; i < p->nr_items; i++) {
        q.item[i] = p->item[i];
        q.item[i].first = i;
        q.item[i].nr = 1;
        q.item[i].group = 0;
        q.item[i].loose = 0; /* charged with the part */
        q.item[i].host = PACK_NONE;
        q.item[i].fluid = false;
        q.item[i].alone = q.item[i].counted = !p->item[i].pinned;
        q.part[i] =
            (struct pack_part){ .pages = p->item[i].total + p->item[i].arrival, .node = PACK_NONE };
        q.item[i].pinned = false;
        if (p->item[i].pinned) {
            q.part[i].pages = INT64_MAX / 4; /* nowhere */
        }
    }
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        int64_t left = p->host[h].left, room = pack_fluid_room(p, h, 0);

        for (uint32_t i = 0; i < p->nr_items; i++) {
            if (p->item[i].host == h && !p->item[i].pinned) {
                left += p->item[i].total + p->item[i].arrival;
                room += p->item[i].total;
            }
        }
        q.host[h] = (struct pack_host){ .first = h,
                                        .nr = p->host[h].target,
                                        .left = left,
                                        .spare = INT64_MAX,
                                        .target = p->host[h].target,
                                        .known = true };
        q.node[h] =
            (struct pack_node){ .left = p->host[h].target ? (left < room ? left : room) : -1,
                                .host = h,
                                .head = PACK_NONE };
    }
    q.effort = p->effort / 4;
    pack_order(&q, order, true);
    if (pack_greedy(&q, order) + lost < q.nr_items) {
        pack_eject(&q, lost, 0);
    }
    for (uint32_t i = 0; i < p->nr_items; i++) {
        before -= p->item[i].pinned && p->item[i].host != PACK_NONE;
    }
    more = pack_placed(&q) > before;
    if (more) {
        for (uint32_t i = 0; i < p->nr_items; i++) {
            if (!p->item[i].pinned && p->item[i].host != PACK_NONE) {
                pack_take(p, i);
            }
        }
        for (uint32_t i = 0; i < p->nr_items; i++) {
            const struct pack_item *item = &p->item[order[i]];

            if (item->host == PACK_NONE && q.item[order[i]].host != PACK_NONE &&
                pack_takes_fluid(p, item, q.item[order[i]].host)) {
                pack_pour(p, order[i], q.item[order[i]].host);
            }
        }
        settle(p, order);
    }
    p->steps += q.steps;
    pack_close(&q);
    return more;
}

/* One fluid item after the other becomes whole, as long as the search finds a way. */
static void descend(struct pack *p, uint32_t stay, uint32_t lost)
{
    const uint64_t effort = p->effort;
    uint32_t failed = 0;

    while (pack_flowing(p) + stay > lost && failed < 3 && p->steps < effort) {
        const uint32_t flowing = pack_flowing(p);
        const uint64_t slice = effort / 16;

        p->effort = p->steps + slice < effort ? p->steps + slice : effort;
        pack_eject(p, stay, flowing - 1);
        failed = pack_flowing(p) < flowing ? 0 : failed + 1;
    }
    p->effort = effort;
}

/* Totals promise more than nodes hold: what comes of them has to be better in fact. */
static void by_totals_if_better(struct pack *p, uint32_t *order, uint32_t stay, uint32_t lost)
{
    const uint32_t before = on_hosts(p), whole = pack_placed(p);
    struct pack_saved s;

    if (!pack_save(p, &s)) {
        return;
    }
    if (by_totals(p, order, stay)) {
        descend(p, p->nr_items - on_hosts(p), lost);
    }
    if (on_hosts(p) < before || (on_hosts(p) == before && pack_placed(p) < whole)) {
        pack_restore(p, &s);
    }
    pack_forget(&s);
}

void pack_flow(struct pack *p, uint32_t *order)
{
    if (p->whole_parts) {
        return;
    }
    pack_order(p, order, true);
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[order[i]].host == PACK_NONE) {
            pack_insert_fluid(p, order[i]);
        }
    }
}

void pack_fluid(struct pack *p, uint32_t stay, uint32_t lost)
{
    uint32_t *order = calloc(p->nr_items + 1u, sizeof(*order));
    const uint64_t effort = p->effort;

    if (!order || p->whole_parts) {
        free(order);
        return;
    }
    pack_flow(p, order);
    /* More and more of them, if with fewer not all can leave. */
    for (uint32_t more = 0; more < 4 && on_hosts(p) + stay < p->nr_items; more++) {
        p->effort = p->steps + effort / 8;
        pack_eject(p, stay, pack_flowing(p) + p->nr_items - on_hosts(p) + more);
    }
    p->effort = p->steps + effort / 2;
    if (on_hosts(p) + stay < p->nr_items) {
        by_totals_if_better(p, order, stay, lost);
    }
    p->effort = effort;
    free(order);
}

static uint32_t tightest(const struct pack *p, const struct pack_host *h, int64_t pages)
{
    uint32_t best = PACK_NONE;

    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        if (p->node[n].left >= pages &&
            (best == PACK_NONE || p->node[n].left < p->node[best].left)) {
            best = n;
        }
    }
    return best;
}

static uint32_t roomiest(const struct pack *p, const struct pack_host *h)
{
    uint32_t best = h->first;

    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        best = p->node[n].left > p->node[best].left ? n : best;
    }
    return best;
}

/* Its parts whole where they can be, else over the nodes with most left. */
uint32_t pack_spread(struct pack *p, uint32_t index, struct exclaim_part *out)
{
    struct pack_item *item = &p->item[index];
    struct pack_host *h = &p->host[item->host];
    int64_t strays = item->total;
    uint32_t nr = 0;

    for (uint32_t k = 0; k < item->nr; k++) {
        strays -= p->part[item->first + k].pages;
    }
    for (uint32_t k = 0; k < item->nr; k++) {
        int64_t need = p->part[item->first + k].pages + (k ? 0 : strays);
        uint32_t node = p->spread ? roomiest(p, h) : tightest(p, h, need);

        while (need > 0 && nr < EXCLAIM_PARTS_MAX) {
            int64_t take;

            node = node == PACK_NONE ? roomiest(p, h) : node;
            take = p->node[node].left < need ? p->node[node].left : need;
            if (take <= 0) {
                break;
            }
            out[nr++] = (struct exclaim_part){ .src_node = p->part[item->first + k].src,
                                               .dst_node = p->node[node].id,
                                               .pages = (uint64_t)take };
            p->node[node].left -= take;
            need -= take;
            node = PACK_NONE;
        }
    }
    h->fluid -= item->total;
    return nr;
}
