/* SPDX-License-Identifier: BSD-2-Clause */
/* What `exclaim status` shows: for people, as JSON. */
#include "status_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <exclaim/uuid.h>

#include "../base/clock.h"
#include "../base/jread.h"
#include "../base/json.h"
#include "../base/text.h"
#include "print.h"
#include "table.h"

const struct exclaim_ledger_entry *status_entry(const struct status *st, uint32_t i, bool *unseen)
{
    const struct exclaim_ledger_entry *e = exclaim_ledger_at(st->ledger, i);
    const enum exclaim_ledger_use use = exclaim_ledger_use(e);

    *unseen = use == EXCLAIM_USE_UNKNOWN;
    return use == EXCLAIM_USE_GONE ? NULL : e;
}

/* "yes", "no", or "-" where nothing is said. */
static const char *yes_of(json_object *o, const char *key)
{
    json_object *value;

    if (!json_object_object_get_ex(o, key, &value)) {
        return "-";
    }
    return json_object_get_boolean(value) ? "yes" : "no";
}

/* A number of pages as people read it; "-" where there is none. */
static struct exclaim_size size_of(json_object *o, const char *key)
{
    json_object *value;

    if (!json_object_object_get_ex(o, key, &value)) {
        return (struct exclaim_size){ "-" };
    }
    return exclaim_size((uint64_t)json_object_get_int64(value));
}

/* The i-th of the reports kept, oldest first. */
static json_object *report_at(const struct status *st, uint32_t i)
{
    uint32_t kept = st->nr_reports < LAST_REPORTS ? st->nr_reports : LAST_REPORTS;

    return i < kept ? st->report[(st->nr_reports - kept + i) % LAST_REPORTS] : NULL;
}

uint64_t status_placed(const struct exclaim_ledger_entry *e, uint64_t *target)
{
    uint64_t placed = 0;

    *target = 0;
    for (uint32_t n = 0; n < e->nr_nodes && n < EXCLAIM_NODES_MAX; n++) {
        placed += atomic_load(&e->placed[n]);
        *target += e->target[n];
    }
    return placed;
}

/* Node by node: what is to be placed, what has been, in extents of which size. */
static int print_nodes(const struct status *st, struct exclaim_error *err)
{
    static const char *const head[] = { "!DOMID", ">NODE", ">PLACED", ">OF",
                                        ">4KIB",  ">2MIB", ">1GIB",   NULL };
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        bool unseen;
        const struct exclaim_ledger_entry *e = status_entry(st, i, &unseen);

        for (uint32_t n = 0; e && n < e->nr_nodes && n < EXCLAIM_NODES_MAX; n++) {
            const uint64_t placed = atomic_load(&e->placed[n]);

            if (!placed && !e->target[n]) {
                continue;
            }
            table_cell(&t, "%" PRIu32, e->domid);
            table_cell(&t, "%" PRIu32, n);
            table_cell(&t, "%s", exclaim_size(placed).text);
            table_cell(&t, "%s", exclaim_size(e->target[n]).text);
            for (unsigned int k = 0; k < EXCLAIM_EXTENTS; k++) {
                table_cell(&t, "%" PRIu64, atomic_load(&e->extents[n][k]));
            }
        }
    }
    printf("\n");
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}

static int print_entries(const struct status *st, struct exclaim_error *err)
{
    static const char *const head[] = { "!DOMID", "!UUID", "!GUARANTEE", ">PLACED", ">OF", NULL };
    static const char *const more[] = { "!DOMID", ">KEPT", ">MOVED", ">PID",
                                        "!SINCE", "!SEEN", "NAME",   NULL };
    const int64_t now = exclaim_now_unix_ms();
    uint32_t nr = 0, nr_unseen = 0;
    struct table t, d;
    int rc = 0;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    if (table_init(&d, more)) {
        table_free(&t);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        bool unseen;
        const struct exclaim_ledger_entry *e = status_entry(st, i, &unseen);
        char uuid[EXCLAIM_UUID_TEXT], age[48];
        uint64_t placed, target;

        if (!e) {
            continue;
        }
        nr++;
        nr_unseen += unseen;
        exclaim_uuid_format(e->uuid, uuid);
        placed = status_placed(e, &target);
        table_cell(&t, "%" PRIu32, e->domid);
        table_cell(&t, "%s", uuid);
        table_cell(&t, "%s", exclaim_guarantee_name((enum exclaim_guarantee)e->guarantee));
        table_cell(&t, "%s", exclaim_size(placed).text);
        table_cell(&t, "%s", exclaim_size(target).text);
        table_cell(&d, "%" PRIu32, e->domid);
        if (atomic_load(&e->by_frame)) {
            table_cell(&d, "%s", exclaim_size(atomic_load(&e->kept)).text);
            table_cell(&d, "%s", exclaim_size(atomic_load(&e->moved)).text);
        } else {
            table_cell(&d, "-");
            table_cell(&d, "-");
        }
        table_cell(&d, "%" PRId32, e->pid);
        exclaim_age_text(now, (int64_t)e->started_ms, age, sizeof(age));
        table_cell(&d, "%s", age);
        table_cell(&d, "%s", unseen ? "no" : "yes");
        table_cell(&d, "%s", *st->name[i] ? st->name[i] : "-");
    }
    printf("migrations in flight: %" PRIu32 "\n", nr);
    if (nr) {
        printf("\n");
        table_print(&t, stdout);
        printf("\n");
        table_print(&d, stdout);
        rc = print_nodes(st, err);
        puts("4KIB, 2MIB, 1GIB: extents of that size; KEPT, MOVED: pages on the node of their "
             "frame, elsewhere;\nSEEN: whether its process can be seen from here");
    }
    if (nr_unseen) {
        printf("of %" PRIu32 " of these no process can be seen from here\n", nr_unseen);
    }
    table_free(&t);
    table_free(&d);
    return rc;
}

/* What else is known of each, and why it went as it did. */
static int print_details(const struct status *st, struct exclaim_error *err)
{
    static const char *const head[] = { "!VM",    "!DOMID", ">DEVIATION", ">KEPT",
                                        ">MOVED", "NAME",   NULL };
    json_object *o, *layout;
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; (o = report_at(st, i)); i++) {
        if (!json_object_object_get_ex(o, "layout", &layout)) {
            layout = o; /* which has none of these */
        }
        table_cell(&t, "%s", jread_text(o, "uuid"));
        table_cell(&t, "%s", jread_text(o, "domid"));
        table_cell(&t, "%s", size_of(o, "deviation_pages").text);
        table_cell(&t, "%s", size_of(layout, "kept_pages").text);
        table_cell(&t, "%s", size_of(layout, "moved_pages").text);
        table_cell(&t, "%s", *jread_text(o, "name") ? jread_text(o, "name") : "-");
    }
    puts("");
    table_print(&t, stdout);
    table_free(&t);
    puts("DEVIATION: pages on another node than they should be");
    for (uint32_t i = 0; (o = report_at(st, i)); i++) {
        static const char *const texts[] = { "error", "why", "config_error" };

        for (unsigned int k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
            const char *text = jread_text(o, texts[k]);

            if (*text) {
                exclaim_print("%s, %s: %s\n", jread_text(o, "uuid"), jread_text(o, "role"), text);
            }
        }
    }
    return 0;
}

static int print_reports(const struct status *st, struct exclaim_error *err)
{
    static const char *const head[] = { "!AGO",       "!ROLE", "!OUTCOME", "!EXACT",
                                        "!GUARANTEE", "!NOW",  "VM",       NULL };
    const int64_t now = exclaim_now_unix_ms();
    json_object *o, *time;
    struct table t;

    if (!st->nr_reports) {
        puts("\nno reports yet");
        return 0;
    }
    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; (o = report_at(st, i)); i++) {
        char age[48] = "";

        if (json_object_object_get_ex(o, "time_unix_ms", &time)) {
            exclaim_age_text(now, json_object_get_int64(time), age, sizeof(age));
        }
        table_cell(&t, "%s", age);
        table_cell(&t, "%s", jread_text(o, "role"));
        table_cell(&t, "%s", jread_text(o, "outcome"));
        table_cell(&t, "%s", yes_of(o, "exact"));
        table_cell(&t, "%s", jread_text(o, "guarantee"));
        table_cell(&t, "%s", jread_text(o, "domain"));
        table_cell(&t, "%s", jread_text(o, "uuid"));
    }
    puts("\nlast reports:\n");
    table_print(&t, stdout);
    table_free(&t);
    return print_details(st, err);
}

int status_print_text(const struct status *st, struct exclaim_error *err)
{
    if (print_entries(st, err) || print_reports(st, err)) {
        return -1;
    }
    printf("\nclaims outside of migrations: %" PRIu32 "\n", st->nr_leftovers);
    for (uint32_t i = 0; i < st->nr_leftovers; i++) {
        const struct exclaim_domain *dom = &st->leftover[i];

        exclaim_print("  domain %" PRIu32 "%s%s: %s\n", dom->domid, *dom->name ? " " : "",
                      dom->name, exclaim_size_pages(dom->outstanding_pages).text);
    }
    if (st->ended) {
        printf(st->ended == 1 ? "\n%" PRIu32 " entry of an ended process: the next migration "
                                "removes it\n"
                              : "\n%" PRIu32 " entries of ended processes: the next migration "
                                "removes them\n",
               st->ended);
    }
    return 0;
}

void status_print_json(const struct status *st)
{
    json_object *o = exclaim_json_schema("status"), *list, *item;

    list = exclaim_json_array(o, "migrations");
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        bool unseen;
        const struct exclaim_ledger_entry *e = status_entry(st, i, &unseen);
        uint64_t placed[EXCLAIM_NODES_MAX];
        uint64_t extents[EXCLAIM_NODES_MAX][EXCLAIM_EXTENTS];
        char uuid[EXCLAIM_UUID_TEXT];

        if (!e) {
            continue;
        }
        exclaim_uuid_format(e->uuid, uuid);
        for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
            placed[n] = atomic_load(&e->placed[n]);
            for (unsigned int k = 0; k < EXCLAIM_EXTENTS; k++) {
                extents[n][k] = atomic_load(&e->extents[n][k]);
            }
        }
        item = exclaim_json_item(list);
        exclaim_json_u64(item, "domid", e->domid);
        exclaim_json_str(item, "uuid", uuid);
        if (*st->name[i]) {
            exclaim_json_str(item, "name", st->name[i]);
        }
        exclaim_json_u64(item, "pid", (uint64_t)e->pid);
        exclaim_json_str(item, "guarantee",
                         exclaim_guarantee_name((enum exclaim_guarantee)e->guarantee));
        exclaim_json_nodes(item, "target", EXCLAIM_NODES_MAX, e->target);
        exclaim_json_nodes(item, "placed", EXCLAIM_NODES_MAX, placed);
        exclaim_json_extents(item, "extents", EXCLAIM_NODES_MAX, extents);
        if (atomic_load(&e->by_frame)) {
            json_object *layout = exclaim_json_child(item, "layout");

            exclaim_json_u64(layout, "kept_pages", atomic_load(&e->kept));
            exclaim_json_u64(layout, "moved_pages", atomic_load(&e->moved));
        }
        exclaim_json_u64(item, "started_unix_ms", e->started_ms);
        exclaim_json_bool(item, "process_seen", !unseen);
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
    exclaim_json_u64(o, "ended_entries", st->ended);
    exclaim_json_print(o);
}
