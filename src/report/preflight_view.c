/* SPDX-License-Identifier: BSD-2-Clause */
/* What is shown of a preflight beyond its cells: the move of a VM, and its parts node by node. */
#include <stdlib.h>

#include "preflight_print.h"

const struct exclaim_plan_move *preflight_move(const struct preflight *p, uint32_t vm)
{
    const struct exclaim_plan *plan = p->result->together;

    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        if (plan->move[m].vm == vm) {
            return &plan->move[m];
        }
    }
    return NULL;
}

bool preflight_good(const struct preflight *p, const struct exclaim_plan_move *move)
{
    return move && move->guarantee >= p->least && (move->kept || !p->least);
}

static uint32_t add_node(const struct exclaim_room *room, uint32_t src, uint32_t node,
                         uint64_t need, struct preflight_node *out)
{
    uint64_t room_pages = exclaim_room_node(room, node);

    *out = (struct preflight_node){
        .src_node = src,
        .node = node,
        .need = need,
        .free = room->free[node],
        .claimed = room->claimed[node] + room->slack,
        .short_by = need > room_pages ? need - room_pages : 0,
    };
    return 1;
}

static uint32_t chosen_nodes(const struct preflight *p, const struct exclaim_reservation *res,
                             struct exclaim_room *room, uint64_t loose, struct preflight_node *out,
                             uint32_t max)
{
    const struct exclaim_match_options opt = { .stray_pages = p->opt.stray_pages,
                                               .whole_parts = p->opt.whole_parts };
    struct exclaim_match *match = malloc(sizeof(*match));
    uint32_t nr = 0;

    if (match && !exclaim_match_arrival(res, room, loose, &opt, match, NULL)) {
        for (uint32_t i = 0; i < match->nr_parts && nr < max; i++) {
            nr += add_node(room, match->part[i].src_node, match->part[i].dst_node,
                           match->part[i].pages + loose, &out[nr]);
        }
    }
    free(match);
    return nr;
}

uint32_t preflight_nodes(const struct preflight *p, uint32_t vm, uint32_t host, bool chosen,
                         struct preflight_node *out, uint32_t max)
{
    const struct exclaim_pool_vm *v = &p->pool->vm[vm];
    struct exclaim_reservation *res = calloc(1, sizeof(*res));
    struct exclaim_room *room = calloc(1, sizeof(*room));
    uint64_t loose = v->arrival_pages;
    uint32_t nr = 0;

    if (!res || !room) {
        goto out;
    }
    exclaim_plan_room(p->pool, host, room);
    exclaim_plan_reservation(p->pool, vm, res);
    for (uint32_t n = 0; n < v->nr_nodes; n++) {
        if (v->pages[n] <= p->opt.stray_pages) {
            loose += v->pages[n];
        }
    }
    if (chosen) {
        nr = v->nr_nodes ? chosen_nodes(p, res, room, loose, out, max) : 0;
        goto out;
    }
    for (uint32_t s = 0; s < (v->nr_nodes ? v->nr_nodes : 1); s++) {
        uint64_t pages = v->nr_nodes ? v->pages[s] : v->total_pages;

        for (uint32_t n = 0; n < room->nr_nodes && nr < max; n++) {
            if ((room->allowed >> n & 1) && (!v->nr_nodes || pages > p->opt.stray_pages)) {
                nr += add_node(room, v->nr_nodes ? s : EXCLAIM_NO_NODE, n, pages + loose, &out[nr]);
            }
        }
    }

out:
    free(res);
    free(room);
    return nr;
}
