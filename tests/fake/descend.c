/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds, names and kills the processes below this one by reading /proc. */
#include "descend.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xenopsd.h"

static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    const char *at;
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    at = strrchr(text, ')');
    return at && strlen(at) > 4 ? atoi(at + 4) : 0;
}

static int is_below(pid_t pid)
{
    const pid_t self = getpid();

    for (int depth = 0; depth < 16 && pid > 1; depth++) {
        pid = parent_of(pid);
        if (pid == self) {
            return 1;
        }
    }
    return 0;
}

size_t descend_list(pid_t *pid, size_t max)
{
    DIR *dir = opendir("/proc");
    struct dirent *e;
    size_t n = 0;

    while (dir && n < max && (e = readdir(dir))) {
        pid_t p = atoi(e->d_name);

        if (p > 1 && is_below(p)) {
            pid[n++] = p;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

void descend_name(pid_t pid, char *name, size_t size)
{
    char path[64], exe[512];
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    len = readlink(path, exe, sizeof(exe) - 1);
    exe[len > 0 ? len : 0] = '\0';
    snprintf(name, size, "%s", strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe);
}

void descend_kill(void)
{
    pid_t pid[64];
    size_t n;

    while ((n = descend_list(pid, 64))) {
        for (size_t i = 0; i < n; i++) {
            kill(pid[i], SIGKILL);
        }
        /* No waiting: one that was started meanwhile is only found by looking again. */
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        poll(NULL, 0, 1);
    }
}

pid_t xenopsd_find(const char *exe)
{
    pid_t pid[64];
    char name[64];

    for (size_t i = 0, n = descend_list(pid, 64); i < n; i++) {
        descend_name(pid[i], name, sizeof(name));
        if (!strcmp(name, exe)) {
            return pid[i];
        }
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The access modes that @pid has @file open with, "" if not. */
static void modes(pid_t pid, const char *file, char *text, size_t size)
{
    char path[80], link[256];
    int has[3] = { 0 };
    struct dirent *e;
    DIR *dir;

    text[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    dir = opendir(path);
    while (dir && (e = readdir(dir))) {
        char info[512];
        const char *flags;
        ssize_t len;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/fd/%.20s", pid, e->d_name);
        len = readlink(path, link, sizeof(link) - 1);
        link[len > 0 ? len : 0] = '\0';
        if (strcmp(link, file) != 0) {
            continue;
        }
        snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.20s", pid, e->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        len = fd >= 0 ? read(fd, info, sizeof(info) - 1) : 0;
        close(fd);
        info[len > 0 ? len : 0] = '\0';
        flags = strstr(info, "flags:");
        if (flags) {
            has[strtol(flags + 6, NULL, 8) & O_ACCMODE] = 1;
        }
    }
    if (dir) {
        closedir(dir);
    }
    snprintf(text, size, "%s%s", has[O_RDONLY] || has[O_RDWR] ? "r" : "",
             has[O_WRONLY] || has[O_RDWR] ? "w" : "");
}

void xenopsd_holders(int fd, char *text, size_t size)
{
    char self[64], file[256], found[16][80];
    pid_t pid[64];
    size_t nr = 0, at = 0, n = descend_list(pid, 64);
    ssize_t len;

    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    len = readlink(self, file, sizeof(file) - 1);
    file[len > 0 ? len : 0] = '\0';
    for (size_t i = 0; i < n && nr < 16; i++) {
        char name[64], mode[4];

        modes(pid[i], file, mode, sizeof(mode));
        if (mode[0]) {
            descend_name(pid[i], name, sizeof(name));
            snprintf(found[nr++], sizeof(found[0]), "%s:%s", name, mode);
        }
    }
    qsort(found, nr, sizeof(found[0]), by_text);
    text[0] = '\0';
    for (size_t i = 0; i < nr && at < size; i++) {
        at += (size_t)snprintf(text + at, size - at, "%s%s", i ? " " : "", found[i]);
    }
}
