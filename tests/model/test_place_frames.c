/* SPDX-License-Identifier: BSD-2-Clause */
/* Placement by frame against the claim rules of each generation, with nodes that run full. */
#include "kit.h"

#include "place.h"
#include "place/frames.h"

#define DOMID   1u
#define OTHER   2u
#define NODES   3u
#define REGION  EXCLAIM_PAGES_2M
#define REGIONS 20u
#define PAGES   (REGIONS * REGION)
#define BATCH   1024u

static uint8_t bytes[EXCLAIM_LAYOUT_MAX];
static struct frames frames;

static uint32_t dice(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 10;
}

struct guest {
    struct exclaim_layout layout;
    uint64_t count[NODES];
    struct exclaim_ledger_entry entry; /* source node n is matched to node n + 1 */
};

static void make_guest(struct guest *g, uint32_t *seed)
{
    struct exclaim_layout_build b;
    struct exclaim_share share[NODES];

    exclaim_layout_build(&b, bytes, sizeof(bytes));
    for (uint32_t at = 0; at < PAGES;) {
        const uint32_t units[] = { 1, 16, REGION, 1 + dice(seed) % 3000 };
        const uint32_t unit = units[dice(seed) % 4], first = dice(seed) % NODES;
        const uint32_t end = at + 1 + dice(seed) % (8 * REGION);

        for (uint32_t i = 0; at < end && at < PAGES; i++, at++) {
            exclaim_layout_add(&b, at, 1, (first + i / unit) % NODES);
        }
    }
    assert_true(exclaim_layout_end(&b, &g->layout));
    g->entry =
        (struct exclaim_ledger_entry){ .nr_nodes = NODES, .steer = 1, .join = EXCLAIM_ORDER_2M };
    for (uint32_t n = 0; n < NODES; n++) {
        const uint32_t dst = (n + 1) % NODES;

        g->count[n] = b.pages[n];
        g->entry.target[dst] = b.pages[n];
        share[n] = (struct exclaim_share){ n, dst, b.pages[n] };
    }
    frames_open(&frames, &g->layout, share, NODES);
}

static int restore(struct guest *g, struct model_place *place)
{
    for (unsigned long at = 0; at < PAGES; at += BATCH) {
        unsigned long list[BATCH];

        for (unsigned long i = 0; i < BATCH; i++) {
            list[i] = at + i;
        }
        if (frames_populate(&g->entry, &frames, BATCH, 0, list, model_place_run, place)) {
            return -1;
        }
    }
    return 0;
}

/* The strongest claim that the generation has on several nodes. */
static void claim(struct model *m, int g, const struct exclaim_ledger_entry *e)
{
    if (g >= MODEL_SETS_V5) {
        struct model_entry set[NODES];
        uint32_t nr = 0;

        for (uint32_t n = 0; n < NODES; n++) {
            if (e->target[n]) {
                set[nr++] = (struct model_entry){ .pages = e->target[n], .target = n };
            }
        }
        STEP(m, kit_set(m, DOMID, set, nr), 0);
    } else {
        STEP(m, model_claim_pages(m, DOMID, PAGES, 0), 0);
    }
}

/* Nodes whole or in pieces: counts exact, every page kept, nothing of the claim left. */
static void exact(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 20 * MODEL_GENERATIONS; i++) {
        const int g = i % MODEL_GENERATIONS;
        struct model *m = kit_open((enum model_generation)g, NODES, PAGES);
        struct model_place place = { .m = m, .domid = DOMID };
        struct guest guest;

        make_guest(&guest, &seed);
        kit_domain(m, DOMID, PAGES + 8);
        for (uint32_t n = 0; n < NODES; n++) {
            if (dice(&seed) % 3 == 0) {
                STEP(m, model_fragment(m, n, dice(&seed) % (4 * REGION)), 0);
            }
        }
        claim(m, g, &guest.entry);
        STEP(m, restore(&guest, &place), 0);
        for (uint32_t n = 0; n < NODES; n++) {
            STEP(m, kit_view(m, DOMID).pages[n], guest.entry.target[n]);
        }
        STEP(m, kit_outstanding(m, DOMID), 0);
        STEP(m, guest.entry.kept, PAGES);
        STEP(m, guest.entry.moved + guest.entry.elsewhere, 0);
        kit_close(m);
    }
}

/* Others have taken of a node what its claim on the host did not keep there: what is left of it is
 * used to the page, the rest lies elsewhere, and no page of another node is displaced. */
static void node_full(void **state)
{
    uint32_t seed = 2;
    uint64_t lost = 0;

    (void)state;
    for (int i = 0; i < 20 * MODEL_SETS_V5; i++) {
        struct model *m = kit_open((enum model_generation)(i % MODEL_SETS_V5), NODES, 2 * PAGES);
        struct model_place place = { .m = m, .domid = DOMID };
        const uint32_t full = dice(&seed) % NODES;
        struct guest guest;
        uint64_t room, taken;

        make_guest(&guest, &seed);
        room = guest.entry.target[full] ? dice(&seed) % guest.entry.target[full] : 0;
        taken = 2 * PAGES - room;
        kit_domain(m, DOMID, PAGES);
        kit_domain(m, OTHER, 2 * PAGES);
        STEP(m, model_claim_pages(m, DOMID, PAGES, 0), 0);
        STEP(m, kit_exact(m, OTHER, taken, 0, full), (long)taken);
        STEP(m, restore(&guest, &place), 0);
        for (uint32_t n = 0; n < NODES; n++) {
            STEP(m, guest.entry.placed[n], n == full ? room : guest.entry.target[n]);
        }
        STEP(m, kit_view(m, DOMID).pages[full], room);
        STEP(m, kit_view(m, DOMID).total, PAGES);
        STEP(m, kit_outstanding(m, DOMID), 0);
        STEP(m, guest.entry.moved, guest.entry.target[full] - room);
        STEP(m, guest.entry.kept, PAGES - guest.entry.moved);
        lost += guest.entry.moved;
        kit_close(m);
    }
    assert_true(lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),
        cmocka_unit_test(node_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
