/* SPDX-License-Identifier: BSD-2-Clause */
/* Which extents go to which node, with a hypervisor of a few arrays and libxenguest's own manner.
 */
#include "quota_fake.h"

static uint64_t sum(const uint64_t *v)
{
    return v[0] + v[1] + v[2];
}

/* On all nodes. */
static uint64_t extents(const struct exclaim_ledger_entry *e, unsigned int size)
{
    return e->extents[0][size] + e->extents[1][size] + e->extents[2][size];
}

static const uint64_t uneven[][N] = {
    { 33439, 0, 17777 }, { 1, 1, 1 },         { 0, 0, 5000 },
    { 511, 512, 513 },   { 17000, 8616, 0 },  { 1023, 1, 1024 },
    { 100, 100, 56 },    { 2048, 1024, 512 }, { 511, 511, 514 },
};

/* Every quota comes out to the page, whatever the orders. */
static void exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(uneven); i++) {
        for (int super = 0; super < 2; super++) {
            struct exclaim_ledger_entry e;
            struct fake f;
            uint64_t whole = 0;

            start(&e, &f, uneven[i]);
            assert_int_equal((super ? restore_2m : restore_4k)(&e, &f, sum(uneven[i])), 0);
            assert_false(f.crossed);
            for (uint32_t n = 0; n < N; n++) {
                assert_int_equal(f.got[n], uneven[i][n]);
                assert_int_equal(e.placed[n], uneven[i][n]);
                assert_int_equal(e.refused[n], 0);
                whole += uneven[i][n] / SUPER;
            }
            assert_int_equal(e.elsewhere, 0);
            if (super) {
                /* No more 4 KiB pages than the quotas' own remainders force. */
                uint64_t most = sum(uneven[i]) / SUPER;

                assert_int_equal(extents(&e, 1), whole < most ? whole : most);
            } else {
                assert_int_equal(extents(&e, 1), 0);
                assert_int_equal(extents(&e, 0), sum(uneven[i]));
            }
        }
    }
}

/* A node that runs full: what it owes is counted as refused, the rest goes where there is room. */
static void node_full(void **state)
{
    static const uint64_t target[N] = { 1000, 2000, 500 };

    (void)state;
    for (int super = 0; super < 2; super++) {
        struct exclaim_ledger_entry e;
        struct fake f;

        start(&e, &f, target);
        f.free[1] = 1234;
        assert_int_equal((super ? restore_2m : restore_4k)(&e, &f, 3500), 0);
        assert_int_equal(e.placed[0], 1000);
        assert_int_equal(e.placed[1], 1234);
        assert_int_equal(e.refused[1], 766);
        assert_int_equal(e.placed[2], 500);
        assert_int_equal(e.elsewhere, 766);
        assert_int_equal(e.refused[0] + e.refused[2], 0);
        assert_int_equal(sum(f.got), 3500);
    }
}

/* Up to 4.20.2 Xen refuses for a moment what fits: asked again, nothing is lost. */
static void transient(void **state)
{
    static const uint64_t target[N] = { 3000, 0, 1000 };

    (void)state;
    for (unsigned int at = 0; at < 4; at++) {
        struct exclaim_ledger_entry e;
        struct fake f;

        start(&e, &f, target);
        f.fail = 2;
        f.fail_at = at;
        assert_int_equal(restore_4k(&e, &f, 4000), 0);
        assert_int_equal(f.fail, 0);
        assert_int_equal(e.placed[0], 3000);
        assert_int_equal(e.placed[2], 1000);
        assert_int_equal(sum((uint64_t[N]){ e.refused[0], e.refused[1], e.refused[2] }), 0);
        assert_int_equal(e.elsewhere, 0);
    }
}

/* A real error is the caller's, with its errno; what was populated before stays counted. */
static void errors(void **state)
{
    static const uint64_t target[N] = { 700, 700, 0 };
    struct exclaim_ledger_entry e;
    struct fake f;

    (void)state;
    start(&e, &f, target);
    f.fail = 1;
    f.errnum = EPERM;
    errno = 0;
    assert_int_equal(quota_populate(&e, 1024, 0, NULL, populate, &f), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(e.placed[0], 0);

    start(&e, &f, target);
    f.fail_at = 1;
    f.fail = 1;
    f.errnum = EFAULT;
    assert_int_equal(quota_populate(&e, 1024, 0, NULL, populate, &f), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(e.placed[0], 700 % SUPER); /* what no large extent can use goes first */
    assert_int_equal(f.got[0], 700 % SUPER);
    assert_int_equal(e.placed[1], 0);
    assert_int_equal(e.refused[0] + e.refused[1], 0);
}

/* Nothing at all: ENOMEM.  Some extents: EBUSY, as libxenctrl has it. */
static void out_of_memory(void **state)
{
    static const uint64_t target[N] = { 100, 0, 0 };
    struct exclaim_ledger_entry e;
    struct fake f;

    (void)state;
    start(&e, &f, target);
    memset(f.free, 0, sizeof(f.free));
    assert_int_equal(quota_populate(&e, 100, 0, NULL, populate, &f), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(e.refused[0], 100);

    start(&e, &f, target);
    f.free[0] = 60;
    f.free[1] = f.free[2] = 0;
    assert_int_equal(quota_populate(&e, 100, 0, NULL, populate, &f), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(e.placed[0], 60);
    assert_int_equal(e.refused[0], 40);
    assert_int_equal(e.elsewhere, 0);

    /* No large extent on the node: that refuses no page, its small ones may well be there. */
    start(&e, &f, (const uint64_t[N]){ 2048, 0, 0 });
    f.supers[0] = 2;
    assert_int_equal(quota_populate(&e, 1, 9, NULL, populate, &f), 0);
    assert_int_equal(quota_populate(&e, 2, 9, NULL, populate, &f), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(quota_populate(&e, 1, 9, NULL, populate, &f), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(e.refused[0], 0);
    assert_int_equal(e.placed[0], 1024);
}

/* More pages than were reserved, and a ledger entry that only counts: Xen chooses. */
static void beyond_quota(void **state)
{
    static const uint64_t target[N] = { 10, 0, 20 };
    struct exclaim_ledger_entry e;
    struct fake f;

    (void)state;
    start(&e, &f, target);
    assert_int_equal(restore_4k(&e, &f, 2000), 0);
    assert_int_equal(e.placed[0], 10);
    assert_int_equal(e.placed[2], 20);
    assert_int_equal(e.elsewhere, 1970);
    f.calls = 0;
    assert_int_equal(quota_populate(&e, 3, 9, NULL, populate, &f), 0); /* no quota left to keep */
    assert_int_equal(f.calls, 1);
    assert_int_equal(e.elsewhere, 1970 + 3 * SUPER);

    start(&e, &f, target);
    e.steer = 0;
    assert_int_equal(restore_2m(&e, &f, 2000), 0);
    assert_int_equal(e.placed[0] + e.placed[2], 0);
    assert_int_equal(e.elsewhere, 2000);
    assert_int_equal(e.extents_elsewhere[1], 3);
    assert_int_equal(quota_populate(&e, 2, 18, NULL, populate, &f), 0);
    assert_int_equal(e.extents_elsewhere[2], 2);
    assert_int_equal(quota_populate(&e, 0, 0, NULL, populate, &f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),  cmocka_unit_test(node_full),     cmocka_unit_test(transient),
        cmocka_unit_test(errors), cmocka_unit_test(out_of_memory), cmocka_unit_test(beyond_quota),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
