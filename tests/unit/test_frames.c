/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Placement by frame: random guests, layouts, matches and troubles.  Counts are exact always, each
 * page is populated once, and as many lie on a node matched to their own as the match allows.
 */
#include "quota_fake.h"

#include <stdlib.h>

#include "place/frames.h"

#define PAGES  (64u * SUPER)
#define BATCH  1024u
#define NOBODY 0xff

static struct guest {
    uint8_t source[PAGES];     /* node on the source, NOBODY for a hole */
    unsigned long list[PAGES]; /* in the order of the stream */
    unsigned long pages;
    uint64_t count[N];
    uint64_t uniform; /* whole regions on one node */
} guest;

static uint8_t seen[PAGES], where[PAGES], bytes[EXCLAIM_LAYOUT_MAX];
static struct frames frames;

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 10;
}

static void list_guest(void)
{
    guest.pages = guest.uniform = 0;
    memset(guest.count, 0, sizeof(guest.count));
    for (unsigned long first = 0; first < PAGES; first += SUPER) {
        bool uniform = true;

        for (unsigned long i = first; i < first + SUPER; i++) {
            uniform &= guest.source[i] != NOBODY && guest.source[i] == guest.source[first];
            if (guest.source[i] != NOBODY) {
                guest.list[guest.pages++] = i;
                guest.count[guest.source[i]]++;
            }
        }
        guest.uniform += uniform;
    }
}

/* Stretches that lie on one node, alternate by anything, have holes, are not there. */
static void make_guest(uint32_t *seed)
{
    unsigned long at = 0;

    memset(guest.source, NOBODY, sizeof(guest.source));
    while (at < PAGES) {
        const unsigned long units[] = { 1, 16, SUPER, 3 * SUPER, 1 + dice(seed) % 5000 };
        const unsigned long unit = units[dice(seed) % 5];
        const unsigned long end = at + 1 + dice(seed) % (20 * SUPER);
        const uint32_t nodes = 1 + dice(seed) % N, first = dice(seed) % N;

        for (unsigned long i = 0; at < end && at < PAGES; i++, at++) {
            guest.source[at] = (uint8_t)((first + i / unit % nodes) % N);
        }
        at += dice(seed) % 3 ? 0 : dice(seed) % (2 * SUPER);
    }
    for (uint32_t i = 0, nr = dice(seed) % 3 ? 0 : dice(seed) % 2000; i < nr; i++) {
        guest.source[dice(seed) % PAGES] = NOBODY;
    }
    guest.source[0] = 0;
    list_guest();
}

static void make_layout(struct exclaim_layout *layout)
{
    struct exclaim_layout_build b;

    exclaim_layout_build(&b, bytes, sizeof(bytes));
    for (unsigned long i = 0; i < guest.pages; i++) {
        exclaim_layout_add(&b, guest.list[i], 1, guest.source[guest.list[i]]);
    }
    assert_true(exclaim_layout_end(&b, layout));
}

/* Same, renumbered, merged, split, with strays folded; shared pages come on top. */
static void make_match(struct exclaim_match *match, uint64_t extra, uint32_t *seed)
{
    const uint32_t kind = dice(seed) % 5, shift = dice(seed) % N;
    uint32_t largest = 0, stray = N;

    memset(match, 0, sizeof(*match));
    match->nr_nodes = N;
    for (uint32_t s = 0; s < N; s++) {
        largest = guest.count[s] > guest.count[largest] ? s : largest;
    }
    for (uint32_t s = 0; s < N && kind == 4; s++) {
        stray = s != largest && guest.count[s] ? s : stray;
    }
    for (uint32_t s = 0; s < N; s++) {
        uint64_t pages = s == stray ? 0 : guest.count[s];
        uint32_t dst = kind == 2 ? shift : (s + shift) % N;

        pages += s == largest ? extra + (stray < N ? guest.count[stray] : 0) : 0;
        while (pages) {
            const uint64_t part = kind == 3 ? 1 + dice(seed) % pages : pages;
            const bool last = match->nr_parts + 1 == EXCLAIM_PARTS_MAX;

            match->part[match->nr_parts++] = (struct exclaim_part){ .src_node = s,
                                                                    .dst_node = dst,
                                                                    .pages = last ? pages : part };
            match->pages[dst] += last ? pages : part;
            pages -= last ? pages : part;
            dst = (dst + 1) % N;
        }
    }
}

static void begin(struct exclaim_ledger_entry *e, struct fake *f, const struct exclaim_match *match,
                  const struct exclaim_layout *layout)
{
    struct exclaim_count count = { .nr_nodes = N };
    struct exclaim_share share[EXCLAIM_SHARES_MAX];

    memcpy(count.pages, guest.count, sizeof(guest.count));
    start(e, f, match->pages);
    memset(seen, 0, sizeof(seen));
    memset(where, NOBODY, sizeof(where));
    f->seen = seen;
    f->where = where;
    frames_open(&frames, layout, share, exclaim_layout_shares(match, &count, share));
}

/* As libxenguest up to 4.20, or after it: large extents first. */
static int restore(struct exclaim_ledger_entry *e, struct fake *f, bool large)
{
    for (unsigned long at = 0, end; at < guest.pages; at = end) {
        const unsigned long span = large ? SUPER : BATCH;

        for (end = at; end < guest.pages && guest.list[end] / span == guest.list[at] / span;
             end++) {
        }
        if (large && end - at == SUPER &&
            !frames_populate(e, &frames, 1, EXCLAIM_ORDER_2M, guest.list + at, populate, f)) {
            continue;
        }
        if (frames_populate(e, &frames, end - at, 0, guest.list + at, populate, f)) {
            return -1;
        }
    }
    return 0;
}

static void assert_each_once(void)
{
    for (unsigned long i = 0; i < PAGES; i++) {
        if (seen[i] != (guest.source[i] != NOBODY)) {
            fail_msg("page %lu was populated %u times", i, seen[i]);
        }
    }
}

/* Of the pages with a node of their own. */
static uint64_t really_kept(const struct exclaim_match *match)
{
    uint64_t homes[N] = { 0 }, kept = 0;

    for (uint32_t i = 0; i < match->nr_parts; i++) {
        homes[match->part[i].src_node] |= 1ull << match->part[i].dst_node;
    }
    for (unsigned long i = 0; i < guest.pages; i++) {
        const uint8_t node = where[guest.list[i]];

        kept += node < N && homes[guest.source[guest.list[i]]] >> node & 1;
    }
    return kept;
}

/*
 * The most that any placement could keep with @room pages on each destination node: what flows from
 * source nodes to the nodes that the match gives them, by its least cut.
 */
static uint64_t most_kept(const struct exclaim_match *match, const uint64_t room[N])
{
    uint64_t homes[N] = { 0 }, least = UINT64_MAX;

    for (uint32_t i = 0; i < match->nr_parts; i++) {
        homes[match->part[i].src_node] |= 1ull << match->part[i].dst_node;
    }
    for (uint32_t set = 0; set < 1u << N; set++) {
        uint64_t reached = 0, cut = 0;

        for (uint32_t s = 0; s < N; s++) {
            reached |= set >> s & 1 ? homes[s] : 0;
            cut += set >> s & 1 ? 0 : guest.count[s];
        }
        for (uint32_t d = 0; d < N; d++) {
            cut += reached >> d & 1 ? room[d] : 0;
        }
        least = cut < least ? cut : least;
    }
    return least;
}

static uint64_t best_kept(const struct exclaim_match *match)
{
    return most_kept(match, match->pages);
}

static uint64_t large(const struct exclaim_ledger_entry *e)
{
    return e->extents[0][1] + e->extents[1][1] + e->extents[2][1];
}

/* Every page on the node matched to its own; whole regions on one node stay whole. */
static void every_page(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 600; i++) {
        struct exclaim_ledger_entry e;
        struct exclaim_layout layout;
        struct exclaim_match match;
        struct fake f;

        make_guest(&seed);
        make_layout(&layout);
        make_match(&match, 0, &seed);
        begin(&e, &f, &match, &layout);
        e.join = i % 3 ? EXCLAIM_ORDER_2M : 0;
        assert_int_equal(restore(&e, &f, i % 3 == 2), 0);
        assert_each_once();
        assert_false(f.crossed);
        for (uint32_t n = 0; n < N; n++) {
            assert_int_equal(f.got[n], match.pages[n]);
            assert_int_equal(e.placed[n], match.pages[n]);
        }
        assert_int_equal(e.elsewhere, 0);
        assert_int_equal(e.kept, best_kept(&match));
        assert_int_equal(e.kept + e.moved, guest.pages);
        assert_int_equal(really_kept(&match), e.kept);
        if (match.nr_parts <= N && i % 3 && best_kept(&match) == guest.pages) {
            assert_int_equal(large(&e), guest.uniform); /* no part is split, nobody is a stray */
        }
    }
}

/* A node without memory: its pages elsewhere, and nobody else loses a place for it. */
static void node_full(void **state)
{
    uint32_t seed = 2;
    uint64_t lost = 0;

    (void)state;
    for (int i = 0; i < 300; i++) {
        const uint32_t full = dice(&seed) % N;
        struct exclaim_ledger_entry e;
        struct exclaim_layout layout;
        struct exclaim_match match;
        struct fake f;
        uint64_t room, short_by;

        make_guest(&seed);
        make_layout(&layout);
        do {
            make_match(&match, 0, &seed);
        } while (best_kept(&match) != guest.pages || match.nr_parts > N);
        begin(&e, &f, &match, &layout);
        room = match.pages[full] ? dice(&seed) % match.pages[full] : 0;
        short_by = match.pages[full] - room;
        f.free[full] = room;
        e.join = i % 2 ? EXCLAIM_ORDER_2M : 0;
        assert_int_equal(restore(&e, &f, i % 4 > 1), 0);
        assert_each_once();
        for (uint32_t n = 0; n < N; n++) {
            assert_int_equal(e.placed[n], n == full ? room : match.pages[n]);
        }
        assert_int_equal(e.refused[full], short_by);
        assert_int_equal(e.elsewhere, short_by);
        match.pages[full] = room;
        assert_int_equal(e.kept, most_kept(&match, match.pages));
        assert_int_equal(e.kept, guest.pages - short_by);
        assert_int_equal(e.moved, short_by);
        lost += short_by;
    }
    assert_true(lost);
}

/* Short of large extents, calls that populate less than asked, or nothing for a moment. */
static void troubles(void **state)
{
    uint32_t seed = 3;
    uint64_t lacking = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        struct exclaim_ledger_entry e;
        struct exclaim_layout layout;
        struct exclaim_match match;
        struct fake f;

        make_guest(&seed);
        make_layout(&layout);
        make_match(&match, 0, &seed);
        begin(&e, &f, &match, &layout);
        e.join = EXCLAIM_ORDER_2M;
        for (uint32_t n = 0; n < N; n++) {
            f.supers[n] = dice(&seed) % 3 ? dice(&seed) % 24 : 0;
        }
        f.most = (unsigned long[]){ 0, 1, 1 + dice(&seed) % 300 }[dice(&seed) % 3];
        f.fail_at = dice(&seed) % 40;
        f.fail = dice(&seed) % 2 * 2;
        assert_int_equal(restore(&e, &f, i % 2), 0);
        assert_each_once();
        for (uint32_t n = 0; n < N; n++) {
            assert_int_equal(e.placed[n], match.pages[n]);
        }
        assert_int_equal(e.kept, best_kept(&match));
        lacking += e.lacking[0] + e.lacking[1] + e.lacking[2];
    }
    assert_true(lacking);
}

/* The guest is another by now: ballooned in and out, more pages than were counted, or fewer. */
static void changed_since(void **state)
{
    uint32_t seed = 4;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct exclaim_ledger_entry e;
        struct exclaim_layout layout;
        struct exclaim_match match;
        const uint64_t extra = dice(&seed) % 3 ? 0 : dice(&seed) % 3000;
        uint64_t total = 0, got = 0;
        struct fake f;

        make_guest(&seed);
        make_layout(&layout);
        make_match(&match, extra, &seed);
        begin(&e, &f, &match, &layout);
        for (uint32_t k = 0, nr = dice(&seed) % 4000; k < nr; k++) {
            uint8_t *page = &guest.source[dice(&seed) % PAGES];

            *page = *page == NOBODY ? (uint8_t)(dice(&seed) % N) : NOBODY;
        }
        list_guest();
        e.join = i % 2 ? EXCLAIM_ORDER_2M : 0;
        assert_int_equal(restore(&e, &f, i % 4 > 1), 0);
        assert_each_once();
        assert_false(f.crossed);
        for (uint32_t n = 0; n < N; n++) {
            total += match.pages[n];
            got += e.placed[n];
            assert_true(e.placed[n] <= match.pages[n]);
        }
        assert_int_equal(got, guest.pages < total ? guest.pages : total);
        assert_int_equal(e.elsewhere, guest.pages > total ? guest.pages - total : 0);
    }
}

/* No memory at all, and errors: the caller's, as without a layout. */
static void errors(void **state)
{
    struct exclaim_ledger_entry e;
    struct exclaim_layout layout;
    struct exclaim_match match = { .nr_nodes = N };
    struct fake f;
    uint32_t seed = 5;

    (void)state;
    make_guest(&seed);
    make_layout(&layout);
    for (uint32_t s = 0; s < N; s++) {
        match.part[match.nr_parts++] =
            (struct exclaim_part){ .src_node = s, .dst_node = s, .pages = guest.count[s] };
        match.pages[s] = guest.count[s];
    }
    begin(&e, &f, &match, &layout);
    memset(f.free, 0, sizeof(f.free));
    assert_int_equal(restore(&e, &f, false), -1);
    assert_int_equal(errno, ENOMEM);
    begin(&e, &f, &match, &layout);
    memset(f.free, 0, sizeof(f.free));
    f.free[1] = 10;
    assert_int_equal(restore(&e, &f, false), -1);
    begin(&e, &f, &match, &layout);
    f.fail = 1;
    f.errnum = EPERM;
    assert_int_equal(restore(&e, &f, false), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(frames_populate(&e, &frames, 0, 0, guest.list, populate, &f), 0);
    assert_int_equal(frames_populate(&e, &frames, 0, 9, guest.list, populate, &f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page),    cmocka_unit_test(node_full), cmocka_unit_test(troubles),
        cmocka_unit_test(changed_since), cmocka_unit_test(errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
