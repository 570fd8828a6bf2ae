/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations table over the model but for claims: the contract as src/xen keeps it. */
#include "kit.h"

#define PAGES 100u

static struct model *open_one(enum model_generation generation)
{
    struct model *m = kit_open(generation, 2, PAGES);

    kit_domain(m, 1, 4 * PAGES);
    return m;
}

enum {
    CAPS,
    DOMAIN,
    NAME,
    VM,
    COUNT,
    COUNT_MANY,
    HOST_MEMORY,
    CLAIM,
    RELEASE,
    GET,
    NODES,
    SOFT,
    BYTES,
    OPERATIONS
};

/* 0, or -1 with @err. */
static int call(struct model *m, int op, struct exclaim_error *err)
{
    static struct exclaim_host host;
    struct exclaim_hv *hv = model_hv(m);
    const struct exclaim_hv_ops *ops = hv->ops;
    struct exclaim_affinity aff;
    struct exclaim_domain dom;
    struct exclaim_count count;
    struct exclaim_caps caps;
    uint64_t bytes;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    char name[8];

    switch (op) {
    case CAPS:
        return ops->caps(hv, &caps, err);
    case DOMAIN:
        return ops->next_domain(hv, 1, &dom, err) < 0 ? -1 : 0;
    case NAME:
        return ops->domain_name(hv, 1, name, sizeof(name), err);
    case VM:
        return ops->vm_uuid(hv, 1, uuid, err) < 0 ? -1 : 0;
    case COUNT:
        return ops->count(hv, 1, &(struct exclaim_count_how){ .console_max_pages = UINT64_MAX },
                          &count, err);
    case COUNT_MANY:
        return ops->count_many(hv, &(uint32_t){ 1 }, 1,
                               &(struct exclaim_count_how){ .console_max_pages = UINT64_MAX },
                               &count, err);
    case HOST_MEMORY:
        return ops->host(hv, &host, err);
    case CLAIM:
        return kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 1, err);
    case RELEASE:
        return kit_claim(m, 1, EXCLAIM_CLAIM_NONE, HOST, 0, err);
    case GET:
        return ops->get_affinity(hv, 1, &aff, err);
    case NODES:
        return ops->set_node_affinity(hv, 1, 1, err);
    case SOFT:
        return ops->set_soft_affinity(hv, 1, 1, err);
    default:
        return ops->paging_pool(hv, 1, &bytes, err);
    }
}

/*
 * Every call that an operation makes fails once, with each meaning: the operation fails with that
 * errno and the kind that it stands for, or can do without, and no claim stays behind.
 */
static void test_every_call_can_fail(void **state)
{
    static const struct {
        int errnum;
        enum exclaim_error_kind kind;
    } rows[] = { { EIO, EXCLAIM_ERR_SYSTEM },
                 { EPERM, EXCLAIM_ERR_UNSUPPORTED },
                 { ENOSYS, EXCLAIM_ERR_UNSUPPORTED },
                 { EACCES, EXCLAIM_ERR_UNSUPPORTED } };

    (void)state;
    for (int at = 0; at < OPERATIONS * (int)ARRAY_SIZE(rows) * MODEL_GENERATIONS; at++) {
        const int op = at % OPERATIONS, row = at / OPERATIONS % (int)ARRAY_SIZE(rows);
        bool failed = false, hit = true;

        for (uint64_t nth = 1; hit; nth++) {
            struct model *m = open_one((enum model_generation)(at / OPERATIONS / 4));
            struct exclaim_error err = { 0 };

            STEP(m, model_populate(m, 1, 10, 0, 0), 10);
            STEP(m, call(m, CAPS, &err), 0); /* what was probed is kept */
            if (op == RELEASE) {
                STEP(m, call(m, CLAIM, &err), 0);
            }
            STEP(m, model_fault(m, MODEL_OP_ANY, nth, rows[row].errnum), 0);
            if (call(m, op, &err)) {
                failed = true;
                if (op != COUNT && err.errnum != ENOMEM) { /* ENOMEM: a buffer's, whatever errno */
                    STEP(m, err.errnum, rows[row].errnum);
                    /* xenstore's errors are system calls, whatever their number. */
                    STEP(m, err.kind, op == NAME || op == VM ? EXCLAIM_ERR_SYSTEM : rows[row].kind);
                }
                STEP(m, op == CLAIM && kit_outstanding(m, 1) != 0, false);
            }
            hit = !model_faults_waiting(m);
            if (hit && op == CLAIM) {
                STEP(m, call(m, RELEASE, &err), 0);
            }
            if (hit && call(m, op, &err)) {
                fail_msg("operation %d after call %llu had failed: %s", op, (unsigned long long)nth,
                         err.text);
            }
            kit_close(m);
        }
        /* Counts of many say why each; a library without the one call on pools has another. */
        assert_true(failed || op == COUNT_MANY || (op == BYTES && rows[row].errnum == ENOSYS));
    }
}

static void test_fault_hits_the_nth(void **state)
{
    struct model *m = open_one(MODEL_4_21);

    (void)state;
    STEP(m, model_fault(m, MODEL_OP_ANY, 3, ENOMEM), 0);
    STEP(m, model_claim_pages(m, 1, 5, 0), 0);
    STEP(m, model_populate(m, 1, 1, 0, 0), 1);
    STEP(m, model_populate(m, 1, 1, 0, 0), -ENOMEM);
    STEP(m, model_populate(m, 1, 1, 0, 0), 1);
    for (int i = 0; i < 8; i++) {
        STEP(m, model_fault(m, MODEL_OP_VERSION, 1, EIO), 0);
    }
    STEP(m, model_fault(m, MODEL_OP_VERSION, 1, EIO), -ENOSPC);
    kit_close(m);
}

static int count(struct model *m, uint64_t limit, struct exclaim_count *c,
                 struct exclaim_error *err)
{
    return model_hv(m)->ops->count(
        model_hv(m), 1, &(struct exclaim_count_how){ .console_max_pages = limit }, c, err);
}

static void test_count(void **state)
{
    struct exclaim_error err;
    struct exclaim_count c;
    struct model *m = open_one(MODEL_4_21);

    (void)state;
    STEP(m, kit_exact(m, 1, 30, 0, 0), 30);
    STEP(m, kit_exact(m, 1, 12, 0, 1), 12);
    STEP(m, model_extra(m, 1, 0, 0), 0);
    STEP(m, count(m, 42, &c, &err), 0);
    STEP(m, c.exact && c.pages[0] == 30 && c.pages[1] == 12 && c.total_pages == 42, true);
    STEP(m, c.method, EXCLAIM_FROM_CONSOLE);
    STEP(m, count(m, 41, &c, &err), -1);
    STEP(m, err.kind, EXCLAIM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "walk 42 pages of all domains, the limit is 41"));
    STEP(m, count(m, 0, &c, &err), -1);
    STEP(m, model_hide(m, 1, 0, 10), 0); /* PoD cache */
    STEP(m, count(m, 42, &c, &err), -1);
    assert_non_null(strstr(err.text, "add up to 32, its total is 42"));
    kit_close(m);

    m = open_one(MODEL_XS9);
    STEP(m, kit_exact(m, 1, 30, 0, 0), 30);
    STEP(m, model_extra(m, 1, 0, MODEL_MEMF_EXACT_NODE(0)), 0);
    STEP(m, count(m, 0, &c, &err), 0);
    STEP(m, c.exact && c.pages[0] == 30, true); /* all on one node: the extra page is there, too */
    STEP(m, kit_exact(m, 1, 12, 0, 1), 12);
    STEP(m, count(m, 0, &c, &err), 0);
    STEP(m, c.exact, false);
    STEP(m, c.uncertain_pages, 1);
    STEP(m, model_free_extra(m, 1, 0), 0);
    STEP(m, count(m, 0, &c, &err), 0);
    STEP(m, c.exact && c.method == EXCLAIM_FROM_HYPERCALL && c.pages[1] == 12, true);
    kit_close(m);
}

static void test_host_and_caps(void **state)
{
    static struct exclaim_host host;
    struct exclaim_caps caps;

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_one((enum model_generation)g);
        struct exclaim_hv *hv = model_hv(m);

        STEP(m, model_populate(m, 1, 10, 0, MODEL_MEMF_EXACT_NODE(1)), 10);
        STEP(m, model_claim_pages(m, 1, 15, g == MODEL_XS9 ? MODEL_MEMF_EXACT_NODE(0) : 0), 0);
        STEP(m, hv->ops->host(hv, &host, NULL), 0);
        STEP(m, host.nr_nodes == 2 && host.node[0].online && host.total_pages == 200, true);
        STEP(m, host.free_pages, 190);
        STEP(m, host.outstanding_pages, 5);
        STEP(m, host.node[1].free_pages, 90);
        STEP(m, host.node[0].claimed_known, g == MODEL_XS9);
        STEP(m, host.node[0].claimed_pages, g == MODEL_XS9 ? 5 : 0);
        STEP(m, host.node[0].distance[1] > host.node[0].distance[0], true);
        STEP(m, hv->ops->caps(hv, &caps, NULL), 0);
        STEP(m, caps.claim_node, g == MODEL_XS9);
        STEP(m, caps.count[EXCLAIM_FROM_HYPERCALL], g == MODEL_XS9);
        STEP(m, caps.claim_set, g >= MODEL_SETS_V5);
        STEP(m, caps.claim_host && caps.claim_node_known && caps.place_exact_node, true);
        STEP(m, model_offline_node(m, 1), -EBUSY);
        STEP(m, model_free(m, 1, 1, 10), 0);
        STEP(m, model_claim_pages(m, 1, 0, 0), 0);
        STEP(m, model_offline_node(m, 1), 0);
        STEP(m, hv->ops->host(hv, &host, NULL), 0);
        STEP(m, host.nr_nodes, 1);
        kit_close(m);
    }
}

static void test_domains_affinity_and_pool(void **state)
{
    struct model *m = open_one(MODEL_4_17);
    struct model_domain_config config = { .name = "pv" };
    struct exclaim_hv *hv = model_hv(m);
    struct exclaim_affinity aff;
    struct exclaim_domain dom;
    struct exclaim_error err;
    uint64_t bytes;

    (void)state;
    STEP(m, model_create(m, 7, &config), 0);
    STEP(m, hv->ops->next_domain(hv, 2, &dom, &err), 1);
    STEP(m, dom.domid == 7 && !dom.hvm && dom.paused, true);
    STEP(m, hv->ops->next_domain(hv, 8, &dom, &err), 0);
    STEP(m, exclaim_hv_lookup(hv, "pv", &dom, &err), 0);
    STEP(m, dom.domid, 7);

    STEP(m, hv->ops->get_affinity(hv, 1, &aff, &err), 0);
    STEP(m, aff.hard_all && aff.hard_nodes == 3 && aff.nodes == 3, true);
    STEP(m, model_pin(m, 1, 2), 0);
    STEP(m, hv->ops->get_affinity(hv, 1, &aff, &err), 0);
    STEP(m, !aff.hard_all && aff.hard_nodes == 2 && aff.nodes == 2, true);
    STEP(m, hv->ops->set_node_affinity(hv, 1, 4, &err), -1);
    STEP(m, err.kind, EXCLAIM_ERR_USAGE);
    STEP(m, hv->ops->set_node_affinity(hv, 1, 1, &err), 0);
    STEP(m, kit_view(m, 1).affinity, 1);
    STEP(m, hv->ops->set_node_affinity(hv, 1, 3, &err), 0); /* the table: all online, automatic */
    STEP(m, kit_view(m, 1).affinity_auto, true);
    STEP(m, model_pin(m, 1, 3), 0);
    STEP(m, hv->ops->set_soft_affinity(hv, 1, 1, &err), 0);
    STEP(m, kit_view(m, 1).affinity, 1);
    STEP(m, hv->ops->set_soft_affinity(hv, 1, 8, &err), -1);
    STEP(m, err.kind, EXCLAIM_ERR_USAGE);

    STEP(m, model_set_pool(m, 1, 12), 0);
    STEP(m, hv->ops->paging_pool(hv, 1, &bytes, &err), 0);
    STEP(m, bytes, 12 * 4096);
    STEP(m, model_free_pages(m, 0), PAGES - 12); /* on the domain's nodes */
    STEP(m, model_set_pool(m, 1, 2), 0);
    STEP(m, model_free_pages(m, 0), PAGES - 2);
    STEP(m, model_set_pool(m, 7, 2), -EOPNOTSUPP);
    STEP(m, hv->ops->paging_pool(hv, 7, &bytes, &err), 0);
    STEP(m, bytes, 0);
    STEP(m, hv->ops->paging_pool(hv, 3, &bytes, &err), -1);
    STEP(m, err.errnum, ESRCH);
    kit_close(m);
}

/* Refused before Xen is asked, with the numbers. */
static void test_claims_that_are_none(void **state)
{
    static const uint64_t huge = EXCLAIM_PAGES_MAX + 1;
    static const struct {
        struct exclaim_claim claim;
        const char *why;
    } rows[] = {
        { { .kind = EXCLAIM_CLAIM_SET, .nr_nodes = EXCLAIM_NODES_MAX + 1 },
          "65 nodes, at most 64" },
        { { .kind = EXCLAIM_CLAIM_SET, .nr_nodes = 2, .node_pages = { 1, huge } },
          "1099511627777 pages on node 1" },
        { { .kind = EXCLAIM_CLAIM_SET, .nr_nodes = 2, .node_pages = { 1 }, .host_pages = huge },
          "1099511627777 pages anywhere" },
        { { .kind = EXCLAIM_CLAIM_HOST, .host_pages = huge }, "1099511627777 pages anywhere" },
        { { .kind = EXCLAIM_CLAIM_NODE, .nr_nodes = 2, .node_pages = { 1, 1 } }, "names 2" },
        { { .kind = EXCLAIM_CLAIM_NODE, .nr_nodes = 2 }, "names 0" },
        { { .kind = EXCLAIM_CLAIM_SET, .nr_nodes = 2 }, "no pages" },
        { { .kind = EXCLAIM_CLAIM_HOST, .nr_nodes = 1, .node_pages = { 1 } }, "no pages" },
    };
    struct exclaim_error err = { 0 };
    uint64_t total;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(exclaim_claim_total(7, &rows[i].claim, &total, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
        if (!strstr(err.text, "claim for domain 7: ") || !strstr(err.text, rows[i].why)) {
            fail_msg("\"%s\" does not say: %s", err.text, rows[i].why);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_can_fail),
        cmocka_unit_test(test_fault_hits_the_nth),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_host_and_caps),
        cmocka_unit_test(test_domains_affinity_and_pool),
        cmocka_unit_test(test_claims_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
