/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages per node from debug key `u`.  Until the key's cost is fixed in Xen it walks every page of
 * every domain (xen/common/numa.c, dump_numa()), so the walk is bounded by the caller's limit.
 */
#include "console.h"
#include "xen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

static void pause_ms(long ms)
{
    struct timespec wait = { .tv_nsec = ms * 1000000 };

    nanosleep(&wait, NULL);
}

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
    for (;;) {
        unsigned int nr = (unsigned int)CHUNK;
        uint32_t index = text->index;

        if (text->size - text->len < CHUNK) {
            size_t size = text->size ? text->size * 2 : CHUNK * 2;
            char *data = size <= TEXT_MAX ? realloc(text->data, size) : NULL;

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
}

/* Sends the key and reads until the domain's block is whole; false with a reason if it is not. */
static bool one_dump(struct exclaim_xen *xen, uint32_t domid, uint64_t online, struct text *text,
                     struct xen_console_count *parsed, char *why, size_t why_size)
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
        if (xen_console_parse(text->data, text->len, domid, online, parsed, why, why_size)) {
            return true;
        }
        /* The text is there when the key returns; wait once in case another Xen defers it. */
        pause_ms(PAUSE_MS);
    }
    return false;
}

/* Whether the dump may be asked for at all. */
static bool allowed(struct exclaim_xen *xen, uint64_t max_pages, struct exclaim_count *count)
{
    uint64_t pages;
    int errnum;

    if (max_pages == 0) {
        snprintf(count->why, sizeof(count->why), "dumps are not allowed (limit 0 pages)");
        return false;
    }
    errnum = all_pages(xen, &pages);
    if (errnum) {
        snprintf(count->why, sizeof(count->why), "reading all domains: %s",
                 exclaim_hv_errno_meaning(errnum));
        return false;
    }
    if (pages > max_pages) {
        snprintf(count->why, sizeof(count->why),
                 "a dump would walk %" PRIu64 " pages of all domains, the limit is %" PRIu64, pages,
                 max_pages);
        return false;
    }
    return true;
}

/* One dump with the domain's total before and after. */
static bool attempt(struct exclaim_xen *xen, uint32_t domid, uint64_t online, struct text *text,
                    struct exclaim_count *count)
{
    struct xen_console_count parsed;
    uint64_t before, after;
    int errnum = xen_total_pages(xen, domid, &before);

    if (!errnum) {
        if (!one_dump(xen, domid, online, text, &parsed, count->why, sizeof(count->why))) {
            return false;
        }
        errnum = xen_total_pages(xen, domid, &after);
    }
    if (errnum) {
        snprintf(count->why, sizeof(count->why), "reading the pages of domain %u: %s", domid,
                 exclaim_hv_errno_meaning(errnum));
        return false;
    }

    count->nr_nodes = 64 - (uint32_t)__builtin_clzll(online);
    count->total_pages = after;
    for (uint32_t i = 0; i < count->nr_nodes; i++) {
        count->pages[i] = parsed.pages[i];
    }
    count->exact = before == after && parsed.total == after;
    if (!count->exact) {
        snprintf(count->why, sizeof(count->why),
                 "pages changed: %" PRIu64 " before, %" PRIu64 " in the dump, %" PRIu64 " after",
                 before, parsed.total, after);
    }
    return count->exact;
}

void xen_count_console(struct exclaim_xen *xen, uint32_t domid, uint64_t max_pages,
                       struct exclaim_count *count)
{
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    struct exclaim_error err;
    struct text text = { 0 };
    uint64_t online;
    uint32_t nr;

    *count = (struct exclaim_count){ .method = EXCLAIM_COUNT_CONSOLE };
    if (xen_node_sizes(xen, info, &nr, &online, &err)) {
        snprintf(count->why, sizeof(count->why), "%.*s", (int)sizeof(count->why) - 1, err.text);
        return;
    }
    if (online == 0) {
        snprintf(count->why, sizeof(count->why), "no node is online");
        return;
    }
    for (unsigned int i = 0; i < ATTEMPTS; i++) {
        if (!allowed(xen, max_pages, count) || attempt(xen, domid, online, &text, count)) {
            break;
        }
        pause_ms(PAUSE_MS);
    }
    if (count->exact) {
        count->why[0] = '\0';
    }
    free(text.data);
}
