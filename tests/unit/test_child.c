/* SPDX-License-Identifier: BSD-2-Clause */
/* Standing in the real emulator's place: how it starts, gets its signals and ends, what it
 * inherits, and who sees whose end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exclaim/child.h>

#include "supervise.h"

static int end_of(const char *script)
{
    int null = open("/dev/null", O_RDWR), status;
    pid_t pid = supervise(script, null, null);

    close(null);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void exit_codes(void **state)
{
    static const int codes[] = { 0, 1, 2, 3, 5, 42, 127, 128, 137, 254, 255 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        char script[32];
        int status;

        snprintf(script, sizeof(script), "exit %d", codes[i]);
        status = end_of(script);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), codes[i]);
    }
}

static void signals(void **state)
{
    static const int numbers[] = { SIGHUP,  SIGINT,  SIGABRT, SIGKILL, SIGUSR1,
                                   SIGSEGV, SIGPIPE, SIGTERM, SIGALRM };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        char script[32];
        int status;

        snprintf(script, sizeof(script), "kill -%d $$", numbers[i]);
        status = end_of(script);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), numbers[i]);
        assert_false(WCOREDUMP(status));
    }
}

/* What the toolstack sends to us reaches the emulator, and its way of ending comes back. */
static void handed_on(void **state)
{
    static const struct {
        int sig;
        const char *name;
    } cases[] = {
        { SIGTERM, "TERM" }, { SIGINT, "INT" },   { SIGHUP, "HUP" },
        { SIGQUIT, "QUIT" }, { SIGUSR1, "USR1" }, { SIGUSR2, "USR2" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char script[128], line[16];
        int in[2], out[2], status;
        pid_t pid;

        snprintf(script, sizeof(script), "trap 'echo got; exit 33' %s; echo ready; read x",
                 cases[i].name);
        assert_int_equal(pipe(in) || pipe(out), 0);
        pid = supervise(script, in[0], out[1]);
        close(in[0]);
        close(out[1]);
        read_line(out[0], line, sizeof(line));
        kill(pid, cases[i].sig);
        read_line(out[0], line, sizeof(line));
        assert_string_equal(line, "got\n");
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 33);
        close(in[1]);
        close(out[0]);
    }
}

static void cannot_start(void **state)
{
    const char *argv[] = { "helper", NULL };
    struct exclaim_error err;
    sigset_t before, now;
    int status;
    pid_t pid;

    (void)state;
    sigprocmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(
        exclaim_child_start("/no/such/helper", (char *const *)(uintptr_t)argv, NULL, &pid, &err),
        0);
    assert_int_equal(exclaim_child_wait(pid, &status, NULL, NULL, 0, &err), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
    assert_int_equal(exclaim_child_wait(pid, &status, NULL, NULL, 0, &err),
                     -1); /* there is none any more */
    assert_int_equal(err.errnum, ECHILD);
    sigprocmask(SIG_SETMASK, &before, &now);
    assert_int_equal(sigismember(&now, SIGTERM), 1); /* blocked for the wait, as documented */
}

/* The placing object and its argument reach the child, in front of what was preloaded before. */
static void preload(void **state)
{
    const char *argv[] = { "helper", "-c",
                           "test \"$EXCLAIM_PLACE\" = 9:1:7 && test \"$LD_PRELOAD\" = "
                           "'/no/such.so /other.so'",
                           NULL };
    const struct exclaim_child_setup setup = { .preload = "/no/such.so", .place = "9:1:7" };
    struct exclaim_error err;
    int status, null = open("/dev/null", O_WRONLY), old = dup(2);
    pid_t pid;

    (void)state;
    setenv("LD_PRELOAD", "/other.so", 1);
    dup2(null, 2); /* ld.so tells that there are no such objects */
    assert_int_equal(
        exclaim_child_start("/bin/sh", (char *const *)(uintptr_t)argv, &setup, &pid, &err), 0);
    dup2(old, 2);
    unsetenv("LD_PRELOAD");
    assert_int_equal(exclaim_child_wait(pid, &status, NULL, NULL, 0, &err), 0);
    assert_int_equal(status, 0);
    close(null);
    close(old);
}

/* Before the child is anything else: a hook killed right after the start leaves no unnoticed
 * placer. */
static void noted_as_placer(void **state)
{
    static const char *const argv[] = { "sh", "-c", ":", NULL };
    struct exclaim_ledger_entry *e =
        mmap(NULL, sizeof(*e), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct exclaim_child_setup setup = { .entry = e };
    struct exclaim_error err;
    int status;
    pid_t pid;

    (void)state;
    assert_true(e != MAP_FAILED);
    assert_int_equal(
        exclaim_child_start("/bin/sh", (char *const *)(uintptr_t)argv, &setup, &pid, &err), 0);
    assert_int_equal(exclaim_child_wait(pid, &status, NULL, NULL, 0, &err), 0);
    assert_int_equal(atomic_load(&e->placer), pid);
    assert_true(atomic_load(&e->placer_start) > 0);
    munmap(e, sizeof(*e));
}

/* Nobody would release the claim of a restore that outlives us. */
static void dies_with_us(void **state)
{
    char text[64];
    int in[2], out[2];
    pid_t pid, child;

    (void)state;
    /* The orphan comes to us, so that its end can be waited for. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(in) || pipe(out), 0);
    pid = supervise("trap '' TERM INT HUP; echo $$; read x", in[0], out[1]);
    close(in[0]);
    close(out[1]);
    read_line(out[0], text, sizeof(text));
    child = (pid_t)atoi(text);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(read_all(out[0], text, sizeof(text)), 0);
    {
        int status;

        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WTERMSIG(status), SIGKILL);
    }
    close(in[1]);
    close(out[0]);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* The child ends but the supervisor does not yet: the stream's peer sees the end at once, libxl at
 * the other end of stdout only with us, as it kills us for it. */
static void detached(void **state)
{
    int stream[2], out[2], status, null = open("/dev/null", O_RDWR), hold[2];
    struct pollfd more;
    char text[64];
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(stream) || pipe(out) || pipe(hold), 0);
    pid = fork();
    if (!pid) {
        const char *argv[] = { "helper", "-c", "echo done >&$0; echo done; exit 4", NULL, NULL };
        struct exclaim_inherited inherited;
        struct exclaim_error err;
        char number[16], c;
        pid_t child;

        snprintf(number, sizeof(number), "%d", stream[1]);
        argv[3] = number;
        dup2(null, 0);
        dup2(out[1], 1);
        close(out[1]);
        close(hold[1]);
        fcntl(hold[0], F_DUPFD, 200);
        exclaim_inherited_fds(&inherited);
        for (uint32_t i = 0; i < inherited.nr; i++) { /* but for the one that keeps us here */
            if (inherited.fd[i] == hold[0]) {
                inherited.fd[i] = 200;
            }
        }
        alarm(60);
        if (exclaim_child_start("/bin/sh", (char *const *)(uintptr_t)argv, NULL, &child, &err)) {
            _exit(99);
        }
        exclaim_child_detach(&inherited);
        if (exclaim_child_wait(child, &status, NULL, NULL, 0, &err) || read(hold[0], &c, 1) != 0) {
            _exit(98);
        }
        exclaim_child_mirror(status);
    }
    close(stream[1]);
    close(out[1]);
    close(hold[0]);
    more = (struct pollfd){ .fd = out[0], .events = POLLIN };
    assert_int_equal(read_all(stream[0], text, sizeof(text)), 5);
    read_line(out[0], text, sizeof(text));
    assert_string_equal(text, "done\n");
    assert_int_equal(poll(&more, 1, 0), 0);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    close(hold[1]);
    assert_int_equal(read_all(out[0], text, sizeof(text)), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 4);
    close(stream[0]);
    close(out[0]);
    close(null);
}

/* The child gets what we were started with and nothing that we opened; signals as they were. */
static void inherits(void **state)
{
    char text[1024], want[64];
    int out[2], null = open("/dev/null", O_RDWR | O_CLOEXEC), extra = open("/dev/null", O_RDONLY);

    (void)state;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    snprintf(want, sizeof(want), "SigBlk:\t0000000000000000\n");
    assert_int_equal(fcntl(extra, F_DUPFD, 90), 90);
    close(extra);
    waitpid(supervise("ls -1 /proc/self/fd | sort -n | tr '\\n' ' '; grep SigBlk /proc/self/status",
                      null, out[1]),
            NULL, 0);
    close(out[1]);
    read_all(out[0], text, sizeof(text));
    assert_non_null(strstr(text, "90 "));
    assert_non_null(strstr(text, want));
    close(90);
    close(out[0]);
    close(null);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(signals),
        cmocka_unit_test(handed_on),
        cmocka_unit_test(cannot_start),
        cmocka_unit_test(preload),
        cmocka_unit_test(noted_as_placer), /* last: it leaves signals blocked */
        cmocka_unit_test(dies_with_us),
        cmocka_unit_test(detached),
        cmocka_unit_test(inherits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
