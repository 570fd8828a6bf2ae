/* SPDX-License-Identifier: BSD-2-Clause */
/* Offlining with claims: test-offlining-claims.c of the same branch, and Xen without recall. */
#include "kit.h"

static void offlining(uint32_t target)
{
    for (size_t i = 0; i < ARRAY_SIZE(all_sets); i++) {
        struct model *m = kit_open(all_sets[i], 1, 4);

        kit_domain(m, 1, 16);
        STEP(m, kit_set_one(m, 1, target, 3), 0);
        STEP(m, model_offline_pages(m, 0, 1), 0);
        STEP(m, model_claimed_pages(m, HOST), 3);
        STEP(m, model_offline_pages(m, 0, 1), 0);
        STEP(m, model_free_pages(m, HOST), 2);
        STEP(m, model_claimed_pages(m, HOST), 2);
        kit_close(m);
    }
}

static void test_OWGC_offlining_with_global_claims(void **state)
{
    (void)state;
    offlining(MODEL_TARGET_HOST);
}

static void test_OWNC_offlining_with_node_claims(void **state)
{
    (void)state;
    offlining(0);
}

/* Nothing is recalled before the sets, and what is free minus claimed wraps: all is accepted. */
static void test_offlining_without_recall_oversells(void **state)
{
    (void)state;
    for (int g = MODEL_4_17; g <= MODEL_4_21; g++) {
        struct model *m = kit_open((enum model_generation)g, 1, 4);

        kit_domain(m, 1, 16);
        kit_domain(m, 2, 16);
        STEP(m, model_claim_pages(m, 1, 3, 0), 0);
        STEP(m, model_offline_pages(m, 0, 2), 0);
        STEP(m, model_claimed_pages(m, HOST), 3);
        STEP(m, model_oversold(m), true);
        STEP(m, model_claim_pages(m, 2, 16, 0), 0);
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_OWGC_offlining_with_global_claims),
        cmocka_unit_test(test_OWNC_offlining_with_node_claims),
        cmocka_unit_test(test_offlining_without_recall_oversells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
