/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Claims around xenopsd's own, on each generation of the model: looked at while the stream stands
 * still behind the record, when everything is staked and nothing populated yet.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exclaim/ledger.h>

#include "scene.h"
#include "wire.h"

static struct scene s;

/* What xenopsd has claimed before it starts us: pages on a node, or on the host. */
static struct {
    uint64_t pages;
    uint32_t node;    /* or MODEL_NO_NODE */
    uint64_t others;  /* claimed on the host by another domain */
    uint64_t refused; /* this hypercall of ours on claims, from 1, finds no memory; 0: none */
} before;

static void claim_before(struct scene *scene)
{
    int lock;
    struct model *m = host_lock(scene->dst.model, &lock);

    assert_non_null(m);
    if (before.pages) {
        assert_int_equal(model_claim_pages(
                             m, DST_DOMID, before.pages,
                             before.node == MODEL_NO_NODE ? 0 : MODEL_MEMF_EXACT_NODE(before.node)),
                         0);
    }
    if (before.others) {
        model_create(m, 77, &(struct model_domain_config){ .hvm = true, .nr_vcpus = 1 });
        model_set_max(m, 77, 100000);
        assert_int_equal(model_claim_pages(m, 77, before.others, 0), 0);
    }
    /* A claim on the host is asked for five times. */
    for (uint64_t i = 0; before.refused && i < (s.generation < MODEL_SETS_V5 ? 5 : 1); i++) {
        model_fault_of(m,
                       s.generation < MODEL_SETS_V5 ? MODEL_OP_CLAIM_PAGES : MODEL_OP_DOMCTL_CLAIMS,
                       DST_DOMID, before.refused + i, ENOMEM);
    }
    host_unlock(scene->dst.model, m, lock);
}

static void start(enum model_generation generation, uint64_t node0, uint64_t node1)
{
    memset(&before, 0, sizeof(before));
    before.node = MODEL_NO_NODE;
    scene_init(&s);
    s.generation = generation;
    s.pages[0] = node0;
    s.pages[1] = node1;
    s.src.aware = s.dst.aware = true;
    s.prepare = claim_before;
}

/* Waits until the manager has heard of the restore, so that all is decided; notes the claims. */
static enum act look_staked(struct xenopsd *x, const char *step)
{
    const struct scene *scene = x->arg;
    const int64_t end = wire_now() + 20000;
    struct model_view view;
    bool heard = false;

    if (strcmp(step, "@taken") != 0) {
        return ACT_GO;
    }
    while (!heard && wire_now() < end) {
        char *control = scene_file(&scene->dst, "control");

        heard = strstr(control, "restore:xenguest") != NULL;
        free(control);
        poll(NULL, 0, 5);
    }
    view = scene_domain(&scene->dst, DST_DOMID);
    snprintf(x->out->seen, sizeof(x->out->seen), "%llu %llu %llu",
             (unsigned long long)view.host_claim, (unsigned long long)view.node_claim[0],
             (unsigned long long)view.node_claim[1]);
    return ACT_ABORT;
}

/* The claims of host, node 0 and node 1 in that moment; then cancelled, and nothing left. */
static void assert_staked(const char *claims, uint64_t left)
{
    s.road.hold = LIBXC_AT + 3000;
    s.dst.at = look_staked;
    scene_run(&s);
    assert_outcome(&s.dst, OUTCOME_ABORTED);
    if (strcmp(s.dst.out->seen, claims) != 0) {
        fail_msg("generation %d: claims on host, node 0, node 1 are %s, not %s: %s %s",
                 (int)s.generation, s.dst.out->seen, claims, scene_report(&s.dst, "why"),
                 scene_report(&s.dst, "guarantee"));
    }
    if (!left) {
        assert_clean(&s);
    }
    assert_true(scene_domain(&s.dst, DST_DOMID).outstanding <= left);
    scene_end(&s);
}

/* And the whole way: what the report says of it. */
static void assert_arrives(const char *guarantee, const char *claimed)
{
    s.road.hold = 0;
    s.dst.at = NULL;
    scene_run(&s);
    assert_migrated(&s);
    assert_as_without_us(&s);
    assert_string_equal(scene_report(&s.dst, "guarantee"), guarantee);
    assert_string_equal(scene_report(&s.dst, "claimed_pages"), claimed);
    assert_clean(&s);
    scene_end(&s);
}

static void first_claim(void **state)
{
    static const struct {
        enum model_generation generation;
        uint64_t node1;
        const char *claims, *guarantee;
    } cases[] = {
        { MODEL_4_17, 0, "300 0 0", "host" },
        { MODEL_4_17, 100, "400 0 0", "none" },
        { MODEL_4_21, 0, "300 0 0", "host" },
        { MODEL_XS9, 0, "0 300 0", "node" },
        { MODEL_XS9, 100, "400 0 0", "none" },
        { MODEL_SETS_V5, 100, "0 300 100", "node-set" },
        { MODEL_SETS_V8, 100, "0 300 100", "node-set" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        start(cases[i].generation, 300, cases[i].node1);
        assert_staked(cases[i].claims, 0);
        start(cases[i].generation, 300, cases[i].node1);
        assert_arrives(cases[i].guarantee, cases[i].node1 ? "400" : "300");
    }
}

/* The same total on the host: adopted. Too little: replaced where that is allowed. */
static void host_claim_before(void **state)
{
    (void)state;
    for (uint64_t pages = 250; pages <= 300; pages += 50) {
        start(MODEL_4_17, 300, 0);
        before.pages = pages;
        assert_staked("300 0 0", 300);
        start(MODEL_4_17, 300, 0);
        before.pages = pages;
        assert_arrives("host", "300");
        /* Onto the nodes, in one step. */
        start(MODEL_SETS_V5, 200, 100);
        before.pages = pages;
        assert_staked("0 200 100", 300);
        start(MODEL_SETS_V5, 200, 100);
        before.pages = pages;
        assert_arrives("node-set", "300");
    }
}

/* There is no room for the larger one: the old one stands, untouched or put back. */
static void put_back(void **state)
{
    (void)state;
    start(MODEL_4_17, 300, 0);
    before.pages = 250;
    before.others = 2 * NODE_SIZE - 260;
    assert_staked("250 0 0", 250);

    /* Another was quicker: after the old one's release, the new one is refused. */
    start(MODEL_4_17, 300, 0);
    before.pages = 250;
    before.refused = 2;
    assert_staked("250 0 0", 250);
    start(MODEL_4_21, 300, 0);
    before.pages = 250;
    before.refused = 2;
    assert_staked("250 0 0", 250);

    /* A set is refused for a moment: it is not let go for a claim on the host. */
    start(MODEL_SETS_V5, 300, 0);
    before.pages = 250;
    before.refused = 1;
    assert_staked("0 300 0", 300);
}

/* XenServer 9: xenopsd claimed on a node and says so; there the guest goes, and it stays `node`. */
static void node_claim_before(void **state)
{
    (void)state;
    start(MODEL_XS9, 300, 0);
    before.pages = 300;
    before.node = 1;
    s.dst.mem_pnode = "1";
    assert_staked("0 0 300", 300);

    start(MODEL_XS9, 300, 0);
    before.pages = 300;
    before.node = 1;
    s.dst.mem_pnode = "1";
    scene_run(&s);
    assert_migrated(&s);
    assert_as_without_us(&s);
    assert_string_equal(scene_report(&s.dst, "guarantee"), "node");
    assert_int_equal(scene_domain(&s.dst, DST_DOMID).pages[1], 300);
    assert_clean(&s);
    scene_end(&s);
}

/* Two nodes do not fit on the one that xenopsd has claimed on: refused, and said why. */
static void node_claim_binds(void **state)
{
    struct model_view view;

    (void)state;
    start(MODEL_XS9, 200, 100);
    before.pages = 300;
    before.node = 1;
    s.dst.mem_pnode = "1";
    s.dst.conf = "policy = strict\n";
    scene_run(&s);
    assert_outcome(&s.dst, OUTCOME_ERROR);
    assert_non_null(
        strstr(scene_report(&s.dst, "error"), "bound to node 1 by the toolstack's claim"));
    view = scene_domain(&s.dst, DST_DOMID);
    assert_int_equal(view.total, 0);
    scene_end(&s);
}

/* The trap of the stale claim node: too small or not, a node's claim never becomes the host's. */
static void never_node_to_host(void **state)
{
    static const uint64_t sizes[] = { 1, 100, 299, 300, 310 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
        unsigned long long host, node[2];

        start(MODEL_XS9, i & 1 ? 300 : 200, i & 1 ? 0 : 100);
        before.pages = sizes[i / 2];
        before.node = 1;
        s.dst.mem_pnode = "1";
        s.road.hold = LIBXC_AT + 3000;
        s.dst.at = look_staked;
        scene_run(&s);
        assert_outcome(&s.dst, OUTCOME_ABORTED);
        assert_int_equal(sscanf(s.dst.out->seen, "%llu %llu %llu", &host, &node[0], &node[1]), 3);
        assert_int_equal(host, 0);
        assert_int_equal(node[0], 0);
        assert_true(node[1] >= sizes[i / 2]);
        scene_end(&s);

        start(MODEL_XS9, i & 1 ? 300 : 200, i & 1 ? 0 : 100);
        before.pages = sizes[i / 2];
        before.node = 1;
        s.dst.mem_pnode = "1";
        scene_run(&s);
        assert_migrated(&s); /* and the model has not stopped */
        assert_clean(&s);
        scene_end(&s);
    }
}

/* A claim on the host where nodes can be claimed: at least as good afterwards. */
static void host_to_node(void **state)
{
    (void)state;
    start(MODEL_XS9, 300, 0);
    before.pages = 300;
    assert_staked("0 300 0", 300);
    start(MODEL_XS9, 300, 0);
    before.pages = 300;
    assert_arrives("node", "300");
}

/* On a failure none of ours stays; the domain is xenopsd's to destroy. */
static void failed_restore(void **state)
{
    static const enum model_generation all[] = { MODEL_4_17, MODEL_4_21, MODEL_XS9, MODEL_SETS_V5 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all) * 2; i++) {
        start(all[i / 2], 300, 0);
        s.dst.spec = "xenguest-dies";
        before.pages = i & 1 ? 300 : 0;
        scene_run(&s);
        assert_outcome(&s.dst, OUTCOME_ERROR);
        assert_string_equal(scene_report(&s.dst, "outcome"), "failed");
        assert_clean(&s);
        scene_end(&s);
    }
}

/* xapi tries three times: after an attempt that failed anywhere, the next is as the first. */
static void retried(void **state)
{
    static const char *const fails[] = { "xenguest-dies", "silent", "killed", "error" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(fails); i++) {
        start(MODEL_4_17, 300, 0);
        s.dst.spec = fails[i];
        scene_run(&s);
        assert_outcome(&s.dst, OUTCOME_ERROR);
        s.again = true;
        scene_run(&s);
        assert_outcome(&s.dst, OUTCOME_ERROR);
        s.dst.spec = NULL;
        scene_run(&s);
        assert_outcome(&s.dst, OUTCOME_DONE);
        assert_string_equal(scene_report(&s.dst, "guarantee"), "host");
        assert_clean(&s);
        scene_end(&s);
    }
}

/* Both sides on one host at once, for the same VM. */
static void localhost(void **state)
{
    static const enum model_generation all[] = { MODEL_4_17, MODEL_XS9, MODEL_SETS_V5 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all) * 2; i++) {
        start(all[i / 2], 300, 0);
        s.one_host = true;
        s.temporary_uuid = i & 1;
        scene_run(&s);
        assert_migrated(&s);
        assert_string_equal(scene_report(&s.dst, "outcome"), "done");
        assert_string_equal(scene_report(&s.dst, "claimed_pages"), "300");
        assert_int_equal(scene_domain(&s.src, SRC_DOMID).total, 300);
        assert_clean(&s);
        scene_end(&s);
    }
}

/* The id that xenopsd gives a VM while it migrates; any other is another VM. */
static void temporary_uuid(void **state)
{
    (void)state;
    start(MODEL_4_17, 300, 0);
    s.temporary_uuid = true;
    assert_arrives("host", "300");
}

static void other_uuid(struct scene *scene)
{
    struct model_domain_config config = {
        .hvm = true, .nr_vcpus = 2, .uuid = { 1, 2, 3, [15] = 1 }, .vm_uuid = { 1, 2, 3, [12] = 7 }
    };
    int lock;
    struct model *m = host_lock(scene->dst.model, &lock);

    model_destroy(m, DST_DOMID);
    assert_int_equal(model_create(m, DST_DOMID, &config), 0);
    model_set_max(m, DST_DOMID, 320);
    host_unlock(scene->dst.model, m, lock);
}

static void other_vm(void **state)
{
    (void)state;
    start(MODEL_4_17, 300, 0);
    s.prepare = other_uuid;
    assert_arrives("none", "0");
}

/* The VM's uuid is in the report, whatever became of the record. */
static void named_without_record(void **state)
{
    static const char guest[] = "6b1f4402-935e-4d10-a7c3-58210e9d7734";
    const struct {
        const char *conf, *uuid, *outcome;
        void (*prepare)(struct scene *s);
        bool unaware;
        size_t flip;
    } cases[] = {
        { NULL, guest, "passed", NULL, true, 0 },
        { NULL, guest, "passed", NULL, false, LIBXC_AT + 60 },
        { "policy = strict", guest, "refused", NULL, true, 0 },
        { "policy = strict\nheadroom_pages = 1900", guest, "refused", NULL, false, 0 },
        { NULL, "01020300-0000-0000-0000-000007000000", "passed", other_uuid, false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        start(MODEL_4_17, 300, 0);
        s.temporary_uuid = true;
        s.src.aware = !cases[i].unaware;
        s.dst.conf = cases[i].conf;
        s.prepare = cases[i].prepare;
        s.road.flip = cases[i].flip;
        scene_run(&s);
        assert_string_equal(scene_report(&s.dst, "outcome"), cases[i].outcome);
        assert_string_equal(scene_report(&s.dst, "guarantee"), "none");
        assert_string_equal(scene_report(&s.dst, "uuid"), cases[i].uuid);
        assert_clean(&s);
        scene_end(&s);
    }
}

static void too_small(struct scene *scene)
{
    int lock;
    struct model *m = host_lock(scene->dst.model, &lock);

    model_set_max(m, DST_DOMID, 299);
    host_unlock(scene->dst.model, m, lock);
}

/* xenopsd sets max_pages before; what does not fit in it is not claimed. */
static void above_max_pages(void **state)
{
    (void)state;
    start(MODEL_4_17, 300, 0);
    s.prepare = too_small;
    scene_run(&s);
    assert_string_equal(scene_report(&s.dst, "claimed_pages"), "0");
    assert_clean(&s);
    scene_end(&s);
}

/* One node: placed there by affinity before the first page, exact, and the affinity is put back. */
static void exact(void **state)
{
    static const enum model_generation all[] = { MODEL_4_17, MODEL_4_21, MODEL_XS9, MODEL_SETS_V5 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all) * 2; i++) {
        const uint32_t node = i & 1;
        struct model_view view;

        start(all[i / 2], node ? 0 : 300, node ? 300 : 0);
        scene_run(&s);
        assert_migrated(&s);
        view = scene_domain(&s.dst, DST_DOMID);
        assert_int_equal(view.pages[node], 300);
        assert_true(view.affinity_auto);
        assert_string_equal(scene_report(&s.dst, "exact"), "true");
        scene_end(&s);
    }
}

/* What is said of two nodes is what the hypervisor has, exact or not. */
static void honest(void **state)
{
    char want[64];
    struct model_view view;

    (void)state;
    start(MODEL_4_17, 200, 100);
    scene_run(&s);
    assert_migrated(&s);
    view = scene_domain(&s.dst, DST_DOMID);
    assert_true(view.affinity_auto);
    snprintf(want, sizeof(want), "%s", view.pages[0] == 200 ? "true" : "false");
    assert_string_equal(scene_report(&s.dst, "exact"), want);
    scene_end(&s);
}

/* Somebody sits on the ledger: cancelled at once, or let through without a claim. */
static struct exclaim_ledger *held;

static void hold_ledger(struct scene *scene)
{
    struct exclaim_error err = { 0 };
    char dir[100];

    snprintf(dir, sizeof(dir), "%s/dst-lock", scene->dir);
    assert_int_equal(exclaim_ledger_open(dir, &held, &err), 0);
    assert_int_equal(exclaim_ledger_lock(held, 1000, &err), 0);
}

static enum act abort_when_taken(struct xenopsd *x, const char *step)
{
    (void)x;
    return strcmp(step, "@taken") ? ACT_GO : ACT_ABORT;
}

static void ledger_busy(void **state)
{
    (void)state;
    for (int abort = 0; abort < 2; abort++) {
        start(MODEL_4_17, 300, 0);
        s.prepare = hold_ledger;
        s.dst.at = abort ? abort_when_taken : NULL;
        scene_run(&s);
        exclaim_ledger_unlock(held);
        exclaim_ledger_close(held);
        if (abort) {
            assert_outcome(&s.dst, OUTCOME_ABORTED);
        } else {
            assert_migrated(&s);
            assert_string_equal(scene_report(&s.dst, "claimed_pages"), "0");
        }
        assert_clean(&s);
        scene_end(&s);
    }
}

/* Killed between any two things that others can notice. */
static void killed_inside(void **state)
{
    static const char *const points[] = {
        "PEEKED",   "LOCKED",   "MATCHED", "ENTERED",  "STAKED",
        "UNLOCKED", "RESTORED", "REMOVED", "RELEASED",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
        start(MODEL_4_17, 300, 0);
        s.dst.fault = points[i];
        scene_run(&s);
        assert_true(WIFSIGNALED(s.dst.out->status));
        assert_null(strstr(s.dst.out->why, "does not end"));
        assert_int_not_equal(s.src.out->outcome, OUTCOME_HUNG);
        s.dst.fault = NULL;
        s.again = true; /* xenopsd destroys the domain, and the next attempt works */
        scene_run(&s);
        assert_outcome(&s.dst, OUTCOME_DONE);
        assert_string_equal(scene_report(&s.dst, "guarantee"), "host");
        assert_clean(&s);
        scene_end(&s);
    }
}

static void affinity_denied(struct scene *scene)
{
    int lock;
    struct model *m = host_lock(scene->dst.model, &lock);

    assert_non_null(m);
    for (uint64_t i = 1; i <= 4; i++) {
        model_fault_of(m, MODEL_OP_SET_NODES, DST_DOMID, i, EPERM);
    }
    host_unlock(scene->dst.model, m, lock);
}

/* As under a security policy that keeps dom0 from it.  What is then claimed on the host is kept on
 * its node by nobody. */
static void not_placed(void **state)
{
    (void)state;
    start(MODEL_4_17, 300, 0);
    s.prepare = affinity_denied;
    scene_run(&s);
    assert_migrated(&s);
    assert_string_equal(scene_report(&s.dst, "guarantee"), "none");
    assert_non_null(strstr(scene_report(&s.dst, "why"), "placement by node affinity"));
    assert_clean(&s);
    scene_end(&s);

    start(MODEL_4_17, 300, 0);
    s.prepare = affinity_denied;
    s.dst.conf = "policy = strict\n";
    scene_run(&s);
    assert_outcome(&s.dst, OUTCOME_ERROR);
    assert_string_equal(scene_report(&s.dst, "outcome"), "refused");
    assert_non_null(strstr(scene_report(&s.dst, "error"), "placement by node affinity"));
    assert_clean(&s);
    scene_end(&s);
}

/* How the ledger is lost while the pages come: cut, gone, another in its place. */
enum { LEDGER_EMPTY, LEDGER_HALF, LEDGER_GONE, LEDGER_OTHER, LEDGER_WAYS };
static int loss;

static enum act lose_ledger(struct xenopsd *x, const char *step)
{
    const struct scene *scene = x->arg;
    const int64_t end = wire_now() + 20000;
    char path[160], other[170];
    bool heard = false;
    int rc = -1;

    if (strcmp(step, "@taken") != 0) {
        return ACT_GO;
    }
    while (!heard && wire_now() < end) {
        char *control = scene_file(&scene->dst, "control");

        heard = strstr(control, "restore:xenguest") != NULL;
        free(control);
        poll(NULL, 0, 2);
    }
    snprintf(path, sizeof(path), "%s/dst-lock/" EXCLAIM_LEDGER_FILE, scene->dir);
    snprintf(other, sizeof(other), "%s.other", path);
    switch (loss) {
    case LEDGER_EMPTY:
    case LEDGER_HALF:
        rc = truncate(path, loss == LEDGER_HALF ? 4096 : 0);
        break;
    case LEDGER_GONE:
        rc = unlink(path);
        break;
    case LEDGER_OTHER:
        put_text(other, "another one");
        rc = rename(other, path);
        break;
    }
    snprintf(x->out->seen, sizeof(x->out->seen), "%d", rc);
    return ACT_GO;
}

/* Nobody dies of it, nothing stays claimed, and the report tells that the promise was not kept. */
static void ledger_lost(void **state)
{
    (void)state;
    for (int way = 0; way < LEDGER_WAYS; way++) {
        loss = way;
        start(MODEL_4_17, 300, 0);
        s.road.dribble = 200000; /* so that it is lost before the pages have come */
        s.dst.at = lose_ledger;
        s.dst.lack[0] = "ASAN_OPTIONS=handle_sigbus=0"; /* a sanitizer would take it for itself */
        scene_run(&s);
        assert_string_equal(s.dst.out->seen, "0");
        assert_migrated(&s);
        assert_int_equal(s.dst.out->status, 0);
        assert_int_equal(scene_domain(&s.dst, DST_DOMID).outstanding, 0);
        assert_string_equal(scene_report(&s.dst, "guarantee"), "none");
        if (!strstr(scene_report(&s.dst, "error"), "ledger: ")) {
            fail_msg("loss %d: the report's error is \"%s\"", way, scene_report(&s.dst, "error"));
        }
        scene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_claim),
        cmocka_unit_test(host_claim_before),
        cmocka_unit_test(put_back),
        cmocka_unit_test(node_claim_before),
        cmocka_unit_test(node_claim_binds),
        cmocka_unit_test(never_node_to_host),
        cmocka_unit_test(host_to_node),
        cmocka_unit_test(failed_restore),
        cmocka_unit_test(retried),
        cmocka_unit_test(localhost),
        cmocka_unit_test(temporary_uuid),
        cmocka_unit_test(other_vm),
        cmocka_unit_test(named_without_record),
        cmocka_unit_test(above_max_pages),
        cmocka_unit_test(exact),
        cmocka_unit_test(honest),
        cmocka_unit_test(ledger_busy),
        cmocka_unit_test(not_placed),
        cmocka_unit_test(ledger_lost),
        cmocka_unit_test(killed_inside),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
