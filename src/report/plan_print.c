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
    static const char *const head[] = { ">WAVE", "VM",     "FROM",       "TO", "+NODES",
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
            table_cell(&t, "%s, %" PRIu32 " stay%s", text, step->nr_stays,
                       step->nr_stays == 1 ? "s" : "");
        } else {
            table_cell(&t, "%s", text);
        }
    }
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}
