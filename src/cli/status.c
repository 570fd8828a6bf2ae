/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/ledger.h>
#include <exclaim/uuid.h>

#include "../report/json.h"
#include "../report/table.h"
#include "cli.h"

#define LAST_REPORTS  10
#define MAX_LEFTOVERS 64

struct status {
    struct exclaim_ledger *ledger;
    uint32_t pruned;
    uint32_t nr_leftovers;
    struct exclaim_domain leftover[MAX_LEFTOVERS];
    json_object *report[LAST_REPORTS]; /* oldest first */
    uint32_t nr_reports;               /* all lines of the file */
};

static bool in_ledger(const struct status *st, uint32_t domid)
{
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        const struct exclaim_ledger_entry *e = exclaim_ledger_at(st->ledger, i);

        if (atomic_load(&e->state) != EXCLAIM_ENTRY_FREE && e->domid == domid) {
            return true;
        }
    }
    return false;
}

/* Claims of domains that no migration of ours is filling: a toolstack's build, or a leftover. */
static int find_leftovers(struct status *st, struct exclaim_hv *hv, struct exclaim_error *err)
{
    struct exclaim_domain dom;
    uint32_t domid = 0;
    int r;

    while ((r = hv->ops->next_domain(hv, domid, &dom, err)) > 0) {
        domid = dom.domid + 1;
        if (dom.outstanding_pages && !in_ledger(st, dom.domid) &&
            st->nr_leftovers < MAX_LEFTOVERS) {
            hv->ops->domain_name(hv, dom.domid, dom.name, sizeof(dom.name), NULL);
            st->leftover[st->nr_leftovers++] = dom;
        }
    }
    return r;
}

static int read_reports(struct status *st, const char *path, struct exclaim_error *err)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    if (!f) {
        return errno == ENOENT ? 0 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    while (getline(&line, &size, f) >= 0) {
        json_object *o = json_tokener_parse(line);

        if (!o) {
            continue; /* a line cut by a full disk */
        }
        json_object_put(st->report[st->nr_reports % LAST_REPORTS]);
        st->report[st->nr_reports++ % LAST_REPORTS] = o;
    }
    free(line);
    fclose(f);
    return 0;
}

static const char *text_of(json_object *o, const char *key)
{
    json_object *value;

    return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

/* The i-th of the reports kept, oldest first. */
static json_object *report_at(const struct status *st, uint32_t i)
{
    uint32_t kept = st->nr_reports < LAST_REPORTS ? st->nr_reports : LAST_REPORTS;

    return i < kept ? st->report[(st->nr_reports - kept + i) % LAST_REPORTS] : NULL;
}

static uint64_t sum_placed(const struct exclaim_ledger_entry *e, uint64_t *target)
{
    uint64_t placed = 0;

    *target = 0;
    for (uint32_t n = 0; n < e->nr_nodes && n < EXCLAIM_NODES_MAX; n++) {
        placed += atomic_load(&e->placed[n]);
        *target += e->target[n];
    }
    return placed;
}

static int print_entries(const struct status *st, struct exclaim_error *err)
{
    static const char *const head[] = {
        "DOMID", "UUID", "GUARANTEE", ">PLACED", ">OF", ">PID", NULL
    };
    uint32_t nr = 0;
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        const struct exclaim_ledger_entry *e = exclaim_ledger_at(st->ledger, i);
        char uuid[EXCLAIM_UUID_TEXT];
        uint64_t placed, target;

        if (atomic_load(&e->state) == EXCLAIM_ENTRY_FREE) {
            continue;
        }
        nr++;
        exclaim_uuid_format(e->uuid, uuid);
        placed = sum_placed(e, &target);
        table_cell(&t, "%" PRIu32, e->domid);
        table_cell(&t, "%s", uuid);
        table_cell(&t, "%s", exclaim_guarantee_name((enum exclaim_guarantee)e->guarantee));
        table_cell(&t, "%" PRIu64, placed);
        table_cell(&t, "%" PRIu64, target);
        table_cell(&t, "%" PRId32, e->pid);
    }
    printf("migrations in flight: %" PRIu32 "\n", nr);
    if (nr) {
        table_print(&t, stdout);
    }
    table_free(&t);
    return 0;
}

static int print_reports(const struct status *st, struct exclaim_error *err)
{
    static const char *const head[] = { "ROLE",       "OUTCOME", "GUARANTEE", "EXACT", "DOMID",
                                        ">DEVIATION", "UUID",    "WHY",       NULL };
    json_object *o;
    struct table t;

    if (!st->nr_reports) {
        puts("\nno reports yet");
        return 0;
    }
    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; (o = report_at(st, i)); i++) {
        const char *error = text_of(o, "error");

        table_cell(&t, "%s", text_of(o, "role"));
        table_cell(&t, "%s", text_of(o, "outcome"));
        table_cell(&t, "%s", text_of(o, "guarantee"));
        table_cell(&t, "%s", text_of(o, "exact"));
        table_cell(&t, "%s", text_of(o, "domid"));
        table_cell(&t, "%s", text_of(o, "deviation_pages"));
        table_cell(&t, "%s", text_of(o, "uuid"));
        table_cell(&t, "%s", *error ? error : text_of(o, "why"));
    }
    puts("\nlast reports:");
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}

static int print_text(const struct status *st, struct exclaim_error *err)
{
    if (print_entries(st, err) || print_reports(st, err)) {
        return -1;
    }
    printf("\nclaims outside of migrations: %" PRIu32 "\n", st->nr_leftovers);
    for (uint32_t i = 0; i < st->nr_leftovers; i++) {
        printf("  domain %" PRIu32 " %s: %" PRIu64 " pages\n", st->leftover[i].domid,
               st->leftover[i].name, st->leftover[i].outstanding_pages);
    }
    if (st->pruned) {
        printf("\n%" PRIu32 " entries of ended processes removed\n", st->pruned);
    }
    return 0;
}

static void print_json(const struct status *st)
{
    json_object *o = exclaim_json_schema("status"), *list, *item;

    list = exclaim_json_array(o, "migrations");
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        const struct exclaim_ledger_entry *e = exclaim_ledger_at(st->ledger, i);
        uint64_t placed[EXCLAIM_NODES_MAX];
        char uuid[EXCLAIM_UUID_TEXT];

        if (atomic_load(&e->state) == EXCLAIM_ENTRY_FREE) {
            continue;
        }
        exclaim_uuid_format(e->uuid, uuid);
        for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
            placed[n] = atomic_load(&e->placed[n]);
        }
        item = exclaim_json_item(list);
        exclaim_json_u64(item, "domid", e->domid);
        exclaim_json_str(item, "uuid", uuid);
        exclaim_json_u64(item, "pid", (uint64_t)e->pid);
        exclaim_json_str(item, "guarantee",
                         exclaim_guarantee_name((enum exclaim_guarantee)e->guarantee));
        exclaim_json_nodes(item, "target", EXCLAIM_NODES_MAX, e->target);
        exclaim_json_nodes(item, "placed", EXCLAIM_NODES_MAX, placed);
        exclaim_json_u64(item, "started_unix_ms", e->started_ms);
    }
    list = exclaim_json_array(o, "reports");
    for (uint32_t i = 0; (item = report_at(st, i)); i++) {
        json_object_array_add(list, json_object_get(item));
    }
    list = exclaim_json_array(o, "other_claims");
    for (uint32_t i = 0; i < st->nr_leftovers; i++) {
        item = exclaim_json_item(list);
        exclaim_json_u64(item, "domid", st->leftover[i].domid);
        exclaim_json_str(item, "name", st->leftover[i].name);
        exclaim_json_u64(item, "outstanding_pages", st->leftover[i].outstanding_pages);
    }
    exclaim_json_u64(o, "removed_entries", st->pruned);
    cli_print_json(o);
}

static void print_prom(const struct status *st)
{
    uint64_t placed = 0, target = 0, left = 0, nr = 0;

    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        const struct exclaim_ledger_entry *e = exclaim_ledger_at(st->ledger, i);
        uint64_t one;

        if (atomic_load(&e->state) != EXCLAIM_ENTRY_FREE) {
            nr++;
            placed += sum_placed(e, &one);
            target += one;
        }
    }
    for (uint32_t i = 0; i < st->nr_leftovers; i++) {
        left += st->leftover[i].outstanding_pages;
    }
    printf("# HELP exclaim_migrations_in_flight Entries of the ledger.\n"
           "# TYPE exclaim_migrations_in_flight gauge\n"
           "exclaim_migrations_in_flight %" PRIu64 "\n"
           "# HELP exclaim_target_bytes Memory to be placed for migrations in flight.\n"
           "# TYPE exclaim_target_bytes gauge\n"
           "exclaim_target_bytes %" PRIu64 "\n"
           "# HELP exclaim_placed_bytes Of that, placed on its node.\n"
           "# TYPE exclaim_placed_bytes gauge\n"
           "exclaim_placed_bytes %" PRIu64 "\n"
           "# HELP exclaim_other_claims_bytes Claims of domains that no migration is filling.\n"
           "# TYPE exclaim_other_claims_bytes gauge\n"
           "exclaim_other_claims_bytes %" PRIu64 "\n"
           "# HELP exclaim_reports_total Lines in the report file.\n"
           "# TYPE exclaim_reports_total counter\n"
           "exclaim_reports_total %" PRIu32 "\n",
           nr, target << EXCLAIM_PAGE_SHIFT, placed << EXCLAIM_PAGE_SHIFT,
           left << EXCLAIM_PAGE_SHIFT, st->nr_reports);
}

int verb_status(struct cli *cli, struct exclaim_error *err)
{
    struct status *st = calloc(1, sizeof(*st));
    struct exclaim_hv *hv = NULL;
    int rc = -1;

    if (!st) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "status");
    }
    if (exclaim_ledger_open(cli->config.lock_dir, &st->ledger, err) ||
        exclaim_ledger_lock(st->ledger, 10000, err)) {
        goto out;
    }
    st->pruned = exclaim_ledger_prune(st->ledger);
    exclaim_ledger_unlock(st->ledger);
    if (read_reports(st, cli->config.report_file, err) || cli_open(cli, &hv, NULL, err) ||
        find_leftovers(st, hv, err)) {
        goto out;
    }
    rc = 0;
    if (cli->prom) {
        print_prom(st);
    } else if (cli->json) {
        print_json(st);
    } else {
        rc = print_text(st, err);
    }

out:
    if (hv) {
        hv->ops->close(hv);
    }
    for (uint32_t i = 0; i < LAST_REPORTS; i++) {
        json_object_put(st->report[i]);
    }
    exclaim_ledger_close(st->ledger);
    free(st);
    return rc;
}
