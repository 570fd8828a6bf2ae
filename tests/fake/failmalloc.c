/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preloaded: allocation FAIL_AT (from 0) of the process fails, and FAIL_MORE after it (-1: all).
 * The file FAIL_SEEN says that it came so far.  Children count anew with each program; FAIL_EXE
 * names the only one that is in want.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t nr, size_t size);
extern void *__libc_realloc(void *at, size_t size);

static atomic_long count;
static long first = -2, more;
static _Thread_local int paused;

__attribute__((visibility("default"))) void failmalloc_pause(int now);

void failmalloc_pause(int now)
{
    paused = now;
}

static int is_other(void)
{
    const char *only = getenv("FAIL_EXE"), *name;
    char path[512];
    ssize_t len = only ? readlink("/proc/self/exe", path, sizeof(path) - 1) : -1;

    if (len < 0) {
        return only != NULL;
    }
    path[len] = '\0';
    name = strrchr(path, '/');
    return !name || strcmp(name + 1, only) != 0;
}

static int fails(void)
{
    long now;

    if (first == -2) {
        const char *at = getenv("FAIL_AT"), *further = getenv("FAIL_MORE");

        first = at && !is_other() ? atol(at) : -1;
        more = further ? atol(further) : 0;
    }
    if (paused) {
        return 0;
    }
    now = atomic_fetch_add(&count, 1);
    if (first < 0 || now < first || (more >= 0 && now > first + more)) {
        return 0;
    }
    if (now == first && getenv("FAIL_SEEN")) {
        close(open(getenv("FAIL_SEEN"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
    return fails() ? NULL : __libc_calloc(nr, size);
}

void *realloc(void *at, size_t size)
{
    return fails() ? NULL : __libc_realloc(at, size);
}
