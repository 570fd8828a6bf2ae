/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts, VMs, misfits, proofs and steps of a plan as JSON members. */
#include "plan_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE 512

static void named(json_object *o, const char *key, const char *uuid, const char *name)
{
    json_object *child = exclaim_json_child(o, key);

    exclaim_json_str(child, "uuid", uuid);
    exclaim_json_str(child, "name", name);
}

void exclaim_json_host(json_object *o, const char *key, const struct exclaim_pool *pool,
                       uint32_t host)
{
    if (host < pool->nr_hosts) {
        named(o, key, pool->host[host].uuid, pool->host[host].name);
    } else {
        json_object_object_add(o, key, NULL);
    }
}

void exclaim_json_vm(json_object *o, const char *key, const struct exclaim_pool *pool, uint32_t vm)
{
    if (vm < pool->nr_vms) {
        named(o, key, pool->vm[vm].uuid, pool->vm[vm].name);
    } else {
        json_object_object_add(o, key, NULL);
    }
}

static void nodes_of(json_object *o, const struct exclaim_pool_host *host,
                     const struct exclaim_room *room)
{
    json_object *nodes = exclaim_json_array(o, "nodes");

    for (uint32_t n = 0; n < host->nr_nodes; n++) {
        json_object *item;

        if (!(host->online >> n & 1)) {
            continue;
        }
        item = exclaim_json_item(nodes);
        exclaim_json_u64(item, "node", n);
        exclaim_json_u64(item, "free_pages", host->free[n]);
        exclaim_json_u64(item, "claimed_pages", host->claimed[n]);
        exclaim_json_u64(item, "room_pages", exclaim_room_node(room, n));
    }
}

void exclaim_json_hosts(json_object *o, const struct exclaim_pool *pool)
{
    json_object *hosts = exclaim_json_array(o, "hosts");

    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        const struct exclaim_pool_host *host = &pool->host[h];
        json_object *item = exclaim_json_item(hosts);
        struct exclaim_room room;

        exclaim_plan_room(pool, h, &room);
        exclaim_json_str(item, "uuid", host->uuid);
        exclaim_json_str(item, "name", host->name);
        exclaim_json_bool(item, "enabled", host->enabled);
        exclaim_json_bool(item, "coordinator", host->coordinator);
        exclaim_json_str(item, "xen_version", host->xen_version);
        json_object_object_add(item, "time_unix_ms", json_object_new_int64(host->time_unix_ms));
        exclaim_json_str(item, "source_nodes", exclaim_provenance_name(host->free_source));
        exclaim_json_str(item, "source_host", exclaim_provenance_name(host->host_free_source));
        exclaim_json_str(item, "guarantee_one_node", exclaim_guarantee_name(host->one_node));
        exclaim_json_str(item, "guarantee_several_nodes",
                         exclaim_guarantee_name(host->several_nodes));
        exclaim_json_u64(item, "free_pages", host->host_free);
        exclaim_json_u64(item, "claimed_pages", host->host_claimed);
        exclaim_json_u64(item, "headroom_pages", host->headroom);
        exclaim_json_u64(item, "room_pages", exclaim_room_host(&room));
        exclaim_json_u64(item, "slack_pages_per_node", host->slack);
        nodes_of(item, host, &room);
        exclaim_json_str(item, "why", host->why);
    }
}

void exclaim_json_left_out(json_object *o, const struct exclaim_pool *pool)
{
    json_object *list = NULL;

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].left_out) {
            json_object *item;

            list = list ? list : exclaim_json_array(o, "left_out");
            item = exclaim_json_item(list);
            exclaim_json_vm(item, "vm", pool, v);
            exclaim_json_host(item, "host", pool, pool->vm[v].left_out - 1);
        }
    }
}

/* As XAPI says it: code, needed and available bytes as texts. */
static void xapi_error(json_object *o, const struct exclaim_misfit *misfit)
{
    json_object *error;
    char bytes[32];
    uint64_t available;

    if (misfit->need <= misfit->free && misfit->need <= misfit->free - misfit->claimed) {
        return;
    }
    available = misfit->free > misfit->claimed ? misfit->free - misfit->claimed : 0;
    error = exclaim_json_array(o, "xapi_error");
    json_object_array_add(error, json_object_new_string("HOST_NOT_ENOUGH_FREE_MEMORY"));
    snprintf(bytes, sizeof(bytes), "%" PRIu64, misfit->need << EXCLAIM_PAGE_SHIFT);
    json_object_array_add(error, json_object_new_string(bytes));
    snprintf(bytes, sizeof(bytes), "%" PRIu64, available << EXCLAIM_PAGE_SHIFT);
    json_object_array_add(error, json_object_new_string(bytes));
}

void exclaim_json_misfit(json_object *o, const struct exclaim_pool *pool,
                         const struct exclaim_misfit *misfit)
{
    char text[LINE];

    exclaim_json_str(o, "why", exclaim_misfit_why_name(misfit->why));
    exclaim_misfit_text(pool, misfit, text, sizeof(text));
    exclaim_json_str(o, "text", text);
    if (!misfit->short_by) {
        return; /* not a matter of memory */
    }
    if (misfit->node != EXCLAIM_NO_NODE) {
        exclaim_json_u64(o, "node", misfit->node);
    }
    if (misfit->src_node != EXCLAIM_NO_NODE) {
        exclaim_json_u64(o, "source_node", misfit->src_node);
    }
    exclaim_json_u64(o, "need_pages", misfit->need);
    exclaim_json_u64(o, "free_pages", misfit->free);
    exclaim_json_u64(o, "claimed_pages", misfit->claimed);
    exclaim_json_u64(o, "short_by_pages", misfit->short_by);
    xapi_error(o, misfit);
}

static void goal(json_object *o, const char *key, const struct exclaim_plan_goal *g)
{
    json_object *child = exclaim_json_child(o, key);

    exclaim_json_u64(child, "reached", g->reached);
    exclaim_json_u64(child, "bound", g->bound);
}

void exclaim_json_proof(json_object *o, const struct exclaim_pool *pool,
                        const struct exclaim_plan_proof *proof)
{
    char text[LINE];

    exclaim_plan_proof_text(pool, proof, text, sizeof(text));
    exclaim_json_str(o, "verdict", text);
    exclaim_json_bool(o, "optimal", exclaim_plan_optimal(proof));
    exclaim_json_bool(o, "complete", exclaim_plan_complete(proof));
    exclaim_json_u64(o, "vms", proof->nr_vms);
    goal(o, "leave", &proof->leave);
    goal(o, "keep_shape", &proof->keep);
    goal(o, "apart_broken", &proof->apart);
    exclaim_json_u64(o, "search_steps", proof->steps);
}

static void node_or_null(json_object *o, const char *key, uint32_t node)
{
    json_object_object_add(o, key, node == EXCLAIM_NO_NODE ? NULL : json_object_new_uint64(node));
}

void exclaim_json_move(json_object *o, const struct exclaim_pool *pool,
                       const struct exclaim_plan_move *move)
{
    json_object *parts;

    exclaim_json_vm(o, "vm", pool, move->vm);
    exclaim_json_host(o, "from", pool, move->from);
    exclaim_json_host(o, "to", pool, move->to);
    exclaim_json_u64(o, "wave", move->wave);
    exclaim_json_u64(o, "after", move->after);
    exclaim_json_str(o, "shape",
                     move->shape_known ? exclaim_match_shape_name(move->shape) : "unknown");
    exclaim_json_bool(o, "keeps_shape", move->kept);
    exclaim_json_str(o, "guarantee", exclaim_guarantee_name(move->guarantee));
    exclaim_json_bool(o, "back", move->back);
    exclaim_json_bool(o, "temporary", move->temporary);
    exclaim_json_u64(o, "pages", move->pages);
    exclaim_json_u64(o, "arrival_pages", move->arrival_pages);
    parts = exclaim_json_array(o, "parts");
    for (uint32_t i = 0; i < move->nr_parts; i++) {
        json_object *item = exclaim_json_item(parts);

        node_or_null(item, "source_node", move->part[i].src_node);
        node_or_null(item, "node", move->part[i].dst_node);
        exclaim_json_u64(item, "pages", move->part[i].pages);
    }
}

#define PAIRS 1000

static void json_apart(json_object *o, const struct exclaim_pool *pool,
                       const struct exclaim_plan *plan, uint32_t number)
{
    struct exclaim_apart_pair *pair = calloc(PAIRS, sizeof(*pair));
    const uint32_t nr = pair ? exclaim_plan_apart(pool, plan, number, pair, PAIRS) : 0;
    json_object *list = exclaim_json_array(o, "apart_pairs");

    for (uint32_t i = 0; i < nr && i < PAIRS; i++) {
        json_object *item = exclaim_json_item(list);

        exclaim_json_vm(item, "vm", pool, pair[i].vm);
        exclaim_json_vm(item, "other", pool, pair[i].other);
        exclaim_json_host(item, "host", pool, pair[i].host);
        exclaim_json_bool(item, "before", pair[i].before);
    }
    free(pair);
}

void exclaim_json_steps(json_object *o, const struct exclaim_pool *pool,
                        const struct exclaim_plan *plan)
{
    json_object *steps = exclaim_json_array(o, "steps");

    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        const struct exclaim_plan_step *step = &plan->step[s];
        json_object *item = exclaim_json_item(steps), *list;

        exclaim_json_str(item, "kind", step->kind == EXCLAIM_STEP_BACK ? "back" : "evacuate");
        exclaim_json_host(item, "host", pool, step->host);
        exclaim_json_proof(item, pool, &step->proof);
        json_apart(item, pool, plan, s);
        list = exclaim_json_array(item, "moves");
        for (uint32_t m = 0; m < step->nr_moves; m++) {
            exclaim_json_move(exclaim_json_item(list), pool, &plan->move[step->first_move + m]);
        }
        list = exclaim_json_array(item, "stays");
        for (uint32_t i = 0; i < step->nr_stays; i++) {
            const struct exclaim_misfit *stay = &plan->stay[step->first_stay + i];
            json_object *entry = exclaim_json_item(list);

            exclaim_json_vm(entry, "vm", pool, stay->vm);
            exclaim_json_host(entry, "best_host", pool, stay->host);
            exclaim_json_misfit(entry, pool, stay);
        }
    }
}
