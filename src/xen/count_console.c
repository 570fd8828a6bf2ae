/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages per node from debug key `u`.  Until the key's cost is fixed in Xen it walks every page of
 * every domain (xen/common/numa.c, dump_numa()), so the walk is bounded by the caller's limit.
 */
#include "console.h"
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS          3
#define READS_PER_ATTEMPT 4
#define PAUSE_MS          20
#define CHUNK             ((size_t)32 * 1024)
#define TEXT_MAX          ((size_t)4 * 1024 * 1024)
#define DOMAINS_PER_CALL  64u

struct text {
    char *data;
    size_t len;
    size_t size;
    uint32_t index; /* the ring's position behind data[len - 1] */
};

/* The pages that the key would walk. */
static int all_pages(struct exclaim_xen *xen, uint64_t *pages)
{
    xc_domaininfo_t info[DOMAINS_PER_CALL];
    uint32_t next = 0;
    int nr;

    *pages = 0;
    while (next < XEN_DOMID_END) {
        nr = xen->lib.getinfolist(xen->xch, next, DOMAINS_PER_CALL, info);
        if (nr < 0) {
            return errno ? errno : EIO;
        }
        for (int i = 0; i < nr; i++) {
            *pages += info[i].tot_pages;
        }
        if (nr < (int)DOMAINS_PER_CALL) {
            break;
        }
        next = (uint32_t)info[nr - 1].domain + 1;
    }
    return 0;
}

/*
 * Reads what the ring holds from text->index on, and keeps it behind what is there, or only moves
 * to the ring's end.  Incremental reads from an index never clear the ring; from one that has been
 * overwritten they silently start at the oldest byte (xen/drivers/char/console.c,
 * read_console_ring()): the new index then is too far ahead.
 */
static int read_ring(struct exclaim_xen *xen, struct text *text, bool keep, bool *lost)
{
    /* Whoever writes as fast as this reads is not waited for. */
    for (size_t seen = 0; seen < TEXT_MAX; seen += CHUNK) {
        unsigned int nr = (unsigned int)CHUNK;
        uint32_t index = text->index;

        if (text->size - text->len < CHUNK) {
            size_t size = text->size ? text->size * 2 : CHUNK * 2;
            char *data = realloc(text->data, size);

            if (!data) {
                return ENOMEM;
            }
            text->data = data;
            text->size = size;
        }
        if (xen->lib.readconsolering(xen->xch, text->data + text->len, &nr, 0, 1, &index) < 0) {
            return errno ? errno : EIO;
        }
        if (index - text->index != nr) {
            *lost = true;
        }
        text->index = index;
        text->len += keep ? nr : 0;
        if (nr < CHUNK) {
            return 0;
        }
    }
    return EFBIG;
}

/* A domain to be counted. */
struct target {
    uint32_t domid;
    int errnum; /* of reading its total */
    bool parsed;
    uint64_t before, after;
    struct xen_console_count dump;
    struct exclaim_count *count;
};

/* Whether the text has all of them; those that it lacks have the reason in their `why`. */
static bool parse_all(const struct text *text, uint64_t online, struct target *target, uint32_t nr)
{
    bool all = true;

    for (uint32_t i = 0; i < nr; i++) {
        struct exclaim_count *count = target[i].count;

        if (!target[i].errnum && !count->exact) {
            target[i].parsed = xen_console_parse(text->data, text->len, target[i].domid, online,
                                                 &target[i].dump, count->why, sizeof(count->why));
            all &= target[i].parsed;
        }
    }
    return all;
}

/* Sends the key and reads until the domains' blocks are whole; false with a reason if there is no
 * text at all. */
static bool one_dump(struct exclaim_xen *xen, uint64_t online, struct text *text,
                     struct target *target, uint32_t nr, char *why, size_t why_size)
{
    bool lost = false;
    int errnum;

    text->len = 0;
    errnum = read_ring(xen, text, false, &lost);
    lost = false; /* what was written until now is of no interest */
    if (errnum) {
        snprintf(why, why_size, "reading the console ring: %s", exclaim_hv_errno_meaning(errnum));
        return false;
    }
    if (xen->lib.send_debug_keys(xen->xch, "u") < 0) {
        snprintf(why, why_size, "sending debug key u: %s", exclaim_hv_errno_meaning(errno));
        return false;
    }
    for (unsigned int i = 0; i < READS_PER_ATTEMPT; i++) {
        errnum = read_ring(xen, text, true, &lost);
        if (errnum) {
            snprintf(why, why_size, "reading the console ring: %s",
                     exclaim_hv_errno_meaning(errnum));
            return false;
        }
        if (lost) {
            snprintf(why, why_size, "the console ring is too small for the dump (conring_size=)");
            return false;
        }
        if (parse_all(text, online, target, nr)) {
            break;
        }
        /* The text is there when the key returns; wait once in case another Xen defers it. */
        xen->lib.pause(xen->xch, PAUSE_MS);
    }
    return true;
}

/* Whether the dump may be asked for at all. */
static bool allowed(struct exclaim_xen *xen, uint64_t max_pages, char *why, size_t why_size)
{
    uint64_t pages;
    int errnum;

    if (max_pages == 0) {
        snprintf(why, why_size, "dumps are not allowed (limit 0 pages)");
        return false;
    }
    errnum = all_pages(xen, &pages);
    if (errnum) {
        snprintf(why, why_size, "reading all domains: %s", exclaim_hv_errno_meaning(errnum));
        return false;
    }
    if (pages > max_pages) {
        snprintf(why, why_size,
                 "a dump would walk %" PRIu64 " pages of all domains, the limit is %" PRIu64, pages,
                 max_pages);
        return false;
    }
    return true;
}

/* What the dump and the totals around it say together. */
static void judge(struct target *t, uint64_t online)
{
    struct exclaim_count *count = t->count;

    if (t->errnum) {
        snprintf(count->why, sizeof(count->why), "reading the pages of domain %u: %s", t->domid,
                 exclaim_hv_errno_meaning(t->errnum));
        return;
    }
    if (!t->parsed) {
        return;
    }
    count->nr_nodes = 64 - (uint32_t)__builtin_clzll(online);
    count->total_pages = t->after;
    memcpy(count->pages, t->dump.pages, sizeof(count->pages));
    count->exact = t->before == t->after && t->dump.total == t->after;
    count->why[0] = '\0';
    if (!count->exact) {
        snprintf(count->why, sizeof(count->why),
                 "pages changed: %" PRIu64 " before, %" PRIu64 " in the dump, %" PRIu64 " after",
                 t->before, t->dump.total, t->after);
    }
}

/*
 * One dump with the totals before and after, for those that are not exact yet; how many another
 * dump might help.
 */
static uint32_t attempt(struct exclaim_xen *xen, uint64_t online, struct text *text,
                        struct target *target, uint32_t nr)
{
    char why[sizeof(target->count->why)];
    uint32_t left = 0;
    bool dumped;

    for (uint32_t i = 0; i < nr; i++) {
        target[i].parsed = false;
        target[i].errnum =
            target[i].count->exact ? 0 : xen_total_pages(xen, target[i].domid, &target[i].before);
    }
    dumped = one_dump(xen, online, text, target, nr, why, sizeof(why));
    for (uint32_t i = 0; i < nr; i++) {
        struct target *t = &target[i];

        if (t->count->exact) {
            continue;
        }
        if (!dumped) {
            snprintf(t->count->why, sizeof(t->count->why), "%s", why);
        } else {
            if (!t->errnum) {
                t->errnum = xen_total_pages(xen, t->domid, &t->after);
            }
            judge(t, online);
        }
        left += !t->count->exact && !t->errnum;
    }
    return left;
}

/* Those that are not exact. */
static void fail_all(struct exclaim_count *count, uint32_t nr, const char *why)
{
    for (uint32_t i = 0; i < nr; i++) {
        if (!count[i].exact) {
            snprintf(count[i].why, sizeof(count[i].why), "%.*s", (int)sizeof(count[i].why) - 1,
                     why);
        }
    }
}

void xen_count_console(struct exclaim_xen *xen, const uint32_t *domid, uint32_t nr,
                       uint64_t max_pages, struct exclaim_count *count)
{
    struct target *target = calloc(nr, sizeof(*target));
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    struct exclaim_error err;
    struct text text = { 0 };
    char why[sizeof(count->why)];
    uint64_t online;
    uint32_t nr_nodes;

    for (uint32_t i = 0; i < nr; i++) {
        count[i] = (struct exclaim_count){ .method = EXCLAIM_FROM_CONSOLE };
    }
    if (!target) {
        fail_all(count, nr, strerror(ENOMEM));
        return;
    }
    if (xen_node_sizes(xen, info, &nr_nodes, &online, &err)) {
        fail_all(count, nr, err.text);
    } else if (online == 0) {
        fail_all(count, nr, "no node is online");
    } else {
        for (uint32_t i = 0; i < nr; i++) {
            target[i] = (struct target){ .domid = domid[i], .count = &count[i] };
        }
        for (unsigned int i = 0; i < ATTEMPTS; i++) {
            if (!allowed(xen, max_pages, why, sizeof(why))) {
                fail_all(count, nr, why);
                break;
            }
            if (attempt(xen, online, &text, target, nr) == 0) {
                break;
            }
            xen->lib.pause(xen->xch, PAUSE_MS);
        }
    }
    free(text.data);
    free(target);
}
