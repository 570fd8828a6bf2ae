/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be known beside a result: made once, for text, JSON and page. */
#include "facts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/compat.h"
#include "../base/json.h"
#include "../base/text.h"
#include "print.h"

/* Numbers of a host that are older than this are said to be. */
#define OLD_MS INT64_C(600000)

void facts_add(struct facts *facts, const char *fmt, ...)
{
    char **grown = compat_reallocarray(facts->text, facts->nr + 1, sizeof(*grown));
    va_list ap;

    if (!grown) {
        return;
    }
    facts->text = grown;
    va_start(ap, fmt);
    if (vasprintf(&grown[facts->nr], fmt, ap) >= 0) {
        facts->nr++;
    }
    va_end(ap);
}

void facts_free(struct facts *facts)
{
    for (uint32_t i = 0; i < facts->nr; i++) {
        free(facts->text[i]);
    }
    free(facts->text);
    *facts = (struct facts){ 0 };
}

void answer_of_rolling(const struct exclaim_pool *pool, const struct exclaim_plan *plan, char *text,
                       size_t size)
{
    char room[48] = "", end[64] = "all VMs end where they are now";
    uint32_t temporary = 0, done = 0;

    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        temporary += plan->move[m].temporary;
    }
    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        done += plan->step[s].kind == EXCLAIM_STEP_EVACUATE;
    }
    if (plan->blocked) {
        const struct exclaim_plan_step *last = &plan->step[plan->nr_steps - 1];

        snprintf(text, size,
                 "blocked: %" PRIu32 " host%s can be upgraded, then %s cannot be emptied: %" PRIu32
                 " of its VMs stay%s",
                 done - 1, exclaim_s(done - 1), exclaim_pool_host_name(pool, last->host),
                 last->nr_stays, last->nr_stays == 1 ? "s" : "");
        return;
    }
    if (temporary) {
        snprintf(room, sizeof(room), ", %" PRIu32 " of them to make room", temporary);
    }
    if (plan->nr_strays) {
        snprintf(end, sizeof(end), "%" PRIu32 " VM%s on another host in the end", plan->nr_strays,
                 exclaim_s(plan->nr_strays));
    }
    snprintf(text, size, "%" PRIu32 " host%s, %" PRIu32 " move%s in %" PRIu32 " wave%s%s; %s", done,
             exclaim_s(done), plan->nr_moves, exclaim_s(plan->nr_moves), plan->nr_waves,
             exclaim_s(plan->nr_waves), room, end);
}

void answer_of_preflight(const struct exclaim_pool *pool, const struct exclaim_plan *together,
                         bool fits, char *text, size_t size)
{
    char proof[512];

    exclaim_plan_proof_text(pool, &together->step[0].proof, proof, sizeof(proof));
    snprintf(text, size, "%s: %s",
             fits                 ? "fits"
             : together->nr_stays ? "does not fit"
                                  : "fits, but not as asked",
             proof);
}

void facts_print(const struct facts *facts)
{
    for (uint32_t i = 0; i < facts->nr; i++) {
        exclaim_print("note: %s\n", facts->text[i]);
    }
}

void facts_json(struct json_object *o, const struct facts *facts)
{
    json_object *notes = exclaim_json_array(o, "notes");

    for (uint32_t i = 0; i < facts->nr; i++) {
        json_object_array_add(notes, json_object_new_string(facts->text[i]));
    }
}

void facts_of_match(struct facts *facts, const struct exclaim_pool *pool,
                    const struct exclaim_plan *plan, uint64_t stray_pages)
{
    struct exclaim_replay *replay = exclaim_replay_open(pool, plan);
    uint32_t other = 0, first = 0;
    bool good = replay != NULL;

    for (uint32_t w = 0; good && w < plan->nr_waves; w++) {
        for (uint32_t m = 0; good && m < plan->nr_moves; m++) {
            if (plan->move[m].wave != w) {
                continue;
            }
            if (plan->move[m].shape_known && !exclaim_replay_by_itself(replay, m, stray_pages)) {
                first = other ? first : m;
                other++;
            }
            good = !exclaim_replay_start(replay, m, NULL);
        }
        for (uint32_t m = 0; good && m < plan->nr_moves; m++) {
            good = plan->move[m].wave != w || !exclaim_replay_end(replay, m, NULL);
        }
    }
    exclaim_replay_close(replay);
    if (other) {
        facts_add(facts,
                  other == 1 ? "%" PRIu32 " of %" PRIu32 " VMs, %s, may come to lie on other nodes "
                               "than shown: a destination that is not told the nodes matches by "
                               "itself"
                             : "%" PRIu32 " of %" PRIu32 " VMs may come to lie on other nodes than "
                               "shown, %s among them: a destination that is not told the nodes "
                               "matches by itself",
                  other, plan->nr_moves, exclaim_pool_vm_name(pool, plan->move[first].vm));
    }
}

void facts_of_pool(struct facts *facts, const struct exclaim_pool *pool, int64_t now)
{
    uint32_t inexact = 0, first = 0;

    if (pool->ha) {
        facts_add(facts, "HA is on: XAPI refuses a move that its failover plan would not survive");
    }

    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        char age[32];

        exclaim_age_text(now, pool->host[h].time_unix_ms, age, sizeof(age));
        if (*pool->host[h].why) {
            facts_add(facts, "%s: %s", exclaim_pool_host_name(pool, h), pool->host[h].why);
        }
        if (pool->host[h].time_unix_ms && now - pool->host[h].time_unix_ms > OLD_MS) {
            facts_add(facts, "%s was read %s ago: much may have changed",
                      exclaim_pool_host_name(pool, h), age);
        }
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        const struct exclaim_pool_host *host = &pool->host[h];
        uint64_t far =
            host->distance ? exclaim_far_nodes(host->nr_nodes, host->online, host->distance) : 0;

        for (uint32_t n = 0; n < host->nr_nodes; n++) {
            if (far >> n & 1) {
                facts_add(facts,
                          "node %" PRIu32 " of host %s is far from all others, as memory without "
                          "CPUs is: nothing is planned onto it",
                          n, exclaim_pool_host_name(pool, h));
            }
        }
        if (!pool->host[h].enabled && pool->host[h].closed && *pool->host[h].closed) {
            facts_add(facts, "host %s takes no VMs: %s", exclaim_pool_host_name(pool, h),
                      pool->host[h].closed);
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].left_out) {
            facts_add(facts, "VM %s is left out, and stays on host %s",
                      exclaim_pool_vm_name(pool, v),
                      exclaim_pool_host_name(pool, pool->vm[v].left_out - 1));
        }
        if (pool->vm[v].max_pages && pool->vm[v].total_pages > pool->vm[v].max_pages) {
            facts_add(facts,
                      "VM %s has %s, over its limit of %s (by %" PRIu64
                      " page%s): it may be refused where it goes",
                      exclaim_pool_vm_name(pool, v), exclaim_size(pool->vm[v].total_pages).text,
                      exclaim_size(pool->vm[v].max_pages).text,
                      pool->vm[v].total_pages - pool->vm[v].max_pages,
                      exclaim_s(pool->vm[v].total_pages - pool->vm[v].max_pages));
        }
        if (!pool->vm[v].exact) {
            first = inexact ? first : v;
            inexact++;
        }
    }
    if (inexact) {
        facts_add(facts,
                  inexact == 1 ? "%" PRIu32 " VM is not counted exactly, %s: %s"
                               : "%" PRIu32 " VMs are not counted exactly, %s among them: %s",
                  inexact, exclaim_pool_vm_name(pool, first), pool->vm[first].why);
    }
}

void facts_of_rolling(struct facts *facts, const struct exclaim_pool *pool, const uint32_t *order,
                      uint32_t nr_order)
{
    struct exclaim_misfit misfit;
    char text[512];

    for (uint32_t h = 0; !order && h < pool->nr_hosts; h++) {
        if (exclaim_pool_newest(pool, h)) {
            facts_add(facts, "skipped: host %s is as new as the newest already",
                      exclaim_pool_host_name(pool, h));
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (exclaim_plan_upgrades(pool, order, nr_order, pool->vm[v].host) &&
            exclaim_plan_immovable(pool, v, &misfit)) {
            exclaim_misfit_text(pool, &misfit, text, sizeof(text));
            facts_add(facts, "in the way on host %s: %s",
                      exclaim_pool_host_name(pool, pool->vm[v].host), text);
        }
    }
}
