/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libexclaim-place.so, loaded into the restoring process (LD_PRELOAD): every page goes to the node
 * that the reservation gives it.
 *
 * 1. At load it finds "<ledger fd>:<slot>:<domid>" in EXCLAIM_PLACE, maps the ledger and closes the
 *    descriptor.  Whatever is wrong with that, it does nothing and the restore goes on without us.
 *    Or it finds "@<ledger file>:<domid>": xenopsd's restoring process is started before anything
 * is known of what it will restore, so the domain's entry is looked for when the restore begins.
 * 2. It stands in front of xc_domain_populate_physmap_exact(), through which libxenguest asks for
 *    every page of a restore (xen tools/libs/guest/xg_sr_restore.c, populate_pfns), and adds
 *    XENMEMF_exact_node() by the quotas of the ledger's entry, and by the layout beside it.
 * 3. It stands in front of xc_domain_restore() only to note the result, which the helper tells
 * nobody but its toolstack.
 *
 * The static state is the price of interposition: the callers' prototypes have no room for ours.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xenctrl.h>

#include "../base/regular.h"
#include "../reserve/ledger_map.h"
#include "frames.h"

#define EXPORT __attribute__((visibility("default")))

typedef int populate_fn(xc_interface *xch, uint32_t domid, unsigned long nr_extents,
                        unsigned int extent_order, unsigned int mem_flags, xen_pfn_t *extent_start);

/*
 * Xen 4.22 (and XenServer 9) added the last argument, so xenguest.h of any one version would not
 * do. A caller from before does not pass it; what is then in its place is handed on to a function
 * that does not look there either.
 */
struct restore_callbacks;

typedef int restore_fn(xc_interface *xch, int io_fd, uint32_t dom, unsigned int store_evtchn,
                       unsigned long *store_mfn, uint32_t store_domid, unsigned int console_evtchn,
                       unsigned long *console_mfn, uint32_t console_domid, unsigned int stream_type,
                       struct restore_callbacks *callbacks, int send_back_fd,
                       unsigned int memflags);

static struct {
    pthread_mutex_t lock;
    struct exclaim_ledger_entry *entry; /* NULL: hands off */
    struct frames *frames;              /* NULL: no layout, pages are shared out by count */
    uint32_t domid;
    char ledger[256]; /* to be looked into when the restore begins; "" = not */
} place = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct ledger_map *map_ledger(int fd)
{
    struct ledger_map *map;
    struct stat st;

    if (fstat(fd, &st) || st.st_size < (off_t)sizeof(*map)) {
        return NULL;
    }
    map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
    if (map->magic != LEDGER_MAGIC || map->slots != EXCLAIM_LEDGER_SLOTS ||
        map->entry_size != sizeof(map->entry[0])) {
        munmap(map, sizeof(*map));
        return NULL;
    }
    return map;
}

static void take_layout(const char *ledger, uint32_t slot)
{
    struct ledger_layout *l = ledger_layout_read(ledger, slot, place.entry);
    struct frames *frames = l ? malloc(sizeof(*frames)) : NULL;

    if (!frames) {
        free(l);
        return;
    }
    frames_open(frames, &l->layout, l->share, l->nr_shares);
    place.frames = frames;
    atomic_store(&place.entry->by_frame, 1);
}

/* We are the one that places this entry's pages. */
static void take_entry(struct exclaim_ledger_entry *entry, const char *ledger, uint32_t slot)
{
    ledger_guard();
    place.entry = entry;
    if (entry->layout) {
        take_layout(ledger, slot);
    }
    ledger_note_placer(entry);
    atomic_store(&entry->state, EXCLAIM_ENTRY_PLACING);
}

/* An entry whose hook is gone is nobody's order any more. */
static bool waits_for_us(const struct exclaim_ledger_entry *e)
{
    return atomic_load(&e->state) == EXCLAIM_ENTRY_STAKED && e->domid == place.domid && e->steer &&
           exclaim_process_life(e->pid, e->pid_start, e->pid_space) == EXCLAIM_LIFE_LIVES;
}

/* A ledger that was emptied under us has forgotten our entry, or has given its slot to another. */
static bool have_entry(void)
{
    return place.entry && place.entry->domid == place.domid;
}

static void find_entry(void)
{
    int fd = exclaim_regular_open(AT_FDCWD, place.ledger, O_RDWR | O_NOFOLLOW, 0);
    struct ledger_map *map;

    if (fd < 0) {
        return;
    }
    map = map_ledger(fd);
    close(fd);
    for (uint32_t i = 0; map && i < EXCLAIM_LEDGER_SLOTS && !place.entry; i++) {
        if (waits_for_us(&map->entry[i])) {
            take_entry(&map->entry[i], place.ledger, i);
        }
    }
    if (map && !place.entry) {
        munmap(map, sizeof(*map));
    }
}

/* "<ledger file>:<domid>" */
static void remember_ledger(const char *text)
{
    const char *colon = strrchr(text, ':');

    if (colon && (size_t)(colon - text) < sizeof(place.ledger) &&
        sscanf(colon, ":%" SCNu32, &place.domid) == 1) {
        memcpy(place.ledger, text, (size_t)(colon - text));
    }
}

static void use_slot(int fd, uint32_t slot)
{
    struct ledger_map *map = slot < EXCLAIM_LEDGER_SLOTS ? map_ledger(fd) : NULL;
    char link[64], ledger[256] = "";
    ssize_t len;

    /* The layout is beside the ledger; a name that cannot be had is one that has none. */
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, ledger, sizeof(ledger) - 1);
    ledger[len > 0 ? len : 0] = '\0';
    close(fd);
    if (map && map->entry[slot].domid == place.domid) {
        take_entry(&map->entry[slot], ledger, slot);
    }
}

__attribute__((constructor)) static void place_init(void)
{
    const char *env = getenv(EXCLAIM_PLACE_ENV);
    uint32_t slot;
    int fd;

    if (!env) {
        return;
    }
    if (env[0] == '@') {
        remember_ledger(env + 1);
    } else if (sscanf(env, "%d:%" SCNu32 ":%" SCNu32, &fd, &slot, &place.domid) == 3) {
        use_slot(fd, slot);
    } else {
        return;
    }
    /* Nothing that this process starts is ours. */
    unsetenv(EXCLAIM_PLACE_ENV);
    unsetenv("LD_PRELOAD");
}

/*
 * quota.h calls this for one run of extents; the answer is how many Xen populated, or -1.
 *
 * Up to Xen 4.20 restore asks for single pages only: where the entry says so, those of one call
 * that make a whole extent become one.  Xen writes nothing back into the list of a guest with a p2m
 * of its own (xen common/memory.c, populate_physmap), so restore finds it as it would without us.
 */
static long populate(void *arg, const struct quota_run *run)
{
    static populate_fn *real;
    const struct quota_call *call = arg;
    unsigned int flags = call->mem_flags;
    xen_pfn_t joined[QUOTA_JOINED_MAX], *extents = call->extents + run->first;

    if (!real) {
        real = (populate_fn *)dlsym(RTLD_NEXT, "xc_domain_populate_physmap");
    }
    if (!real) {
        errno = ENOSYS;
        return -1;
    }
    if (run->node != QUOTA_ANY_NODE) {
        flags |= XENMEMF_exact_node(run->node);
    }
    if (run->own) {
        extents = (xen_pfn_t *)(uintptr_t)run->own; /* not written to, see frames.h */
    } else if (run->joined) {
        for (unsigned long i = 0; i < run->nr; i++) {
            joined[i] = extents[i << run->order];
        }
        extents = joined;
    }
    atomic_fetch_add(&place.entry->calls, 1);
    return real(call->xch, call->domid, run->nr, run->order, flags, extents);
}

EXPORT int xc_domain_populate_physmap_exact(xc_interface *xch, uint32_t domid,
                                            unsigned long nr_extents, unsigned int extent_order,
                                            unsigned int mem_flags, xen_pfn_t *extent_start)
{
    struct quota_call call = {
        .xch = xch, .domid = domid, .mem_flags = mem_flags, .extents = extent_start
    };
    int rc, saved;

    /* A caller that names a node itself, or another domain, is served as without us. */
    if (!have_entry() || domid != place.domid || mem_flags) {
        populate_fn *next = (populate_fn *)dlsym(RTLD_NEXT, "xc_domain_populate_physmap_exact");

        if (!next) {
            errno = ENOSYS;
            return -1;
        }
        rc = next(xch, domid, nr_extents, extent_order, mem_flags, extent_start);
        if (!rc && have_entry() && domid == place.domid) {
            atomic_fetch_add(&place.entry->elsewhere, (uint64_t)nr_extents << extent_order);
        }
        return rc;
    }
    pthread_mutex_lock(&place.lock);
    rc = place.frames
             ? frames_populate(place.entry, place.frames, nr_extents, extent_order, extent_start,
                               populate, &call)
             : quota_populate(place.entry, nr_extents, extent_order, extent_start, populate, &call);
    saved = errno;
    pthread_mutex_unlock(&place.lock);
    errno = saved;
    return rc;
}

EXPORT restore_fn xc_domain_restore;
EXPORT int xc_domain_restore(xc_interface *xch, int io_fd, uint32_t dom, unsigned int store_evtchn,
                             unsigned long *store_mfn, uint32_t store_domid,
                             unsigned int console_evtchn, unsigned long *console_mfn,
                             uint32_t console_domid, unsigned int stream_type,
                             struct restore_callbacks *callbacks, int send_back_fd,
                             unsigned int memflags)
{
    restore_fn *real = (restore_fn *)dlsym(RTLD_NEXT, "xc_domain_restore");
    int rc, saved;

    if (!real) {
        errno = ENOSYS;
        return -1;
    }
    if (place.ledger[0] && dom == place.domid) {
        find_entry();
    }
    rc = real(xch, io_fd, dom, store_evtchn, store_mfn, store_domid, console_evtchn, console_mfn,
              console_domid, stream_type, callbacks, send_back_fd, memflags);
    saved = errno;
    if (have_entry() && dom == place.domid) {
        atomic_store(&place.entry->result, rc);
        atomic_store(&place.entry->ended, 1);
    }
    errno = saved;
    return rc;
}
