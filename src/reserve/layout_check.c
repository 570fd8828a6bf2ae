/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether bytes are a layout, and that of a count. */
#include <exclaim/layout.h>

#include <inttypes.h>
#include <string.h>

/* Adds the run's frames to those of each node: once around the nodes, as a hostile layout may have
 * thousands of runs of all of them. */
static void add_frames(const struct exclaim_layout_run *run, uint64_t frames[EXCLAIM_NODES_MAX])
{
    uint64_t left, period, units, rest, turns, more;

    if (exclaim_layout_one_node(run)) {
        frames[run->start] += run->frames;
        return;
    }
    period = (uint64_t)__builtin_popcountll(run->nodes);
    units = run->frames / run->unit;
    rest = run->frames % run->unit;
    turns = units / period;
    more = units % period;
    left = run->start ? run->nodes >> run->start | run->nodes << (64 - run->start) : run->nodes;
    for (uint64_t k = 0; left; k++, left &= left - 1) {
        frames[(run->start + (uint32_t)__builtin_ctzll(left)) % 64] +=
            (turns + (k < more)) * run->unit + (k == more ? rest : 0);
    }
}

void exclaim_layout_frames(const struct exclaim_layout *layout, uint64_t frames[EXCLAIM_NODES_MAX])
{
    struct exclaim_layout_reader reader;
    struct exclaim_layout_run run;

    memset(frames, 0, EXCLAIM_NODES_MAX * sizeof(frames[0]));
    if (exclaim_layout_read(layout, &reader)) {
        while (exclaim_layout_next(&reader, &run) > 0) {
            add_frames(&run, frames);
        }
    }
}

int exclaim_layout_check(const struct exclaim_layout *layout, const struct exclaim_count *count,
                         struct exclaim_error *err)
{
    uint64_t frames[EXCLAIM_NODES_MAX] = { 0 };
    struct exclaim_layout_reader reader;
    struct exclaim_layout_run run;
    int r = -1;

    if (layout->len > EXCLAIM_LAYOUT_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "layout: %zu bytes, limit %zu", layout->len,
                            EXCLAIM_LAYOUT_MAX);
    }
    if (exclaim_layout_read(layout, &reader)) {
        while ((r = exclaim_layout_next(&reader, &run)) > 0) {
            add_frames(&run, frames);
        }
    }
    if (r < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "layout: no run at byte %zu of %zu",
                            (size_t)(reader.at - layout->bytes), layout->len);
    }
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        const uint64_t pages = n < count->nr_nodes ? count->pages[n] : 0;

        if (frames[n] < pages || layout->hole_frames[n] != frames[n] - pages) {
            return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                                "layout: node %" PRIu32 " has %" PRIu64 " frames, %" PRIu64
                                " of them holes, and %" PRIu64 " pages were counted there",
                                n, frames[n], layout->hole_frames[n], pages);
        }
    }
    return 0;
}
