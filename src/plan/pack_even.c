/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Among assignments that reach the same goals one that leaves the nodes evenly filled: moves and
 * swaps, as long as one helps.  The sum of the squares of what nodes have left is smallest where
 * all have the same left; the sum over hosts of vCPUs squared per core likewise.
 */
#include "pack.h"

/* Steps for it: a plan does not wait long for its last goal. */
#define EVEN_STEPS 20000u

/* Differences of sums of squares below this part of them are rounding. */
#define LITTLE 1e-12

struct evenness {
    double room, load; /* less is more even */
};

static int64_t positive(int64_t a)
{
    return a > 0 ? a : 0;
}

/* On arrival pages counts what a node loses once they lie somewhere: not all of it. */
static int64_t left_on(const struct pack *p, const struct pack_host *h, uint32_t node)
{
    return p->node[node].left + h->loose;
}

/* What flows fills the emptiest nodes first, down to the level that this returns. */
static int64_t level_of(const struct pack *p, const struct pack_host *h)
{
    int64_t low = 0, high = 0;

    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        high = left_on(p, h, n) > high ? left_on(p, h, n) : high;
    }
    while (low < high && h->fluid) {
        const int64_t middle = low + (high - low + 1) / 2;
        int64_t above = 0;

        for (uint32_t n = h->first; n < h->first + h->nr; n++) {
            above += positive(left_on(p, h, n) - middle);
        }
        if (above >= h->fluid) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return high;
}

static struct evenness of_host(struct pack *p, uint32_t host)
{
    const struct pack_host *h = &p->host[host];
    const int64_t level = level_of(p, h);
    struct evenness e = { .load = (double)h->vcpus * (double)h->vcpus / h->cores };

    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        const int64_t left = left_on(p, h, n);
        const double size = (double)(left < level ? left : level);

        e.room += size * size;
    }
    p->steps += 1 + h->nr;
    return e;
}

static struct evenness plus(struct evenness a, struct evenness b)
{
    return (struct evenness){ a.room + b.room, a.load + b.load };
}

static bool more_even(struct evenness a, struct evenness b, double little)
{
    return a.room < b.room - little || (a.room < b.room + little && a.load < b.load * (1 - 1e-9));
}

struct place {
    uint32_t host;
    bool fluid;
    uint32_t where[EXCLAIM_NODES_MAX];
};

static struct place take(struct pack *p, uint32_t item)
{
    struct place was;

    was.host = p->item[item].host;
    was.fluid = p->item[item].fluid;
    for (uint32_t k = 0; k < p->item[item].nr && !was.fluid; k++) {
        was.where[k] = p->part[p->item[item].first + k].node;
    }
    pack_take(p, item);
    return was;
}

static void put(struct pack *p, uint32_t item, const struct place *at)
{
    if (at->fluid) {
        pack_pour(p, item, at->host);
    } else {
        pack_put(p, item, at->host, at->where);
    }
}

/* Onto @to->host, with its shape or without as before; false if there is no room. */
static bool put_on(struct pack *p, uint32_t item, struct place *to)
{
    int64_t slack;

    if (to->fluid ? !pack_takes_fluid(p, &p->item[item], to->host)
                  : !pack_fit(p, &p->item[item], to->host, to->where, &slack)) {
        return false;
    }
    put(p, item, to);
    return true;
}

/* Whether @to is as good as @from by all that goes before evenness. */
static bool as_good(const struct pack *p, const struct pack_item *item, uint32_t from, uint32_t to)
{
    return p->host[to].target && p->host[to].rank <= p->host[from].rank &&
           p->host[to].known >= p->host[from].known &&
           pack_breaks(p, item, to) <= pack_breaks(p, item, from);
}

/* The most that @item can make the nodes of @host more even by. */
static double hope(const struct pack *p, const struct pack_item *item, uint32_t host)
{
    const double top = (double)p->host[host].top;
    double sum = 0;

    for (uint32_t k = 0; k < item->nr; k++) {
        const double size = (double)p->part[item->first + k].pages;

        sum += size * (size - 2 * top);
    }
    return sum;
}

/* @item to where it makes things most even; whether it moved. */
static bool move(struct pack *p, uint32_t index)
{
    const struct pack_item *item = &p->item[index];
    const struct place was = take(p, index);
    const struct evenness without = of_host(p, was.host);
    struct place best = was, to;
    struct evenness least;
    bool moved = false;

    put(p, index, &was);
    least = of_host(p, was.host);
    to.fluid = was.fluid;
    least = (struct evenness){ least.room - without.room, least.load - without.load };
    pack_take(p, index);
    p->host[was.host].top = level_of(p, &p->host[was.host]);
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        struct evenness before, after;

        p->steps++;
        if ((!was.fluid && hope(p, item, h) > least.room) || !as_good(p, item, was.host, h)) {
            continue;
        }
        before = of_host(p, h);
        to.host = h;
        if (!put_on(p, index, &to)) {
            continue;
        }
        after = of_host(p, h);
        pack_take(p, index);
        after = (struct evenness){ after.room - before.room, after.load - before.load };
        if (more_even(after, least, LITTLE * (before.room + without.room))) {
            least = after;
            best = to;
            moved = true;
        }
    }
    put(p, index, &best);
    p->host[was.host].top = level_of(p, &p->host[was.host]);
    p->host[best.host].top = level_of(p, &p->host[best.host]);
    return moved;
}

/* Whether nodes would be more even if the only parts of @a and @b changed places. */
static bool worth_it(const struct pack *p, const struct pack_item *a, const struct pack_item *b)
{
    const struct pack_part *of_a = &p->part[a->first], *of_b = &p->part[b->first];
    double less, left;

    if (a->fluid || b->fluid || a->nr != 1 || b->nr != 1) {
        return true;
    }
    less = (double)(of_a->pages - of_b->pages);
    left = (double)(left_on(p, &p->host[a->host], of_a->node) -
                    left_on(p, &p->host[b->host], of_b->node));
    return less != 0 ? less * (left + less) < 0 : a->vcpus != b->vcpus;
}

/* Both to the host of the other, or back. */
static bool swap(struct pack *p, uint32_t a, uint32_t b)
{
    const uint32_t host_a = p->item[a].host, host_b = p->item[b].host;
    struct evenness before, after;
    struct place was_a, was_b, to_a, to_b;

    p->steps++;
    if (host_a == host_b || !worth_it(p, &p->item[a], &p->item[b])) {
        return false;
    }
    before = plus(of_host(p, host_a), of_host(p, host_b));
    was_a = take(p, a);
    was_b = take(p, b);
    to_a.host = host_b;
    to_a.fluid = was_a.fluid;
    to_b.host = host_a;
    to_b.fluid = was_b.fluid;
    if (as_good(p, &p->item[a], host_a, host_b) && as_good(p, &p->item[b], host_b, host_a) &&
        put_on(p, a, &to_a)) {
        if (put_on(p, b, &to_b)) {
            after = plus(of_host(p, host_a), of_host(p, host_b));
            if (more_even(after, before, LITTLE * before.room)) {
                p->host[host_a].top = level_of(p, &p->host[host_a]);
                p->host[host_b].top = level_of(p, &p->host[host_b]);
                return true;
            }
            pack_take(p, b);
        }
        pack_take(p, a);
    }
    put(p, a, &was_a);
    put(p, b, &was_b);
    return false;
}

void pack_even(struct pack *p, const uint32_t *order)
{
    const uint64_t end = p->steps + EVEN_STEPS;
    bool better = true;

    p->roomy = true;
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        p->host[h].top = level_of(p, &p->host[h]);
    }
    while (better) {
        better = false;
        for (uint32_t i = 0; i < p->nr_items && p->steps < end; i++) {
            better |= p->item[order[i]].host != PACK_NONE && move(p, order[i]);
        }
        for (uint32_t i = 0; i < p->nr_items && !better; i++) {
            for (uint32_t j = i + 1; j < p->nr_items && p->steps < end; j++) {
                better |= p->item[order[i]].host != PACK_NONE &&
                          p->item[order[j]].host != PACK_NONE && swap(p, order[i], order[j]);
            }
        }
        better &= p->steps < end;
    }
    p->roomy = false;
}
