/* SPDX-License-Identifier: BSD-2-Clause */
/* Shares a restore's pages out among the nodes of its ledger entry, to the page. */
#include "quota_work.h"

#include <errno.h>
#include <time.h>

_Static_assert(EXCLAIM_NODES_MAX <= 64, "nodes that were tried are bits of a uint64_t");

/*
 * Before Xen 4.19.5, 4.20.3 and 4.21.1 a page is taken from the heap before it is taken off the
 * claim, so that for a moment free memory minus claims is too small and a request that fits is
 * refused (xen common/page_alloc.c, domain_adjust_tot_pages).  Ask again before believing it.
 */
#define RETRIES  3
#define RETRY_NS 1000000L

/*
 * A node without large extents is asked again after 1, 2, 4, ... of them: others may have got in
 * between for a moment only, but on a node in pieces each question costs all retries.
 */
#define REST_MAX 64u

static uint32_t nr_nodes(const struct exclaim_ledger_entry *e)
{
    return e->nr_nodes < EXCLAIM_NODES_MAX ? e->nr_nodes : EXCLAIM_NODES_MAX;
}

uint64_t quota_remaining(const struct exclaim_ledger_entry *e, uint32_t node)
{
    uint64_t done = atomic_load(&e->placed[node]) + atomic_load(&e->refused[node]);

    return e->target[node] > done ? e->target[node] - done : 0;
}

static bool any_remaining(const struct exclaim_ledger_entry *e)
{
    for (uint32_t n = 0; n < nr_nodes(e); n++) {
        if (quota_remaining(e, n)) {
            return true;
        }
    }
    return false;
}

unsigned int quota_large_order(const struct exclaim_ledger_entry *e)
{
    return quota_join(e) ? quota_join(e) : EXCLAIM_ORDER_2M;
}

bool quota_rests(const struct exclaim_ledger_entry *e, uint32_t node, unsigned int order)
{
    return order == quota_large_order(e) && e->rest[node];
}

/*
 * Whether node @a is further behind its share than node @b, for the next @size pages: the rule of
 * Sainte-Lague.  It keeps every stretch of the guest's memory near the ratio of the targets, where
 * filling one node after the other would put all low memory, where kernels live, on one of them.
 * What a node has refused it is not expected to take.
 */
static bool behind(const struct exclaim_ledger_entry *e, uint32_t a, uint32_t b, uint64_t size)
{
    const uint64_t ta = e->target[a] - atomic_load(&e->refused[a]);
    const uint64_t tb = e->target[b] - atomic_load(&e->refused[b]);
    const uint64_t pa = 2 * atomic_load(&e->placed[a]) + size;
    const uint64_t pb = 2 * atomic_load(&e->placed[b]) + size;

    return (unsigned __int128)ta * pb > (unsigned __int128)tb * pa;
}

/* Of the nodes outside of @tried whose quota takes an extent of this order, the one furthest behind
 * its share. */
static uint32_t node_for_large(const struct exclaim_ledger_entry *e, unsigned int order,
                               uint64_t tried)
{
    uint32_t best = QUOTA_ANY_NODE;

    for (uint32_t n = 0; n < nr_nodes(e); n++) {
        if (quota_remaining(e, n) >> order && !(tried & 1ull << n) && !quota_rests(e, n, order) &&
            (best == QUOTA_ANY_NODE || behind(e, n, best, 1ull << order))) {
            best = n;
        }
    }
    return best;
}

/* How good it is to put single pages on the node; see node_for_pages(). */
enum fitness { FITNESS_NONE, FITNESS_BEGINS, FITNESS_COSTS_NOTHING };

static enum fitness fitness(const struct exclaim_ledger_entry *e, uint32_t node, bool region,
                            uint64_t *most)
{
    const uint64_t size = 1ull << quota_large_order(e);
    const uint64_t r = quota_remaining(e, node), over = r & (size - 1);

    if (!r) {
        return FITNESS_NONE;
    }
    *most = r < size ? r : size;
    if (quota_rests(e, node, quota_large_order(e)) || (region && r >= size)) {
        return FITNESS_COSTS_NOTHING;
    }
    if (over && !region) {
        *most = over;
        return FITNESS_COSTS_NOTHING;
    }
    return FITNESS_BEGINS;
}

/*
 * Single pages go where they cost no large extent: what is over in a quota, or a node that has no
 * large ones.  A whole extent's worth of quota is begun only when there is nothing else, so no more
 * runs are broken than the quotas themselves break.  A whole @region of single pages is such an
 * extent's worth, and stays on one node where it can.  Never more than a region at once on one
 * node, so that what is not joined either is shared out as evenly.
 */
static uint32_t node_for_pages(const struct exclaim_ledger_entry *e, bool region, uint64_t *most)
{
    enum fitness best_fitness = FITNESS_NONE;
    uint32_t best = QUOTA_ANY_NODE;

    for (uint32_t n = 0; n < nr_nodes(e); n++) {
        uint64_t here = 0;
        const enum fitness f = fitness(e, n, region, &here);

        if (f > best_fitness ||
            (f && f == best_fitness && behind(e, n, best, 1ull << quota_large_order(e)))) {
            best_fitness = f;
            best = n;
            *most = here;
        }
    }
    return best;
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Populates as much of @run as Xen gives, asking again a few times; -1 only for a real error. */
static long populate_run(struct exclaim_ledger_entry *e, struct quota_run run,
                         quota_populate_fn *populate, void *arg)
{
    const struct timespec pause = { .tv_nsec = RETRY_NS };
    const unsigned int shift = run.joined ? run.order : 0;
    unsigned int in_vain = 0;
    long done = 0;

    while (run.nr && in_vain < RETRIES) {
        const uint64_t start = now_ns();
        long r = populate(arg, &run);

        atomic_fetch_add(&e->populate_ns, now_ns() - start);
        if (r < 0) {
            return done ? done : -1;
        }
        done += r;
        run.first += (unsigned long)r << shift;
        if (run.own) {
            run.own += r;
        }
        run.nr -= (unsigned long)r;
        if (r == 0 && ++in_vain < RETRIES) {
            nanosleep(&pause, NULL);
        }
    }
    return done;
}

long quota_place_run(struct exclaim_ledger_entry *e, const struct quota_run *run,
                     quota_populate_fn *populate, void *arg)
{
    const unsigned int size = run->order >= EXCLAIM_ORDER_1G   ? EXCLAIM_EXTENT_1G
                              : run->order >= EXCLAIM_ORDER_2M ? EXCLAIM_EXTENT_2M
                                                               : EXCLAIM_EXTENT_4K;
    long got = populate_run(e, *run, populate, arg);

    if (got <= 0) {
        return got;
    }
    if (run->node == QUOTA_ANY_NODE) {
        atomic_fetch_add(&e->elsewhere, (uint64_t)got << run->order);
        atomic_fetch_add(&e->extents_elsewhere[size], (uint64_t)got);
    } else {
        atomic_fetch_add(&e->placed[run->node], (uint64_t)got << run->order);
        atomic_fetch_add(&e->extents[run->node][size], (uint64_t)got);
    }
    return got;
}

/* The node had no large extent, or has given @given of them. */
void quota_learn(struct exclaim_ledger_entry *e, uint32_t node, unsigned int order, bool lacks)
{
    if (lacks) {
        atomic_fetch_add(&e->lacking[node], 1);
    }
    if (order == quota_large_order(e)) {
        uint32_t next = e->next_rest[node] ? e->next_rest[node] : 1;

        e->rest[node] = lacks ? next : 0;
        e->next_rest[node] = !lacks ? 0 : next < REST_MAX ? 2 * next : REST_MAX;
    }
}

/*
 * Places as many of the run's extents as there are nodes for, and sets run->first to the first that
 * is left.  Returns how many are left, -1 for a real error.
 */
static long place_large(struct exclaim_ledger_entry *e, struct quota_run *run,
                        quota_populate_fn *populate, void *arg)
{
    const unsigned int shift = run->joined ? run->order : 0;
    unsigned long left = run->nr;
    uint64_t tried = 0;

    while (left) {
        const bool any = !e->steer || !any_remaining(e);
        long got;

        run->nr = left;
        run->node = any ? QUOTA_ANY_NODE : node_for_large(e, run->order, tried);
        if (!any) {
            if (run->node == QUOTA_ANY_NODE) {
                break;
            }
            run->nr = 1; /* the next one may be another node's turn */
        }
        got = quota_place_run(e, run, populate, arg);
        if (got < 0) {
            return -1;
        }
        run->first += (unsigned long)got << shift;
        left -= (unsigned long)got;
        if (any && (unsigned long)got < run->nr) {
            break;
        }
        if (!any) {
            quota_learn(e, run->node, run->order, (unsigned long)got < run->nr);
            tried |= (unsigned long)got < run->nr ? 1ull << run->node : 0;
        }
    }
    return (long)left;
}

/* Whether the 2^order pages from index @at on are one extent of the guest. */
bool quota_whole(const unsigned long *extents, unsigned long at, unsigned long nr,
                 unsigned int order)
{
    const unsigned long size = 1ul << order;

    if (nr - at < size || extents[at] & (size - 1)) {
        return false;
    }
    for (unsigned long i = 1; i < size; i++) {
        if (extents[at + i] != extents[at] + i) {
            return false;
        }
    }
    return true;
}

/* How many pages from index @at on lie in one region of the guest, at most @nr. */
static unsigned long in_region(const unsigned long *extents, unsigned long at, unsigned long nr)
{
    unsigned long i = 1;

    while (i < nr && extents[at + i] >> EXCLAIM_ORDER_2M == extents[at] >> EXCLAIM_ORDER_2M) {
        i++;
    }
    return i;
}

/* @extents as in quota_populate(); pages first .. first + nr - 1 of that list. */
static int place_pages(struct exclaim_ledger_entry *e, unsigned long first, unsigned long nr,
                       const unsigned long *extents, quota_populate_fn *populate, void *arg)
{
    while (nr) {
        struct quota_run run = { .first = first, .nr = nr, .node = QUOTA_ANY_NODE };
        uint64_t most = nr;
        long got;

        if (e->steer) {
            const bool region =
                extents && quota_whole(extents, first, first + nr, EXCLAIM_ORDER_2M);

            run.node = node_for_pages(e, region, &most);
        }
        if (e->steer && extents && run.node != QUOTA_ANY_NODE) {
            run.nr = in_region(extents, first, nr);
        }
        run.nr = most < run.nr ? (unsigned long)most : run.nr;
        got = quota_place_run(e, &run, populate, arg);
        if (got < 0) {
            return -1;
        }
        first += (unsigned long)got;
        nr -= (unsigned long)got;
        if ((unsigned long)got == run.nr) {
            continue;
        }
        if (run.node == QUOTA_ANY_NODE) {
            /* No memory at all: the caller's to handle, as without us.  EBUSY is what libxenctrl
             * says when some of the extents were populated. */
            errno = first ? EBUSY : ENOMEM;
            return -1;
        }
        /* The node is full: what it still owes is placed where Xen finds memory, and reported. */
        atomic_fetch_add(&e->refused[run.node], quota_remaining(e, run.node));
    }
    return 0;
}

/* Nodes that rest are asked again when so many large extents have come by. */
void quota_wake(struct exclaim_ledger_entry *e, unsigned long nr)
{
    for (uint32_t n = 0; n < nr_nodes(e); n++) {
        e->rest[n] -= e->rest[n] < nr ? e->rest[n] : (uint32_t)nr;
    }
}

/* Single pages, some of which may be joined. */
static int populate_pages(struct exclaim_ledger_entry *e, unsigned long nr,
                          const unsigned long *extents, quota_populate_fn *populate, void *arg)
{
    const unsigned long size = 1ul << quota_join(e);
    unsigned long at = 0;

    while (at < nr) {
        struct quota_run run = { .first = at, .order = quota_join(e), .joined = true };
        unsigned long single = at;

        while (run.nr < QUOTA_JOINED_MAX &&
               quota_whole(extents, at + run.nr * size, nr, quota_join(e))) {
            run.nr++;
        }
        if (run.nr) {
            long left;

            quota_wake(e, run.nr);
            left = place_large(e, &run, populate, arg);
            at = run.first;
            if (left == 0) {
                continue;
            }
            /* No memory, or the call failed: as single pages, whose own result says which. */
            atomic_fetch_add(&e->broken, 1);
            single = at;
            at += size;
        } else {
            do {
                at++;
            } while (at < nr && !quota_whole(extents, at, nr, quota_join(e)));
        }
        if (place_pages(e, single, at - single, extents, populate, arg)) {
            return -1;
        }
    }
    return 0;
}

int quota_populate(struct exclaim_ledger_entry *e, unsigned long nr, unsigned int order,
                   const unsigned long *extents, quota_populate_fn *populate, void *arg)
{
    struct quota_run run = { .nr = nr, .order = order };
    long left;

    if (!order) {
        return quota_join(e) && e->steer && extents ? populate_pages(e, nr, extents, populate, arg)
                                                    : place_pages(e, 0, nr, extents, populate, arg);
    }
    if (order == quota_large_order(e)) {
        quota_wake(e, nr);
    }
    left = place_large(e, &run, populate, arg);
    if (left > 0) {
        errno = run.first ? EBUSY : ENOMEM;
    }
    return left ? -1 : 0;
}
