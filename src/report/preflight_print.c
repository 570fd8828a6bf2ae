/* SPDX-License-Identifier: BSD-2-Clause */
/* What preflight found: verdicts per VM, host and node; what was read when; what would help. */
#include "preflight_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "../base/text.h"
#include "plan_json.h"
#include "screen.h"
#include "table.h"
#include "plan_print.h"
#include "print.h"

#define LINE 512

/* So many VMs times hosts are shown one by one to people, behind where each VM goes. */
#define CELLS_SHOWN 64

/* A VM's parts on a host's nodes; more of them than this is nobody's VM. */
#define NODES_SHOWN 512

static const char *cell_verdict(const struct exclaim_preflight_cell *cell)
{
    if (!cell->fits) {
        return "no";
    }
    return cell->shape_known ? exclaim_match_shape_name(cell->shape) : "unknown";
}

/* --- for programs --- */

static void json_nodes(const struct preflight *p, const struct exclaim_preflight_cell *cell,
                       json_object *o)
{
    struct preflight_node node[NODES_SHOWN];
    uint32_t nr = preflight_nodes(p, cell->vm, cell->host, cell->fits && cell->shape_known, node,
                                  NODES_SHOWN);
    json_object *list = exclaim_json_array(o, "nodes");

    for (uint32_t i = 0; i < nr; i++) {
        json_object *item = exclaim_json_item(list);

        if (node[i].src_node != EXCLAIM_NO_NODE) {
            exclaim_json_u64(item, "source_node", node[i].src_node);
        }
        exclaim_json_u64(item, "node", node[i].node);
        exclaim_json_u64(item, "need_pages", node[i].need);
        exclaim_json_u64(item, "free_pages", node[i].free);
        exclaim_json_u64(item, "claimed_pages", node[i].claimed);
        exclaim_json_u64(item, "short_by_pages", node[i].short_by);
    }
}

static void json_vm(const struct preflight *p, uint32_t i, json_object *o)
{
    const struct exclaim_pool *pool = p->pool;
    const struct exclaim_pool_vm *vm = &pool->vm[p->vm[i]];
    const struct exclaim_plan_move *move = preflight_move(p, p->vm[i]);
    json_object *list;

    exclaim_json_str(o, "uuid", vm->uuid);
    exclaim_json_str(o, "name", vm->name);
    exclaim_json_host(o, "host", pool, vm->host);
    exclaim_json_u64(o, "total_pages", vm->total_pages);
    exclaim_json_nodes(o, "pages", vm->nr_nodes, vm->pages);
    exclaim_json_str(o, "pages_source", exclaim_provenance_name(vm->pages_source));
    exclaim_json_bool(o, "exact", vm->exact);
    if (!vm->exact) {
        exclaim_json_str(o, "exact_why", vm->why);
    }
    exclaim_json_u64(o, "arrival_pages", vm->arrival_pages);
    exclaim_json_str(o, "arrival_source", exclaim_provenance_name(vm->arrival_source));
    exclaim_json_bool(o, "fits", preflight_good(p, move));
    if (move) {
        exclaim_json_move(exclaim_json_child(o, "together"), pool, move);
    }
    list = exclaim_json_array(o, "on");
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        const struct exclaim_preflight_cell *cell = &p->result->cell[(size_t)i * p->nr_hosts + h];
        json_object *item = exclaim_json_item(list);

        exclaim_json_host(item, "host", pool, cell->host);
        exclaim_json_str(item, "verdict", cell_verdict(cell));
        exclaim_json_bool(item, "fits", cell->fits);
        exclaim_json_bool(item, "keeps_shape", cell->whole);
        exclaim_json_str(item, "guarantee", exclaim_guarantee_name(cell->guarantee));
        json_nodes(p, cell, item);
        if (!cell->whole) {
            exclaim_json_misfit(exclaim_json_child(item, "misfit"), pool, &cell->misfit);
        }
    }
}

static void json_changes(const struct preflight *p, json_object *o)
{
    const struct exclaim_pool *pool = p->pool;
    json_object *list = exclaim_json_array(o, "changes");
    char text[LINE];

    for (uint32_t i = 0; i < p->result->nr_changes; i++) {
        const struct exclaim_change *c = &p->result->change[i];
        json_object *item = exclaim_json_item(list);

        exclaim_change_text(pool, c, text, sizeof(text));
        exclaim_json_str(item, "kind", exclaim_change_kind_name(c->kind));
        exclaim_json_str(item, "text", text);
        exclaim_json_vm(item, "vm", pool, c->vm);
        exclaim_json_host(item, "host", pool, c->host);
        if (c->node != EXCLAIM_NO_NODE) {
            exclaim_json_u64(item, "node", c->node);
        }
        exclaim_json_u64(item, "pages", c->pages);
        if (c->kind == EXCLAIM_CHANGE_MOVE || c->kind == EXCLAIM_CHANGE_GIVE) {
            exclaim_json_vm(item, "other", pool, c->other);
        }
        if (c->kind == EXCLAIM_CHANGE_MOVE) {
            exclaim_json_host(item, "other_host", pool, c->other_host);
        }
    }
}

void preflight_print_json(const struct preflight *p)
{
    json_object *o = exclaim_json_schema("preflight"), *list;

    json_object_object_add(o, "time_unix_ms", json_object_new_int64(p->time_unix_ms));
    exclaim_json_bool(o, "fits", p->fits);
    exclaim_json_str(o, "least_guarantee", exclaim_guarantee_name(p->least));
    exclaim_json_proof(exclaim_json_child(o, "together"), p->pool,
                       &p->result->together->step[0].proof);
    if (p->not_held) {
        json_object *hold = exclaim_json_child(o, "hold");

        exclaim_json_bool(hold, "held", false);
        exclaim_json_str(hold, "why", p->not_held);
    }
    facts_json(o, &p->facts);
    exclaim_json_left_out(o, p->pool);
    exclaim_json_hosts(o, p->pool);
    list = exclaim_json_array(o, "vms");
    for (uint32_t i = 0; i < p->nr_vms; i++) {
        json_vm(p, i, exclaim_json_item(list));
    }
    json_changes(p, o);
    exclaim_json_print(o);
}

/* --- for people --- */

static int print_hosts(const struct preflight *p, struct exclaim_error *err)
{
    static const char *const head[] = { "HOST",    ">NODE", ">FREE",      ">CLAIMED", ">ROOM",
                                        "!SOURCE", "!READ", "!GUARANTEE", NULL };
    const struct exclaim_pool *pool = p->pool;
    bool both = false;
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; i < p->nr_hosts; i++) {
        const struct exclaim_pool_host *host = &pool->host[p->host[i]];
        struct exclaim_room room;
        char age[48];

        exclaim_plan_room(pool, p->host[i], &room);
        exclaim_ago_text(p->time_unix_ms, host->time_unix_ms, age, sizeof(age));
        for (uint32_t n = 0; n < host->nr_nodes; n++) {
            if (host->online >> n & 1) {
                table_cell(&t, "%s", exclaim_pool_host_name(pool, p->host[i]));
                table_cell(&t, "%" PRIu32, n);
                table_cell(&t, "%s", exclaim_size(host->free[n]).text);
                table_cell(&t, "%s", exclaim_size(host->claimed[n]).text);
                table_cell(&t, "%s", exclaim_size(exclaim_room_node(&room, n)).text);
                table_cell(&t, "%s", exclaim_provenance_name(host->free_source));
                table_cell(&t, "%s", age);
                table_cell(&t, "%s", "");
            }
        }
        table_cell(&t, "%s", exclaim_pool_host_name(pool, p->host[i]));
        table_cell(&t, "all");
        table_cell(&t, "%s", exclaim_size(host->host_free).text);
        table_cell(&t, "%s", exclaim_size(host->host_claimed).text);
        table_cell(&t, "%s", exclaim_size(exclaim_room_host(&room)).text);
        table_cell(&t, "%s", exclaim_provenance_name(host->host_free_source));
        table_cell(&t, "%s", age);
        if (host->one_node == host->several_nodes) {
            table_cell(&t, "%s", exclaim_guarantee_name(host->one_node));
        } else {
            table_cell(&t, "%s/%s", exclaim_guarantee_name(host->one_node),
                       exclaim_guarantee_name(host->several_nodes));
            both = true;
        }
    }
    printf("hosts as they are now:\n\n");
    table_print(&t, stdout);
    table_free(&t);
    if (both) {
        puts("GUARANTEE: of a VM on one node / on several nodes");
    }
    return 0;
}

static void cell_head(struct table *t, const struct preflight *p,
                      const struct exclaim_preflight_cell *cell)
{
    table_cell(t, "%s", exclaim_pool_host_name(p->pool, cell->host));
    table_cell(t, "%s", cell_verdict(cell));
}

static void cell_numbers(struct table *t, uint64_t need, uint64_t free, uint64_t claimed,
                         uint64_t short_by, const char *guarantee)
{
    table_cell(t, "%s", exclaim_size(need).text);
    table_cell(t, "%s", exclaim_size(free).text);
    table_cell(t, "%s", exclaim_size(claimed).text);
    table_cell(t, "%s", short_by ? exclaim_size(short_by).text : "-");
    table_cell(t, "%s", guarantee);
}

static void print_cell(struct table *t, const struct preflight *p,
                       const struct exclaim_preflight_cell *cell)
{
    const struct exclaim_misfit *m = &cell->misfit;
    const char *guarantee = cell->fits ? exclaim_guarantee_name(cell->guarantee) : "-";
    struct preflight_node node[NODES_SHOWN];
    uint32_t nr = 0;

    if (cell->whole && cell->shape_known) {
        nr = preflight_nodes(p, cell->vm, cell->host, true, node, NODES_SHOWN);
    }
    for (uint32_t i = 0; i < nr; i++) {
        cell_head(t, p, cell);
        table_cell(t, "%" PRIu32 ">%" PRIu32, node[i].src_node, node[i].node);
        cell_numbers(t, node[i].need, node[i].free, node[i].claimed, node[i].short_by, guarantee);
    }
    if (!nr && m->short_by) {
        cell_head(t, p, cell);
        if (m->node == EXCLAIM_NO_NODE) {
            table_cell(t, "all");
        } else {
            table_cell(t, "%" PRIu32 ">%" PRIu32, m->src_node, m->node);
        }
        cell_numbers(t, m->need, m->free, m->claimed, m->short_by, guarantee);
    } else if (!nr) {
        cell_head(t, p, cell);
        table_cell(t, "%s", cell->whole ? "?" : "-");
        for (int i = 0; i < 4; i++) {
            table_cell(t, "-");
        }
        table_cell(t, "%s", guarantee);
    }
}

/* What stands against it where that is no number of the table. */
static void print_no_number(const struct preflight *p, const struct exclaim_preflight_cell *cell)
{
    char text[LINE];

    if (!cell->whole && !cell->misfit.short_by && cell->misfit.why != EXCLAIM_MISFIT_SELF) {
        exclaim_misfit_text(p->pool, &cell->misfit, text, sizeof(text));
        exclaim_print("%s\n", text);
    }
}

/* A table per VM: each host, as if this VM alone went there. */
static int print_cells(const struct preflight *p, struct exclaim_error *err)
{
    static const char *const head[] = { "HOST",     "!VERDICT",  "!NODE",      ">NEED", ">FREE",
                                        ">CLAIMED", ">SHORT BY", "!GUARANTEE", NULL };

    for (uint32_t i = 0; i < p->nr_vms; i++) {
        struct table t;

        if (table_init(&t, head)) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
        }
        for (uint32_t h = 0; h < p->nr_hosts; h++) {
            print_cell(&t, p, &p->result->cell[(size_t)i * p->nr_hosts + h]);
        }
        exclaim_print("%s alone:\n\n", exclaim_pool_vm_name(p->pool, p->vm[i]));
        table_print(&t, stdout);
        table_free(&t);
        for (uint32_t h = 0; h < p->nr_hosts; h++) {
            print_no_number(p, &p->result->cell[(size_t)i * p->nr_hosts + h]);
        }
        printf("\n");
    }
    return 0;
}

/* One row per VM: how many hosts could take it, and where it goes when all go. */
static int print_vms(const struct preflight *p, struct exclaim_error *err)
{
    static const char *const head[] = { "VM",     ">SIZE",  ">HOSTS",     "GOES TO",
                                        "+NODES", "!SHAPE", "!GUARANTEE", NULL };
    const struct exclaim_pool *pool = p->pool;
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; i < p->nr_vms; i++) {
        const struct exclaim_plan_move *move = preflight_move(p, p->vm[i]);
        uint32_t whole = 0;
        char nodes[64] = "-";

        for (uint32_t h = 0; h < p->nr_hosts; h++) {
            whole += p->result->cell[(size_t)i * p->nr_hosts + h].whole;
        }
        if (move) {
            exclaim_plan_nodes_text(move, nodes, sizeof(nodes));
        }
        table_cell(&t, "%s", exclaim_pool_vm_name(pool, p->vm[i]));
        table_cell(&t, "%s", exclaim_size(pool->vm[p->vm[i]].total_pages).text);
        table_cell(&t, "%" PRIu32 " of %" PRIu32, whole, p->nr_hosts);
        table_cell(&t, "%s", move ? exclaim_pool_host_name(pool, move->to) : "stays");
        table_cell(&t, "%s", nodes);
        table_cell(&t, "%s",
                   !move               ? "-"
                   : move->shape_known ? exclaim_match_shape_name(move->shape)
                                       : "unknown");
        table_cell(&t, "%s", move ? exclaim_guarantee_name(move->guarantee) : "-");
    }
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}

static void print_changes(const struct preflight *p)
{
    const struct exclaim_preflight *r = p->result;
    char text[LINE];

    for (uint32_t i = 0; i < r->nr_changes; i++) {
        /* The smallest goes first; a host that only has to be enabled is said in any case. */
        if (i && r->change[i].vm == r->change[i - 1].vm &&
            r->change[i].kind != EXCLAIM_CHANGE_ENABLE) {
            continue;
        }
        exclaim_change_text(p->pool, &r->change[i], text, sizeof(text));
        exclaim_print("would help: %s\n", text);
    }
}

static void print_answer(const struct preflight *p)
{
    char text[LINE + 32];

    answer_of_preflight(p->pool, p->result->together, p->fits, text, sizeof(text));
    exclaim_print("%s\n", text);
}

int preflight_print_text(const struct preflight *p, struct exclaim_error *err)
{
    const struct exclaim_plan *together = p->result->together;
    const struct exclaim_pool *pool = p->pool;
    const bool cells = (size_t)p->nr_vms * p->nr_hosts <= CELLS_SHOWN;
    size_t lines = 20 + p->nr_vms + (cells ? (size_t)p->nr_vms * (p->nr_hosts + 4) : 0);
    char text[LINE];

    print_answer(p);
    printf("\n");
    if (print_vms(p, err)) {
        return -1;
    }
    puts("HOSTS: so many take it with its shape, were it alone\n");
    for (uint32_t i = 0; i < together->nr_stays; i++) {
        exclaim_misfit_text(pool, &together->stay[i], text, sizeof(text));
        exclaim_print("stays: %s\n", text);
    }
    print_apart(pool, together, 0);
    print_changes(p);
    facts_print(&p->facts);
    if (together->nr_stays || p->result->nr_changes || p->facts.nr ||
        together->step[0].proof.apart.reached) {
        printf("\n");
    }
    if (cells && print_cells(p, err)) {
        return -1;
    }
    if (print_hosts(p, err)) {
        return -1;
    }
    for (uint32_t i = 0; i < p->nr_hosts; i++) {
        lines += pool->host[p->host[i]].nr_nodes + 1;
    }
    if (screen_is_short(lines)) {
        printf("\n");
        print_answer(p);
    }
    return 0;
}
