/* SPDX-License-Identifier: BSD-2-Clause */
/* From quick to thorough, until the bound is reached or the effort spent. */
#include <stdlib.h>

#include "work.h"

/* Steps of branch and price for each of the effort that is left. */
#define EXACT_EFFORT 18u

static void clear(struct pack *p)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[i].host != PACK_NONE) {
            pack_take(p, i);
        }
    }
}

static void clear_fluid(struct pack *p)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[i].fluid) {
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

/* With the rules first: what keeps all of them and loses no more is as good as it gets. */
static bool quick_apart(struct pack *p, uint32_t *order, uint32_t lost)
{
    const uint64_t effort = p->effort;
    bool done;

    if (!p->nr_groups) {
        return false;
    }
    p->strict_apart = true;
    done = quick(p, order, lost);
    if (!done && !p->roomy && p->nr_items > PACK_EXACT_ITEMS) {
        p->effort = p->steps + pack_effort_left(p) / 4;
        pack_eject(p, lost, 0);
        p->effort = effort;
        done = pack_placed(p) + lost >= p->nr_items;
    }
    p->strict_apart = false;
    return done;
}

static void count_goals(const struct pack *p, struct exclaim_plan_proof *proof)
{
    proof->leave.reached = proof->keep.reached = 0;
    for (uint32_t i = 0; i < p->nr_items; i++) {
        const bool placed = p->item[i].host != PACK_NONE;

        proof->leave.reached += placed;
        proof->keep.reached += placed && p->item[i].counted && !p->item[i].fluid;
    }
    proof->apart.reached = pack_pairs(p);
    /* Each that stays may spare some pairs. */
    proof->apart.bound = pack_bound_apart(p, (uint32_t)(proof->nr_vms - proof->leave.reached));
    proof->steps = p->steps;
}

static void ruled_out(const struct pack *p, struct exclaim_plan_reason *why)
{
    *why = (struct exclaim_plan_reason){ .kind = EXCLAIM_REASON_SEARCHED, .count = p->steps };
}

/* Numbers of nodes as they were, and room for those that cannot be whole. */
static void settle_down(struct pack *p, uint32_t *order, struct exclaim_plan_proof *proof)
{
    pack_polish(p);
    pack_flow(p, order);
    count_goals(p, proof);
}

/* Largest first onto the roomiest nodes; false if that does not reach all bounds. */
static bool spread_out(struct pack *p, uint32_t *order, uint32_t lost,
                       struct exclaim_plan_proof *proof)
{
    p->roomy = true;
    if (quick_apart(p, order, lost) || quick(p, order, lost)) {
        settle_down(p, order, proof);
    }
    p->roomy = false;
    return exclaim_plan_optimal(proof);
}

static bool better(const struct exclaim_plan_proof *a, const struct exclaim_plan_proof *b)
{
    if (a->leave.reached != b->leave.reached) {
        return a->leave.reached > b->leave.reached;
    }
    if (a->keep.reached != b->keep.reached) {
        return a->keep.reached > b->keep.reached;
    }
    return a->apart.reached < b->apart.reached;
}

/* A good start, which branch and price has only to prove. */
static void start_well(struct pack *p, uint32_t *order, struct exclaim_plan_proof *proof)
{
    const uint64_t effort = p->effort;
    struct exclaim_plan_proof now = *proof;
    struct pack_saved s;

    if (!pack_save(p, &s)) {
        return;
    }
    clear_fluid(p);
    p->effort = p->steps + pack_effort_left(p) / 8;
    pack_eject(p, (uint32_t)(proof->nr_vms - proof->keep.bound), 0);
    p->effort = effort;
    settle_down(p, order, &now);
    if (!better(&now, proof)) {
        pack_restore(p, &s);
    }
    pack_forget(&s);
}

/* Each goal's bound holds with the goals before it at theirs. */
static void search_few(struct pack *p, uint32_t *order, struct exclaim_plan_proof *proof)
{
    const uint64_t residents = proof->apart_before;
    struct pack_limit limit = { .leave = (uint32_t)proof->leave.bound,
                                .keep = (uint32_t)proof->keep.bound };

    settle_down(p, order, proof);
    if (exclaim_plan_optimal(proof)) {
        return;
    }
    start_well(p, order, proof);
    pack_exact(p, EXACT_EFFORT * pack_effort_left(p), &limit);
    count_goals(p, proof);
    if (limit.leave < proof->leave.bound) {
        proof->leave.bound = limit.leave;
        ruled_out(p, &proof->why_leave);
    }
    if (proof->leave.reached < limit.leave) {
        return;
    }
    if (limit.keep < proof->keep.bound) {
        proof->keep.bound = limit.keep;
        ruled_out(p, &proof->why_keep);
    }
    if (proof->keep.reached == limit.keep && residents + limit.pairs > proof->apart.bound) {
        proof->apart.bound = residents + limit.pairs;
    }
}

/* More than branch and price can do. */
static void search_many(struct pack *p, uint32_t *order, uint32_t stay, uint32_t lost,
                        struct exclaim_plan_proof *proof)
{
    if (pack_placed(p) + lost < p->nr_items) {
        lost = look_closer(p, lost, &proof->why_keep);
        pack_eject(p, lost, 0);
    }
    settle_down(p, order, proof);
    if (proof->leave.reached < proof->leave.bound) {
        pack_fluid(p, stay, lost);
        count_goals(p, proof);
    }
    if (p->nr_items - lost < proof->keep.bound) {
        proof->keep.bound = p->nr_items - lost;
    }
}

void assign_solve(struct pack *p, struct exclaim_plan_proof *proof)
{
    uint32_t *order = calloc(p->nr_items + 1u, sizeof(*order));
    struct exclaim_plan_reason too_few;
    uint32_t lost, stay, few_gpus, counted = 0;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        counted += p->item[i].counted;
    }
    *proof = (struct exclaim_plan_proof){ .nr_vms = p->nr_items, .apart_before = pack_pairs(p) };
    lost = pack_bound_keep(p, &proof->why_keep);
    stay = pack_bound_leave(p, &proof->why_leave);
    few_gpus = pack_bound_gpus(p, &too_few);
    if (few_gpus > stay) {
        stay = few_gpus;
        proof->why_leave = too_few;
    }
    if (few_gpus > lost) {
        lost = few_gpus;
        proof->why_keep = too_few;
    }
    if (p->whole_parts && lost > stay) {
        stay = lost;
        proof->why_leave = proof->why_keep;
    }
    proof->leave.bound = p->nr_items - stay;
    proof->keep.bound = p->nr_items - lost < counted ? p->nr_items - lost : counted;
    if (order) { /* without memory for it nobody moves */
        const bool done = p->spread && spread_out(p, order, lost, proof);

        if (!done && !quick_apart(p, order, lost)) {
            quick(p, order, lost);
        }
        if (done) {
            ; /* at the bound */
        } else if (p->nr_items > PACK_EXACT_ITEMS) {
            search_many(p, order, stay, lost, proof);
        } else {
            search_few(p, order, proof);
        }
        if (p->spread) {
            pack_order(p, order, true);
            pack_even(p, order);
            proof->apart.reached = pack_pairs(p);
        }
    }
    if (p->whole_parts && proof->keep.bound < proof->leave.bound) {
        proof->leave.bound = proof->keep.bound;
        proof->why_leave = proof->why_keep;
    }
    free(order);
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

/* Whether nodes would be filled less evenly by @item on @a than on @b; it is on neither. */
static bool less_even(const struct pack *p, const struct pack_item *item, const uint32_t *a,
                      const uint32_t *b)
{
    double of_a = 0, of_b = 0;

    for (uint32_t k = 0; k < item->nr; k++) {
        const double pages = (double)p->part[item->first + k].pages;

        of_a += pages * (double)p->node[a[k]].left;
        of_b += pages * (double)p->node[b[k]].left;
    }
    return of_a < of_b;
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
        if (pack_breaks(p, item, host) && pack_insert(p, i)) {
            continue;
        }
        for (uint32_t k = 0; k < item->nr && fits; k++) {
            const struct pack_part *part = &p->part[item->first + k];

            same[k] = node_of(p, &p->host[host], part->src);
            fits = same[k] != PACK_NONE && p->node[same[k]].left >= part->pages + item->loose;
        }
        fits = fits && !(p->spread && less_even(p, item, same, was));
        pack_put(p, i, host, fits ? same : was);
    }
}
