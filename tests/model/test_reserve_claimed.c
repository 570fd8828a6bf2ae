/* SPDX-License-Identifier: BSD-2-Clause */
/* A destination where xenopsd has claimed one node of XenServer 9 before: the match goes there. */
#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

#include <exclaim/note.h>

#include "base/clock.h"

#include "session/finish.h"
#include "session/reserve.h"

#define DOMID 7u
#define NODE  600u /* pages of each of two nodes */

struct fixture {
    struct model *m;
    struct exclaim_session s;
    char dir[32];
};

static void open_fixture(struct fixture *f, uint64_t on0, uint64_t on1, uint64_t claimed)
{
    struct exclaim_reservation *res = &f->s.res;
    struct exclaim_error err = { 0 };

    memset(f, 0, sizeof(*f));
    strcpy(f->dir, "/tmp/exclaim-claimed-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->m = kit_open(MODEL_XS9, 2, NODE);
    kit_domain(f->m, DOMID, 1000);
    if (claimed) {
        STEP(f->m, model_claim_pages(f->m, DOMID, claimed, MODEL_MEMF_EXACT_NODE(1)), 0);
    }
    f->s.hv = model_hv(f->m);
    f->s.place_fd = -1;
    strcpy(f->s.config.lock_dir, f->dir);
    f->s.past.node_said = true;
    f->s.past.node = 1;
    res->count = (struct exclaim_count){
        .nr_nodes = 2, .pages = { on0, on1 }, .total_pages = on0 + on1, .exact = true
    };
    assert_int_equal(f->s.hv->ops->caps(f->s.hv, &f->s.caps, &err), 0);
    assert_int_equal(exclaim_hv_domain(f->s.hv, DOMID, &f->s.dom, &err), 0);
}

static void close_fixture(struct fixture *f)
{
    char file[64];

    snprintf(file, sizeof(file), "%s/" EXCLAIM_LEDGER_FILE, f->dir);
    exclaim_ledger_close(f->s.ledger);
    unlink(file);
    rmdir(f->dir);
    assert_null(model_crashed(f->m));
    kit_close(f->m);
}

/* 500 of the node's 600 pages are its own claim: they count as free for it. */
static void one_home(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, 500, 0, 500);
    STEP(f.m, dest_reserve(&f.s), 0);
    assert_int_equal(f.s.match.shape, EXCLAIM_MATCH_RENUMBERED);
    assert_int_equal(f.s.match.pages[1], 500);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NODE);
    assert_int_equal(kit_view(f.m, DOMID).node_claim[1], 500);
    close_fixture(&f);
}

static void several_homes(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, 300, 200, 500);
    STEP(f.m, dest_reserve(&f.s), 0);
    assert_int_equal(f.s.match.shape, EXCLAIM_MATCH_MERGED);
    assert_int_equal(f.s.match.pages[1], 500);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NODE);
    close_fixture(&f);

    open_fixture(&f, 300, 200, 500);
    f.s.config.policy = EXCLAIM_POLICY_STRICT;
    STEP(f.m, dest_reserve(&f.s), -1);
    assert_int_equal(f.s.outcome, EXCLAIM_OUTCOME_REFUSED);
    assert_non_null(strstr(f.s.error, "source node 1 needs 800 KiB, no node is left"));
    close_fixture(&f);
}

/* The VM is larger than the node: said, and the claim is as it was. */
static void too_large(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, 700, 0, 500);
    STEP(f.m, dest_reserve(&f.s), 0);
    assert_false(f.s.have_match);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NONE);
    assert_non_null(strstr(f.s.why, "best is node 1"));
    assert_int_equal(kit_view(f.m, DOMID).node_claim[1], 500);
    close_fixture(&f);
}

static void note(struct fixture *f, uint32_t on0, uint32_t on1)
{
    const struct exclaim_note n = { .given = 3,
                                    .node = { [0] = on0, [1] = on1 },
                                    .expires_boot_ms = exclaim_now_boot_ms() + 60000 };
    struct exclaim_error err = { 0 };

    assert_int_equal(exclaim_note_write(f->dir, f->s.uuid, &n, &err), 0);
}

/* Planned nodes are taken while they fit, under the ledger's lock; else it is as without a note. */
static void planned(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, 200, 100, 0);
    f.s.past = (struct exclaim_claim_past){ 0 };
    note(&f, 1, 0);
    STEP(f.m, dest_reserve(&f.s), 0);
    assert_true(f.s.planned.told && f.s.planned.taken);
    assert_int_equal(f.s.match.shape, EXCLAIM_MATCH_RENUMBERED);
    assert_int_equal(f.s.match.pages[0], 100);
    assert_int_equal(f.s.match.pages[1], 200);
    close_fixture(&f);

    /* Not even with its own room: the toolstack's claim has bound it to node 1. */
    open_fixture(&f, 500, 0, 500);
    note(&f, 0, 1);
    STEP(f.m, dest_reserve(&f.s), 0);
    assert_true(f.s.planned.told && !f.s.planned.taken);
    assert_true(f.s.planned.why[0] != '\0');
    assert_int_equal(f.s.match.pages[1], 500);
    close_fixture(&f);

    open_fixture(&f, 200, 100, 0);
    f.s.past = (struct exclaim_claim_past){ 0 };
    STEP(f.m, dest_reserve(&f.s), 0);
    assert_false(f.s.planned.told);
    assert_int_equal(f.s.match.shape, EXCLAIM_MATCH_SAME);
    close_fixture(&f);
}

/* Whatever keeps us from releasing is said; but a domain that is gone has nothing to release. */
static void release_fails(void **unused)
{
    (void)unused;
    for (int gone = 0; gone < 2; gone++) {
        struct fixture f;

        open_fixture(&f, 500, 0, 500);
        STEP(f.m, dest_reserve(&f.s), 0);
        assert_true(f.s.claimed);
        if (gone) {
            STEP(f.m, model_destroy(f.m, DOMID), 0);
        } else {
            STEP(f.m, model_fault(f.m, MODEL_OP_GETINFOLIST, 1, EIO), 0);
        }
        session_undo(&f.s, true);
        if (gone) {
            assert_string_equal(f.s.error, "");
        } else {
            assert_non_null(strstr(f.s.error, "release: "));
        }
        close_fixture(&f);
    }
}

/* Node affinity keeps one node; several are not left to it by policy strict. */
static void strict_without_the_object(void **unused)
{
    struct fixture f;

    (void)unused;
    open_fixture(&f, 500, 0, 500);
    f.s.config.policy = EXCLAIM_POLICY_STRICT;
    STEP(f.m, dest_reserve(&f.s), 0);
    assert_int_equal(f.s.placement, EXCLAIM_PLACEMENT_AFFINITY);
    assert_int_equal(f.s.guarantee, EXCLAIM_GUARANTEE_NODE);
    close_fixture(&f);

    open_fixture(&f, 300, 200, 0);
    f.s.config.policy = EXCLAIM_POLICY_STRICT;
    STEP(f.m, dest_reserve(&f.s), -1);
    assert_int_equal(f.s.outcome, EXCLAIM_OUTCOME_REFUSED);
    assert_non_null(strstr(f.s.error, "placement by node affinity"));
    assert_int_equal(kit_view(f.m, DOMID).outstanding, 0);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_home),      cmocka_unit_test(several_homes),
        cmocka_unit_test(too_large),     cmocka_unit_test(planned),
        cmocka_unit_test(release_fails), cmocka_unit_test(strict_without_the_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
