/* SPDX-License-Identifier: BSD-2-Clause */
/* From a solved pack to moves, and reasons for those that stay. */
#include <stdlib.h>
#include <string.h>

#include "work.h"

enum exclaim_guarantee plan_guarantee(const struct exclaim_pool_host *host, bool known,
                                      const struct exclaim_part *part, uint32_t nr)
{
    for (uint32_t i = 1; i < nr; i++) {
        if (part[i].dst_node != part[0].dst_node) {
            return host->several_nodes;
        }
    }
    if (!known) {
        return host->one_node < host->several_nodes ? host->one_node : host->several_nodes;
    }
    return host->one_node;
}

/* Whole parts on a node of their own are kept; whole ones that share merged; else split. */
enum exclaim_match_shape plan_shape(const struct exclaim_part *part, uint32_t nr)
{
    enum exclaim_match_shape shape = EXCLAIM_MATCH_SAME;

    for (uint32_t i = 0; i < nr; i++) {
        if (part[i].src_node != part[i].dst_node && shape == EXCLAIM_MATCH_SAME) {
            shape = EXCLAIM_MATCH_RENUMBERED;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (part[i].src_node == part[j].src_node) {
                return EXCLAIM_MATCH_SPLIT;
            }
            if (part[i].dst_node == part[j].dst_node) {
                shape = EXCLAIM_MATCH_MERGED;
            }
        }
    }
    return shape;
}

static int emit_move(struct state *s, struct draft *d, struct pack *p, struct pack_item *item)
{
    const uint32_t vm = item->vm;
    struct exclaim_part part[EXCLAIM_PARTS_MAX], *to;
    struct exclaim_plan_move *m = draft_move(d);
    int64_t strays = item->total;
    uint32_t nr = item->nr;

    if (!m) {
        return -1;
    }
    for (uint32_t k = 0; k < nr; k++) {
        strays -= p->part[item->first + k].pages;
    }
    if (item->fluid) {
        nr = pack_spread(p, (uint32_t)(item - p->item), part);
    } else {
        for (uint32_t k = 0; k < nr; k++) {
            const struct pack_part *from = &p->part[item->first + k];

            part[k] = (struct exclaim_part){
                .src_node = from->src,
                .dst_node = p->node[from->node].id,
                .pages = (uint64_t)(from->pages + (k ? 0 : strays)),
            };
        }
    }
    to = draft_parts(d, nr);
    if (!to) {
        return -1;
    }
    memcpy(to, part, nr * sizeof(*part));
    m->vm = vm;
    m->from = s->vm[vm].host;
    m->to = item->host;
    m->shape_known = item->counted && p->host[item->host].known;
    m->shape = plan_shape(part, nr);
    m->kept = m->shape_known && !item->fluid;
    m->back = s->pool->vm[vm].host == item->host;
    m->guarantee = plan_guarantee(&s->pool->host[item->host], p->host[item->host].known, part, nr);
    m->pages = (uint64_t)item->total;
    m->arrival_pages = (uint64_t)item->arrival;
    if (!m->shape_known) {
        m->shape = EXCLAIM_MATCH_SPLIT;
    }
    return 0;
}

/* The host where the VM lacks least; one that is too small says more than one that is closed. */
static void best_misfit(const struct state *s, const struct pack *p, const struct pack_item *item,
                        struct exclaim_misfit *best)
{
    struct exclaim_misfit misfit;
    bool any = false, leaves = !p->whole_parts;

    *best = (struct exclaim_misfit){ .why = EXCLAIM_MISFIT_DISABLED,
                                     .vm = item->vm,
                                     .host = EXCLAIM_NO_HOST,
                                     .src_node = EXCLAIM_NO_NODE,
                                     .node = EXCLAIM_NO_NODE };
    /* Where some host could take it in pieces, it is the shape that lacks something. */
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        leaves &= !p->host[h].target || state_forbids(s, item->vm, h) != EXCLAIM_FITS ||
                  p->host[h].left < item->total + item->arrival;
    }
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        if (!p->host[h].target) {
            continue;
        }
        assign_misfit(s, p, item, h, leaves, &misfit);
        if (!any || best->why == EXCLAIM_MISFIT_SELF ||
            (misfit.need && (!best->need || misfit.short_by < best->short_by))) {
            *best = misfit;
            any = true;
        }
    }
}

static int emit_stay(const struct state *s, struct draft *d, const struct pack *p,
                     const struct pack_item *item, const struct exclaim_misfit *alone)
{
    struct exclaim_misfit *stay = draft_stay(d);

    if (!stay) {
        return -1;
    }
    *stay = *alone;
    if (item->alone || (!item->pinned &&
                        (stay->why == EXCLAIM_MISFIT_NODE || stay->why == EXCLAIM_MISFIT_NODES))) {
        struct exclaim_misfit now;

        best_misfit(s, p, item, &now);
        if (item->alone || now.why == EXCLAIM_MISFIT_HOST) {
            *stay = now;
            stay->why = now.why == EXCLAIM_MISFIT_GPU ? now.why : EXCLAIM_MISFIT_TOGETHER;
        }
    }
    return 0;
}

/* The moves into @d, and the VMs that cannot; the state is then as after all of them. */
static int emit(struct state *s, struct draft *d, struct pack *p,
                const struct exclaim_misfit *alone)
{
    uint32_t *order = calloc(p->nr_items + 1u, sizeof(*order));
    uint32_t *moved = calloc(p->nr_items + 1u, sizeof(*moved)), nr = 0;
    const uint32_t first = d->nr_moves;
    int r = -1;

    if (!order || !moved) {
        goto out;
    }
    pack_order(p, order, true);
    for (uint32_t i = 0; i < p->nr_items; i++) {
        const struct pack_item *item = &p->item[order[i]];

        if (item->host == PACK_NONE && emit_stay(s, d, p, item, &alone[order[i]])) {
            goto out;
        }
    }
    /* Those that keep their shape first: the others take what is left of the nodes. */
    for (int fluid = 0; fluid < 2; fluid++) {
        for (uint32_t i = 0; i < p->nr_items; i++) {
            struct pack_item *item = &p->item[order[i]];

            if (item->host == PACK_NONE || item->fluid != fluid) {
                continue;
            }
            moved[nr++] = order[i];
            if (emit_move(s, d, p, item)) {
                goto out;
            }
        }
    }
    if (draft_waves(d, s, first, d->nr_waves)) {
        goto out;
    }
    for (uint32_t i = 0; i < nr; i++) {
        const struct pack_item *item = &p->item[moved[i]];
        const struct exclaim_plan_move *m = &d->move[first + i];

        const struct state_vm was =
            state_arrive(s, d, item->vm, m->to, first + i, item->loose, item->arrival);

        state_release(s, d, item->vm, &was);
        s->vm[item->vm].intact &= !item->fluid;
    }
    r = 0;
out:
    free(order);
    free(moved);
    return r;
}

static void name_misfit(const struct pack *p, const struct exclaim_misfit *alone,
                        struct exclaim_plan_reason *why)
{
    for (uint32_t i = 0; i < p->nr_items && why->kind == EXCLAIM_REASON_ALONE; i++) {
        if (p->item[i].vm == why->misfit.vm) {
            why->misfit = alone[i];
            return;
        }
    }
}

int assign_step(struct state *s, struct draft *d, const struct assignment *a, uint32_t step,
                struct exclaim_error *err)
{
    struct exclaim_misfit *alone = calloc(a->nr_vms + 1u, sizeof(*alone));
    struct exclaim_plan_proof proof;
    struct pack p = { 0 };
    int r = -1;

    if (!alone || assign_build(s, d, a, &p)) {
        goto out;
    }
    pack_alone(&p);
    for (uint32_t i = 0; i < p.nr_items; i++) {
        if (!p.item[i].alone) {
            best_misfit(s, &p, &p.item[i], &alone[i]);
        }
    }
    assign_solve(&p, &proof);
    name_misfit(&p, alone, &proof.why_keep);
    name_misfit(&p, alone, &proof.why_leave);
    if ((a->solved && a->solved(s, &p, a->arg)) || emit(s, d, &p, alone)) {
        goto out;
    }
    d->step[step].nr_moves = d->nr_moves - d->step[step].first_move;
    d->step[step].nr_stays = d->nr_stays - d->step[step].first_stay;
    d->step[step].proof = proof;
    r = 0;
out:
    free(alone);
    pack_close(&p);
    return r ? plan_no_memory(err) : 0;
}
