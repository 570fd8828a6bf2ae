/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota.h"

#include <errno.h>
#include <time.h>

/*
 * Before Xen 4.19.5, 4.20.3 and 4.21.1 a page is taken from the heap before it is taken off the
 * claim, so that for a moment free memory minus claims is too small and a request that fits is
 * refused (xen common/page_alloc.c, domain_adjust_tot_pages).  Ask again before believing it.
 */
#define RETRIES  3
#define RETRY_NS 1000000L

static uint64_t remaining(const struct exclaim_ledger_entry *e, uint32_t node)
{
    uint64_t done = atomic_load(&e->placed[node]) + atomic_load(&e->refused[node]);

    return e->target[node] > done ? e->target[node] - done : 0;
}

/* The first node whose quota still takes an extent of @pages; QUOTA_ANY_NODE if none does.
 * *left says whether any quota is left at all. */
static uint32_t node_with(const struct exclaim_ledger_entry *e, uint64_t pages, bool *left)
{
    *left = false;
    for (uint32_t n = 0; n < e->nr_nodes && n < EXCLAIM_NODES_MAX; n++) {
        uint64_t r = remaining(e, n);

        *left |= r != 0;
        if (r >= pages) {
            return n;
        }
    }
    return QUOTA_ANY_NODE;
}

static void count_extents(struct exclaim_ledger_entry *e, unsigned int order, unsigned long nr)
{
    atomic_fetch_add(&e->extents[order >= 18 ? 2 : order >= 9 ? 1 : 0], nr);
}

/* Populates as much of @run as Xen gives, asking again a few times; -1 only for a real error. */
static long populate_run(struct quota_run run, quota_populate_fn *populate, void *arg)
{
    const struct timespec pause = { .tv_nsec = RETRY_NS };
    long done = 0;

    for (unsigned int i = 0; i < RETRIES; i++) {
        long r = populate(arg, &run);

        if (r < 0) {
            return done ? done : -1;
        }
        done += r;
        if ((unsigned long)r >= run.nr) {
            return done;
        }
        run.first += (unsigned long)r;
        run.nr -= (unsigned long)r;
        if (r == 0) {
            nanosleep(&pause, NULL);
        }
    }
    return done;
}

int quota_populate(struct exclaim_ledger_entry *e, unsigned long nr, unsigned int order,
                   quota_populate_fn *populate, void *arg)
{
    const uint64_t size = 1ull << order;
    struct quota_run run = { .order = order };

    while (run.first < nr) {
        bool left;
        long got;

        run.nr = nr - run.first;
        run.node = e->steer ? node_with(e, size, &left) : QUOTA_ANY_NODE;
        if (run.node != QUOTA_ANY_NODE) {
            uint64_t fits = remaining(e, run.node) / size;

            run.nr = fits < run.nr ? (unsigned long)fits : run.nr;
        } else if (order && e->steer && left) {
            errno = ENOMEM;
            return -1;
        }

        got = populate_run(run, populate, arg);
        if (got < 0) {
            return -1;
        }
        if (run.node == QUOTA_ANY_NODE) {
            atomic_fetch_add(&e->elsewhere, (uint64_t)got * size);
        } else {
            atomic_fetch_add(&e->placed[run.node], (uint64_t)got * size);
        }
        count_extents(e, order, (unsigned long)got);
        run.first += (unsigned long)got;

        if ((unsigned long)got == run.nr) {
            continue;
        }
        if (order || run.node == QUOTA_ANY_NODE) {
            /* No such extent, or no memory at all: the caller's to handle, as without us.  EBUSY is
             * what libxenctrl says when some of the extents were populated. */
            errno = run.first ? EBUSY : ENOMEM;
            return -1;
        }
        /* The node is full: what it still owes is placed where Xen finds memory, and reported. */
        atomic_fetch_add(&e->refused[run.node], remaining(e, run.node));
    }
    return 0;
}
