/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts per VM and host, all together, and the smallest change. */
#include "support.h"

#include <string.h>

#include <exclaim/plan.h>

#include "../plan/gen.h"

#define PAGES(...) ((const uint64_t[]){ __VA_ARGS__ })

static const uint32_t both[] = { 1, 2 };

/* Host 0 holds what is asked for; host 1 has 600 and 300 left, host 2 200 and 200. */
static struct exclaim_pool *sample(void)
{
    struct exclaim_pool *pool = gen_pool(4, 16);

    for (uint32_t h = 0; h < 4; h++) {
        gen_host(pool, h, 2, 1000);
    }
    gen_vm(pool, 0, 2, PAGES(500, 0), 0);
    gen_vm(pool, 0, 2, PAGES(400, 0), 0);
    gen_vm(pool, 1, 2, PAGES(400, 200), 0);
    gen_vm(pool, 1, 2, PAGES(0, 500), 0);
    gen_vm(pool, 2, 2, PAGES(800, 800), 0);
    return pool;
}

static struct exclaim_preflight *ask(const struct exclaim_pool *pool, uint32_t nr_vms)
{
    const uint32_t vm[] = { 0, 1 };
    struct exclaim_preflight *preflight;
    struct exclaim_error err = { 0 };

    assert_int_equal(exclaim_preflight(pool, vm, nr_vms, both, 2, NULL, &preflight, &err), 0);
    assert_int_equal(exclaim_plan_check(pool, preflight->together, NULL, &err), 0);
    return preflight;
}

static bool offers(const struct exclaim_pool *pool, const struct exclaim_preflight *preflight,
                   const char *want)
{
    char text[256];

    for (uint32_t i = 0; i < preflight->nr_changes; i++) {
        exclaim_change_text(pool, &preflight->change[i], text, sizeof(text));
        if (!strcmp(text, want)) {
            return true;
        }
    }
    return false;
}

static void a_cell_tells_shape_and_guarantee(void **state)
{
    struct exclaim_pool *pool = sample();
    struct exclaim_preflight *p = ask(pool, 1);

    (void)state;
    assert_true(p->cell[0].whole);
    assert_int_equal(p->cell[0].shape, EXCLAIM_MATCH_SAME);
    assert_int_equal(p->cell[0].guarantee, EXCLAIM_GUARANTEE_NODE);
    assert_false(p->cell[1].fits);
    assert_int_equal(p->cell[1].misfit.why, EXCLAIM_MISFIT_NODE);
    assert_int_equal(p->cell[1].misfit.need, 500);
    assert_int_equal(p->cell[1].misfit.free, 200);
    assert_int_equal(p->cell[1].misfit.short_by, 300);
    assert_int_equal(p->together->step[0].proof.keep.reached, 1);
    assert_int_equal(p->nr_changes, 0);
    exclaim_preflight_free(p);
    gen_free(pool);
}

/* Each fits alone on node 0 of host 1; of both, one is left with what nodes 0 and 1 have. */
static void all_together_is_another_question(void **state)
{
    struct exclaim_pool *pool = sample();
    struct exclaim_preflight *p = ask(pool, 2);

    (void)state;
    assert_true(p->cell[0].whole && p->cell[2].whole);
    assert_int_equal(p->together->step[0].proof.leave.reached, 2);
    assert_int_equal(p->together->step[0].proof.keep.reached, 1);
    assert_true(offers(pool, p,
                       "VM vm1 keeps its shape on node 1 of host host1 if it gives back "
                       "400 KiB (100 pages)") ||
                offers(pool, p,
                       "VM vm0 keeps its shape on node 1 of host host1 if it gives back "
                       "800 KiB (200 pages)"));
    assert_true(p->nr_changes >= 3);
    exclaim_preflight_free(p);
    gen_free(pool);
}

static void the_smallest_vm_in_the_way_is_named(void **state)
{
    struct exclaim_pool *pool = sample();
    struct exclaim_preflight *p;

    (void)state;
    pool->vm[0].pinned = false;
    pool->host[1].free[0] = 300;
    pool->host[1].host_free = 600;
    p = ask(pool, 1);
    assert_false(p->cell[0].whole);
    assert_true(p->cell[0].fits);
    assert_int_equal(p->cell[0].shape, EXCLAIM_MATCH_SPLIT);
    assert_int_equal(p->cell[0].guarantee, EXCLAIM_GUARANTEE_HOST);
    assert_true(offers(pool, p,
                       "VM vm0 keeps its shape on node 0 of host host1 if it gives back "
                       "800 KiB (200 pages)"));
    assert_true(offers(pool, p,
                       "VM vm0 keeps its shape on node 0 of host host1 if VM vm2 with 1.6 MiB "
                       "there goes to host host3"));
    assert_true(offers(pool, p,
                       "VM vm0 keeps its shape with 800 KiB (200 pages) more on node 0 of host "
                       "host1"));
    assert_true(offers(pool, p, "VM vm0 fits host host1 without its shape"));
    exclaim_preflight_free(p);
    gen_free(pool);
}

/* What is said to help, helps: the VM in the way gone, the other one keeps its shape. */
static void the_change_is_enough(void **state)
{
    struct exclaim_pool *pool = sample();
    struct exclaim_preflight *p;
    uint32_t other = EXCLAIM_NO_VM;

    (void)state;
    pool->host[1].free[0] = 300;
    pool->host[1].host_free = 600;
    p = ask(pool, 1);
    for (uint32_t i = 0; i < p->nr_changes; i++) {
        other = p->change[i].kind == EXCLAIM_CHANGE_MOVE ? p->change[i].other : other;
    }
    assert_int_not_equal(other, EXCLAIM_NO_VM);
    exclaim_preflight_free(p);
    for (uint32_t n = 0; n < 2; n++) {
        pool->host[1].free[n] += pool->vm[other].pages[n];
        pool->host[1].host_free += pool->vm[other].pages[n];
    }
    pool->vm[other].host = 3;
    p = ask(pool, 1);
    assert_true(p->cell[0].whole);
    exclaim_preflight_free(p);
    gen_free(pool);
}

/* Both nodes of the first host lack something, so room on one of them does not help; the second has
 * too few nodes; of the third only one is short. */
static void what_is_not_enough_is_not_offered(void **state)
{
    struct exclaim_pool *pool = gen_pool(4, 4);
    const uint32_t vm = 0, hosts[3] = { 1, 2, 3 };
    struct exclaim_error err = { 0 };
    struct exclaim_preflight *p;

    (void)state;
    gen_host(pool, 0, 2, 1000);
    gen_host(pool, 1, 2, 550);
    gen_host(pool, 2, 1, 1180);
    gen_host(pool, 3, 2, 1000);
    gen_vm(pool, 0, 2, (const uint64_t[]){ 600, 600 }, 0);
    gen_vm(pool, 3, 2, (const uint64_t[]){ 0, 490 }, 0);
    assert_int_equal(exclaim_preflight(pool, &vm, 1, hosts, 3, NULL, &p, &err), 0);
    assert_true(offers(pool, p,
                       "VM vm0 keeps its shape with 360 KiB (90 pages) more on node 1 of host "
                       "host3"));
    for (uint32_t i = 0; i < p->nr_changes; i++) {
        assert_true(p->change[i].host == 3 || p->change[i].kind == EXCLAIM_CHANGE_SPLIT);
    }
    exclaim_preflight_free(p);
    gen_free(pool);
}

static void an_unknown_count_is_placed_by_its_total(void **state)
{
    struct exclaim_pool *pool = sample();
    struct exclaim_preflight *p;

    (void)state;
    pool->vm[0].nr_nodes = 0;
    pool->vm[0].exact = false;
    p = ask(pool, 1);
    assert_true(p->cell[0].fits);
    assert_false(p->cell[0].shape_known);
    assert_false(p->cell[0].whole);
    assert_int_equal(p->together->step[0].proof.keep.bound, 0);
    exclaim_preflight_free(p);
    gen_free(pool);
}

static void bad_vms_are_refused(void **state)
{
    struct exclaim_pool *pool = sample();
    const uint32_t twice[] = { 1, 1 }, far[] = { 99 };
    struct exclaim_preflight *p;
    struct exclaim_error err = { 0 };

    (void)state;
    assert_int_equal(exclaim_preflight(pool, twice, 2, both, 2, NULL, &p, &err), -1);
    assert_string_equal(err.text, "VM vm1 is named twice");
    assert_int_equal(exclaim_preflight(pool, far, 1, both, 2, NULL, &p, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
    gen_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_tells_shape_and_guarantee),
        cmocka_unit_test(all_together_is_another_question),
        cmocka_unit_test(the_smallest_vm_in_the_way_is_named),
        cmocka_unit_test(the_change_is_enough),
        cmocka_unit_test(what_is_not_enough_is_not_offered),
        cmocka_unit_test(an_unknown_count_is_placed_by_its_total),
        cmocka_unit_test(bad_vms_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
