/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The best assignment there is, for few items: a *pattern* is what one host takes, and a solution
 * is at most one pattern for each host, in which no item is twice.
 *
 * Goals come one after the other: items that leave, items that are whole, pairs of one `apart` rule
 * on one host.  A goal is not worth anything before its turn, and what was reached before is worth
 * more than all of it.  Prices are what an item costs a pattern, in EXACT_SCALE parts of a value,
 * so that a bound computed from them is exact whatever the floating point that proposed them.
 */
#ifndef EXCLAIM_PLAN_EXACT_H
#define EXCLAIM_PLAN_EXACT_H

#include "pack.h"

#define EXACT_ITEMS PACK_EXACT_ITEMS
#define EXACT_SCALE (1 << 20)

struct pattern {
    uint64_t whole, fluid; /* items, by bit */
    int64_t value;
    int64_t gain;  /* value less prices when it was found, scaled */
    int64_t loose; /* charged to each node when nodes were found; below 0: they were given */
    uint32_t host;
};

struct fit_cache;

/* Parts that the nodes from one on cannot take. */
#define EXACT_DEAD_BITS 12
#define EXACT_DEAD      (1u << EXACT_DEAD_BITS)
struct dead_end {
    uint64_t left[2]; /* stands for the parts */
    uint32_t packing, node;
};

struct exact {
    struct pack *p;
    uint32_t nr;                                    /* items */
    int64_t leave, keep, pair;                      /* what each is worth in this turn */
    uint64_t end;                                   /* steps of p that must not be passed */
    bool spent;                                     /* they were, so nothing is proven any more */
    uint32_t rank[EXACT_ITEMS * EXCLAIM_NODES_MAX]; /* parts, largest first */
    uint32_t nr_rank;
    int64_t weight[EXACT_ITEMS]; /* of its parts */
    uint64_t like[EXACT_ITEMS];  /* items with parts of the same sizes, itself too */
    uint64_t above[EXACT_ITEMS]; /* others that take no less of anything */
    struct fit_cache *cache;     /* by host */
    struct dead_end *dead;       /* of the packing at hand */
    uint32_t packing;            /* its number */
};

/* Nothing of @p may be placed. */
bool exact_open(struct exact *x, struct pack *p, uint64_t steps);
void exact_close(struct exact *x);

struct price {
    int64_t item[EXACT_ITEMS];
    int64_t whole; /* of every item that is whole, besides */
};

/* How hard to look for a pattern: in so many steps, and for no more that is no more than
 * @little worth, scaled. */
struct look {
    uint64_t steps;
    int64_t little;
};

/*
 * The pattern of @host with the most value less prices, of the items in @may, but for
 * @look.little.  Returns what none surpasses, scaled; at least 0, which is the empty pattern.  With
 * x->spent, or when it took more than @look.steps, it is only the best that was seen.
 */
int64_t exact_best(struct exact *x, uint32_t host, uint64_t may, const struct price *price,
                   struct look look, struct pattern *best);

/* Whether the parts of @items have nodes on @host, each with @loose pages taken off; with x->spent
 * that is not known.  @where: by part of the pack, or NULL. */
bool exact_nodes(struct exact *x, uint32_t host, uint64_t items, int64_t loose, uint32_t *where);

/* Nodes for the whole items of a pattern that exact_best() has found; by part of the pack. */
void exact_where(struct exact *x, const struct pattern *pattern, uint32_t *where);

int64_t exact_value(const struct exact *x, uint32_t host, uint64_t whole, uint64_t fluid);

/* --- the relaxation: fractions of patterns --- */

struct master {
    uint32_t nr_items, nr_hosts, rows; /* a row for each, then two: */
    uint32_t leave, keep;              /* no more leave, and no more are whole */
    struct pattern *column;
    bool *banned;
    double *amount; /* of each column, in the last solution */
    uint32_t nr, max;
    double *dual; /* items, then hosts */
    double *inverse, *basic, *row;
    uint32_t *basis;
    uint64_t must; /* items that are worth @bonus more than their columns say */
    int64_t bonus;
};

bool master_open(struct master *m, uint32_t nr_items, uint32_t nr_hosts);
void master_close(struct master *m);
bool master_add(struct master *m, const struct pattern *pattern);

/* Most value of fractions of the columns that are not banned. */
void master_solve(struct master *m, uint64_t *steps);

#endif
