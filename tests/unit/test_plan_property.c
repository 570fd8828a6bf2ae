/* SPDX-License-Identifier: BSD-2-Clause */
/* Any pool: no plan oversells, no bound is wrong, what is called optimal is. */
#include "support.h"

#include <exclaim/plan.h>

#include <stdio.h>
#include <stdlib.h>

#include "../plan/brute.h"
#include "../plan/gen.h"

#define POOLS   1500
#define ROLLING 400

static void say(const struct exclaim_pool *pool, uint64_t seed, const struct exclaim_plan *plan,
                const struct exclaim_error *err)
{
    char text[512];

    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, err->text);
    for (uint32_t i = 0; i < plan->nr_steps; i++) {
        exclaim_plan_proof_text(pool, &plan->step[i].proof, text, sizeof(text));
        fprintf(stderr, "  step %u: %s\n", i, text);
    }
}

static void holds(const struct exclaim_pool *pool, uint64_t seed, const struct exclaim_plan *plan,
                  const struct exclaim_plan_options *opt)
{
    struct exclaim_error err = { 0 };

    if (exclaim_plan_check(pool, plan, opt, &err)) {
        say(pool, seed, plan, &err);
        fail();
    }
}

/* Every VM that was to leave has a move or a reason; reached is never above bound. */
static void is_whole(const struct exclaim_plan *plan)
{
    const struct exclaim_plan_proof *proof = &plan->step[0].proof;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        kept += plan->move[i].kept;
    }
    assert_int_equal(plan->nr_moves + plan->nr_stays, proof->nr_vms);
    assert_int_equal(plan->nr_moves, proof->leave.reached);
    assert_int_equal(kept, proof->keep.reached);
    assert_true(proof->leave.reached <= proof->leave.bound);
    assert_true(proof->keep.reached <= proof->keep.bound);
    assert_true(proof->apart.reached >= proof->apart.bound);
}

static bool for_gpus(const struct exclaim_plan_proof *proof)
{
    return proof->why_leave.kind == EXCLAIM_REASON_GPUS ||
           (proof->why_leave.kind == EXCLAIM_REASON_ALONE &&
            proof->why_leave.misfit.why == EXCLAIM_MISFIT_GPU);
}

static void evacuations(void **state)
{
    uint32_t gpus = 0;
    uint32_t compared = 0, optimal = 0, infeasible = 0, best = 0;

    (void)state;
    for (uint64_t seed = 0; seed < POOLS; seed++) {
        struct exclaim_pool *pool = gen_odd(seed % 3 ? 3 : 8, 18, seed);
        const struct exclaim_plan_options opt = { .stray_pages = seed % 5 == 0 ? 200 : 0,
                                                  .whole_parts = seed % 7 == 0 };
        const uint32_t host = (uint32_t)(seed % pool->nr_hosts);
        const struct exclaim_plan_proof *proof;
        struct exclaim_plan *plan;
        struct exclaim_error err = { 0 };
        uint32_t leave, keep;

        if (seed % 4 == 1) {
            gen_gpus(pool, seed);
        }
        assert_int_equal(exclaim_plan_evacuate(pool, &host, 1, &opt, &plan, &err), 0);
        is_whole(plan);
        holds(pool, seed, plan, &opt);
        proof = &plan->step[0].proof;
        if (proof->nr_vms <= 5 && brute_evacuate(pool, host, &opt, &leave, &keep)) {
            const bool ends = proof->leave.reached == proof->leave.bound &&
                              proof->keep.reached == proof->keep.bound;

            compared++;
            gpus += for_gpus(proof);
            optimal += ends;
            infeasible += leave < proof->nr_vms;
            best += leave == proof->leave.reached && keep == proof->keep.reached;
            if (leave > proof->leave.bound || proof->leave.reached > leave ||
                (leave == proof->leave.reached &&
                 (keep > proof->keep.bound || proof->keep.reached > keep)) ||
                (ends && (leave != proof->leave.reached || keep != proof->keep.reached))) {
                fprintf(stderr, "by brute force %u leave, %u keep\n", leave, keep);
                say(pool, seed, plan, &err);
                fail();
            }
        }
        exclaim_plan_free(plan);
        gen_free(pool);
    }
    print_message("%u compared with brute force: %u as good, %u proven, %u infeasible, %u of these "
                  "for want of GPUs\n",
                  compared, best, optimal, infeasible, gpus);
    assert_true(gpus > POOLS / 100);
    assert_true(compared > POOLS / 2 && infeasible > POOLS / 50);
    assert_true(best > compared - compared / 50);
}

static void rolling(void **state)
{
    static const char *const names[] = { "each", "end", "none" };
    uint32_t done[3] = { 0 }, strays[3] = { 0 }, temporary = 0;

    (void)state;
    for (uint64_t seed = 0; seed < ROLLING; seed++) {
        struct exclaim_pool *pool = gen_odd(seed % 3 ? 3 : 8, 14, seed + 100000);

        if (seed % 4 == 1) {
            gen_gpus(pool, seed);
        }
        for (uint32_t back = 0; back < 3; back++) {
            const struct exclaim_rolling_options opt = {
                .plan = { .stray_pages = seed % 5 == 0 ? 200 : 0 },
                .back = (enum exclaim_plan_back)back,
            };
            struct exclaim_plan *plan;
            struct exclaim_error err = { 0 };

            assert_int_equal(exclaim_plan_rolling(pool, &opt, &plan, &err), 0);
            holds(pool, seed + 100000, plan, &opt.plan);
            done[back] += !plan->blocked;
            strays[back] += !plan->blocked && plan->nr_strays > 0;
            for (uint32_t i = 0; i < plan->nr_moves; i++) {
                temporary += plan->move[i].temporary;
            }
            exclaim_plan_free(plan);
        }
        gen_free(pool);
    }
    for (uint32_t back = 0; back < 3; back++) {
        print_message("back %s: %u of %u done, %u not all at home\n", names[back], done[back],
                      ROLLING, strays[back]);
    }
    print_message("%u temporary moves\n", temporary);
    assert_true(done[0] > ROLLING / 20 && done[1] > ROLLING / 20);
}

static void several_hosts(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < POOLS / 4; seed++) {
        struct exclaim_pool *pool = gen_odd(4, 24, seed + 300000);
        const uint32_t host[2] = { 0, 1 };
        const struct exclaim_plan_options opt = { .max_out = 1 + (uint32_t)seed % 4,
                                                  .max_in = 1 + (uint32_t)seed % 3 };
        struct exclaim_plan *plan;
        struct exclaim_error err = { 0 };

        assert_int_equal(exclaim_plan_evacuate(pool, host, 2, &opt, &plan, &err), 0);
        is_whole(plan);
        holds(pool, seed, plan, &opt);
        exclaim_plan_free(plan);
        gen_free(pool);
    }
}

/* Up to 24 VMs, 16 with rules, where some cannot keep their shape or cannot leave: the best plan,
 * and proven. */
static void hard_pools_are_proven(void **state)
{
    static const struct exclaim_plan_options opt = { 0 };

    (void)state;
    for (uint64_t seed = 0; seed < 8 * GEN_HARD_KINDS; seed++) {
        const enum gen_hard kind = seed % GEN_HARD_KINDS;
        const uint32_t vms = 3 + (uint32_t)(seed * 7 % (kind == GEN_APART ? 14 : 22));
        struct exclaim_pool *pool = gen_hard(kind, vms, 600000 + seed);
        const uint32_t host = 0;
        struct exclaim_plan *plan;
        struct exclaim_error err = { 0 };

        assert_int_equal(exclaim_plan_evacuate(pool, &host, 1, &opt, &plan, &err), 0);
        holds(pool, seed, plan, &opt);
        if (!exclaim_plan_optimal(&plan->step[0].proof)) {
            fail_msg("seed %llu: not proven", (unsigned long long)seed);
        }
        exclaim_plan_free(plan);
        gen_free(pool);
    }
}

/* What was once found without a proof, and was worse than what CBC knew after minutes: 14 of 19
 * that keep their shape where 17 can (CBC: 16), and 18 of 24 where it found 21. */
static void no_worse_than_cbc_after_minutes(void **state)
{
    static const struct {
        enum gen_hard kind;
        uint32_t vms, keep;
        uint64_t seed;
        bool proven;
    } pools[] = { { GEN_MANY_PARTS, 17, 15, 900079, true },
                  { GEN_MANY_PARTS, 19, 17, 900261, true },
                  { GEN_PINNED, 24, 21, 900351, false } };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
        struct exclaim_pool *pool = gen_hard(pools[i].kind, pools[i].vms, pools[i].seed);
        const uint32_t host = 0;
        struct exclaim_plan *plan;
        struct exclaim_error err = { 0 };

        assert_int_equal(exclaim_plan_evacuate(pool, &host, 1, NULL, &plan, &err), 0);
        holds(pool, pools[i].seed, plan, NULL);
        assert_int_equal(plan->step[0].proof.leave.reached, pools[i].vms);
        assert_int_equal(plan->step[0].proof.keep.reached, pools[i].keep);
        assert_true(exclaim_plan_optimal(&plan->step[0].proof) || !pools[i].proven);
        exclaim_plan_free(plan);
        gen_free(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evacuations),
        cmocka_unit_test(several_hosts),
        cmocka_unit_test(hard_pools_are_proven),
        cmocka_unit_test(no_worse_than_cbc_after_minutes),
        cmocka_unit_test(rolling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
