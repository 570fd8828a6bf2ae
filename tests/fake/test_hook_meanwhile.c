/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libxl hook over the model while its surroundings change: the ledger is cut short, emptied or
 * replaced before it starts and while libxl's own helper runs, and the time of day jumps.  The
 * helper's answer is the hook's, nothing stays claimed, and the report says what was lost.
 */
#include "hook_kit.h"
#include "scene.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reserve/ledger_map.h"

#define LATE_MS 300
#define DAY     86400

static struct hook_kit kit;

/* A helper that does @meanwhile before it says that it ran, and exits with @code. */
static void helper_does(const char *meanwhile, int code)
{
    char path[128], text[1024];

    snprintf(path, sizeof(path), "%s/helper", kit.dir);
    snprintf(text, sizeof(text), "#!/bin/sh\nset -e\n%s\nprintf p >>\"$MARK\"\nexit %d\n",
             meanwhile, code);
    put_text(path, text);
    assert_int_equal(chmod(path, 0755), 0);
}

/* The configuration of the kit, with that helper. */
static void configure(bool strict)
{
    char path[128], line[256], *text;
    FILE *f;

    hook_kit_configure(&kit, strict);
    text = get_file(getenv("EXCLAIM_CONF"), NULL);
    f = fopen(getenv("EXCLAIM_CONF"), "w");
    assert_non_null(f);
    snprintf(path, sizeof(path), "%s/helper", kit.dir);
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
        snprintf(line, sizeof(line), "libxl_save_helper = %s", path);
        fprintf(f, "%s\n", strncmp(at, "libxl_save_helper", 17) ? at : line);
    }
    assert_int_equal(fclose(f), 0);
    free(text);
}

static pid_t start(int stream, const char *step)
{
    pid_t pid;

    remove(kit.mark);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        int null = open("/dev/null", O_RDWR);

        alarm(60);
        signal(SIGBUS, SIG_DFL); /* cmocka has taken it, and a sanitizer would */
        setenv("ASAN_OPTIONS", "handle_sigbus=0", 1);
        dup2(stream, 0);
        dup2(null, 1);
        dup2(null, 2);
        if (step) {
            setenv("LD_PRELOAD", program("CLOCKSTEP"), 1);
            setenv("CLOCK_STEP", step, 1);
        }
        execl(program("HOOK_MODEL_BIN"), "libxl-save-helper", "--restore-domain", "0", "-1", "1",
              "1", "0", "2", "0", "0", "0", (char *)NULL);
        _exit(122);
    }
    return pid;
}

static int end(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* The stream comes @late_ms after the start; < 0: never.  Its exit code; 1000 + number: a signal.
 */
static int arrival(int late_ms, const char *step)
{
    int fd[2], code;
    pid_t pid;

    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    if (!late_ms) {
        assert_int_equal(write(fd[1], kit.stream, kit.stream_len), kit.stream_len);
    }
    pid = start(fd[0], step);
    if (late_ms > 0) {
        usleep((useconds_t)late_ms * 1000);
        assert_int_equal(write(fd[1], kit.stream, kit.stream_len), kit.stream_len);
    }
    code = end(pid);
    close(fd[0]);
    close(fd[1]);
    return code;
}

static bool ran(void)
{
    return !access(kit.mark, F_OK);
}

static char *report(void)
{
    char path[128], *text;

    snprintf(path, sizeof(path), "%s/reports", kit.dir);
    text = get_file(path, NULL);
    unlink(path);
    return text;
}

static void assert_said(const char *where, const char *words)
{
    char *text = report();

    if (!strstr(text, words)) {
        fail_msg("%s: no \"%s\" in %s", where, words, text);
    }
    free(text);
}

static void ledger_path(char path[160])
{
    snprintf(path, 160, "%s/" EXCLAIM_LEDGER_FILE, kit.lock_dir);
}

static void ledger_lost_meanwhile(void **state)
{
    static const struct {
        const char *does, *said;
    } ways[] = {
        { ": >\"$LEDGER\"", "cut short to 0 of" },
        { "truncate -s 4096 \"$LEDGER\"", "cut short to 4096 of" },
        { "rm \"$LEDGER\"", "removed or replaced" },
        { "cp \"$LEDGER\" \"$LEDGER.new\"; mv \"$LEDGER.new\" \"$LEDGER\"", "removed or replaced" },
        { "rm \"$LEDGER\"; head -c 65536 /dev/urandom >\"$LEDGER\"", "removed or replaced" },
    };
    char path[160];

    (void)state;
    ledger_path(path);
    setenv("LEDGER", path, 1);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        for (int strict = 0; strict < 2; strict++) {
            for (int code = 0; code < 8; code += 7) { /* as the helper's */
                helper_does(ways[i].does, code);
                configure(strict);
                assert_int_equal(arrival(0, NULL), code);
                assert_true(ran());
                assert_said(ways[i].does, ways[i].said);
                unlink(path);
                hook_kit_assert_nothing_left(&kit, ways[i].does);
                unlink(path);
            }
        }
    }
}

/* Of one that was cut already, nothing is believed: `strict` refuses. */
static void ledger_lost_before(void **state)
{
    char path[160];

    (void)state;
    ledger_path(path);
    for (int strict = 0; strict < 2; strict++) {
        helper_does("", 0);
        configure(strict);
        unlink(path);
        assert_int_equal(arrival(0, NULL), 0);
        free(report());
        assert_int_equal(truncate(path, 4096), 0);
        assert_true(strict ? arrival(0, NULL) != 0 : arrival(0, NULL) == 0);
        assert_int_equal(ran(), !strict);
        assert_said("before", "cut short to 4096");
        unlink(path);
        hook_kit_assert_nothing_left(&kit, "before");
    }
}

/* No `ms` of the report is as long as a step. */
static void assert_durations(const char *text)
{
    const char *at = strstr(text, "\"ms\":{");
    unsigned int nr = 0;

    assert_non_null(at);
    for (at += 5; *at != '}'; nr++) {
        at = strchr(at, ':');
        assert_non_null(at);
        assert_true(strtod(++at, NULL) >= 0 && strtod(at, NULL) < DAY * 1000.0);
        at += strcspn(at, ",}");
    }
    assert_true(nr > 2);
}

static void clock_steps(void **state)
{
    static const char *const steps[] = { "86400", "-86400" };
    const char *preloaded = getenv("CLOCKSTEP");
    char *text;

    (void)state;
    if (!preloaded || !*preloaded) {
        skip(); /* a sanitizer's clock_gettime() stands in front of it */
    }
    helper_does("", 0);
    configure(false);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        /* It is waited for as long as it may take... */
        assert_int_equal(arrival(LATE_MS, steps[i]), 0);
        text = report();
        assert_non_null(strstr(text, "\"guarantee\":\"host\""));
        assert_durations(text);
        free(text);
        hook_kit_assert_nothing_left(&kit, steps[i]);
        /* ...and no longer. */
        assert_int_equal(arrival(-1, steps[i]), 0);
        assert_true(ran());
        free(report());
    }
}

static int setup(void **state)
{
    (void)state;
    hook_kit_open(&kit);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hook_kit_close(&kit);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledger_lost_meanwhile),
        cmocka_unit_test(ledger_lost_before),
        cmocka_unit_test(clock_steps),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, setup, teardown);
}
