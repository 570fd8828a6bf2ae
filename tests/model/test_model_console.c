/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting by debug key u on every personality: its limits, its failures, many domains at once. */
#include "count_kit.h"

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
            assert_exact(m, EXCLAIM_FROM_CONSOLE);
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

/*
 * Several domains, and a dump that does for one of them only: it is done with, whatever becomes of
 * it, of the limit or of the console afterwards.
 */
struct meanwhile {
    int does; /* to the first, before the second key */
    int keys;
};

static void grow_second(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct meanwhile *w = arg;

    (void)domid;
    if (op != MODEL_OP_DEBUG_KEY) {
        return;
    }
    if (w->keys++ == 0) {
        model_populate(m, 2, 1, 0, MODEL_MEMF_EXACT_NODE(0));
    } else if (w->does == 1) {
        model_destroy(m, 1);
    } else {
        model_populate(m, 1, 1, 0, MODEL_MEMF_EXACT_NODE(0));
    }
}

static void one_is_done(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        for (int does = 0; does < 3 && g != MODEL_XS9; does++) {
            const uint32_t domid[] = { 1, 2 };
            struct meanwhile w = { .does = does };
            struct exclaim_count_how how = { .console_max_pages = does ? 53 : 51 };
            struct exclaim_count all[2];
            struct model *m = open_one(g);

            kit_domain(m, 2, 100);
            STEP(m, kit_exact(m, 2, 9, 0, 1), 9);
            model_set_hook(m, grow_second, &w);
            STEP(m, model_hv(m)->ops->count_many(model_hv(m), domid, 2, &how, all, &err), 0);
            STEP(m, w.keys, does ? 2 : 1);
            STEP(m, all[0].exact && all[0].total_pages == 42, true);
            assert_string_equal(all[0].why, "");
            STEP(m, all[1].exact, does != 0);
            if (!does) {
                assert_says(all[1].why, "a dump would walk 52 pages of all domains");
            }
            kit_close(m);
        }
    }
}

/* What an earlier key has printed is no answer to this one. */
static void not_the_dump_before(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_one(g);

        if (g != MODEL_XS9) {
            STEP(m, count(m, 42), 0);
            assert_exact(m, EXCLAIM_FROM_CONSOLE);
            lib_of(m)->send_debug_keys = defer_key;
            STEP(m, count(m, 42), -1);
        }
        kit_close(m);
    }
}

static void count_pauses(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    (void)m, (void)domid;
    *(int *)arg += op == MODEL_OP_PAUSE;
}

/* A dump that is there is waited for by nobody; one that is not, four times at each attempt. */
static void waits(void **state)
{
    struct model *m = open_one(MODEL_4_21);
    int pauses = 0;

    (void)state;
    model_set_hook(m, count_pauses, &pauses);
    STEP(m, count(m, 42), 0);
    STEP(m, pauses, 0);
    lib_of(m)->send_debug_keys = defer_key;
    STEP(m, count(m, 42), -1);
    STEP(m, pauses, 3 * 4 + 3);
    kit_close(m);
}

static int no_nodes(xc_interface *xch, unsigned int *max, xc_meminfo_t *info, uint32_t *distance)
{
    int r = real.numainfo(xch, max, info, distance);

    for (unsigned int i = 0; i < *max; i++) {
        info[i].memsize = info[i].memfree = XEN_INVALID_MEM_SZ;
    }
    return r;
}

static int silent_ring(xc_interface *xch, char *buffer, unsigned int *nr, int clear,
                       int incremental, uint32_t *index)
{
    (void)xch, (void)buffer, (void)nr, (void)clear, (void)incremental, (void)index;
    errno = 0;
    return -1;
}

static int silent_list(xc_interface *xch, uint32_t first, unsigned int max, xc_domaininfo_t *info)
{
    if (max == 1) {
        return real.getinfolist(xch, first, max, info);
    }
    errno = 0;
    return -1;
}

/* A host without nodes, and libraries that fail without saying why. */
static void without_reason(void **state)
{
    struct model *m = open_one(MODEL_4_21);

    (void)state;
    lib_of(m)->numainfo = no_nodes;
    STEP(m, count(m, 42), -1);
    assert_says(err.text, "console: no node is online");
    kit_close(m);
    m = open_one(MODEL_4_21);
    lib_of(m)->readconsolering = silent_ring;
    STEP(m, count(m, 42), -1);
    assert_says(err.text, "reading the console ring: Input/output error");
    kit_close(m);
    m = open_one(MODEL_4_21);
    lib_of(m)->getinfolist = silent_list;
    STEP(m, count(m, 42), -1);
    assert_says(err.text, "reading all domains: Input/output error");
    kit_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limited),      cmocka_unit_test(console_fails),
        cmocka_unit_test(small_ring),   cmocka_unit_test(deferred),
        cmocka_unit_test(long_console), cmocka_unit_test(many),
        cmocka_unit_test(one_is_done),  cmocka_unit_test(not_the_dump_before),
        cmocka_unit_test(waits),        cmocka_unit_test(without_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
