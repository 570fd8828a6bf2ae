/* SPDX-License-Identifier: BSD-2-Clause */
/* emu-managers that fail, in every way that they know, on either side. */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "scene.h"
#include "wire.h"

static struct scene s;

static void start(const char *src, const char *dst)
{
    scene_init(&s);
    s.src.aware = s.dst.aware = true;
    s.src.spec = src;
    s.dst.spec = dst;
}

static bool last_line(const struct peer *p, const char *text)
{
    return p->out->nr && strstr(p->out->line[p->out->nr - 1], text);
}

/* The trap: an end without a line after restore:xenguest would have xenopsd wait for ever. */
static void silent_death(void **state)
{
    static const struct {
        const char *spec, *word;
    } cases[] = {
        { "silent", "3" },     { "killed", "signal 9" },
        { "xcp,silent", "3" }, { "xcp,killed", "signal 9" },
        { "exit1", "1" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        start(NULL, cases[i].spec);
        scene_run(&s);
        if (i < 4 || s.dst.out->outcome != OUTCOME_END) {
            assert_outcome(&s.dst, OUTCOME_ERROR);
            assert_true(last_line(&s.dst, cases[i].word));
        }
        assert_int_not_equal(s.src.out->outcome, OUTCOME_HUNG);
        assert_clean(&s);
        scene_end(&s);
    }
}

/* On the source too: a line instead of End_of_file, which xapi would try three times. */
static void silent_death_of_save(void **state)
{
    (void)state;
    start("exit1", NULL);
    scene_run(&s);
    assert_outcome(&s.src, OUTCOME_ERROR);
    assert_int_not_equal(s.dst.out->outcome, OUTCOME_HUNG);
    assert_clean(&s);
    scene_end(&s);
}

/* What the managers say themselves goes through as it is, and is not said twice. */
static void own_words(void **state)
{
    static const char *const specs[] = { "error", "xcp,error", "xenguest-dies",
                                         "xcp,xenguest-dies" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        start(NULL, specs[i]);
        scene_run(&s);
        assert_outcome(&s.dst, OUTCOME_ERROR);
        assert_as_without_us(&s);
        assert_clean(&s);
        scene_end(&s);
        start(specs[i], NULL);
        scene_run(&s);
        assert_int_not_equal(s.src.out->outcome, OUTCOME_HUNG);
        assert_int_not_equal(s.dst.out->outcome, OUTCOME_HUNG);
        assert_clean(&s);
        scene_end(&s);
    }
}

/* It hangs: no worse with us, and its end is told. */
static enum act kill_hanging(struct xenopsd *x, const char *step)
{
    if (!strcmp(step, "@started")) {
        const struct scene *scene = x->arg;
        const struct peer *p = x->restore ? &scene->dst : &scene->src;
        const int64_t end = wire_now() + 20000;

        for (;;) {
            char *log = scene_file(p, "manager");
            bool hangs = strstr(log, "hangs") != NULL;

            free(log);
            if (hangs || wire_now() > end) {
                break;
            }
            poll(NULL, 0, 5);
        }
        kill(xenopsd_find(EXE_MANAGER), SIGKILL);
    }
    return ACT_GO;
}

static void hangs(void **state)
{
    (void)state;
    start("hang", NULL);
    s.src.at = kill_hanging;
    scene_run(&s);
    assert_outcome(&s.src, OUTCOME_ERROR);
    assert_true(last_line(&s.src, "signal 9"));
    scene_end(&s);

    start(NULL, "hang");
    s.dst.at = kill_hanging;
    scene_run(&s);
    assert_true(s.dst.out->outcome == OUTCOME_ERROR || s.dst.out->outcome == OUTCOME_END);
    assert_clean(&s);
    scene_end(&s);
}

/* It closes its control-out and lives on: xenopsd must hear of the end. */
static void closes_out(void **state)
{
    (void)state;
    start("closes-out", NULL);
    scene_run(&s);
    assert_int_not_equal(s.src.out->outcome, OUTCOME_HUNG);
    assert_int_not_equal(s.src.out->outcome, OUTCOME_NONE);
    assert_int_not_equal(s.src.out->outcome, OUTCOME_DONE);
    scene_end(&s);
}

/* A process that keeps the manager's control-out, and of the stream nothing. */
static void grandchild(void **state)
{
    (void)state;
    for (int aware = 0; aware < 2; aware++) {
        start(NULL, "grandchild");
        s.patience_ms = aware ? 0 : 5000;
        s.src.aware = s.dst.aware = aware;
        scene_run(&s);
        /* Without us xenopsd waits for it; with us it has nothing of xenopsd's. */
        assert_outcome(&s.dst, aware ? OUTCOME_DONE : OUTCOME_HUNG);
        assert_true(aware || strstr(s.dst.out->why, "control-out does not end"));
        scene_end(&s);
    }
}

/* Lines of any length and in any pieces are the same lines afterwards. */
static void lines(void **state)
{
    static const char *const specs[] = { "long", "partial", "dribble", "long,dribble,xcp",
                                         "long,partial" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        start(specs[i], specs[i]);
        if (strstr(specs[i], "long,dribble")) {
            s.dst.spec = "dribble";
        }
        scene_run(&s);
        assert_migrated(&s);
        assert_as_without_us(&s);
        scene_end(&s);
    }
}

/* Reads on when the pipe has been full for a moment, so that everybody before it waits. */
static enum act read_late(struct xenopsd *x, const char *step)
{
    if (!strcmp(step, "@started")) {
        const int64_t end = wire_now() + 20000;
        int have = 0, before = -1;

        while ((have < 50000 || have != before) && wire_now() < end) {
            before = have;
            poll(NULL, 0, 20);
            ioctl(x->control, FIONREAD, &have);
        }
        snprintf(x->out->seen, sizeof(x->out->seen), "%s", have < 50000 ? "not full" : "full");
    }
    return ACT_GO;
}

/* Nothing is lost when xenopsd is slow. */
static void slow_reader(void **state)
{
    struct scene bare;

    (void)state;
    start("chatty", NULL);
    s.src.at = read_late;
    scene_run(&s);
    assert_migrated(&s);
    assert_string_equal(s.src.out->seen, "full");
    scene_bare(&s, &bare);
    assert_migrated(&bare);
    assert_int_equal(s.src.out->total, bare.src.out->total);
    assert_int_equal(s.src.out->sum, bare.src.out->sum);
    assert_true(s.src.out->total > 3000);
    scene_end(&bare);
    scene_end(&s);
}

static size_t line_bytes; /* of the line to come; 0 when it was sent */

/* A line that no manager can take, and one that is as long as can be. */
static enum act write_long(struct xenopsd *x, const char *step)
{
    static char text[70000];

    (void)step;
    if (line_bytes) {
        memset(text, 'y', sizeof(text));
        text[line_bytes - 1] = '\n';
        wire_write(x->in, text, line_bytes);
        line_bytes = 0;
    }
    return ACT_GO;
}

/* When the manager looks at its input is chance, and so is what it has said by then. */
static void assert_ends_as_without_us(void)
{
    struct scene bare;

    scene_bare(&s, &bare);
    assert_int_equal(bare.src.out->outcome, OUTCOME_ERROR);
    assert_int_equal(s.src.out->outcome, OUTCOME_ERROR);
    assert_true(last_line(&s.src, bare.src.out->line[bare.src.out->nr - 1]));
    scene_end(&bare);
}

static void lines_to_the_manager(void **state)
{
    static const size_t lengths[] = { 2, 127, 128, 129, 4096, 60000 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        line_bytes = lengths[i];
        start(NULL, NULL);
        s.src.at = write_long;
        scene_run(&s);
        if (i < 3) {
            assert_as_without_us(&s);
            assert_int_equal(s.src.out->outcome, OUTCOME_DONE);
        } else {
            assert_ends_as_without_us();
        }
        scene_end(&s);
    }
}

static enum act deaf(struct xenopsd *x, const char *step)
{
    if (!strcmp(step, "@taken")) {
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), x->control);
    }
    return ACT_GO;
}

/* The reader of control-out goes away: what is written there fails from then on. */
static void control_out_closed(void **state)
{
    (void)state;
    for (int restore = 0; restore < 2; restore++) {
        start(NULL, NULL);
        *(restore ? &s.dst.at : &s.src.at) = deaf;
        scene_run(&s);
        /* Deaf as it is, the restore's reader waits; but nobody lives on for that. */
        assert_null(strstr(s.src.out->why, "does not end"));
        assert_null(strstr(s.dst.out->why, "does not end"));
        assert_clean(&s);
        scene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_death), cmocka_unit_test(silent_death_of_save),
        cmocka_unit_test(own_words),    cmocka_unit_test(hangs),
        cmocka_unit_test(closes_out),   cmocka_unit_test(grandchild),
        cmocka_unit_test(lines),        cmocka_unit_test(lines_to_the_manager),
        cmocka_unit_test(slow_reader),  cmocka_unit_test(control_out_closed),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
