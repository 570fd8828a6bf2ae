/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan for people: its moves in order, who stays and why, the verdict. */
#include "plan_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/text.h"
#include "print.h"
#include "screen.h"
#include "table.h"

#define LINE 512

static int print_moves(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                       const struct exclaim_plan_step *step, struct exclaim_error *err)
{
    static const char *const head[] = { ">WAVE", "VM",     "FROM",       "TO", "NODES",
                                        ">SIZE", "!SHAPE", "!GUARANTEE", NULL };
    struct table t;

    if (!step->nr_moves) {
        return 0;
    }
    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t m = step->first_move; m < step->first_move + step->nr_moves; m++) {
        const struct exclaim_plan_move *move = &plan->move[m];
        char nodes[64];

        exclaim_plan_nodes_text(move, nodes, sizeof(nodes));
        table_cell(&t, "%" PRIu32, move->wave + 1);
        table_cell(&t, "%s", exclaim_pool_vm_name(pool, move->vm));
        table_cell(&t, "%s", exclaim_pool_host_name(pool, move->from));
        table_cell(&t, "%s%s", exclaim_pool_host_name(pool, move->to),
                   move->temporary ? " for now" : "");
        table_cell(&t, "%s", nodes);
        table_cell(&t, "%s", exclaim_size(move->pages).text);
        table_cell(&t, "%s", move->shape_known ? exclaim_match_shape_name(move->shape) : "unknown");
        table_cell(&t, "%s", exclaim_guarantee_name(move->guarantee));
    }
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}

static void print_stays(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                        const struct exclaim_plan_step *step)
{
    char text[LINE];

    for (uint32_t i = step->first_stay; i < step->first_stay + step->nr_stays; i++) {
        exclaim_misfit_text(pool, &plan->stay[i], text, sizeof(text));
        exclaim_print("stays: %s\n", text);
    }
}

/* Pairs named to people; the verdict has their number. */
#define PAIRS 10

void print_apart(const struct exclaim_pool *pool, const struct exclaim_plan *plan, uint32_t number)
{
    struct exclaim_apart_pair pair[PAIRS];
    const uint32_t nr = exclaim_plan_apart(pool, plan, number, pair, PAIRS);

    for (uint32_t i = 0; i < nr && i < PAIRS; i++) {
        exclaim_print(
            pair[i].before ? "note: VMs %s and %s should be apart and share host %s as before\n"
                           : "note: VMs %s and %s should be apart and come to share host %s\n",
            exclaim_pool_vm_name(pool, pair[i].vm), exclaim_pool_vm_name(pool, pair[i].other),
            exclaim_pool_host_name(pool, pair[i].host));
    }
    if (nr > PAIRS) {
        printf("note: and %" PRIu32 " more such pairs\n", nr - PAIRS);
    }
}

int print_plan_step(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                    uint32_t number, struct exclaim_error *err)
{
    const struct exclaim_plan_step *step = &plan->step[number];
    char text[LINE];

    exclaim_plan_proof_text(pool, &step->proof, text, sizeof(text));
    exclaim_print("%s\n", text);
    print_stays(pool, plan, step);
    print_apart(pool, plan, number);
    if (step->nr_moves) {
        printf("\n");
    }
    if (print_moves(pool, plan, step, err)) {
        return -1;
    }
    if (plan->nr_steps == 1 && step->nr_moves) {
        printf("\n"); /* notes follow */
    }
    if (screen_is_short(6 + step->nr_moves + step->nr_stays)) {
        exclaim_print("%s\n", text);
    }
    return 0;
}

int print_steps(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                struct exclaim_error *err)
{
    static const char *const head[] = { ">STEP", "HOST",   "!DOES",   ">VMS",
                                        ">SIZE", ">WAVES", "~RESULT", NULL };
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        const struct exclaim_plan_step *step = &plan->step[s];
        const bool back = step->kind == EXCLAIM_STEP_BACK;
        uint32_t first = UINT32_MAX, last = 0;
        uint64_t pages = 0;
        char text[LINE];

        for (uint32_t m = step->first_move; m < step->first_move + step->nr_moves; m++) {
            const uint32_t wave = plan->move[m].wave;

            pages += plan->move[m].pages;
            first = wave < first ? wave : first;
            last = wave > last ? wave : last;
        }
        exclaim_plan_proof_text(pool, &step->proof, text, sizeof(text));
        text[strcspn(text, ":")] = '\0';
        table_cell(&t, "%" PRIu32, s + 1);
        table_cell(&t, "%s",
                   step->host == EXCLAIM_NO_HOST ? "all"
                                                 : exclaim_pool_host_name(pool, step->host));
        table_cell(&t, "%s",
                   back                                       ? "gets back"
                   : plan->blocked && s + 1 == plan->nr_steps ? "is not emptied"
                                                              : "is upgraded");
        table_cell(&t, "%" PRIu32, step->nr_moves);
        table_cell(&t, "%s", pages ? exclaim_size(pages).text : "-");
        table_cell(&t, "%" PRIu32, step->nr_moves ? last - first + 1 : 0);
        if (step->nr_stays) {
            table_cell(&t, "%s, %" PRIu32 " stay", text, step->nr_stays);
        } else {
            table_cell(&t, "%s", text);
        }
    }
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}

void print_own_match(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                     uint64_t stray_pages)
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
        exclaim_print("note: %" PRIu32 " of %" PRIu32
                      " VMs may come to lie on other nodes than shown, "
                      "%s among them: the destination matches by itself\n",
                      other, plan->nr_moves, exclaim_pool_vm_name(pool, plan->move[first].vm));
    }
}

void print_gaps(const struct exclaim_pool *pool, int64_t now)
{
    uint32_t inexact = 0, first = 0;

    if (pool->ha) {
        printf("note: HA is on: XAPI refuses a move that its failover plan would not survive\n");
    }

    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        char age[32];

        exclaim_age_text(now, pool->host[h].time_unix_ms, age, sizeof(age));
        if (*pool->host[h].why) {
            exclaim_print("note: %s: %s\n", exclaim_pool_host_name(pool, h), pool->host[h].why);
        }
        if (pool->host[h].time_unix_ms && now - pool->host[h].time_unix_ms > OLD_MS) {
            exclaim_print("note: %s was read %s ago: much may have changed\n",
                          exclaim_pool_host_name(pool, h), age);
        }
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        const struct exclaim_pool_host *host = &pool->host[h];
        uint64_t far =
            host->distance ? exclaim_far_nodes(host->nr_nodes, host->online, host->distance) : 0;

        for (uint32_t n = 0; n < host->nr_nodes; n++) {
            if (far >> n & 1) {
                exclaim_print("note: node %" PRIu32
                              " of host %s is far from all others, as memory without "
                              "CPUs is: nothing is planned onto it\n",
                              n, exclaim_pool_host_name(pool, h));
            }
        }
        if (!pool->host[h].enabled && pool->host[h].closed && *pool->host[h].closed) {
            exclaim_print("note: host %s takes no VMs: %s\n", exclaim_pool_host_name(pool, h),
                          pool->host[h].closed);
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].left_out) {
            exclaim_print("note: VM %s is left out, and stays on host %s\n",
                          exclaim_pool_vm_name(pool, v),
                          exclaim_pool_host_name(pool, pool->vm[v].left_out - 1));
        }
        if (pool->vm[v].max_pages && pool->vm[v].total_pages > pool->vm[v].max_pages) {
            exclaim_print("note: VM %s has %s, over its limit of %s (by %" PRIu64
                          " pages): it may be refused where it goes\n",
                          exclaim_pool_vm_name(pool, v), exclaim_size(pool->vm[v].total_pages).text,
                          exclaim_size(pool->vm[v].max_pages).text,
                          pool->vm[v].total_pages - pool->vm[v].max_pages);
        }
        if (!pool->vm[v].exact) {
            first = inexact ? first : v;
            inexact++;
        }
    }
    if (inexact) {
        exclaim_print("note: %" PRIu32 " VMs are not counted exactly, %s among them: %s\n", inexact,
                      exclaim_pool_vm_name(pool, first), pool->vm[first].why);
    }
}

void print_blockers(const struct exclaim_pool *pool, const uint32_t *order, uint32_t nr_order)
{
    struct exclaim_misfit misfit;
    char text[LINE];

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (exclaim_plan_upgrades(pool, order, nr_order, pool->vm[v].host) &&
            exclaim_plan_immovable(pool, v, &misfit)) {
            exclaim_misfit_text(pool, &misfit, text, sizeof(text));
            exclaim_print("in the way on host %s: %s\n",
                          exclaim_pool_host_name(pool, pool->vm[v].host), text);
        }
    }
}
