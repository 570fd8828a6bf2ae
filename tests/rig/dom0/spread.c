/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loaded into "xl create": puts a new guest's pages on nodes by number, which xl itself cannot.
 *
 * RIG_SPREAD="1:9000,0:500,2:*" fills node 1 with 9000 pages, then node 0 with 500, then node 2 with all others;
 * RIG_SPREAD="1/0/16" puts frames 0 to 15 on node 1, 16 to 31 on node 0, and so on.
 * libxenguest asks libxenctrl for extents of up to 1 GiB; one that would cross a quota is not given, so it asks for smaller ones.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_NODE(n) (((unsigned)(n) + 1) << 8 | 1u << 17) /* XENMEMF_exact_node */

typedef int populate_fn(void *, unsigned, unsigned long, unsigned, unsigned, unsigned long *);

/* The node in turn and how many pages it still takes; quotas are parsed as they are reached. */
static const char *rest;
static unsigned node;
static unsigned long left;

static void next_quota(void)
{
    char *end;

    if (!rest)
        rest = getenv("RIG_SPREAD");
    if (!rest || !*rest) {
        left = -1ul; /* the last node takes what is over */
        return;
    }
    node = (unsigned)strtoul(rest, &end, 10);
    if (*end == ':' && end[1] == '*') {
        left = -1ul;
        end += 2;
    } else if (*end == ':') {
        left = strtoul(end + 1, &end, 10);
    }
    rest = *end == ',' ? end + 1 : end;
}

/* The extents from the first on that lie on one node together; 0 if the first is not on one. */
static unsigned long stripe(const unsigned long *start, unsigned long nr, unsigned order)
{
    unsigned nodes[2];
    unsigned long pages, width, done = 0;

    if (!rest)
        rest = getenv("RIG_SPREAD");
    if (!rest || sscanf(rest, "%u/%u/%lu", &nodes[0], &nodes[1], &pages) != 3 || !pages)
        return nr;
    width = 1ul << order;
    if (start[0] / pages != (start[0] + width - 1) / pages)
        return 0;
    node = nodes[start[0] / pages % 2];
    left = -1ul;
    while (done < nr && start[done] / pages == (start[done] + width - 1) / pages && nodes[start[done] / pages % 2] == node)
        done++;
    return done;
}

/* Same contract as libxenctrl's: how many of the extents were populated, from the first on. */
int xc_domain_populate_physmap(void *xch, unsigned domid, unsigned long nr, unsigned order, unsigned flags, unsigned long *start)
{
    static populate_fn *real;
    unsigned long done = 0;

    if (!real)
        real = (populate_fn *)dlsym(RTLD_NEXT, "xc_domain_populate_physmap");
    while (done < nr) {
        unsigned long want, together = stripe(start + done, nr - done, order);
        int got;

        if (!together)
            break;
        while (!left)
            next_quota();
        want = left >> order;
        if (!want)
            break;
        if (want > together)
            want = together;
        got = real(xch, domid, want, order, flags | EXACT_NODE(node), start + done);
        if (got < 0)
            return done ? (int)done : got;
        done += (unsigned long)got;
        if (left != -1ul)
            left -= (unsigned long)got << order;
        if ((unsigned long)got < want)
            break;
    }
    return (int)done;
}

int xc_domain_populate_physmap_exact(void *xch, unsigned domid, unsigned long nr, unsigned order, unsigned flags, unsigned long *start)
{
    int done = xc_domain_populate_physmap(xch, domid, nr, order, flags, start);

    if (done >= 0 && (unsigned long)done == nr)
        return 0;
    if (done >= 0)
        errno = EBUSY;
    return -1;
}
