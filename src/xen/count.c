/* SPDX-License-Identifier: BSD-2-Clause */
/* Which way to count: the first that is exact, cheapest first. */
#include "xen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Keeps why each method was not enough, as far as there is room. */
static void add_reason(char *reasons, size_t size, const struct exclaim_count *count)
{
    size_t used = strlen(reasons);

    snprintf(reasons + used, size - used, "%s%s: %s", used ? "; " : "",
             exclaim_count_method_name(count->method), count->why);
}

/* An inexact result is worth showing; one that saw nothing is not, nor is a worse one. */
static void keep_better(struct exclaim_count *best, const struct exclaim_count *count)
{
    if (count->exact || (count->nr_nodes != 0 && best->nr_nodes == 0)) {
        *best = *count;
    }
}

int xen_count(struct exclaim_hv *hv, uint32_t domid, uint64_t max_console_pages,
              struct exclaim_count *count, struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    struct exclaim_count one;
    char reasons[sizeof(((struct exclaim_error *)0)->text) / 2] = "";
    xc_domaininfo_t info;
    int errnum = xen_domain_info(xen, domid, &info);

    *count = (struct exclaim_count){ 0 };
    if (errnum) {
        return xen_fail(xen, err, errnum, "counting the pages of domain %u", domid);
    }

    xen_count_hypercall(xen, domid, &one);
    keep_better(count, &one);
    if (!count->exact && !(info.flags & XEN_DOMINF_hvm_guest)) {
        add_reason(reasons, sizeof(reasons), &one);
        xen_count_p2m(xen, domid, &one);
        keep_better(count, &one);
    }
    if (!count->exact) {
        add_reason(reasons, sizeof(reasons), &one);
        xen_count_console(xen, domid, max_console_pages, &one);
        keep_better(count, &one);
    }
    if (count->exact) {
        count->why[0] = '\0';
        return 0;
    }

    add_reason(reasons, sizeof(reasons), &one);
    if (count->nr_nodes == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "pages per node of domain %u cannot be read: %s", domid, reasons);
    }
    snprintf(count->why, sizeof(count->why), "%.*s", (int)sizeof(count->why) - 1, reasons);
    return 0;
}
