/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * At every step of either side: the toolstack cancels, closes its pipe, or one of the three
 * processes is killed.  With us between nothing hangs that would not hang without, and nothing of
 * ours is left.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "steps.h"

#define STEPS_MAX 40u

static struct scene s;

/* Lines but for progress, which comes as it likes. */
static void lines_of(const struct peer *p, char *text, size_t size)
{
    char *out = text, *at;
    char all[4096];

    scene_lines(p, all, sizeof(all));
    text[0] = '\0';
    for (at = strtok(all, "| "); at; at = strtok(NULL, "| ")) {
        if (!strstr(at, "info:")) {
            out += snprintf(out, size - (size_t)(out - text), "%s ", at);
        }
    }
}

static const struct peer *side(const struct scene *scene, bool restore)
{
    return restore ? &scene->dst : &scene->src;
}

/* One run with us on both sides; false when there is no such step. */
static bool run_at(enum steps_do what, unsigned int n, bool restore, unsigned int way)
{
    scene_init(&s);
    s.way = way;
    s.src.aware = s.dst.aware = true;
    /* Waiting for this long would be a hang to xenopsd's patience. */
    s.dst.conf = "peek_timeout_ms = 100000\n";
    *(restore ? &s.dst.at : &s.src.at) = steps_at(what, n);
    scene_run(&s);
    if (n >= STEPS_MAX) {
        fail_msg("there is no end of steps");
    }
    return side(&s, restore)->out->seen[0];
}

static void compare(enum steps_do what, unsigned int n, bool restore)
{
    char with[4096], without[4096];
    const struct peer *us = side(&s, restore), *bare;
    struct scene other;
    step_fn *again = steps_at(what, n);

    (void)again;
    scene_bare(&s, &other);
    bare = side(&other, restore);
    lines_of(us, with, sizeof(with));
    lines_of(bare, without, sizeof(without));
    /* How far a manager gets before it hears of it is its own affair. */
    if (us->out->outcome != bare->out->outcome || us->out->status != bare->out->status ||
        (strncmp(with, without, strlen(with)) != 0 &&
         strncmp(with, without, strlen(without)) != 0)) {
        fail_msg("step %u (%s): outcome %d (%s), lines \"%s\", status %x; without us %d (%s), "
                 "\"%s\", %x",
                 n, us->out->seen, (int)us->out->outcome, us->out->why, with,
                 (unsigned int)us->out->status, (int)bare->out->outcome, bare->out->why, without,
                 (unsigned int)bare->out->status);
    }
    scene_end(&other);
}

static void not_hung(const struct peer *p, const char *what, unsigned int n)
{
    if (p->out->outcome == OUTCOME_NONE || p->out->outcome == OUTCOME_HUNG) {
        fail_msg("%s at step %u (%s%s): %s", what, n, s.src.out->seen, s.dst.out->seen,
                 p->out->why);
    }
}

/* The manager has ended before xenopsd wrote to it: an error to xenopsd already. */
static bool dead_before(const struct peer *p)
{
    return strstr(p->out->why, "Broken pipe") || strstr(p->out->why, "not taken");
}

/* No line after it, exit 0, both as without us. */
static void aborted(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        for (unsigned int n = 0; run_at(STEPS_ABORT, n, restore, CHANNEL_UNIX); n++) {
            not_hung(&s.src, "abort", n);
            not_hung(&s.dst, "abort", n);
            compare(STEPS_ABORT, n, restore);
            assert_clean(&s);
            scene_end(&s);
        }
        scene_end(&s);
    }
}

/* While it waits for the stream to begin, which is a pipe without a byte. */
static void aborted_while_peeking(void **state)
{
    static const size_t holds[] = { LIBXC_AT, LIBXC_AT + 30, LIBXC_AT + 100 };

    (void)state;
    for (unsigned int way = 0; way < CHANNELS; way++) {
        for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
            unsigned int n = 1; /* @started, then @restore, @taken */

            do {
                scene_init(&s);
                s.way = way;
                s.src.aware = s.dst.aware = true;
                s.road.hold = holds[i];
                s.dst.conf = "peek_timeout_ms = 100000\n";
                s.dst.at = steps_at(STEPS_ABORT, n);
                scene_run(&s);
                assert_outcome(&s.dst, OUTCOME_ABORTED);
                assert_int_equal(s.dst.out->status, 0);
                assert_clean(&s);
                scene_end(&s);
            } while (n++ < 2);
        }
    }
}

/* While the source's pages are counted. */
static void aborted_while_counting(void **state)
{
    (void)state;
    for (unsigned int n = 3; n < 5; n++) { /* @started, info, prepare:xenguest, @done, @taken */
        scene_init(&s);
        s.src.aware = s.dst.aware = true;
        s.src.spec = "slow-count";
        s.src.at = steps_at(STEPS_ABORT, n);
        scene_run(&s);
        assert_string_equal(s.src.out->seen, n == 3 ? "@done" : "@taken");
        assert_outcome(&s.src, OUTCOME_ABORTED);
        assert_int_equal(s.src.out->status, 0);
        not_hung(&s.dst, "abort", n);
        assert_clean(&s);
        scene_end(&s);
    }
}

/* `error:` in its place, or as the manager words it. */
static void manager_killed(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        for (unsigned int n = 0; run_at(STEPS_KILL_MANAGER, n, restore, CHANNEL_UNIX); n++) {
            const struct peer *p = side(&s, restore);

            not_hung(&s.src, "killed manager", n);
            not_hung(&s.dst, "killed manager", n);
            if (p->out->outcome == OUTCOME_ERROR) {
                assert_non_null(strstr(p->out->why, "signal 9"));
            } else if (p->out->outcome != OUTCOME_DONE) {
                assert_outcome(p, OUTCOME_END);
                assert_true(dead_before(p));
            }
            assert_clean(&s);
            scene_end(&s);
        }
        scene_end(&s);
    }
}

static void xenguest_killed(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        for (unsigned int n = 0; run_at(STEPS_KILL_XENGUEST, n, restore, CHANNEL_UNIX); n++) {
            not_hung(&s.src, "killed xenguest", n);
            not_hung(&s.dst, "killed xenguest", n);
            if (side(&s, restore)->out->outcome == OUTCOME_END) {
                assert_true(dead_before(side(&s, restore)));
            } else if (side(&s, restore)->out->outcome != OUTCOME_DONE) {
                assert_non_null(strstr(side(&s, restore)->out->why, "error:"));
            }
            assert_clean(&s);
            scene_end(&s);
        }
        scene_end(&s);
    }
}

/* As when the manager is killed without us: the control pipe ends, nobody of ours lives on. */
static void supervisor_killed(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        for (unsigned int n = 0; run_at(STEPS_KILL_SUPERVISOR, n, restore, CHANNEL_UNIX); n++) {
            const struct peer *p = side(&s, restore);
            struct exclaim_host host;
            struct exclaim_hv *hv;
            struct model *m;
            int lock;

            if (p->out->outcome == OUTCOME_HUNG) { /* the reader waits, as ever */
                assert_non_null(strstr(p->out->why, "the reader waits"));
            }
            assert_int_not_equal(s.src.out->outcome, OUTCOME_NONE);
            assert_int_not_equal(s.dst.out->outcome, OUTCOME_NONE);
            /* Not for a process that lives on and keeps its pipe. */
            assert_null(strstr(p->out->why, "does not end"));
            /* The toolstack destroys the domain; then nothing is left. */
            m = host_lock(s.dst.model, &lock);
            model_destroy(m, DST_DOMID);
            host_unlock(s.dst.model, m, lock);
            assert_int_equal(host_open(s.dst.model, &hv, NULL), 0);
            assert_int_equal(hv->ops->host(hv, &host, NULL), 0);
            hv->ops->close(hv);
            assert_int_equal(host.outstanding_pages, 0);
            assert_int_equal(host.free_pages, 2 * NODE_SIZE);
            assert_clean(&s);
            scene_end(&s);
        }
        scene_end(&s);
    }
}

static void control_closed(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        for (unsigned int n = 0; run_at(STEPS_CLOSE_IN, n, restore, CHANNEL_UNIX); n++) {
            not_hung(&s.src, "control-in closed", n);
            not_hung(&s.dst, "control-in closed", n);
            assert_clean(&s);
            scene_end(&s);
        }
        scene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aborted),
        cmocka_unit_test(aborted_while_peeking),
        cmocka_unit_test(aborted_while_counting),
        cmocka_unit_test(manager_killed),
        cmocka_unit_test(xenguest_killed),
        cmocka_unit_test(supervisor_killed),
        cmocka_unit_test(control_closed),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
