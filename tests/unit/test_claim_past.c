/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a claim of unknown origin may lie, and when one on the host could stop Xen. */
#include "support.h"

#include <exclaim/match.h>

#define ORIGIN(name) EXCLAIM_ORIGIN_##name

static void origin(void **state)
{
    static const struct {
        bool known, node;    /* claims on one node, as probed */
        uint64_t claimed[2]; /* on each node, if that is told */
        bool told, said;
        uint32_t said_node;
        uint64_t outstanding;
        enum exclaim_claim_origin origin;
    } cases[] = {
        { true, true, { 0 }, false, true, 1, 0, ORIGIN(NOTHING) },
        { true, false, { 0 }, false, true, 1, 9, ORIGIN(HOST) },
        { true, true, { 0 }, false, true, 1, 9, ORIGIN(NODE) },
        { true, true, { 0 }, false, true, EXCLAIM_NODES_MAX, 9, ORIGIN(UNKNOWN) },
        { true, true, { 0 }, false, false, 0, 9, ORIGIN(UNKNOWN) },
        { false, false, { 0 }, false, false, 0, 9, ORIGIN(UNKNOWN) },
        { true, true, { 8, 8 }, true, true, 1, 9, ORIGIN(HOST) },
        { true, true, { 9, 8 }, true, true, 1, 9, ORIGIN(UNKNOWN) },
        { true, true, { 8, 9 }, true, true, 1, 9, ORIGIN(NODE) },
        { true, true, { 8, 9 }, true, true, 2, 9, ORIGIN(UNKNOWN) },
        { true, true, { 8, 9 }, true, false, 0, 9, ORIGIN(UNKNOWN) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct exclaim_caps caps = { .claim_node_known = cases[i].known,
                                           .claim_node = cases[i].node };
        const struct exclaim_claim_past past = { .node_said = cases[i].said,
                                                 .node = cases[i].said_node };
        struct exclaim_host host = { .nr_nodes = 2 };

        for (unsigned int n = 0; n < 2; n++) {
            host.node[n] = (struct exclaim_host_node){ .online = true,
                                                       .claimed_known = true,
                                                       .claimed_pages = cases[i].claimed[n] };
        }
        assert_int_equal(
            exclaim_claim_origin(&caps, cases[i].told ? &host : NULL, &past, cases[i].outstanding),
            cases[i].origin);
    }
}

static void host_is_safe(void **state)
{
    static const struct {
        bool known, node, set, was, safe;
    } cases[] = {
        { true, true, false, false, true }, /* never one on a node */
        { true, true, false, true, false },
        { false, false, false, true, false }, /* cannot be told: as if it had them */
        { true, false, false, true, true },
        { true, true, true, true, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct exclaim_caps caps = { .claim_node_known = cases[i].known,
                                           .claim_node = cases[i].node,
                                           .claim_set = cases[i].set };
        const struct exclaim_claim_past past = { .was_on_node = cases[i].was };

        assert_int_equal(exclaim_claim_host_is_safe(&caps, &past), cases[i].safe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(origin), cmocka_unit_test(host_is_safe) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
