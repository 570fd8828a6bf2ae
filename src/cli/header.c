/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim header`: decodes and checks a record, alone or in a whole stream. */
#include <errno.h>
#include <inttypes.h>

#include <stdlib.h>

#include <exclaim/layout.h>
#include <exclaim/uuid.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/text.h"
#include "../report/layout_print.h"
#include "../report/print.h"
#include "../report/table.h"
#include "cli.h"

static const char *soft_name(const struct exclaim_reservation *res)
{
    return res->soft_affinity == EXCLAIM_SOFT_USER        ? "user"
           : res->soft_affinity == EXCLAIM_SOFT_AUTOMATIC ? "automatic"
                                                          : "unknown";
}

static void print_json(const struct exclaim_reservation *res, const struct exclaim_layout *layout,
                       const char *why)
{
    json_object *o = exclaim_json_schema("header"), *rows = NULL;
    char uuid[EXCLAIM_UUID_TEXT];

    exclaim_uuid_format(res->uuid, uuid);
    exclaim_json_str(o, "uuid", uuid);
    exclaim_json_str(o, "source_host", res->source_host);
    exclaim_json_str(o, "xen", res->xen_version);
    exclaim_json_count(o, &res->count);
    exclaim_json_u64(o, "max_pages", res->max_pages);
    exclaim_json_u64(o, "shared_pages", res->shared_pages);
    exclaim_json_u64(o, "paged_pages", res->paged_pages);
    exclaim_json_u64(o, "paging_pool_bytes", res->paging_pool_bytes);
    exclaim_json_u64(o, "vcpus", res->vcpus);
    exclaim_json_u64(o, "time_unix_ms", res->time_unix_ms);
    exclaim_json_str(o, "soft_affinity", soft_name(res));
    rows = exclaim_json_array(o, "node_distances");
    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        json_object *row = json_object_new_array();

        json_object_array_add(rows, row);
        for (uint32_t j = 0; j < res->count.nr_nodes; j++) {
            json_object_array_add(row, json_object_new_uint64(res->distance[i][j]));
        }
    }
    if (!layout->len) {
        exclaim_json_str(exclaim_json_child(o, "layout"), "why", why);
    }
    layout_print_object(o, layout->len ? layout : NULL);
}

static int print_table(const struct exclaim_reservation *res, struct exclaim_error *err)
{
    static const char *const head[] = { "NODE", ">SIZE", ">PAGES", NULL };
    char uuid[EXCLAIM_UUID_TEXT], age[48];
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    exclaim_uuid_format(res->uuid, uuid);
    exclaim_print("VM %s from %s (Xen %s), counted by %s\n", uuid, res->source_host,
                  res->xen_version, exclaim_provenance_name(res->count.method));
    printf("at most %s, paging pool %s, %" PRIu32 " vCPU%s\n", exclaim_size(res->max_pages).text,
           exclaim_size(res->paging_pool_bytes >> EXCLAIM_PAGE_SHIFT).text, res->vcpus,
           exclaim_s(res->vcpus));
    printf("soft affinity: %s; shared: %s, paged out: %s", soft_name(res),
           exclaim_size(res->shared_pages).text, exclaim_size(res->paged_pages).text);
    exclaim_ago_text(exclaim_now_unix_ms(), (int64_t)res->time_unix_ms, age, sizeof(age));
    printf("%s%s\n", *age ? "; read " : "", age);
    for (uint32_t n = 0; n < res->count.nr_nodes; n++) {
        exclaim_print_distances(!n, n, res->distance[n], res->count.nr_nodes);
    }
    puts("\n");
    for (uint32_t n = 0; exclaim_count_usable(&res->count) && n < res->count.nr_nodes; n++) {
        table_cell(&t, "%" PRIu32, n);
        table_cell(&t, "%s", exclaim_size(res->count.pages[n]).text);
        table_cell(&t, "%" PRIu64, res->count.pages[n]);
    }
    table_cell(&t, "total");
    table_cell(&t, "%s", exclaim_size(res->count.total_pages).text);
    table_cell(&t, "%" PRIu64, res->count.total_pages);
    table_print(&t, stdout);
    if (!res->count.exact) {
        exclaim_print("\nnot exact: %s\n", res->count.why);
    }
    table_free(&t);
    return 0;
}

int verb_header(struct cli *cli, struct exclaim_error *err)
{
    struct exclaim_error no_layout = { 0 };
    struct exclaim_layout layout = { 0 };
    struct exclaim_reservation res;
    void *runs;
    int rc = 0;

    if (cli_read_record(cli->arg, &res, err)) {
        return -1;
    }
    runs = malloc(EXCLAIM_LAYOUT_MAX);
    if (!runs) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "layout");
    }
    exclaim_layout_unpack(&res, runs, &layout, &no_layout);
    if (cli->json) {
        print_json(&res, &layout, no_layout.text);
    } else {
        rc = print_table(&res, err);
        if (!rc && layout.len) {
            layout_print_text(&layout);
        } else if (!rc) {
            printf("\nno layout: %s\n", no_layout.text);
        }
    }
    free(runs);
    return rc;
}
