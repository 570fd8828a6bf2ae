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
 * Whether a claim of @pages may be one on a node: on @node, or on any if that is ANY_NODE.  Where
 * Xen tells how much is claimed on each node, that node must hold all of it.
 */
#define ANY_NODE UINT32_MAX

static bool may_be_on(struct exclaim_session *s, uint32_t node, uint64_t pages)
{
    struct exclaim_host host;

    if (!s->caps.node_memory || s->hv->ops->host(s->hv, &host, NULL)) {
        return true;
    }
    for (uint32_t n = 0; n < host.nr_nodes; n++) {
        const struct exclaim_host_node *at = &host.node[n];

        if ((node == ANY_NODE || n == node) && at->online &&
            (!at->claimed_known || at->claimed_pages >= pages)) {
            return true;
        }
    }
    return false;
}

enum stake_before exclaim_stake_before(struct exclaim_session *s)
{
    const uint64_t pages = s->dom.outstanding_pages;

    if (!pages) {
        return STAKE_NOTHING;
    }
    if ((s->caps.claim_node_known && !s->caps.claim_node) || !may_be_on(s, ANY_NODE, pages)) {
        return STAKE_HOST;
    }
    return s->known.node_claimed && may_be_on(s, s->known.claim_node, pages) ? STAKE_NODE
                                                                             : STAKE_UNKNOWN;
}

/*
 * The toolstack's claim stands.  One that may be on a node must never be turned into one on the
 * host; it counts as what it is for certain, if it is large enough.
 */
static int adopt(struct exclaim_session *s, enum stake_before before, struct exclaim_error *err)
{
    const struct exclaim_match *match = &s->report.match;
    const uint64_t pages = match->total_pages, have = s->dom.outstanding_pages;
    const bool on_node =
        before == STAKE_NODE && match->pages[s->known.claim_node] == match->total_pages;

    staked(s, on_node ? EXCLAIM_GUARANTEE_NODE : EXCLAIM_GUARANTEE_HOST, have);
    if (have < pages) {
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                            "the toolstack has claimed %" PRIu64 " pages, %" PRIu64
                            " are needed, and its claim cannot be replaced",
                            have, pages);
    }
    snprintf(s->report.why, sizeof(s->report.why),
             "adopted the toolstack's claim of %" PRIu64 " pages, %" PRIu64 " are needed", have,
             pages);
    return 0;
}

/* Without atomic replacement the old claim goes first; if the new one fails, it is staked again. */
static int replace(struct exclaim_session *s, enum stake_before before,
                   const struct exclaim_claim *claim, struct exclaim_error *err)
{
    const struct exclaim_claim none = { .kind = EXCLAIM_CLAIM_NONE };
    struct exclaim_claim old = { .kind = EXCLAIM_CLAIM_HOST,
                                 .host_pages = s->dom.outstanding_pages };
    struct exclaim_error again = { 0 };

    if (before == STAKE_NODE) {
        old = (struct exclaim_claim){ .kind = EXCLAIM_CLAIM_NODE, .nr_nodes = EXCLAIM_NODES_MAX };
        old.node_pages[s->known.claim_node] = s->dom.outstanding_pages;
    }
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

static int try_claim(struct exclaim_session *s, enum stake_before before,
                     const struct exclaim_claim *claim, struct exclaim_error *err)
{
    if (before == STAKE_NOTHING || claim->kind == EXCLAIM_CLAIM_SET) {
        /* Sets replace what is there, but for the latest draft, which wants it released first. */
        int rc = s->hv->ops->claim(s->hv, s->dom.domid, claim, err);

        if (!rc || err->errnum != EEXIST) {
            return rc;
        }
    }
    return before == STAKE_UNKNOWN ? -1 : replace(s, before, claim, err);
}

/* Whether a claim of @kind would be better than what is there, and may take its place. */
static bool improves(const struct exclaim_session *s, enum stake_before before,
                     enum exclaim_claim_kind kind)
{
    const bool enough = s->dom.outstanding_pages >= s->report.match.total_pages;

    switch (before) {
    case STAKE_NOTHING:
        return true;
    case STAKE_HOST:
        return kind != EXCLAIM_CLAIM_HOST || !enough;
    case STAKE_NODE: /* the match was bound to that node */
        return kind == EXCLAIM_CLAIM_SET || (kind == EXCLAIM_CLAIM_NODE && !enough);
    case STAKE_UNKNOWN:
        break;
    }
    return kind == EXCLAIM_CLAIM_SET;
}

/* Whether the toolstack's claim is still there after a vain attempt to improve on it. */
static bool stands(struct exclaim_session *s)
{
    struct exclaim_domain now;

    if (!exclaim_hv_domain(s->hv, s->dom.domid, &now, NULL)) {
        s->dom.outstanding_pages = now.outstanding_pages;
    }
    return s->dom.outstanding_pages != 0;
}

int exclaim_stake(struct exclaim_session *s, struct exclaim_error *err)
{
    enum stake_before before = exclaim_stake_before(s);
    const uint64_t pages = s->report.match.total_pages;
    struct exclaim_claim_plan plan;
    bool tried = false;

    exclaim_claim_plan(&s->report.match, &s->caps, &plan);
    for (uint32_t i = 0; i < plan.nr; i++) {
        if (!improves(s, before, plan.step[i].claim.kind)) {
            continue;
        }
        tried = true;
        if (!try_claim(s, before, &plan.step[i].claim, err)) {
            staked(s, plan.step[i].guarantee, pages);
            return 0;
        }
        if (before != STAKE_NOTHING && !stands(s)) {
            before = STAKE_NOTHING; /* lost: whatever can be had is better */
        }
    }
    if (before != STAKE_NOTHING && (!tried || s->dom.outstanding_pages >= pages)) {
        return adopt(s, before, err);
    }
    if (before != STAKE_NOTHING) {
        s->claimed = true; /* its leftover as well */
    }
    return tried ? -1 : exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "this Xen offers no claims");
}
