/* SPDX-License-Identifier: BSD-2-Clause */
/* Which way to count: the first that is exact, cheapest first. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"

/* Keeps why each method was not enough, as far as there is room, and says where it ends. */
static void add_reason(char *reasons, size_t size, const struct exclaim_count *count)
{
    static const char cut[] = "...";
    size_t used = strlen(reasons);
    int len = snprintf(reasons + used, size - used, "%s%s: %s", used ? "; " : "",
                       exclaim_provenance_name(count->method), count->why);

    if (len >= 0 && (size_t)len >= size - used) {
        memcpy(reasons + size - sizeof(cut), cut, sizeof(cut));
    }
}

/* An inexact result is worth showing; one that saw nothing is not, nor is a worse one. */
static void keep_better(struct exclaim_count *best, const struct exclaim_count *count)
{
    if (count->exact || (count->nr_nodes != 0 && best->nr_nodes == 0)) {
        *best = *count;
    }
}

#define REASONS (sizeof(((struct exclaim_error *)0)->text) / 2)

static bool on_one_node(const struct exclaim_count *count)
{
    uint32_t nodes = 0;

    for (uint32_t n = 0; n < count->nr_nodes; n++) {
        nodes += count->pages[n] != 0;
    }
    return nodes <= 1;
}

/* The ways that need no dump. */
static void count_quietly(struct exclaim_xen *xen, uint32_t domid,
                          const struct exclaim_count_how *how, struct exclaim_count *count,
                          char reasons[REASONS])
{
    struct exclaim_count one;

    *count = (struct exclaim_count){ 0 };
    xen_count_hypercall(xen, domid, &one);
    keep_better(count, &one);
    if (count->exact && how->runs && !on_one_node(count)) {
        /* Pages per node are known; which frames they are only mapping tells. */
        xen_count_mapped(xen, domid, how, &one);
        keep_better(count, &one);
    }
    if (!count->exact) {
        add_reason(reasons, REASONS, &one);
        xen_count_mapped(xen, domid, how, &one);
        keep_better(count, &one);
        if (!count->exact) {
            add_reason(reasons, REASONS, &one);
        }
    }
}

static void settle(struct exclaim_count *count, const struct exclaim_count *dump,
                   char reasons[REASONS])
{
    keep_better(count, dump);
    if (count->exact) {
        count->why[0] = '\0';
        return;
    }
    add_reason(reasons, REASONS, dump);
    snprintf(count->why, sizeof(count->why), "%.*s", (int)sizeof(count->why) - 1, reasons);
}

int xen_count(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_count_how *how,
              struct exclaim_count *count, struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    struct exclaim_count dump;
    char reasons[REASONS] = "";
    xc_domaininfo_t info;
    int errnum = xen_domain_info(xen, domid, &info);

    *count = (struct exclaim_count){ 0 };
    if (errnum) {
        return xen_fail(xen, err, errnum, "counting the pages of domain %u", domid);
    }
    count_quietly(xen, domid, how, count, reasons);
    if (!count->exact) {
        xen_count_console(xen, &domid, 1, how->console_max_pages, &dump);
        settle(count, &dump, reasons);
    }
    if (!count->exact && count->nr_nodes == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "pages per node of domain %u cannot be read: %s", domid, reasons);
    }
    return 0;
}

/* Of the time for one domain, what all together may take: XAPI's client waits 120 s for a host. */
#define MANY 4

int xen_count_many(struct exclaim_hv *hv, const uint32_t *domid, uint32_t nr,
                   const struct exclaim_count_how *how, struct exclaim_count *count,
                   struct exclaim_error *err)
{
    struct exclaim_count_how each = *how;
    struct exclaim_xen *xen = xen_of(hv);
    struct left {
        uint32_t at;
        char reasons[REASONS];
    } *left = calloc(nr, sizeof(*left));
    struct exclaim_count *dump = calloc(nr, sizeof(*dump));
    uint32_t *id = calloc(nr, sizeof(*id)), nr_left = 0;
    int64_t end, left_ms;
    int rc = 0;

    each.runs = NULL; /* whose they are could not be told */
    end = exclaim_now_ms() + (int64_t)how->ms_max * MANY;
    if (nr && (!left || !dump || !id)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "counting %u domains", nr);
        goto out;
    }
    for (uint32_t i = 0; i < nr; i++) {
        xc_domaininfo_t info;
        int errnum = xen_domain_info(xen, domid[i], &info);

        if (errnum) {
            count[i] = (struct exclaim_count){ 0 };
            snprintf(count[i].why, sizeof(count[i].why), "%s", exclaim_hv_errno_meaning(errnum));
            continue;
        }
        left_ms = end - exclaim_now_ms();
        if (left_ms < each.ms_max) {
            each.ms_max = left_ms > 0 ? (uint32_t)left_ms : 1;
        }
        count_quietly(xen, domid[i], &each, &count[i], left[nr_left].reasons);
        if (!count[i].exact) {
            left[nr_left].at = i;
            id[nr_left++] = domid[i];
        }
    }
    if (nr_left) {
        xen_count_console(xen, id, nr_left, how->console_max_pages, dump);
    }
    for (uint32_t i = 0; i < nr_left; i++) {
        settle(&count[left[i].at], &dump[i], left[i].reasons);
    }

out:
    free(left);
    free(dump);
    free(id);
    return rc;
}
