/* SPDX-License-Identifier: BSD-2-Clause */
/* The layout beside a ledger entry: a file of its own.  Shared with the placing object: libc only.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/regular.h"
#include "ledger_map.h"

#define LAYOUT_MAGIC 0x314c454d49414c43ull

/* Whose it is, as in the entry: a file that a crash has left is nobody else's. */
struct head {
    uint64_t magic;
    uint32_t domid;
    int32_t pid;
    uint64_t pid_start;
    uint64_t started_ms;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    uint32_t nr_shares;
    uint32_t len;
};

static struct head head_of(const struct exclaim_ledger_entry *e)
{
    struct head head;

    memset(&head, 0, sizeof(head));
    head.magic = LAYOUT_MAGIC;
    head.domid = e->domid;
    head.pid = e->pid;
    head.pid_start = e->pid_start;
    head.started_ms = e->started_ms;
    memcpy(head.uuid, e->uuid, sizeof(head.uuid));
    return head;
}

/* "layout.SLOT" in the ledger's directory. */
static bool file_name(const char *ledger, uint32_t slot, char *name, size_t size)
{
    const char *slash = strrchr(ledger, '/');
    const int dir = slash ? (int)(slash - ledger) : 0;

    return slash && snprintf(name, size, "%.*s/layout.%" PRIu32, dir, ledger, slot) < (int)size;
}

static bool write_all(int fd, const void *buf, size_t len)
{
    const uint8_t *at = buf;

    while (len) {
        const ssize_t r = write(fd, at, len);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            errno = r ? errno : ENOSPC;
            return false;
        }
        at += r;
        len -= (size_t)r;
    }
    return true;
}

static bool read_all(int fd, void *buf, size_t len)
{
    uint8_t *at = buf;

    while (len) {
        const ssize_t r = read(fd, at, len);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            return false;
        }
        at += r;
        len -= (size_t)r;
    }
    return true;
}

static bool valid(const struct ledger_layout *l)
{
    for (uint32_t i = 0; i < l->nr_shares; i++) {
        if (l->share[i].dst >= EXCLAIM_NODES_MAX ||
            (l->share[i].src >= EXCLAIM_NODES_MAX && l->share[i].src != EXCLAIM_LAYOUT_NO_NODE)) {
            return false;
        }
    }
    return true;
}

int ledger_layout_write(const char *path, uint32_t slot, const struct exclaim_ledger_entry *entry,
                        const struct exclaim_layout *layout, const struct exclaim_share *share,
                        uint32_t nr)
{
    struct head head = head_of(entry);
    char name[512];
    int fd, saved;

    if (!file_name(path, slot, name, sizeof(name))) {
        errno = ENAMETOOLONG;
        return -1;
    }
    head.nr_shares = nr;
    head.len = (uint32_t)layout->len;
    if (unlink(name) && errno != ENOENT) {
        return -1;
    }
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -1;
    }
    if (write_all(fd, &head, sizeof(head)) && write_all(fd, share, nr * sizeof(*share)) &&
        write_all(fd, layout->bytes, layout->len)) {
        close(fd);
        return 0;
    }
    saved = errno;
    close(fd);
    unlink(name);
    errno = saved;
    return -1;
}

struct ledger_layout *ledger_layout_read(const char *path, uint32_t slot,
                                         const struct exclaim_ledger_entry *entry)
{
    const struct head want = head_of(entry);
    struct ledger_layout *l = NULL;
    struct head head;
    char name[512];
    int fd;

    if (!file_name(path, slot, name, sizeof(name))) {
        return NULL;
    }
    fd = exclaim_regular_open(AT_FDCWD, name, O_RDONLY | O_NOFOLLOW, 0);
    if (fd < 0) {
        return NULL;
    }
    if (read_all(fd, &head, sizeof(head)) && head.len <= EXCLAIM_LAYOUT_MAX &&
        head.nr_shares <= EXCLAIM_SHARES_MAX &&
        !memcmp(&head, &want, offsetof(struct head, nr_shares))) {
        l = calloc(1, sizeof(*l) + head.len);
    }
    if (l) {
        l->nr_shares = head.nr_shares;
        l->layout.bytes = (const uint8_t *)(l + 1);
        l->layout.len = head.len;
        if (!read_all(fd, l->share, head.nr_shares * sizeof(l->share[0])) ||
            !read_all(fd, l + 1, head.len) || !valid(l)) {
            free(l);
            l = NULL;
        }
    }
    close(fd);
    return l;
}

void ledger_layout_remove(const char *path, uint32_t slot)
{
    char name[512];

    if (file_name(path, slot, name, sizeof(name))) {
        unlink(name);
    }
}
