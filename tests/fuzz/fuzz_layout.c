/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hostile layouts all the way: whatever the runs say, a restore gets the counts of its quotas, each
 * page once.  The input is a byte for the nodes, one for the match, and runs.
 *   fuzz_layout -max_total_time=60 corpus/fuzz_layout
 */
#include <stdlib.h>
#include <string.h>

#include <exclaim/layout.h>

#include "place/frames.h"

#define PAGES 8192u
#define BATCH 1024u
#define NODES 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t seen[PAGES];

static long populate(void *arg, const struct quota_run *run)
{
    const unsigned long *list = arg;
    const unsigned long pages = 1ul << run->order;

    for (unsigned long i = 0; i < run->nr; i++) {
        const unsigned long page = run->own ? run->own[i] : list[run->first + i];

        for (unsigned long k = 0; k < pages; k++) {
            if (page + k >= PAGES || seen[page + k]++) {
                abort();
            }
        }
    }
    return (long)run->nr;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frames frames;
    struct exclaim_count count = { .nr_nodes = NODES };
    struct exclaim_match match = { .nr_nodes = NODES };
    struct exclaim_ledger_entry e = { .nr_nodes = NODES, .steer = 1, .join = EXCLAIM_ORDER_2M };
    struct exclaim_share share[EXCLAIM_SHARES_MAX];
    struct exclaim_layout layout = { 0 };
    struct exclaim_error err;
    uint64_t left = PAGES;
    uint8_t *runs;

    if (size < 2 || size - 2 > EXCLAIM_LAYOUT_MAX) {
        return 0;
    }
    runs = malloc(size - 2 ? size - 2 : 1); /* no byte to spare */
    if (!runs) {
        return 0;
    }
    memcpy(runs, data + 2, size - 2);
    layout.bytes = runs;
    layout.len = size - 2;
    /* The count of a source that lies, so that its layout is taken if it can be. */
    for (uint32_t s = 0; s < NODES; s++) {
        count.pages[s] = s + 1 == NODES ? left : left * data[0] % (left + 1) / (s + 2);
        left -= count.pages[s];
    }
    exclaim_layout_frames(&layout, layout.hole_frames);
    for (uint32_t s = 0; s < NODES; s++) {
        layout.hole_frames[s] -= count.pages[s];
    }
    if (exclaim_layout_check(&layout, &count, &err) && data[0] & 1) {
        goto out; /* as from the wire; otherwise as a file that somebody has damaged */
    }
    for (uint32_t s = 0; s < NODES; s++) {
        const uint32_t dst = (s * data[1] + data[1] / 8) % NODES;

        match.part[match.nr_parts++] = (struct exclaim_part){ s, dst, count.pages[s] };
        e.target[dst] += count.pages[s];
    }
    frames_open(&frames, &layout, share, exclaim_layout_shares(&match, &count, share));
    memset(seen, 0, sizeof(seen));
    for (unsigned long at = 0; at < PAGES; at += BATCH) {
        unsigned long list[BATCH];

        for (unsigned long i = 0; i < BATCH; i++) {
            list[i] = at + i;
        }
        if (frames_populate(&e, &frames, BATCH, 0, list, populate, list)) {
            abort();
        }
    }
    for (uint32_t n = 0; n < NODES; n++) {
        if (e.placed[n] != e.target[n]) {
            abort();
        }
    }
    if (e.kept + e.moved > PAGES || e.elsewhere) {
        abort();
    }

out:
    free(runs);
    return 0;
}
