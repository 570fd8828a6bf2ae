/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts from domain 0's own page tables, with every trap that was met on real Xens. */
#include "kit.h"

#include <sys/resource.h>

#define GUEST 7u
#define PAGES 20496u
#define FIRST 8497u /* of them on node 0 */
#define CONFIG                                                                                     \
    {                                                                                              \
        .generation = MODEL_4_17, .nr_nodes = 2,                                                   \
        .node = { { .pages = 100000 }, { .pages = 100000 } }, .dom0_vcpus = 4                      \
    }

static struct model *open_config(const struct model_config *config)
{
    struct model *m;

    assert_int_equal(model_open(config, &m), 0);
    return m;
}

static void add_guest(struct model *m, uint32_t domid, bool hvm, uint64_t node0, uint64_t node1)
{
    const struct model_domain_config config = { .hvm = hvm, .nr_vcpus = 1 };

    STEP(m, model_create(m, domid, &config), 0);
    STEP(m, model_set_max(m, domid, node0 + node1 + 100), 0);
    STEP(m, model_populate(m, domid, node0, 0, MODEL_MEMF_EXACT_NODE(0)), node0);
    STEP(m, model_populate(m, domid, node1, 0, MODEL_MEMF_EXACT_NODE(1)), node1);
}

static struct model *open_guest(void)
{
    const struct model_config config = CONFIG;
    struct model *m = open_config(&config);

    add_guest(m, GUEST, true, FIRST, PAGES - FIRST);
    return m;
}

/* Without the console, in plenty of time. */
static int count_with(struct model *m, struct exclaim_count_how how, struct exclaim_count *c)
{
    struct exclaim_error err = { 0 };

    how.ms_max = how.ms_max ? how.ms_max : 120000;
    if (model_hv(m)->ops->count(model_hv(m), GUEST, &how, c, &err)) {
        snprintf(c->why, sizeof(c->why), "%.*s", (int)sizeof(c->why) - 1, err.text);
        c->exact = false;
        return -1;
    }
    return 0;
}

static void assert_exact(struct model *m, uint32_t workers)
{
    struct exclaim_count c;
    struct model_view v;

    assert_int_equal(count_with(m, (struct exclaim_count_how){ .workers = workers }, &c), 0);
    STEP(m, model_view(m, GUEST, &v), 0);
    assert_string_equal(c.why, "");
    assert_true(c.exact);
    assert_int_equal(c.method, EXCLAIM_FROM_MAPPED);
    assert_int_equal(c.total_pages, v.total);
    assert_memory_equal(c.pages, v.pages, sizeof(c.pages));
}

static void assert_refused(struct model *m, const char *why)
{
    struct exclaim_count c = { 0 };

    count_with(m, (struct exclaim_count_how){ .workers = 1 }, &c);
    if (c.exact || !strstr(c.why, why)) {
        fail_msg("exact %d, \"%s\", wanted \"%s\"", c.exact, c.why, why);
    }
}

static void exact_however_it_lies(void **state)
{
    static const uint64_t units[] = { 0, 1, 16, 511, 512, 5000 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        for (uint32_t workers = 0; workers < 6; workers++) {
            struct model *m = open_guest();

            STEP(m, model_set_frames(m, GUEST, units[i], 0, 0), 0);
            assert_exact(m, workers);
            kit_close(m);
        }
    }
}

struct heard {
    uint32_t begun, nr;
    uint64_t end, pages[MODEL_NODES];
    uint32_t node;
    bool wrong;
};

static void begin(void *arg)
{
    struct heard *h = arg;
    uint32_t begun = h->begun;

    *h = (struct heard){ .begun = begun + 1 };
}

static void run(void *arg, uint64_t gfn, uint64_t nr, uint32_t node)
{
    struct heard *h = arg;

    h->wrong |= nr == 0 || node > 1 || (h->nr && gfn < h->end) ||
                (h->nr && gfn == h->end && node == h->node);
    h->nr++;
    h->end = gfn + nr;
    h->node = node;
    h->pages[node] += nr;
}

/* Ascending, joined over chunks and workers, and adding up. */
static void runs_in_order(void **state)
{
    (void)state;
    for (uint32_t workers = 1; workers < 5; workers++) {
        struct heard heard = { 0 };
        const struct exclaim_run_sink sink = { &heard, begin, run };
        struct model *m = open_guest();
        struct exclaim_count c;

        assert_int_equal(
            count_with(m, (struct exclaim_count_how){ .workers = workers, .runs = &sink }, &c), 0);
        assert_true(c.exact && !heard.wrong);
        assert_int_equal(heard.begun, 1);
        assert_int_equal(heard.nr, 3); /* node 0, node 1, special pages of node 1 behind a hole */
        assert_memory_equal(heard.pages, c.pages, sizeof(heard.pages));
        kit_close(m);
    }
}

/* shared_info, grant frames: they can be mapped, and are not in the total. */
static void pages_of_the_heap(void **state)
{
    struct model *m = open_guest();

    (void)state;
    STEP(m, model_set_frames(m, GUEST, 512, 40, 0), 0);
    assert_exact(m, 2);
    kit_close(m);
}

static void populated_on_demand(void **state)
{
    struct model *m = open_guest();

    (void)state;
    STEP(m, model_set_frames(m, GUEST, 0, 0, 100), 0);
    assert_refused(m, "100 pages are populated on demand");
    STEP(m, model_populated(m, GUEST), 0);
    kit_close(m);
}

static void shared_or_paged(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct model *m = open_guest();

        STEP(m, model_set_shared(m, GUEST, i ? 3 : 0, i ? 0 : 4), 0);
        assert_refused(m, i ? "3 shared and 0 paged" : "0 shared and 4 paged");
        kit_close(m);
    }
}

static void no_guest_of_ours(void **state)
{
    const struct model_config config = CONFIG;
    struct model *m = open_config(&config);

    (void)state;
    add_guest(m, GUEST, false, 100, 100);
    assert_refused(m, "a PV guest");
    kit_close(m);

    m = open_guest();
    STEP(m, model_kill(m, GUEST), 0);
    assert_refused(m, "is dying");
    kit_close(m);
}

static void not_possible_here(void **state)
{
    static const struct {
        uint32_t vcpus;
        bool pvh;
        enum model_srat srat;
        const char *why;
    } rows[] = {
        { 1, false, MODEL_SRAT_TRUE, "dom0 has one vcpu, two are needed" },
        { 4, true, MODEL_SRAT_TRUE, "dom0 is PVH" },
        { 4, false, MODEL_SRAT_NONE, "reading the srat" },
        { 4, false, MODEL_SRAT_WRONG, "node 0 spans 99999 pages in the srat, 100000 in xen" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct model_config config = CONFIG;
        struct exclaim_caps caps;
        struct model *m;

        config.dom0_vcpus = rows[i].vcpus;
        config.dom0_pvh = rows[i].pvh;
        config.srat = rows[i].srat;
        m = open_config(&config);
        add_guest(m, GUEST, true, 100, 100);
        assert_refused(m, rows[i].why);
        STEP(m, model_hv(m)->ops->caps(model_hv(m), &caps, NULL), 0);
        assert_false(caps.count[EXCLAIM_FROM_MAPPED]);
        assert_non_null(strstr(caps.why_count[EXCLAIM_FROM_MAPPED], rows[i].why));
        kit_close(m);
    }
}

/* A page that no node is known of makes the count inexact, whatever the sum. */
static void on_no_known_node(void **state)
{
    struct model_config config = CONFIG;
    struct model *m;

    (void)state;
    config.srat = MODEL_SRAT_GAP;
    m = open_config(&config);
    add_guest(m, GUEST, true, 60000, 10);
    assert_refused(m, "2 of 60010 pages are on no node of the srat");
    kit_close(m);
}

static void refused_by_a_filter(void **state)
{
    static const struct {
        enum model_op op;
        uint32_t domid; /* 0: whichever it is about */
        uint64_t nth;
        const char *why;
    } rows[] = {
        { MODEL_OP_CONTEXT, 0, 1, "registers of dom0's vcpu" },
        { MODEL_OP_TYPES, 0, 1, "types of" },
        { MODEL_OP_FRAMES, GUEST, 1, "populated on demand: not permitted" },
        { MODEL_OP_FRAMES, GUEST, 2, "highest frame: not permitted" },
        { MODEL_OP_MAP, GUEST, 1, "frames from 0x0 of domain 7: not permitted" },
        { MODEL_OP_TOTAL_PAGES, GUEST, 1, "domain 7: not permitted" },
        { MODEL_OP_TOTAL_PAGES, GUEST, 2, "domain 7: not permitted" },
        { MODEL_OP_NUMAINFO, 0, 2, "not permitted" },
        { MODEL_OP_GETINFOLIST, GUEST, 2, "domain 7: not permitted" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct model *m = open_guest();

        STEP(m,
             rows[i].domid ? model_fault_of(m, rows[i].op, rows[i].domid, rows[i].nth, EPERM)
                           : model_fault(m, rows[i].op, rows[i].nth, EPERM),
             0);
        assert_refused(m, rows[i].why);
        kit_close(m);
    }
}

/* EINVAL: the vCPU that asks.  Others' tables look like ours and lead to other pages. */
static void somebody_else_on_the_vcpu(void **state)
{
    struct model *m = open_guest();
    struct exclaim_caps caps;

    (void)state;
    model_set_others(m, 7);
    STEP(m, model_fault(m, MODEL_OP_CONTEXT, 1, EINVAL), 0);
    STEP(m, model_hv(m)->ops->caps(model_hv(m), &caps, NULL), 0);
    assert_true(caps.count[EXCLAIM_FROM_MAPPED]);
    assert_exact(m, 2);
    model_set_others(m, UINT64_MAX);
    assert_refused(m, "page tables were not found");
    kit_close(m);
}

struct balloon {
    unsigned int every, times, seen;
};

static void balloons(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct balloon *b = arg;

    if (op == MODEL_OP_TOTAL_PAGES && domid == GUEST && b->times && ++b->seen % b->every == 0) {
        b->times--;
        assert_int_equal(model_free(m, GUEST, 1, 1), 0);
    }
}

static void counted_again_while_it_balloons(void **state)
{
    struct balloon twice = { .every = 3, .times = 2 }, always = { .every = 2, .times = 1000 };
    struct heard heard = { 0 };
    const struct exclaim_run_sink sink = { &heard, begin, run };
    struct model *m = open_guest();
    struct exclaim_count c;

    (void)state;
    model_set_hook(m, balloons, &twice);
    assert_int_equal(count_with(m, (struct exclaim_count_how){ .workers = 2, .runs = &sink }, &c),
                     0);
    assert_true(c.exact && !heard.wrong && heard.begun == 3);
    assert_int_equal(c.total_pages, PAGES - 2);
    assert_memory_equal(heard.pages, c.pages, sizeof(heard.pages));
    model_set_hook(m, balloons, &always);
    assert_refused(m, "pages changed");
    kit_close(m);
}

/* What takes too long ends, and holds no more memory for a guest of 1 TiB than for a small one. */
static void time_and_memory_are_bounded(void **state)
{
    const uint64_t half = 1ull << 27;
    struct model_config config = CONFIG;
    struct rusage small, large;
    struct exclaim_count c;
    struct model *m = open_guest();

    (void)state;
    assert_exact(m, 2);
    getrusage(RUSAGE_CHILDREN, &small);
    kit_close(m);

    config.node[0].pages = config.node[1].pages = half + 100000;
    m = open_config(&config);
    STEP(m, model_create(m, GUEST, &(struct model_domain_config){ .hvm = true, .nr_vcpus = 1 }), 0);
    STEP(m, model_set_max(m, GUEST, 2 * half), 0);
    for (uint32_t node = 0; node < 2; node++) {
        STEP(m, model_populate(m, GUEST, half >> 18, 18, MODEL_MEMF_EXACT_NODE(node)), half >> 18);
    }
    STEP(m, model_set_frames(m, GUEST, 512, 0, 0), 0);
    assert_int_equal(count_with(m, (struct exclaim_count_how){ .workers = 2, .ms_max = 1500 }, &c),
                     0);
    getrusage(RUSAGE_CHILDREN, &large);
    assert_false(c.exact);
    assert_non_null(strstr(c.why, "of 268435456 pages counted in 1500 ms (count_ms_max)"));
    assert_true(c.pages[0] && c.pages[0] + c.pages[1] < 2 * half);
    /* The most that any of them had; the model itself makes up a few tables more. */
    assert_in_range(large.ru_maxrss, 0, small.ru_maxrss + small.ru_maxrss / 10 + 256);
    kit_close(m);
}

static void no_time_at_all(void **state)
{
    struct exclaim_count_how how = { .workers = 1 };
    struct exclaim_error err;
    struct exclaim_count c;
    struct model *m = open_guest();

    (void)state;
    STEP(m, model_hv(m)->ops->count(model_hv(m), GUEST, &how, &c, &err), -1);
    assert_non_null(strstr(err.text, "count_ms_max 0"));
    kit_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_however_it_lies),
        cmocka_unit_test(runs_in_order),
        cmocka_unit_test(pages_of_the_heap),
        cmocka_unit_test(populated_on_demand),
        cmocka_unit_test(shared_or_paged),
        cmocka_unit_test(no_guest_of_ours),
        cmocka_unit_test(not_possible_here),
        cmocka_unit_test(on_no_known_node),
        cmocka_unit_test(refused_by_a_filter),
        cmocka_unit_test(somebody_else_on_the_vcpu),
        cmocka_unit_test(counted_again_while_it_balloons),
        cmocka_unit_test(time_and_memory_are_bounded),
        cmocka_unit_test(no_time_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
