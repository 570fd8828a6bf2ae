/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes and time of a plan: what its waves move, and how long that takes at a known pace. */
#include "pace.h"

#include <inttypes.h>
#include <stdio.h>

#include "../base/json.h"
#include "../base/text.h"

/* So many waves have their size in the note. */
#define WAVES_TOLD 6

/* All that a wave moves, and its largest move: those of a wave run at the same time. */
static uint64_t wave_pages(const struct exclaim_plan *plan, uint32_t wave, uint64_t *largest)
{
    uint64_t pages = 0;

    *largest = 0;
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        if (plan->move[m].wave == wave) {
            pages += plan->move[m].pages;
            *largest = plan->move[m].pages > *largest ? plan->move[m].pages : *largest;
        }
    }
    return pages;
}

static uint64_t all_pages(const struct exclaim_plan *plan)
{
    uint64_t pages = 0;

    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        pages += plan->move[m].pages;
    }
    return pages;
}

static double seconds_of(const struct exclaim_plan *plan, const struct pace *pace)
{
    double pages = 0;

    for (uint32_t w = 0; w < plan->nr_waves; w++) {
        uint64_t largest;

        wave_pages(plan, w, &largest);
        pages += (double)largest;
    }
    return pages * (double)pace->ms / (double)pace->pages / 1000;
}

/* Whole ones: no move takes none. */
static uint64_t whole_seconds(const struct exclaim_plan *plan, const struct pace *pace)
{
    const uint64_t seconds = (uint64_t)(seconds_of(plan, pace) + 0.5);

    return seconds || !plan->nr_moves ? seconds : 1;
}

static bool known(const struct pace *pace)
{
    return pace->ms && pace->pages;
}

void facts_of_pace(struct facts *facts, const struct exclaim_plan *plan, const struct pace *pace)
{
    char time[24], rate[32], waves[256] = "", how[192];
    const double mib = known(pace) ? (double)pace->pages / 256 * 1000 / (double)pace->ms : 0;
    size_t len = 0;

    if (!plan->nr_moves) {
        return;
    }
    for (uint32_t w = 0; w < plan->nr_waves && plan->nr_waves > 1 && w < WAVES_TOLD; w++) {
        uint64_t largest, pages = wave_pages(plan, w, &largest);

        len += (size_t)snprintf(waves + len, sizeof(waves) - len, "%s%s", w ? ", " : ": ",
                                exclaim_size(pages).text);
    }
    if (plan->nr_waves > WAVES_TOLD) {
        snprintf(waves + len, sizeof(waves) - len, ", ...");
    }
    if (!known(pace)) {
        facts_add(facts,
                  "%s are moved in %" PRIu32 " wave%s%s; how long that takes is not known: no "
                  "earlier migration is in %s, and no --bandwidth is given",
                  exclaim_size(all_pages(plan)).text, plan->nr_waves, exclaim_s(plan->nr_waves),
                  waves, pace->file);
        return;
    }
    if (pace->migrations) {
        snprintf(how, sizeof(how), "as %" PRIu32 " earlier one%s took by %.100s", pace->migrations,
                 exclaim_s(pace->migrations), pace->file);
    } else {
        snprintf(how, sizeof(how), "as --bandwidth says");
    }
    pace_time_text(whole_seconds(plan, pace), time, sizeof(time));
    snprintf(rate, sizeof(rate), mib < 0.05 ? "%.1f KiB/s" : "%.1f MiB/s",
             mib < 0.05 ? mib * 1024 : mib);
    facts_add(facts,
              "%s are moved in %" PRIu32 " wave%s%s; about %s if each move has %s, %s; "
              "guests that write much take longer",
              exclaim_size(all_pages(plan)).text, plan->nr_waves, exclaim_s(plan->nr_waves), waves,
              time, rate, how);
}

void pace_time_text(uint64_t seconds, char *text, size_t size)
{
    if (seconds >= 2ull * 86400) {
        snprintf(text, size, "%" PRIu64 " days", (seconds + 43200) / 86400);
    } else if (seconds >= 2ull * 3600) {
        snprintf(text, size, "%" PRIu64 " h", (seconds + 1800) / 3600);
    } else if (seconds >= 120) {
        snprintf(text, size, "%" PRIu64 " min", (seconds + 30) / 60);
    } else {
        snprintf(text, size, "%" PRIu64 " s", seconds);
    }
}

void pace_json(struct json_object *o, const struct exclaim_plan *plan, const struct pace *pace)
{
    json_object *list = exclaim_json_array(o, "wave_bytes");

    exclaim_json_u64(o, "bytes", all_pages(plan) << EXCLAIM_PAGE_SHIFT);
    for (uint32_t w = 0; w < plan->nr_waves; w++) {
        uint64_t largest, pages = wave_pages(plan, w, &largest);

        json_object_array_add(list, json_object_new_int64((int64_t)(pages << EXCLAIM_PAGE_SHIFT)));
    }
    if (known(pace)) {
        exclaim_json_u64(o, "bytes_per_second",
                         (uint64_t)((double)pace->pages * 4096 * 1000 / (double)pace->ms));
        exclaim_json_u64(o, "seconds", whole_seconds(plan, pace));
        exclaim_json_u64(o, "migrations_measured", pace->migrations);
    }
}

uint64_t pace_expected_ms(const struct exclaim_plan *plan, const struct pace *pace)
{
    return known(pace) ? (uint64_t)(seconds_of(plan, pace) * 1000) : 0;
}
