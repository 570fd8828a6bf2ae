/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it takes to open a layout: inflate, check, and mark, for the longest that may come and for
 * those that a peer could make up to cost most.  Milliseconds of processor time; beside it a plain
 * copy of as many bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include <exclaim/layout.h>

#define REPEATS 25

static uint8_t runs[EXCLAIM_LAYOUT_MAX], opened[EXCLAIM_LAYOUT_MAX];
static struct exclaim_reservation res;
static struct exclaim_layout_finder finder;

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Fills the runs with one pattern of bytes, over and over. */
static size_t repeat(const uint8_t *pattern, size_t size)
{
    size_t len = 1;

    runs[0] = 0;
    for (; len + size <= sizeof(runs); len += size) {
        memcpy(runs + len, pattern, size);
    }
    return len;
}

static size_t random_runs(void)
{
    uint64_t z = 1;
    size_t len = 1;

    runs[0] = 0;
    for (; len + 3 <= 84000; len += 3) {
        z = z * 6364136223846793005u + 1442695040888963407u;
        runs[len] = (uint8_t)(z >> 60 << 1);
        runs[len + 1] = (uint8_t)(0x80 | z >> 53);
        runs[len + 2] = (uint8_t)(1 + (z >> 46 & 3));
    }
    return len;
}

static void measure(const char *name, size_t len)
{
    double best = 1e30, worst = 0, copy = 1e30;
    struct exclaim_layout layout = { .bytes = runs, .len = len };
    uLongf packed = sizeof(res.layout.bytes);

    memset(&res, 0, sizeof(res));
    res.count.nr_nodes = EXCLAIM_NODES_MAX;
    exclaim_layout_frames(&layout, res.count.pages);
    if (compress2(res.layout.bytes, &packed, runs, len, 9) != Z_OK) {
        printf("%-36s does not fit\n", name);
        return;
    }
    res.layout.form = EXCLAIM_LAYOUT_ZLIB;
    res.layout.len = (uint32_t)packed;
    res.layout.plain = (uint32_t)len;
    for (int i = 0; i < REPEATS; i++) {
        struct exclaim_error err = { 0 };
        double start = now_ms(), ms;

        if (!exclaim_layout_unpack(&res, opened, &layout, &err)) {
            exclaim_layout_find_open(&finder, &layout);
        }
        ms = now_ms() - start;
        best = ms < best ? ms : best;
        worst = ms > worst ? ms : worst;
        start = now_ms();
        memcpy(opened, runs, len);
        __asm__ volatile("" : : "r"(opened) : "memory");
        ms = now_ms() - start;
        copy = ms < copy ? ms : copy;
    }
    printf("%-36s  %7zu  %7lu  %8.3f  %8.3f  %8.3f\n", name, len, (unsigned long)packed, best,
           worst, copy);
}

int main(void)
{
    static const uint8_t one[] = { 2, 1 };
    static const uint8_t all[] = { 127,  64,   1,    0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 1 };
    static const uint8_t bad[] = { 2, 1, 0, 0 };

    printf("%-36s  %7s  %7s  %8s  %8s  %8s\n", "layout", "bytes", "record", "ms", "most ms",
           "copy ms");
    measure("runs of one frame", repeat(one, sizeof(one)));
    measure("all nodes in turns, 64 frames", repeat(all, sizeof(all)));
    measure("a run that is none, at once", repeat(bad, sizeof(bad)));
    measure("no pattern, as much as fits", random_runs());
    return 0;
}
