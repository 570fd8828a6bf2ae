/* SPDX-License-Identifier: BSD-2-Clause */
/* Upstream's tools/tests/mem-claim/test-mem-claim.c (4.22), on every generation. */
#include "kit.h"

static void test_mem_claim(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = kit_open((enum model_generation)g, 2, 4096);

        kit_domain(m, 1, UINT64_MAX);
        STEP(m, model_claimed_pages(m, HOST), 0);
        STEP(m, model_claim_pages(m, 1, 1024, 0), 0);
        STEP(m, model_claimed_pages(m, HOST), 1024);
        STEP(m, model_populate(m, 1, 1, 9, 0), 1);
        STEP(m, model_claimed_pages(m, HOST), 512);
        STEP(m, model_destroy(m, 1), 0);
        STEP(m, model_claimed_pages(m, HOST), 0);
        STEP(m, model_free_pages(m, HOST), 8192);
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_mem_claim) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
