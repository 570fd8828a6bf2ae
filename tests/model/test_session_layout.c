/* SPDX-License-Identifier: BSD-2-Clause */
/* A destination gets a layout: handed to the placing process with the match, or told why not. */
#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

#include "place.h"
#include "place/frames.h"
#include "reserve/ledger_map.h"
#include "session/finish.h"
#include "session/reserve.h"

#define DOMID  7u
#define OTHER  8u
#define NODES  3u
#define REGION EXCLAIM_PAGES_2M
#define PAGES  (24u * REGION)
#define BATCH  1024u

struct fixture {
    struct model *m;
    struct exclaim_session s;
    char dir[32];
};

static uint8_t bytes[EXCLAIM_LAYOUT_MAX];
static struct frames frames;
static struct fixture f;

/* Two nodes take turns; the destination has a third. */
static void open_fixture(uint32_t unit)
{
    struct exclaim_reservation *res = &f.s.res;
    struct exclaim_layout_build b;
    struct exclaim_layout layout;
    struct exclaim_error err = { 0 };

    memset(&f, 0, sizeof(f));
    strcpy(f.dir, "/tmp/exclaim-layout-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    f.m = kit_open(MODEL_4_17, NODES, PAGES);
    kit_domain(f.m, DOMID, PAGES + 100);
    f.s.hv = model_hv(f.m);
    f.s.place_fd = -1;
    strcpy(f.s.config.lock_dir, f.dir);
    strcpy(f.s.config.place_object, "/proc/self/exe"); /* it is only asked for */
    f.s.config.superpages = true;
    assert_int_equal(f.s.hv->ops->caps(f.s.hv, &f.s.caps, &err), 0);
    assert_int_equal(exclaim_hv_domain(f.s.hv, DOMID, &f.s.dom, &err), 0);
    f.s.dom.hvm = true;

    exclaim_layout_build(&b, bytes, sizeof(bytes));
    for (uint32_t at = 0; at < PAGES; at++) {
        exclaim_layout_add(&b, at, 1, at / unit % 2);
    }
    assert_true(exclaim_layout_end(&b, &layout));
    res->count = (struct exclaim_count){ .nr_nodes = 2,
                                         .pages = { b.pages[0], b.pages[1] },
                                         .total_pages = PAGES,
                                         .method = EXCLAIM_FROM_MAPPED,
                                         .exact = true };
    res->max_pages = PAGES + 100;
    exclaim_layout_pack(&layout, NULL, res);
    assert_true(res->layout.len);
}

static void close_fixture(void)
{
    char file[64];

    snprintf(file, sizeof(file), "%s/" EXCLAIM_LEDGER_FILE, f.dir);
    if (f.s.place_fd >= 0) {
        close(f.s.place_fd);
    }
    exclaim_ledger_close(f.s.ledger);
    unlink(file);
    assert_int_equal(rmdir(f.dir), 0); /* nothing else is left in it */
    kit_close(f.m);
}

/* What the placing object does, with the model in Xen's place. */
static void restore(bool layout)
{
    struct exclaim_ledger_entry *e = exclaim_ledger_at(f.s.ledger, f.s.slot);
    struct model_place place = { .m = f.m, .domid = DOMID };
    struct ledger_layout *l;
    char path[64];

    snprintf(path, sizeof(path), "%s/" EXCLAIM_LEDGER_FILE, f.dir);
    assert_int_equal(e->layout, layout);
    l = ledger_layout_read(path, f.s.slot, e);
    assert_true((l != NULL) == layout);
    if (l) {
        frames_open(&frames, &l->layout, l->share, l->nr_shares);
        atomic_store(&e->by_frame, 1);
    }
    ledger_note_placer(e);
    atomic_store(&e->state, EXCLAIM_ENTRY_PLACING);
    for (unsigned long at = 0; at < PAGES; at += BATCH) {
        unsigned long list[BATCH];

        for (unsigned long i = 0; i < BATCH; i++) {
            list[i] = at + i;
        }
        STEP(f.m,
             l ? frames_populate(e, &frames, BATCH, 0, list, model_place_run, &place)
               : quota_populate(e, BATCH, 0, list, model_place_run, &place),
             0);
    }
    atomic_store(&e->ended, 1);
    free(l);
    session_undo(&f.s, true);
    assert_int_equal(f.s.outcome, EXCLAIM_OUTCOME_DONE);
    for (uint32_t n = 0; n < NODES; n++) {
        STEP(f.m, kit_view(f.m, DOMID).pages[n], f.s.match.pages[n]);
    }
}

/* Every page kept, also where a node of the same number is too full and another one matches. */
static void kept(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        for (uint32_t unit = 16; unit <= REGION; unit *= 32) {
            open_fixture(unit);
            if (full) {
                kit_domain(f.m, OTHER, PAGES);
                STEP(f.m, kit_exact(f.m, OTHER, PAGES - 5000, 0, 0), PAGES - 5000);
            }
            STEP(f.m, dest_reserve(&f.s), 0);
            assert_int_equal(f.s.placement, EXCLAIM_PLACEMENT_PRELOAD);
            assert_int_equal(f.s.match.shape, full ? EXCLAIM_MATCH_RENUMBERED : EXCLAIM_MATCH_SAME);
            restore(true);
            assert_true(f.s.placed.layout.used);
            assert_int_equal(f.s.placed.layout.kept_pages, PAGES);
            assert_int_equal(f.s.placed.layout.moved_pages, 0);
            assert_int_equal(f.s.placed.layout.split, unit < REGION ? PAGES / REGION : 0);
            assert_string_equal(f.s.placed.layout.why, "");
            assert_int_equal(f.s.placed.broken, 0);
            close_fixture();
        }
    }
}

/* No layout, or one that is not to be used: by count, exactly, and the report says why. */
static void not_handed_on(void **state)
{
    static const char *const why[] = {
        "the source sent no layout",
        "counted by console, which tells no frames of pages",
        "do not inflate",
        "pages were counted there",
        "of a PV guest",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(why); i++) {
        struct exclaim_packed_layout *layout = &f.s.res.layout;

        open_fixture(1 + (uint32_t)i * 100);
        if (i < 2) {
            exclaim_layout_pack(NULL, i ? why[i] : NULL, &f.s.res);
        } else if (i == 2) {
            layout->form = EXCLAIM_LAYOUT_ZLIB;
            layout->bytes[0] ^= 1;
        } else if (i == 3) {
            layout->hole_frames[1]++;
        } else {
            f.s.dom.hvm = false;
        }
        STEP(f.m, dest_reserve(&f.s), 0);
        restore(false);
        assert_false(f.s.placed.layout.used);
        if (!strstr(f.s.placed.layout.why, why[i])) {
            fail_msg("\"%s\" is not \"%s\"", f.s.placed.layout.why, why[i]);
        }
        close_fixture();
    }
}

/* The placing process was there and has not read it: said. */
static void not_read(void **state)
{
    (void)state;
    open_fixture(REGION);
    STEP(f.m, dest_reserve(&f.s), 0);
    atomic_store(&exclaim_ledger_at(f.s.ledger, f.s.slot)->state, EXCLAIM_ENTRY_PLACING);
    atomic_store(&exclaim_ledger_at(f.s.ledger, f.s.slot)->ended, 1);
    session_undo(&f.s, true);
    assert_string_equal(f.s.placed.layout.why, "the placing process did not read it");
    close_fixture();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept),
        cmocka_unit_test(not_handed_on),
        cmocka_unit_test(not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
