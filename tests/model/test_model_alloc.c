/* SPDX-License-Identifier: BSD-2-Clause */
/* When claims are redeemed and dropped, and where extents come from, on each generation. */
#include "kit.h"

#define PAGES 1024u

struct seen {
    uint64_t outstanding, total;
    unsigned int calls;
};

static void look(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct seen *seen = arg;

    if (op == MODEL_OP_WINDOW) {
        seen->outstanding = kit_outstanding(m, domid);
        seen->total = kit_view(m, domid).total;
        seen->calls++;
    }
}

/* When a claim is redeemed, what extra pages do to it, and frees. */
static void test_redemption_table(void **state)
{
    static const struct {
        uint64_t in_window, after_extra, after_free;
    } expected[MODEL_GENERATIONS] = {
        { 91, 89, 93 }, { 91, 89, 89 }, { 90, 90, 90 }, { 91, 89, 89 },
        { 90, 90, 90 }, { 90, 90, 90 }, { 90, 90, 90 },
    };

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = kit_open((enum model_generation)g, 1, PAGES);
        struct seen seen = { 0 };

        kit_domain(m, 1, 200);
        STEP(m, model_claim_pages(m, 1, 100, 0), 0);
        STEP(m, model_populate(m, 1, 9, 0, 0), 9);
        model_set_hook(m, look, &seen);
        STEP(m, model_populate(m, 1, 1, 0, 0), 1);
        STEP(m, seen.calls, 1);
        STEP(m, seen.total, 9);
        STEP(m, seen.outstanding, expected[g].in_window);
        model_set_hook(m, NULL, NULL);
        STEP(m, kit_outstanding(m, 1), 90);
        STEP(m, model_extra(m, 1, 0, 0), 0);
        STEP(m, kit_outstanding(m, 1), expected[g].after_extra);
        STEP(m, kit_view(m, 1).total, 10);
        STEP(m, model_free(m, 1, 0, 4), 0);
        STEP(m, kit_outstanding(m, 1), expected[g].after_free);
        kit_close(m);
    }
}

/* An extent needs a claim for all of it, or unclaimed memory for all of it; sets add the two up. */
static void test_extent_is_all_or_nothing(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = kit_open((enum model_generation)g, 1, 512);

        kit_domain(m, 1, PAGES);
        STEP(m, model_claim_pages(m, 1, 511, 0), 0);
        STEP(m, model_populate(m, 1, 1, 9, 0), g >= MODEL_SETS_V5);
        STEP(m, model_populate(m, 1, 512, 0, 0), g >= MODEL_SETS_V5 ? 0 : 512);
        STEP(m, kit_outstanding(m, 1), 0);
        kit_close(m);
    }
}

static void test_large_extents_need_contiguous_pages(void **state)
{
    struct model *m = kit_open(MODEL_4_21, 2, 1024);

    (void)state;
    kit_domain(m, 1, 4096);
    STEP(m, model_fragment(m, 0, 600), 0);
    STEP(m, kit_exact(m, 1, 2, 9, 0), 1);
    STEP(m, kit_exact(m, 1, 512, 0, 0), 512);
    STEP(m, model_populate(m, 1, 2, 9, MODEL_MEMF_NODE(0)), 2);
    STEP(m, kit_view(m, 1).pages[1], 1024);
    STEP(m, model_populate(m, 1, 1, 19, 0), 0);
    STEP(m, model_populate(m, 1, 1, 0, MODEL_MEMF_NODE(64)), 0);
    STEP(m, model_populate(m, 9, 1, 0, 0), -ESRCH);
    kit_close(m);
}

static void test_populate_stops_at_maximum(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = kit_open((enum model_generation)g, 1, PAGES);

        kit_domain(m, 1, 10);
        STEP(m, model_populate(m, 1, 20, 0, 0), 10);
        STEP(m, model_free_pages(m, HOST), PAGES - 10);
        STEP(m, model_extra(m, 1, 0, 0), 0);
        kit_close(m);
    }
}

/* Dropped by release, by death and by complete redemption; not by starting to run. */
static void test_what_drops_a_claim(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = kit_open((enum model_generation)g, 1, PAGES);

        kit_domain(m, 1, 20);
        STEP(m, model_claim_pages(m, 1, 20, 0), 0);
        STEP(m, model_unpause(m, 1), 0);
        STEP(m, kit_outstanding(m, 1), 20);
        STEP(m, model_populate(m, 1, 20, 0, 0), 20);
        STEP(m, kit_outstanding(m, 1), 0);
        kit_domain(m, 2, 20);
        STEP(m, model_claim_pages(m, 2, 20, 0), 0);
        STEP(m, model_kill(m, 2), 0);
        STEP(m, model_claimed_pages(m, HOST), 0);
        kit_close(m);
    }
}

static void test_round_robin_and_fallback(void **state)
{
    struct model *m = kit_open(MODEL_4_17, 3, 4);
    struct model_view view;

    (void)state;
    kit_domain(m, 1, 12);
    STEP(m, model_populate(m, 1, 6, 0, 0), 6);
    view = kit_view(m, 1);
    STEP(m, view.pages[0] == 2 && view.pages[1] == 2 && view.pages[2] == 2, true);
    STEP(m, model_set_node_affinity(m, 1, 1u << 2), 0);
    STEP(m, model_populate(m, 1, 4, 0, 0), 4);
    view = kit_view(m, 1);
    STEP(m, view.pages[2], 4);
    STEP(m, view.pages[0], 4); /* then all others, in ascending order */
    STEP(m, kit_exact(m, 1, 1, 0, 2), 0);
    kit_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redemption_table),
        cmocka_unit_test(test_extent_is_all_or_nothing),
        cmocka_unit_test(test_large_extents_need_contiguous_pages),
        cmocka_unit_test(test_populate_stops_at_maximum),
        cmocka_unit_test(test_what_drops_a_claim),
        cmocka_unit_test(test_round_robin_and_fallback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
