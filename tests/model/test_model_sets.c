/* SPDX-License-Identifier: BSD-2-Clause */
/* Claim sets beyond the peers' arguments, and where they replace and where they do not; XenServer
 * 9's claim on one node. */
#include "kit.h"

static const struct {
    struct model_entry entry[2];
    uint32_t nr;
    uint64_t owned, legacy; /* beforehand */
    int expected[3];        /* v5, v7, v8 */
} rows[] = {
    { { { .pages = 2, .target = 2 } }, 1, 0, 0, { -ENOENT, -ENOENT, -ENOENT } },
    { { { .pages = 2, .target = MODEL_TARGET_HOST } }, 1, 15, 0, { -EINVAL, -EINVAL, -EINVAL } },
    /* The node is looked at before the maximum. */
    { { { .pages = 2 } }, 1, 15, 0, { -ENOMEM, -ENOMEM, -ENOMEM } },
    { { { .pages = 2 } }, 1, 14, 0, { -ENOMEM, -ENOMEM, -ENOMEM } },
    /* v5 wants room for what the domain owns as well, v7 no longer. */
    { { { .pages = 8, .target = MODEL_TARGET_HOST } }, 1, 8, 0, { -ENOMEM, 0, 0 } },
    { { { .pages = 4, .target = MODEL_TARGET_HOST } }, 1, 6, 0, { 0, 0, 0 } },
    /* Legacy counts from zero, stands alone and replaces nothing; v8 does not know it. */
    { { { .pages = 6, .target = MODEL_TARGET_LEGACY } }, 1, 4, 0, { 0, 0, -ENOENT } },
    { { { .pages = 4, .target = MODEL_TARGET_LEGACY } }, 1, 4, 0, { -EINVAL, -EINVAL, -ENOENT } },
    { { { .pages = 6, .target = MODEL_TARGET_LEGACY } }, 1, 0, 3, { -EINVAL, -EINVAL, -EINVAL } },
    { { { .pages = 1, .target = MODEL_TARGET_LEGACY }, { .pages = 1 } },
      2,
      0,
      0,
      { -ENOENT, -ENOENT, -ENOENT } },
    { { { .pages = 2 } }, 1, 0, 3, { 0, 0, -EINVAL } },
    { { { .pages = 0, .target = 1 } }, 1, 0, 0, { 0, 0, -EINVAL } },
};

static void test_set_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (size_t s = 0; s < ARRAY_SIZE(all_sets); s++) {
            struct model_entry list[2] = { rows[i].entry[0], rows[i].entry[1] };
            struct model *m = kit_open(all_sets[s], 2, 8);
            int r;

            kit_domain(m, 1, 16);
            STEP(m, model_populate(m, 1, rows[i].owned, 0, 0), rows[i].owned);
            STEP(m, model_claim_pages(m, 1, rows[i].legacy, 0), 0);
            r = kit_set(m, 1, list, rows[i].nr);
            if (r != rows[i].expected[s]) {
                fail_msg("row %zu, %s: %d, not %d", i, model_generation_name(all_sets[s]), r,
                         rows[i].expected[s]);
            }
            STEP(m, model_claim_pages(m, 1, 0, 0), 0);
            kit_close(m);
        }
    }
}

static void test_who_may_set(void **state)
{
    uint32_t nr = 1;

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        const bool sets = g >= MODEL_SETS_V5;
        struct model_config config = { .generation = (enum model_generation)g,
                                       .nr_nodes = 1,
                                       .node = { { .pages = 8 } } };
        struct model *m = kit_open(config.generation, 1, 8);

        kit_domain(m, 1, 8);
        STEP(m, kit_set_one(m, 9, 0, 1), -ESRCH);
        STEP(m, kit_set_one(m, 1, 0, 1), sets ? 0 : -ENOSYS);
        STEP(m, model_domctl_claims(m, MODEL_DOMCTL_GET, 1, NULL, &nr, 1),
             g == MODEL_SETS_V8 ? -EINVAL : -ENOSYS);
        STEP(m, model_domctl_claims(m, MODEL_DOMCTL_SET, 1, NULL, &nr, 2),
             !sets                ? -ENOSYS
             : g == MODEL_SETS_V7 ? -EOPNOTSUPP
                                  : -EINVAL);
        STEP(m, model_kill(m, 1), 0);
        STEP(m, kit_set_one(m, 1, 0, 1), sets ? -ESRCH : -ENOSYS);
        kit_close(m);

        config.colouring = true;
        assert_int_equal(model_open(&config, &m), 0);
        kit_domain(m, 1, 8);
        STEP(m, kit_set_one(m, 1, 0, 1), sets ? -EOPNOTSUPP : -ENOSYS);
        kit_close(m);
    }
}

static void test_read_back_order(void **state)
{
    struct model_entry set[] = { { .pages = 3, .target = 1 },
                                 { .pages = 1, .target = MODEL_TARGET_HOST },
                                 { .pages = 2, .target = 0 } };
    static const uint32_t order[] = { MODEL_TARGET_HOST, 0, 1 };

    (void)state;
    for (int g = MODEL_SETS_V7; g <= MODEL_SETS_V8; g++) {
        const bool v8 = g == MODEL_SETS_V8;
        struct model *m = kit_open((enum model_generation)g, 2, 8);
        struct model_entry list[MODEL_ENTRIES_MAX] = { 0 };
        uint32_t nr = 2;

        kit_domain(m, 1, 16);
        STEP(m, kit_set(m, 1, set, 3), 0);
        STEP(m, model_domctl_claims(m, v8 ? MODEL_DOMCTL_GET : MODEL_DOMCTL_SET, 1, list, &nr, !v8),
             v8 ? -ENOBUFS : -ERANGE);
        STEP(m, nr, 3);
        STEP(m, model_domctl_claims(m, v8 ? MODEL_DOMCTL_GET : MODEL_DOMCTL_SET, 1, list, &nr, !v8),
             0);
        for (uint32_t i = 0; i < 3; i++) {
            STEP(m, list[i].target, order[i]);
            STEP(m, list[i].pages, i + 1);
        }
        kit_close(m);
    }
}

static void test_replace_at_capacity(void **state)
{
    (void)state;
    for (int g = MODEL_SETS_V5; g <= MODEL_SETS_V7; g++) {
        struct model *m = kit_open((enum model_generation)g, 2, 4);

        kit_domain(m, 1, 16);
        kit_domain(m, 2, 16);
        STEP(m, kit_set_one(m, 1, 0, 4), 0);
        STEP(m, kit_set_one(m, 2, MODEL_TARGET_HOST, 4), 0);
        STEP(m, kit_set_one(m, 1, 1, 4), 0);
        STEP(m, model_claimed_pages(m, 0), 0);
        STEP(m, model_claimed_pages(m, 1), 4);
        STEP(m, model_claimed_pages(m, HOST), 8);
        kit_close(m);
    }
}

static void test_late_v8(void **state)
{
    struct model *m = kit_open(MODEL_SETS_V8, 2, 4);

    (void)state;
    kit_domain(m, 1, 16);
    STEP(m, kit_set_one(m, 1, 0, 2), 0);
    STEP(m, kit_set_one(m, 1, 0, 2), -EINVAL);
    STEP(m, model_unpause(m, 1), 0);
    STEP(m, kit_set_one(m, 1, 0, 1), -EBUSY);
    STEP(m, kit_outstanding(m, 1), 2);
    STEP(m, kit_set(m, 1, NULL, 0), 0);
    STEP(m, kit_outstanding(m, 1), 0);
    STEP(m, model_kill(m, 1), 0);
    STEP(m, kit_set_one(m, 1, 0, 1), -ESRCH);
    STEP(m, kit_set(m, 1, NULL, 0), 0);
    kit_close(m);
}

static struct model *open_xs9(void)
{
    struct model *m = kit_open(MODEL_XS9, 2, 8);

    kit_domain(m, 1, 16);
    kit_domain(m, 2, 16);
    return m;
}

#define NODE MODEL_MEMF_EXACT_NODE

static void test_node_and_host_must_fit(void **state)
{
    struct model *m = open_xs9();

    (void)state;
    STEP(m, model_claim_pages(m, 1, 9, NODE(0)), -ENOMEM);
    STEP(m, model_claim_pages(m, 1, 6, NODE(0)), 0);
    STEP(m, model_claimed_pages(m, 0), 6);
    STEP(m, model_claimed_pages(m, HOST), 6);
    STEP(m, model_claim_pages(m, 2, 3, NODE(0)), -ENOMEM);
    STEP(m, model_claim_pages(m, 2, 11, 0), -ENOMEM);
    STEP(m, model_claim_pages(m, 2, 2, NODE(0)), 0);
    STEP(m, model_claim_pages(m, 1, 8, 0), -EINVAL);
    STEP(m, model_claim_pages(m, 1, 0, 0), 0);
    STEP(m, model_claimed_pages(m, 0), 2);
    kit_close(m);
}

/* Node bits without the exact bit are accepted and mean the host. */
static void test_node_without_exact_is_the_host(void **state)
{
    struct model *m = open_xs9();

    (void)state;
    STEP(m, model_claim_pages(m, 1, 12, MODEL_MEMF_NODE(0)), 0);
    STEP(m, model_claimed_pages(m, 0), 0);
    STEP(m, model_claimed_pages(m, HOST), 12);
    kit_close(m);
}

static void test_redeemed_on_its_node_only(void **state)
{
    struct model *m = open_xs9();

    (void)state;
    STEP(m, model_claim_pages(m, 1, 4, NODE(0)), 0);
    STEP(m, kit_exact(m, 1, 3, 0, 1), 3);
    STEP(m, kit_outstanding(m, 1), 4);
    STEP(m, kit_exact(m, 1, 3, 0, 0), 3);
    STEP(m, kit_outstanding(m, 1), 1);
    STEP(m, model_set_max(m, 1, 6), 0);
    STEP(m, kit_view(m, 1).total + kit_outstanding(m, 1), 7); /* more than the maximum */
    kit_close(m);
}

/* Round robin comes first; only after its node failed does the claim forbid to go on. */
static void test_steering(void **state)
{
    struct model *m = open_xs9();

    (void)state;
    STEP(m, model_claim_pages(m, 1, 6, NODE(0)), 0);
    STEP(m, model_populate(m, 1, 2, 0, 0), 2);
    STEP(m, kit_view(m, 1).pages[1], 1);
    STEP(m, model_fragment(m, 0, 0), 0);
    STEP(m, model_populate(m, 1, 1, 2, MODEL_MEMF_NODE(0)), 0);
    STEP(m, model_claim_pages(m, 1, 0, 0), 0);
    STEP(m, model_populate(m, 1, 1, 2, MODEL_MEMF_NODE(0)), 1);
    STEP(m, kit_view(m, 1).pages[1], 5);
    kit_close(m);
}

static void test_who_is_kept_off_claimed_pages(void **state)
{
    struct model *m = open_xs9();

    (void)state;
    kit_domain(m, 3, 16);
    STEP(m, model_claim_pages(m, 3, 1, NODE(1)), 0);
    STEP(m, model_claim_pages(m, 3, 0, 0), 0);
    STEP(m, model_claim_pages(m, 1, 7, NODE(0)), 0);
    STEP(m, kit_exact(m, 2, 2, 0, 0), 1); /* the one that is not claimed */
    STEP(m, kit_exact(m, 3, 1, 0, 0), 1); /* it once had a claim on a node */
    STEP(m, model_xenheap(m, 0, NODE(0)), 0);
    STEP(m, model_claimed_pages(m, 0), 7);
    STEP(m, model_free_pages(m, 0), 5);
    kit_close(m);
}

/*
 * Pages from elsewhere pass the host's test because the claim would cover them, and then do not
 * redeem it: what another domain has claimed on the host is spent.
 */
static void test_off_node_pages_spend_the_claims_of_others(void **state)
{
    struct model *m = open_xs9();

    (void)state;
    STEP(m, model_claim_pages(m, 1, 8, NODE(0)), 0);
    STEP(m, model_claim_pages(m, 2, 8, 0), 0);
    STEP(m, kit_exact(m, 1, 8, 0, 1), 8);
    STEP(m, model_claimed_pages(m, HOST), 16);
    STEP(m, model_free_pages(m, HOST), 8);
    STEP(m, model_populate(m, 2, 1, 0, 0), 0);
    kit_close(m);
}

static void test_stale_node_stops_the_hypervisor(void **state)
{
    struct model *m = open_xs9();
    char why[160];

    (void)state;
    STEP(m, model_claim_pages(m, 1, 4, NODE(0)), 0);
    STEP(m, model_claim_pages(m, 1, 0, 0), 0);
    assert_int_equal(model_claim_pages(m, 1, 4, 0), 0);
    assert_false(model_check(m, why, sizeof(why)));
    assert_null(model_crashed(m));
    assert_int_equal(kit_exact(m, 1, 1, 0, 1), 1);
    assert_null(model_crashed(m));
    kit_exact(m, 1, 1, 0, 0);
    assert_non_null(model_crashed(m));
    assert_non_null(strstr(model_crashed(m), "BUG_ON"));
    assert_int_equal(model_populate(m, 1, 1, 0, 0), -EIO);
    kit_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_table),
        cmocka_unit_test(test_who_may_set),
        cmocka_unit_test(test_read_back_order),
        cmocka_unit_test(test_replace_at_capacity),
        cmocka_unit_test(test_late_v8),
        cmocka_unit_test(test_node_and_host_must_fit),
        cmocka_unit_test(test_node_without_exact_is_the_host),
        cmocka_unit_test(test_redeemed_on_its_node_only),
        cmocka_unit_test(test_steering),
        cmocka_unit_test(test_who_is_kept_off_claimed_pages),
        cmocka_unit_test(test_off_node_pages_spend_the_claims_of_others),
        cmocka_unit_test(test_stale_node_stops_the_hypervisor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
