/* SPDX-License-Identifier: BSD-2-Clause */
/* What `exclaim status` shows. */
#ifndef EXCLAIM_STATUS_PRINT_H
#define EXCLAIM_STATUS_PRINT_H

#include <json-c/json.h>

#include <exclaim/ledger.h>

#define LAST_REPORTS  10
#define MAX_LEFTOVERS 64

/* What the reports say, counted; the last of each list is for what is none of the others. */
#define STATUS_ROLES      3u
#define STATUS_OUTCOMES   6u
#define STATUS_EXACTS     3u
#define STATUS_GUARANTEES 5u
#define STATUS_REASONS    7u

struct status_tally {
    uint64_t reports[STATUS_ROLES][STATUS_OUTCOMES][STATUS_EXACTS][STATUS_GUARANTEES];
    uint64_t refused[STATUS_REASONS];
    uint64_t deviation_pages;
    int64_t last_unix_ms;
};

/* This host, for metrics. */
struct status_here {
    const char *version; /* of exclaim */
    struct exclaim_caps caps;
    struct exclaim_room room;
    enum exclaim_guarantee one_node, several_nodes;
};

struct status {
    struct exclaim_ledger *ledger;
    /* Of the domains that are being filled, "" if they have none yet. */
    char name[EXCLAIM_LEDGER_SLOTS][sizeof(((struct exclaim_domain *)0)->name)];
    uint32_t ended; /* entries whose processes are gone: the next migration removes them */
    uint32_t nr_leftovers;
    struct exclaim_domain leftover[MAX_LEFTOVERS];
    json_object *report[LAST_REPORTS]; /* oldest first */
    uint32_t nr_reports;               /* read, the last LAST_REPORTS of them kept */
    struct status_tally tally;
};

/* The entry in slot @i if it is of a migration in flight, NULL if it is free or its processes are
 * gone; *@unseen if they cannot be seen from here. */
const struct exclaim_ledger_entry *status_entry(const struct status *st, uint32_t i, bool *unseen);

int status_print_text(const struct status *st, struct exclaim_error *err);
void status_print_json(const struct status *st);
void status_print_prom(const struct status *st, const struct status_here *here);

/* Pages placed so far, and of how many. */
uint64_t status_placed(const struct exclaim_ledger_entry *e, uint64_t *target);

/* Adds one report. */
void status_tally(struct status_tally *tally, json_object *report);

#endif
