/* SPDX-License-Identifier: BSD-2-Clause */
#include "bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a killed program gets to be gone. */
#define KILL_MS 1000

/* Left by the child where exec failed. */
#define NOT_STARTED 127

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* In the child: only async-signal-safe calls. */
static void become(const char *path, char *const *argv, int out, int err, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    if (getppid() == parent && null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 &&
        dup2(err, 2) == 2) {
        execv(path, argv);
    }
    _exit(NOT_STARTED);
}

/* Appends what is there; false at the end of the pipe. */
static bool read_out(int fd, struct bounded *result, size_t max_out)
{
    ssize_t r;

    do {
        /* One byte more than allowed tells too much from just enough. */
        r = read(fd, result->out + result->len, max_out + 1 - result->len);
    } while (r < 0 && errno == EINTR);
    if (r > 0) {
        result->len += (size_t)r;
    }
    return r > 0;
}

/* Keeps the beginning, drops the rest. */
static bool read_err(int fd, struct bounded *result, size_t *len)
{
    char drop[512];
    const size_t room = sizeof(result->err) - 1 - *len;
    ssize_t r;

    do {
        r = room ? read(fd, result->err + *len, room) : read(fd, drop, sizeof(drop));
    } while (r < 0 && errno == EINTR);
    if (r > 0 && room) {
        *len += (size_t)r;
    }
    return r > 0;
}

/* Reads both pipes to their ends. */
static int collect(struct pollfd pipes[2], size_t max_out, int64_t end, struct bounded *result,
                   struct exclaim_error *err)
{
    size_t err_len = 0;

    while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
        const int64_t left = end - now_ms();
        int r = left > 0 ? poll(pipes, 2, (int)left) : 0;

        if (!r) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ETIMEDOUT, "no answer in time");
        }
        if (r < 0) {
            if (errno == EINTR) {
                continue;
            }
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "poll");
        }
        if (pipes[0].revents && !read_out(pipes[0].fd, result, max_out)) {
            pipes[0].fd = -1; /* poll() skips it */
        }
        if (result->len > max_out) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "more than %zu bytes of output",
                                max_out);
        }
        if (pipes[1].revents && !read_err(pipes[1].fd, result, &err_len)) {
            pipes[1].fd = -1;
        }
    }
    return 0;
}

/* Waits until @end; false if it is still there. */
static bool reap(pid_t pid, int64_t end, int *status)
{
    const struct timespec pause = { .tv_nsec = 2000000 };

    for (;;) {
        const pid_t r = waitpid(pid, status, WNOHANG);

        if (r == pid) {
            return true;
        }
        if ((r < 0 && errno != EINTR) || now_ms() >= end) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
}

/* @rc is what collect() said; the child is gone or killed after this. */
static int finish(const char *path, pid_t pid, int64_t end, int rc, struct bounded *result,
                  struct exclaim_error *err)
{
    int status;

    if (rc || !reap(pid, end, &status)) {
        kill(pid, SIGKILL);
        reap(pid, now_ms() + KILL_MS, &status);
        return rc ? rc : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ETIMEDOUT, "no end in time");
    }
    result->exit = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    result->out[result->len] = '\0';
    result->err[strcspn(result->err, "\n")] = '\0';
    return result->exit == NOT_STARTED
               ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s cannot be started", path)
               : 0;
}

int bounded_run(const char *path, char *const *argv, size_t max_out, int limit_ms,
                struct bounded *result, struct exclaim_error *err)
{
    const int64_t end = now_ms() + limit_ms;
    const pid_t self = getpid();
    int out[2] = { -1, -1 }, errs[2] = { -1, -1 };
    struct pollfd pipes[2];
    pid_t pid;
    int rc = -1;

    *result = (struct bounded){ .out = malloc(max_out + 2) };
    if (!result->out) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "start %s", path);
        goto out;
    }
    /* An inherited SIG_IGN would have the kernel reap the child behind our back. */
    signal(SIGCHLD, SIG_DFL);
    if (pipe2(out, O_CLOEXEC) || pipe2(errs, O_CLOEXEC) || (pid = fork()) < 0) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "start %s", path);
        goto out;
    }
    if (!pid) {
        become(path, argv, out[1], errs[1], self);
    }
    close(out[1]);
    close(errs[1]);
    out[1] = errs[1] = -1;
    pipes[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
    pipes[1] = (struct pollfd){ .fd = errs[0], .events = POLLIN };
    rc = finish(path, pid, end, collect(pipes, max_out, end, result, err), result, err);

out:
    for (unsigned int i = 0; i < 2; i++) {
        if (out[i] >= 0) {
            close(out[i]);
        }
        if (errs[i] >= 0) {
            close(errs[i]);
        }
    }
    if (rc) {
        free(result->out);
        result->out = NULL;
    }
    return rc;
}
