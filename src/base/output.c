/* SPDX-License-Identifier: BSD-2-Clause */
/* What hooks write, without waiting for whoever reads it. */
#include "output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "file.h"
#include "text.h"

#define DETACHED_S 300u

/* There may be a few lines; one that comes later has only lost its place among others. */
#define LINE_MS 100

/* Two writers behind one half line: the second waits a moment for the first. */
#define LOCK_TRIES 50
#define LOCK_NS    2000000L

static long list_fds(int *fd, long max, int first)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    long nr = 0;

    if (!dir) {
        return -1;
    }
    while (nr < max && (entry = readdir(dir))) {
        int one = atoi(entry->d_name); /* "." and ".." become 0 */

        if (one >= first && one != dirfd(dir)) {
            fd[nr++] = one;
        }
    }
    closedir(dir);
    return nr;
}

void exclaim_close_from(int first)
{
    int fd[64];
    long nr, most;

#ifdef SYS_close_range
    if (!syscall(SYS_close_range, (unsigned int)first, UINT_MAX, 0u)) {
        return;
    }
#endif
    /* Before Linux 5.9.  The list holds as many as it holds: again until nothing is left. */
    while ((nr = list_fds(fd, sizeof(fd) / sizeof(fd[0]), first)) > 0) {
        while (nr) {
            close(fd[--nr]);
        }
    }
    if (nr < 0) {
        most = sysconf(_SC_OPEN_MAX);
        for (int i = first; i < (most > 0 && most < 65536 ? most : 65536); i++) {
            close(i);
        }
    }
}

/* In the process of its own.  @alive closes with it; of the first three @keep stays. */
__attribute__((noreturn)) static void detached(void (*work)(void *arg), void *arg, int keep,
                                               int alive)
{
    const int null = open("/dev/null", O_RDWR);
    sigset_t alarms;

    setsid();
    /* libxl starts its helper with the signals blocked that its caller has. */
    signal(SIGALRM, SIG_DFL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(DETACHED_S);
    for (int i = 0; i < 3; i++) {
        if (i != keep && (null < 0 || dup2(null, i) < 0)) {
            close(i);
        }
    }
    if (alive >= 0 && alive != 3) {
        dup2(alive, 3);
    }
    exclaim_close_from(alive >= 0 ? 4 : 3);
    work(arg);
    _exit(0);
}

static void wait_for_end(int fd, int wait_ms)
{
    struct pollfd p = { .fd = fd };

    poll(&p, 1, wait_ms);
}

static int detach(void (*work)(void *arg), void *arg, int keep, int wait_ms,
                  struct exclaim_error *err)
{
    int alive[2] = { -1, -1 }, status = 0, errnum = 0;
    pid_t pid;

    if (pipe2(alive, O_CLOEXEC)) {
        alive[0] = alive[1] = -1; /* then nobody waits */
    }
    pid = fork();
    if (!pid) {
        /* Nobody's child: who becomes another program must not find one that it never had. */
        pid = fork();
        if (pid) {
            _exit(pid < 0 ? (errno & 0xff) : 0);
        }
        detached(work, arg, keep, alive[1]);
    }
    if (pid < 0) {
        errnum = errno;
    }
    if (alive[1] >= 0) {
        close(alive[1]);
    }
    if (pid > 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        errnum = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
        if (!errnum && alive[0] >= 0) {
            wait_for_end(alive[0], wait_ms);
        }
    }
    if (alive[0] >= 0) {
        close(alive[0]);
    }
    return errnum ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "fork") : 0;
}

int exclaim_detached(void (*work)(void *arg), void *arg, int wait_ms, struct exclaim_error *err)
{
    return detach(work, arg, -1, wait_ms, err);
}

struct line {
    const char *text;
    size_t len;
};

static void write_line(void *arg)
{
    const struct line *line = arg;

    (void)!write(STDERR_FILENO, line->text, line->len);
}

/* Through an open file of its own, whose flags are nobody else's.  Neither does a pipe that nobody
 * reads end us, nor a terminal's `tostop` stop us. */
static void write_at_once(const struct line *line)
{
    static const int quiet[] = { SIGPIPE, SIGTTOU };
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before[sizeof(quiet) / sizeof(quiet[0])];
    int fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        sigaction(quiet[i], &ignore, &before[i]);
    }
    (void)!write(fd, line->text, line->len);
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        sigaction(quiet[i], &before[i], NULL);
    }
    close(fd);
}

/*
 * What may be full is written to at once or not at all.  Of a file nobody can tell how long it
 * takes, as with a server that is gone, which fstat() may ask as well: a process of its own writes.
 */
static void put_on_stderr(const struct line *line)
{
    struct exclaim_error err = { 0 };

    if (lseek(STDERR_FILENO, 0, SEEK_CUR) >= 0) {
        if (detach(write_line, (void *)(uintptr_t)line, STDERR_FILENO, LINE_MS, &err)) {
            exclaim_log(LOG_ERR, "not on stderr: %s: %.*s", err.text, (int)line->len - 1,
                        line->text);
        }
    } else if (send(STDERR_FILENO, line->text, line->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
               errno == ENOTSOCK) {
        write_at_once(line);
    }
}

void exclaim_say(const char *fmt, ...)
{
    char line[1024] = "exclaim: ";
    size_t len = strlen(line);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
    va_end(ap);
    exclaim_clean(line);
    len = strlen(line);
    line[len++] = '\n';
    put_on_stderr(&(struct line){ line, len });
}

int exclaim_open_read(const char *path, struct exclaim_error *err)
{
    return exclaim_file_open(path, O_RDONLY, 0, err);
}

static bool ends_within_line(int fd)
{
    struct stat st;
    char last;

    return !fstat(fd, &st) && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
           last != '\n';
}

int exclaim_append_line(const char *path, const char *text, size_t len, struct exclaim_error *err)
{
    const struct timespec interval = { .tv_nsec = LOCK_NS };
    struct iovec line[2] = { { .iov_base = (char[]){ '\n' } },
                             { .iov_base = (char *)(uintptr_t)text, .iov_len = len } };
    /* Not through a link in the last place; read as well, to see how it ends. */
    int fd = exclaim_file_open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0640, err);
    ssize_t r;
    int rc = 0;

    if (fd < 0) {
        return -1;
    }
    for (int i = 0; i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB); i++) {
        nanosleep(&interval, NULL);
    }
    line[0].iov_len = ends_within_line(fd);
    do {
        r = writev(fd, line, 2);
    } while (r < 0 && errno == EINTR);
    if (r != (ssize_t)(line[0].iov_len + len)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, r < 0 ? errno : ENOSPC, "write %s", path);
    }
    close(fd);
    return rc;
}
