/* SPDX-License-Identifier: BSD-2-Clause */
/* Which single pages become one extent, and that each is populated once whatever happens. */
#include "quota_fake.h"

#include <stdlib.h>

#define PAGES (64u * SUPER) /* of the guest's address space */
#define BATCH 1024u         /* libxenguest's MAX_BATCH_SIZE */

struct guest {
    unsigned long list[PAGES]; /* in the order of the stream */
    unsigned long pages;
    uint64_t whole; /* runs that lie whole in a batch */
    uint8_t seen[PAGES];
};

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/*
 * As the first pass sends a guest: regions that are whole, that have holes, that are not there.  A
 * batch holds what there is of two regions, as the stream's do.
 */
static void make_guest(struct guest *g, uint32_t *seed)
{
    memset(g, 0, sizeof(*g));
    for (unsigned long first = 0; first < PAGES; first += SUPER) {
        const uint32_t kind = dice(seed) % 8;

        if (kind == 0) {
            continue;
        }
        for (unsigned long i = 0; i < SUPER; i++) {
            if (kind > 2 || dice(seed) % 16) {
                g->list[g->pages++] = first + i;
            }
        }
        g->whole += kind > 2;
    }
}

static int restore(struct guest *g, struct exclaim_ledger_entry *e, struct fake *f)
{
    f->seen = g->seen;
    for (unsigned long at = 0, end; at < g->pages; at = end) {
        const unsigned long chunk = g->list[at] / BATCH;

        for (end = at; end < g->pages && g->list[end] / BATCH == chunk; end++) {
        }
        f->list = g->list + at;
        if (quota_populate(e, end - at, 0, f->list, populate, f)) {
            return -1;
        }
    }
    return 0;
}

/* Quotas that add up to the guest. */
static void make_quotas(uint64_t target[N], uint64_t pages, uint32_t *seed)
{
    target[0] = dice(seed) % (pages + 1);
    target[1] = dice(seed) % (pages - target[0] + 1);
    target[2] = pages - target[0] - target[1];
}

static void begin(struct exclaim_ledger_entry *e, struct fake *f, const uint64_t target[N])
{
    start(e, f, target);
    e->join = EXCLAIM_ORDER_2M;
}

static void assert_each_once(const struct guest *g)
{
    uint8_t *wanted = calloc(PAGES, 1);

    assert_non_null(wanted);
    for (unsigned long i = 0; i < g->pages; i++) {
        wanted[g->list[i]] = 1;
    }
    assert_memory_equal(g->seen, wanted, PAGES);
    free(wanted);
}

static void assert_quotas(const struct exclaim_ledger_entry *e, const struct fake *f)
{
    assert_false(f->crossed);
    for (uint32_t n = 0; n < N; n++) {
        assert_int_equal(f->got[n], e->target[n]);
        assert_int_equal(e->placed[n], e->target[n]);
        assert_int_equal(e->placed[n], e->extents[n][0] + SUPER * e->extents[n][1]);
        assert_int_equal(e->refused[n], 0);
    }
    assert_int_equal(e->elsewhere, 0);
}

static uint64_t joined(const struct exclaim_ledger_entry *e)
{
    return e->extents[0][1] + e->extents[1][1] + e->extents[2][1];
}

/*
 * Whatever has come so far, each node has its share of it but for three regions: one of its own
 * turn, one that was cut, and what was over in the quotas.
 */
static void assert_in_proportion(const struct exclaim_ledger_entry *e, uint64_t total)
{
    const uint64_t so_far = e->placed[0] + e->placed[1] + e->placed[2];

    for (uint32_t n = 0; n < N; n++) {
        const int64_t due = (int64_t)(e->target[n] * so_far / total);

        if (llabs((int64_t)e->placed[n] - due) > 3 * SUPER) {
            fail_msg("node %u has %llu of the first %llu pages, %lld are its share", n,
                     (unsigned long long)e->placed[n], (unsigned long long)so_far, (long long)due);
        }
    }
}

/*
 * No stretch of the guest goes to one node: with joining, without it, and where restore asks for
 * large extents itself, the nodes keep the ratio of the counts from the first region on.
 */
static void in_proportion(void **state)
{
    static struct guest g;
    uint32_t seed = 3;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct exclaim_ledger_entry e;
        uint64_t target[N];
        struct fake f;

        make_guest(&g, &seed);
        make_quotas(target, g.pages, &seed);
        begin(&e, &f, target);
        e.join = i % 2 ? EXCLAIM_ORDER_2M : 0;
        f.seen = g.seen;
        for (unsigned long at = 0, end; at < g.pages; at = end) {
            for (end = at; end < g.pages && g.list[end] / SUPER == g.list[at] / SUPER; end++) {
            }
            f.list = g.list + at;
            if (i % 4 > 1 || end - at < SUPER ||
                quota_populate(&e, 1, EXCLAIM_ORDER_2M, f.list, populate, &f)) {
                assert_int_equal(quota_populate(&e, end - at, 0, f.list, populate, &f), 0);
            }
            assert_in_proportion(&e, g.pages);
        }
        assert_quotas(&e, &f);
    }
}

/* A guest that was interleaved does not come back in halves. */
static void never_halves(void **state)
{
    static const uint64_t target[N] = { 32 * SUPER, 32 * SUPER, 0 };
    unsigned long list[BATCH];

    (void)state;
    for (int join = 0; join < 2; join++) {
        struct exclaim_ledger_entry e;
        struct fake f;

        begin(&e, &f, target);
        e.join = join ? EXCLAIM_ORDER_2M : 0;
        for (unsigned long at = 0; at < PAGES; at += BATCH) {
            for (unsigned long i = 0; i < BATCH; i++) {
                list[i] = at + i;
            }
            assert_int_equal(quota_populate(&e, BATCH, 0, list, populate, &f), 0);
            assert_int_equal(e.placed[0], e.placed[1]);
        }
        assert_int_equal(joined(&e), join ? 64 : 0);
    }
}

/* Every quota to the page, and as many runs whole as any order of things could keep. */
static void fewest_broken(void **state)
{
    static struct guest g;
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct exclaim_ledger_entry e;
        uint64_t target[N], most;
        struct fake f;

        make_guest(&g, &seed);
        make_quotas(target, g.pages, &seed);
        most = target[0] / SUPER + target[1] / SUPER + target[2] / SUPER;
        begin(&e, &f, target);
        assert_int_equal(restore(&g, &e, &f), 0);
        assert_each_once(&g);
        assert_quotas(&e, &f);
        assert_int_equal(joined(&e), g.whole < most ? g.whole : most);
        assert_int_equal(joined(&e) + e.broken, g.whole);
        assert_int_equal(e.lacking[0] + e.lacking[1] + e.lacking[2], 0);
    }
}

/*
 * Nodes short of large extents, calls that populate less than asked, or nothing for a moment, or
 * fail: the same pages in the end, each once.
 */
static void troubles(void **state)
{
    static struct guest g;
    uint32_t seed = 2;
    uint64_t lacking = 0, broken = 0, vain = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        struct exclaim_ledger_entry e;
        uint64_t target[N];
        struct fake f;
        bool told;

        make_guest(&g, &seed);
        make_quotas(target, g.pages, &seed);
        begin(&e, &f, target);
        for (uint32_t n = 0; n < N; n++) {
            f.supers[n] = dice(&seed) % 3 ? dice(&seed) % 24 : 0;
        }
        f.most = (unsigned long[]){ 0, 1, 1 + dice(&seed) % 300 }[dice(&seed) % 3];
        f.fail_at = dice(&seed) % 40;
        f.fail = dice(&seed) % 2 * 2;
        told = f.fail != 0;
        assert_int_equal(restore(&g, &e, &f), 0);
        assert_each_once(&g);
        assert_quotas(&e, &f);
        assert_int_equal(joined(&e) + e.broken, g.whole);
        lacking += e.lacking[0] + e.lacking[1] + e.lacking[2];
        broken += e.broken;
        vain += told && f.fail == 0;
    }
    assert_true(lacking && broken && vain); /* else nothing was tried */
}

/* Of two nodes with room in their quotas the one that has large extents gets the runs. */
static void in_pieces(void **state)
{
    static const uint64_t target[N] = { 10 * SUPER, 10 * SUPER, 0 };
    static struct guest g;
    struct exclaim_ledger_entry e;
    struct fake f;

    (void)state;
    memset(&g, 0, sizeof(g));
    for (g.pages = 0; g.pages < 20 * SUPER; g.pages++) {
        g.list[g.pages] = g.pages;
    }
    begin(&e, &f, target);
    f.supers[0] = 0;
    assert_int_equal(restore(&g, &e, &f), 0);
    assert_each_once(&g);
    assert_quotas(&e, &f);
    assert_int_equal(e.extents[1][1], 10);
    assert_int_equal(e.broken, 10);
    /* Asked after 1, 2, 4, ... runs, not each time. */
    assert_in_range(e.lacking[0], 2, 6);

    /* The node gets some again: it is asked again. */
    begin(&e, &f, (const uint64_t[N]){ PAGES, 0, 0 });
    f.list = NULL;
    f.supers[0] = 0;
    for (unsigned long at = 0; at < PAGES; at += SUPER) {
        unsigned long run[SUPER];

        for (unsigned long i = 0; i < SUPER; i++) {
            run[i] = at + i;
        }
        if (at == 8 * SUPER) {
            f.supers[0] = 1000;
        }
        assert_int_equal(quota_populate(&e, SUPER, 0, run, populate, &f), 0);
    }
    assert_true(e.broken >= 8 && e.broken <= 16);
    assert_int_equal(joined(&e), PAGES / SUPER - e.broken);
    assert_int_equal(e.next_rest[0], 0);
}

/* A run is joined only if it is aligned, ascending, without a gap, and whole in one call. */
static void shapes(void **state)
{
    static const struct {
        const char *what;
        unsigned long first, nr;
        long step;
        unsigned long odd; /* this index is another page */
        uint64_t joined;
    } cases[] = {
        { "one run", 0, SUPER, 1, BATCH, 1 },
        { "two runs", 4 * SUPER, 2 * SUPER, 1, BATCH, 2 },
        { "one page short", 0, SUPER - 1, 1, BATCH, 0 },
        { "not aligned", 1, SUPER, 1, BATCH, 0 },
        { "not aligned, and one run in it", 1, 2 * SUPER, 1, BATCH, 1 },
        { "descending", SUPER - 1, SUPER, -1, BATCH, 0 },
        { "every other page", 0, SUPER, 2, BATCH, 0 },
        { "another first page", 0, 2 * SUPER, 1, 0, 1 },
        { "another page in the middle", 0, 2 * SUPER, 1, 700, 1 },
        { "another last page", 0, SUPER, 1, SUPER - 1, 0 },
        { "special pages", 0xfeff8, 8, 1, BATCH, 0 },
        { "nothing", 0, 0, 1, BATCH, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const uint64_t target[N] = { 1u << 16, 0, 0 };
        struct exclaim_ledger_entry e;
        unsigned long list[BATCH];
        struct fake f;

        for (unsigned long k = 0; k < cases[i].nr; k++) {
            list[k] = cases[i].first + (unsigned long)((long)k * cases[i].step);
        }
        if (cases[i].odd < cases[i].nr) {
            list[cases[i].odd] = 0x12345;
        }
        begin(&e, &f, target);
        assert_int_equal(quota_populate(&e, cases[i].nr, 0, list, populate, &f), 0);
        if (joined(&e) != cases[i].joined || f.got[0] != cases[i].nr) {
            fail_msg("%s: %llu runs joined, %llu pages", cases[i].what,
                     (unsigned long long)joined(&e), (unsigned long long)f.got[0]);
        }
    }
}

static void count_up(unsigned long *list, unsigned long nr)
{
    for (unsigned long i = 0; i < nr; i++) {
        list[i] = i;
    }
}

/* Turned off, for PV, without a list, and where nothing is steered: as before. */
static void not_joined(void **state)
{
    static const uint64_t target[N] = { 4 * SUPER, 0, 0 };
    struct exclaim_ledger_entry e;
    unsigned long list[2 * SUPER];
    struct fake f;

    (void)state;
    count_up(list, 2 * SUPER);
    start(&e, &f, target);
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), 0);
    assert_int_equal(joined(&e), 0);
    assert_int_equal(f.calls, 2); /* of a region each */
    e.join = EXCLAIM_ORDER_2M;
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, NULL, populate, &f), 0);
    assert_int_equal(joined(&e), 0);
    begin(&e, &f, target);
    e.steer = 0;
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), 0);
    assert_int_equal(e.extents_elsewhere[1], 0);
    assert_int_equal(e.elsewhere, 2 * SUPER);
}

/* More pages than were reserved are joined wherever Xen has such an extent. */
static void beyond_quota(void **state)
{
    static const uint64_t target[N] = { SUPER, 0, 0 };
    struct exclaim_ledger_entry e;
    unsigned long list[2 * SUPER];
    struct fake f;

    (void)state;
    count_up(list, 2 * SUPER);
    begin(&e, &f, target);
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), 0);
    assert_int_equal(e.extents[0][1], 1);
    assert_int_equal(e.extents_elsewhere[1], 1);

    begin(&e, &f, target);
    memset(f.supers, 0, sizeof(f.supers));
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), 0);
    assert_int_equal(e.placed[0], SUPER);
    assert_int_equal(e.elsewhere, SUPER);
    assert_int_equal(e.broken, 2);
}

/* No memory in the middle of a batch: what is there stays counted, the caller hears of it. */
static void out_of_memory(void **state)
{
    static const uint64_t target[N] = { 2 * SUPER, 0, 0 };
    struct exclaim_ledger_entry e;
    unsigned long list[2 * SUPER];
    struct fake f;

    (void)state;
    count_up(list, 2 * SUPER);
    begin(&e, &f, target);
    memset(f.free, 0, sizeof(f.free));
    f.free[0] = SUPER + 100;
    errno = 0;
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(e.placed[0], SUPER + 100);
    assert_int_equal(e.extents[0][1], 1);
    assert_int_equal(e.refused[0], SUPER - 100);
    assert_int_equal(e.elsewhere, 0);

    begin(&e, &f, target);
    memset(f.free, 0, sizeof(f.free));
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), -1);
    assert_int_equal(errno, ENOMEM);

    /* A call that fails is tried page by page; if those fail too, it is the caller's. */
    begin(&e, &f, target);
    f.fail = 1;
    f.errnum = ENOMEM;
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), 0);
    assert_int_equal(e.broken, 1);
    assert_int_equal(joined(&e), 1);
    begin(&e, &f, target);
    f.fail = 2;
    f.errnum = EPERM;
    assert_int_equal(quota_populate(&e, 2 * SUPER, 0, list, populate, &f), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(e.placed[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_proportion), cmocka_unit_test(never_halves),
        cmocka_unit_test(fewest_broken), cmocka_unit_test(troubles),
        cmocka_unit_test(in_pieces),     cmocka_unit_test(shapes),
        cmocka_unit_test(not_joined),    cmocka_unit_test(beyond_quota),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
