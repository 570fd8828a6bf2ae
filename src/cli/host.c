/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim host`: memory per node, claims and headroom of this host; its part of a snapshot. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <exclaim/pool.h>

#include "../base/json.h"
#include "../base/text.h"
#include "../report/print.h"
#include "../report/table.h"
#include "cli.h"

/* The same with all claims on the node whose nodes Xen does not tell. */
static void at_worst(const struct exclaim_room *room, struct exclaim_room *worst)
{
    *worst = *room;
    exclaim_room_cautious(worst);
}

/* "1.7 GiB", or "1.7 GiB-2.0 GiB" where Xen does not tell. */
static void range(struct table *t, uint64_t low, uint64_t high)
{
    if (low == high) {
        table_cell(t, "%s", exclaim_size(low).text);
    } else {
        table_cell(t, "%s-%s", exclaim_size(low).text, exclaim_size(high).text);
    }
}

/* Where the claims per node come from. */
static void source_text(const struct exclaim_host *host, const struct exclaim_room *room,
                        const struct exclaim_caps *caps, char *text, size_t size)
{
    if (host->nr_nodes && host->node[0].claimed_known) {
        snprintf(text, size, "claims per node as Xen knows them");
    } else if (!exclaim_claims_are_hidden(caps)) {
        snprintf(text, size,
                 "claims per node of migrations in the ledger only, this Xen knows none");
    } else if (room->hidden) {
        exclaim_room_hidden_text(room, text, size);
    } else {
        snprintf(text, size,
                 "claims per node of migrations in the ledger only: this Xen holds "
                 "them and does not tell them, but nobody else claims now");
    }
}

static void print_json(const struct exclaim_host *host, const struct exclaim_room *room,
                       const struct exclaim_caps *caps)
{
    json_object *o = exclaim_json_schema("host"), *nodes;
    struct exclaim_room worst;
    char text[192];

    at_worst(room, &worst);
    source_text(host, room, caps, text, sizeof(text));
    exclaim_json_u64(o, "total_pages", host->total_pages);
    exclaim_json_u64(o, "free_pages", host->free_pages);
    exclaim_json_u64(o, "outstanding_pages", host->outstanding_pages);
    exclaim_json_u64(o, "headroom_pages", room->headroom);
    exclaim_json_u64(o, "claimable_pages", exclaim_room_host(room));
    exclaim_json_u64(o, "untold_claims_pages", room->hidden);
    exclaim_json_str(o, "claims", text);
    nodes = exclaim_json_array(o, "nodes");
    for (uint32_t n = 0; n < host->nr_nodes; n++) {
        json_object *item, *distances;

        if (!host->node[n].online) {
            continue;
        }
        item = exclaim_json_item(nodes);
        exclaim_json_u64(item, "node", n);
        exclaim_json_u64(item, "free_pages", room->free[n]);
        exclaim_json_u64(item, "claimed_pages", room->claimed[n]);
        exclaim_json_u64(item, "claimable_pages", exclaim_room_node(room, n));
        exclaim_json_bool(item, "claimed_known", host->node[n].claimed_known);
        if (room->hidden) {
            exclaim_json_u64(item, "claimed_at_most_pages", worst.claimed[n]);
            exclaim_json_u64(item, "claimable_at_least_pages", exclaim_room_node(&worst, n));
        }
        distances = exclaim_json_array(item, "distances");
        for (uint32_t m = 0; m < host->nr_nodes; m++) {
            json_object_array_add(distances, json_object_new_uint64(host->node[n].distance[m]));
        }
    }
    exclaim_json_print(o);
}

static int print_table(const struct exclaim_host *host, const struct exclaim_room *room,
                       const struct exclaim_caps *caps, struct exclaim_error *err)
{
    static const char *const head[] = { "NODE", ">FREE", ">CLAIMED", ">CLAIMABLE", ">PAGES", NULL };
    struct exclaim_room worst;
    struct table t;
    char text[192];

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    at_worst(room, &worst);
    for (uint32_t n = 0; n < host->nr_nodes; n++) {
        if (host->node[n].online) {
            table_cell(&t, "%" PRIu32, n);
            table_cell(&t, "%s", exclaim_size(room->free[n]).text);
            range(&t, room->claimed[n], worst.claimed[n]);
            range(&t, exclaim_room_node(&worst, n), exclaim_room_node(room, n));
            table_cell(&t, "%" PRIu64, exclaim_room_node(room, n));
        }
    }
    table_cell(&t, "host");
    table_cell(&t, "%s", exclaim_size(host->free_pages).text);
    table_cell(&t, "%s", exclaim_size(host->outstanding_pages).text);
    table_cell(&t, "%s", exclaim_size(exclaim_room_host(room)).text);
    table_cell(&t, "%" PRIu64, exclaim_room_host(room));
    table_print(&t, stdout);
    source_text(host, room, caps, text, sizeof(text));
    puts("\nPAGES: claimable ones, of 4 KiB");
    printf("memory of the host: %s, headroom: %s\n", exclaim_size(host->total_pages).text,
           exclaim_size(room->headroom).text);
    exclaim_print("%s\n", text);
    for (uint32_t n = 0, told = 0; n < host->nr_nodes; n++) {
        if (host->node[n].online) {
            exclaim_print_distances(!told++, n, host->node[n].distance, host->nr_nodes);
        }
    }
    putchar('\n');
    table_free(&t);
    return 0;
}

static int write_snapshot(struct cli *cli, struct exclaim_hv *hv, const struct exclaim_room *room,
                          struct exclaim_error *err)
{
    struct exclaim_pool pool;
    char *text = NULL;
    int rc = -1;

    if (exclaim_pool_take(hv, &cli->config, room, &pool, err)) {
        return -1;
    }
    if (!exclaim_pool_json(&pool, 0, &text, err)) {
        rc = puts(text) < 0 ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "write") : 0;
    }
    free(text);
    exclaim_pool_free(&pool);
    return rc;
}

int verb_host(struct cli *cli, struct exclaim_error *err)
{
    struct exclaim_host host;
    struct exclaim_room room;
    struct exclaim_caps caps;
    struct exclaim_hv *hv;
    int rc = -1;

    if (cli_open(cli, &hv, NULL, err)) {
        return -1;
    }
    if (hv->ops->caps(hv, &caps, err) || hv->ops->host(hv, &host, err) ||
        cli_room(cli, hv, NULL, &room, err)) {
        goto out;
    }
    if (cli->snapshot) {
        rc = write_snapshot(cli, hv, &room, err);
    } else if (cli->json) {
        print_json(&host, &room, &caps);
        rc = 0;
    } else {
        rc = print_table(&host, &room, &caps, err);
    }

out:
    hv->ops->close(hv);
    return rc;
}
