/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A layout: on which node each frame of a guest lies.
 *
 * It is a list of runs of guest frame numbers, ascending, each beginning where the one before ends.
 * Holes (frames without a page) belong to the run around them or, between two runs, to the first,
 * so that ballooning breaks none.  A guest that Xen builds over several nodes alternates between
 * them (xen common/page_alloc.c, cycle_node()): such a stretch is one run with a unit, whose nodes
 * take turns in ascending order, whatever its length.
 *
 * Runs are bytes, as they are on the wire (docs/wire-format.md, section 5), and are never unpacked
 * as a whole: a layout takes at most EXCLAIM_LAYOUT_MAX bytes, however large the guest.
 */
#ifndef EXCLAIM_LAYOUT_H
#define EXCLAIM_LAYOUT_H

#include <stddef.h>

#include <exclaim/match.h>

/* Bytes of runs.  A run of one node takes two to four; irregular ones of more than that would not
 * fit in a record of 64 KiB either. */
#define EXCLAIM_LAYOUT_MAX ((size_t)512 * 1024)

struct exclaim_layout_run {
    uint64_t first;  /* guest frame number */
    uint64_t frames; /* at least 1; holes included */
    uint64_t nodes;  /* bit n: node n */
    uint32_t start;  /* the node of the first unit */
    uint64_t unit;   /* frames on one node before the next one's turn; = frames for one node */
};

static inline bool exclaim_layout_one_node(const struct exclaim_layout_run *run)
{
    return !(run->nodes & (run->nodes - 1));
}

/* The node of frame @gfn, which must be in @run; *same is how many frames from there on have it. */
uint32_t exclaim_layout_run_node(const struct exclaim_layout_run *run, uint64_t gfn,
                                 uint64_t *same);

/* --- reading --- */

/* Runs as bytes.  Whoever fills it owns them. */
struct exclaim_layout {
    const uint8_t *bytes;
    size_t len;                              /* 0: no layout */
    uint64_t hole_frames[EXCLAIM_NODES_MAX]; /* frames without a page, in the runs of each node */
};

struct exclaim_layout_reader {
    const uint8_t *at, *end;
    uint64_t gfn; /* where the next run begins */
};

/* False: the bytes do not even begin as a layout. */
bool exclaim_layout_read(const struct exclaim_layout *layout, struct exclaim_layout_reader *reader);

/* 1 with *run filled, 0 at the end, -1 for bytes that are no run. */
int exclaim_layout_next(struct exclaim_layout_reader *reader, struct exclaim_layout_run *run);

/*
 * The rules for a layout from anywhere: bytes that are runs to the last one, of nodes that the
 * count has, at most EXCLAIM_PAGES_MAX frames, and without their holes as many on each node as
 * @count has pages there.  STREAM otherwise.
 */
int exclaim_layout_check(const struct exclaim_layout *layout, const struct exclaim_count *count,
                         struct exclaim_error *err);

/* Frames on each node, holes included.  The layout must have been checked. */
void exclaim_layout_frames(const struct exclaim_layout *layout, uint64_t frames[EXCLAIM_NODES_MAX]);

/* A mark stands at every so many runs. */
#define EXCLAIM_LAYOUT_STRIDE 128u
#define EXCLAIM_LAYOUT_MARKS  (EXCLAIM_LAYOUT_MAX / 2 / EXCLAIM_LAYOUT_STRIDE + 1)

/* Looks frames up, quickest in ascending order. */
struct exclaim_layout_finder {
    struct exclaim_layout layout;
    struct exclaim_layout_reader reader; /* behind `run` */
    struct exclaim_layout_run run;
    uint32_t nr_marks;
    struct exclaim_layout_mark {
        uint64_t gfn;
        uint32_t at; /* bytes from the layout's begin */
    } mark[EXCLAIM_LAYOUT_MARKS];
};

#define EXCLAIM_LAYOUT_NO_NODE UINT32_MAX

/* @layout must have been checked, and its bytes stay where they are. */
void exclaim_layout_find_open(struct exclaim_layout_finder *finder,
                              const struct exclaim_layout *layout);

/* The node of frame @gfn, NO_NODE outside of the layout; *same is how many frames from there on
 * have the same answer (at least 1; not necessarily all of them). */
uint32_t exclaim_layout_find(struct exclaim_layout_finder *finder, uint64_t gfn, uint64_t *same);

/* --- building --- */

struct exclaim_layout_build {
    uint8_t *bytes;
    size_t size, len;
    bool full;                         /* did not fit: there will be no layout */
    uint64_t pages[EXCLAIM_NODES_MAX]; /* added so far, without holes */
    bool begun;
    uint64_t end; /* behind the last frame */

    /* The end of what was added, not yet written: either runs of `unit` frames each but for the
     * last, which may turn out to be the first cycle of a run with a unit, or such a run. */
    uint32_t nr;
    struct {
        uint64_t first;
        uint32_t node;
    } run[EXCLAIM_NODES_MAX + 1];
    uint64_t unit;
    bool wrapped; /* the turn has come to a lower node than run[0]'s */
    bool cycling;
    struct exclaim_layout_run cycle; /* all but `frames` */
};

/* Into @size bytes at @bytes, which stay the caller's. */
void exclaim_layout_build(struct exclaim_layout_build *b, void *bytes, size_t size);

/* Pages at frames first .. first + nr - 1, all on @node.  Ascending; what is left out is a hole. */
void exclaim_layout_add(struct exclaim_layout_build *b, uint64_t first, uint64_t nr, uint32_t node);

/* No more comes.  False if it did not fit.  The layout's bytes are those of the builder. */
bool exclaim_layout_end(struct exclaim_layout_build *b, struct exclaim_layout *layout);

/* --- with a count --- */

/* Takes a layout down while a domain is counted: give how.runs the sink. */
struct exclaim_layout_collect {
    struct exclaim_run_sink sink;
    struct exclaim_layout_build build;
    void *bytes; /* NULL: no memory for it */
};

/* The sink points into *c, which must stay where it is. */
void exclaim_layout_collect_open(struct exclaim_layout_collect *c);
void exclaim_layout_collect_close(struct exclaim_layout_collect *c);

/* The layout that goes with @count, the result of that count; good until the collect is closed.
 * UNSUPPORTED: there is none, for the reason in the text. */
int exclaim_layout_collected(struct exclaim_layout_collect *c, const struct exclaim_count *count,
                             struct exclaim_layout *layout, struct exclaim_error *err);

/* Compares a domain, while it is counted, with the layout that it had. */
struct exclaim_layout_compare {
    struct exclaim_run_sink sink;
    struct exclaim_layout_finder finder;
    uint64_t homes[EXCLAIM_NODES_MAX]; /* bit d of homes[s]: node d is as good as s was */
    uint64_t kept, moved;              /* pages on such a node, and on another */
    uint64_t unlisted;                 /* pages that the layout does not have */
};

/* @layout must have been checked, and its bytes and *c stay where they are.  Homes are the caller's
 * to set. */
void exclaim_layout_compare_open(struct exclaim_layout_compare *c,
                                 const struct exclaim_layout *layout);

/* --- travelling --- */

/*
 * Puts @layout into @res, whose other members are complete: deflated or plain, whichever is
 * shorter.  Where a record would get too long with it, or @layout is NULL or empty, it is left out
 * and res->layout.why is @why or the reason.
 */
void exclaim_layout_pack(const struct exclaim_layout *layout, const char *why,
                         struct exclaim_reservation *res);

/*
 * The layout of @res, opened into EXCLAIM_LAYOUT_MAX bytes at @buf and checked against the count.
 * UNSUPPORTED: there is none, for the reason in the text.  STREAM: what came is not to be used.
 */
int exclaim_layout_unpack(const struct exclaim_reservation *res, void *buf,
                          struct exclaim_layout *layout, struct exclaim_error *err);

/* --- what a match makes of it --- */

/* Pages of one source node for one destination node.  Pages of @src NO_NODE are anybody's: of a
 * source node without a part of its own (stray pages), or of no known node. */
struct exclaim_share {
    uint32_t src;
    uint32_t dst;
    uint64_t pages;
};

#define EXCLAIM_SHARES_MAX (2 * EXCLAIM_PARTS_MAX)

/* @match as shares, in its order; how many.  They add up to match->pages on every node. */
uint32_t exclaim_layout_shares(const struct exclaim_match *match, const struct exclaim_count *count,
                               struct exclaim_share share[EXCLAIM_SHARES_MAX]);

/* Bit d of homes[s] for each node d that is matched to source node s. */
void exclaim_layout_homes(const struct exclaim_share *share, uint32_t nr,
                          uint64_t homes[EXCLAIM_NODES_MAX]);

#endif
