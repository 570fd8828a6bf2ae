/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages per node as the two methods that see them would tell: hypercall and console. */
#include "state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* As in src/xen/count_hypercall.c: more than these are counters that do not go down. */
#define EXTRA_PAGES_MAX 16u

static uint32_t ids(const struct model *m)
{
    return 64 - (uint32_t)__builtin_clzll(model_online(m));
}

/*
 * XenServer 9 counts extra pages with their nodes, and the total without them (branch
 * 4.20-scm-domain-numa-get-node_pages).  Where all pages are on one node theirs is certain.
 */
static void count_hypercall(const struct model *m, const struct model_domain *d,
                            struct exclaim_count *count)
{
    uint64_t extra = model_extras(d);
    uint32_t largest = 0, used = 0;

    *count = (struct exclaim_count){ .method = EXCLAIM_COUNT_HYPERCALL };
    if (!m->rules->node_claims) {
        snprintf(count->why, sizeof(count->why), "domctl 1101: this xen does not have it");
        return;
    }
    count->nr_nodes = ids(m);
    count->total_pages = model_owned(d);
    for (uint32_t i = 0; i < count->nr_nodes; i++) {
        count->pages[i] = d->pages[i] + d->extra[i];
        used += count->pages[i] != 0;
        largest = count->pages[i] > count->pages[largest] ? i : largest;
    }
    if (extra > EXTRA_PAGES_MAX || extra > count->pages[largest]) {
        snprintf(count->why, sizeof(count->why),
                 "nodes add up to %" PRIu64 ", the total is %" PRIu64, count->total_pages + extra,
                 count->total_pages);
        return;
    }
    count->pages[largest] -= extra;
    count->exact = extra == 0 || used == 1;
    if (!count->exact) {
        count->extra_pages = extra;
        snprintf(count->why, sizeof(count->why),
                 "%" PRIu64 " extra pages beyond the total of %" PRIu64
                 " are on an unknown node, taken off node %u",
                 extra, count->total_pages, largest);
    }
}

/* The dump walks every page of every domain, upstream; the limit is on that. */
static bool dump_allowed(const struct model *m, uint64_t max_pages, struct exclaim_count *count)
{
    uint64_t pages = 0;

    if (max_pages == 0) {
        snprintf(count->why, sizeof(count->why), "dumps are not allowed (limit 0 pages)");
        return false;
    }
    for (const struct model_domain *d = m->domains; d; d = d->next) {
        pages += model_owned(d);
    }
    if (pages > max_pages) {
        snprintf(count->why, sizeof(count->why),
                 "a dump would walk %" PRIu64 " pages of all domains, the limit is %" PRIu64, pages,
                 max_pages);
        return false;
    }
    return true;
}

/*
 * Key u sees d->page_list: no extra pages, and not those in the PoD cache or being relinquished;
 * XenServer 9 prints its counters, in which extra pages are.
 */
static void count_console(const struct model *m, const struct model_domain *d, uint64_t max_pages,
                          struct exclaim_count *count)
{
    uint64_t pages[MODEL_NODES] = { 0 };
    uint64_t total = model_owned(d), sum = 0;

    *count = (struct exclaim_count){ .method = EXCLAIM_COUNT_CONSOLE };
    if (!dump_allowed(m, max_pages, count)) {
        return;
    }
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        pages[i] = m->rules->node_claims ? d->pages[i] + d->extra[i] : d->pages[i] - d->hidden[i];
        sum += pages[i];
    }
    if (sum != total) {
        snprintf(count->why, sizeof(count->why),
                 "the dump's nodes add up to %" PRIu64 ", its total is %" PRIu64, sum, total);
        return;
    }
    count->nr_nodes = ids(m);
    count->total_pages = total;
    memcpy(count->pages, pages, sizeof(pages));
    count->exact = true;
}

static void add_reason(char *reasons, size_t size, const struct exclaim_count *count)
{
    size_t used = strlen(reasons);

    snprintf(reasons + used, size - used, "%s%s: %s", used ? "; " : "",
             exclaim_count_method_name(count->method), count->why);
}

/* False if no method saw anything; the reasons are in @why. */
static bool count_one(const struct model *m, const struct model_domain *d, uint64_t max_pages,
                      struct exclaim_count *count, char *reasons, size_t size)
{
    struct exclaim_count one;

    count_hypercall(m, d, count);
    if (count->exact) {
        return true;
    }
    add_reason(reasons, size, count);
    count_console(m, d, max_pages, &one);
    if (one.exact) {
        *count = one;
        return true;
    }
    add_reason(reasons, size, &one);
    if (count->nr_nodes == 0) {
        *count = (struct exclaim_count){ 0 };
    }
    snprintf(count->why, sizeof(count->why), "%.*s", (int)sizeof(count->why) - 1, reasons);
    return count->nr_nodes != 0;
}

int model_op_count(struct exclaim_hv *hv, uint32_t domid, uint64_t max_console_pages,
                   struct exclaim_count *count, struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_COUNT, domid);
    const struct model_domain *d = model_find(m, domid);
    char reasons[256] = "";

    *count = (struct exclaim_count){ 0 };
    if (!errnum && !d) {
        errnum = ESRCH;
    }
    if (errnum > 0) {
        return model_fail(m, err, errnum, "counting the pages of domain %u", domid);
    }
    if (errnum == MODEL_NO_EFFECT ||
        count_one(m, d, max_console_pages, count, reasons, sizeof(reasons))) {
        return 0;
    }
    return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                        "pages per node of domain %u cannot be read: %s", domid, reasons);
}

int model_op_count_many(struct exclaim_hv *hv, const uint32_t *domid, uint32_t nr,
                        uint64_t max_console_pages, struct exclaim_count *count,
                        struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_COUNT_MANY, UINT32_MAX);

    if (errnum > 0) {
        return model_fail(m, err, errnum, "counting %u domains", nr);
    }
    for (uint32_t i = 0; i < nr; i++) {
        const struct model_domain *d = model_find(m, domid[i]);
        char reasons[256] = "";

        count[i] = (struct exclaim_count){ 0 };
        if (!d) {
            snprintf(count[i].why, sizeof(count[i].why), "%s", exclaim_hv_errno_meaning(ESRCH));
        } else if (errnum != MODEL_NO_EFFECT) {
            count_one(m, d, max_console_pages, &count[i], reasons, sizeof(reasons));
        }
    }
    return 0;
}
