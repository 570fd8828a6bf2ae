/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor in want of everything: each of its allocations fails once, all from one on fail,
 * descriptors and address space run out.  Under `prefer` the migration goes as without it, under
 * `strict` the VM arrives with all that was asked or is refused; nothing hangs, nothing stays
 * claimed.  The manager under it is not in want: it must be started with what there is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scene.h"

#define STRICT   "policy = strict\n"
#define PATIENCE 20000

static char preload[600], fail_at[40], fail_more[40];

static bool arrived(const struct scene *s)
{
    return s->src.out->outcome == OUTCOME_DONE && s->dst.out->outcome == OUTCOME_DONE;
}

static void dump(const struct peer *p)
{
    char lines[4096];

    scene_lines(p, lines, sizeof(lines));
    print_error("outcome %d: %s\nlines: %s\n", (int)p->out->outcome, p->out->why, lines);
}

/* As the policy says, whatever was lacking. */
static void assert_as_asked(const struct scene *s, bool strict, const char *where)
{
    const bool hung = s->src.out->outcome == OUTCOME_HUNG || s->dst.out->outcome == OUTCOME_HUNG;

    if (hung || (!strict && !arrived(s))) {
        dump(&s->src);
        dump(&s->dst);
        fail_msg("%s: %s", where, hung ? "somebody waits for ever" : "it did not arrive");
    }
    if (arrived(s)) {
        assert_migrated(s);
        if (strict && strcmp(scene_report(&s->dst, "guarantee"), "host") != 0) {
            char *report = scene_file(&s->dst, "reports");

            fail_msg("%s: strict let it in: %s", where, *report ? report : "without a report");
        }
    } else if (s->dst.out->outcome != OUTCOME_ERROR) {
        dump(&s->dst);
        fail_msg("%s: refused without an error: line", where);
    }
    assert_clean(s);
}

static void start(struct scene *s, bool strict)
{
    scene_init(s);
    s->pages[0] = 300; /* one node, which affinity places as strict wants it */
    s->pages[1] = 0;
    s->patience_ms = PATIENCE;
    s->src.aware = s->dst.aware = true;
    s->dst.conf = strict ? STRICT : NULL;
}

static void every_allocation(bool save, bool strict, long more)
{
    long at = 0;
    bool seen = true;
    char where[100];

    for (; seen; at++) {
        struct scene s;
        struct peer *p = save ? &s.src : &s.dst;
        char mark[120], seen_at[140];

        start(&s, strict);
        snprintf(mark, sizeof(mark), "/tmp/exclaim-lack-%ld", (long)getpid());
        snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", program("FAILMALLOC"));
        snprintf(fail_at, sizeof(fail_at), "FAIL_AT=%ld", at);
        snprintf(fail_more, sizeof(fail_more), "FAIL_MORE=%ld", more);
        snprintf(seen_at, sizeof(seen_at), "FAIL_SEEN=%s", mark);
        unlink(mark);
        p->lack[0] = preload;
        p->lack[1] = fail_at;
        p->lack[2] = fail_more;
        p->lack[3] = seen_at;
        p->lack[4] = "FAIL_EXE=" EXE_SUPERVISOR;
        snprintf(where, sizeof(where), "%s, %s, allocation %ld%s", save ? "save" : "restore",
                 strict ? "strict" : "prefer", at, more ? " and all after it" : "");
        scene_run(&s);
        assert_as_asked(&s, strict, where);
        scene_end(&s);
        seen = !access(mark, F_OK);
        unlink(mark);
    }
    print_message("%s: %ld allocations\n", save ? "save" : "restore", at - 1);
    assert_true(at > 6); /* or nothing was tried */
}

static void memory_save(void **state)
{
    (void)state;
    every_allocation(true, false, 0);
    every_allocation(true, false, -1);
}

static void memory_restore(void **state)
{
    (void)state;
    every_allocation(false, false, 0);
    every_allocation(false, false, -1);
}

static void memory_strict(void **state)
{
    (void)state;
    every_allocation(false, true, 0);
    every_allocation(false, true, -1);
}

/* One side within these limits, or both without us: whether that arrives. */
static bool within(bool save, rlim_t files, rlim_t space, bool aware, bool strict,
                   const char *where)
{
    struct scene s;
    struct peer *p = save ? &s.src : &s.dst;
    bool ok;

    start(&s, strict);
    s.src.aware = s.dst.aware = aware;
    p->files = files;
    p->space = space;
    scene_run(&s);
    if (aware) {
        assert_as_asked(&s, strict, where);
    }
    ok = arrived(&s);
    scene_end(&s);
    return ok;
}

static void descriptors(void **state)
{
    char where[60];

    (void)state;
    for (int save = 0; save < 2; save++) {
        rlim_t least = 7; /* 4, 5 and 6 are xenopsd's */

        while (!within(save, least, 0, false, false, "")) {
            least++;
            assert_true(least < 64);
        }
        for (rlim_t files = least; files < least + 16; files++) {
            snprintf(where, sizeof(where), "%s, %ju descriptors (%ju without us)",
                     save ? "save" : "restore", (uintmax_t)files, (uintmax_t)least);
            within(save, files, 0, true, false, where);
            if (!save) {
                within(save, files, 0, true, true, where);
            }
        }
    }
}

/* From where the manager alone has room enough up to where there is enough for both. */
static void address_space(void **state)
{
    const rlim_t step = 256 << 10;
    char where[60];

    (void)state;
    for (int save = 0; save < 2; save++) {
        rlim_t space = 2 << 20;

        while (!within(save, 0, space, false, false, "")) {
            space += step;
            assert_true(space < 1u << 30);
        }
        for (unsigned int i = 0; i < 24; i++, space += step) {
            snprintf(where, sizeof(where), "%s, %ju bytes", save ? "save" : "restore",
                     (uintmax_t)space);
            within(save, 0, space, true, false, where);
            if (!save) {
                within(save, 0, space, true, true, where);
            }
        }
    }
}

int main(void)
{
    const char *preloaded = getenv("FAILMALLOC");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors),   cmocka_unit_test(address_space),
        cmocka_unit_test(memory_save),   cmocka_unit_test(memory_restore),
        cmocka_unit_test(memory_strict),
    };

    if (!preloaded || !*preloaded) {
        return 77; /* a sanitizer has malloc */
    }
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
