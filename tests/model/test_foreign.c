/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another builder, outside the ledger, holds claims on the nodes that a VM is matched to.  What Xen
 * refuses for that is knowledge: another match, a refusal, or a weaker guarantee that is told.
 */
#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

#include "session/finish.h"
#include "session/reason.h"
#include "session/reserve.h"

#define DOMID  7u
#define OTHER  20u /* and one more per node */
#define NODE   1000u
#define GUEST  600u
#define LEFT   200u /* by the builder on a node */
#define STRICT EXCLAIM_POLICY_STRICT
#define PREFER EXCLAIM_POLICY_PREFER

struct xen {
    enum model_generation generation;
    bool untold;
    enum exclaim_guarantee one, several;
};

#define SET       EXCLAIM_GUARANTEE_NODE_SET
#define ONE       EXCLAIM_GUARANTEE_NODE
#define HOST_ONLY EXCLAIM_GUARANTEE_HOST

static const struct xen xens[] = {
    { MODEL_XS9, false, ONE, HOST_ONLY }, { MODEL_XS9, true, ONE, HOST_ONLY },
    { MODEL_SETS_V5, false, SET, SET },   { MODEL_SETS_V7, false, SET, SET },
    { MODEL_SETS_V8, false, SET, SET },
};

struct fixture {
    struct model *m;
    struct exclaim_session s;
    char dir[32];
};

static void open_fixture(struct fixture *f, const struct xen *xen, uint32_t policy)
{
    const struct model_config config = { .generation = xen->generation,
                                         .nr_nodes = 2,
                                         .node = { { .pages = NODE }, { .pages = NODE } },
                                         .untold = xen->untold };
    struct exclaim_error err = { 0 };

    memset(f, 0, sizeof(*f));
    strcpy(f->dir, "/tmp/exclaim-foreign-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(model_open(&config, &f->m), 0);
    kit_domain(f->m, DOMID, NODE);
    exclaim_session_init(&f->s, EXCLAIM_ROLE_DESTINATION, "test", DOMID);
    f->s.hv = model_hv(f->m);
    f->s.config.policy = policy;
    f->s.config.headroom_pages = 0;
    strcpy(f->s.config.lock_dir, f->dir);
    strcpy(f->s.config.place_object,
           "/proc/self/exe"); /* readable: placed by quota, as when preloaded */
    assert_int_equal(f->s.hv->ops->caps(f->s.hv, &f->s.caps, &err), 0);
}

static void close_fixture(struct fixture *f)
{
    char file[64];

    snprintf(file, sizeof(file), "%s/" EXCLAIM_LEDGER_FILE, f->dir);
    session_undo(&f->s, false);
    f->s.hv = NULL;
    exclaim_session_close(&f->s);
    unlink(file);
    rmdir(f->dir);
    assert_null(model_crashed(f->m));
    kit_close(f->m);
}

/* All but @left pages of the node, as each Xen wants it. */
static void claim_of_other(struct fixture *f, const struct xen *xen, uint32_t node, uint64_t left)
{
    kit_domain(f->m, OTHER + node, NODE);
    STEP(f->m,
         xen->generation == MODEL_XS9
             ? model_claim_pages(f->m, OTHER + node, NODE - left, MODEL_MEMF_EXACT_NODE(node))
             : kit_set_one(f->m, OTHER + node, node, NODE - left),
         0);
}

static int reserve(struct fixture *f, uint64_t on0, uint64_t on1)
{
    struct exclaim_error err;

    f->s.res.count = (struct exclaim_count){
        .nr_nodes = 2, .pages = { on0, on1 }, .total_pages = on0 + on1, .exact = true
    };
    assert_int_equal(exclaim_hv_domain(f->s.hv, DOMID, &f->s.dom, &err), 0);
    return dest_reserve(&f->s);
}

static void said(const struct fixture *f, const char *words)
{
    if (!strstr(f->s.why, words)) {
        fail_msg("\"%s\" is not in \"%s\"", words, f->s.why);
    }
}

static void another_node_has_room(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(xens); i++) {
        for (uint32_t policy = PREFER; policy <= STRICT; policy++) {
            struct fixture f;

            open_fixture(&f, &xens[i], policy);
            claim_of_other(&f, &xens[i], 1, LEFT);
            STEP(f.m, reserve(&f, 0, GUEST), 0);
            assert_int_equal(f.s.match.pages[0], GUEST);
            assert_int_equal(f.s.guarantee, xens[i].one);
            assert_int_equal(kit_view(f.m, DOMID).node_claim[0], GUEST);
            assert_int_equal(exclaim_ledger_at(f.s.ledger, f.s.slot)->target[0], GUEST);
            assert_int_equal(exclaim_ledger_at(f.s.ledger, f.s.slot)->target[1], 0);
            if (f.s.caps.node_memory) {
                assert_string_equal(f.s.why, ""); /* it was seen at once */
            } else if (xens[i].generation == MODEL_XS9) {
                said(&f, "node 1: 2.3 MiB needed (600 pages), at least 800 KiB claimable (200)");
            } else {
                said(&f, "node 1: 2.3 MiB needed (600 pages), 800 KiB claimable (200)");
            }
            close_fixture(&f);
        }
    }
}

static void no_node_has_room(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(xens); i++) {
        struct fixture f;

        open_fixture(&f, &xens[i], STRICT);
        claim_of_other(&f, &xens[i], 0, GUEST - 1);
        claim_of_other(&f, &xens[i], 1, LEFT);
        STEP(f.m, reserve(&f, 0, GUEST), -1);
        assert_int_equal(f.s.outcome, EXCLAIM_OUTCOME_REFUSED);
        assert_non_null(strstr(f.s.error, "source node 1 needs 2.3 MiB (600 pages), best is node"));
        assert_non_null(strstr(f.s.error, "claimed by others, 256 KiB kept free: short by"));
        session_undo(&f.s, false);
        assert_int_equal(kit_outstanding(f.m, DOMID), 0);
        close_fixture(&f);

        open_fixture(&f, &xens[i], PREFER);
        claim_of_other(&f, &xens[i], 0, GUEST - 1);
        claim_of_other(&f, &xens[i], 1, LEFT);
        STEP(f.m, reserve(&f, 0, GUEST), 0);
        assert_int_equal(f.s.guarantee, xens[i].several);
        assert_int_equal(kit_outstanding(f.m, DOMID), GUEST);
        if (xens[i].one == SET) {
            said(&f, "node 0: 2.3 MiB needed (600 pages), 2.3 MiB claimable (599)");
            assert_int_equal(f.s.match.shape, EXCLAIM_MATCH_SPLIT);
        }
        f.s.outcome = EXCLAIM_OUTCOME_DONE;
        session_conclude(&f.s);
        assert_true(f.s.why[0]);
        close_fixture(&f);
    }
}

/* A toolstack's claim on the host is as it was when no node will do. */
static void the_toolstacks_claim_survives(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_SIZE(xens); i++) {
        struct fixture f;

        if (xens[i].untold) {
            continue; /* there nobody can say that it is on the host */
        }
        for (uint32_t policy = PREFER; policy <= STRICT; policy++) {
            open_fixture(&f, &xens[i], policy);
            STEP(f.m, model_claim_pages(f.m, DOMID, GUEST, 0), 0);
            claim_of_other(&f, &xens[i], 0, 100);
            claim_of_other(&f, &xens[i], 1, 100 + GUEST);
            STEP(f.m, kit_exact(f.m, OTHER + 1, 10, 0, 1), 10);
            STEP(f.m, reserve(&f, GUEST / 2, GUEST / 2), policy == STRICT ? -1 : 0);
            assert_int_equal(kit_outstanding(f.m, DOMID), GUEST);
            assert_true(f.s.why[0]);
            close_fixture(&f);
        }
    }
}

/* Two nodes on a Xen that claims on one: what may be claimed there unseen is left free. */
static void several_nodes_by_the_ledger(void **unused)
{
    static const struct xen *const xen = &xens[1];
    struct fixture f;

    (void)unused;
    for (uint32_t policy = PREFER; policy <= STRICT; policy++) {
        open_fixture(&f, xen, policy);
        claim_of_other(&f, xen, 1, NODE - 300);
        STEP(f.m, reserve(&f, 400, 200), 0);
        assert_int_equal(f.s.guarantee, HOST_ONLY);
        close_fixture(&f);

        open_fixture(&f, xen, policy);
        claim_of_other(&f, xen, 1, LEFT);
        STEP(f.m, reserve(&f, 400, 200), policy == STRICT ? -1 : 0);
        said(&f, "(800 pages) of the host's claims may lie on any node");
        close_fixture(&f);
    }
}

/* Something else than a lack of memory: strict refuses, prefer tells what it goes without. */
static void a_claim_that_fails(void **unused)
{
    struct fixture f;

    (void)unused;
    for (uint32_t policy = PREFER; policy <= STRICT; policy++) {
        open_fixture(&f, &xens[2], policy);
        STEP(f.m, model_fault(f.m, MODEL_OP_DOMCTL_CLAIMS, 1, EIO), 0);
        STEP(f.m, reserve(&f, 0, GUEST), policy == STRICT ? -1 : 0);
        if (policy == PREFER) {
            assert_int_equal(f.s.guarantee, HOST_ONLY);
        }
        said(&f, policy == PREFER ? "no guarantee node-set: " : "claim: ");
        close_fixture(&f);
    }
}

/* What comes later does not take the place of the first reason. */
static void reasons_add_up(void **unused)
{
    static const struct xen xen = { MODEL_4_17, false, HOST_ONLY, HOST_ONLY };
    struct fixture f;

    (void)unused;
    open_fixture(&f, &xen, PREFER);
    f.s.config.place_object[0] = '\0';
    STEP(f.m, model_claim_pages(f.m, DOMID, GUEST, 0), 0);
    STEP(f.m, reserve(&f, GUEST / 2, GUEST / 2), 0);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NONE);
    said(&f, "placement by node affinity: place_object is empty");
    said(&f, "adopted the toolstack's claim");
    assert_int_equal(f.s.phase, EXCLAIM_PHASE_STAKED);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_node_has_room),
        cmocka_unit_test(no_node_has_room),
        cmocka_unit_test(the_toolstacks_claim_survives),
        cmocka_unit_test(several_nodes_by_the_ledger),
        cmocka_unit_test(a_claim_that_fails),
        cmocka_unit_test(reasons_add_up),
    };

    setenv("EXCLAIM_CONF", "/dev/null", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
