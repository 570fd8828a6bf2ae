/* SPDX-License-Identifier: BSD-2-Clause */
/* match: which nodes take what; and a note of where a VM that is to come should lie. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <exclaim/note.h>
#include <exclaim/uuid.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/text.h"
#include "../report/print.h"
#include "../report/table.h"
#include "cli.h"

/* What is to be known of claims whose nodes Xen does not tell; false: there are none. */
static bool untold_text(const struct exclaim_room *room, char *text, size_t size)
{
    char untold[192];

    if (!room->hidden) {
        return false;
    }
    exclaim_room_hidden_text(room, untold, sizeof(untold));
    snprintf(text, size, "%s; a claim finds out, and makes another match if need be", untold);
    return true;
}

static void print_json(const struct exclaim_match *match, const struct exclaim_room *room)
{
    json_object *o = exclaim_json_schema("match");
    char text[256];

    exclaim_json_str(o, "shape", exclaim_match_shape_name(match->shape));
    exclaim_json_u64(o, "total_pages", match->total_pages);
    exclaim_json_u64(o, "stray_pages", match->stray_pages);
    exclaim_json_parts(o, "parts", match);
    exclaim_json_nodes(o, "nodes", match->nr_nodes, match->pages);
    exclaim_json_nodes(o, "free", room->nr_nodes, room->free);
    exclaim_json_nodes(o, "claimed", room->nr_nodes, room->claimed);
    exclaim_json_u64(o, "untold_claims_pages", room->hidden);
    if (untold_text(room, text, sizeof(text))) {
        json_object_array_add(exclaim_json_array(o, "notes"), json_object_new_string(text));
    }
    exclaim_json_print(o);
}

static int print_table(const struct exclaim_match *match, const struct exclaim_room *room,
                       struct exclaim_error *err)
{
    static const char *const head[] = { "SOURCE", "NODE",     ">SIZE", ">PAGES",
                                        ">FREE",  ">CLAIMED", NULL };
    uint64_t takes = 0;
    struct table t;
    char text[256];

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; i < match->nr_parts; i++) {
        const struct exclaim_part *part = &match->part[i];

        table_cell(&t, "%" PRIu32, part->src_node);
        table_cell(&t, "%" PRIu32, part->dst_node);
        table_cell(&t, "%s", exclaim_size(part->pages).text);
        table_cell(&t, "%" PRIu64, part->pages);
        table_cell(&t, "%s", exclaim_size(room->free[part->dst_node]).text);
        table_cell(&t, "%s", exclaim_size(room->claimed[part->dst_node]).text);
        takes |= UINT64_C(1) << part->dst_node;
    }
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        if (!(takes >> n & 1) && (room->free[n] || room->claimed[n])) {
            table_cell(&t, "-");
            table_cell(&t, "%" PRIu32, n);
            table_cell(&t, "-");
            table_cell(&t, "0");
            table_cell(&t, "%s", exclaim_size(room->free[n]).text);
            table_cell(&t, "%s", exclaim_size(room->claimed[n]).text);
        }
    }
    printf("fits: shape %s, %s", exclaim_match_shape_name(match->shape),
           exclaim_size_pages(match->total_pages).text);
    if (match->stray_pages) {
        printf(", %s that stray go with the nearest part",
               exclaim_size_pages(match->stray_pages).text);
    }
    puts("\n");
    table_print(&t, stdout);
    if (untold_text(room, text, sizeof(text))) {
        exclaim_print("\nnote: %s\n", text);
    }
    table_free(&t);
    return 0;
}

/* A note for a node that is not here would be taken by nobody, and that only shown afterwards. */
static int check_nodes(struct cli *cli, const struct exclaim_note *note, struct exclaim_error *err)
{
    struct exclaim_host host;
    struct exclaim_hv *hv;
    char name[128] = "";
    int rc;

    if (cli_open(cli, &hv, NULL, err)) {
        return -1;
    }
    rc = hv->ops->host(hv, &host, err);
    hv->ops->close(hv);
    for (uint32_t n = 0; !rc && n < EXCLAIM_NODES_MAX; n++) {
        const uint32_t to = note->node[n];

        if (!(note->given >> n & 1) || (to < host.nr_nodes && host.node[to].online)) {
            continue;
        }
        if (gethostname(name, sizeof(name) - 1)) {
            name[0] = '\0';
        }
        rc = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                          "VM %s: node %" PRIu64 " for its part on node %" PRIu32
                          " is not there: the highest node of host %s is %" PRIu32 "%s",
                          cli->note, cli->node_pages[n], n, name, host.nr_nodes - 1,
                          to < host.nr_nodes ? ", and this one is offline" : "");
    }
    return rc;
}

/* --note: for the hook that receives the VM. */
static int write_note(struct cli *cli, struct exclaim_error *err)
{
    const unsigned int seconds = cli->seconds ? cli->seconds : 600u;
    struct exclaim_note note = {
        .given = cli->nodes_given,
        .expires_boot_ms = exclaim_now_boot_ms() + seconds * INT64_C(1000),
    };
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    json_object *o;

    if (cli->record || cli->arg || !cli->nodes_given || !exclaim_uuid_parse(cli->note, uuid)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--note takes a uuid, and --node SOURCE=NODE for each part");
    }
    for (uint32_t n = 0; n < cli->nr_nodes; n++) {
        note.node[n] = cli->node_pages[n] < EXCLAIM_NODES_MAX ? (uint32_t)cli->node_pages[n]
                                                              : EXCLAIM_NODES_MAX;
    }
    if (check_nodes(cli, &note, err) ||
        exclaim_note_write(cli->config.lock_dir, uuid, &note, err)) {
        return -1;
    }
    if (cli->json) {
        o = exclaim_json_schema("match");
        exclaim_json_str(o, "noted", cli->note);
        exclaim_json_u64(o, "seconds", seconds);
        json_object_object_add(
            o, "expires_unix_ms",
            json_object_new_int64(exclaim_now_unix_ms() + seconds * INT64_C(1000)));
        exclaim_json_print(o);
    } else {
        printf("noted for VM %s for %u s, nothing is held\n", cli->note, seconds);
    }
    return 0;
}

int verb_match(struct cli *cli, struct exclaim_error *err)
{
    struct exclaim_reservation res;
    struct exclaim_domain dom;
    struct exclaim_match match;
    struct exclaim_room room;
    struct exclaim_hv *hv;
    int rc = -1;

    if (cli->note) {
        return write_note(cli, err);
    }
    if (!cli->record) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--record FILE is needed");
    }
    if (cli->nr_nodes || cli->seconds) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s goes with --note UUID",
                            cli->nr_nodes ? "--node SOURCE=NODE" : "--seconds N");
    }
    if (cli_read_record(cli->record, &res, err) || cli_open(cli, &hv, &dom, err)) {
        return -1;
    }
    if (cli_match(cli, hv, cli->arg ? &dom : NULL, &res, &room, &match, err)) {
        goto out;
    }
    if (cli->json) {
        print_json(&match, &room);
        rc = 0;
    } else {
        rc = print_table(&match, &room, err);
    }

out:
    hv->ops->close(hv);
    return rc;
}
