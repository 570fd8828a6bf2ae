/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the placing object is in a restoring process that we did not start ourselves: xenopsd's
 * manager has started it before we know what to restore, with an environment of its own making.
 */
#include "placement_look.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exclaim/child.h>

#include "../base/clock.h"
#include "../base/file.h"
#include "../reserve/ledger_map.h"

#define LOOK_INTERVAL_MS 5

/* For a process that is not there yet, or has not loaded the object that its environment names. */
#define LOOK_MS 1000

/* A host of a thousand VMs has several processes for each; those looked for are the youngest. */
#define PROCESSES_MAX 65536u

struct process {
    pid_t pid, parent;
};

struct processes {
    uint32_t nr;
    struct process p[PROCESSES_MAX];
};

static pid_t parent_of(pid_t pid)
{
    char path[32], line[1024], *end;
    int parent = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    f = fopen(path, "re");
    if (!f) {
        return 0;
    }
    end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    if (!end || sscanf(end, ") %*c %d", &parent) != 1) {
        parent = 0;
    }
    fclose(f);
    return parent;
}

static int by_pid(const void *a, const void *b)
{
    const struct process *one = a, *other = b;

    return (one->pid > other->pid) - (one->pid < other->pid);
}

static void read_processes(struct processes *all)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;

    all->nr = 0;
    while (dir && all->nr < PROCESSES_MAX && (entry = readdir(dir))) {
        pid_t pid = atoi(entry->d_name);

        if (pid > 0) {
            all->p[all->nr++] = (struct process){ .pid = pid, .parent = parent_of(pid) };
        }
    }
    if (dir) {
        closedir(dir);
    }
    qsort(all->p, all->nr, sizeof(all->p[0]), by_pid);
}

static bool descends(const struct processes *all, pid_t pid, pid_t from)
{
    /* Ids may be reused while they are read: no more steps than there are processes. */
    for (uint32_t steps = 0; pid > 1 && steps < all->nr; steps++) {
        const struct process key = { .pid = pid };
        const struct process *at = bsearch(&key, all->p, all->nr, sizeof(key), by_pid);

        if (at && at->parent == from) {
            return true;
        }
        pid = at ? at->parent : 0;
    }
    return false;
}

static bool same_program(pid_t a, pid_t b)
{
    char path[32], exe[2][PATH_MAX];
    ssize_t len[2];

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "/proc/%d/exe", i ? b : a);
        len[i] = readlink(path, exe[i], sizeof(exe[i]));
    }
    return len[0] > 0 && len[0] == len[1] && !memcmp(exe[0], exe[1], (size_t)len[0]);
}

static bool runs(pid_t pid, const char *program)
{
    struct stat its, wanted;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    return !stat(path, &its) && !stat(program, &wanted) && its.st_dev == wanted.st_dev &&
           its.st_ino == wanted.st_ino;
}

/* Of a file of zero-terminated strings. */
static bool environment_places(pid_t pid)
{
    static const char wanted[] = EXCLAIM_PLACE_ENV "=@";
    char path[32], *text = NULL;
    size_t size = 0;
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    f = fopen(path, "re");
    while (f && !found && getdelim(&text, &size, '\0', f) >= 0) {
        found = !strncmp(text, wanted, sizeof(wanted) - 1);
    }
    free(text);
    if (f) {
        fclose(f);
    }
    return found;
}

static bool has_mapped(pid_t pid, const char *object)
{
    const char *slash = strrchr(object, '/');
    char path[32], *line = NULL;
    size_t size = 0, n = strlen(slash);
    bool found = false;
    ssize_t len;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    f = fopen(path, "re");
    while (f && !found && (len = getline(&line, &size, f)) > 0) {
        line[--len] = '\0';
        found = (size_t)len > n && !strcmp(line + len - n, slash);
    }
    free(line);
    if (f) {
        fclose(f);
    }
    return found;
}

enum look { LOOK_AGAIN, LOOK_ABSENT, LOOK_LOADED };

/* @real is the xenguest that was moved aside, "" if none was. */
static enum look look(const struct exclaim_session *s, const char *real, struct processes *all)
{
    enum look seen = LOOK_AGAIN;
    bool becomes = false;

    read_processes(all);
    for (uint32_t i = 0; i < all->nr; i++) {
        pid_t pid = all->p[i].pid;

        /* Between fork and exec a process is still its parent's program. */
        if (!descends(all, pid, s->known.emulator) || same_program(pid, s->known.emulator)) {
            continue;
        }
        if (!environment_places(pid)) {
            /* Our wrapper names the object only when it becomes the real one. */
            becomes |= real[0] && !runs(pid, real);
            seen = seen == LOOK_AGAIN ? LOOK_ABSENT : seen;
        } else if (has_mapped(pid, s->config.place_object)) {
            return LOOK_LOADED;
        } else {
            return LOOK_AGAIN; /* the loader is at work */
        }
    }
    return becomes ? LOOK_AGAIN : seen;
}

void placement_look(struct exclaim_session *s, int cancel_fd)
{
    const int64_t until = exclaim_now_ms() + LOOK_MS;
    struct pollfd p = { .fd = cancel_fd, .events = POLLIN };
    struct processes *all;
    char real[512];

    s->preloaded = false;
    if (!s->known.emulator || !s->config.place_object[0] ||
        !exclaim_file_loads(s->config.place_object)) {
        return;
    }
    if (exclaim_find_xenguest(&s->config, real, sizeof(real), NULL)) {
        real[0] = '\0';
    }
    all = malloc(sizeof(*all));
    while (all) {
        enum look seen = look(s, real, all);

        s->preloaded = seen == LOOK_LOADED;
        if (seen != LOOK_AGAIN || exclaim_now_ms() >= until || poll(&p, 1, LOOK_INTERVAL_MS) != 0) {
            break;
        }
    }
    free(all);
}
