/* SPDX-License-Identifier: BSD-2-Clause */
/* What an evacuation tells: lines for people, events for programs, the summary. */
#ifndef EXCLAIM_EVACUATE_TELL_H
#define EXCLAIM_EVACUATE_TELL_H

#include <stdio.h>

#include <exclaim/evacuate.h>

struct evac_teller {
    bool json;    /* no lines for people */
    FILE *events; /* NULL: none */
    bool lost;    /* a line of them could not be written */
    bool status_shown;
};

/* Appends to @path from now on.  @resumed: half a line at its end is cut off, else it is an error.
 */
int evac_teller_open(struct evac_teller *t, const char *path, bool resumed,
                     struct exclaim_error *err);
void evac_teller_close(struct evac_teller *t);

/* For struct evac_sink, with a struct evac_teller as its argument. */
int evac_teller_tell(void *arg, const struct evac *e, const struct evac_event *event);

/* At the end: the last event, and the table or the JSON. */
void evac_teller_summary(struct evac_teller *t, const struct evac *e, enum evac_end end);

#endif
