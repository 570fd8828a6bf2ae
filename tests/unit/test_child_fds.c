/* SPDX-License-Identifier: BSD-2-Clause */
/* Standing in the real emulator's place: what it inherits, and who sees whose end. */
#include "supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exclaim/child.h>

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
        cmocka_unit_test(dies_with_us),
        cmocka_unit_test(detached),
        cmocka_unit_test(inherits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
