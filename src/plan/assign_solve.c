/* SPDX-License-Identifier: BSD-2-Clause */
/* From quick to thorough, until the bound is reached or the effort spent. */
#include <stdlib.h>

#include "work.h"

static void clear(struct pack *p)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[i].host != PACK_NONE) {
            pack_take(p, i);
        }
    }
}

/* One after the other; true when no more than @lost are lost. */
static bool quick(struct pack *p, uint32_t *order, uint32_t lost)
{
    for (int by_total = 1; by_total >= 0; by_total--) {
        clear(p);
        pack_order(p, order, by_total);
        if (pack_greedy(p, order) + lost >= p->nr_items) {
            return true;
        }
    }
    return false;
}

static uint32_t broken(const struct pack *p)
{
    uint32_t nr = 0;

    for (size_t i = 0; i < (size_t)p->nr_groups * p->nr_hosts; i++) {
        nr += p->members[i] > 1 ? p->members[i] - 1u : 0;
    }
    return nr;
}

/* Those of several parts are few, and are what is lost most often. */
static uint32_t look_closer(struct pack *p, uint32_t lost, struct exclaim_plan_reason *why)
{
    struct pack_saved s;
    uint32_t more = 0;

    if (!pack_save(p, &s)) {
        return lost;
    }
    clear(p);
    more = pack_bound_several(p);
    for (uint32_t i = 0; i < p->nr_items && more; i++) {
        more += !p->item[i].alone;
    }
    pack_restore(p, &s);
    pack_forget(&s);
    if (more > lost) {
        *why = (struct exclaim_plan_reason){ .kind = EXCLAIM_REASON_SEARCHED, .count = p->steps };
    }
    return more > lost ? more : lost;
}

/* Returns the losses that cannot be avoided, @lost or more. */
static uint32_t take_whole(struct pack *p, uint32_t *order, uint32_t lost,
                           struct exclaim_plan_reason *why)
{
    const uint64_t effort = p->effort;

    /* With the rules first: what keeps all of them and loses no more is as good as it gets. */
    if (p->nr_groups) {
        p->strict_apart = true;
        if (quick(p, order, lost)) {
            p->strict_apart = false;
            return lost;
        }
        p->effort = p->steps + pack_effort_left(p) / 4;
        pack_eject(p, lost, 0);
        p->effort = effort;
        p->strict_apart = false;
        if (pack_placed(p) + lost >= p->nr_items) {
            return lost;
        }
    }
    if (quick(p, order, lost)) {
        return lost;
    }
    lost = look_closer(p, lost, why);
    if (pack_placed(p) + lost >= p->nr_items) {
        return lost;
    }
    /* A small instance leaves something for the proof. */
    p->effort = p->nr_items <= PACK_EXACT_ITEMS ? p->steps + pack_effort_left(p) / 3 : effort;
    pack_eject(p, lost, 0);
    p->effort = effort;
    return lost;
}

void assign_solve(struct pack *p, struct exclaim_plan_proof *proof)
{
    uint32_t *order = calloc(p->nr_items + 1u, sizeof(*order));
    uint32_t lost, stay, apart, kept = 0, counted = 0, left = 0;

    *proof = (struct exclaim_plan_proof){ .nr_vms = p->nr_items };
    lost = pack_bound_keep(p, &proof->why_keep);
    stay = pack_bound_leave(p, &proof->why_leave);
    apart = pack_bound_apart(p);
    if (order) {
        lost = take_whole(p, order, lost, &proof->why_keep);
        if (pack_placed(p) + lost < p->nr_items) {
            bool exact = p->nr_items <= PACK_EXACT_ITEMS && pack_exact(p, lost);
            const uint32_t now = p->nr_items - pack_placed(p);

            if (exact && now > lost) {
                lost = now;
                proof->why_keep = (struct exclaim_plan_reason){ .kind = EXCLAIM_REASON_SEARCHED,
                                                                .count = p->steps };
            }
        }
        pack_polish(p);
        pack_fluid(p, stay, lost);
    }
    if (p->whole_parts && lost > stay) {
        stay = lost;
        proof->why_leave = proof->why_keep;
    }
    free(order);
    for (uint32_t i = 0; i < p->nr_items; i++) {
        counted += p->item[i].counted;
        kept += p->item[i].counted && p->item[i].host != PACK_NONE && !p->item[i].fluid;
        left += p->item[i].host != PACK_NONE;
    }
    proof->steps = p->steps;
    proof->leave = (struct exclaim_plan_goal){ left, p->nr_items - stay };
    proof->keep = (struct exclaim_plan_goal){ kept, p->nr_items - lost };
    if (proof->keep.bound > counted) {
        proof->keep.bound = counted;
    }
    proof->apart = (struct exclaim_plan_goal){ broken(p), 0 };
    stay = p->nr_items - left; /* each that stays may keep one rule */
    proof->apart.bound = apart > stay ? apart - stay : 0;
    if (proof->keep.reached < proof->keep.bound && proof->keep.bound == p->nr_items) {
        proof->why_keep = (struct exclaim_plan_reason){ .kind = EXCLAIM_REASON_LIMIT };
    }
    if (proof->leave.reached < proof->leave.bound && proof->leave.bound == p->nr_items) {
        proof->why_leave = (struct exclaim_plan_reason){ .kind = EXCLAIM_REASON_LIMIT };
    }
}

static uint32_t node_of(const struct pack *p, const struct pack_host *h, uint32_t id)
{
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        if (p->node[n].id == id) {
            return n;
        }
    }
    return PACK_NONE;
}

/* Away from members of the same rule; else the same numbers, where the room allows. */
void pack_polish(struct pack *p)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        struct pack_item *item = &p->item[i];
        const uint32_t host = item->host;
        uint32_t was[EXCLAIM_NODES_MAX], same[EXCLAIM_NODES_MAX];
        bool fits = true;

        if (host == PACK_NONE || item->fluid) {
            continue;
        }
        for (uint32_t k = 0; k < item->nr; k++) {
            was[k] = p->part[item->first + k].node;
        }
        pack_take(p, i);
        if (item->group && pack_breaks(p, item, host) && pack_insert(p, i)) {
            continue;
        }
        for (uint32_t k = 0; k < item->nr && fits; k++) {
            const struct pack_part *part = &p->part[item->first + k];

            same[k] = node_of(p, &p->host[host], part->src);
            fits = same[k] != PACK_NONE && p->node[same[k]].left >= part->pages + item->loose;
        }
        pack_put(p, i, host, fits ? same : was);
    }
}
