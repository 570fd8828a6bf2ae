/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands behind the placing object in a test: libxenctrl's populate calls over three nodes of
 * FAKE_FREE pages each, and a restore that asks for a guest's pages from several threads at once.
 * FAKE_SEED other than 0 makes calls populate less than asked, or nothing, or fail.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"

#define EXPORT __attribute__((visibility("default")))
#define BATCH  1024u

typedef unsigned long pfn_t;

EXPORT int xc_domain_populate_physmap(void *xch, uint32_t domid, unsigned long nr,
                                      unsigned int order, unsigned int flags, pfn_t *start);
EXPORT int xc_domain_populate_physmap_exact(void *xch, uint32_t domid, unsigned long nr,
                                            unsigned int order, unsigned int flags, pfn_t *start);
EXPORT int xc_domain_restore(void *xch, int fd, uint32_t domid, unsigned int store_port,
                             pfn_t *store, uint32_t store_domid, unsigned int console_port,
                             pfn_t *console, uint32_t console_domid, unsigned int type,
                             void *callbacks, int send_back_fd, unsigned int flags);
EXPORT void fake_print(int rc, int errnum);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long free_pages[FAKE_NODES], got[FAKE_NODES], other;
static uint8_t seen[FAKE_PAGES], where[FAKE_PAGES];
static uint32_t seed;

static unsigned int dice(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* How many of nr extents this call may populate; -1: it fails. */
static long may(unsigned long nr, unsigned int order)
{
    if (!seed) {
        return (long)nr;
    }
    switch (dice() % 8) {
    case 0:
        return (long)(dice() % (nr + 1));
    case 1:
        return order && dice() % 2 ? -1 : (long)nr; /* single pages that fail end a restore */
    default:
        return (long)nr;
    }
}

int xc_domain_populate_physmap(void *xch, uint32_t domid, unsigned long nr, unsigned int order,
                               unsigned int flags, pfn_t *start)
{
    const unsigned long size = 1ul << order;
    unsigned long done = 0;
    long most;

    (void)xch;
    if (domid != FAKE_DOMID) {
        pthread_mutex_lock(&lock);
        other += nr << order;
        pthread_mutex_unlock(&lock);
        return (int)nr;
    }
    pthread_mutex_lock(&lock);
    most = may(nr, order);
    for (; most > 0 && done < (unsigned long)most; done++) {
        unsigned int node = ((flags >> 8) - 1) & 0xff;

        if (node == 0xff) {
            for (node = 0; node < FAKE_NODES && free_pages[node] < size; node++) {
            }
        }
        if (node >= FAKE_NODES || free_pages[node] < size || start[done] % size) {
            break;
        }
        free_pages[node] -= size;
        got[node] += size;
        for (unsigned long i = 0; i < size && start[done] + i < FAKE_PAGES; i++) {
            seen[start[done] + i]++;
            where[start[done] + i] = (uint8_t)node;
        }
    }
    pthread_mutex_unlock(&lock);
    errno = most < 0 ? ENOMEM : 0;
    return most < 0 ? -1 : (int)done;
}

int xc_domain_populate_physmap_exact(void *xch, uint32_t domid, unsigned long nr,
                                     unsigned int order, unsigned int flags, pfn_t *start)
{
    int r = xc_domain_populate_physmap(xch, domid, nr, order, flags, start);

    if (r >= 0 && (unsigned long)r != nr) {
        errno = EBUSY;
        r = -1;
    }
    return r < 0 ? -1 : 0;
}

/* Every FAKE_THREADS-th batch of the guest, from batch @arg on; its result is errno. */
static void *part(void *arg)
{
    for (unsigned long first = (uintptr_t)arg * BATCH; first < FAKE_PAGES;
         first += FAKE_THREADS * BATCH) {
        pfn_t list[BATCH], stranger = 5;
        unsigned long nr = 0;

        for (unsigned long i = first; i < first + BATCH; i++) {
            if (fake_wants(i)) {
                list[nr++] = i;
            }
        }
        if (nr && xc_domain_populate_physmap_exact(NULL, FAKE_DOMID, nr, 0, 0, list)) {
            return (void *)(uintptr_t)errno;
        }
        /* libxenguest finds its own pages in the list after a call. */
        for (unsigned long i = 0, k = first; i < nr; i++, k++) {
            for (; !fake_wants(k); k++) {
            }
            if (list[i] != k) {
                return (void *)(uintptr_t)EILSEQ;
            }
        }
        if (xc_domain_populate_physmap_exact(NULL, FAKE_DOMID + 1, 1, 0, 0, &stranger)) {
            return (void *)(uintptr_t)ENOTRECOVERABLE;
        }
    }
    return NULL;
}

int xc_domain_restore(void *xch, int fd, uint32_t domid, unsigned int store_port, pfn_t *store,
                      uint32_t store_domid, unsigned int console_port, pfn_t *console,
                      uint32_t console_domid, unsigned int type, void *callbacks, int send_back_fd,
                      unsigned int flags)
{
    const char *pages = getenv("FAKE_FREE"), *start = getenv("FAKE_SEED");
    pthread_t thread[FAKE_THREADS];
    int errnum = 0;

    (void)xch, (void)fd, (void)domid, (void)store_port, (void)store, (void)store_domid;
    (void)console_port, (void)console, (void)console_domid, (void)type, (void)callbacks;
    (void)send_back_fd, (void)flags;
    for (int n = 0; n < FAKE_NODES; n++) {
        free_pages[n] = pages ? strtoul(pages, NULL, 10) : 0;
    }
    seed = start ? (uint32_t)strtoul(start, NULL, 10) : 0;
    for (uintptr_t i = 0; i < FAKE_THREADS; i++) {
        if (pthread_create(&thread[i], NULL, part, (void *)i)) {
            abort();
        }
    }
    for (int i = 0; i < FAKE_THREADS; i++) {
        void *result;

        pthread_join(thread[i], &result);
        errnum = result ? (int)(uintptr_t)result : errnum;
    }
    errno = errnum;
    return errnum ? -1 : 0;
}

/* Most memory that this process has had, in KiB. */
static unsigned long peak(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    unsigned long kib = 0;
    char line[128];

    while (f && fgets(line, sizeof(line), f) && sscanf(line, "VmHWM: %lu", &kib) != 1) {
    }
    if (f) {
        fclose(f);
    }
    return kib;
}

void fake_print(int rc, int errnum)
{
    const char *text = getenv("FAKE_UNIT");
    const unsigned long unit = text ? strtoul(text, NULL, 10) : 0;
    unsigned long twice = 0, never = 0, unasked = 0, astray = 0;

    for (unsigned long i = 0; i < FAKE_PAGES; i++) {
        twice += seen[i] > 1;
        never += !seen[i] && fake_wants(i);
        unasked += seen[i] && !fake_wants(i);
        astray += unit && seen[i] && where[i] != fake_node(i, unit);
    }
    printf(FAKE_LINE, rc, rc ? errnum : 0, got[0], got[1], got[2], twice, never, unasked, other,
           astray, peak());
}
