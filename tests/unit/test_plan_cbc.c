/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Against an exact solver: no plan is worse, no bound is wrong, and what is called infeasible is.
 * Skipped where there is no cbc.
 */
#include "support.h"

#include <exclaim/plan.h>

#include <stdlib.h>

#include "../plan/gen.h"
#include "../plan/milp.h"

#define SECONDS 60u

struct tally {
    uint32_t compared, infeasible, proven;
};

static void compare(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                    const struct exclaim_plan_options *opt, const char *dir, struct tally *t)
{
    const struct exclaim_plan_proof *proof;
    struct exclaim_error err = { 0 };
    struct milp_answer answer;
    struct exclaim_plan *plan;

    assert_int_equal(exclaim_plan_evacuate(pool, host, nr_hosts, opt, &plan, &err), 0);
    if (exclaim_plan_check(pool, plan, opt, &err)) {
        fail_msg("%s", err.text);
    }
    proof = &plan->step[0].proof;
    assert_true(milp_evacuate(pool, host, nr_hosts, opt, SECONDS, dir, &answer));
    if (answer.optimal) {
        t->compared++;
        t->infeasible += proof->leave.bound < proof->nr_vms;
        t->proven += proof->keep.reached == proof->keep.bound;
        if (answer.leave > proof->leave.bound || proof->leave.reached != answer.leave ||
            answer.keep > proof->keep.bound || proof->keep.reached != answer.keep) {
            fail_msg(
                "cbc: %llu leave, %llu keep; ours %llu of %llu, %llu of %llu",
                (unsigned long long)answer.leave, (unsigned long long)answer.keep,
                (unsigned long long)proof->leave.reached, (unsigned long long)proof->leave.bound,
                (unsigned long long)proof->keep.reached, (unsigned long long)proof->keep.bound);
        }
    }
    exclaim_plan_free(plan);
}

static void large_pools(void **state)
{
    static const struct {
        struct gen_large pool;
        uint32_t empty, instances;
    } kinds[] = {
        { { 4, 60, 65, false }, 1, 12 },   { { 8, 125, 75, false }, 1, 8 },
        { { 16, 250, 85, false }, 1, 6 },  { { 16, 250, 85, true }, 1, 6 },
        { { 64, 1000, 90, false }, 1, 3 }, { { 64, 1000, 95, true }, 1, 3 },
        { { 64, 1000, 85, false }, 4, 1 },
    };
    struct tally t = { 0 };

    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (uint32_t i = 0; i < kinds[k].instances; i++) {
            struct exclaim_pool *pool = gen_large(&kinds[k].pool, 5000 * k + i);
            const struct exclaim_plan_options opt = { 0 };
            uint32_t host[4];

            for (uint32_t e = 0; e < kinds[k].empty; e++) {
                host[e] = e * (kinds[k].pool.hosts / kinds[k].empty);
            }
            compare(pool, host, kinds[k].empty, &opt, *state, &t);
            gen_free(pool);
        }
    }
    print_message("%u compared, %u of them proven\n", t.compared, t.proven);
    assert_true(t.compared > 30);
}

static void odd_pools(void **state)
{
    struct tally t = { 0 };

    for (uint64_t seed = 0; seed < 80; seed++) {
        struct exclaim_pool *pool = gen_odd(seed % 2 ? 3 : 8, 24, 200000 + seed);
        const struct exclaim_plan_options opt = { .whole_parts = seed % 3 == 0 };
        const uint32_t host = (uint32_t)(seed % pool->nr_hosts);

        compare(pool, &host, 1, &opt, *state, &t);
        gen_free(pool);
    }
    print_message("%u compared, %u infeasible, %u proven\n", t.compared, t.infeasible, t.proven);
    assert_true(t.compared > 70 && t.infeasible > 10);
}

/* Where not all can be had: hosts that together have about what is needed, on uneven nodes. */
static void tight_pools(void **state)
{
    struct tally t = { 0 };

    for (uint64_t seed = 0; seed < 36; seed++) {
        struct exclaim_pool *pool = gen_tight(3 + (uint32_t)(seed % 12), 300000 + seed);
        const struct exclaim_plan_options opt = { .whole_parts = seed % 5 == 0 };
        const uint32_t host = 0;

        compare(pool, &host, 1, &opt, *state, &t);
        gen_free(pool);
    }
    print_message("%u compared, %u infeasible, %u proven\n", t.compared, t.infeasible, t.proven);
    assert_true(t.compared > 30 && t.infeasible > 10 && t.proven == t.compared);
}

static void hard_pools(void **state)
{
    struct tally t = { 0 };

    for (uint64_t seed = 0; seed < 4 * GEN_HARD_KINDS; seed++) {
        struct exclaim_pool *pool = gen_hard(seed % GEN_HARD_KINDS, 4 + (uint32_t)(seed % 7), seed);
        const struct exclaim_plan_options opt = { .whole_parts = seed % 5 == 0 };
        const uint32_t host = 0;

        compare(pool, &host, 1, &opt, *state, &t);
        gen_free(pool);
    }
    print_message("%u compared, %u infeasible, %u proven\n", t.compared, t.infeasible, t.proven);
    assert_true(t.compared > 20 && t.infeasible > 5 && t.proven == t.compared);
}

static int open_dir(void **state)
{
    static char dir[64];

    make_dir(dir);
    *state = dir;
    return 0;
}

static int close_dir(void **state)
{
    drop_dir(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_pools),
        cmocka_unit_test(tight_pools),
        cmocka_unit_test(hard_pools),
        cmocka_unit_test(large_pools),
    };

    if (!milp_available()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, open_dir, close_dir);
}
