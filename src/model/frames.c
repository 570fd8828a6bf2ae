/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's frames and the machine pages behind them, as a function of its counts: no memory is
 * kept per page, so that a guest may have any size.
 */
#include "state.h"

#include <errno.h>
#include <string.h>

/* Where an HVM builder puts its special pages (X86_HVM_END_SPECIAL_REGION). */
#define SPECIAL_END   0xff000u
#define SPECIAL_PAGES 8u

/* The first machine page of a node: nodes follow one another. */
static uint64_t node_base(const struct model *m, uint32_t node)
{
    uint64_t base = 0;

    for (uint32_t i = 0; i < node; i++) {
        base += m->node[i].initial;
    }
    return base;
}

/* The @k-th page: nodes take turns, `unit` pages each, while all have some; then one after the
 * other. */
static uint64_t page_of(const struct model *m, const struct model_domain *d, uint64_t k)
{
    uint64_t rounds = d->unit ? UINT64_MAX : 0;
    uint32_t used[MODEL_NODES], nr = 0;

    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        if (d->pages[i]) {
            used[nr++] = i;
            if (d->unit && d->pages[i] / d->unit < rounds) {
                rounds = d->pages[i] / d->unit;
            }
        }
    }
    if (nr && d->unit && k / (d->unit * nr) < rounds) {
        return node_base(m, used[k / d->unit % nr]) + k / (d->unit * nr) * d->unit + k % d->unit;
    }
    k -= rounds * d->unit * nr;
    for (uint32_t i = 0; i < nr; i++) {
        uint64_t left = d->pages[used[i]] - rounds * d->unit;

        if (k < left) {
            return node_base(m, used[i]) + rounds * d->unit + k;
        }
        k -= left;
    }
    return 0;
}

static uint64_t low_pages(const struct model_domain *d)
{
    uint64_t total = model_owned(d);

    return total > SPECIAL_PAGES ? total - SPECIAL_PAGES : 0;
}

/* The frame behind the last: special pages stay below 4 GiB where they fit. */
static uint64_t special_end(const struct model_domain *d)
{
    uint64_t end = low_pages(d) + d->heap_frames + SPECIAL_PAGES;

    return end < SPECIAL_END ? SPECIAL_END : end;
}

uint64_t model_frames_end(const struct model_domain *d)
{
    return special_end(d);
}

enum model_frame_type model_frame(const struct model *m, struct model_domain *d, uint64_t gfn,
                                  uint64_t *mfn)
{
    uint64_t low = low_pages(d), special = special_end(d) - SPECIAL_PAGES;

    *mfn = 0;
    if (d->pod_entries && gfn >= low + d->heap_frames && gfn < special) {
        d->populated++; /* P2M_ALLOC: who asks gets a page */
        return MODEL_FRAME_HOLE;
    }
    if (gfn < low) {
        *mfn = page_of(m, d, gfn);
        return MODEL_FRAME_RAM;
    }
    if (gfn < low + d->heap_frames) {
        return MODEL_FRAME_HEAP; /* can be mapped, and is not in the total */
    }
    if (gfn >= special && gfn < special + SPECIAL_PAGES && gfn - special < model_owned(d) - low) {
        *mfn = page_of(m, d, low + gfn - special);
        return MODEL_FRAME_RAM;
    }
    return MODEL_FRAME_HOLE;
}

int model_set_frames(struct model *m, uint32_t domid, uint64_t unit, uint64_t heap_frames,
                     uint64_t pod_entries)
{
    struct model_domain *d = model_find(m, domid);

    if (!d) {
        return -ESRCH;
    }
    d->unit = unit;
    d->heap_frames = heap_frames;
    d->pod_entries = pod_entries;
    return 0;
}

uint64_t model_populated(const struct model *m, uint32_t domid)
{
    const struct model_domain *d = model_find(m, domid);

    return d ? d->populated : 0;
}

/* --- the firmware's table --- */

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static size_t put_memory(uint8_t *at, uint32_t node, uint64_t first, uint64_t end)
{
    memset(at, 0, 40);
    at[0] = 1;
    at[1] = 40;
    put(at + 2, node, 4);
    put(at + 8, first << EXCLAIM_PAGE_SHIFT, 8);
    put(at + 16, (end - first) << EXCLAIM_PAGE_SHIFT, 8);
    put(at + 28, 1, 4);
    return 40;
}

int model_srat(const struct model *m, uint8_t *table, size_t size, size_t *len)
{
    size_t at = 48;

    if (m->srat == MODEL_SRAT_NONE) {
        return ENOENT;
    }
    if (size < 48 + 80 * (size_t)m->nr_nodes) {
        return EFBIG;
    }
    memset(table, 0, 48);
    memcpy(table, "SRAT", 4); /* NOLINT(bugprone-not-null-terminated-result): no text */
    table[8] = 3;
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        uint64_t first = node_base(m, i), end = first + m->node[i].initial;

        if (m->srat == MODEL_SRAT_GAP && end - first > 4) {
            at += put_memory(table + at, i, first, first + (end - first) / 2 - 1);
            at += put_memory(table + at, i, first + (end - first) / 2 + 1, end);
        } else {
            at += put_memory(table + at, i, first, end - (m->srat == MODEL_SRAT_WRONG && i == 0));
        }
    }
    put(table + 4, at, 4);
    *len = at;
    return 0;
}
