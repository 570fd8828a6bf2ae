/* SPDX-License-Identifier: BSD-2-Clause */
/* How much a plan moves, and how long that takes if its moves go as fast as earlier ones. */
#ifndef EXCLAIM_PACE_H
#define EXCLAIM_PACE_H

#include "facts.h"

struct pace {
    uint64_t pages, ms;  /* a move of so many takes so long; ms 0: not known */
    uint32_t migrations; /* that were measured; 0: it was given */
    const char *file;    /* of reports that were read */
};

/* One note, and the same in numbers: "bytes", "wave_bytes", and where the pace is known
 * "bytes_per_second" of one move and "seconds". */
void facts_of_pace(struct facts *facts, const struct exclaim_plan *plan, const struct pace *pace);
void pace_json(struct json_object *o, const struct exclaim_plan *plan, const struct pace *pace);

/* Milliseconds that the plan takes at that pace; 0: not known. */
uint64_t pace_expected_ms(const struct exclaim_plan *plan, const struct pace *pace);

/* "40 s", "12 min" from 2 minutes on, "3 h" from 2 hours and "3 days" from
 * 2 days on: as exact as such a guess is. */
void pace_time_text(uint64_t seconds, char *text, size_t size);

#endif
