/* SPDX-License-Identifier: BSD-2-Clause */
/* Single pages joined to extents of 2 MiB, against the claim rules of each generation. */
#include "kit.h"

#include "place.h"

#define DOMID   1u
#define OTHER   2u
#define REGION  EXCLAIM_PAGES_2M
#define BATCH   1024u
#define REGIONS 24u

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static struct exclaim_ledger_entry entry_for(uint64_t first, uint64_t second)
{
    return (struct exclaim_ledger_entry){
        .nr_nodes = 3, .steer = 1, .join = EXCLAIM_ORDER_2M, .target = { first, second }
    };
}

/* Pages first .. first + nr - 1 of the guest, in batches as restore up to Xen 4.20 asks. */
static int restore(struct exclaim_ledger_entry *e, struct model_place *place, unsigned long first,
                   unsigned long nr)
{
    while (nr) {
        unsigned long list[BATCH], batch = nr < BATCH ? nr : BATCH;

        for (unsigned long i = 0; i < batch; i++) {
            list[i] = first + i;
        }
        if (quota_populate(e, batch, 0, list, model_place_run, place)) {
            return -1;
        }
        first += batch;
        nr -= batch;
    }
    return 0;
}

static uint64_t joined(const struct exclaim_ledger_entry *e)
{
    return e->extents[0][EXCLAIM_EXTENT_2M] + e->extents[1][EXCLAIM_EXTENT_2M];
}

/* The strongest claim that the generation has on two nodes. */
static void claim(struct model *m, int g, const struct exclaim_ledger_entry *e)
{
    if (g >= MODEL_SETS_V5) {
        struct model_entry set[] = { { .pages = e->target[0], .target = 0 },
                                     { .pages = e->target[1], .target = 1 } };

        STEP(m, kit_set(m, DOMID, set, 2), 0);
    } else {
        STEP(m, model_claim_pages(m, DOMID, e->target[0] + e->target[1], 0), 0);
    }
}

/* Nodes whole or in pieces, all of the memory claimed: exact, and nothing of the claim is left. */
static void exact(void **state)
{
    uint32_t seed = 3;
    uint64_t lacking = 0;

    (void)state;
    for (int i = 0; i < 40 * MODEL_GENERATIONS; i++) {
        const int g = i % MODEL_GENERATIONS;
        const uint64_t first = dice(&seed) % (REGIONS * REGION), second = REGIONS * REGION - first;
        struct exclaim_ledger_entry e = entry_for(first, second);
        const uint64_t most = first / REGION + second / REGION;
        struct model *m = kit_open((enum model_generation)g, 3, REGIONS * REGION);
        struct model_place place = { .m = m, .domid = DOMID };
        bool pieces = false;

        kit_domain(m, DOMID, REGIONS * REGION + 8);
        for (uint32_t n = 0; n < 2; n++) {
            if (dice(&seed) % 3 == 0) {
                STEP(m, model_fragment(m, n, dice(&seed) % (4 * REGION)), 0);
                pieces = true;
            }
        }
        claim(m, g, &e);
        STEP(m, restore(&e, &place, 0, REGIONS * REGION), 0);
        STEP(m, kit_view(m, DOMID).pages[0], first);
        STEP(m, kit_view(m, DOMID).pages[1], second);
        STEP(m, kit_outstanding(m, DOMID), 0);
        STEP(m, e.elsewhere + e.refused[0] + e.refused[1], 0);
        STEP(m, joined(&e) + e.broken, REGIONS);
        assert_true(pieces || joined(&e) == most);
        lacking += e.lacking[0] + e.lacking[1];
        kit_close(m);
    }
    assert_true(lacking);
}

/*
 * The claim ends within an extent, because it was smaller or because something else ate of it, and
 * nothing else is free: page by page down to the last one, as if nothing were joined.
 */
static void end_of_claim(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        for (int join = 0; join < 2; join++) {
            struct exclaim_ledger_entry e = entry_for(2 * REGION, 0);
            struct model *m = kit_open((enum model_generation)g, 1, 4 * REGION);
            struct model_place place = { .m = m, .domid = DOMID };

            e.join = join ? EXCLAIM_ORDER_2M : 0;
            kit_domain(m, DOMID, 4 * REGION);
            kit_domain(m, OTHER, 4 * REGION);
            STEP(m, model_claim_pages(m, DOMID, 2 * REGION - 5, 0), 0);
            STEP(m, model_claim_pages(m, OTHER, 2 * REGION + 5, 0), 0);
            STEP(m, restore(&e, &place, 0, 2 * REGION), -1);
            STEP(m, errno, EBUSY);
            STEP(m, kit_view(m, DOMID).total, 2 * REGION - 5);
            STEP(m, kit_outstanding(m, OTHER), 2 * REGION + 5);
            STEP(m, e.placed[0], 2 * REGION - 5);
            STEP(m, joined(&e), join ? 1 : 0);
            STEP(m, e.broken, join ? 1 : 0);
            kit_close(m);
        }
    }
}

struct race {
    struct exclaim_ledger_entry *entry;
    struct model_place *place;
    unsigned long next; /* page of the guest */
    bool failed;
};

/* In the moment in which the other's extent is off the heap and not yet its own. */
static void in_the_window(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct race *r = arg;

    (void)m;
    if (op == MODEL_OP_WINDOW && domid == OTHER && r->next < REGIONS * REGION) {
        r->failed |= restore(r->entry, r->place, r->next, BATCH) != 0;
        r->next += BATCH;
    }
}

/* Another domain is built at the same time from the same nodes, both within their claims. */
static void another_builder(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct exclaim_ledger_entry e = entry_for(7 * REGION + 100, 17 * REGION - 100);
        struct model *m = kit_open((enum model_generation)g, 3, (REGIONS + 8) * REGION);
        struct model_place place = { .m = m, .domid = DOMID };
        struct race race = { .entry = &e, .place = &place };

        kit_domain(m, DOMID, REGIONS * REGION);
        kit_domain(m, OTHER, REGIONS * REGION);
        claim(m, g, &e);
        STEP(m, model_claim_pages(m, OTHER, REGIONS * REGION, 0), 0);
        model_set_hook(m, in_the_window, &race);
        for (unsigned long n = 0; n < REGIONS; n++) {
            STEP(m, kit_exact(m, OTHER, 1, EXCLAIM_ORDER_2M, n % 2 ? 0 : 1), 1);
        }
        STEP(m, race.failed, false);
        STEP(m, race.next, REGIONS * REGION);
        STEP(m, kit_view(m, DOMID).pages[0], e.target[0]);
        STEP(m, kit_view(m, DOMID).pages[1], e.target[1]);
        STEP(m, kit_view(m, OTHER).total, REGIONS * REGION);
        STEP(m, joined(&e), REGIONS - 1); /* the quotas break one */
        STEP(m, model_claimed_pages(m, HOST), 0);
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),
        cmocka_unit_test(end_of_claim),
        cmocka_unit_test(another_builder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
