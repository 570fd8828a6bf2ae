/* SPDX-License-Identifier: BSD-2-Clause */
/* What `exclaim status` shows. */
#ifndef EXCLAIM_STATUS_PRINT_H
#define EXCLAIM_STATUS_PRINT_H

#include <json-c/json.h>

#include <exclaim/ledger.h>

#define LAST_REPORTS  10
#define MAX_LEFTOVERS 64

struct status {
    struct exclaim_ledger *ledger;
    uint32_t ended; /* entries whose processes are gone: the next migration removes them */
    uint32_t nr_leftovers;
    struct exclaim_domain leftover[MAX_LEFTOVERS];
    json_object *report[LAST_REPORTS]; /* oldest first */
    uint32_t nr_reports;               /* read, the last LAST_REPORTS of them kept */
};

/* The entry in slot @i if it is of a migration in flight, NULL if it is free or its processes are
 * gone; *@unseen if they cannot be seen from here. */
const struct exclaim_ledger_entry *status_entry(const struct status *st, uint32_t i, bool *unseen);

int status_print_text(const struct status *st, struct exclaim_error *err);
void status_print_json(const struct status *st);
void status_print_prom(const struct status *st);

#endif
