/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger's file, its lock and its entries. */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/file.h"
#include "../base/process.h"
#include "ledger_map.h"

#define LOCK_INTERVAL_NS 2000000L

struct exclaim_ledger {
    int fd;
    struct ledger_map *map;
    char path[256];
};

static int cut_short(const struct exclaim_ledger *l, const struct stat *st,
                     struct exclaim_error *err)
{
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                        "%s is cut short to %jd of %zu bytes: what is under way is not known, "
                        "remove it when no migration is",
                        l->path, (intmax_t)st->st_size, sizeof(struct ledger_map));
}

static bool headed(const struct exclaim_ledger *l)
{
    uint64_t magic;

    return pread(l->fd, &magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
           magic == LEDGER_MAGIC;
}

static int initialise(struct exclaim_ledger *l, struct exclaim_error *err)
{
    struct stat st;
    const off_t size = (off_t)sizeof(struct ledger_map);

    if (fstat(l->fd, &st)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "%s", l->path);
    }
    if (headed(l) && st.st_size < size) {
        return cut_short(l, &st, err);
    }
    /* A file that was cut short by a full disk or a crash has no header yet: make it whole. */
    if (st.st_size < size && posix_fallocate(l->fd, 0, size)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOSPC, "%s: %jd bytes", l->path,
                            (intmax_t)size);
    }
    l->map = mmap(NULL, sizeof(*l->map), PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
    if (l->map == MAP_FAILED) {
        l->map = NULL;
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "map %s", l->path);
    }
    if (!l->map->magic) {
        l->map->entry_size = sizeof(struct exclaim_ledger_entry);
        l->map->slots = EXCLAIM_LEDGER_SLOTS;
        l->map->magic = LEDGER_MAGIC;
    }
    if (l->map->magic != LEDGER_MAGIC || l->map->slots != EXCLAIM_LEDGER_SLOTS ||
        l->map->entry_size != sizeof(struct exclaim_ledger_entry)) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "%s is not a ledger of this version (entries of %" PRIu32
                            " bytes, not %zu)",
                            l->path, l->map->entry_size, sizeof(struct exclaim_ledger_entry));
    }
    return 0;
}

static int take_lock(struct exclaim_ledger *l, int timeout_ms, struct exclaim_error *err)
{
    const struct timespec interval = { .tv_nsec = LOCK_INTERVAL_NS };
    const long tries = timeout_ms / (LOCK_INTERVAL_NS / 1000000) + 1;

    for (long i = 0; i < tries; i++) {
        if (!flock(l->fd, LOCK_EX | LOCK_NB)) {
            return 0;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "lock %s", l->path);
        }
        nanosleep(&interval, NULL);
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ETIMEDOUT, "lock %s: held by another for %d ms",
                        l->path, timeout_ms);
}

int exclaim_ledger_open(const char *dir, struct exclaim_ledger **ledger, struct exclaim_error *err)
{
    struct exclaim_ledger *l = calloc(1, sizeof(*l));
    int rc;

    if (!l) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "ledger");
    }
    l->fd = -1;
    if (snprintf(l->path, sizeof(l->path), "%s/" EXCLAIM_LEDGER_FILE, dir) >=
        (int)sizeof(l->path)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "lock_dir of %zu bytes is too long",
                          strlen(dir));
        goto out;
    }
    if (mkdir(dir, 0700) && errno != EEXIST) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", dir);
        goto out;
    }
    l->fd = exclaim_file_open(l->path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, err);
    if (l->fd < 0) {
        rc = -1;
        goto out;
    }
    ledger_guard();
    rc = take_lock(l, 5000, err);
    if (rc) {
        goto out;
    }
    rc = initialise(l, err);
    exclaim_ledger_unlock(l);

out:
    if (rc) {
        exclaim_ledger_close(l);
        return -1;
    }
    *ledger = l;
    return 0;
}

void exclaim_ledger_close(struct exclaim_ledger *l)
{
    if (!l) {
        return;
    }
    if (l->map) {
        munmap(l->map, sizeof(*l->map));
    }
    if (l->fd >= 0) {
        close(l->fd);
    }
    free(l);
}

int exclaim_ledger_check(const struct exclaim_ledger *l, struct exclaim_error *err)
{
    struct stat ours, named;

    if (fstat(l->fd, &ours)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "%s", l->path);
    }
    if (ours.st_size < (off_t)sizeof(*l->map)) {
        return cut_short(l, &ours, err);
    }
    if (lstat(l->path, &named) || named.st_dev != ours.st_dev || named.st_ino != ours.st_ino) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                            "%s was removed or replaced while it was in use", l->path);
    }
    if (l->map->magic != LEDGER_MAGIC) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s was emptied while it was in use",
                            l->path);
    }
    return 0;
}

int exclaim_ledger_lock(struct exclaim_ledger *l, int timeout_ms, struct exclaim_error *err)
{
    if (take_lock(l, timeout_ms, err)) {
        return -1;
    }
    if (exclaim_ledger_check(l, err)) {
        exclaim_ledger_unlock(l);
        return -1;
    }
    return 0;
}

void exclaim_ledger_unlock(struct exclaim_ledger *l)
{
    flock(l->fd, LOCK_UN);
}

struct exclaim_ledger_entry *exclaim_ledger_at(struct exclaim_ledger *l, uint32_t slot)
{
    return slot < EXCLAIM_LEDGER_SLOTS ? &l->map->entry[slot] : NULL;
}

/*
 * The placing process counts as well: killed together with the hook, it still ends a populate call
 * of up to 1024 pages, and until then they are owed to it.
 */
static enum exclaim_life placer_life(const struct exclaim_ledger_entry *e)
{
    /* In this order: the number is written first. */
    const uint64_t start = atomic_load(&e->placer_start);

    return exclaim_process_life(atomic_load(&e->placer), start, e->pid_space);
}

enum exclaim_ledger_use exclaim_ledger_use(const struct exclaim_ledger_entry *e)
{
    enum exclaim_life owner, placer;

    if (atomic_load(&e->state) == EXCLAIM_ENTRY_FREE) {
        return EXCLAIM_USE_GONE;
    }
    /* In this order: a hook that is gone has started its child before, one that lives may do so
     * between the two looks. */
    owner = exclaim_process_life(e->pid, e->pid_start, e->pid_space);
    if (owner == EXCLAIM_LIFE_LIVES) {
        return EXCLAIM_USE_LIVES;
    }
    placer = placer_life(e);
    if (placer == EXCLAIM_LIFE_LIVES) {
        return EXCLAIM_USE_LIVES;
    }
    return owner == EXCLAIM_LIFE_GONE && placer == EXCLAIM_LIFE_GONE ? EXCLAIM_USE_GONE
                                                                     : EXCLAIM_USE_UNKNOWN;
}

static bool domain_lives(const struct exclaim_ledger_entry *e, struct exclaim_hv *hv)
{
    struct exclaim_domain dom;
    int r = hv->ops->next_domain(hv, e->domid, &dom, NULL);

    /* When Xen does not answer, the entry stays: too much owed is the safe side. */
    return r < 0 || (r > 0 && dom.domid == e->domid && !memcmp(dom.uuid, e->uuid, sizeof(e->uuid)));
}

/* The layout first: whoever gets the slot next must not find another's.  Also where the entry knows
 * of none, as its owner may have died before it said so. */
static void free_slot(struct exclaim_ledger *l, uint32_t slot)
{
    ledger_layout_remove(l->path, slot);
    atomic_store(&l->map->entry[slot].state, EXCLAIM_ENTRY_FREE);
}

uint32_t exclaim_ledger_prune(struct exclaim_ledger *l, struct exclaim_hv *hv)
{
    uint32_t pruned = 0;

    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        struct exclaim_ledger_entry *e = &l->map->entry[i];

        if (atomic_load(&e->state) == EXCLAIM_ENTRY_FREE) {
            continue;
        }
        if (exclaim_ledger_use(e) == EXCLAIM_USE_GONE) {
            free_slot(l, i);
            pruned++;
        } else if (hv && !domain_lives(e, hv)) {
            /* Nothing is owed to a domain that is gone.  But its processes still write to the
             * entry, so nobody else may have it yet. */
            memset(e->target, 0, sizeof(e->target));
        }
    }
    return pruned;
}

int exclaim_ledger_add(struct exclaim_ledger *l, uint32_t domid,
                       const uint8_t uuid[EXCLAIM_UUID_BYTES], const struct exclaim_match *match,
                       enum exclaim_guarantee guarantee, bool steer, uint32_t *slot,
                       struct exclaim_error *err)
{
    struct exclaim_ledger_entry *e = NULL;

    exclaim_ledger_prune(l, NULL);
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        if (atomic_load(&l->map->entry[i].state) == EXCLAIM_ENTRY_FREE) {
            e = &l->map->entry[i];
            *slot = i;
            break;
        }
    }
    if (!e) {
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0, "ledger: all %d entries are in use",
                            EXCLAIM_LEDGER_SLOTS);
    }
    memset(e, 0, sizeof(*e));
    e->domid = domid;
    memcpy(e->uuid, uuid, sizeof(e->uuid));
    e->pid = getpid();
    e->pid_start = exclaim_process_start_time(e->pid);
    e->pid_space = exclaim_process_space();
    if (!e->pid_start || !e->pid_space) {
        /* It would look like one of a process that is gone, or like one that never goes. */
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "ledger: own start time is not readable");
    }
    e->guarantee = guarantee;
    e->started_ms = (uint64_t)exclaim_now_unix_ms();
    e->nr_nodes = match->nr_nodes;
    e->steer = steer;
    memcpy(e->target, match->pages, sizeof(e->target));
    atomic_store(&e->state, EXCLAIM_ENTRY_STAKED);
    return 0;
}

void exclaim_ledger_retarget(struct exclaim_ledger *l, uint32_t slot,
                             const struct exclaim_match *match)
{
    struct exclaim_ledger_entry *e = exclaim_ledger_at(l, slot);

    if (!e) {
        return;
    }
    memset(e->target, 0, sizeof(e->target));
    if (match) {
        memcpy(e->target, match->pages, sizeof(e->target));
    }
}

void exclaim_ledger_remove(struct exclaim_ledger *l, uint32_t slot)
{
    struct exclaim_ledger_entry *e = exclaim_ledger_at(l, slot);

    /* In a ledger that was emptied and filled again the slot may be another's. */
    if (!e || e->pid != getpid()) {
        return;
    }
    if (atomic_load(&e->state) == EXCLAIM_ENTRY_PLACING && !atomic_load(&e->ended) &&
        placer_life(e) != EXCLAIM_LIFE_GONE) {
        /* A restore that outlives its hook still writes to the entry, as in pruning. */
        memset(e->target, 0, sizeof(e->target));
        return;
    }
    free_slot(l, slot);
}

int exclaim_ledger_set_layout(struct exclaim_ledger *l, uint32_t slot,
                              const struct exclaim_layout *layout,
                              const struct exclaim_share *share, uint32_t nr,
                              struct exclaim_error *err)
{
    struct exclaim_ledger_entry *e = exclaim_ledger_at(l, slot);

    if (ledger_layout_write(l->path, slot, e, layout, share, nr)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno,
                            "layout of %zu bytes beside %s, entry %" PRIu32, layout->len, l->path,
                            slot);
    }
    e->layout = 1;
    return 0;
}

void exclaim_ledger_owed(const struct exclaim_ledger *l, struct exclaim_hv *hv,
                         bool xen_knows_nodes, struct exclaim_room *room)
{
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        const struct exclaim_ledger_entry *e = &l->map->entry[i];

        if (atomic_load(&e->state) == EXCLAIM_ENTRY_FREE ||
            (xen_knows_nodes && e->guarantee >= EXCLAIM_GUARANTEE_NODE) ||
            exclaim_ledger_use(e) == EXCLAIM_USE_GONE || (hv && !domain_lives(e, hv))) {
            continue;
        }
        for (uint32_t n = 0; n < e->nr_nodes && n < room->nr_nodes; n++) {
            uint64_t done = atomic_load(&e->placed[n]) + atomic_load(&e->refused[n]);

            if (e->target[n] > done) {
                const uint64_t owed = e->target[n] - done;

                room->claimed[n] += owed;
                room->unkept[n] += e->guarantee < EXCLAIM_GUARANTEE_NODE ? owed : 0;
                room->host_claimed += e->guarantee != EXCLAIM_GUARANTEE_NONE ? owed : 0;
            }
        }
    }
}

int exclaim_ledger_fd(struct exclaim_ledger *l, struct exclaim_error *err)
{
    int fd = fcntl(l->fd, F_DUPFD, 3);

    if (fd < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "duplicate %s", l->path);
    }
    return fd;
}
