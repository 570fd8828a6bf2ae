/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim verify`: compares a domain's count and layout with a record or with pages by node. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <stdlib.h>

#include <exclaim/layout.h>
#include <exclaim/uuid.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/text.h"
#include "../report/print.h"
#include "../report/table.h"
#include "cli.h"

/*
 * Xen does not tell what size a domain's pages are mapped in.  What is known is how the last
 * migration to this host placed them.
 */
struct placed {
    const struct exclaim_domain *dom;
    char uuid[EXCLAIM_UUID_TEXT];
    json_object *report; /* NULL: none */
};

static bool says(json_object *o, const char *key, const char *text)
{
    json_object *value;

    return json_object_object_get_ex(o, key, &value) &&
           json_object_is_type(value, json_type_string) &&
           !strcmp(json_object_get_string(value), text);
}

static void find_placed(json_object *report, void *arg)
{
    struct placed *p = arg;
    json_object *domid, *member, *extents;

    if (says(report, "role", "destination") && says(report, "outcome", "done") &&
        says(report, "uuid", p->uuid) && json_object_object_get_ex(report, "domid", &domid) &&
        (uint64_t)json_object_get_int64(domid) == p->dom->domid &&
        json_object_object_get_ex(report, "placed", &member) &&
        json_object_object_get_ex(member, "extents", &extents) &&
        json_object_is_type(extents, json_type_array)) {
        json_object_put(p->report);
        p->report = json_object_get(report);
    }
}

/* When that was, by the report; 0 if it does not say. */
static int64_t placed_ms(const struct placed *p)
{
    json_object *time;

    return json_object_object_get_ex(p->report, "time_unix_ms", &time) ? json_object_get_int64(time)
                                                                       : 0;
}

/* Extents of that size on the node, as text; "" if there is no report. */
static const char *extents_of(const struct placed *p, uint32_t node, const char *size)
{
    json_object *placed, *list, *id, *nr;

    if (!p->report) {
        return "";
    }
    json_object_object_get_ex(p->report, "placed", &placed);
    json_object_object_get_ex(placed, "extents", &list);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_object_get_ex(item, "node", &id) &&
            (uint64_t)json_object_get_int64(id) == node &&
            json_object_object_get_ex(item, size, &nr)) {
            return json_object_get_string(nr);
        }
    }
    return "0";
}

static void difference(struct table *t, uint64_t want, uint64_t got)
{
    if (want == got) {
        table_cell(t, "none");
    } else {
        table_cell(t, "%+" PRId64 " page%s", (int64_t)got - (int64_t)want,
                   exclaim_s(got > want ? got - want : want - got));
    }
}

/* How many pages are on another node than they should be, or are missing. */
static uint64_t strayed(const struct exclaim_count *count, const uint64_t *want)
{
    uint64_t pages = 0;

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        pages += want[n] > count->pages[n] ? want[n] - count->pages[n] : 0;
    }
    return pages;
}

static int print_table(const struct exclaim_count *count, const uint64_t *want, bool same,
                       const struct placed *p, struct exclaim_error *err)
{
    static const char *const head[] = { "NODE",  ">WANTED", ">GOT",  ">DIFFERENCE",
                                        ">4KIB", ">2MIB",   ">1GIB", NULL };
    const uint64_t stray = strayed(count, want);
    char what[192];
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    if (same) {
        snprintf(what, sizeof(what), "%s lie as they should",
                 exclaim_size_pages(count->total_pages).text);
    } else if (!stray) {
        uint64_t wanted = 0;

        for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
            wanted += want[n];
        }
        snprintf(what, sizeof(what), "%s more than it should have",
                 exclaim_size_pages(count->total_pages - wanted).text);
    } else {
        snprintf(what, sizeof(what), "%s of %s are not where they should be",
                 exclaim_size_pages(stray).text, exclaim_size_pages(count->total_pages).text);
    }
    exclaim_print("domain %" PRIu32 "%s%s (%s): %s, counted by %s\n\n", p->dom->domid,
                  *p->dom->name ? " " : "", p->dom->name, p->uuid, what,
                  exclaim_provenance_name(count->method));
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (n < count->nr_nodes || want[n]) {
            table_cell(&t, "%" PRIu32, n);
            table_cell(&t, "%s", exclaim_size(want[n]).text);
            table_cell(&t, "%s", exclaim_size(count->pages[n]).text);
            difference(&t, want[n], count->pages[n]);
            table_cell(&t, "%s", extents_of(p, n, "4k"));
            table_cell(&t, "%s", extents_of(p, n, "2m"));
            table_cell(&t, "%s", extents_of(p, n, "1g"));
        }
    }
    table_print(&t, stdout);
    table_free(&t);
    if (!count->exact) {
        exclaim_print("uncertain: %s\n", count->why);
    }
    if (p->report) {
        char age[48];

        exclaim_ago_text(exclaim_now_unix_ms(), placed_ms(p), age, sizeof(age));
        exclaim_print("4KIB, 2MIB, 1GIB: extents, as its last migration to this host placed "
                      "them%s%s\n",
                      *age ? ", " : "", age);
    } else {
        puts("4KIB, 2MIB, 1GIB: not known, no report of its migration to this host");
    }
    return 0;
}

/* The layout that is wanted, and what is found of it. */
struct wanted_layout {
    void *runs;
    struct exclaim_layout layout;
    struct exclaim_layout_compare compare;
    struct exclaim_error why; /* why nothing can be said of it; an empty text if something can */
};

static void print_json(const struct exclaim_domain *dom, const struct exclaim_count *count,
                       const uint64_t *want, bool exact, const struct placed *p,
                       const struct wanted_layout *l)
{
    json_object *o = exclaim_json_schema("verify"), *placed;

    exclaim_json_u64(o, "domid", dom->domid);
    exclaim_json_str(o, "uuid", p->uuid);
    exclaim_json_str(o, "name", dom->name);
    exclaim_json_nodes(o, "wanted", EXCLAIM_NODES_MAX, want);
    exclaim_json_count(exclaim_json_child(o, "got"), count);
    exclaim_json_bool(o, "exact", exact && count->exact);
    exclaim_json_bool(o, "same", exact);
    exclaim_json_u64(o, "deviation_pages", strayed(count, want));
    if (l) {
        json_object *layout = exclaim_json_child(o, "layout");

        if (l->why.text[0]) {
            exclaim_json_str(layout, "why", l->why.text);
        } else {
            exclaim_json_u64(layout, "kept_pages", l->compare.kept);
            exclaim_json_u64(layout, "moved_pages", l->compare.moved);
            exclaim_json_u64(layout, "unlisted_pages", l->compare.unlisted);
        }
    }
    if (p->report && json_object_object_get_ex(p->report, "placed", &placed)) {
        json_object_object_add(o, "placed", json_object_get(placed));
        if (placed_ms(p)) {
            json_object_object_add(o, "placed_unix_ms", json_object_new_int64(placed_ms(p)));
        }
    }
    exclaim_json_print(o);
}

/* The nodes of @res keep their numbers here: a layout is compared as it is. */
static struct wanted_layout *want_layout(const struct exclaim_reservation *res)
{
    struct wanted_layout *l = calloc(1, sizeof(*l));

    if (!l) {
        return NULL;
    }
    l->runs = malloc(EXCLAIM_LAYOUT_MAX);
    if (!l->runs) {
        exclaim_fail(&l->why, EXCLAIM_ERR_SYSTEM, ENOMEM, "%zu bytes", EXCLAIM_LAYOUT_MAX);
    } else if (!exclaim_layout_unpack(res, l->runs, &l->layout, &l->why)) {
        exclaim_layout_compare_open(&l->compare, &l->layout);
        for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
            l->compare.homes[n] = 1ull << n;
        }
    }
    return l;
}

static void free_layout(struct wanted_layout *l)
{
    if (l) {
        free(l->runs);
        free(l);
    }
}

static void print_layout(const struct wanted_layout *l)
{
    if (l->why.text[0]) {
        printf("layout not compared: %s\n", l->why.text);
    } else {
        printf("layout: %s on their node, %s (%" PRIu64 ") on another, "
               "%s (%" PRIu64 ") of frames that it does not have\n",
               exclaim_size_pages(l->compare.kept).text, exclaim_size(l->compare.moved).text,
               l->compare.moved, exclaim_size(l->compare.unlisted).text, l->compare.unlisted);
    }
}

static int wanted(struct cli *cli, uint64_t *want, struct wanted_layout **layout,
                  struct exclaim_error *err)
{
    struct exclaim_reservation res;

    if ((cli->record != NULL) + (cli->nr_nodes != 0) != 1) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "either --record FILE or --node N=PAGES is needed");
    }
    if (!cli->record) {
        memcpy(want, cli->node_pages, sizeof(cli->node_pages));
        return 0;
    }
    if (cli_read_record(cli->record, &res, err)) {
        return -1;
    }
    if (!exclaim_count_usable(&res.count)) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%s: its count is not exact: %s",
                            cli->record, res.count.why);
    }
    memcpy(want, res.count.pages, sizeof(res.count.pages));
    *layout = want_layout(&res);
    return 0;
}

int verb_verify(struct cli *cli, struct exclaim_error *err)
{
    uint64_t want[EXCLAIM_NODES_MAX] = { 0 };
    struct exclaim_domain dom;
    struct exclaim_count_how how;
    struct exclaim_count count;
    struct placed placed = { .dom = &dom };
    struct wanted_layout *layout = NULL;
    struct exclaim_hv *hv;
    bool same;
    int rc = -1;

    if (wanted(cli, want, &layout, err) || cli_open(cli, &hv, &dom, err)) {
        free_layout(layout);
        return -1;
    }
    how = exclaim_count_how(&cli->config);
    how.runs = layout && layout->layout.len ? &layout->compare.sink : NULL;
    if (hv->ops->count(hv, dom.domid, &how, &count, err)) {
        goto out;
    }
    if (!exclaim_count_usable(&count)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "domain %" PRIu32 " not counted exactly: %s",
                     dom.domid, count.why);
        goto out;
    }
    if (how.runs && !(count.exact && count.method == EXCLAIM_FROM_MAPPED)) {
        exclaim_fail(&layout->why, EXCLAIM_ERR_UNSUPPORTED, 0,
                     "counted by %s, which tells no frames of pages",
                     exclaim_provenance_name(count.method));
    }
    exclaim_uuid_format(dom.uuid, placed.uuid);
    /* A file that cannot be read is no reason to say nothing of the pages. */
    (void)cli_reports(cli->config.report_file, CLI_REPORTS_END, find_placed, &placed, NULL);
    same = !memcmp(want, count.pages, sizeof(count.pages));
    if (cli->json) {
        print_json(&dom, &count, want, same, &placed, layout);
    } else if (print_table(&count, want, same, &placed, err)) {
        goto out;
    } else if (layout) {
        print_layout(layout);
    }
    rc = same ? 0
              : exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                             "domain %" PRIu32 " does not lie as it should", dom.domid);

out:
    free_layout(layout);
    json_object_put(placed.report);
    hv->ops->close(hv);
    return rc;
}
