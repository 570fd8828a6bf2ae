/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations `count` and `count_many` on every personality, by hypercall and by console. */
#include "kit.h"

#include "xen/client.h"

#define PAGES 1000u

static const struct exclaim_count_how any = { .console_max_pages = UINT64_MAX };
static const struct exclaim_count_how none;
static struct exclaim_error err;
static struct exclaim_count c;

/* Domain 1 with 30 pages on node 0 and 12 on node 1. */
static struct model *open_one(int generation)
{
    struct model *m = kit_open((enum model_generation)generation, 2, PAGES);

    kit_domain(m, 1, 4 * PAGES);
    STEP(m, kit_exact(m, 1, 30, 0, 0), 30);
    STEP(m, kit_exact(m, 1, 12, 0, 1), 12);
    return m;
}

static int count(struct model *m, uint64_t limit)
{
    err = (struct exclaim_error){ 0 };
    return model_hv(m)->ops->count(
        model_hv(m), 1, &(struct exclaim_count_how){ .console_max_pages = limit }, &c, &err);
}

static void assert_exact(struct model *m, enum exclaim_count_method method)
{
    STEP(m, c.exact, true);
    STEP(m, c.method, method);
    STEP(m, c.nr_nodes, 2);
    STEP(m, c.pages[0], kit_view(m, 1).pages[0]);
    STEP(m, c.pages[1], kit_view(m, 1).pages[1]);
    STEP(m, c.total_pages, kit_view(m, 1).total);
    assert_string_equal(c.why, "");
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words)) {
        fail_msg("\"%s\" does not say: %s", text, words);
    }
}

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
        assert_exact(m, at / 2 == MODEL_XS9 ? EXCLAIM_COUNT_HYPERCALL : EXCLAIM_COUNT_CONSOLE);
        STEP(m, model_hv(m)->ops->count(model_hv(m), 9, &any, &c, &err), -1);
        STEP(m, err.errnum, ESRCH);
        kit_close(m);
    }
}

/* The console's cost is bounded by what all domains have. */
static void limited(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_one(g);

        if (g == MODEL_XS9) { /* asked only where the hypercall does not do */
            kit_close(m);
            continue;
        }
        STEP(m, count(m, 41), -1);
        STEP(m, err.kind, EXCLAIM_ERR_UNSUPPORTED);
        assert_says(err.text, "pages per node of domain 1 cannot be read: hypercall: domctl 1101");
        assert_says(err.text,
                    "console: a dump would walk 42 pages of all domains, the limit is 41");
        STEP(m, count(m, 0), -1);
        assert_says(err.text, "console: dumps are not allowed (limit 0 pages)");
        /* More domains than one call lists, in whole calls and not. */
        for (uint32_t domid = 2; domid <= 126; domid++) {
            kit_domain(m, domid, 10);
            STEP(m, model_populate(m, domid, 1, 0, 0), 1);
        }
        STEP(m, count(m, 42 + 124), -1);
        assert_says(err.text, "walk 167 pages");
        STEP(m, count(m, 42 + 125), 0);
        kit_domain(m, 127, 10);
        STEP(m, model_populate(m, 127, 1, 0, 0), 1);
        STEP(m, count(m, 42 + 125), -1);
        assert_says(err.text, "walk 168 pages");
        STEP(m, model_fault_of(m, MODEL_OP_GETINFOLIST, 0, 1, EPERM), 0);
        STEP(m, count(m, 1000), -1);
        assert_says(err.text, "reading all domains: not permitted");
        kit_close(m);
    }
}

/* Something happens before the @nth call @op. */
struct between {
    enum model_op op;
    int nth, does;
    int seen;
};

enum { GROWS, DIES };

static void happen(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct between *b = arg;

    if (op == b->op && domid != 0 && (++b->seen == b->nth || b->nth == 0)) {
        if (b->does == GROWS) {
            model_populate(m, 1, 1, 0, MODEL_MEMF_EXACT_NODE(0));
        } else {
            model_destroy(m, 1);
        }
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
            assert_exact(m, EXCLAIM_COUNT_HYPERCALL); /* one node: they are there, too */
        } else {
            STEP(m, c.exact || c.extra_pages, false);
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
    STEP(m, c.extra_pages, 16);
    STEP(m, c.pages[0], 30);
    STEP(m, c.pages[1], 12);
    assert_says(c.why, "hypercall: 16 extra pages beyond the total of 42 are on an unknown node, "
                       "taken off node 0; mapped: ");
    STEP(m, count(m, 42), 0); /* the console's counters are the same */
    STEP(m, c.exact, false);
    STEP(m, c.method, EXCLAIM_COUNT_HYPERCALL);
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
    STEP(m, c.extra_pages, 3); /* node 0 has 3, all of them taken off */
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
                assert_exact(m, g == MODEL_XS9 ? EXCLAIM_COUNT_HYPERCALL : EXCLAIM_COUNT_CONSOLE);
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
    STEP(m, c.method, EXCLAIM_COUNT_HYPERCALL);
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
        assert_exact(m, g == MODEL_XS9 ? EXCLAIM_COUNT_HYPERCALL : EXCLAIM_COUNT_CONSOLE);
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

/* --- a Xen, or a library, that answers otherwise --- */

static struct xen_lib real;
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

static struct xen_lib *lib_of(struct model *m)
{
    struct xen_lib *lib = &xen_of(model_hv(m))->lib;

    real = *lib;
    return lib;
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
            STEP(m, c.exact || c.extra_pages, false);
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
            assert_exact(m, EXCLAIM_COUNT_CONSOLE);
        } else {
            assert_says(err.text, rows[row].words);
        }
        kit_close(m);
    }
}

static void console_fails(void **state)
{
    static const struct {
        enum model_op op;
        uint32_t domid;
        uint64_t nth;
        const char *words;
    } rows[] = {
        { MODEL_OP_CONSOLE, UINT32_MAX, 1, "reading the console ring: not permitted" },
        { MODEL_OP_DEBUG_KEY, UINT32_MAX, 1, "sending debug key u: not permitted" },
        { MODEL_OP_CONSOLE, UINT32_MAX, 2, "reading the console ring: not permitted" },
        { MODEL_OP_TOTAL_PAGES, 1, 1, "reading the pages of domain 1: not permitted" },
        { MODEL_OP_TOTAL_PAGES, 1, 2, "reading the pages of domain 1: not permitted" },
        { MODEL_OP_PHYSINFO, UINT32_MAX, 1, "reading the host's physical information" },
    };

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            struct model *m = open_one(g);
            /* What could not be read once is read again, unless there is nothing to read for. */
            const bool again = rows[i].op == MODEL_OP_CONSOLE || rows[i].op == MODEL_OP_DEBUG_KEY;

            STEP(m, model_hv(m)->ops->caps(model_hv(m), &(struct exclaim_caps){ 0 }, &err), 0);
            if (g == MODEL_XS9) {
                kit_close(m);
                continue;
            }
            STEP(m, model_fault_of(m, rows[i].op, rows[i].domid, rows[i].nth, EPERM), 0);
            STEP(m, count(m, 42), again ? 0 : -1);
            if (!again) {
                assert_says(err.text, rows[i].words);
            }
            for (uint64_t k = 0; again && k < 3; k++) {
                uint64_t each = rows[i].nth == 2 ? 2 * (k + 1) : k + 1;

                STEP(m, model_fault_of(m, rows[i].op, rows[i].domid, each, EPERM), 0);
            }
            STEP(m, count(m, 42), again ? -1 : 0);
            if (again) {
                assert_says(err.text, rows[i].words);
            }
            STEP(m, count(m, 42), 0);
            kit_close(m);
        }
    }
}

/* A ring that is smaller than a dump, and one that has gone round before. */
static void small_ring(void **state)
{
    (void)state;
    for (uint32_t size = 256; size <= 1024; size *= 4) {
        struct model_config config = { .generation = MODEL_4_21,
                                       .nr_nodes = 2,
                                       .node = { { .pages = PAGES }, { .pages = PAGES } },
                                       .conring = size };
        struct model *m;

        assert_int_equal(model_open(&config, &m), 0);
        kit_domain(m, 1, 4 * PAGES);
        STEP(m, kit_exact(m, 1, 42, 0, 0), 42);
        for (int i = 0; i < 10; i++) {
            STEP(m, count(m, 42), size == 256 ? -1 : 0);
            if (size == 256) {
                assert_says(err.text, "the console ring is too small for the dump");
            }
        }
        kit_close(m);
    }
}

static int later; /* calls until the key's text is there */

static int defer_key(xc_interface *xch, const char *keys)
{
    (void)xch, (void)keys;
    later = 2;
    return 0;
}

static void print_later(xc_interface *xch, unsigned int ms)
{
    (void)ms;
    if (later && --later == 0) {
        real.send_debug_keys(xch, "u");
    }
}

/* Another Xen may print after the key has returned; and one may never. */
static void deferred(void **state)
{
    (void)state;
    for (int never = 0; never < 2; never++) {
        struct model *m = open_one(MODEL_4_21);
        struct xen_lib *lib = lib_of(m);

        lib->send_debug_keys = defer_key;
        if (!never) {
            lib->pause = print_later;
        }
        STEP(m, count(m, 42), never ? -1 : 0);
        if (never) {
            assert_says(err.text, "console: ");
        } else {
            assert_exact(m, EXCLAIM_COUNT_CONSOLE);
        }
        kit_close(m);
    }
}

static uint64_t endless_bytes;

/* Whoever reads finds more. */
static int endless_ring(xc_interface *xch, char *buffer, unsigned int *nr, int clear,
                        int incremental, uint32_t *index)
{
    (void)xch, (void)clear, (void)incremental;
    memset(buffer, 'x', *nr);
    *index += *nr;
    endless_bytes += *nr;
    return 0;
}

static int flooded_ring(xc_interface *xch, char *buffer, unsigned int *nr, int clear,
                        int incremental, uint32_t *index)
{
    return (later ? endless_ring : real.readconsolering)(xch, buffer, nr, clear, incremental,
                                                         index);
}

static void long_console(void **state)
{
    struct model *m = open_one(MODEL_4_21);

    (void)state;
    endless_bytes = 0;
    lib_of(m)->readconsolering = endless_ring;
    STEP(m, count(m, 42), -1);
    assert_says(err.text, "reading the console ring: File too large");
    STEP(m, endless_bytes <= 3ull * 4 * 1024 * 1024, true); /* three attempts */
    kit_close(m);

    /* The same behind the key: all of it is kept, up to a limit. */
    m = open_one(MODEL_4_21);
    endless_bytes = 0;
    later = 0;
    lib_of(m)->readconsolering = flooded_ring;
    xen_of(model_hv(m))->lib.send_debug_keys = defer_key;
    STEP(m, count(m, 42), -1);
    assert_says(err.text, "reading the console ring: File too large");
    kit_close(m);
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

/* All at once gives what one by one gives, with one dump. */
static void many(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        const uint32_t domid[] = { 3, 9, 1, 2 };
        struct exclaim_count all[4];
        struct between b = { .op = MODEL_OP_DEBUG_KEY, .nth = 99 };
        struct model *m = open_one(g);
        const struct exclaim_hv_ops *ops = model_hv(m)->ops;

        kit_domain(m, 2, 100);
        STEP(m, kit_exact(m, 2, 5, 0, 1), 5);
        STEP(m, kit_exact(m, 2, 4, 0, 0), 4);
        kit_domain(m, 3, 100);
        STEP(m, kit_exact(m, 3, 7, 0, 0), 7);
        STEP(m, model_extra(m, 2, 0, MODEL_MEMF_EXACT_NODE(0)), 0);
        model_set_hook(m, happen, &b);
        STEP(m, ops->count_many(model_hv(m), domid, 4, &any, all, &err), 0);
        STEP(m, b.seen, g == MODEL_XS9 ? 3 : 1); /* XenServer 9's dump has extra pages as well */
        for (int i = 0; i < 4; i++) {
            if (domid[i] == 9) {
                STEP(m, all[i].exact || all[i].nr_nodes, false);
                assert_string_equal(all[i].why, "No such process");
                continue;
            }
            STEP(m, all[i].exact, g != MODEL_XS9 || domid[i] != 2);
            STEP(m, all[i].pages[0], kit_view(m, domid[i]).pages[0]);
            STEP(m, all[i].pages[1], kit_view(m, domid[i]).pages[1]);
            STEP(m, all[i].total_pages, kit_view(m, domid[i]).total);
            STEP(m, all[i].why[0] != '\0', !all[i].exact);
        }
        /* Nothing left for the console: no dump. */
        b.seen = 0;
        STEP(m, ops->count_many(model_hv(m), domid, 1, &any, all, &err), 0);
        STEP(m, b.seen, g == MODEL_XS9 ? 0 : 1);
        STEP(m, ops->count_many(model_hv(m), domid, 0, &any, all, &err), 0);
        /* Those that cannot be counted say why, and the others stay. */
        STEP(m, ops->count_many(model_hv(m), domid, 4, &none, all, &err), 0);
        STEP(m, all[0].exact, g == MODEL_XS9);
        if (g != MODEL_XS9) {
            STEP(m, all[0].nr_nodes, 0);
            assert_says(all[0].why, "hypercall: domctl 1101");
            assert_says(all[0].why, "console: dumps are not allowed");
        }
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted),         cmocka_unit_test(limited),
        cmocka_unit_test(extra),           cmocka_unit_test(changing),
        cmocka_unit_test(changed_after),   cmocka_unit_test(never_exact),
        cmocka_unit_test(absurd_counters), cmocka_unit_test(hypercall_fails),
        cmocka_unit_test(console_fails),   cmocka_unit_test(small_ring),
        cmocka_unit_test(deferred),        cmocka_unit_test(long_console),
        cmocka_unit_test(no_node),         cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
