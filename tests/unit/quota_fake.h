/* SPDX-License-Identifier: BSD-2-Clause */
/* A hypervisor of a few arrays under quota_populate(), and libxenguest's manner over it. */
#ifndef TEST_QUOTA_FAKE_H
#define TEST_QUOTA_FAKE_H

#include "support.h"

#include <errno.h>
#include <string.h>

#include "place/quota.h"

#define N     3
#define SUPER 512

struct fake {
    uint64_t free[N];     /* pages left on the node */
    uint64_t got[N];      /* pages put there, wherever asked for */
    uint32_t next;        /* where Xen puts what names no node */
    unsigned int fail;    /* so many calls fail with errnum, ... */
    unsigned int fail_at; /* ... after so many that work */
    int errnum;           /* 0: answer "none populated" instead */
    unsigned long most;   /* extents populated per call at most; 0: all */
    uint64_t supers[N];   /* order 9 extents that the node has */
    unsigned int calls;
    bool crossed; /* an extent was asked for that is larger than the node's quota left */
    const unsigned long *list; /* of the call, with single pages; NULL: nobody looks */
    uint8_t *seen;             /* [page]: how often it was populated */
    uint8_t *where;            /* [page]: on which node; by frame only */
    const struct exclaim_ledger_entry *entry;
};

static inline void see(struct fake *f, const struct quota_run *run, unsigned long extent)
{
    const unsigned long pages = run->joined ? 1ul << run->order : 1;

    if (run->own && f->seen) {
        for (unsigned long i = 0; i < 1ul << run->order; i++) {
            f->seen[run->own[extent] + i]++;
            f->where[run->own[extent] + i] = (uint8_t)run->node;
        }
        return;
    }
    if (f->list && (run->joined || !run->order)) {
        const unsigned long *from = f->list + run->first + extent * pages;

        assert_true(!run->joined || *from % pages == 0);
        for (unsigned long i = 0; i < pages; i++) {
            assert_int_equal(from[i], *from + i);
            f->seen[from[i]]++;
        }
    }
}

static inline long populate(void *arg, const struct quota_run *run)
{
    struct fake *f = arg;
    const uint64_t size = 1ull << run->order;
    unsigned long done = 0;

    assert_true(run->nr > 0);
    f->calls++;
    if (f->fail && !f->fail_at) {
        f->fail--;
        errno = f->errnum;
        return f->errnum ? -1 : 0;
    }
    f->fail_at -= f->fail_at != 0;
    if (run->node != QUOTA_ANY_NODE) {
        const struct exclaim_ledger_entry *e = f->entry;

        assert_true(run->node < N);
        f->crossed |= e->placed[run->node] + run->nr * size > e->target[run->node];
    }
    while (done < run->nr && (!f->most || done < f->most)) {
        uint32_t n = run->node;

        if (n == QUOTA_ANY_NODE) {
            for (n = 0; n < N && (f->free[n] < size || (run->order && !f->supers[n])); n++) {
            }
        }
        if (n == N || f->free[n] < size || (run->order && !f->supers[n])) {
            break;
        }
        see(f, run, done);
        f->supers[n] -= run->order != 0;
        f->free[n] -= size;
        f->got[n] += size;
        done++;
    }
    return (long)done;
}

static inline void start(struct exclaim_ledger_entry *e, struct fake *f, const uint64_t *target)
{
    memset(e, 0, sizeof(*e));
    memset(f, 0, sizeof(*f));
    e->nr_nodes = N;
    e->steer = 1;
    memcpy(e->target, target, N * sizeof(*target));
    f->entry = e;
    for (uint32_t n = 0; n < N; n++) {
        f->supers[n] = 1000000;
        f->free[n] = 1u << 20;
    }
}

/* libxenguest up to 4.20: order 0 only, 1024 a call. */
static inline int restore_4k(struct exclaim_ledger_entry *e, struct fake *f, uint64_t pages)
{
    while (pages) {
        unsigned long nr = pages < 1024 ? (unsigned long)pages : 1024;

        if (quota_populate(e, nr, 0, NULL, populate, f)) {
            return -1;
        }
        pages -= nr;
    }
    return 0;
}

/* From 4.21 on: an aligned run of 512 as one extent first, its 4 KiB pages if that fails; the rest
 * of a batch in one call. */
static inline int restore_2m(struct exclaim_ledger_entry *e, struct fake *f, uint64_t pages)
{
    for (; pages >= SUPER; pages -= SUPER) {
        if (quota_populate(e, 1, 9, NULL, populate, f) && restore_4k(e, f, SUPER)) {
            return -1;
        }
    }
    return restore_4k(e, f, pages);
}

#endif
