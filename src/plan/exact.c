/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Branch and price: fractions of patterns give prices, the best patterns at these prices either
 * improve the fractions or prove what no solution can surpass; where fractions remain, an item is
 * sent to a host, or kept from it.
 *
 * The bound needs no faith in the fractions: whatever the prices (none below 0), no solution has a
 * value above their sum and that of each host's best value less prices (Lagrange).
 */
#include <stdlib.h>
#include <string.h>

#include "exact.h"

/* Gains of so little are rounding; those of all hosts stay below one value. */
#define TOLERANCE (EXACT_SCALE / (4.0 * EXCLAIM_POOL_HOSTS))

/* Steps for a first look at a host, which mostly finds what is better if anything is. */
static const struct look first_look = { 400, 0 };

struct tree {
    struct exact x;
    struct master m;
    uint32_t nr_hosts;
    uint32_t host[EXCLAIM_POOL_HOSTS]; /* of the pack; the master numbers them through */
    uint64_t may[EXCLAIM_POOL_HOSTS];  /* items that may still go there */
    struct pattern *best, *try;        /* by host */
    int64_t value;                     /* of the best */
};

static void see(struct tree *t, const struct pattern *try, int64_t value)
{
    if (value > t->value) {
        memcpy(t->best, try, t->nr_hosts * sizeof(*try));
        t->value = value;
    }
}

/* A solution near the fractions: their largest that go together, then the best of what is left. */
static void round_off(struct tree *t)
{
    static const struct price no_price = { .whole = 0 };
    uint64_t taken = 0;
    int64_t value = 0;

    memset(t->try, 0, t->nr_hosts * sizeof(*t->try));
    for (uint32_t round = 0; round < t->nr_hosts; round++) {
        const struct pattern *best = NULL;
        double most = 0.01;

        for (uint32_t c = 0; c < t->m.nr; c++) {
            const struct pattern *column = &t->m.column[c];
            const uint64_t items = column->whole | column->fluid;

            if (t->m.amount[c] > most && !(items & taken) &&
                !(t->try[column->host].whole | t->try[column->host].fluid)) {
                most = t->m.amount[c];
                best = column;
            }
        }
        if (!best) {
            break;
        }
        t->try[best->host] = *best;
        taken |= best->whole | best->fluid;
        value += best->value;
    }
    for (uint32_t h = 0; h < t->nr_hosts; h++) {
        if (!(t->try[h].whole | t->try[h].fluid)) {
            exact_best(&t->x, t->host[h], t->may[h] & ~taken, &no_price, first_look, &t->try[h]);
            taken |= t->try[h].whole | t->try[h].fluid;
            value += t->try[h].value;
        }
    }
    see(t, t->try, value);
}

/* Columns that break what has been decided are out. */
static void ban(struct tree *t)
{
    for (uint32_t c = 0; c < t->m.nr; c++) {
        const struct pattern *column = &t->m.column[c];

        t->m.banned[c] = (column->whole | column->fluid) & ~t->may[column->host];
    }
}

/* Patterns that would improve the fractions become columns; *sum grows by what each host gains. */
static bool look(struct tree *t, const struct price *price, struct look how, int64_t *sum)
{
    bool better = false;

    for (uint32_t h = 0; h < t->nr_hosts && !t->x.spent; h++) {
        const double dual = t->m.dual[t->x.nr + h];
        struct pattern pattern;
        const int64_t most = exact_best(&t->x, t->host[h], t->may[h], price, how, &pattern);

        if (sum) {
            *sum += most;
        }
        pattern.host = h;
        if ((double)pattern.gain > (dual > 0 ? dual : 0) * EXACT_SCALE + TOLERANCE) {
            better = true;
            t->x.spent |= !master_add(&t->m, &pattern);
        }
    }
    return better;
}

static int64_t scaled(double dual)
{
    return dual > 0 ? (int64_t)(dual * EXACT_SCALE + 0.5) : 0;
}

/* Prices from the fractions; returns what these alone allow a solution. */
static int64_t set_prices(const struct tree *t, struct price *price)
{
    const int64_t leave = scaled(t->m.dual[t->m.rows - 2]);
    const int64_t bonus = t->m.bonus * EXACT_SCALE;
    int64_t sum;

    price->whole = scaled(t->m.dual[t->m.rows - 1]);
    sum = leave * t->m.leave + price->whole * t->m.keep;
    for (uint32_t i = 0; i < t->x.nr; i++) {
        const bool must = t->m.must >> i & 1;
        const int64_t item = scaled(t->m.dual[i]);

        sum += item - (must ? bonus : 0);
        price->item[i] = item + leave - (must ? bonus : 0);
    }
    return sum;
}

/* Fractions of the columns that a first look finds; returns the sum of all prices. */
static int64_t look_first(struct tree *t, struct price *price)
{
    int64_t sum;

    ban(t);
    do {
        master_solve(&t->m, &t->x.p->steps);
        sum = set_prices(t, price);
    } while (look(t, price, first_look, NULL) && !t->x.spent);
    return sum;
}

/* Solutions: one host after the other gets its largest fraction whole, then the others are looked
 * at anew. */
static void dive(struct tree *t)
{
    uint64_t may[EXCLAIM_POOL_HOSTS];
    bool fixed[EXCLAIM_POOL_HOSTS] = { false };
    struct price price;

    memcpy(may, t->may, sizeof(may));
    for (uint32_t round = 0; round < t->nr_hosts && !t->x.spent; round++) {
        const struct pattern *best = NULL;
        double most = 0.01;
        uint64_t items;

        for (uint32_t c = 0; c < t->m.nr; c++) {
            if (t->m.amount[c] > most && !fixed[t->m.column[c].host]) {
                most = t->m.amount[c];
                best = &t->m.column[c];
            }
        }
        if (!best) {
            break;
        }
        items = best->whole | best->fluid;
        for (uint32_t h = 0; h < t->nr_hosts; h++) {
            t->may[h] &= h == best->host ? items : ~items;
        }
        fixed[best->host] = true;
        look_first(t, &price);
        round_off(t);
    }
    memcpy(t->may, may, sizeof(may));
}

/* What may be added to the gain of each host without any harm: a bound is a whole number of values,
 * and no more is asked than that of the fractions.  @sum is of all prices. */
static int64_t little(const struct tree *t, int64_t sum)
{
    int64_t whole;

    for (uint32_t h = 0; h < t->nr_hosts; h++) {
        sum += scaled(t->m.dual[t->x.nr + h]);
    }
    whole = sum / EXACT_SCALE < t->value ? t->value : sum / EXACT_SCALE;
    return ((whole + 1) * EXACT_SCALE - sum) * 15 / 16 / (t->nr_hosts + 1);
}

/* The fractions as good as they get, in *limit what no solution can surpass.  False: that is not
 * proven to the end, *limit is what is. */
static bool relax(struct tree *t, int64_t *limit)
{
    struct price price;

    for (bool dived = false;; dived = true) {
        int64_t sum = look_first(t, &price);
        bool better;

        round_off(t); /* what follows may take all steps */
        if (!dived && !t->x.spent && t->value < *limit) {
            dive(t);
            sum = look_first(t, &price);
        }
        better = look(t, &price, (struct look){ UINT64_MAX, little(t, sum) }, &sum);
        if (t->x.spent) {
            return false;
        }
        sum /= EXACT_SCALE;
        *limit = sum < *limit ? sum : *limit;
        if (!better || *limit <= t->value) {
            return true;
        }
    }
}

/* The item and host on which the fractions differ most; false: on none.  Not one that must go
 * somewhere: that is decided. */
static bool undecided(const struct tree *t, uint32_t *item, uint32_t *host)
{
    double best = 0.001;

    for (uint32_t h = 0; h < t->nr_hosts; h++) {
        double amount[EXACT_ITEMS] = { 0 };

        for (uint32_t c = 0; c < t->m.nr; c++) {
            if (t->m.column[c].host != h || t->m.amount[c] <= 0) {
                continue;
            }
            for (uint64_t items = t->m.column[c].whole | t->m.column[c].fluid; items;
                 items &= items - 1) {
                amount[__builtin_ctzll(items)] += t->m.amount[c];
            }
        }
        for (uint32_t i = 0; i < t->x.nr; i++) {
            const double open = amount[i] < 0.5 ? amount[i] : 1 - amount[i];

            if (open > best && !(t->m.must >> i & 1)) {
                best = open;
                *item = i;
                *host = h;
            }
        }
    }
    return best > 0.001;
}

/* From now on @item goes to @host; what leaves it out is worth less than anything.  @was is what
 * can be given back. */
static void send(struct tree *t, uint32_t item, uint32_t host, uint64_t was[HOST_WORDS])
{
    memset(was, 0, HOST_WORDS * sizeof(*was));
    t->m.must |= 1ull << item;
    for (uint32_t h = 0; h < t->nr_hosts; h++) {
        if (h != host && t->may[h] >> item & 1) {
            was[h / 64] |= 1ull << (h % 64);
            t->may[h] &= ~(1ull << item);
        }
    }
}

static void give_back(struct tree *t, uint32_t item, const uint64_t was[HOST_WORDS])
{
    t->m.must &= ~(1ull << item);
    for (uint32_t h = 0; h < t->nr_hosts; h++) {
        t->may[h] |= (was[h / 64] >> (h % 64) & 1) << item;
    }
}

/* What no solution of this branch can surpass, and none can surpass @limit. */
static int64_t branch(struct tree *t, int64_t limit)
{
    uint64_t was[HOST_WORDS];
    uint32_t item = 0, host = 0;
    int64_t there, else_there;

    if (!relax(t, &limit) || limit <= t->value) {
        return limit;
    }
    round_off(t);
    if (limit <= t->value || !undecided(t, &item, &host)) {
        return limit;
    }
    send(t, item, host, was);
    there = branch(t, limit);
    give_back(t, item, was);
    if (t->x.spent) {
        return limit;
    }
    t->may[host] &= ~(1ull << item);
    else_there = branch(t, limit);
    t->may[host] |= 1ull << item;
    return there > else_there ? there : else_there;
}

static void put(struct tree *t, uint32_t *where)
{
    struct pack *p = t->x.p;

    for (uint32_t h = 0; h < t->nr_hosts; h++) {
        struct pattern best = t->best[h];

        best.host = t->host[h];
        if (best.loose >= 0) {
            exact_where(&t->x, &best, where);
        }
        for (uint64_t items = best.whole; items; items &= items - 1) {
            const uint32_t i = (uint32_t)__builtin_ctzll(items);

            pack_put(p, i, best.host, &where[p->item[i].first]);
        }
        for (uint64_t items = best.fluid; items; items &= items - 1) {
            pack_pour(p, (uint32_t)__builtin_ctzll(items), best.host);
        }
    }
}

static int64_t value_of(const struct tree *t, const struct pattern *pattern)
{
    return exact_value(&t->x, t->host[pattern->host], pattern->whole, pattern->fluid);
}

/* The items that the host has, in the best way. */
static void better_alone(struct tree *t, uint32_t host)
{
    const struct price none = { .whole = 0 };
    const struct pattern *now = &t->best[host];
    const uint64_t items = now->whole | now->fluid;
    struct pattern pattern;

    exact_best(&t->x, t->host[host], items, &none, first_look, &pattern);
    if ((pattern.whole | pattern.fluid) == items && pattern.value > value_of(t, now)) {
        t->best[host].whole = pattern.whole;
        t->best[host].fluid = pattern.fluid;
        t->best[host].loose = pattern.loose;
    }
}

/* One goal after the other; what is found for one is the start for the next. */
static bool turn(struct tree *t, int64_t leave, int64_t keep, int64_t pair, int64_t *limit)
{
    const int64_t most = leave * t->m.leave + keep * t->m.keep;

    t->x.leave = leave;
    t->x.keep = keep;
    t->x.pair = pair;
    t->m.bonus = most + 1;
    t->value = 0;
    for (uint32_t h = 0; h < t->nr_hosts; h++) {
        t->best[h].host = h;
        better_alone(t, h);
        t->best[h].value = value_of(t, &t->best[h]);
        t->value += t->best[h].value;
        t->x.spent |= !master_add(&t->m, &t->best[h]);
    }
    for (uint32_t c = 0; c < t->m.nr; c++) {
        t->m.column[c].value = value_of(t, &t->m.column[c]);
    }
    *limit = most > t->value && !t->x.spent ? branch(t, most) : most;
    if (*limit <= t->value) {
        *limit = t->value;
        return true;
    }
    return false;
}

static bool all_turns(struct tree *t, struct pack_limit *limit)
{
    const int64_t n = t->x.nr + 1;
    const int64_t pairs = (int64_t)t->x.p->nr_hosts * n * n; /* hosts: residents */
    int64_t most;
    bool proven;

    t->m.leave = limit->leave;
    t->m.keep = limit->keep;
    proven = turn(t, 1, 0, 0, &most);
    t->m.leave = limit->leave = (uint32_t)most;
    if (!proven) {
        return false;
    }
    proven = turn(t, n, 1, 0, &most);
    t->m.keep = limit->keep = (uint32_t)(most - n * t->m.leave);
    if (!proven || !t->x.p->nr_groups) {
        return proven;
    }
    proven = turn(t, n * pairs, pairs, 1, &most);
    limit->pairs = (uint64_t)(n * pairs * t->m.leave + pairs * t->m.keep - most);
    return proven;
}

/* Whether @item alone could be on @host, with its shape or without. */
static bool could_be(const struct pack *p, const struct pack_item *item, uint32_t host)
{
    uint32_t where[EXCLAIM_NODES_MAX];
    int64_t slack;

    return pack_host_takes(p, item, host) &&
           ((!p->whole_parts && pack_takes_fluid(p, item, host)) ||
            (item->counted && pack_fit(p, item, host, where, &slack)));
}

/* The hosts that could take anything; what is placed now is the best so far, then nothing is. */
static void list_hosts(struct tree *t, uint32_t *where)
{
    struct pack *p = t->x.p;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[i].host != PACK_NONE) {
            struct pattern *at = &t->best[p->item[i].host];

            *(p->item[i].fluid ? &at->fluid : &at->whole) |= 1ull << i;
            at->loose = -1;
            for (uint32_t k = p->item[i].first; k < p->item[i].first + p->item[i].nr; k++) {
                where[k] = p->part[k].node;
            }
            pack_take(p, i);
        }
    }
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        uint64_t may = 0;

        for (uint32_t i = 0; i < p->nr_items && p->host[h].target; i++) {
            may |= (uint64_t)could_be(p, &p->item[i], h) << i;
        }
        if (may) {
            t->host[t->nr_hosts] = h;
            t->may[t->nr_hosts] = may;
            t->best[t->nr_hosts++] = t->best[h];
        }
    }
}

bool pack_exact(struct pack *p, uint64_t steps, struct pack_limit *limit)
{
    uint32_t *where = calloc(p->nr_parts + 1u, sizeof(*where));
    struct tree t = { .best = calloc(p->nr_hosts + 1u, sizeof(*t.best)),
                      .try = calloc(p->nr_hosts + 1u, sizeof(*t.try)) };
    bool proven = false;

    if (where && t.best && t.try && exact_open(&t.x, p, steps)) {
        list_hosts(&t, where);
        proven = master_open(&t.m, p->nr_items, t.nr_hosts) && all_turns(&t, limit);
        put(&t, where);
    }
    master_close(&t.m);
    exact_close(&t.x);
    free(t.best);
    free(t.try);
    free(where);
    return proven;
}
