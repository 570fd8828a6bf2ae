/* SPDX-License-Identifier: BSD-2-Clause */
/* XENMEM_claim_pages, one row one rule, with the answer of each generation. */
#include "kit.h"

#define PAGES 1024u

static void nothing(struct model *m)
{
    STEP(m, kit_outstanding(m, 1), 0);
}

static void claimed(struct model *m)
{
    STEP(m, model_claim_pages(m, 1, 10, 0), 0);
}

static void owns_ten(struct model *m)
{
    STEP(m, model_populate(m, 1, 10, 0, 0), 10);
}

static void no_max(struct model *m)
{
    STEP(m, model_set_max(m, 1, 0), 0);
}

static void others_claim(struct model *m)
{
    STEP(m, model_claim_pages(m, 2, 2 * PAGES - 9, 0), 0);
}

static void dying(struct model *m)
{
    STEP(m, model_kill(m, 1), 0);
}

#define ALL(x)                                                                                     \
    {                                                                                              \
        x, x, x, x, x, x, x                                                                        \
    }
/* In the order of enum model_generation: 4.17, 4.21.0, 4.21, XS9, v5, v7, v8. */
#define XS9(x, others)                                                                             \
    {                                                                                              \
        others, others, others, x, others, others, others                                          \
    }
/* Releases before 4.19.5, 4.20.3 and 4.21.1, and XenServer 9's branch of 4.20.1. */
#define OLD(x, others)                                                                             \
    {                                                                                              \
        x, x, others, x, others, others, others                                                    \
    }

static const struct {
    const char *what;
    void (*prepare)(struct model *m);
    struct model_reservation arg;
    uint64_t start;
    int expected[MODEL_GENERATIONS];
} rows[] = {
    { "release of nothing", nothing, { .domid = 1 }, 0, ALL(0) },
    { "release", claimed, { .domid = 1 }, 0, ALL(0) },
    { "claim", nothing, { .domid = 1, .nr_extents = 10 }, 0, ALL(0) },
    { "one exists", claimed, { .domid = 1, .nr_extents = 20 }, 0, ALL(-EINVAL) },
    { "not more than owned", owns_ten, { .domid = 1, .nr_extents = 10 }, 0, ALL(-EINVAL) },
    { "absolute", owns_ten, { .domid = 1, .nr_extents = 11 }, 0, ALL(0) },
    { "above maximum", nothing, { .domid = 1, .nr_extents = 1001 }, 0, ALL(-EINVAL) },
    { "before setmaxmem", no_max, { .domid = 1, .nr_extents = 1 }, 0, ALL(-EINVAL) },
    { "claimed by others", others_claim, { .domid = 1, .nr_extents = 10 }, 0, ALL(-ENOMEM) },
    { "left by others", others_claim, { .domid = 1, .nr_extents = 9 }, 0, ALL(0) },
    { "no such domain", nothing, { .domid = 9, .nr_extents = 1 }, 0, ALL(-EINVAL) },
    { "extents", nothing, { .domid = 1, .nr_extents = 1, .extent_start = true }, 0, ALL(-EINVAL) },
    { "order", nothing, { .domid = 1, .nr_extents = 1, .extent_order = 1 }, 0, ALL(-EINVAL) },
    { "start extent", nothing, { .domid = 1, .nr_extents = 1 }, 1, ALL(-EINVAL) },
    { "dying", dying, { .domid = 1, .nr_extents = 1 }, 0, OLD(0, -EINVAL) },
    { "dying, release", dying, { .domid = 1 }, 0, OLD(0, -EINVAL) },
    { "unknown flag",
      nothing,
      { .domid = 1, .nr_extents = 1, .mem_flags = 1u << 16 },
      0,
      ALL(-EINVAL) },
    { "node",
      nothing,
      { .domid = 1, .nr_extents = 1, .mem_flags = MODEL_MEMF_EXACT_NODE(1) },
      0,
      XS9(0, -EINVAL) },
    { "offline node",
      nothing,
      { .domid = 1, .nr_extents = 1, .mem_flags = MODEL_MEMF_EXACT_NODE(2) },
      0,
      XS9(-ENOENT, -EINVAL) },
    { "node beyond all",
      nothing,
      { .domid = 1, .nr_extents = 1, .mem_flags = MODEL_MEMF_EXACT_NODE(200) },
      0,
      XS9(-ENOENT, -EINVAL) },
    { "exact without node",
      nothing,
      { .domid = 1, .nr_extents = 1, .mem_flags = MODEL_MEMF_EXACT },
      0,
      ALL(-EINVAL) },
    { "node, one on the host exists",
      claimed,
      { .domid = 1, .nr_extents = 20, .mem_flags = MODEL_MEMF_EXACT_NODE(1) },
      0,
      ALL(-EINVAL) },
};

static struct model *open_three(int generation)
{
    struct model_config config = {
        .generation = (enum model_generation)generation,
        .nr_nodes = 3,
        .node = { { .pages = PAGES }, { .pages = PAGES }, { .pages = PAGES, .offline = true } }
    };
    struct model *m;

    assert_int_equal(model_open(&config, &m), 0);
    kit_domain(m, 1, 1000);
    kit_domain(m, 2, UINT64_MAX);
    return m;
}

static void test_claim_pages_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (int g = 0; g < MODEL_GENERATIONS; g++) {
            struct model *m = open_three(g);
            int r;

            rows[i].prepare(m);
            r = model_memory_claim(m, &rows[i].arg, rows[i].start);
            if (r != rows[i].expected[g]) {
                fail_msg("%s on %s: %d, not %d", rows[i].what,
                         model_generation_name((enum model_generation)g), r, rows[i].expected[g]);
            }
            STEP(m, model_memory_claim(m, NULL, 0), -EFAULT);
            kit_close(m);
        }
    }
}

static void test_caller_and_colouring(void **state)
{
    static const int coloured[] = { 0, 0, -EOPNOTSUPP, 0, -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP };

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model_config config = { .generation = (enum model_generation)g,
                                       .nr_nodes = 1,
                                       .node = { { .pages = PAGES } },
                                       .unprivileged = true };
        struct model *m;

        assert_int_equal(model_open(&config, &m), 0);
        kit_domain(m, 1, 10);
        STEP(m, model_claim_pages(m, 1, 5, 0), -EPERM);
        kit_close(m);

        config.unprivileged = false;
        config.colouring = true;
        assert_int_equal(model_open(&config, &m), 0);
        kit_domain(m, 1, 10);
        STEP(m, model_claim_pages(m, 1, 5, 0), coloured[g]);
        STEP(m, model_claim_pages(m, 1, 0, 0), coloured[g]);
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_pages_table),
        cmocka_unit_test(test_caller_and_colouring),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
