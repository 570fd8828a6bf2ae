/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts a supervisor in a process of its own, and reads what its child says. */
#include "supervise.h"

#include <poll.h>
#include <unistd.h>

#include <exclaim/child.h>

pid_t supervise(const char *script, int in, int out)
{
    pid_t self = fork();

    assert_true(self >= 0);
    if (!self) {
        const char *argv[] = { "helper", "-c", script, NULL };
        struct exclaim_inherited inherited;
        struct exclaim_error err;
        int status;
        pid_t pid;

        dup2(in, 0);
        dup2(out, 1);
        close(in);
        close(out);
        alarm(60);
        exclaim_inherited_fds(&inherited);
        if (exclaim_child_start("/bin/sh", (char *const *)(uintptr_t)argv, NULL, &pid, &err)) {
            _exit(99);
        }
        exclaim_child_detach(&inherited);
        if (exclaim_child_wait(pid, &status, NULL, NULL, 0, &err)) {
            _exit(98);
        }
        exclaim_child_mirror(status);
    }
    return self;
}

size_t read_all(int fd, char *buf, size_t size)
{
    size_t got = 0;

    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t r;

        assert_int_equal(poll(&p, 1, 60000), 1);
        r = read(fd, buf + got, size - 1 - got);
        assert_true(r >= 0);
        if (!r) {
            buf[got] = '\0';
            return got;
        }
        got += (size_t)r;
    }
}

void read_line(int fd, char *buf, size_t size)
{
    size_t got = 0;

    do {
        assert_true(got < size - 1);
        assert_int_equal(read(fd, buf + got, 1), 1);
    } while (buf[got++] != '\n');
    buf[got] = '\0';
}
