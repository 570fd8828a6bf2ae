/* SPDX-License-Identifier: BSD-2-Clause */
/* preflight: would these VMs fit there, exactly? */
#include "preflight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../report/html.h"

/*
 * A claim belongs to one domain and cannot be handed to another.  Held for a placeholder it would
 * have to go just before the VM that it is for claims its own, and until then that VM's preflight,
 * and every other toolstack's, would see the memory as taken; on other hosts it cannot be staked at
 * all.
 */
#define NOT_HELD                                                                                   \
    "a claim belongs to one domain and cannot be handed to the VM that arrives: a placeholder's "  \
    "would have to go just before it claims its own; each migration's own claim is what holds"

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
    uint64_t slack = room->slack, headroom = room->headroom;
    uint32_t nr = 0;

    room->slack += loose;
    room->headroom += loose;
    if (match && !exclaim_match(res, room, &opt, match, NULL)) {
        room->slack = slack;
        for (uint32_t i = 0; i < match->nr_parts && nr < max; i++) {
            nr += add_node(room, match->part[i].src_node, match->part[i].dst_node,
                           match->part[i].pages + loose, &out[nr]);
        }
    }
    room->slack = slack;
    room->headroom = headroom;
    free(match);
    return nr;
}

uint32_t preflight_nodes(const struct preflight *p, uint32_t vm, uint32_t host, bool chosen,
                         struct preflight_node *out, uint32_t max)
{
    const struct exclaim_pool_vm *v = &p->from->pool.vm[vm];
    struct exclaim_reservation *res = calloc(1, sizeof(*res));
    struct exclaim_room *room = calloc(1, sizeof(*room));
    uint64_t loose = v->arrival_pages;
    uint32_t nr = 0;

    if (!res || !room) {
        goto out;
    }
    exclaim_plan_room(&p->from->pool, host, room);
    exclaim_plan_reservation(&p->from->pool, vm, res);
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

static int parse_guarantee(const char *name, enum exclaim_guarantee *least,
                           struct exclaim_error *err)
{
    *least = EXCLAIM_GUARANTEE_HOST;
    if (!name) {
        return 0;
    }
    for (int g = EXCLAIM_GUARANTEE_NONE; g <= EXCLAIM_GUARANTEE_NODE_SET; g++) {
        if (!strcmp(name, exclaim_guarantee_name((enum exclaim_guarantee)g))) {
            *least = (enum exclaim_guarantee)g;
            return 0;
        }
    }
    return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                        "--guarantee \"%s\" is not none, host, node or node-set", name);
}

/* VMs that all run on one host have no use for it as a destination. */
static bool all_on_one(const struct exclaim_pool *pool, const struct preflight *p, uint32_t *host)
{
    *host = p->nr_vms ? pool->vm[p->vm[0]].host : EXCLAIM_NO_HOST;
    for (uint32_t i = 0; i < p->nr_vms; i++) {
        if (pool->vm[p->vm[i]].host != *host) {
            return false;
        }
    }
    return *host != EXCLAIM_NO_HOST;
}

/* The VMs of --host and those of --vm, each once, and where they might go. */
static int who_and_where(struct cli *cli, struct preflight *p, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = &p->from->pool;
    uint32_t *from = NULL, alone;
    int rc = -1;

    if (cli_hosts(pool, cli->hosts.name, cli->hosts.nr, &from, err) ||
        cli_vms_on(pool, from, cli->hosts.nr, &p->vm, &p->nr_vms, err)) {
        goto out;
    }
    for (uint32_t i = 0; i < cli->vms.nr; i++) {
        uint32_t vm, at = 0;

        if (cli_vm(pool, cli->vms.name[i], &vm, err)) {
            goto out;
        }
        while (at < p->nr_vms && p->vm[at] != vm) {
            at++;
        }
        if (at == p->nr_vms) {
            p->vm[p->nr_vms++] = vm; /* there is room for all VMs of the pool */
        }
    }
    if (!cli->hosts.nr && all_on_one(pool, p, &alone)) {
        rc = cli_targets(pool, &cli->to, &alone, 1, &p->host, &p->nr_hosts, err);
    } else {
        rc = cli_targets(pool, &cli->to, from, cli->hosts.nr, &p->host, &p->nr_hosts, err);
    }

out:
    free(from);
    return rc;
}

static bool all_good(const struct preflight *p)
{
    for (uint32_t i = 0; i < p->nr_vms; i++) {
        if (!preflight_good(p, preflight_move(p, p->vm[i]))) {
            return false;
        }
    }
    return true;
}

int verb_preflight(struct cli *cli, struct exclaim_error *err)
{
    struct cli_pool from = { 0 };
    struct preflight p = { .from = &from, .not_held = cli->hold ? NOT_HELD : NULL };
    int rc = -1;

    if (!cli->hosts.nr && !cli->vms.nr) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "which VMs? --host HOST names all of a host, --vm VM one");
    }
    if (parse_guarantee(cli->guarantee, &p.least, err) ||
        cli_pool_open(cli, NULL, NULL, &from, err)) {
        return -1;
    }
    cli_plan_options(cli, &p.opt);
    if (who_and_where(cli, &p, err) ||
        exclaim_preflight(&from.pool, p.vm, p.nr_vms, p.host, p.nr_hosts, &p.opt, &p.result, err)) {
        goto out;
    }
    p.fits = all_good(&p);
    if (cli->html &&
        exclaim_html_preflight(cli->html, &from.pool, p.result, from.time_unix_ms, err)) {
        goto out;
    }
    if (cli->json) {
        preflight_print_json(&p);
    } else if (preflight_print_text(&p, err)) {
        goto out;
    }
    rc = p.fits ? 0 : 3;
    if (p.fits && p.not_held) {
        rc = exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "not held: %s", p.not_held);
    }

out:
    exclaim_preflight_free(p.result);
    free(p.vm);
    free(p.host);
    cli_pool_close(&from);
    return rc;
}
