/* SPDX-License-Identifier: BSD-2-Clause */
/* Streams as a bad network or a hostile peer gives them, and what policy makes of them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "scene.h"

#define RECORD_AT (LIBXC_AT + 40)

static struct scene s;

static void start(unsigned int way)
{
    scene_init(&s);
    s.way = way;
    s.src.aware = s.dst.aware = true;
}

/* Byte by byte through all that is peeked at. */
static void slow_writer(void **state)
{
    (void)state;
    for (unsigned int way = 0; way < CHANNELS; way++) {
        start(way);
        s.road.dribble = LIBXC_AT + 300;
        scene_run(&s);
        assert_migrated(&s);
        assert_string_equal(scene_report(&s.dst, "claimed_pages"), "300");
        assert_clean(&s);
        scene_end(&s);
    }
}

/* The stream ends at any place: it is xenguest who says so, or xenopsd; never a hang, no claim. */
static void early_close(void **state)
{
    static const size_t at[] = {
        1,
        15,
        40,
        LIBXC_AT - 1,
        LIBXC_AT,
        LIBXC_AT + 1,
        LIBXC_AT + 39,
        RECORD_AT,
        RECORD_AT + 8,
        RECORD_AT + 31,
        RECORD_AT + 60,
        RECORD_AT + 110,
        RECORD_AT + 5000,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(at) * CHANNELS; i++) {
        start((unsigned int)(i % CHANNELS));
        s.road.cut = at[i / CHANNELS];
        scene_run(&s);
        assert_true(s.dst.out->outcome == OUTCOME_ERROR || s.dst.out->outcome == OUTCOME_BAD);
        assert_int_not_equal(s.src.out->outcome, OUTCOME_HUNG);
        assert_clean(&s);
        scene_end(&s);
    }
}

/* Inverted bytes of the record: seen, said, and under `prefer` of no consequence to the guest. */
static void damaged_record(void **state)
{
    static const size_t at[] = { 8, 15, 16, 20, 24, 28, 32, 40, 60, 90 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        start(CHANNEL_UNIX);
        s.road.flip = RECORD_AT + at[i];
        scene_run(&s);
        assert_migrated(&s);
        assert_string_equal(scene_report(&s.dst, "claimed_pages"), i == 5 ? "300" : "0");
        assert_clean(&s);
        scene_end(&s);
    }
}

/* The record's header itself: whatever xenguest makes of it, it ends. */
static void damaged_header(void **state)
{
    (void)state;
    for (size_t at = LIBXC_AT; at < RECORD_AT + 8; at++) {
        start(at & 1 ? CHANNEL_UNIX : CHANNEL_PIPE);
        s.road.flip = at;
        scene_run(&s);
        assert_int_not_equal(s.dst.out->outcome, OUTCOME_HUNG);
        assert_int_not_equal(s.dst.out->outcome, OUTCOME_NONE);
        assert_int_not_equal(s.src.out->outcome, OUTCOME_HUNG);
        assert_clean(&s);
        scene_end(&s);
    }
}

/* Nobody begins to send: the time limit passes, xenguest is left to wait on. */
static void late_writer(void **state)
{
    (void)state;
    start(CHANNEL_UNIX);
    s.src.aware = false;
    s.dst.conf = "peek_timeout_ms = 1\n";
    s.road.dribble = LIBXC_AT + 60;
    scene_run(&s);
    assert_migrated(&s);
    assert_string_equal(scene_report(&s.dst, "claimed_pages"), "0");
    scene_end(&s);
}

/* A pipe that has room for xenopsd's record and not for ours. */
static enum act fill_pipe(struct xenopsd *x, const char *step)
{
    if (!strcmp(step, "prepare:xenguest")) {
        /* One buffer, and each write() in a buffer of its own. */
        if (fcntl(x->stream, F_SETPIPE_SZ, 4096) < 0 || fcntl(x->stream, F_SETFL, O_DIRECT)) {
            snprintf(x->out->seen, sizeof(x->out->seen), "%s", strerror(errno));
        }
    }
    if (!strcmp(step, "@taken")) {
        struct pollfd p = { .fd = x->stream, .events = POLLOUT };

        poll(NULL, 0, 200); /* time to come as far as the write, if not on a busy machine */
        snprintf(x->out->seen, sizeof(x->out->seen), "%d", poll(&p, 1, 0));
        return ACT_ABORT;
    }
    return ACT_GO;
}

/* Nobody reads: cancelled at once, with nothing written, and never blocked in a write(). */
static void stuck_writer(void **state)
{
    (void)state;
    start(CHANNEL_PIPE);
    s.road.hold = LIBXC_AT - 16;
    s.src.at = fill_pipe;
    scene_run(&s);
    assert_outcome(&s.src, OUTCOME_ABORTED);
    assert_string_equal(s.src.out->seen, "0"); /* no room, indeed */
    assert_int_equal(s.src.out->status, 0);
    assert_true(atoi(scene_report(&s.src, "record_bytes")) == 0);
    assert_outcome(&s.dst, OUTCOME_BAD);
    scene_end(&s);
}

/* --- policy --- */

static void assert_refused(const char *why)
{
    struct model_view view = scene_domain(&s.dst, DST_DOMID);
    char *restored = scene_file(&s.dst, "restored"), *control = scene_file(&s.dst, "control");

    assert_outcome(&s.dst, OUTCOME_ERROR);
    assert_int_equal(view.total, 0); /* before the first page */
    assert_string_equal(restored, "");
    assert_null(strstr(control, "restore")); /* the manager never heard of it */
    assert_string_equal(scene_report(&s.dst, "outcome"), "refused");
    if (!strstr(scene_report(&s.dst, "error"), why)) {
        fail_msg("\"%s\" is not in %s", why, scene_report(&s.dst, "error"));
    }
    assert_true(strlen(s.dst.out->why) < 128);
    assert_int_not_equal(WEXITSTATUS(s.dst.out->status), 1); /* never used */
    assert_int_not_equal(s.src.out->outcome, OUTCOME_HUNG);
    assert_clean(&s);
    free(restored);
    free(control);
}

static void fill_host(struct scene *scene)
{
    int lock;
    struct model *m = host_lock(scene->dst.model, &lock);

    model_create(m, 77, &(struct model_domain_config){ .hvm = true, .nr_vcpus = 1 });
    model_set_max(m, 77, 100000);
    model_populate(m, 77, NODE_SIZE - 50, 0, MODEL_MEMF_EXACT_NODE(0));
    model_populate(m, 77, NODE_SIZE - 50, 0, MODEL_MEMF_EXACT_NODE(1));
    host_unlock(scene->dst.model, m, lock);
}

static void strict_refuses(void **state)
{
    (void)state;
    for (unsigned int way = 0; way < CHANNELS; way++) {
        start(way);
        s.dst.conf = "policy = strict\n";
        s.prepare = fill_host;
        scene_run(&s);
        assert_refused("short by");
        scene_end(&s);

        start(way);
        s.src.aware = false;
        s.dst.conf = "policy = strict\n";
        scene_run(&s);
        assert_refused("without a reservation");
        scene_end(&s);
    }
}

/* The same under `prefer`: the migration goes its way, and fails for want of memory by itself. */
static void prefer_goes_on(void **state)
{
    (void)state;
    start(CHANNEL_UNIX);
    s.prepare = fill_host;
    scene_run(&s);
    assert_as_without_us(&s);
    assert_string_equal(scene_report(&s.dst, "claimed_pages"), "0");
    assert_clean(&s);
    scene_end(&s);
}

static void observe_only_reports(void **state)
{
    (void)state;
    start(CHANNEL_UNIX);
    s.dst.conf = "policy = observe\n";
    scene_run(&s);
    assert_migrated(&s);
    assert_as_without_us(&s);
    assert_string_equal(scene_report(&s.dst, "claimed_pages"), "0");
    assert_string_not_equal(scene_report(&s.dst, "got"), "");
    scene_end(&s);
}

/* A suspend image is none of strict's: no migration is decided here. */
static void suspend_image(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        start(VIA_FILE);
        s.live = false;
        s.src.conf = s.dst.conf = i == 0 ? "policy = strict\n" : i == 1 ? "policy = observe\n" : "";
        scene_run(&s);
        assert_migrated(&s);
        assert_as_without_us(&s);
        scene_end(&s);
    }
}

/* Whatever of ours is broken, `prefer` lets the migration through. */
static void broken_surroundings(void **state)
{
    static const char *const confs[] = {
        "lock_dir = /proc/nowhere\n",
        "lock_dir = /dev/null\n",
        "report_file = /dev/full\n",
        "report_file = /\n",
        "nonsense\n",
        "policy = perhaps\n",
        "peek_timeout_ms = 0\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(confs); i++) {
        start(CHANNEL_UNIX);
        s.src.conf = s.dst.conf = confs[i];
        scene_run(&s);
        assert_migrated(&s);
        assert_as_without_us(&s);
        assert_int_equal(scene_domain(&s.dst, DST_DOMID).outstanding, 0);
        scene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_writer),          cmocka_unit_test(early_close),
        cmocka_unit_test(damaged_record),       cmocka_unit_test(damaged_header),
        cmocka_unit_test(late_writer),          cmocka_unit_test(stuck_writer),
        cmocka_unit_test(strict_refuses),       cmocka_unit_test(prefer_goes_on),
        cmocka_unit_test(observe_only_reports), cmocka_unit_test(suspend_image),
        cmocka_unit_test(broken_surroundings),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
