/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cases A1-*, I1-* and I2-* of tools/tests/mem-claim in branch claims-v7 of bernhardkaindl/xen,
 * by their ids, on all versions of claim sets.  Where the late v8 draft answers otherwise, its
 * answer stands beside.
 */
#include "kit.h"

#define PAGES 1000u /* per node, of two */
#define SPARE 10u

static struct model *open_two(enum model_generation generation)
{
    struct model *m = kit_open(generation, 2, PAGES);

    kit_domain(m, 1, UINT64_MAX);
    kit_domain(m, 2, UINT64_MAX);
    return m;
}

/* Ends as the peers' fixture does: nothing is claimed once the domains are gone. */
static void close_two(struct model *m)
{
    STEP(m, model_destroy(m, 1), 0);
    STEP(m, model_destroy(m, 2), 0);
    STEP(m, model_claimed_pages(m, HOST), 0);
    STEP(m, model_free_pages(m, HOST), 2 * PAGES);
    kit_close(m);
}

#define FOR_SETS(m, v8, body)                                                                      \
    for (size_t set_i = 0; set_i < ARRAY_SIZE(all_sets); set_i++) {                                \
        struct model *m = open_two(all_sets[set_i]);                                               \
        const bool v8 = all_sets[set_i] == MODEL_SETS_V8;                                          \
        (void)v8;                                                                                  \
        body close_two(m);                                                                         \
    }

static void test_A1_1_basic_node_claim(void **state)
{
    (void)state;
    FOR_SETS(m, v8, {
        STEP(m, kit_set_one(m, 1, 0, PAGES - 1), 0);
        STEP(m, model_claimed_pages(m, HOST), PAGES - 1);
        STEP(m, model_claimed_pages(m, 0), PAGES - 1);
        STEP(m, model_destroy(m, 1), 0);
        STEP(m, model_claimed_pages(m, HOST), 0);
        kit_domain(m, 1, UINT64_MAX);
    })
}

static void replace_after_alloc(uint32_t target, uint64_t first, uint32_t flags)
{
    FOR_SETS(m, v8, {
        STEP(m, kit_set_one(m, 1, target, first), 0);
        STEP(m, model_populate(m, 1, 1, 0, flags), 1);
        STEP(m, model_claimed_pages(m, HOST), first - 1);
        STEP(m, kit_set_one(m, 1, target, PAGES / 2), v8 ? -EINVAL : 0);
        STEP(m, model_claimed_pages(m, HOST), v8 ? first - 1 : PAGES / 2);
        STEP(m, kit_set_one(m, 1, MODEL_TARGET_HOST, 0), v8 ? -EINVAL : 0);
        STEP(m, kit_release_set(m, 1), 0);
        STEP(m, model_claimed_pages(m, HOST), 0);
    })
}

static void test_A1_2_global_replace_after_alloc(void **state)
{
    (void)state;
    replace_after_alloc(MODEL_TARGET_HOST, 2 * PAGES, 0);
}

static void test_A1_3_node_replace_after_alloc(void **state)
{
    (void)state;
    replace_after_alloc(0, PAGES - 1, MODEL_MEMF_EXACT_NODE(0));
}

static void test_A1_4_legacy_global_claim(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_two((enum model_generation)g);

        STEP(m, model_claim_pages(m, 1, PAGES, 0), 0);
        STEP(m, model_claimed_pages(m, HOST), PAGES);
        STEP(m, model_populate(m, 1, 10, 0, 0), 10);
        STEP(m, model_claimed_pages(m, HOST), PAGES - 10);
        close_two(m);
    }
}

static void test_A1_5_move_claim_between_nodes(void **state)
{
    (void)state;
    FOR_SETS(m, v8, {
        STEP(m, kit_set_one(m, 1, 0, PAGES - SPARE), 0);
        STEP(m, kit_exact(m, 2, 2 * SPARE, 0, 0), SPARE);
        STEP(m, model_free(m, 2, 0, SPARE), 0);
        if (v8) {
            STEP(m, kit_set_one(m, 1, 1, PAGES - SPARE), -EINVAL);
            STEP(m, kit_release_set(m, 1), 0);
        }
        STEP(m, kit_set_one(m, 1, 1, PAGES - SPARE), 0);
        STEP(m, kit_exact(m, 2, 2 * SPARE, 0, 0), 2 * SPARE);
        STEP(m, kit_exact(m, 2, 2 * SPARE, 0, 1), SPARE);
        STEP(m, kit_release_set(m, 1), 0);
        STEP(m, kit_exact(m, 2, 2 * SPARE, 0, 1), 2 * SPARE);
    })
}

static void test_A1_6_zero_claim_resets_claim(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_two((enum model_generation)g);

        STEP(m, model_claim_pages(m, 1, 8, 0), 0);
        STEP(m, model_claimed_pages(m, HOST), 8);
        STEP(m, model_claim_pages(m, 1, 0, 0), 0);
        STEP(m, model_claimed_pages(m, HOST), 0);
        close_two(m);
    }
}

static void test_A1_7_zero_claim_memory_reset(void **state)
{
    (void)state;
    FOR_SETS(m, v8, {
        STEP(m, kit_set_one(m, 1, 0, 8), 0);
        STEP(m, kit_set_one(m, 1, MODEL_TARGET_HOST, 0), v8 ? -EINVAL : 0);
        STEP(m, model_claimed_pages(m, HOST), v8 ? 8 : 0);
        STEP(m, kit_release_set(m, 1), 0);
        STEP(m, model_claimed_pages(m, HOST), 0);
    })
}

/* The library's version of this case asks a v7 without claims: the host is told in any case. */
static void test_A1_8_get_too_small(void **state)
{
    struct model *m = open_two(MODEL_SETS_V7);
    struct model_entry list[2] = { 0 };
    uint32_t nr = 0;

    (void)state;
    STEP(m, model_domctl_claims(m, MODEL_DOMCTL_SET, 1, NULL, &nr, 1), -ERANGE);
    STEP(m, nr, 1);
    STEP(m, model_domctl_claims(m, MODEL_DOMCTL_SET, 1, list, &nr, 1), 0);
    STEP(m, nr, 1);
    STEP(m, list[0].target, MODEL_TARGET_HOST);
    close_two(m);

    m = open_two(MODEL_SETS_V8);
    STEP(m, kit_set_one(m, 1, 1, 5), 0);
    nr = 0;
    STEP(m, model_domctl_claims(m, MODEL_DOMCTL_GET, 1, NULL, &nr, 0), -ENOBUFS);
    STEP(m, nr, 1);
    STEP(m, model_domctl_claims(m, MODEL_DOMCTL_GET, 1, list, &nr, 0), 0);
    STEP(m, list[0].target, 1);
    STEP(m, list[0].pages, 5);
    close_two(m);
}

static void test_I1_1_reject_non_present_node(void **state)
{
    (void)state;
    FOR_SETS(m, v8, STEP(m, kit_set_one(m, 1, 2, 1), -ENOENT);)
}

static void test_I1_2_reject_too_many_claims(void **state)
{
    static struct model_entry list[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
        list[i] = (struct model_entry){ .pages = 1 };
    }
    FOR_SETS(m, v8, STEP(m, kit_set(m, 1, list, 256), -E2BIG);
             STEP(m, kit_set(m, 1, list, 66), -E2BIG); STEP(m, kit_set(m, 1, list, 65), -EINVAL);)
}

static void test_I1_3_reject_node_gt_uint8_max(void **state)
{
    (void)state;
    FOR_SETS(m, v8, STEP(m, kit_set_one(m, 1, 256, 1), -ENOENT);)
}

static void test_I1_4_reject_pages_gt_int32_max(void **state)
{
    (void)state;
    FOR_SETS(m, v8, STEP(m, kit_set_one(m, 1, 0, (uint64_t)INT32_MAX + 1), -ENOMEM);)
}

static void test_I1_5_reject_nonzero_pad(void **state)
{
    struct model_entry entry = { .pages = 1, .pad = 1 };

    (void)state;
    FOR_SETS(m, v8, STEP(m, kit_set(m, 1, &entry, 1), -EINVAL);)
}

static void test_I1_6_reject_zero_claim_count(void **state)
{
    (void)state;
    FOR_SETS(m, v8, STEP(m, kit_set(m, 1, NULL, 0), v8 ? 0 : -EINVAL);)
}

static void test_I1_7_null_claims_nonzero_count(void **state)
{
    (void)state;
    FOR_SETS(m, v8, STEP(m, kit_set(m, 1, NULL, 1), -EFAULT);)
}

static void test_I1_8_zero_count_with_pointer(void **state)
{
    struct model_entry entry = { .pages = 1 };

    (void)state;
    FOR_SETS(m, v8, STEP(m, kit_set(m, 1, &entry, 0), v8 ? 0 : -EINVAL);
             STEP(m, model_claimed_pages(m, HOST), 0);)
}

static void test_I1_9_claim_pages_gt_free_enomem(void **state)
{
    (void)state;
    FOR_SETS(m, v8, {
        STEP(m, model_claim_pages(m, 1, 2 * PAGES + 1, 0), -ENOMEM);
        STEP(m, kit_set_one(m, 1, MODEL_TARGET_HOST, 2 * PAGES + 1), -ENOMEM);
        STEP(m, kit_set_one(m, 1, 0, PAGES + 1), -ENOMEM);
    })
}

/* What domain 2 may not have once domain 1 has all but SPARE pages of the host. */
static void second_fails(struct model *m)
{
    STEP(m, model_claim_pages(m, 2, 2 * SPARE, 0), -ENOMEM);
    STEP(m, kit_set_one(m, 2, MODEL_TARGET_HOST, 2 * SPARE), -ENOMEM);
    STEP(m, kit_set_one(m, 2, 0, 2 * SPARE), -ENOMEM);
    STEP(m, kit_outstanding(m, 2), 0);
}

static void test_I2_1_claim_pages_causes_enomem(void **state)
{
    (void)state;
    FOR_SETS(m, v8, {
        STEP(m, model_claim_pages(m, 1, 2 * PAGES - SPARE, 0), 0);
        second_fails(m);
    })
}

static void test_I2_2_claim_memory_causes_enomem(void **state)
{
    (void)state;
    FOR_SETS(m, v8, {
        STEP(m, kit_set_one(m, 1, MODEL_TARGET_HOST, 2 * PAGES - SPARE), 0);
        second_fails(m);
    })
}

static void test_I2_3_claim_prima_causes_enomem(void **state)
{
    (void)state;
    FOR_SETS(m, v8, {
        STEP(m, kit_set_one(m, 1, 0, PAGES - SPARE), 0);
        STEP(m, kit_set_one(m, 2, 0, 2 * SPARE), -ENOMEM);
        STEP(m, kit_set_one(m, 2, 1, 2 * SPARE), 0);
    })
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_A1_1_basic_node_claim),
        cmocka_unit_test(test_A1_2_global_replace_after_alloc),
        cmocka_unit_test(test_A1_3_node_replace_after_alloc),
        cmocka_unit_test(test_A1_4_legacy_global_claim),
        cmocka_unit_test(test_A1_5_move_claim_between_nodes),
        cmocka_unit_test(test_A1_6_zero_claim_resets_claim),
        cmocka_unit_test(test_A1_7_zero_claim_memory_reset),
        cmocka_unit_test(test_A1_8_get_too_small),
        cmocka_unit_test(test_I1_1_reject_non_present_node),
        cmocka_unit_test(test_I1_2_reject_too_many_claims),
        cmocka_unit_test(test_I1_3_reject_node_gt_uint8_max),
        cmocka_unit_test(test_I1_4_reject_pages_gt_int32_max),
        cmocka_unit_test(test_I1_5_reject_nonzero_pad),
        cmocka_unit_test(test_I1_6_reject_zero_claim_count),
        cmocka_unit_test(test_I1_7_null_claims_nonzero_count),
        cmocka_unit_test(test_I1_8_zero_count_with_pointer),
        cmocka_unit_test(test_I1_9_claim_pages_gt_free_enomem),
        cmocka_unit_test(test_I2_1_claim_pages_causes_enomem),
        cmocka_unit_test(test_I2_2_claim_memory_causes_enomem),
        cmocka_unit_test(test_I2_3_claim_prima_causes_enomem),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
