/* SPDX-License-Identifier: BSD-2-Clause */
/* The traps of facts/xen-claims.md section 7 that are about claims, by their numbers. */
#include "kit.h"

static struct model *open_two(enum model_generation generation, uint64_t pages)
{
    struct model *m = kit_open(generation, 2, pages);

    kit_domain(m, 1, 4 * pages);
    kit_domain(m, 2, 4 * pages);
    return m;
}

static void test_trap_01_one_exact_node_on_xs9_only(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_two((enum model_generation)g, 100);

        STEP(m, model_claim_pages(m, 1, 10, MODEL_MEMF_EXACT_NODE(0)),
             g == MODEL_XS9 ? 0 : -EINVAL);
        STEP(m, model_claim_pages(m, 1, 20, MODEL_MEMF_EXACT_NODE(1)), -EINVAL);
        STEP(m, model_claimed_pages(m, HOST), g == MODEL_XS9 ? 10 : 0);
        kit_close(m);
    }
}

static void test_trap_02_absolute_or_additional(void **state)
{
    struct model *m = open_two(MODEL_SETS_V7, 100);

    (void)state;
    STEP(m, model_populate(m, 1, 30, 0, 0), 30);
    STEP(m, kit_set_one(m, 1, MODEL_TARGET_HOST, 50), 0);
    STEP(m, kit_outstanding(m, 1), 50);
    STEP(m, model_claim_pages(m, 1, 0, 0), 0);
    STEP(m, model_claim_pages(m, 1, 50, 0), 0);
    STEP(m, kit_outstanding(m, 1), 20);
    kit_close(m);
}

static void test_trap_03_before_setmaxmem(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = kit_open((enum model_generation)g, 1, 100);

        kit_domain(m, 1, 0);
        STEP(m, model_claim_pages(m, 1, 10, 0), -EINVAL);
        STEP(m, model_set_max(m, 1, 10), 0);
        STEP(m, model_claim_pages(m, 1, 11, 0), -EINVAL);
        STEP(m, model_claim_pages(m, 1, 10, 0), 0);
        kit_close(m);
    }
}

/* Somebody between the look at the domain and the claim, as told apart by the table. */
struct meddler {
    uint32_t domid;
    int does;
    bool done;
};

enum { CLAIMS, GROWS, KILLS };

static void meddle(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct meddler *who = arg;

    if (op != MODEL_OP_CLAIM_PAGES || domid != who->domid || who->done) {
        return;
    }
    who->done = true;
    if (who->does == CLAIMS) {
        STEP(m, model_claim_pages(m, domid, 7, 0), 0);
    } else if (who->does == GROWS) {
        STEP(m, model_set_max(m, domid, 5), 0);
    } else {
        STEP(m, model_kill(m, domid), 0);
    }
}

static void test_trap_04_one_einval_for_many_things(void **state)
{
    static const struct {
        enum exclaim_error_kind kind;
        int errnum;
    } expected[] = { { EXCLAIM_ERR_SYSTEM, EEXIST },
                     { EXCLAIM_ERR_SYSTEM, EAGAIN },
                     { EXCLAIM_ERR_SYSTEM, ESRCH } };

    (void)state;
    for (int does = CLAIMS; does <= KILLS; does++) {
        struct model *m = open_two(MODEL_4_21, 100);
        struct meddler who = { .domid = 1 };
        struct exclaim_error err;

        who.does = does;
        model_set_hook(m, meddle, &who);
        STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err), -1);
        STEP(m, err.kind, expected[does].kind);
        STEP(m, err.errnum, expected[does].errnum);
        kit_close(m);
    }
}

static void steal(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    if (op == MODEL_OP_CLAIM_PAGES && domid == 1 && (*(int *)arg)++ == 1) {
        STEP(m, model_claim_pages(m, 2, 150, 0), 0);
    }
}

static void test_trap_05_between_release_and_claim(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_two((enum model_generation)g, 100);
        int calls = 0;

        STEP(m, model_claim_pages(m, 1, 100, 0), 0);
        STEP(m, model_claim_pages(m, 1, 120, 0), -EINVAL);
        model_set_hook(m, steal, &calls);
        STEP(m, model_claim_pages(m, 1, 0, 0), 0);
        STEP(m, model_claim_pages(m, 1, 120, 0), -ENOMEM);
        STEP(m, model_claim_pages(m, 1, 100, 0), -ENOMEM); /* nor what it had */
        kit_close(m);
    }
}

/* Trap 6 is test_stale_node_stops_the_hypervisor; here, that no other generation has it. */
static void test_trap_06_stale_node_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all_sets); i++) {
        struct model *m = open_two(all_sets[i], 100);

        STEP(m, kit_set_one(m, 1, 0, 4), 0);
        STEP(m, kit_release_set(m, 1), 0);
        STEP(m, model_claim_pages(m, 1, 4, 0), 0);
        STEP(m, kit_exact(m, 1, 4, 0, 0), 4);
        STEP(m, kit_outstanding(m, 1), 0);
        kit_close(m);
    }
}

static void test_trap_07_dying_domains_leak(void **state)
{
    static const uint64_t leaked[MODEL_GENERATIONS] = {
        [MODEL_4_17] = 20 + 10, [MODEL_4_21_0] = 20, [MODEL_XS9] = 20
    };

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_two((enum model_generation)g, 100);

        STEP(m, model_populate(m, 1, 10, 0, 0), 10);
        STEP(m, model_kill(m, 1), 0);
        STEP(m, model_claim_pages(m, 1, 30, 0), leaked[g] ? 0 : -EINVAL);
        STEP(m, model_destroy(m, 1), 0);
        STEP(m, model_claimed_pages(m, HOST), leaked[g]); /* 4.17: frees made it grow */
        STEP(m, model_claim_pages(m, 2, 200, 0), leaked[g] ? -ENOMEM : 0);
        kit_close(m);
    }
}

static void test_trap_08_success_without_a_claim(void **state)
{
    struct model *m = open_two(MODEL_4_17, 100);
    struct exclaim_error err;

    (void)state;
    STEP(m, model_fault_of(m, MODEL_OP_CLAIM_PAGES, 1, 1, MODEL_NO_EFFECT), 0);
    STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err), -1);
    STEP(m, err.errnum, EPROTO);
    STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err), 0);
    kit_close(m);
}

static void test_trap_29_domid_again(void **state)
{
    struct model *m = open_two(MODEL_4_17, 10);
    struct model_domain_config config = { .uuid = { 9 } };
    struct exclaim_domain dom;
    struct exclaim_error err;

    (void)state;
    STEP(m, model_create(m, 1, &config), -EEXIST);
    STEP(m, model_destroy(m, 1), 0);
    STEP(m, exclaim_hv_domain(model_hv(m), 1, &dom, &err), -1);
    STEP(m, err.errnum, ESRCH);
    STEP(m, model_create(m, 1, &config), 0);
    STEP(m, exclaim_hv_domain(model_hv(m), 1, &dom, &err), 0);
    STEP(m, dom.uuid[0], 9);
    STEP(m, dom.max_pages, 0);
    kit_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trap_01_one_exact_node_on_xs9_only),
        cmocka_unit_test(test_trap_02_absolute_or_additional),
        cmocka_unit_test(test_trap_03_before_setmaxmem),
        cmocka_unit_test(test_trap_04_one_einval_for_many_things),
        cmocka_unit_test(test_trap_05_between_release_and_claim),
        cmocka_unit_test(test_trap_06_stale_node_elsewhere),
        cmocka_unit_test(test_trap_07_dying_domains_leak),
        cmocka_unit_test(test_trap_08_success_without_a_claim),
        cmocka_unit_test(test_trap_29_domid_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
