/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a process that a file tells of still lives. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* @start is 0 for a zombie: one whose first thread alone has ended is none, the others go on. */
static enum exclaim_life read_start(int32_t pid, uint64_t *start)
{
    char path[32], text[1024];
    uint64_t threads;
    const char *at;
    char state;
    ssize_t len;
    int fd;

    *start = 0;
    snprintf(path, sizeof(path), "/proc/%" PRId32 "/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? EXCLAIM_LIFE_GONE : EXCLAIM_LIFE_UNKNOWN;
    }
    do {
        len = read(fd, text, sizeof(text) - 1);
    } while (len < 0 && errno == EINTR);
    if (len < 0) {
        enum exclaim_life life = errno == ESRCH ? EXCLAIM_LIFE_GONE : EXCLAIM_LIFE_UNKNOWN;

        close(fd);
        return life;
    }
    close(fd);
    text[len] = '\0';
    /* The name in parentheses may hold anything, so count fields from its end: state is the 3rd
     * field of proc(5), num_threads the 20th, starttime the 22nd. */
    at = strrchr(text, ')');
    if (!at || sscanf(at,
                      ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                      " %*s %*s %*s %*s %*s %" SCNu64 " %*s %" SCNu64,
                      &state, &threads, start) != 3) {
        return EXCLAIM_LIFE_UNKNOWN;
    }
    if ((state == 'Z' && threads < 2) || state == 'X') {
        *start = 0;
    }
    return EXCLAIM_LIFE_LIVES;
}

uint64_t exclaim_process_start_time(int32_t pid)
{
    uint64_t start;

    return pid > 0 && read_start(pid, &start) == EXCLAIM_LIFE_LIVES ? start : 0;
}

uint64_t exclaim_process_space(void)
{
    struct stat pids, times;

    if (stat("/proc/self/ns/pid", &pids)) {
        return 0;
    }
    /* Start times are told in the reader's time namespace, where the kernel has those. */
    return (uint64_t)pids.st_ino << 32 |
           (stat("/proc/self/ns/time", &times) ? 0 : (uint32_t)times.st_ino);
}

enum exclaim_life exclaim_process_life(int32_t pid, uint64_t start, uint64_t space)
{
    uint64_t now;

    if (pid <= 0) {
        return EXCLAIM_LIFE_GONE; /* torn by a crash */
    }
    if (!space || exclaim_process_space() != space) {
        return EXCLAIM_LIFE_UNKNOWN;
    }
    if (read_start(pid, &now) == EXCLAIM_LIFE_LIVES) {
        if (!now) {
            return EXCLAIM_LIFE_GONE;
        }
        return !start         ? EXCLAIM_LIFE_UNKNOWN
               : now == start ? EXCLAIM_LIFE_LIVES
                              : EXCLAIM_LIFE_GONE;
    }
    /* /proc may hide it or not be readable; the kernel itself needs no descriptor to answer. */
    return kill(pid, 0) && errno == ESRCH ? EXCLAIM_LIFE_GONE : EXCLAIM_LIFE_UNKNOWN;
}
