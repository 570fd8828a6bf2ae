/* SPDX-License-Identifier: BSD-2-Clause */
/* A session's layout: out of the record, to the placing process, into the report. */
#include "layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <exclaim/layout.h>

#include "report.h"
#include "../reserve/ledger.h"

static int hand(struct exclaim_session *s, void *runs, struct exclaim_error *err)
{
    struct exclaim_share share[EXCLAIM_SHARES_MAX];
    struct exclaim_layout layout;
    uint32_t nr;

    if (!runs) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "%zu bytes", EXCLAIM_LAYOUT_MAX);
    }
    if (exclaim_layout_unpack(&s->res, runs, &layout, err)) {
        return -1;
    }
    /* A PV guest's restore wants every page's own machine address back, in the order of its list;
     * and without exact nodes there is no page to be put anywhere. */
    if (!s->dom.hvm || s->placement != EXCLAIM_PLACEMENT_PRELOAD) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "pages are placed by %s%s",
                            session_placement_name(s->placement),
                            s->dom.hvm ? "" : ", of a PV guest");
    }
    nr = exclaim_layout_shares(&s->match, &s->res.count, share);
    return exclaim_ledger_set_layout(s->ledger, s->slot, &layout, share, nr, err);
}

void session_hand_layout(struct exclaim_session *s)
{
    void *runs = malloc(EXCLAIM_LAYOUT_MAX);
    struct exclaim_error err = { 0 };

    if (hand(s, runs, &err)) {
        snprintf(s->placed.layout.why, sizeof(s->placed.layout.why), "%.*s",
                 (int)sizeof(s->placed.layout.why) - 1, err.text);
    }
    free(runs);
}

void session_read_layout(struct exclaim_session *s, const struct exclaim_ledger_entry *e)
{
    s->placed.layout.used = atomic_load(&e->by_frame);
    s->placed.layout.kept_pages = atomic_load(&e->kept);
    s->placed.layout.moved_pages = atomic_load(&e->moved);
    s->placed.layout.split = atomic_load(&e->split);
    if (e->layout && !s->placed.layout.used) {
        snprintf(s->placed.layout.why, sizeof(s->placed.layout.why),
                 "the placing process did not read it");
    }
}

int session_count_layout(struct exclaim_session *s, struct exclaim_count *count,
                         struct exclaim_error *err)
{
    struct exclaim_count_how how = exclaim_count_how(&s->config);
    struct exclaim_layout_compare *compare = calloc(1, sizeof(*compare));
    void *runs = malloc(EXCLAIM_LAYOUT_MAX);
    struct exclaim_share share[EXCLAIM_SHARES_MAX];
    struct exclaim_layout layout;
    int rc;

    if (compare && runs && !exclaim_layout_unpack(&s->res, runs, &layout, NULL)) {
        const uint32_t nr = exclaim_layout_shares(&s->match, &s->res.count, share);

        exclaim_layout_compare_open(compare, &layout);
        exclaim_layout_homes(share, nr, compare->homes);
        how.runs = &compare->sink;
    }
    rc = s->hv->ops->count(s->hv, s->dom.domid, &how, count, err);
    if (!rc && compare && how.runs && count->exact && count->method == EXCLAIM_FROM_MAPPED) {
        s->placed.layout.have_got = true;
        s->placed.layout.got_kept_pages = compare->kept;
        s->placed.layout.got_moved_pages = compare->moved;
        s->placed.layout.got_unlisted_pages = compare->unlisted;
    }
    free(compare);
    free(runs);
    return rc;
}
