/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts read: run by run, and looked up.  Shared with the placing object: libc only. */
#include <exclaim/layout.h>

#include <string.h>

/* LEB128, at most 64 bits; false at the end of the bytes or beyond 64 bits. */
static bool get(struct exclaim_layout_reader *r, uint64_t *value)
{
    *value = 0;
    for (unsigned int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        const uint8_t byte = *r->at++;

        if (shift == 63 && byte > 1) {
            return false;
        }
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

bool exclaim_layout_read(const struct exclaim_layout *layout, struct exclaim_layout_reader *reader)
{
    reader->at = layout->bytes;
    reader->end = layout->bytes + layout->len;
    return get(reader, &reader->gfn) && reader->gfn < EXCLAIM_PAGES_MAX;
}

static bool get_run(struct exclaim_layout_reader *r, struct exclaim_layout_run *run)
{
    uint64_t head;

    if (!get(r, &head) || head >> 1 >= EXCLAIM_NODES_MAX || !get(r, &run->frames) || !run->frames ||
        run->frames > EXCLAIM_PAGES_MAX - r->gfn) {
        return false;
    }
    run->first = r->gfn;
    run->start = (uint32_t)(head >> 1);
    run->unit = run->frames;
    run->nodes = 1ull << run->start;
    return !(head & 1) || (get(r, &run->unit) && run->unit && run->unit <= run->frames &&
                           get(r, &run->nodes) && run->nodes >> run->start & 1);
}

int exclaim_layout_next(struct exclaim_layout_reader *r, struct exclaim_layout_run *run)
{
    const uint8_t *at = r->at;
    struct exclaim_layout_run next;

    if (at == r->end) {
        return 0;
    }
    if (!get_run(r, &next)) {
        r->at = at; /* and no further */
        return -1;
    }
    *run = next;
    r->gfn += run->frames;
    return 1;
}

/* The @k-th node after @start whose turn it is; k less than the number of nodes. */
static uint32_t turn(uint64_t nodes, uint32_t start, uint64_t k)
{
    uint64_t rotated = start ? nodes >> start | nodes << (64 - start) : nodes;

    while (k--) {
        rotated &= rotated - 1;
    }
    return (start + (uint32_t)__builtin_ctzll(rotated)) % 64;
}

uint32_t exclaim_layout_run_node(const struct exclaim_layout_run *run, uint64_t gfn, uint64_t *same)
{
    const uint64_t at = gfn - run->first, left = run->frames - at;
    uint64_t unit;

    if (exclaim_layout_one_node(run)) {
        *same = left;
        return run->start;
    }
    unit = at / run->unit;
    *same = run->unit - (at - unit * run->unit);
    if (*same > left) {
        *same = left;
    }
    return turn(run->nodes, run->start, unit % (uint64_t)__builtin_popcountll(run->nodes));
}

void exclaim_layout_find_open(struct exclaim_layout_finder *f, const struct exclaim_layout *layout)
{
    struct exclaim_layout_reader reader;
    struct exclaim_layout_run run;
    bool more;

    f->layout = *layout;
    f->nr_marks = 0;
    memset(&f->run, 0, sizeof(f->run));
    if (!exclaim_layout_read(layout, &reader)) {
        return;
    }
    do {
        f->mark[f->nr_marks++] =
            (struct exclaim_layout_mark){ .gfn = reader.gfn,
                                          .at = (uint32_t)(reader.at - layout->bytes) };
        more = true;
        for (uint32_t i = 0; more && i < EXCLAIM_LAYOUT_STRIDE; i++) {
            more = exclaim_layout_next(&reader, &run) > 0;
        }
    } while (more && f->nr_marks < EXCLAIM_LAYOUT_MARKS);
    f->reader = (struct exclaim_layout_reader){ .at = layout->bytes + f->mark[0].at,
                                                .end = reader.end,
                                                .gfn = f->mark[0].gfn };
}

/* Before the last mark that is not behind @gfn; there is one. */
static void go_to_mark(struct exclaim_layout_finder *f, uint64_t gfn)
{
    uint32_t low = 0, high = f->nr_marks;

    while (high - low > 1) {
        const uint32_t mid = low + (high - low) / 2;

        if (f->mark[mid].gfn <= gfn) {
            low = mid;
        } else {
            high = mid;
        }
    }
    f->reader.at = f->layout.bytes + f->mark[low].at;
    f->reader.gfn = f->mark[low].gfn;
    f->run = (struct exclaim_layout_run){ .first = f->mark[low].gfn };
}

uint32_t exclaim_layout_find(struct exclaim_layout_finder *f, uint64_t gfn, uint64_t *same)
{
    *same = UINT64_MAX - gfn;
    if (!f->nr_marks) {
        return EXCLAIM_LAYOUT_NO_NODE;
    }
    if (gfn < f->mark[0].gfn) {
        *same = f->mark[0].gfn - gfn;
        return EXCLAIM_LAYOUT_NO_NODE;
    }
    if (gfn - f->run.first < f->run.frames) {
        return exclaim_layout_run_node(&f->run, gfn, same);
    }
    /* A short way on is read, any other is looked up. */
    if (gfn < f->reader.gfn || gfn - f->reader.gfn > EXCLAIM_LAYOUT_STRIDE) {
        go_to_mark(f, gfn);
    }
    while (exclaim_layout_next(&f->reader, &f->run) > 0) {
        if (gfn - f->run.first < f->run.frames) {
            return exclaim_layout_run_node(&f->run, gfn, same);
        }
    }
    return EXCLAIM_LAYOUT_NO_NODE;
}
