/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be known beside a result, each in one line: made in one place, and printed by the
 * text, the JSON ("notes") and the page, so that nothing is known to one of them alone.
 */
#ifndef EXCLAIM_FACTS_H
#define EXCLAIM_FACTS_H

#include <exclaim/plan.h>

struct json_object;

struct facts {
    char **text;
    uint32_t nr;
};

/* A line that cannot be had for want of memory is left out. */
void facts_add(struct facts *facts, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void facts_free(struct facts *facts);

/* The answer in one line: of a rolling plan, and of a preflight where all go @together, which is or
 * is not as it was asked for (@fits). */
void answer_of_rolling(const struct exclaim_pool *pool, const struct exclaim_plan *plan, char *text,
                       size_t size);
void answer_of_preflight(const struct exclaim_pool *pool, const struct exclaim_plan *together,
                         bool fits, char *text, size_t size);

/* "note: ..." on stdout, one line each. */
void facts_print(const struct facts *facts);

/* "notes": [...], also if there are none. */
void facts_json(struct json_object *o, const struct facts *facts);

/* What is not known of the pool, what is closed or left out in it, and what is old @now (unix ms).
 */
void facts_of_pool(struct facts *facts, const struct exclaim_pool *pool, int64_t now);

/* An evacuation: how many VMs would choose other nodes than the plan's, because the destination's
 * hook matches by itself. */
void facts_of_match(struct facts *facts, const struct exclaim_pool *pool,
                    const struct exclaim_plan *plan, uint64_t stray_pages);

/* A rolling upgrade: hosts that need none, and every VM of those to be upgraded (@order, NULL: all
 * that are not the newest) that no host can take. */
void facts_of_rolling(struct facts *facts, const struct exclaim_pool *pool, const uint32_t *order,
                      uint32_t nr_order);

#endif
