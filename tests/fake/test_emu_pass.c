/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What goes through the supervisor: the same lines in the same order, the same arguments, the
 * guest's bytes and xenopsd's own records, on every kind of stream and with each peer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"
#include "scene.h"

static uint32_t optional_records(const struct peer *p)
{
    char *text = scene_file(p, "restored");
    uint32_t n = 99;

    sscanf(text, "%*u pages, %u optional", &n);
    free(text);
    return n;
}

/* The table: way, live or not, which make, who has us. */
static void as_without_us(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < WAYS * 16u; i++) {
        const unsigned int who = i & 3;
        struct scene s;
        char text[2048];

        if (!who) {
            continue;
        }
        scene_init(&s);
        s.way = i >> 4;
        s.live = i & 4;
        s.src.spec = s.dst.spec = i & 8 ? "xcp" : NULL;
        s.src.aware = who & 1;
        s.dst.aware = who & 2;
        scene_run(&s);
        assert_migrated(&s);
        assert_as_without_us(&s);
        assert_clean(&s);
        assert_int_equal(optional_records(&s.dst), s.src.aware && s.live);
        if (s.src.aware) {
            assert_string_equal(scene_report(&s.src, "outcome"), s.live ? "sent" : "passed");
        }
        if (s.dst.aware && s.src.aware && s.live) {
            assert_string_equal(scene_report(&s.dst, "outcome"), "done");
            assert_string_equal(scene_report(&s.dst, "claimed_pages"), "300");
            scene_infos(&s.dst, text, sizeof(text));
            assert_non_null(strstr(text, "info:exclaim: 300 pages"));
        } else if (s.dst.aware) {
            assert_string_equal(scene_report(&s.dst, "claimed_pages"), "0");
        }
        scene_end(&s);
    }
}

/* Nothing of ours starts with what xenopsd takes for progress. */
static void infos_are_no_progress(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.src.aware = s.dst.aware = true;
    scene_run(&s);
    for (uint32_t i = 0; i < s.src.out->nr; i++) {
        const char *line = s.src.out->line[i];

        if (!strncmp(line, "info:exclaim", 12)) {
            assert_null(strstr(line, "\\b"));
        }
    }
    scene_end(&s);
}

static void pv(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.pv = true;
    s.src.aware = s.dst.aware = true;
    scene_run(&s);
    assert_migrated(&s);
    assert_as_without_us(&s);
    assert_int_equal(optional_records(&s.dst), 1);
    scene_end(&s);
}

static void make_other_type(struct scene *s)
{
    int lock;
    struct model *m = host_lock(s->src.model, &lock);

    model_find(m, SRC_DOMID)->hvm = false;
    host_unlock(s->src.model, m, lock);
}

static void make_other_type_there(struct scene *s)
{
    int lock;
    struct model *m = host_lock(s->dst.model, &lock);

    model_find(m, DST_DOMID)->hvm = false;
    host_unlock(s->dst.model, m, lock);
}

/* The mode says HVM, Xen says PV: headers of either kind could be wrong, so there are none. */
static void other_type(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.src.aware = s.dst.aware = true;
    s.prepare = make_other_type;
    scene_run(&s);
    assert_migrated(&s);
    assert_int_equal(optional_records(&s.dst), 0);
    assert_string_equal(scene_report(&s.src, "outcome"), "passed");
    assert_string_not_equal(scene_report(&s.src, "why"), "");
    scene_end(&s);

    scene_init(&s);
    s.src.aware = s.dst.aware = true;
    s.prepare = make_other_type_there;
    scene_run(&s);
    assert_migrated(&s);
    assert_string_equal(scene_report(&s.dst, "claimed_pages"), "0");
    assert_string_not_equal(scene_report(&s.dst, "why"), "");
    assert_clean(&s);
    scene_end(&s);
}

static void vgpu(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct scene s;

        scene_init(&s);
        s.vgpu = true;
        s.vgpu_first = first; /* restore:vgpu before restore:xenguest */
        s.src.aware = s.dst.aware = true;
        scene_run(&s);
        assert_migrated(&s);
        assert_as_without_us(&s);
        assert_int_equal(optional_records(&s.dst), 1);
        assert_string_equal(scene_report(&s.dst, "outcome"), "done");
        scene_end(&s);
    }
}

/* Arguments in every form that getopt_long_only takes, and such as we do not know. */
static void arguments(void **state)
{
    static const char *const extras[][5] = {
        { "--live=true" },
        { "-live=true" },
        { "--fork", "true" },
        { "-debuglog", "true" },
        { "-debug", "true" },
        { "-traceparent=a-b" },
        { "-supports", "anything" },
        { "-frobnicate", "1" },
        { "stray" },
        { "-compress=true" },
        { "-mem_pnode", "1" },
        { "-live" },
        { "-fd" },
        { "-domid", "x" },
        { "--", "-live" },
        { "-dm", "vgpu:77" },
        { "-dm", "demu" },
        { "-" },
        { "" },
        { "-live", "true", "-live", "true" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(extras) * 2; i++) {
        const bool xcp = i & 1;
        struct scene s;

        scene_init(&s);
        s.src.aware = true;
        s.src.spec = xcp ? "xcp" : NULL;
        s.src.extra = extras[i / 2];
        scene_run(&s);
        if (s.src.out->outcome == OUTCOME_DONE) {
            assert_as_without_us(&s);
        } else {
            struct scene bare;
            char *a = scene_file(&s.src, "argv"), *b;

            /* It ended at once without a line; with us there may be one that says so. */
            scene_bare(&s, &bare);
            b = scene_file(&bare.src, "argv");
            assert_string_equal(a, b);
            assert_int_not_equal(bare.src.out->outcome, OUTCOME_DONE);
            assert_true(s.src.out->outcome == OUTCOME_ERROR || s.src.out->outcome == OUTCOME_END);
            free(a);
            free(b);
            scene_end(&bare);
        }
        scene_end(&s);
    }
}

/* The manager refuses the option; we neither hide it nor write a record for a format unknown. */
static void compress(void **state)
{
    struct scene s;
    char *argv;

    (void)state;
    scene_init(&s);
    s.compress = true;
    s.src.aware = true;
    scene_run(&s);
    argv = scene_file(&s.src, "argv");
    assert_non_null(strstr(argv, "-compress\ntrue\n"));
    free(argv);
    assert_true(s.src.out->outcome == OUTCOME_ERROR || s.src.out->outcome == OUTCOME_END);
    assert_string_equal(scene_report(&s.src, "outcome"), "passed");
    scene_end(&s);
}

/* PATH alone, and no descriptor but those that xenopsd gave. */
static void surroundings(void **state)
{
    const struct peer *sides[2];
    struct scene s;

    (void)state;
    scene_init(&s);
    s.src.aware = s.dst.aware = true;
    s.vgpu = true;
    scene_run(&s);
    assert_migrated(&s);
    sides[0] = &s.src;
    sides[1] = &s.dst;
    for (int i = 0; i < 2; i++) {
        char *fds = scene_file(sides[i], "fds"), *env = scene_file(sides[i], "environ");

        assert_string_equal(fds, "0\n1\n2\n4\n5\n6\n7\n");
        assert_int_equal(strncmp(env, "PATH=", 5), 0);
        for (char *at = strchr(env, '\n') + 1; *at; at = strchr(at, '\n') + 1) {
            assert_int_equal(strncmp(at, "EXCLAIM_", 8), 0); /* the test's own */
        }
        free(fds);
        free(env);
    }
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_without_us),
        cmocka_unit_test(infos_are_no_progress),
        cmocka_unit_test(pv),
        cmocka_unit_test(other_type),
        cmocka_unit_test(vgpu),
        cmocka_unit_test(arguments),
        cmocka_unit_test(compress),
        cmocka_unit_test(surroundings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
