/* SPDX-License-Identifier: BSD-2-Clause */
/* Shares a restore's pages out by the layout of the guest that they belong to. */
#include "frames.h"

#include <errno.h>
#include <string.h>

#include "quota_work.h"

#define UNLISTED EXCLAIM_NODES_MAX /* a source: the layout does not have the page */

_Static_assert(EXCLAIM_NODES_MAX < UINT8_MAX, "a source is a byte");

struct work {
    struct exclaim_ledger_entry *entry;
    struct frames *f;
    quota_populate_fn *populate;
    void *arg;
};

void frames_open(struct frames *f, const struct exclaim_layout *layout,
                 const struct exclaim_share *share, uint32_t nr)
{
    exclaim_layout_find_open(&f->finder, layout);
    memset(f->placed, 0, sizeof(f->placed));
    f->nr_shares = nr;
    memcpy(f->share, share, nr * sizeof(share[0]));
    exclaim_layout_homes(share, nr, f->homes);
}

static uint64_t left_of(const struct work *w, uint32_t i)
{
    const uint64_t owed = w->f->share[i].pages - w->f->placed[i];
    const uint64_t node = quota_remaining(w->entry, w->f->share[i].dst);

    return owed < node ? owed : node;
}

static bool is_from(const struct exclaim_share *share, uint32_t source)
{
    return share->src == source || (source == UNLISTED && share->src == EXCLAIM_LAYOUT_NO_NODE);
}

/* Its node owes pages of this source and has no memory for them. */
static bool refused(const struct work *w, uint32_t source)
{
    for (uint32_t i = 0; i < w->f->nr_shares; i++) {
        if (w->f->share[i].src == source && w->f->share[i].pages > w->f->placed[i] &&
            atomic_load(&w->entry->refused[w->f->share[i].dst])) {
            return true;
        }
    }
    return false;
}

/*
 * The share for a large extent: the first of its source that has room for it, as neighbours stay
 * together where one source node is split over several.
 */
static uint32_t share_for_large(const struct work *w, uint32_t source, unsigned int order)
{
    for (uint32_t i = 0; i < w->f->nr_shares; i++) {
        if (is_from(&w->f->share[i], source) && left_of(w, i) >> order &&
            !quota_rests(w->entry, w->f->share[i].dst, order)) {
            return i;
        }
    }
    return EXCLAIM_SHARES_MAX;
}

/* Single pages begin an extent's worth of a share only when nothing is over in any, see quota.c. */
static uint32_t share_of_source(const struct work *w, uint32_t source, uint64_t *most)
{
    const uint64_t size = 1ull << quota_large_order(w->entry);
    uint32_t first = EXCLAIM_SHARES_MAX, nr = 0;

    for (uint32_t i = 0; i < w->f->nr_shares; i++) {
        const uint64_t left = is_from(&w->f->share[i], source) ? left_of(w, i) : 0;

        if (!left) {
            continue;
        }
        nr++;
        if (left & (size - 1)) {
            *most = left & (size - 1);
            first = i;
            break;
        }
        if (first == EXCLAIM_SHARES_MAX) {
            first = i;
            *most = size;
        }
    }
    for (uint32_t i = first + 1; nr == 1 && i < w->f->nr_shares; i++) {
        nr += is_from(&w->f->share[i], source) && left_of(w, i);
    }
    if (nr == 1) {
        *most = left_of(w, first); /* there is no choice */
    }
    return first;
}

/* What nobody's page will want, or else the share that has most left, a region's worth at once. */
static uint32_t share_of_others(const struct work *w, uint64_t *most)
{
    uint32_t best = share_of_source(w, UNLISTED, most);
    uint64_t best_left = 0;

    if (best != EXCLAIM_SHARES_MAX) {
        return best;
    }
    for (uint32_t i = 0; i < w->f->nr_shares; i++) {
        const uint64_t left = left_of(w, i);

        if (left > best_left) {
            best_left = left;
            best = i;
        }
    }
    *most = best_left < EXCLAIM_PAGES_2M ? best_left : EXCLAIM_PAGES_2M;
    return best;
}

static void count_kept(const struct work *w, uint32_t source, uint32_t node, uint64_t pages)
{
    if (source == UNLISTED) {
        return;
    }
    if (node != QUOTA_ANY_NODE && w->f->homes[source] >> node & 1) {
        atomic_fetch_add(&w->entry->kept, pages);
    } else {
        atomic_fetch_add(&w->entry->moved, pages);
    }
}

/* Populates for a share, or anywhere if that is SHARES_MAX.  As quota_place_run(). */
static long place(const struct work *w, uint32_t share, uint32_t source, struct quota_run *run)
{
    long got;

    run->node = share == EXCLAIM_SHARES_MAX ? QUOTA_ANY_NODE : w->f->share[share].dst;
    got = quota_place_run(w->entry, run, w->populate, w->arg);
    if (got > 0) {
        const uint64_t pages = (uint64_t)got << run->order;

        if (share != EXCLAIM_SHARES_MAX) {
            w->f->placed[share] += pages;
        }
        count_kept(w, source, run->node, pages);
    }
    return got;
}

/* Single pages of one source; @any is whether some of the call's pages were populated before. */
static int place_pages(const struct work *w, uint32_t source, const unsigned long *pages,
                       unsigned long nr, bool any)
{
    while (nr) {
        struct quota_run run = { .own = pages };
        uint64_t most = 0;
        uint32_t share = share_of_source(w, source, &most);
        long got;

        if (share == EXCLAIM_SHARES_MAX && !refused(w, source)) {
            share = share_of_others(w, &most);
        }
        run.nr = share != EXCLAIM_SHARES_MAX && most < nr ? (unsigned long)most : nr;
        got = place(w, share, source, &run);
        if (got < 0) {
            return -1;
        }
        any |= got > 0;
        pages += got;
        nr -= (unsigned long)got;
        if ((unsigned long)got == run.nr) {
            continue;
        }
        if (share == EXCLAIM_SHARES_MAX) {
            errno = any ? EBUSY : ENOMEM;
            return -1;
        }
        /* The node is full: what it still owes is placed where Xen finds memory, and reported. */
        atomic_fetch_add(&w->entry->refused[run.node], quota_remaining(w->entry, run.node));
    }
    return 0;
}

/* The source of all frames first .. first + nr - 1; false if there are several. */
static bool one_source(struct frames *f, uint64_t first, uint64_t nr, uint32_t *source)
{
    uint64_t same;

    *source = exclaim_layout_find(&f->finder, first, &same);
    for (uint64_t at = same; at < nr; at += same) {
        if (exclaim_layout_find(&f->finder, first + at, &same) != *source) {
            return false;
        }
    }
    *source = *source == EXCLAIM_LAYOUT_NO_NODE ? UNLISTED : *source;
    return true;
}

/* One large extent: 1 if it was populated, 0 if it is to be populated as pages, -1 for an error. */
static int place_large(const struct work *w, uint32_t source, struct quota_run *run)
{
    uint32_t share;

    run->nr = 1;
    while ((share = share_for_large(w, source, run->order)) != EXCLAIM_SHARES_MAX) {
        const long got = place(w, share, source, run);

        if (got < 0) {
            return -1;
        }
        quota_learn(w->entry, run->node, run->order, got == 0);
        if (got) {
            return 1;
        }
        if (run->order != quota_large_order(w->entry)) {
            return 0; /* the node does not rest, and would be asked again */
        }
    }
    return 0;
}

/* As many pages as were reserved have their node: more of them go where Xen likes. */
static bool nothing_left(const struct work *w)
{
    for (uint32_t i = 0; i < w->f->nr_shares; i++) {
        if (left_of(w, i)) {
            return false;
        }
    }
    return true;
}

static int populate_large(const struct work *w, unsigned long nr, unsigned int order,
                          const unsigned long *extents)
{
    struct quota_run run = { .order = order };
    unsigned long done = 0;

    if (order == quota_large_order(w->entry)) {
        quota_wake(w->entry, nr);
    }
    for (; done < nr; done++) {
        const bool rest = nothing_left(w);
        uint32_t source;
        int r = 0;

        run.own = extents + done;
        if (!one_source(w->f, extents[done], 1ull << order, &source)) {
            atomic_fetch_add(&w->entry->split, 1);
        } else if (rest || refused(w, source)) {
            run.nr = 1;
            r = (int)place(w, EXCLAIM_SHARES_MAX, source, &run);
        } else {
            r = place_large(w, source, &run);
        }
        if (r <= 0) {
            errno = r < 0 ? errno : done ? EBUSY : ENOMEM;
            return -1;
        }
    }
    return 0;
}

/* A whole region whose pages lie on one node, as one extent.  As place_large(). */
static int join(const struct work *w, unsigned long at, const unsigned long *extents)
{
    struct quota_run run = { .order = quota_join(w->entry), .own = extents + at };
    uint32_t source;

    if (!one_source(w->f, extents[at], 1ull << run.order, &source)) {
        atomic_fetch_add(&w->entry->split, 1);
        return 0;
    }
    quota_wake(w->entry, 1);
    if (place_large(w, source, &run) > 0) {
        return 1;
    }
    /* Whatever was wrong with the extent (no memory, or an error): its pages are asked for, and
     * tell. */
    atomic_fetch_add(&w->entry->broken, 1);
    return 0;
}

/* At most FRAMES_BATCH single pages. */
static int populate_batch(const struct work *w, unsigned long nr, const unsigned long *extents,
                          bool any)
{
    struct frames *f = w->f;
    const unsigned long size = 1ul << quota_join(w->entry);
    uint64_t sources = 0, same = 0, until = 0;
    uint32_t source = UNLISTED;
    bool unlisted = false;

    for (unsigned long at = 0; at < nr; at++) {
        if (quota_join(w->entry) && quota_whole(extents, at, nr, quota_join(w->entry)) &&
            join(w, at, extents) > 0) {
            memset(f->source + at, UINT8_MAX, size); /* done */
            at += size - 1;
            any = true;
            until = 0;
            continue;
        }
        if (!until || extents[at] < until - same || extents[at] >= until) {
            source = exclaim_layout_find(&f->finder, extents[at], &same);
            source = source < EXCLAIM_NODES_MAX ? source : UNLISTED;
            same = same < UINT32_MAX ? same : UINT32_MAX;
            until = extents[at] + same;
        }
        f->source[at] = (uint8_t)source;
        sources |= source < UNLISTED ? 1ull << source : 0;
        unlisted |= source == UNLISTED;
    }
    /* Pages with a node of their own first: the others take what is left. */
    for (uint32_t s = 0; s <= UNLISTED; s++) {
        unsigned long here = 0;

        if (s < UNLISTED ? !(sources >> s & 1) : !unlisted) {
            continue;
        }
        for (unsigned long at = 0; at < nr; at++) {
            f->pages[here] = extents[at];
            here += f->source[at] == s;
        }
        if (place_pages(w, s, f->pages, here, any)) {
            return -1;
        }
        any = true;
    }
    return 0;
}

int frames_populate(struct exclaim_ledger_entry *entry, struct frames *f, unsigned long nr,
                    unsigned int order, const unsigned long *extents, quota_populate_fn *populate,
                    void *arg)
{
    const struct work w = { .entry = entry, .f = f, .populate = populate, .arg = arg };

    if (order) {
        return populate_large(&w, nr, order, extents);
    }
    for (unsigned long at = 0; at < nr; at += FRAMES_BATCH) {
        const unsigned long batch = nr - at < FRAMES_BATCH ? nr - at : FRAMES_BATCH;

        if (populate_batch(&w, batch, extents + at, at != 0)) {
            return -1;
        }
    }
    return 0;
}
