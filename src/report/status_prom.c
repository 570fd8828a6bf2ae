/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim status --format=prom`: the text format of Prometheus, in base units. */
#include "status_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/jread.h"
#include "../base/text.h"

/* Steps at whose end a migration is refused; an error begins with its name. */
static const char *const reasons[STATUS_REASONS] = { "configuration", "record", "ledger", "match",
                                                     "claim",         "start",  "other" };

static const char *const roles[STATUS_ROLES] = { "source", "destination", "other" };
static const char *const outcomes[STATUS_OUTCOMES] = { "passed",  "sent",   "done",
                                                       "refused", "failed", "other" };
static const char *const exacts[STATUS_EXACTS] = { "no", "yes", "unknown" };
static const char *const guarantees[STATUS_GUARANTEES] = { "none", "host", "node", "node-set",
                                                           "unknown" };

/* Where it stands in the list; what is not in it counts as the last. */
static unsigned int index_of(const char *const *list, unsigned int nr, const char *text)
{
    unsigned int i = 0;

    while (i + 1 < nr && strcmp(list[i], text) != 0) {
        i++;
    }
    return i;
}

static unsigned int reason_of(const char *error)
{
    unsigned int i = 0;

    while (i + 1 < STATUS_REASONS && (strncmp(error, reasons[i], strlen(reasons[i])) != 0 ||
                                      error[strlen(reasons[i])] != ':')) {
        i++;
    }
    return i;
}

void status_tally(struct status_tally *t, json_object *report)
{
    const unsigned int role = index_of(roles, STATUS_ROLES, jread_text(report, "role"));
    const unsigned int outcome = index_of(outcomes, STATUS_OUTCOMES, jread_text(report, "outcome"));
    const char *name = jread_text(report, "guarantee");
    json_object *value;
    unsigned int exact = STATUS_EXACTS - 1;
    int64_t time_ms = 0;

    if (json_object_object_get_ex(report, "exact", &value)) {
        exact = json_object_get_boolean(value) ? 1 : 0;
    }
    t->reports[role][outcome][exact][index_of(guarantees, STATUS_GUARANTEES, name)]++;
    if (!strcmp(outcomes[outcome], "refused")) {
        t->refused[reason_of(jread_text(report, "error"))]++;
    }
    if (json_object_object_get_ex(report, "deviation_pages", &value)) {
        const int64_t pages = json_object_get_int64(value);

        t->deviation_pages += pages > 0 ? (uint64_t)pages : 0;
    }
    if (json_object_object_get_ex(report, "time_unix_ms", &value)) {
        time_ms = json_object_get_int64(value);
    }
    t->last_unix_ms = time_ms > t->last_unix_ms ? time_ms : t->last_unix_ms;
}

static void family(const char *name, const char *type, const char *help)
{
    printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t bytes(uint64_t pages)
{
    return pages << EXCLAIM_PAGE_SHIFT;
}

static void gauge(const char *name, const char *help, uint64_t value)
{
    family(name, "gauge", help);
    printf("%s %" PRIu64 "\n", name, value);
}

/* The value of a label: quoted as the format wants it. */
static void label(const char *name, const char *text)
{
    char copy[256];

    exclaim_clean_copy(copy, sizeof(copy), text);
    printf("%s=\"", name);
    for (const char *c = copy; *c; c++) {
        printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    putchar('"');
}

static void print_build(const struct status_here *here)
{
    char version[64];

    snprintf(version, sizeof(version), "%u.%u%s", here->caps.xen_major, here->caps.xen_minor,
             here->caps.xen_extra);
    family("exclaim_build_info", "gauge", "Version of exclaim, and what it runs on.");
    printf("exclaim_build_info{");
    label("version", here->version);
    putchar(',');
    label("xen", version);
    putchar(',');
    label("library", here->caps.library);
    printf("} 1\n");
    family("exclaim_guarantee_info", "gauge",
           "What this host can guarantee a VM that arrives, on one node and on several.");
    printf("exclaim_guarantee_info{vm_nodes=\"one\",guarantee=\"%s\"} 1\n",
           exclaim_guarantee_name(here->one_node));
    printf("exclaim_guarantee_info{vm_nodes=\"several\",guarantee=\"%s\"} 1\n",
           exclaim_guarantee_name(here->several_nodes));
}

static void print_nodes(const char *name, const char *help, const struct exclaim_room *room,
                        uint64_t (*value)(const struct exclaim_room *room, uint32_t node))
{
    family(name, "gauge", help);
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        if (room->allowed >> n & 1) {
            printf("%s{node=\"%" PRIu32 "\"} %" PRIu64 "\n", name, n, bytes(value(room, n)));
        }
    }
}

static uint64_t node_free(const struct exclaim_room *room, uint32_t node)
{
    return room->free[node];
}

static uint64_t node_claimed(const struct exclaim_room *room, uint32_t node)
{
    return room->claimed[node];
}

static void print_memory(const struct exclaim_room *room)
{
    print_nodes("exclaim_node_free_bytes", "Free memory of the node, claimed or not.", room,
                node_free);
    print_nodes("exclaim_node_claimed_bytes",
                "Of that promised to others: claims that Xen tells, and the ledger.", room,
                node_claimed);
    print_nodes("exclaim_node_claimable_bytes", "What a claim on the node can have.", room,
                exclaim_room_node);
    gauge("exclaim_host_free_bytes", "Free memory of the host, claimed or not.",
          bytes(room->host_free));
    gauge("exclaim_host_claimed_bytes", "Of that promised to others.", bytes(room->host_claimed));
    gauge("exclaim_host_claimable_bytes", "What a claim on the host can have.",
          bytes(exclaim_room_host(room)));
    gauge("exclaim_host_headroom_bytes", "What stays unclaimed, by headroom_pages.",
          bytes(room->headroom));
    gauge("exclaim_host_untold_claims_bytes",
          "Claims that may lie on any node, because this Xen does not tell where.",
          bytes(room->hidden));
}

static void print_ledger(const struct status *st)
{
    uint64_t placed = 0, target = 0, left = 0, nr = 0, nr_unseen = 0;

    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        bool unseen;
        const struct exclaim_ledger_entry *e = status_entry(st, i, &unseen);
        uint64_t one;

        if (e) {
            nr++;
            nr_unseen += unseen;
            placed += status_placed(e, &one);
            target += one;
        }
    }
    for (uint32_t i = 0; i < st->nr_leftovers; i++) {
        left += st->leftover[i].outstanding_pages;
    }
    gauge("exclaim_migrations_in_flight", "Entries of the ledger.", nr);
    family("exclaim_ledger_entries", "gauge",
           "Entries of the ledger: of a process that runs, that cannot be seen, that has ended.");
    printf("exclaim_ledger_entries{process=\"running\"} %" PRIu64 "\n", nr - nr_unseen);
    printf("exclaim_ledger_entries{process=\"unseen\"} %" PRIu64 "\n", nr_unseen);
    printf("exclaim_ledger_entries{process=\"ended\"} %" PRIu32 "\n", st->ended);
    gauge("exclaim_ledger_entries_max", "Entries that the ledger has room for.",
          EXCLAIM_LEDGER_SLOTS);
    gauge("exclaim_target_bytes", "Memory to be placed for migrations in flight.", bytes(target));
    gauge("exclaim_placed_bytes", "Of that, placed on its node.", bytes(placed));
    gauge("exclaim_other_claims_bytes", "Claims of domains that no migration is filling.",
          bytes(left));
}

static void print_reports(const struct status_tally *t)
{
    family("exclaim_migrations_total", "counter",
           "Reports in the report file, since it was begun, by what they say.");
    for (unsigned int i = 0; i < STATUS_ROLES * STATUS_OUTCOMES * STATUS_EXACTS * STATUS_GUARANTEES;
         i++) {
        const unsigned int g = i % STATUS_GUARANTEES, e = i / STATUS_GUARANTEES % STATUS_EXACTS;
        const unsigned int o = i / STATUS_GUARANTEES / STATUS_EXACTS % STATUS_OUTCOMES;
        const unsigned int r = i / STATUS_GUARANTEES / STATUS_EXACTS / STATUS_OUTCOMES;

        if (t->reports[r][o][e][g]) {
            printf("exclaim_migrations_total{role=\"%s\",outcome=\"%s\",exact=\"%s\","
                   "guarantee=\"%s\"} %" PRIu64 "\n",
                   roles[r], outcomes[o], exacts[e], guarantees[g], t->reports[r][o][e][g]);
        }
    }
    family("exclaim_refusals_total", "counter",
           "Of these the refused ones, by the step that refused.");
    for (unsigned int i = 0; i < STATUS_REASONS; i++) {
        printf("exclaim_refusals_total{step=\"%s\"} %" PRIu64 "\n", reasons[i], t->refused[i]);
    }
    family("exclaim_deviation_bytes_total", "counter",
           "Memory that came to lie on another node than it should.");
    printf("exclaim_deviation_bytes_total %" PRIu64 "\n", bytes(t->deviation_pages));
    family("exclaim_last_report_timestamp_seconds", "gauge",
           "When the last report was written, since 1970; 0: there is none.");
    printf("exclaim_last_report_timestamp_seconds %" PRId64 ".%03d\n", t->last_unix_ms / 1000,
           (int)(t->last_unix_ms % 1000));
}

void status_print_prom(const struct status *st, const struct status_here *here)
{
    print_build(here);
    print_memory(&here->room);
    print_ledger(st);
    print_reports(&st->tally);
}
