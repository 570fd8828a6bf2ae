/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the VMs of a host go, on pools small enough to see why. */
#include "support.h"

#include <exclaim/plan.h>

#include <string.h>

#include "../plan/gen.h"

#define PAGES(...) ((const uint64_t[]){ __VA_ARGS__ })
#define HOSTS(...) ((const uint32_t[]){ __VA_ARGS__ })

/* Three hosts of two nodes of 1000 pages. */
static struct exclaim_pool *three_hosts(void)
{
    struct exclaim_pool *pool = gen_pool(3, 16);

    for (uint32_t h = 0; h < 3; h++) {
        gen_host(pool, h, 2, 1000);
    }
    return pool;
}

static struct exclaim_plan *evacuate(const struct exclaim_pool *pool,
                                     const struct exclaim_plan_options *opt)
{
    const uint32_t host = 0;
    struct exclaim_error err = { 0 };
    struct exclaim_plan *plan;

    assert_int_equal(exclaim_plan_evacuate(pool, &host, 1, opt, &plan, &err), 0);
    assert_int_equal(exclaim_plan_check(pool, plan, opt, &err), 0);
    return plan;
}

static const struct exclaim_plan_move *move_of(const struct exclaim_plan *plan, uint32_t vm)
{
    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        if (plan->move[i].vm == vm) {
            return &plan->move[i];
        }
    }
    return NULL;
}

static void assert_text(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                        const char *want)
{
    char text[512];

    exclaim_plan_proof_text(pool, &plan->step[0].proof, text, sizeof(text));
    assert_string_equal(text, want);
}

static void done(struct exclaim_pool *pool, struct exclaim_plan *plan)
{
    exclaim_plan_free(plan);
    gen_free(pool);
}

/* By totals both hosts take it; one is the tighter, node by node. */
static void parts_find_nodes_of_their_own(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    const uint32_t vm = gen_vm(pool, 0, 2, PAGES(600, 500), 0);
    struct exclaim_plan *plan;

    (void)state;
    gen_vm(pool, 1, 2, PAGES(500, 0), 0);
    gen_vm(pool, 2, 2, PAGES(400, 500), 0);
    plan = evacuate(pool, &(struct exclaim_plan_options){ .prefer = EXCLAIM_PREFER_PACK });
    assert_text(pool, plan, "optimal: 1 of 1 VMs leave, 1 keep their shape");
    assert_int_equal(move_of(plan, vm)->to, 2);
    assert_int_equal(move_of(plan, vm)->shape, EXCLAIM_MATCH_SAME);
    assert_int_equal(move_of(plan, vm)->guarantee, EXCLAIM_GUARANTEE_HOST);
    assert_true(exclaim_plan_complete(&plan->step[0].proof));
    done(pool, plan);
}

static void numbers_are_free(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    const uint32_t vm = gen_vm(pool, 0, 2, PAGES(900, 300), 0);
    struct exclaim_plan *plan;

    (void)state;
    gen_vm(pool, 1, 2, PAGES(700, 100), 0);
    gen_vm(pool, 2, 2, PAGES(900, 900), 0);
    plan = evacuate(pool, NULL);
    assert_int_equal(move_of(plan, vm)->to, 1);
    assert_int_equal(move_of(plan, vm)->shape, EXCLAIM_MATCH_RENUMBERED);
    assert_int_equal(move_of(plan, vm)->part[0].src_node, 0);
    assert_int_equal(move_of(plan, vm)->part[0].dst_node, 1);
    done(pool, plan);
}

/* Largest first by best fit puts 500 and 400 together and has no place for 600. */
static void search_beats_best_fit(void **state)
{
    struct exclaim_pool *pool = gen_pool(2, 16);
    struct exclaim_plan *plan;

    (void)state;
    gen_host(pool, 0, 4, 1000);
    gen_host(pool, 1, 2, 1000);
    for (uint32_t n = 0; n < 2; n++) {
        gen_vm(pool, 0, 4, PAGES(0, 0, 500, 0), 0);
        gen_vm(pool, 0, 4, PAGES(0, 0, 0, 300), 0);
        gen_vm(pool, 0, 4, PAGES(200, 0, 0, 0), 0);
    }
    pool->host[1].free[0] = pool->host[1].free[1] = 1000;
    plan = evacuate(pool, NULL);
    assert_text(pool, plan, "optimal: 6 of 6 VMs leave, 6 keep their shape");
    done(pool, plan);
}

static void what_cannot_be_whole_flows(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    const uint32_t large = gen_vm(pool, 0, 2, PAGES(900, 0), 0);
    struct exclaim_plan *plan;

    (void)state;
    gen_vm(pool, 1, 2, PAGES(400, 400), 0);
    gen_vm(pool, 2, 2, PAGES(600, 600), 0);
    plan = evacuate(pool, NULL);
    assert_text(
        pool, plan,
        "optimal: 1 of 1 VMs leave, 0 keep their shape: 1 could not even alone: VM vm0: "
        "its part on node 0 needs 3.5 MiB, best is node 0 of host host1 with 2.3 MiB free, 0 KiB "
        "promised or kept free: short by 1.2 MiB (300 pages)");
    assert_int_equal(move_of(plan, large)->to, 1);
    assert_int_equal(move_of(plan, large)->shape, EXCLAIM_MATCH_SPLIT);
    assert_int_equal(move_of(plan, large)->nr_parts, 2);
    assert_false(move_of(plan, large)->kept);
    exclaim_plan_free(plan);
    plan = evacuate(pool, &(struct exclaim_plan_options){ .whole_parts = true });
    assert_int_equal(plan->nr_moves, 0);
    assert_int_equal(plan->nr_stays, 1);
    assert_int_equal(plan->stay[0].why, EXCLAIM_MISFIT_NODE);
    assert_int_equal(plan->stay[0].short_by, 300);
    done(pool, plan);
}

static void too_many_of_a_size_are_counted(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;

    (void)state;
    gen_host(pool, 0, 3, 1000);
    for (uint32_t n = 0; n < 3; n++) {
        gen_vm(pool, 0, 3, PAGES(n == 0 ? 600 : 0, n == 1 ? 600 : 0, n == 2 ? 600 : 0), 0);
    }
    gen_vm(pool, 1, 2, PAGES(500, 0), 0);
    gen_vm(pool, 2, 2, PAGES(0, 500), 0);
    plan = evacuate(pool, &(struct exclaim_plan_options){ .whole_parts = true });
    assert_text(pool, plan,
                "infeasible: 2 of 3 VMs leave, 2 keep their shape: parts of at least 2.3 MiB "
                "need 3 places of that size, there are 2");
    assert_int_equal(plan->stay[0].why, EXCLAIM_MISFIT_TOGETHER);
    done(pool, plan);
}

/* There are five nodes for the four parts, but only one host with two of them. */
static void parts_that_share_a_host_are_counted(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;

    (void)state;
    gen_host(pool, 0, 2, 2000);
    gen_host(pool, 1, 2, 2000);
    gen_vm(pool, 0, 2, PAGES(600, 600), 0);
    gen_vm(pool, 0, 2, PAGES(700, 600), 0);
    gen_vm(pool, 1, 2, PAGES(1900, 0), 0);
    plan = evacuate(pool, NULL);
    assert_text(
        pool, plan,
        "optimal: 2 of 2 VMs leave, 1 keep their shape: 2 VMs with 2 parts of at least "
        "2.3 MiB do not all find as many nodes of one host: need 2 such places, there is 1");
    done(pool, plan);
}

/* Three nodes each, of which the emptiest can be used by each VM but once. */
static void no_node_takes_two_parts_of_a_vm(void **state)
{
    struct exclaim_pool *pool = gen_pool(2, 8);
    struct exclaim_plan *plan;

    (void)state;
    gen_host(pool, 0, 3, 1000);
    gen_host(pool, 1, 3, 5000);
    for (uint32_t i = 0; i < 3; i++) {
        gen_vm(pool, 0, 3, PAGES(300, 300, 300), 0);
    }
    gen_vm(pool, 1, 3, PAGES(0, 4300, 4300), 0);
    plan = evacuate(pool, &(struct exclaim_plan_options){ .whole_parts = true });
    assert_text(
        pool, plan,
        "infeasible: 2 of 3 VMs leave, 2 keep their shape: 3 VMs with 3 parts of at least "
        "1.2 MiB do not all find as many nodes of one host: need 3 such places, there are 2");
    done(pool, plan);
}

/* All of these can keep their shape; wherever a search ends that has not found how, it may say that
 * it does not know, but not that this cannot be. */
static void a_search_that_ends_early_proves_nothing(void **state)
{
    static const uint64_t room[4][4] = {
        { 4000, 4000, 4000 }, { 600, 200, 600, 200 }, { 600, 100 }, { 300, 550 }
    };
    static const uint32_t nodes[4] = { 3, 4, 2, 2 };
    static const uint64_t vms[][3] = { { 175, 175, 125 }, { 0, 200, 0 },     { 100, 100, 175 },
                                       { 150, 0, 0 },     { 100, 175, 175 }, { 200, 0, 100 } };
    struct exclaim_pool *pool = gen_pool(4, ARRAY_SIZE(vms));
    uint32_t open = 0;

    (void)state;
    for (uint32_t h = 0; h < 4; h++) {
        gen_host(pool, h, nodes[h], 0);
        for (uint32_t n = 0; n < nodes[h]; n++) {
            pool->host[h].free[n] = room[h][n];
            pool->host[h].host_free += room[h][n];
        }
    }
    for (size_t v = 0; v < ARRAY_SIZE(vms); v++) {
        gen_vm(pool, 0, 3, vms[v], 0);
    }
    for (uint64_t effort = 25; effort < 6000; effort += 25) {
        struct exclaim_plan *plan =
            evacuate(pool, &(struct exclaim_plan_options){ .effort = effort,
                                                           .prefer = EXCLAIM_PREFER_PACK });

        assert_int_equal(plan->step[0].proof.keep.bound, ARRAY_SIZE(vms));
        open += plan->step[0].proof.keep.reached < ARRAY_SIZE(vms);
        exclaim_plan_free(plan);
    }
    assert_true(open > 0);
    gen_free(pool);
}

/* Placing one after the other has taken more than there was; what is left is then nothing, not all
 * that a number can hold. */
static void effort_that_is_spent_is_spent(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;

    (void)state;
    pool->host[2].enabled = false;
    for (uint32_t i = 0; i < 2; i++) {
        pool->vm[gen_vm(pool, 0, 2, PAGES(300, 0), 0)].apart = 7;
    }
    plan = evacuate(pool, &(struct exclaim_plan_options){ .effort = 1 });
    assert_text(
        pool, plan,
        "optimal: 2 of 2 VMs leave, 2 keep their shape, 1 pair that should be apart shares a host");
    done(pool, plan);
}

/* As XAPI has it of a VM that has just started: no metrics yet. */
static void a_vm_without_known_memory_divides_nothing(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    const uint32_t vm = gen_vm(pool, 0, 2, PAGES(0, 0), 0);
    struct exclaim_plan *plan;

    (void)state;
    pool->vm[vm].nr_nodes = 0;
    pool->vm[vm].exact = false;
    plan = evacuate(pool, NULL);
    assert_text(pool, plan,
                "optimal: 1 of 1 VMs leave, 0 keep their shape: 1 not for certain: VM vm0: "
                "its count is not exact: ");
    assert_int_equal(move_of(plan, vm)->nr_parts, 0);
    done(pool, plan);
}

static void who_may_not_go_stays(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;
    char text[256];

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        gen_vm(pool, 0, 2, PAGES(0, 100), 0);
    }
    pool->host[1].enabled = false;
    pool->host[2].version.part[0] = 3;
    pool->host[0].version.part[0] = 4;
    plan = evacuate(pool, NULL);
    assert_int_equal(plan->nr_moves, 0);
    assert_int_equal(plan->stay[0].why, EXCLAIM_MISFIT_OLDER);
    assert_text(
        pool, plan,
        "infeasible: 0 of 3 VMs leave, 0 keep their shape: 3 could not go even alone: VM vm0: "
        "host host2 is older than the one it is on");
    exclaim_plan_free(plan);

    pool->host[2].version.part[0] = 4;
    pool->vm[0].allowed[0] = 1;
    pool->vm[0].bars = &gen_local_disk;
    pool->vm[1].pinned = true;
    gen_vm(pool, 2, 2, PAGES(0, 950), 0);
    plan = evacuate(pool, NULL);
    assert_int_equal(plan->nr_stays, 2);
    assert_int_equal(move_of(plan, 2)->to, 2);
    for (uint32_t i = 0; i < 2; i++) {
        exclaim_misfit_text(pool, &plan->stay[i], text, sizeof(text));
        if (plan->stay[i].vm == 0) {
            assert_string_equal(text, "VM vm0 may not run on host host2: its disk is local");
        } else {
            assert_string_equal(
                text, "VM vm1: its part on node 1 needs 400 KiB, best is node 1 "
                      "of host host2 with 200 KiB free, 0 KiB promised or kept free: short by "
                      "200 KiB (50 pages), and it is pinned");
        }
    }
    done(pool, plan);
}

/* 30 + 294 pages for one vCPU: Xen may take them from the node of any VM that is there. */
static void arrival_pages_are_kept_free_on_used_nodes(void **state)
{
    struct exclaim_pool *pool = gen_pool(2, 16);
    struct exclaim_plan *plan;

    (void)state;
    gen_host(pool, 0, 2, 4000);
    gen_host(pool, 1, 2, 4000);
    gen_vm(pool, 0, 2, PAGES(3676, 0), 1);
    plan = evacuate(pool, NULL);
    assert_text(pool, plan, "optimal: 1 of 1 VMs leave, 1 keep their shape");
    exclaim_plan_free(plan);
    /* A second VM fits the other node, but its arrival pages may come from the first one's. */
    gen_vm(pool, 0, 2, PAGES(0, 100), 1);
    plan = evacuate(pool, NULL);
    assert_int_equal(plan->step[0].proof.leave.reached, 2);
    assert_int_equal(plan->step[0].proof.keep.reached, 1);
    done(pool, plan);
}

static void members_of_a_rule_part(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        gen_vm(pool, 0, 2, PAGES(100, 0), 0);
        pool->vm[i].apart = 7;
    }
    plan = evacuate(pool, NULL);
    assert_text(
        pool, plan,
        "optimal: 3 of 3 VMs leave, 3 keep their shape, 1 pair that should be apart shares a host");
    assert_true(move_of(plan, 0)->to != move_of(plan, 1)->to ||
                move_of(plan, 0)->to != move_of(plan, 2)->to);
    done(pool, plan);
}

/* More members than hosts: no host has more than it must. */
static void members_of_a_rule_spread(void **state)
{
    struct exclaim_pool *pool = gen_pool(4, 6);
    uint32_t on[4] = { 0 };
    struct exclaim_plan *plan;

    (void)state;
    for (uint32_t h = 0; h < 4; h++) {
        gen_host(pool, h, 2, 10000 + 1000 * h);
    }
    for (uint32_t i = 0; i < 6; i++) {
        pool->vm[gen_vm(pool, 0, 2, PAGES(300, 0), 0)].apart = 7;
    }
    plan = evacuate(pool, NULL);
    assert_text(pool, plan,
                "optimal: 6 of 6 VMs leave, 6 keep their shape, 3 pairs that should be "
                "apart share a host");
    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        on[plan->move[i].to]++;
    }
    for (uint32_t h = 1; h < 4; h++) {
        assert_int_equal(on[h], 2);
    }
    done(pool, plan);
}

/* Keeping the shape comes before keeping apart. */
static void shape_comes_before_rules(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;

    (void)state;
    gen_vm(pool, 0, 2, PAGES(500, 0), 0);
    gen_vm(pool, 0, 2, PAGES(500, 0), 0);
    pool->vm[0].apart = pool->vm[1].apart = 1;
    gen_vm(pool, 2, 2, PAGES(600, 600), 0);
    plan = evacuate(pool, NULL);
    assert_int_equal(plan->step[0].proof.keep.reached, 2);
    assert_int_equal(plan->step[0].proof.apart.reached, 1);
    done(pool, plan);
}

static void unknown_nodes_promise_nothing(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    const uint32_t vm = gen_vm(pool, 0, 2, PAGES(100, 0), 0);
    struct exclaim_plan *plan;

    (void)state;
    pool->host[1].enabled = false;
    pool->host[2].free_source = EXCLAIM_FROM_NOWHERE;
    pool->host[2].why = "debug key u is not allowed";
    plan = evacuate(pool, NULL);
    assert_false(move_of(plan, vm)->shape_known);
    assert_false(move_of(plan, vm)->kept);
    assert_int_equal(move_of(plan, vm)->part[0].dst_node, EXCLAIM_NO_NODE);
    assert_text(pool, plan,
                "optimal: 1 of 1 VMs leave, 0 keep their shape: 1 not for certain: VM vm0: "
                "nothing is known of the nodes of host host2: debug key u is not allowed");
    done(pool, plan);
}

static void waves_keep_the_limits(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        gen_vm(pool, 0, 2, PAGES(10, 0), 0);
    }
    plan = evacuate(pool, NULL);
    assert_int_equal(plan->nr_waves, 3);
    exclaim_plan_free(plan);
    plan = evacuate(pool, &(struct exclaim_plan_options){ .max_out = 6, .max_in = 6 });
    assert_int_equal(plan->nr_waves, 1);
    done(pool, plan);
}

static void a_vm_that_runs_nowhere_can_be_placed(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    const uint32_t vm = gen_vm(pool, EXCLAIM_NO_HOST, 2, PAGES(800, 700), 0);
    struct exclaim_error err = { 0 };
    struct exclaim_plan *plan;

    (void)state;
    gen_vm(pool, 1, 2, PAGES(400, 0), 0);
    assert_int_equal(exclaim_plan_place(pool, &vm, 1, HOSTS(1, 2), 2, NULL, &plan, &err), 0);
    assert_int_equal(exclaim_plan_check(pool, plan, NULL, &err), 0);
    assert_int_equal(move_of(plan, vm)->from, EXCLAIM_NO_HOST);
    assert_int_equal(move_of(plan, vm)->to, 2);
    done(pool, plan);
}

static void bad_hosts_are_refused(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan = NULL;
    struct exclaim_error err = { 0 };

    (void)state;
    assert_int_equal(exclaim_plan_evacuate(pool, HOSTS(3), 1, NULL, &plan, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
    assert_int_equal(exclaim_plan_evacuate(pool, HOSTS(1, 1), 2, NULL, &plan, &err), -1);
    assert_string_equal(err.text, "host host1 is named twice");
    assert_int_equal(exclaim_plan_evacuate(pool, HOSTS(1), 0, NULL, &plan, &err), -1);
    assert_null(plan);
    gen_free(pool);
}

/* The checker finds what a planner must not do. */
static void the_check_sees_an_oversold_node(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_error err = { 0 };
    struct exclaim_plan *plan;

    (void)state;
    gen_vm(pool, 0, 2, PAGES(600, 0), 0);
    gen_vm(pool, 0, 2, PAGES(0, 600), 0);
    pool->host[2].enabled = false;
    plan = evacuate(pool, NULL);
    ((struct exclaim_part *)(uintptr_t)plan->move[0].part)->dst_node = 0;
    ((struct exclaim_part *)(uintptr_t)plan->move[1].part)->dst_node = 0;
    assert_int_equal(exclaim_plan_check(pool, plan, NULL, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);
    assert_string_equal(err.text, "move 1: node 0 of host host1 would be oversold by 200 pages, 0 "
                                  "of them on arrival");
    done(pool, plan);
}

/* Most and least that nodes of hosts other than the first have left. */
static void see_room(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                     uint64_t *least, uint64_t *most)
{
    struct exclaim_replay *replay = exclaim_replay_open(pool, plan);
    struct exclaim_error err;

    assert_non_null(replay);
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        assert_int_equal(exclaim_replay_start(replay, m, &err), 0);
        assert_int_equal(exclaim_replay_end(replay, m, &err), 0);
    }
    *least = UINT64_MAX;
    *most = 0;
    for (uint32_t h = 1; h < pool->nr_hosts; h++) {
        struct exclaim_room room;

        exclaim_replay_room(replay, h, &room);
        for (uint32_t n = 0; n < room.nr_nodes; n++) {
            *least = room.free[n] < *least ? room.free[n] : *least;
            *most = room.free[n] > *most ? room.free[n] : *most;
        }
    }
    exclaim_replay_close(replay);
}

static void room_is_even_unless_packed(void **state)
{
    static const struct exclaim_plan_options packed = { .prefer = EXCLAIM_PREFER_PACK };
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;
    uint64_t least, most;

    (void)state;
    for (uint32_t v = 0; v < 8; v++) {
        gen_vm(pool, 0, 2, v % 2 ? PAGES(100 + v, 0) : PAGES(0, 100 + v), 0);
    }
    plan = evacuate(pool, NULL);
    see_room(pool, plan, &least, &most);
    assert_in_range(most - least, 0, 4);
    exclaim_plan_free(plan);
    plan = evacuate(pool, &packed);
    see_room(pool, plan, &least, &most);
    assert_int_equal(most, 1000);
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        assert_int_equal(plan->move[m].to, plan->move[0].to);
    }
    done(pool, plan);
}

/* Where room says nothing: twice the vCPUs to the host with twice the cores. */
static void vcpus_go_by_cores(void **state)
{
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_plan *plan;
    uint64_t vcpus[3] = { 0 };

    (void)state;
    pool->host[1].cores = 8;
    pool->host[2].cores = 16;
    for (uint32_t v = 0; v < 4; v++) {
        const uint32_t vm = gen_vm(pool, 0, 2, PAGES(200, 0), 0);

        pool->vm[vm].vcpus = v < 2 ? 4 : 8;
    }
    plan = evacuate(pool, NULL);
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        vcpus[plan->move[m].to] += pool->vm[plan->move[m].vm].vcpus;
    }
    assert_int_equal(vcpus[1], 8);
    assert_int_equal(vcpus[2], 16);
    done(pool, plan);
}

/* Evenness is the last of all goals. */
static void spreading_costs_no_goal(void **state)
{
    static const struct exclaim_plan_options packed = { .prefer = EXCLAIM_PREFER_PACK };

    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct exclaim_pool *pool =
            seed % 2 ? gen_odd(3, 24, 400000 + seed) : gen_tight(4 + (uint32_t)seed % 9, seed);
        struct exclaim_plan *tight = evacuate(pool, &packed), *even = evacuate(pool, NULL);
        const struct exclaim_plan_proof *a = &tight->step[0].proof, *b = &even->step[0].proof;

        assert_int_equal(a->leave.reached, b->leave.reached);
        assert_int_equal(a->keep.reached, b->keep.reached);
        assert_int_equal(a->apart.reached, b->apart.reached);
        exclaim_plan_free(tight);
        done(pool, even);
    }
}

/* 40 VMs of 100 pages with virtual GPUs fill the first of two hosts with few GPUs where they come
 * first, so that some of 40 without have to make way there: more than branch and price takes. */
static void gpus_are_shared_out(void **state)
{
    static const struct exclaim_vgpu one = { .kind = 0, .gpu = 0 };
    static const uint32_t places[] = { 0, 30, 15 };
    struct exclaim_pool_gpu gpu[3] = { 0 };
    struct exclaim_pool *pool = gen_pool(3, 80);
    struct exclaim_plan *plan;
    uint32_t to[3] = { 0 };
    char text[160];

    (void)state;
    gen_host(pool, 0, 1, 8000);
    gen_host(pool, 1, 1, 4000);
    gen_host(pool, 2, 1, 4000);
    for (uint32_t v = 0; v < 80; v++) {
        gen_vm(pool, 0, 1, PAGES(100), 0);
        pool->vm[v].nr_vgpus = v >= 40;
        pool->vm[v].vgpu = &one;
    }
    for (uint32_t g = 0; g < 3; g++) {
        gpu[g] = (struct exclaim_pool_gpu){ .host = g, .takes = 1 };
        gpu[g].share[0] = EXCLAIM_GPU_FULL / (places[g] ? places[g] : 40);
    }
    gpu[0].nr[0] = 40;
    pool->gpu_joins[0] = 1;
    pool->nr_gpus = 3;
    pool->gpu = gpu;
    plan = evacuate(pool, NULL);
    assert_int_equal(plan->nr_moves, 80);
    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        to[plan->move[i].to] += pool->vm[plan->move[i].vm].nr_vgpus;
    }
    assert_true(to[1] <= 30 && to[2] <= 15);
    exclaim_plan_free(plan);

    gpu[1].share[0] = EXCLAIM_GPU_FULL / 20;
    plan = evacuate(pool, NULL);
    assert_text(pool, plan,
                "infeasible: 75 of 80 VMs leave, 75 keep their shape: 40 VMs have 40 vGPUs of one "
                "type, the GPUs of their group have room for 35");
    assert_int_equal(plan->nr_stays, 5);
    assert_int_equal(plan->stay[0].why, EXCLAIM_MISFIT_GPU);
    exclaim_misfit_text(pool, &plan->stay[0], text, sizeof(text));
    assert_non_null(strstr(text, "no GPU of its group on host host"));
    pool->gpu = NULL; /* the test's */
    done(pool, plan);
}

/* The replay sees a GPU with more on it than it has room for. */
static void the_check_sees_a_full_gpu(void **state)
{
    static const struct exclaim_vgpu one = { .kind = 0, .gpu = 0 };
    struct exclaim_pool_gpu gpu[2] = { { .host = 0, .takes = 1 }, { .host = 1, .takes = 1 } };
    struct exclaim_pool *pool = three_hosts();
    struct exclaim_error err = { 0 };
    struct exclaim_plan *plan;

    (void)state;
    for (uint32_t v = 0; v < 2; v++) {
        gen_vm(pool, 0, 1, PAGES(100), 0);
        pool->vm[v].nr_vgpus = 1;
        pool->vm[v].vgpu = &one;
    }
    gpu[0].share[0] = gpu[1].share[0] = EXCLAIM_GPU_FULL / 2;
    gpu[0].nr[0] = 2;
    pool->gpu_joins[0] = 1;
    pool->nr_gpus = 2;
    pool->gpu = gpu;
    plan = evacuate(pool, NULL);
    assert_int_equal(plan->nr_moves, 2);
    assert_int_equal(plan->move[0].to, 1);
    gpu[1].nr[0] = 1;
    assert_int_equal(exclaim_plan_check(pool, plan, NULL, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);
    assert_string_equal(err.text, "move 1: the GPUs of host host1 have no room for the vGPU of VM "
                                  "vm1");
    pool->gpu = NULL;
    done(pool, plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_find_nodes_of_their_own),
        cmocka_unit_test(numbers_are_free),
        cmocka_unit_test(search_beats_best_fit),
        cmocka_unit_test(what_cannot_be_whole_flows),
        cmocka_unit_test(too_many_of_a_size_are_counted),
        cmocka_unit_test(parts_that_share_a_host_are_counted),
        cmocka_unit_test(no_node_takes_two_parts_of_a_vm),
        cmocka_unit_test(a_search_that_ends_early_proves_nothing),
        cmocka_unit_test(effort_that_is_spent_is_spent),
        cmocka_unit_test(a_vm_without_known_memory_divides_nothing),
        cmocka_unit_test(who_may_not_go_stays),
        cmocka_unit_test(arrival_pages_are_kept_free_on_used_nodes),
        cmocka_unit_test(members_of_a_rule_part),
        cmocka_unit_test(members_of_a_rule_spread),
        cmocka_unit_test(shape_comes_before_rules),
        cmocka_unit_test(unknown_nodes_promise_nothing),
        cmocka_unit_test(room_is_even_unless_packed),
        cmocka_unit_test(vcpus_go_by_cores),
        cmocka_unit_test(spreading_costs_no_goal),
        cmocka_unit_test(waves_keep_the_limits),
        cmocka_unit_test(a_vm_that_runs_nowhere_can_be_placed),
        cmocka_unit_test(bad_hosts_are_refused),
        cmocka_unit_test(the_check_sees_an_oversold_node),
        cmocka_unit_test(gpus_are_shared_out),
        cmocka_unit_test(the_check_sees_a_full_gpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
