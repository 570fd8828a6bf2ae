/* SPDX-License-Identifier: BSD-2-Clause */
/* The operation `claim` over the model, as src/xen does it. */
#include "kit.h"

#define PAGES 100u

static struct model *open_one(enum model_generation generation)
{
    struct model *m = kit_open(generation, 2, PAGES);

    kit_domain(m, 1, 4 * PAGES);
    return m;
}

static void test_claim_table(void **state)
{
    static const struct {
        const char *what;
        enum exclaim_claim_kind kind;
        uint32_t node;
        uint64_t pages;
        uint64_t owned, claimed;
        enum model_generation generation;
        int kind_of_error, errnum;
        const char *text; /* part of it */
    } rows[] = {
        { "additional", EXCLAIM_CLAIM_HOST, HOST, 50, 30, 0, MODEL_4_17, EXCLAIM_OK, 0, "" },
        { "exists", EXCLAIM_CLAIM_HOST, HOST, 50, 0, 9, MODEL_4_17, EXCLAIM_ERR_SYSTEM, EEXIST,
          "domain 1 already claims 9 pages" },
        { "no room", EXCLAIM_CLAIM_HOST, HOST, 171, 30, 0, MODEL_4_21, EXCLAIM_ERR_NOFIT, ENOMEM,
          "domain 1 wants 171 pages: host with 170 free and 0 claimed" },
        { "no room on the node", EXCLAIM_CLAIM_NODE, 1, 101, 0, 0, MODEL_XS9, EXCLAIM_ERR_NOFIT,
          ENOMEM, "101 on node 1 with 100 free and 0 claimed, host with 200 free and 0 claimed" },
        { "no room for the set", EXCLAIM_CLAIM_SET, 0, 101, 0, 0, MODEL_SETS_V5, EXCLAIM_ERR_NOFIT,
          ENOMEM, "101 on node 0 with 100 free, host with 200 free" },
        { "above the maximum", EXCLAIM_CLAIM_HOST, HOST, 371, 30, 0, MODEL_4_21, EXCLAIM_ERR_SYSTEM,
          EINVAL, "owns 30 pages and cannot claim 371 more" },
        { "node", EXCLAIM_CLAIM_NODE, 1, 50, 30, 0, MODEL_XS9, EXCLAIM_OK, 0, "" },
        { "offline node", EXCLAIM_CLAIM_NODE, 7, 50, 0, 0, MODEL_XS9, EXCLAIM_ERR_SYSTEM, ENOENT,
          "node 7 is offline" },
        { "no claims on nodes", EXCLAIM_CLAIM_NODE, 1, 50, 0, 0, MODEL_4_21,
          EXCLAIM_ERR_UNSUPPORTED, EINVAL, "has no claims on one node" },
        { "no sets", EXCLAIM_CLAIM_SET, 1, 50, 0, 0, MODEL_XS9, EXCLAIM_ERR_UNSUPPORTED, 0,
          "this xen does not have it" },
        { "set", EXCLAIM_CLAIM_SET, 1, 50, 30, 0, MODEL_SETS_V7, EXCLAIM_OK, 0, "" },
        { "set replaces", EXCLAIM_CLAIM_SET, 1, 50, 0, 9, MODEL_SETS_V7, EXCLAIM_OK, 0, "" },
        { "late set does not", EXCLAIM_CLAIM_SET, 1, 50, 0, 9, MODEL_SETS_V8, EXCLAIM_ERR_SYSTEM,
          EEXIST, "already claims 9" },
        { "nothing", EXCLAIM_CLAIM_HOST, HOST, 0, 0, 0, MODEL_4_21, EXCLAIM_ERR_USAGE, 0,
          "no pages" },
        { "absurd", EXCLAIM_CLAIM_HOST, HOST, UINT64_MAX, 0, 0, MODEL_4_21, EXCLAIM_ERR_USAGE, 0,
          "anywhere" },
        { "node of none", EXCLAIM_CLAIM_NODE, HOST, 5, 0, 0, MODEL_XS9, EXCLAIM_ERR_USAGE, 0,
          "names 0" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct model *m = open_one(rows[i].generation);
        bool fits = rows[i].kind_of_error == EXCLAIM_OK;
        struct exclaim_error err;

        STEP(m, model_populate(m, 1, rows[i].owned, 0, 0), rows[i].owned);
        STEP(m, model_claim_pages(m, 1, rows[i].claimed, 0), 0);
        STEP(m, kit_claim(m, 1, rows[i].kind, rows[i].node, rows[i].pages, &err), fits ? 0 : -1);
        if (err.kind != (enum exclaim_error_kind)rows[i].kind_of_error ||
            err.errnum != rows[i].errnum || !strstr(err.text, rows[i].text)) {
            fail_msg("%s: kind %d, errno %d: %s", rows[i].what, (int)err.kind, err.errnum,
                     err.text);
        }
        STEP(m, kit_outstanding(m, 1), fits ? rows[i].pages : rows[i].claimed);
        STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_NONE, HOST, 0, &err), 0);
        STEP(m, kit_outstanding(m, 1), 0);
        kit_close(m);
    }
}

static void test_claim_needs_a_living_domain(void **state)
{
    struct model *m = open_one(MODEL_4_17);
    struct exclaim_error err;

    (void)state;
    STEP(m, kit_claim(m, 5, EXCLAIM_CLAIM_HOST, HOST, 5, &err), -1);
    STEP(m, err.errnum, ESRCH);
    STEP(m, model_kill(m, 1), 0);
    STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 5, &err), -1);
    STEP(m, err.errnum, ESRCH);
    STEP(m, model_claimed_pages(m, HOST), 0);
    kit_domain(m, 2, 0);
    STEP(m, kit_claim(m, 2, EXCLAIM_CLAIM_HOST, HOST, 5, &err), -1);
    STEP(m, err.errnum, EINVAL);
    assert_non_null(strstr(err.text, "claim after setmaxmem"));
    kit_close(m);

    m = open_one(MODEL_SETS_V8);
    STEP(m, model_unpause(m, 1), 0);
    STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_SET, 0, 5, &err), -1);
    STEP(m, err.errnum, EBUSY);
    kit_close(m);
}

/* A claim that was asked for again because Xen said ENOMEM for a moment. */
static void test_nomem_is_asked_again(void **state)
{
    struct model *m = open_one(MODEL_4_17);
    struct exclaim_error err;

    (void)state;
    for (uint64_t i = 1; i <= 4; i++) {
        STEP(m, model_fault_of(m, MODEL_OP_CLAIM_PAGES, 1, i, ENOMEM), 0);
    }
    STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 5, &err), 0);
    STEP(m, kit_outstanding(m, 1), 5);
    kit_close(m);
}

static void test_set_that_holds_less_is_taken_back(void **state)
{
    struct model *m = open_one(MODEL_SETS_V7);
    struct exclaim_error err;

    (void)state;
    STEP(m, model_fault_of(m, MODEL_OP_DOMCTL_CLAIMS, 1, 1, MODEL_NO_EFFECT), 0);
    STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_SET, 0, 5, &err), -1);
    STEP(m, err.errnum, EPROTO);
    STEP(m, kit_outstanding(m, 1), 0);
    STEP(m, model_fault_of(m, MODEL_OP_DOMCTL_CLAIMS, 1, 2, EPERM), 0); /* the read-back */
    STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_SET, 0, 5, &err), -1);
    STEP(m, err.kind, EXCLAIM_ERR_UNSUPPORTED);
    STEP(m, kit_outstanding(m, 1), 0);
    kit_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_table),
        cmocka_unit_test(test_claim_needs_a_living_domain),
        cmocka_unit_test(test_nomem_is_asked_again),
        cmocka_unit_test(test_set_that_holds_less_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
