/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of a claim that the toolstack staked before us, on each generation: adopted when it
 * is right, replaced when that makes it better, back in place when replacing fails, and never from
 * a node to the host on XenServer 9.
 */
#include "kit.h"

#include "session/finish.h"
#include "session/stake.h"

#define DOMID 7u
#define NODE  600u /* pages of each of two nodes */

struct fixture {
    struct model *m;
    struct exclaim_session s;
    struct exclaim_error err;
};

/* A domain that wants @want0 and @want1 pages on the two nodes and has claimed @before already. */
static void open_fixture(struct fixture *f, enum model_generation generation, uint64_t want0,
                         uint64_t want1, uint64_t before)
{
    memset(f, 0, sizeof(*f));
    f->m = kit_open(generation, 2, NODE);
    kit_domain(f->m, DOMID, 1000);
    if (before) {
        STEP(f->m, model_claim_pages(f->m, DOMID, before, 0), 0);
    }
    f->s.hv = model_hv(f->m);
    f->s.match = (struct exclaim_match){ .nr_nodes = 2,
                                         .pages = { want0, want1 },
                                         .total_pages = want0 + want1 };
    assert_int_equal(f->s.hv->ops->caps(f->s.hv, &f->s.caps, &f->err), 0);
    assert_int_equal(exclaim_hv_domain(f->s.hv, DOMID, &f->s.dom, &f->err), 0);
    assert_int_equal(f->s.dom.outstanding_pages, before);
}

static void close_fixture(struct fixture *f)
{
    assert_null(model_crashed(f->m));
    kit_close(f->m);
}

static void strongest(void **unused)
{
    static const struct {
        enum model_generation generation;
        uint64_t node1;
        enum exclaim_guarantee guarantee;
    } cases[] = {
        { MODEL_4_17, 0, EXCLAIM_GUARANTEE_HOST },
        { MODEL_4_17, 50, EXCLAIM_GUARANTEE_HOST },
        { MODEL_4_21_0, 50, EXCLAIM_GUARANTEE_HOST },
        { MODEL_4_21, 50, EXCLAIM_GUARANTEE_HOST },
        { MODEL_XS9, 0, EXCLAIM_GUARANTEE_NODE },
        { MODEL_XS9, 50, EXCLAIM_GUARANTEE_HOST }, /* one node per domain */
        { MODEL_SETS_V5, 0, EXCLAIM_GUARANTEE_NODE_SET },
        { MODEL_SETS_V5, 50, EXCLAIM_GUARANTEE_NODE_SET },
        { MODEL_SETS_V7, 50, EXCLAIM_GUARANTEE_NODE_SET },
        { MODEL_SETS_V8, 50, EXCLAIM_GUARANTEE_NODE_SET },
    };
    struct fixture f;

    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        open_fixture(&f, cases[i].generation, 400, cases[i].node1, 0);
        STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
        assert_int_equal(f.s.guarantee, cases[i].guarantee);
        assert_int_equal(f.s.claimed_pages, 400 + cases[i].node1);
        assert_int_equal(kit_outstanding(f.m, DOMID), 400 + cases[i].node1);
        close_fixture(&f);
    }
}

static void adopted(void **unused)
{
    static const enum model_generation host_only[] = { MODEL_4_17, MODEL_4_21_0, MODEL_4_21 };
    struct fixture f;

    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(host_only); i++) {
        open_fixture(&f, host_only[i], 300, 150, 450);
        STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
        assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_HOST);
        assert_int_equal(f.s.claimed_pages, 450);
        assert_non_null(strstr(f.s.why, "adopted"));
        close_fixture(&f);
    }
}

static void replaced(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_4_17, 300, 150, 200);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
    assert_int_equal(kit_outstanding(f.m, DOMID), 450);
    close_fixture(&f);

    /* The latest draft sets only where nothing is. */
    open_fixture(&f, MODEL_SETS_V8, 300, 150, 200);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NODE_SET);
    assert_int_equal(kit_outstanding(f.m, DOMID), 450);
    close_fixture(&f);

    /* Atomically, from the host to the nodes. */
    open_fixture(&f, MODEL_SETS_V5, 300, 150, 200);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NODE_SET);
    assert_int_equal(kit_view(f.m, DOMID).node_claim[0], 300);
    assert_int_equal(kit_view(f.m, DOMID).host_claim, 0);
    close_fixture(&f);
}

/* Another domain holds the rest of the host: the new claim fails, the old one must stand. */
static void put_back(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_4_17, 300, 150, 200);
    kit_domain(f.m, 8, 2000);
    STEP(f.m, model_claim_pages(f.m, 8, 2ull * NODE - 200, 0), 0);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_FAILED);
    assert_int_equal(f.err.kind, EXCLAIM_ERR_NOFIT);
    assert_int_equal(kit_outstanding(f.m, DOMID), 200);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NONE);
    close_fixture(&f);
}

/* More than is needed is as good, and not let go for less. */
static void more_than_enough(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_4_17, 300, 150, 600);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
    assert_int_equal(kit_outstanding(f.m, DOMID), 600);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_HOST);
    assert_true(f.s.claimed);
    close_fixture(&f);
}

/* XenServer 9 tells what is claimed on each node: a claim that is on none of them is the host's. */
static void host_to_node(void **unused)
{
    static const uint64_t before[] = { 200, 400, 500 };
    struct fixture f;

    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
        open_fixture(&f, MODEL_XS9, 400, 0, before[i]);
        assert_int_equal(exclaim_stake_before(&f.s), EXCLAIM_ORIGIN_HOST);
        STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
        assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NODE);
        assert_int_equal(kit_view(f.m, DOMID).node_claim[0], 400);
        close_fixture(&f);
    }
    /* The VM needs two nodes, of which no claim there can hold both. */
    open_fixture(&f, MODEL_XS9, 300, 150, 200);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_HOST);
    assert_int_equal(kit_outstanding(f.m, DOMID), 450);
    close_fixture(&f);
}

/* The node is full: the claim on the host is back as it was, and good enough if no other match is.
 */
static void host_stays(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_XS9, 400, 0, 400);
    kit_domain(f.m, 8, 2000);
    STEP(f.m, model_claim_pages(f.m, 8, NODE - 300, MODEL_MEMF_EXACT_NODE(0)), 0);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_FULL);
    assert_int_equal(kit_view(f.m, DOMID).host_claim, 400);
    STEP(f.m, exclaim_stake(&f.s, true, &f.err), STAKE_HELD);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_HOST);
    assert_int_equal(f.s.claimed_pages, 400);
    assert_int_equal(kit_view(f.m, DOMID).host_claim, 400);
    assert_non_null(strstr(f.s.why, "adopted"));
    close_fixture(&f);
}

/* What xenopsd says with -mem_pnode. */
static void on_its_node(void **unused)
{
    static const struct {
        uint64_t before, after;
    } cases[] = { { 400, 400 }, { 450, 450 }, { 200, 400 } };
    struct fixture f;

    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        open_fixture(&f, MODEL_XS9, 0, 400, 0);
        STEP(f.m, model_claim_pages(f.m, DOMID, cases[i].before, MODEL_MEMF_EXACT_NODE(1)), 0);
        assert_int_equal(exclaim_hv_domain(f.s.hv, DOMID, &f.s.dom, &f.err), 0);
        f.s.past.node_said = true;
        f.s.past.node = 1;
        assert_int_equal(exclaim_stake_before(&f.s), EXCLAIM_ORIGIN_NODE);
        STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
        assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NODE);
        assert_int_equal(f.s.claimed_pages, cases[i].after);
        assert_int_equal(kit_view(f.m, DOMID).node_claim[1], cases[i].after);
        STEP(f.m, kit_exact(f.m, DOMID, 400, 0, 1), 400);
        close_fixture(&f);
    }
}

/* Too small, the node has no more: as it was, and not enough for anything. */
static void node_stays(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_XS9, 0, 400, 0);
    STEP(f.m, model_claim_pages(f.m, DOMID, 200, MODEL_MEMF_EXACT_NODE(1)), 0);
    kit_domain(f.m, 8, 2000);
    STEP(f.m, model_claim_pages(f.m, 8, NODE - 300, MODEL_MEMF_EXACT_NODE(1)), 0);
    assert_int_equal(exclaim_hv_domain(f.s.hv, DOMID, &f.s.dom, &f.err), 0);
    f.s.past.node_said = true;
    f.s.past.node = 1;
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_FULL);
    assert_int_equal(f.err.kind, EXCLAIM_ERR_NOFIT);
    assert_int_equal(kit_view(f.m, DOMID).node_claim[1], 200);
    assert_true(f.s.claimed);
    close_fixture(&f);
}

/* A toolstack that names another node than Xen has the claim on is not believed. */
static void not_believed(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_XS9, 400, 0, 0);
    STEP(f.m, model_claim_pages(f.m, DOMID, 400, MODEL_MEMF_EXACT_NODE(1)), 0);
    assert_int_equal(exclaim_hv_domain(f.s.hv, DOMID, &f.s.dom, &f.err), 0);
    f.s.past.node_said = true;
    f.s.past.node = 0;
    assert_int_equal(exclaim_stake_before(&f.s), EXCLAIM_ORIGIN_UNKNOWN);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_HOST);
    assert_int_equal(kit_view(f.m, DOMID).node_claim[1], 400);
    close_fixture(&f);

    /* Where Xen has no claims on a node, whatever is claimed is the host's. */
    open_fixture(&f, MODEL_4_17, 400, 0, 400);
    f.s.past.node_said = true;
    assert_int_equal(exclaim_stake_before(&f.s), EXCLAIM_ORIGIN_HOST);
    close_fixture(&f);
}

/* Of unknown origin and too small: left alone, and worth nothing. */
static void unknown_too_small(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_XS9, 300, 150, 0);
    STEP(f.m, model_claim_pages(f.m, DOMID, 200, MODEL_MEMF_EXACT_NODE(0)), 0);
    assert_int_equal(exclaim_hv_domain(f.s.hv, DOMID, &f.s.dom, &f.err), 0);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_FAILED);
    assert_int_equal(f.err.kind, EXCLAIM_ERR_NOFIT);
    assert_int_equal(kit_view(f.m, DOMID).node_claim[0], 200);
    close_fixture(&f);
}

/* There a node claim that became one on the host stops the hypervisor when it is used. */
static void never_node_to_host(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_XS9, 300, 150, 0);
    STEP(f.m, model_claim_pages(f.m, DOMID, 450, MODEL_MEMF_EXACT_NODE(0)), 0);
    assert_int_equal(exclaim_hv_domain(f.s.hv, DOMID, &f.s.dom, &f.err), 0);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
    assert_int_equal(kit_view(f.m, DOMID).node_claim[0], 450); /* untouched */
    assert_int_equal(f.s.claimed_pages, 450);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_HOST);
    STEP(f.m, kit_exact(f.m, DOMID, 300, 0, 0), 300);
    STEP(f.m, kit_exact(f.m, DOMID, 150, 0, 1), 150);
    close_fixture(&f);
}

/*
 * The claim on the node is there and cannot be seen, so it is taken back; after that the old one on
 * the host would stop the hypervisor as soon as a page comes.  It is lost, and said to be.
 */
static void not_back_on_the_host(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, MODEL_XS9, 400, 0, 200);
    /* Release: a look before and after; the new claim: a look before, and the one that fails. */
    STEP(f.m, model_fault_of(f.m, MODEL_OP_GETINFOLIST, DOMID, 4, EIO), 0);
    STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_FAILED);
    assert_int_equal(kit_outstanding(f.m, DOMID), 0);
    assert_true(f.s.past.was_on_node);
    assert_int_equal(f.err.kind, EXCLAIM_ERR_UNSUPPORTED);
    assert_non_null(strstr(f.err.text, "can stop this xen"));
    STEP(f.m, kit_exact(f.m, DOMID, 10, 0, 0), 10);
    close_fixture(&f);
}

/* Nobody is told that pages were released which are claimed still. */
static void released_if_they_were(void **unused)
{
    static const enum model_generation generations[] = { MODEL_4_17, MODEL_4_21, MODEL_XS9 };

    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(generations); i++) {
        for (int refused = 0; refused < 2; refused++) {
            struct fixture f;

            open_fixture(&f, generations[i], 400, 0, 0);
            STEP(f.m, exclaim_stake(&f.s, false, &f.err), STAKE_HELD);
            f.s.claimed = true;
            if (refused) {
                STEP(f.m, model_fault_of(f.m, MODEL_OP_CLAIM_PAGES, DOMID, 1, EPERM), 0);
            }
            session_undo(&f.s, true);
            assert_int_equal(model_faults_waiting(f.m), 0);
            assert_int_equal(kit_outstanding(f.m, DOMID), refused ? 400 : 0);
            assert_int_equal(f.s.released_pages, refused ? 0 : 400);
            assert_true(refused == (strncmp(f.s.error, "release: ", 9) == 0));
            close_fixture(&f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strongest),
        cmocka_unit_test(adopted),
        cmocka_unit_test(replaced),
        cmocka_unit_test(put_back),
        cmocka_unit_test(never_node_to_host),
        cmocka_unit_test(more_than_enough),
        cmocka_unit_test(host_to_node),
        cmocka_unit_test(host_stays),
        cmocka_unit_test(on_its_node),
        cmocka_unit_test(node_stays),
        cmocka_unit_test(not_believed),
        cmocka_unit_test(unknown_too_small),
        cmocka_unit_test(not_back_on_the_host),
        cmocka_unit_test(released_if_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
