/* SPDX-License-Identifier: BSD-2-Clause */
#include "stake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static void staked(struct exclaim_session *s, enum exclaim_guarantee guarantee, uint64_t pages)
{
    s->report.guarantee = guarantee;
    s->report.claimed_pages = pages;
    s->claimed = true;
}

/*
 * The toolstack's claim stands.  Where Xen knows claims on one node, its kind cannot be read back;
 * and there a node claim must never be turned into a host claim (docs/design.md, stale claim node).
 * So it counts as what it is for certain: the host's, if it is large enough.
 */
static int adopt(struct exclaim_session *s)
{
    const uint64_t pages = s->report.match.total_pages, have = s->dom.outstanding_pages;

    staked(s, have >= pages ? EXCLAIM_GUARANTEE_HOST : EXCLAIM_GUARANTEE_NONE, have);
    snprintf(s->report.why, sizeof(s->report.why),
             "adopted the toolstack's claim of %" PRIu64 " pages, %" PRIu64 " are needed", have,
             pages);
    return 0;
}

/* Without atomic replacement the old claim goes first; if the new one fails, it is staked again. */
static int replace(struct exclaim_session *s, const struct exclaim_claim *claim,
                   struct exclaim_error *err)
{
    const struct exclaim_claim none = { .kind = EXCLAIM_CLAIM_NONE };
    const struct exclaim_claim old = { .kind = EXCLAIM_CLAIM_HOST,
                                       .host_pages = s->dom.outstanding_pages };
    struct exclaim_error again = { 0 };

    if (s->hv->ops->claim(s->hv, s->dom.domid, &none, err)) {
        return -1;
    }
    if (!s->hv->ops->claim(s->hv, s->dom.domid, claim, err)) {
        return 0;
    }
    if (s->hv->ops->claim(s->hv, s->dom.domid, &old, &again)) {
        return exclaim_error_wrap(err,
                                  "the toolstack's claim of %" PRIu64 " pages is lost (%.200s)",
                                  s->dom.outstanding_pages, again.text);
    }
    return -1;
}

static int try_claim(struct exclaim_session *s, const struct exclaim_claim *claim,
                     struct exclaim_error *err)
{
    if (!s->dom.outstanding_pages || claim->kind == EXCLAIM_CLAIM_SET) {
        /* Sets replace what is there, but for the latest draft, which wants it released first. */
        int rc = s->hv->ops->claim(s->hv, s->dom.domid, claim, err);

        if (!rc || err->errnum != EEXIST) {
            return rc;
        }
    }
    return replace(s, claim, err);
}

int exclaim_stake(struct exclaim_session *s, struct exclaim_error *err)
{
    const uint64_t pages = s->report.match.total_pages;
    struct exclaim_claim_plan plan;

    exclaim_claim_plan(&s->report.match, &s->caps, &plan);
    if (s->dom.outstanding_pages && !s->caps.claim_set &&
        (s->dom.outstanding_pages == pages || s->caps.claim_node || !s->caps.claim_node_known)) {
        return adopt(s);
    }
    if (!plan.nr) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "this Xen offers no claims");
    }
    for (uint32_t i = 0; i < plan.nr; i++) {
        if (!try_claim(s, &plan.step[i].claim, err)) {
            staked(s, plan.step[i].guarantee, pages);
            return 0;
        }
    }
    return -1;
}
