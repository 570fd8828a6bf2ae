/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds what: a process that keeps the stream keeps the peer waiting, one that keeps
 * control-out keeps xenopsd waiting.  Seen from /proc while xenopsd lets everybody wait.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"
#include "wire.h"

/* @fd comes to be held by exactly @want, which may take the others a moment; or by nobody at all
 * any more, where @ended. */
static void expect(struct xenopsd *x, const char *step, const char *what, int fd, const char *want,
                   bool ended)
{
    const int64_t end = wire_now() + 10000;
    char text[400];

    do {
        xenopsd_holders(fd, text, sizeof(text));
        if (!strcmp(text, want) || (ended && !text[0])) {
            return;
        }
        poll(NULL, 0, 5);
    } while (wire_now() < end);
    if (!x->out->seen[0]) {
        snprintf(x->out->seen, sizeof(x->out->seen), "at %s: %s is held by \"%s\", not \"%s\"",
                 step, what, text, want);
    }
}

#define US   EXE_SUPERVISOR
#define REAL EXE_MANAGER

static enum act look_save(struct xenopsd *x, const char *step)
{
    if (!strcmp(step, "prepare:xenguest") || !strcmp(step, "suspend:") ||
        !strcmp(step, "prepare:vgpu")) {
        expect(x, step, "control-out", x->control, US ":w", false);
        expect(x, step, "control-in", x->in, US ":r", false);
    }
    if (!strcmp(step, "suspend:")) {
        expect(x, step, "the stream", x->stream, EXE_XENGUEST ":rw", false);
    }
    if (!strcmp(step, "prepare:vgpu")) {
        expect(x, step, "vGPU's", x->vgpu, REAL ":rw", false);
    }
    return ACT_GO;
}

static enum act look_restore(struct xenopsd *x, const char *step)
{
    if (!strcmp(step, "@started") && x->vgpu >= 0) {
        expect(x, step, "vGPU's", x->vgpu, REAL ":rw", false);
    }
    if (!strncmp(step, "result:xenguest", 15)) {
        /* xenguest has ended by now, or soon; xenopsd reads on from here. */
        expect(x, step, "the stream", x->stream, "", false);
    }
    if (!strncmp(step, "result:", 7)) {
        expect(x, step, "control-out", x->control, US ":w", true);
    }
    return ACT_GO;
}

static void run_one(unsigned int way, bool vgpu)
{
    struct scene s;

    scene_init(&s);
    s.way = way;
    s.vgpu = vgpu;
    s.src.aware = s.dst.aware = true;
    s.src.at = look_save;
    s.dst.at = look_restore;
    scene_run(&s);
    assert_migrated(&s);
    assert_string_equal(s.src.out->seen, "");
    assert_string_equal(s.dst.out->seen, "");
    scene_end(&s);
}

static void sockets(void **state)
{
    (void)state;
    run_one(CHANNEL_UNIX, false);
    run_one(CHANNEL_TCP, false);
}

static void vgpu_too(void **state)
{
    (void)state;
    run_one(CHANNEL_UNIX, true);
}

/*
 * The counts are read by a process that goes on when we have ended, here for longer than xenopsd
 * has patience: it must hold nothing.
 */
static void verified_later(void **state)
{
    (void)state;
    for (int vgpu = 0; vgpu < 2; vgpu++) {
        struct scene s;

        scene_init(&s);
        s.vgpu = vgpu;
        s.src.aware = s.dst.aware = true;
        s.dst.conf = "verify_paused_max_pages = 0\n";
        s.dst.spec = "slow-count";
        s.dst.at = look_restore;
        scene_run(&s);
        assert_migrated(&s);
        assert_string_equal(s.dst.out->seen, "");
        assert_string_equal(scene_report(&s.dst, "outcome"), ""); /* it still counts */
        scene_end(&s);
    }
}

/* It stays out of a suspend image, and of the stream from the start. */
static enum act look_suspend(struct xenopsd *x, const char *step)
{
    if (!strcmp(step, "suspend:")) {
        expect(x, step, "the stream", x->stream, EXE_XENGUEST ":w", false);
        expect(x, step, "control-out", x->control, US ":w", false);
    }
    return ACT_GO;
}

static void suspend_image(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    s.way = VIA_FILE;
    s.live = false;
    s.src.aware = s.dst.aware = true;
    s.src.at = look_suspend;
    scene_run(&s);
    assert_migrated(&s);
    assert_string_equal(s.src.out->seen, "");
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets),
        cmocka_unit_test(vgpu_too),
        cmocka_unit_test(verified_later),
        cmocka_unit_test(suspend_image),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
