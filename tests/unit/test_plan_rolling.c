/* SPDX-License-Identifier: BSD-2-Clause */
/* Rolling upgrades: who goes where in which step, and the way back. */
#include "support.h"

#include <exclaim/plan.h>

#include "../plan/gen.h"

#define PAGES(...) ((const uint64_t[]){ __VA_ARGS__ })

static struct exclaim_plan *roll(const struct exclaim_pool *pool, enum exclaim_plan_back back)
{
    const struct exclaim_rolling_options opt = { .back = back };
    struct exclaim_error err = { 0 };
    struct exclaim_plan *plan;

    assert_int_equal(exclaim_plan_rolling(pool, &opt, &plan, &err), 0);
    if (exclaim_plan_check(pool, plan, &opt.plan, &err)) {
        fail_msg("%s", err.text);
    }
    return plan;
}

static uint32_t temporary(const struct exclaim_plan *plan)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        nr += plan->move[i].temporary;
    }
    return nr;
}

static uint32_t lost_shapes(const struct exclaim_plan *plan)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        nr += !plan->move[i].kept;
    }
    return nr;
}

/* Where everybody is after the last move. */
static void assert_all_at_home(const struct exclaim_pool *pool, const struct exclaim_plan *plan)
{
    assert_false(plan->blocked);
    assert_int_equal(plan->nr_strays, 0);
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        uint32_t host = pool->vm[v].host;

        for (uint32_t i = 0; i < plan->nr_moves; i++) {
            host = plan->move[i].vm == v ? plan->move[i].to : host;
        }
        assert_int_equal(host, pool->vm[v].host);
    }
}

/*
 * vatesfr/xen-orchestra#10260: four hosts of 100 units; three of them hold 75 in VMs of 25, one 25.
 * Emptied one after the other onto whoever has most room, the first hosts are full of strangers
 * when their own VMs are to come back, and each VM that is sent back in a fixed order is refused.
 */
static struct exclaim_pool *four_hosts(void)
{
    struct exclaim_pool *pool = gen_pool(4, 16);

    for (uint32_t h = 0; h < 4; h++) {
        gen_host(pool, h, 1, 100);
    }
    for (uint32_t h = 0; h < 4; h++) {
        for (uint32_t i = 0; i < (h == 3 ? 1 : 3); i++) {
            gen_vm(pool, h, 1, PAGES(25), 0);
        }
    }
    return pool;
}

/* What was done then: every VM to the host with most room, and back in a fixed order.  How many are
 * refused. */
static uint32_t refused_in_fixed_order(const struct exclaim_pool *pool)
{
    uint64_t free[4];
    uint32_t at[16], refused = 0;

    for (uint32_t h = 0; h < 4; h++) {
        free[h] = pool->host[h].host_free;
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        at[v] = pool->vm[v].host;
    }
    for (uint32_t h = 0; h < 4; h++) {
        for (uint32_t v = 0; v < pool->nr_vms; v++) {
            uint32_t to = h == 0;

            if (at[v] != h) {
                continue;
            }
            for (uint32_t i = 0; i < 4; i++) {
                to = i != h && free[i] > free[to] ? i : to;
            }
            assert_true(free[to] >= pool->vm[v].total_pages);
            free[to] -= pool->vm[v].total_pages;
            free[h] += pool->vm[v].total_pages;
            at[v] = to;
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        const uint32_t home = pool->vm[v].host;

        if (at[v] == home) {
            continue;
        }
        if (free[home] < pool->vm[v].total_pages) {
            refused++;
            continue;
        }
        free[home] -= pool->vm[v].total_pages;
        free[at[v]] += pool->vm[v].total_pages;
    }
    return refused;
}

static void four_full_hosts_get_all_vms_back(void **state)
{
    struct exclaim_pool *pool = four_hosts();

    (void)state;
    assert_true(refused_in_fixed_order(pool) > 0);
    for (int back = EXCLAIM_BACK_EACH; back <= EXCLAIM_BACK_END; back++) {
        struct exclaim_plan *plan = roll(pool, (enum exclaim_plan_back)back);

        assert_all_at_home(pool, plan);
        assert_int_equal(lost_shapes(plan), 0);
        exclaim_plan_free(plan);
    }
    gen_free(pool);
}

/*
 * Three hosts with one VM each and a fourth with just room for one: after the upgrade the VMs sit
 * in a circle, each on the next one's place.
 */
static void a_circle_is_broken_by_a_temporary_move(void **state)
{
    struct exclaim_pool *pool = gen_pool(4, 16);
    struct exclaim_plan *plan;

    (void)state;
    for (uint32_t h = 0; h < 4; h++) {
        gen_host(pool, h, 1, 100);
        gen_vm(pool, h, 1, PAGES(h == 3 ? 30 : 70), 0);
    }
    plan = roll(pool, EXCLAIM_BACK_END);
    assert_all_at_home(pool, plan);
    assert_int_equal(plan->step[4].kind, EXCLAIM_STEP_BACK);
    assert_int_equal(plan->step[4].host, EXCLAIM_NO_HOST);
    assert_int_equal(temporary(plan), 1);
    exclaim_plan_free(plan);
    gen_free(pool);
}

static void the_coordinator_goes_first(void **state)
{
    struct exclaim_pool *pool = four_hosts();
    struct exclaim_plan *plan;

    (void)state;
    pool->host[0].coordinator = false;
    pool->host[2].coordinator = true;
    plan = roll(pool, EXCLAIM_BACK_NONE);
    assert_int_equal(plan->nr_steps, 4);
    assert_int_equal(plan->step[0].host, 2);
    assert_int_equal(plan->step[1].host, 0);
    assert_int_equal(plan->step[3].host, 3);
    assert_int_equal(plan->step[0].kind, EXCLAIM_STEP_EVACUATE);
    exclaim_plan_free(plan);
    gen_free(pool);
}

/* A VM on an upgraded host does not go to one that is not, so two hosts can only swap once. */
static void nobody_goes_back_to_an_older_host(void **state)
{
    struct exclaim_pool *pool = gen_pool(3, 16);
    const uint32_t order[2] = { 0, 1 };
    const struct exclaim_rolling_options opt = { .back = EXCLAIM_BACK_NONE,
                                                 .order = order,
                                                 .nr_order = 2 };
    struct exclaim_error err = { 0 };
    struct exclaim_plan *plan;

    (void)state;
    for (uint32_t h = 0; h < 3; h++) {
        gen_host(pool, h, 1, 100);
        gen_vm(pool, h, 1, PAGES(50), 0);
    }
    assert_int_equal(exclaim_plan_rolling(pool, &opt, &plan, &err), 0);
    assert_int_equal(exclaim_plan_check(pool, plan, &opt.plan, &err), 0);
    assert_false(plan->blocked);
    for (uint32_t i = plan->step[1].first_move; i < plan->nr_moves; i++) {
        assert_int_equal(plan->move[i].to, 0);
    }
    exclaim_plan_free(plan);

    /* With agility for host 2 alone the second step cannot be done once host 2 is older. */
    pool->vm[1].allowed[0] = 1u << 1;
    pool->vm[1].bars = &gen_local_disk;
    assert_int_equal(exclaim_plan_rolling(pool, &opt, &plan, &err), 0);
    assert_true(plan->blocked);
    assert_int_equal(plan->nr_steps, 2);
    assert_int_equal(plan->step[1].nr_stays, 1);
    assert_int_equal(plan->stay[plan->step[1].first_stay].why, EXCLAIM_MISFIT_AGILITY);
    exclaim_plan_free(plan);
    gen_free(pool);
}

static void the_first_blocking_step_is_told_in_numbers(void **state)
{
    struct exclaim_pool *pool = gen_pool(3, 16);
    struct exclaim_plan *plan;
    char text[256];

    (void)state;
    gen_host(pool, 0, 1, 100);
    gen_host(pool, 1, 1, 200);
    gen_host(pool, 2, 1, 100);
    gen_vm(pool, 0, 1, PAGES(40), 0);
    gen_vm(pool, 1, 1, PAGES(150), 0);
    plan = roll(pool, EXCLAIM_BACK_EACH);
    assert_true(plan->blocked);
    assert_int_equal(plan->nr_steps, 3);
    assert_int_equal(plan->step[2].host, 1);
    exclaim_misfit_text(pool, &plan->stay[plan->step[2].first_stay], text, sizeof(text));
    assert_string_equal(
        text, "VM vm1: its part on node 0 needs 600 KiB, best is node 0 of host "
              "host2 with 400 KiB free, 0 KiB promised or kept free: short by 200 KiB (50 pages)");
    exclaim_plan_free(plan);
    gen_free(pool);
}

/* It took its arrival pages at home before, and nobody was promised them. */
static void the_way_back_needs_no_more_than_was_there(void **state)
{
    struct exclaim_pool *pool = gen_pool(2, 16);
    struct exclaim_plan *plan;

    (void)state;
    gen_host(pool, 0, 2, 1000);
    gen_host(pool, 1, 2, 4000);
    gen_vm(pool, 0, 2, PAGES(1000, 0), 4);
    gen_vm(pool, 0, 2, PAGES(0, 1000), 4);
    plan = roll(pool, EXCLAIM_BACK_EACH);
    assert_all_at_home(pool, plan);
    assert_int_equal(lost_shapes(plan), 0);
    exclaim_plan_free(plan);
    gen_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_full_hosts_get_all_vms_back),
        cmocka_unit_test(a_circle_is_broken_by_a_temporary_move),
        cmocka_unit_test(the_coordinator_goes_first),
        cmocka_unit_test(nobody_goes_back_to_an_older_host),
        cmocka_unit_test(the_first_blocking_step_is_told_in_numbers),
        cmocka_unit_test(the_way_back_needs_no_more_than_was_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
