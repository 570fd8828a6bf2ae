/* SPDX-License-Identifier: BSD-2-Clause */
/* Layouts taken down, and compared, in the same pass in which a domain is counted. */
#include <exclaim/layout.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void collect_begin(void *arg)
{
    struct exclaim_layout_collect *c = arg;

    exclaim_layout_build(&c->build, c->bytes, c->bytes ? EXCLAIM_LAYOUT_MAX : 0);
}

static void collect_run(void *arg, uint64_t gfn, uint64_t nr, uint32_t node)
{
    struct exclaim_layout_collect *c = arg;

    exclaim_layout_add(&c->build, gfn, nr, node);
}

void exclaim_layout_collect_open(struct exclaim_layout_collect *c)
{
    memset(c, 0, sizeof(*c));
    c->bytes = malloc(EXCLAIM_LAYOUT_MAX);
    c->sink = (struct exclaim_run_sink){ .arg = c, .begin = collect_begin, .run = collect_run };
    collect_begin(c);
}

void exclaim_layout_collect_close(struct exclaim_layout_collect *c)
{
    free(c->bytes);
    c->bytes = NULL;
}

int exclaim_layout_collected(struct exclaim_layout_collect *c, const struct exclaim_count *count,
                             struct exclaim_layout *layout, struct exclaim_error *err)
{
    memset(layout, 0, sizeof(*layout));
    if (!count->exact || count->method != EXCLAIM_FROM_MAPPED) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "%s by %s, which tells no frames of pages",
                            count->exact ? "counted" : "not counted exactly",
                            exclaim_provenance_name(count->method));
    }
    if (!c->bytes) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, ENOMEM, "%zu bytes", EXCLAIM_LAYOUT_MAX);
    }
    if (!exclaim_layout_end(&c->build, layout)) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "the runs of this VM need more than %zu bytes", EXCLAIM_LAYOUT_MAX);
    }
    return 0;
}

static void compare_begin(void *arg)
{
    struct exclaim_layout_compare *c = arg;

    c->kept = c->moved = c->unlisted = 0;
}

static void compare_run(void *arg, uint64_t gfn, uint64_t nr, uint32_t node)
{
    struct exclaim_layout_compare *c = arg;

    for (uint64_t same; nr; gfn += same, nr -= same) {
        const uint32_t source = exclaim_layout_find(&c->finder, gfn, &same);

        same = same < nr ? same : nr;
        if (source >= EXCLAIM_NODES_MAX) {
            c->unlisted += same;
        } else if (c->homes[source] >> node & 1) {
            c->kept += same;
        } else {
            c->moved += same;
        }
    }
}

void exclaim_layout_compare_open(struct exclaim_layout_compare *c,
                                 const struct exclaim_layout *layout)
{
    memset(c, 0, sizeof(*c));
    exclaim_layout_find_open(&c->finder, layout);
    c->sink = (struct exclaim_run_sink){ .arg = c, .begin = compare_begin, .run = compare_run };
}
