/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Placement by frame beside placement by count, of the same guest in the same run.  In Xen's place
 * stands the kernel: a system call for each populate call, and a fresh page touched for each
 * extent, also for one of 2 MiB, so that our own part is rather larger here than in a restore.
 * Where a layout splits all regions, both are done page by page.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../../src/place/frames.h"

#define PAGES  (128u * 512)
#define BATCH  1024u
#define ROUNDS 15
#define NODES  4u

static uint8_t runs[EXCLAIM_LAYOUT_MAX], *memory;
static struct frames frames;

static uint32_t alternating(uint32_t page, uint32_t unit)
{
    return page / unit % NODES;
}

/* A hash of the region's number (splitmix64). */
static uint32_t shuffled(uint32_t page, uint32_t unit)
{
    uint64_t z = (page / unit + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)((z ^ z >> 27) % NODES);
}

static const struct {
    const char *name;
    uint32_t (*node)(uint32_t page, uint32_t unit);
    uint32_t unit;
    unsigned int join;
} layouts[] = {
    { "one node", alternating, UINT32_MAX, EXCLAIM_ORDER_2M },
    { "in turns of 2 MiB", alternating, 512, EXCLAIM_ORDER_2M },
    { "2 MiB shuffled", shuffled, 512, EXCLAIM_ORDER_2M },
    { "in turns of 2 MiB, no 2 MiB", alternating, 512, 0 },
    { "in turns of 16 pages", alternating, 16, 0 },
    { "in turns of a page", alternating, 1, 0 },
    { "pages shuffled", shuffled, 1, 0 },
};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static long populate(void *arg, const struct quota_run *run)
{
    const unsigned long *list = arg;

    syscall(SYS_getppid);
    for (unsigned long i = 0; i < run->nr; i++) {
        const unsigned long page = run->own      ? run->own[i]
                                   : run->joined ? list[run->first + (i << run->order)]
                                                 : list[run->first + i];

        memory[page * EXCLAIM_PAGE_SIZE] = 1;
    }
    return (long)run->nr;
}

static double restore(struct exclaim_ledger_entry *e, bool by_frame)
{
    unsigned long list[BATCH];
    double start;

    madvise(memory, (size_t)PAGES * EXCLAIM_PAGE_SIZE, MADV_DONTNEED);
    start = now_us();
    for (unsigned long at = 0; at < PAGES; at += BATCH) {
        for (unsigned long i = 0; i < BATCH; i++) {
            list[i] = at + i;
        }
        if (by_frame ? frames_populate(e, &frames, BATCH, 0, list, populate, list)
                     : quota_populate(e, BATCH, 0, list, populate, list)) {
            abort();
        }
    }
    return now_us() - start;
}

static void measure(size_t i)
{
    double best[2] = { 1e30, 1e30 };
    struct exclaim_layout_build b;
    struct exclaim_layout layout;
    struct exclaim_share share[NODES];

    exclaim_layout_build(&b, runs, sizeof(runs));
    for (uint32_t page = 0; page < PAGES; page++) {
        exclaim_layout_add(&b, page, 1, layouts[i].node(page, layouts[i].unit));
    }
    if (!exclaim_layout_end(&b, &layout)) {
        abort();
    }
    for (uint32_t n = 0; n < NODES; n++) {
        share[n] = (struct exclaim_share){ n, (n + 1) % NODES, b.pages[n] };
    }
    for (int r = 0; r < ROUNDS; r++) {
        for (int by_frame = 0; by_frame < 2; by_frame++) {
            struct exclaim_ledger_entry e = { .nr_nodes = NODES,
                                              .steer = 1,
                                              .join = layouts[i].join };
            double us;

            for (uint32_t n = 0; n < NODES; n++) {
                e.target[share[n].dst] = share[n].pages;
            }
            frames_open(&frames, &layout, share, NODES);
            us = restore(&e, by_frame);
            best[by_frame] = us < best[by_frame] ? us : best[by_frame];
        }
    }
    printf("%-28s  %8zu  %9.3f  %9.3f  %5.2f\n", layouts[i].name, layout.len, best[0] / PAGES,
           best[1] / PAGES, best[1] / best[0]);
}

int main(void)
{
    memory = mmap(NULL, (size_t)PAGES * EXCLAIM_PAGE_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("bench_place");
        return 1;
    }
    madvise(memory, (size_t)PAGES * EXCLAIM_PAGE_SIZE, MADV_NOHUGEPAGE);
    printf("guest of %u pages over %u nodes; microseconds per page, least of %d rounds\n", PAGES,
           NODES, ROUNDS);
    printf("%-28s  %8s  %9s  %9s  ratio\n", "layout", "bytes", "by count", "by frame");
    for (size_t i = 0; i < LAYOUTS; i++) {
        measure(i);
    }
    return 0;
}
