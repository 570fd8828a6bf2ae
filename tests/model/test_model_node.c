/* SPDX-License-Identifier: BSD-2-Clause */
/* XenServer 9's claim on one node. */
#include "kit.h"

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
