/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes of planned nodes: written for a VM that is to come, taken when it comes. */
#include "note.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <exclaim/uuid.h>

#include "../base/clock.h"
#include "../base/regular.h"
#include "../base/text.h"

#define PREFIX   "note-"
#define FIRST    "exclaim-note 2"
#define TEXT_MAX 2048u /* 64 lines "63 63" and the first one */

static int open_dir(const char *lock_dir, bool make, struct exclaim_error *err)
{
    int fd;

    if (make && mkdir(lock_dir, 0700) && errno != EEXIST) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", lock_dir);
    }
    fd = open(lock_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", lock_dir);
}

static void file_name(const uint8_t uuid[EXCLAIM_UUID_BYTES], char name[64])
{
    char text[EXCLAIM_UUID_TEXT];

    exclaim_uuid_format(uuid, text);
    snprintf(name, 64, PREFIX "%s", text);
}

static int check(const struct exclaim_note *note, struct exclaim_error *err)
{
    uint64_t taken = 0;

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (!(note->given >> n & 1)) {
            continue;
        }
        if (note->node[n] >= EXCLAIM_NODES_MAX || taken >> note->node[n] & 1) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                "node %" PRIu32 " is too high or takes two parts of one VM",
                                note->node[n]);
        }
        taken |= 1ull << note->node[n];
    }
    return note->given ? 0
                       : exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                      "which part where? --node SOURCE=NODE for each");
}

/* Which boot a time on CLOCK_BOOTTIME belongs to, for a lock_dir that outlives one; all zero where
 * the kernel does not say. */
static void boot_id(char text[EXCLAIM_UUID_TEXT])
{
    const uint8_t none[EXCLAIM_UUID_BYTES] = { 0 };
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, EXCLAIM_UUID_TEXT - 1) : -1;

    if (fd >= 0) {
        close(fd);
    }
    if (len == EXCLAIM_UUID_TEXT - 1) {
        text[len] = '\0';
    } else {
        exclaim_uuid_format(none, text);
    }
}

/* Two numbers up to 63, the second of which ends the line; where it ends, NULL if it is not so. */
static const char *line(const char *text, unsigned long *a, unsigned long *b)
{
    char *end;

    if (*text < '0' || *text > '9') {
        return NULL;
    }
    *a = strtoul(text, &end, 10);
    if (*end != ' ' || end[1] < '0' || end[1] > '9') {
        return NULL;
    }
    *b = strtoul(end + 1, &end, 10);
    return *end == '\n' && *a < EXCLAIM_NODES_MAX && *b < EXCLAIM_NODES_MAX ? end + 1 : NULL;
}

/* One of another boot has expired: its expires_boot_ms is 0. */
static int parse(const char *text, struct exclaim_note *note, struct exclaim_error *err)
{
    char boot[EXCLAIM_UUID_TEXT];
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    unsigned long from, to;
    char *at;

    *note = (struct exclaim_note){ 0 };
    if (strncmp(text, FIRST " ", strlen(FIRST) + 1) != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "it does not begin with \"" FIRST "\"");
    }
    errno = 0;
    note->expires_boot_ms = strtoll(text + strlen(FIRST), &at, 10);
    if (errno || *at != ' ') {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "it has no time");
    }
    snprintf(boot, sizeof(boot), "%s", at + 1);
    if (!exclaim_uuid_parse(boot, uuid) || at[sizeof(boot)] != '\n') {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "it has no boot");
    }
    at += sizeof(boot);
    boot_id(boot);
    if (strncmp(at - strlen(boot), boot, strlen(boot)) != 0) {
        note->expires_boot_ms = 0;
    }
    for (const char *next = at + 1; *next;) {
        next = line(next, &from, &to);
        if (!next || note->given >> from & 1) {
            return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "a line is no pair of nodes");
        }
        note->given |= 1ull << from;
        note->node[from] = (uint32_t)to;
    }
    return check(note, err);
}

/* One that is valid for longer than notes are is none of ours. */
static bool holds(const struct exclaim_note *note, int64_t now_boot_ms)
{
    return note->expires_boot_ms > now_boot_ms &&
           note->expires_boot_ms <= now_boot_ms + EXCLAIM_NOTE_SECONDS_MAX * INT64_C(1000);
}

/* The bytes of @name, which ends with a zero in @text; -1: no file, -2: none of ours.  It is opened
 * as what it is, and nothing waits for it. */
static ssize_t read_note(int dir, const char *name, char text[TEXT_MAX])
{
    int fd = exclaim_regular_open(dir, name, O_RDONLY | O_NOFOLLOW, 0);
    ssize_t len = -2;
    struct stat st;

    if (fd < 0) {
        return errno ? -1 : -2;
    }
    if (!fstat(fd, &st) && st.st_uid == geteuid()) {
        len = read(fd, text, TEXT_MAX - 1);
        len = len < 0 ? -2 : len;
    }
    close(fd);
    if (len >= 0) {
        text[len] = '\0';
    }
    return len;
}

/* Of VMs that never came.  A name with a dot is of somebody who is writing, or who died of it: that
 * rubbish alone goes by the time of day, which may be set. */
static void remove_old(int dir)
{
    int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;

    while (d && (entry = readdir(d)) != NULL) {
        char text[TEXT_MAX];
        struct exclaim_note note;
        struct stat st;
        bool old;

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0) {
            continue;
        }
        if (strchr(entry->d_name, '.')) {
            old = !fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
                  st.st_mtime + (time_t)EXCLAIM_NOTE_SECONDS_MAX < time(NULL);
        } else {
            old = read_note(dir, entry->d_name, text) < 0 || parse(text, &note, NULL) ||
                  !holds(&note, exclaim_now_boot_ms());
        }
        if (old) {
            unlinkat(dir, entry->d_name, 0);
        }
    }
    if (d) {
        closedir(d);
    } else if (copy >= 0) {
        close(copy);
    }
}

int exclaim_note_write(const char *lock_dir, const uint8_t uuid[EXCLAIM_UUID_BYTES],
                       const struct exclaim_note *note, struct exclaim_error *err)
{
    char name[64], fresh[80], text[TEXT_MAX], boot[EXCLAIM_UUID_TEXT];
    size_t len;
    ssize_t r;
    int dir, fd = -1, rc = -1;

    if (check(note, err)) {
        return -1;
    }
    dir = open_dir(lock_dir, true, err);
    if (dir < 0) {
        return -1;
    }
    remove_old(dir);
    boot_id(boot);
    len = (size_t)snprintf(text, sizeof(text), FIRST " %" PRId64 " %s\n", note->expires_boot_ms,
                           boot);
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (note->given >> n & 1) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%" PRIu32 " %" PRIu32 "\n", n,
                                    note->node[n]);
        }
    }
    file_name(uuid, name);
    /* Whole or not at all for whoever takes it meanwhile. */
    snprintf(fresh, sizeof(fresh), "%s.%ld", name, (long)getpid());
    unlinkat(dir, fresh, 0); /* of one who died of it */
    fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    r = fd >= 0 ? write(fd, text, len) : -1;
    errno = r >= 0 && r < (ssize_t)len ? ENOSPC : errno;
    if (r != (ssize_t)len || renameat(dir, fresh, dir, name)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "write %s/%s", lock_dir, fresh);
        unlinkat(dir, fresh, 0);
    } else {
        rc = 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    close(dir);
    return rc;
}

int exclaim_note_take(const char *lock_dir, const uint8_t uuid[EXCLAIM_UUID_BYTES],
                      int64_t now_boot_ms, struct exclaim_note *note, struct exclaim_error *err)
{
    char name[64], text[TEXT_MAX];
    ssize_t len;
    int dir = open_dir(lock_dir, false, NULL);

    if (dir < 0) {
        return 0;
    }
    file_name(uuid, name);
    len = read_note(dir, name, text);
    if (len != -1) {
        unlinkat(dir, name, 0);
    }
    close(dir);
    if (len == -1) {
        return 0;
    }
    if (len < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "note %s: no file of ours", name);
    }
    if (parse(text, note, err)) {
        return exclaim_error_wrap(err, "note %s", name);
    }
    return holds(note, now_boot_ms) ? 1 : 0;
}

int exclaim_note_match(const struct exclaim_note *note, const struct exclaim_reservation *res,
                       const struct exclaim_room *room, const struct exclaim_match_options *opt,
                       struct exclaim_match *match, struct exclaim_error *err)
{
    struct exclaim_match_options whole = *opt;
    struct exclaim_room seen = *room;
    bool same = true;

    /* Each source node's number stands for the node that it is to lie on: what the rules of matches
     * call "same number" is then what was planned. */
    seen.nr_nodes = EXCLAIM_NODES_MAX;
    seen.allowed = seen.wary = 0;
    memset(seen.distance, 0, sizeof(seen.distance));
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        const uint32_t to = note->given >> n & 1 ? note->node[n] : EXCLAIM_NODES_MAX;

        seen.free[n] = seen.claimed[n] = seen.unkept[n] = 0;
        if (to < room->nr_nodes && room->allowed >> to & 1) {
            seen.free[n] = room->free[to];
            seen.claimed[n] = room->claimed[to];
            seen.unkept[n] = room->unkept[to];
            seen.allowed |= 1ull << n;
            seen.wary |= (room->wary >> to & 1) << n;
        }
    }
    whole.whole_parts = true;
    if (exclaim_match(res, &seen, &whole, match, err)) {
        return -1;
    }
    for (uint32_t i = 0; i < match->nr_parts; i++) {
        const struct exclaim_part *part = &match->part[i];

        /* Strays go with another part. */
        if (note->given >> part->src_node & 1 && part->dst_node != part->src_node) {
            return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                                "node %" PRIu32 " was planned for the %s (%" PRIu64
                                " pages) of its part on node %" PRIu32
                                " and has no room for them any more",
                                note->node[part->src_node], exclaim_size(part->pages).text,
                                part->pages, part->src_node);
        }
    }
    memset(match->pages, 0, sizeof(match->pages));
    match->nr_nodes = room->nr_nodes;
    for (uint32_t i = 0; i < match->nr_parts; i++) {
        struct exclaim_part *part = &match->part[i];

        part->dst_node = note->node[part->dst_node];
        match->pages[part->dst_node] += part->pages;
        same &= part->src_node == part->dst_node;
    }
    match->shape = same ? EXCLAIM_MATCH_SAME : EXCLAIM_MATCH_RENUMBERED;
    return 0;
}
