/* SPDX-License-Identifier: BSD-2-Clause */
/* The operation `count` on every personality, by whatever way it takes. */
#include "count_kit.h"

static void counted(void **state)
{
    (void)state;
    for (int at = 0; at < 2 * MODEL_GENERATIONS; at++) {
        struct model_config config = {
            .generation = (enum model_generation)(at / 2),
            .nr_nodes = 3,
            .node = { { .pages = PAGES }, { .pages = PAGES }, { .pages = PAGES, .offline = true } },
            .timestamps = at % 2
        };
        struct model *m;

        assert_int_equal(model_open(&config, &m), 0);
        kit_domain(m, 1, 4 * PAGES);
        STEP(m, count(m, UINT64_MAX), 0); /* no pages yet */
        STEP(m, c.exact && c.total_pages == 0, true);
        STEP(m, kit_exact(m, 1, 30, 0, 0), 30);
        STEP(m, kit_exact(m, 1, 12, 0, 1), 12);
        STEP(m, count(m, 42), 0);
        assert_exact(m, at / 2 == MODEL_XS9 ? EXCLAIM_FROM_HYPERCALL : EXCLAIM_FROM_CONSOLE);
        STEP(m, model_hv(m)->ops->count(model_hv(m), 9, &any, &c, &err), -1);
        STEP(m, err.errnum, ESRCH);
        kit_close(m);
    }
}

/* Extra pages are in XenServer 9's counters and not in the total. */
static void extra(void **state)
{
    struct between once = { .op = MODEL_OP_NODE_PAGES, .nth = 99 };
    struct model *m = kit_open(MODEL_XS9, 2, PAGES);

    (void)state;
    kit_domain(m, 1, 4 * PAGES);
    STEP(m, kit_exact(m, 1, 30, 0, 0), 30);
    for (int i = 1; i <= 17; i++) {
        STEP(m, model_extra(m, 1, 0, MODEL_MEMF_EXACT_NODE(0)), 0);
        STEP(m, count(m, 0), 0);
        if (i <= 16) {
            assert_exact(m, EXCLAIM_FROM_HYPERCALL); /* one node: they are there, too */
        } else {
            STEP(m, c.exact || c.uncertain_pages, false);
            assert_says(c.why, "nodes add up to 47, the total is 30");
        }
    }
    STEP(m, model_free_extra(m, 1, 0), 0);
    STEP(m, kit_exact(m, 1, 12, 0, 1), 12);
    model_set_hook(m, happen, &once);
    STEP(m, count(m, 0), 0);
    STEP(m, once.seen, 1); /* it would not become another */
    STEP(m, c.exact, false);
    STEP(m, c.nr_nodes, 2);
    STEP(m, c.uncertain_pages, 16);
    STEP(m, c.pages[0], 30);
    STEP(m, c.pages[1], 12);
    assert_says(c.why, "hypercall: 16 extra pages beyond the total of 42 are on an unknown node, "
                       "taken off node 0; mapped: ");
    STEP(m, count(m, 42), 0); /* the console's counters are the same */
    STEP(m, c.exact, false);
    STEP(m, c.method, EXCLAIM_FROM_HYPERCALL);
    assert_says(c.why, "console: ");
    kit_close(m);

    /* More extra pages than any node has pages. */
    m = kit_open(MODEL_XS9, 2, PAGES);
    kit_domain(m, 1, 4 * PAGES);
    STEP(m, kit_exact(m, 1, 2, 0, 1), 2);
    for (int i = 0; i < 3; i++) {
        STEP(m, model_extra(m, 1, 0, MODEL_MEMF_EXACT_NODE(0)), 0);
    }
    STEP(m, count(m, 0), 0);
    STEP(m, c.uncertain_pages, 3); /* node 0 has 3, all of them taken off */
    STEP(m, c.pages[0], 0);
    STEP(m, c.pages[1], 2);
    kit_close(m);
}

/* Ballooning while it is counted: again, three times; then it is said. */
static void changing(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        const enum model_op op = g == MODEL_XS9 ? MODEL_OP_NODE_PAGES : MODEL_OP_DEBUG_KEY;

        for (int nth = 0; nth <= 4; nth++) {
            struct between b = { .op = op, .nth = nth };
            struct model *m = open_one(g);
            const struct exclaim_hv_ops *ops = model_hv(m)->ops;

            STEP(m, ops->caps(model_hv(m), &(struct exclaim_caps){ 0 }, &err), 0);
            model_set_hook(m, happen, &b);
            STEP(m, count(m, g == MODEL_XS9 ? 0 : UINT64_MAX), 0);
            STEP(m, c.exact, nth != 0);
            STEP(m, c.nr_nodes, 2); /* shown all the same */
            STEP(m, b.seen, nth == 0 ? 3 : nth == 1 ? 2 : 1);
            if (nth == 0) {
                STEP(m, c.total_pages, 45);
                assert_says(c.why, g == MODEL_XS9
                                       ? "pages changed: 44 before, 45 after"
                                       : "pages changed: 44 before, 45 in the dump, 45 after");
            } else {
                assert_exact(m, g == MODEL_XS9 ? EXCLAIM_FROM_HYPERCALL : EXCLAIM_FROM_CONSOLE);
            }
            kit_close(m);
        }
    }
}

static void grow_always(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    (void)arg;
    if (domid && (op == MODEL_OP_NODE_PAGES || op == MODEL_OP_DEBUG_KEY)) {
        model_populate(m, 1, 1, 0, MODEL_MEMF_EXACT_NODE(0));
    }
}

/* Neither way is exact: the first that saw something is shown, with both reasons. */
static void never_exact(void **state)
{
    struct model *m = open_one(MODEL_XS9);

    (void)state;
    STEP(m, model_hv(m)->ops->caps(model_hv(m), &(struct exclaim_caps){ 0 }, &err), 0);
    model_set_hook(m, grow_always, NULL);
    STEP(m, count(m, UINT64_MAX), 0);
    STEP(m, c.exact, false);
    STEP(m, c.method, EXCLAIM_FROM_HYPERCALL);
    STEP(m, c.total_pages, 45);
    assert_says(c.why, "hypercall: pages changed: 44 before, 45 after; ");
    kit_close(m);
}

/* And before the total is read again, after the dump. */
static void changed_after(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct between b = { .op = MODEL_OP_TOTAL_PAGES, .nth = 2 };
        struct model *m = open_one(g);

        model_set_hook(m, happen, &b);
        STEP(m, count(m, UINT64_MAX), 0);
        assert_exact(m, g == MODEL_XS9 ? EXCLAIM_FROM_HYPERCALL : EXCLAIM_FROM_CONSOLE);
        STEP(m, c.pages[0], 31);
        kit_close(m);

        b = (struct between){ .op = MODEL_OP_TOTAL_PAGES, .nth = 2, .does = DIES };
        m = open_one(g);
        model_set_hook(m, happen, &b);
        STEP(m, count(m, g == MODEL_XS9 ? 0 : UINT64_MAX), -1);
        assert_says(err.text, g == MODEL_XS9 ? "hypercall: domain 1: No such process"
                                             : "reading the pages of domain 1: No such process");
        kit_close(m);
    }
}

static uint64_t answer[3];
static uint32_t answer_nodes;

static int other_node_pages(xc_interface *xch, struct xen_domctl *op)
{
    struct xen_numa_op arg;
    int r = real.domctl(xch, op);

    if (op->cmd == XEN_DOMCTL_NUMA_OP && op->domain == 1) {
        memcpy(&arg, &op->u, sizeof(arg));
        memcpy((void *)(uintptr_t)arg.pages, answer, sizeof(answer));
        arg.nr_nodes = answer_nodes;
        memcpy(&op->u, &arg, sizeof(arg));
    }
    return r;
}

static void absurd_counters(void **state)
{
    static const struct {
        uint32_t nodes;
        uint64_t pages[2];
        bool ok;
        const char *words;
    } rows[] = {
        { 2, { 30, 12 }, true, "" },
        { 64, { 30, 12 }, true, "" },
        { 0, { 30, 12 }, false, "domain 1: Numerical result out of range" },
        { 65, { 30, 12 }, false, "domain 1: Numerical result out of range" },
        { 2, { EXCLAIM_PAGES_MAX + 1, 12 }, false, "domain 1: Numerical result out of range" },
        { 2, { EXCLAIM_PAGES_MAX, 12 }, false, "nodes add up to" },
        { 2, { 29, 12 }, false, "nodes add up to 41, the total is 42" },
        { 2, { 0, 58 }, true, "" },
        { 3, { 0, 58 }, true, "" },
        { 2, { 1, 58 }, false, "nodes add up to 59, the total is 42" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct model *m = open_one(MODEL_XS9);

        lib_of(m)->domctl = other_node_pages;
        memcpy(answer, rows[i].pages, sizeof(rows[i].pages));
        answer[2] = rows[i].nodes == 2 ? 99 : 0; /* beyond what it says to have filled */
        answer_nodes = rows[i].nodes;
        const bool shown = strstr(rows[i].words, "nodes") != NULL;

        STEP(m, count(m, 0), rows[i].ok || shown ? 0 : -1);
        if (shown) {
            STEP(m, c.exact || c.uncertain_pages, false);
            assert_says(c.why, rows[i].words);
        } else if (rows[i].ok) {
            STEP(m, c.exact, true);
            STEP(m, c.nr_nodes, rows[i].nodes);
            STEP(m, c.pages[2], 0);
        } else {
            assert_says(err.text, rows[i].words);
        }
        kit_close(m);
    }
}

/* The hypercall fails at each of its calls: the console, or why not. */
static void hypercall_fails(void **state)
{
    static const struct {
        enum model_op op;
        uint64_t nth;
        const char *words;
    } rows[] = {
        { MODEL_OP_TOTAL_PAGES, 1, "hypercall: domain 1: not permitted" },
        { MODEL_OP_NODE_PAGES, 1, "hypercall: domain 1: not permitted" },
        { MODEL_OP_TOTAL_PAGES, 2, "hypercall: domain 1: not permitted" },
        { MODEL_OP_BUFFER, 1, "hypercall: domain 1: Cannot allocate memory" },
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
        struct model *m = open_one(MODEL_XS9);
        const size_t row = i / 2;

        STEP(m, model_hv(m)->ops->caps(model_hv(m), &(struct exclaim_caps){ 0 }, &err), 0);
        STEP(m,
             model_fault_of(m, rows[row].op, rows[row].op == MODEL_OP_BUFFER ? UINT32_MAX : 1,
                            rows[row].nth, EPERM),
             0);
        STEP(m, count(m, i % 2 ? 42 : 0), i % 2 ? 0 : -1);
        if (i % 2) {
            assert_exact(m, EXCLAIM_FROM_CONSOLE);
        } else {
            assert_says(err.text, rows[row].words);
        }
        kit_close(m);
    }
}

static void no_node(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_one(g);

        /* 0 nodes come from a host whose list is empty. */
        STEP(m, model_hide(m, 1, 0, 10), 0); /* PoD cache */
        STEP(m, count(m, 42), g == MODEL_XS9 ? 0 : -1);
        if (g != MODEL_XS9) {
            assert_says(err.text, "add up to 32, its total is 42");
        }
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted),         cmocka_unit_test(extra),
        cmocka_unit_test(changing),        cmocka_unit_test(changed_after),
        cmocka_unit_test(never_exact),     cmocka_unit_test(absurd_counters),
        cmocka_unit_test(hypercall_fails), cmocka_unit_test(no_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
