/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker of a mapped count: types first, then only what is RAM. */
#include "mapped.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Of a chunk that may be a hole the last frame of each so many is looked at, and the first one of
 * each aligned 2 MiB.  Builders put what is not at the bottom at the end of one, as the special
 * pages below 0xff000 (tools/include/xen-tools, X86_HVM_END_SPECIAL_REGION), or at the begin, as
 * the ACPI tables at 0xfc000 (libxl_x86_acpi.c).  What is missed makes the sum too small, and then
 * everything is looked at.
 */
#define SAMPLE 128u
#define REGION 512u

struct work {
    struct exclaim_xen *xen;
    const struct xen_mapped_job *job;
    int fd;
    struct xen_self self;
    struct xen_buffer types;
    uint32_t nr_ram;
    xen_pfn_t ram[XEN_CHUNK_FRAMES]; /* of the chunk: frames that hold a page of the guest's own */
    uint64_t mfn[XEN_SELF_PAGES];
    struct {
        struct xen_mapped_message head;
        struct xen_run run[XEN_CHUNK_FRAMES];
    } out;
};

uint64_t xen_mapped_chunks(const struct xen_mapped_job *job)
{
    return (job->frames + XEN_CHUNK_FRAMES - 1) / XEN_CHUNK_FRAMES;
}

static bool __attribute__((format(printf, 2, 3))) because(struct work *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(w->out.head.why, sizeof(w->out.head.why), fmt, ap);
    va_end(ap);
    return false;
}

static bool send_message(struct work *w)
{
    size_t size = sizeof(w->out.head) + w->out.head.nr_runs * sizeof(w->out.run[0]), at = 0;

    while (at < size) {
        ssize_t r = write(w->fd, (const char *)&w->out + at, size - at);

        if (r < 0 && errno != EINTR) {
            return false; /* nobody reads any more */
        }
        at += r > 0 ? (size_t)r : 0;
    }
    return true;
}

/*
 * Asks for the types of w->types.data[0 .. nr - 1], which are frames before and types after.  The
 * answer for a hole is XTAB, as it is for a page of Xen's own heap that the guest has mapped
 * (xen/arch/x86/domctl.c, XEN_DOMCTL_getpageframeinfo3): such pages are not in the total.
 */
static bool read_types(struct work *w, uint32_t nr)
{
    struct xen_page_types arg = { .nr = nr, .gfns = xen_buffer_handle(&w->types) };
    int errnum =
        xen_domctl(w->xen, XEN_DOMCTL_getpageframeinfo3, w->job->domid, &arg, sizeof(arg), NULL);

    return !errnum || because(w, "types of %u frames of domain %u: %s", nr, w->job->domid,
                              exclaim_hv_errno_meaning(errnum));
}

static bool is_ram(uint64_t type)
{
    type &= XEN_DOMCTL_PFINFO_LTAB_MASK;
    return type != XEN_DOMCTL_PFINFO_XTAB && type != XEN_DOMCTL_PFINFO_XALLOC &&
           type != XEN_DOMCTL_PFINFO_BROKEN;
}

/* Whether some of the frames looked at in the chunk hold a page. */
static bool sample(struct work *w, uint64_t first, uint64_t end, bool *some)
{
    uint64_t *at = w->types.data;
    uint32_t nr = 0;

    for (uint64_t gfn = first | (SAMPLE - 1); gfn < end; gfn += SAMPLE) {
        at[nr++] = gfn;
    }
    for (uint64_t gfn = (first + REGION - 1) & ~(uint64_t)(REGION - 1); gfn < end; gfn += REGION) {
        at[nr++] = gfn;
    }
    *some = nr == 0;
    if (nr && !read_types(w, nr)) {
        return false;
    }
    for (uint32_t i = 0; i < nr; i++) {
        *some |= is_ram(at[i]);
    }
    return true;
}

static bool find_ram(struct work *w, uint64_t first, uint64_t end)
{
    uint64_t *at = w->types.data;
    bool some = true;

    w->nr_ram = 0;
    if (w->job->skip_holes && !sample(w, first, end, &some)) {
        return false;
    }
    for (uint64_t from = first; some && from < end; from += XEN_PAGE_TYPES_MAX) {
        uint32_t nr = end - from < XEN_PAGE_TYPES_MAX ? (uint32_t)(end - from) : XEN_PAGE_TYPES_MAX;

        for (uint32_t i = 0; i < nr; i++) {
            at[i] = from + i;
        }
        if (!read_types(w, nr)) {
            return false;
        }
        for (uint32_t i = 0; i < nr; i++) {
            if (is_ram(at[i])) {
                w->ram[w->nr_ram++] = from + i;
            }
        }
    }
    return true;
}

static void add_page(struct work *w, uint64_t gfn, uint32_t node)
{
    struct xen_run *last = w->out.head.nr_runs ? &w->out.run[w->out.head.nr_runs - 1] : NULL;

    if (last && last->gfn + last->nr == gfn && last->node == node) {
        last->nr++;
    } else {
        w->out.run[w->out.head.nr_runs++] = (struct xen_run){ .gfn = gfn, .nr = 1, .node = node };
    }
}

static bool do_chunk(struct work *w, uint64_t first, uint64_t end)
{
    w->out.head.nr_runs = 0;
    if (!find_ram(w, first, end)) {
        return false;
    }
    for (uint32_t at = 0; at < w->nr_ram; at += XEN_SELF_PAGES) {
        uint32_t nr = w->nr_ram - at < XEN_SELF_PAGES ? w->nr_ram - at : XEN_SELF_PAGES;

        if (!xen_self_look(&w->self, w->job->domid, w->ram + at, nr, w->mfn)) {
            return false;
        }
        for (uint32_t i = 0; i < nr; i++) {
            /* One that could not be mapped has gone meanwhile: then the sum tells. */
            if (w->mfn[i] != XEN_NO_MFN) {
                add_page(w, w->ram[at + i], xen_nodes_of(w->job->nodes, w->mfn[i]));
            }
        }
    }
    return true;
}

int xen_mapped_work(struct exclaim_xen *xen, const struct xen_mapped_job *job, uint32_t worker,
                    int fd)
{
    struct work *w = calloc(1, sizeof(*w));
    bool ok = false;

    if (!w) {
        return -1; /* the parent sees the pipe's end */
    }
    w->xen = xen;
    w->job = job;
    w->fd = fd;
    if (xen_buffer_alloc(xen, &w->types, XEN_PAGE_TYPES_MAX * sizeof(uint64_t))) {
        because(w, "%s", strerror(ENOMEM));
        goto out;
    }
    if (!xen_self_open(xen, job->nodes, &w->self, w->out.head.why, sizeof(w->out.head.why)) ||
        !send_message(w)) {
        goto out;
    }
    for (uint64_t i = worker; i < xen_mapped_chunks(job); i += job->workers) {
        uint64_t first = i * XEN_CHUNK_FRAMES;
        uint64_t end =
            job->frames - first < XEN_CHUNK_FRAMES ? job->frames : first + XEN_CHUNK_FRAMES;

        if (!do_chunk(w, first, end)) {
            goto out;
        }
        if (!send_message(w)) {
            w->out.head.why[0] = '\0';
            goto out;
        }
    }
    ok = true;

out:
    if (w->out.head.why[0]) {
        w->out.head.nr_runs = 0;
        send_message(w);
    }
    xen_self_close(&w->self);
    xen_buffer_free(xen, &w->types);
    free(w);
    return ok ? 0 : -1;
}
