/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fakes among themselves, without us: a migration works on every kind of stream, and each way
 * to fail has the consequence that the real ones have.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

static const char saved[] =
    "info:\\b\\b\\b\\b0 | prepare:xenguest | info:\\b\\b\\b\\b86 | suspend: | "
    "result:0 0";
static const char suspended[] = "suspend: | prepare:xenguest | result:0 0";

static void assert_lines(const struct peer *p, const char *want)
{
    char text[4096];

    scene_lines(p, text, sizeof(text));
    assert_string_equal(text, want);
}

static void works(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < WAYS * 4u; i++) {
        struct scene s;

        scene_init(&s);
        s.way = i / 4;
        s.live = i & 1;
        s.src.spec = s.dst.spec = i & 2 ? "xcp" : NULL;
        scene_run(&s);
        assert_migrated(&s);
        assert_lines(&s.src, s.live ? saved : suspended);
        assert_lines(&s.dst, "result:xenguest 1044476 1044477");
        scene_end(&s);
    }
}

static void works_for_pv_and_vgpu(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.pv = true;
    scene_run(&s);
    assert_migrated(&s);
    scene_end(&s);
    for (int first = 0; first < 2; first++) {
        scene_init(&s);
        s.vgpu = true;
        s.vgpu_first = first;
        scene_run(&s);
        assert_migrated(&s);
        assert_non_null(strstr(s.dst.out->line[first ? 0 : 1], "result:"));
        scene_end(&s);
    }
}

/* Facts of the real ones: what xenopsd sees, and what the manager exits with. */
static void failures(void **state)
{
    static const struct {
        const char *spec, *lines;
        enum outcome outcome;
        int code;
    } cases[] = {
        { "exit1", "", OUTCOME_END, 1 },
        { "silent", "", OUTCOME_HUNG, 3 }, /* the trap */
        { "killed", "", OUTCOME_HUNG, 1000 + SIGKILL },
        { "error", "error:xc_domain_restore 22 Invalid argument", OUTCOME_ERROR, 2 },
        { "xcp,error", "error:xc_domain_restore 22 Invalid argument", OUTCOME_ERROR, 1 },
        { "xenguest-dies", "error:xenguest was killed by a signal", OUTCOME_ERROR, 2 },
        { "xcp,xenguest-dies", "error:xenguest Invalid argument", OUTCOME_ERROR, 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct scene s;
        int status;

        scene_init(&s);
        s.dst.spec = cases[i].spec;
        scene_run(&s);
        /* Whether the first has ended before restore:xenguest is written is a race. */
        if (i || s.dst.out->outcome != OUTCOME_HUNG) {
            assert_outcome(&s.dst, cases[i].outcome);
        }
        assert_lines(&s.dst, cases[i].lines);
        status = s.dst.out->status;
        assert_int_equal(WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status),
                         cases[i].code);
        scene_end(&s);
    }
}

static enum act abort_at_prepare(struct xenopsd *x, const char *step)
{
    (void)x;
    return strcmp(step, "prepare:xenguest") ? ACT_GO : ACT_ABORT;
}

static enum act abort_at_once(struct xenopsd *x, const char *step)
{
    (void)x;
    return strcmp(step, "@started") ? ACT_GO : ACT_ABORT;
}

static void aborts_without_a_line(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.src.at = abort_at_prepare;
    scene_run(&s);
    assert_outcome(&s.src, OUTCOME_ABORTED);
    assert_lines(&s.src, "info:\\b\\b\\b\\b0 | prepare:xenguest");
    assert_int_equal(s.src.out->status, 0);
    assert_outcome(&s.dst, OUTCOME_BAD); /* its stream ends */
    scene_end(&s);

    scene_init(&s);
    s.dst.at = abort_at_once;
    scene_run(&s);
    assert_outcome(&s.dst, OUTCOME_ABORTED);
    assert_lines(&s.dst, "");
    assert_int_equal(s.dst.out->status, 0);
    scene_end(&s);
}

static void unknown_arguments(void **state)
{
    static const char *const flags[] = { "-frobnicate", "1", NULL };
    struct scene s;

    (void)state;
    scene_init(&s);
    s.compress = true;
    scene_run(&s);
    assert_outcome(&s.src, OUTCOME_END);
    assert_int_equal(WEXITSTATUS(s.src.out->status), 1);
    scene_end(&s);

    scene_init(&s);
    s.dst.extra = flags;
    scene_run(&s);
    /* Whether it has ended before restore:xenguest is written is a race. */
    if (s.dst.out->outcome != OUTCOME_HUNG) {
        assert_outcome(&s.dst, OUTCOME_END);
    }
    scene_end(&s);

    /* XCP: an argument that its xenguest does not know. */
    scene_init(&s);
    s.dst.spec = "xcp";
    s.dst.mem_pnode = "0";
    scene_run(&s);
    if (s.dst.out->outcome != OUTCOME_HUNG) {
        assert_outcome(&s.dst, OUTCOME_END);
    }
    assert_lines(&s.dst, "");
    assert_int_equal(WEXITSTATUS(s.dst.out->status), 1);
    scene_end(&s);
}

/* The road's accidents show where they should. */
static void roads(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.way = CHANNEL_TCP;
    s.road.dribble = 2000;
    scene_run(&s);
    assert_migrated(&s);
    scene_end(&s);

    scene_init(&s);
    s.road.cut = LIBXC_AT + 5000;
    scene_run(&s);
    assert_outcome(&s.dst, OUTCOME_ERROR);
    scene_end(&s);

    scene_init(&s);
    s.road.flip = LIBXC_AT + 50000;
    scene_run(&s);
    assert_outcome(&s.dst, OUTCOME_ERROR);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works),
        cmocka_unit_test(works_for_pv_and_vgpu),
        cmocka_unit_test(failures),
        cmocka_unit_test(aborts_without_a_line),
        cmocka_unit_test(unknown_arguments),
        cmocka_unit_test(roads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
