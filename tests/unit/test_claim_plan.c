/* SPDX-License-Identifier: BSD-2-Clause */
/* Which claims for which Xen, strongest first; where a claim of unknown origin may lie, and when
 * one on the host could stop Xen. */
#include "support.h"

#include <string.h>

#include <exclaim/match.h>

#define SET  EXCLAIM_CLAIM_SET
#define NODE EXCLAIM_CLAIM_NODE
#define HOST EXCLAIM_CLAIM_HOST

static void plans(void **state)
{
    static const struct {
        bool set, node, host;
        uint64_t pages[3];
        uint32_t nr;
        enum exclaim_claim_kind kind[3];
    } cases[] = {
        { false, false, false, { 5, 6 }, 0, { 0 } },
        { false, false, true, { 5, 6 }, 1, { HOST } },
        { false, true, true, { 5, 6 }, 1, { HOST } }, /* one node cannot hold two homes */
        { false, true, true, { 0, 0, 7 }, 2, { NODE, HOST } },
        { false, true, false, { 5, 6 }, 0, { 0 } },
        { true, true, true, { 5, 6 }, 2, { SET, HOST } },
        { true, true, true, { 0, 7 }, 3, { SET, NODE, HOST } },
        { true, false, false, { 5, 0, 6 }, 1, { SET } },
    };
    static const enum exclaim_guarantee promise[] = { [SET] = EXCLAIM_GUARANTEE_NODE_SET,
                                                      [NODE] = EXCLAIM_GUARANTEE_NODE,
                                                      [HOST] = EXCLAIM_GUARANTEE_HOST };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct exclaim_caps caps = { .claim_set = cases[i].set,
                                           .claim_node = cases[i].node,
                                           .claim_host = cases[i].host };
        struct exclaim_match match = { .nr_nodes = 3 };
        struct exclaim_claim_plan plan;

        memcpy(match.pages, cases[i].pages, sizeof(cases[i].pages));
        match.total_pages = match.pages[0] + match.pages[1] + match.pages[2];
        memset(&plan, 0xaa, sizeof(plan));
        exclaim_claim_plan(&match, &caps, &plan);
        assert_int_equal(plan.nr, cases[i].nr);
        for (uint32_t s = 0; s < plan.nr; s++) {
            const struct exclaim_claim *c = &plan.step[s].claim;
            static const uint64_t none[EXCLAIM_NODES_MAX];

            assert_int_equal(c->kind, cases[i].kind[s]);
            assert_int_equal(plan.step[s].guarantee, promise[c->kind]);
            if (c->kind == HOST) {
                assert_int_equal(c->host_pages, match.total_pages);
                assert_memory_equal(c->node_pages, none, sizeof(none));
            } else {
                assert_int_equal(c->host_pages, 0);
                assert_int_equal(c->nr_nodes, 3);
                assert_memory_equal(c->node_pages, match.pages, sizeof(match.pages));
            }
            if (s) {
                assert_true(plan.step[s].guarantee < plan.step[s - 1].guarantee);
            }
        }
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(exclaim_guarantee_name(EXCLAIM_GUARANTEE_NODE_SET), "node-set");
    assert_string_equal(exclaim_guarantee_name(EXCLAIM_GUARANTEE_NODE), "node");
    assert_string_equal(exclaim_guarantee_name(EXCLAIM_GUARANTEE_HOST), "host");
    assert_string_equal(exclaim_guarantee_name(EXCLAIM_GUARANTEE_NONE), "none");
    assert_string_equal(exclaim_match_shape_name(EXCLAIM_MATCH_SAME), "same");
    assert_string_equal(exclaim_match_shape_name(EXCLAIM_MATCH_RENUMBERED), "renumbered");
    assert_string_equal(exclaim_match_shape_name(EXCLAIM_MATCH_MERGED), "merged");
    assert_string_equal(exclaim_match_shape_name(EXCLAIM_MATCH_SPLIT), "split");
}

/* Xen's numbers become room; an offline node is none. */
static void room(void **state)
{
    struct exclaim_host host = { .nr_nodes = 4, .free_pages = 100, .outstanding_pages = 30 };
    struct exclaim_room room;

    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        host.node[n].online = n != 2;
        host.node[n].free_pages = 25;
        host.node[n].claimed_pages = 10 * n;
        host.node[n].claimed_known = n != 1;
        host.node[n].distance[0] = 10 + n;
    }
    exclaim_room_from_host(&host, 8, &room);
    assert_int_equal(room.slack, EXCLAIM_NODE_SLACK);
    assert_int_equal(exclaim_room_node(&room, 0), 0); /* 25 pages are less than that */
    room.slack = 0;
    assert_int_equal(room.allowed, 0xb);
    assert_int_equal(exclaim_room_node(&room, 0), 25);
    assert_int_equal(exclaim_room_node(&room, 1), 25); /* claims not known are not invented */
    assert_int_equal(exclaim_room_node(&room, 2), 0);
    assert_int_equal(exclaim_room_node(&room, 3), 0); /* more claimed than free */
    assert_int_equal(exclaim_room_node(&room, 4), 0);
    assert_int_equal(exclaim_room_node(&room, 63), 0);
    assert_int_equal(room.distance[3][0], 13);
    assert_int_equal(exclaim_room_host(&room), 62);
    room.headroom = 70;
    assert_int_equal(exclaim_room_host(&room), 0);
    room.headroom = 71;
    assert_int_equal(exclaim_room_host(&room), 0);
}

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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans),  cmocka_unit_test(names),        cmocka_unit_test(room),
        cmocka_unit_test(origin), cmocka_unit_test(host_is_safe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
