/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts built from pages as they are found. */
#include <exclaim/layout.h>

#include <assert.h>
#include <string.h>

static size_t length(uint64_t value)
{
    size_t n = 1;

    while (value >>= 7) {
        n++;
    }
    return n;
}

static void put(struct exclaim_layout_build *b, uint64_t value)
{
    if (b->full || length(value) > b->size - b->len) {
        b->full = true;
        return;
    }
    for (; value > 0x7f; value >>= 7) {
        b->bytes[b->len++] = (uint8_t)(value | 0x80);
    }
    b->bytes[b->len++] = (uint8_t)value;
}

static void put_one_node(struct exclaim_layout_build *b, uint64_t frames, uint32_t node)
{
    put(b, (uint64_t)node << 1);
    put(b, frames);
}

/* As one run with a unit, or one run for each unit if that is shorter. */
static void put_cycle(struct exclaim_layout_build *b, const struct exclaim_layout_run *run)
{
    const size_t together = 1 + length(run->frames) + length(run->unit) + length(run->nodes);
    const uint64_t units = (run->frames + run->unit - 1) / run->unit;

    if (!run->frames) {
        return;
    }
    if (together < units * (1 + length(run->unit))) {
        put(b, (uint64_t)run->start << 1 | 1);
        put(b, run->frames);
        put(b, run->unit);
        put(b, run->nodes);
        return;
    }
    for (uint64_t at = 0, same; at < run->frames; at += same) {
        const uint32_t node = exclaim_layout_run_node(run, run->first + at, &same);

        put_one_node(b, same, node);
    }
}

void exclaim_layout_build(struct exclaim_layout_build *b, void *bytes, size_t size)
{
    memset(b, 0, sizeof(*b));
    b->bytes = bytes;
    b->size = size;
}

/* Writes the first @nr of the runs that wait. */
static void put_waiting(struct exclaim_layout_build *b, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++) {
        const uint64_t end = i + 1 < b->nr ? b->run[i + 1].first : b->end;

        put_one_node(b, end - b->run[i].first, b->run[i].node);
    }
    b->nr -= nr;
    memmove(b->run, b->run + nr, b->nr * sizeof(b->run[0]));
    b->wrapped = false;
}

/* The cycle ends at @end.  Its last unit waits: what comes may go on with that node. */
static void end_cycle(struct exclaim_layout_build *b, uint64_t end)
{
    const uint64_t last =
        b->cycle.first + (end - b->cycle.first - 1) / b->cycle.unit * b->cycle.unit;
    uint64_t same;

    b->cycle.frames = end - b->cycle.first;
    b->nr = 1;
    b->run[0].first = last;
    b->run[0].node = exclaim_layout_run_node(&b->cycle, last, &same);
    b->wrapped = false;
    b->cycle.frames = last - b->cycle.first;
    put_cycle(b, &b->cycle);
    b->cycling = false;
}

/* Whether @node may come after the last of the waiting runs in a cycle that begins with run[0]. */
static bool next_in_turn(const struct exclaim_layout_build *b, uint32_t node)
{
    const uint32_t start = b->run[0].node, last = b->run[b->nr - 1].node;

    return b->wrapped ? node > last && node < start : node > last || node < start;
}

/* A run of another node begins at @first; the one before ends there. */
static void begin_run(struct exclaim_layout_build *b, uint64_t first, uint32_t node)
{
    const uint64_t frames = first - b->run[b->nr - 1].first;

    if (b->nr > 1 && frames != b->unit) {
        put_waiting(b, b->nr - 1);
    }
    b->unit = frames;
    if (b->nr > 1 && node == b->run[0].node) {
        b->cycle =
            (struct exclaim_layout_run){ .first = b->run[0].first, .start = node, .unit = b->unit };
        for (uint32_t i = 0; i < b->nr; i++) {
            b->cycle.nodes |= 1ull << b->run[i].node;
        }
        b->cycling = true;
        b->nr = 0;
        return;
    }
    if (!next_in_turn(b, node)) {
        put_waiting(b, b->nr - 1);
    }
    b->wrapped |= node < b->run[0].node;
    b->run[b->nr].first = first;
    b->run[b->nr++].node = node;
}

void exclaim_layout_add(struct exclaim_layout_build *b, uint64_t first, uint64_t nr, uint32_t node)
{
    assert(first >= b->end && node < EXCLAIM_NODES_MAX);
    b->pages[node] += nr;
    if (!b->begun && nr) {
        b->begun = true;
        put(b, first);
        b->nr = 1;
        b->run[0].first = first;
        b->run[0].node = node;
        b->end = first;
    }
    while (nr && !b->full) {
        uint64_t same = nr;

        if (!b->cycling && b->run[b->nr - 1].node != node) {
            begin_run(b, first, node);
        }
        if (b->cycling) {
            b->cycle.frames = UINT64_MAX - b->cycle.first;
            if (exclaim_layout_run_node(&b->cycle, first, &same) != node) {
                end_cycle(b, first);
                continue;
            }
        }
        if (same > nr) {
            same = nr;
        }
        first += same;
        nr -= same;
        b->end = first;
    }
}

bool exclaim_layout_end(struct exclaim_layout_build *b, struct exclaim_layout *layout)
{
    if (b->cycling) {
        end_cycle(b, b->end);
    }
    put_waiting(b, b->nr);
    memset(layout, 0, sizeof(*layout));
    if (b->full || !b->begun) {
        return false;
    }
    layout->bytes = b->bytes;
    layout->len = b->len;
    exclaim_layout_frames(layout, layout->hole_frames);
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        layout->hole_frames[n] -= b->pages[n];
    }
    return true;
}
