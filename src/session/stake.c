/* SPDX-License-Identifier: BSD-2-Clause */
/* The strongest claim for one match, beside or in place of the toolstack's. */
#include "stake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "../base/text.h"

static void staked(struct exclaim_session *s, enum exclaim_guarantee guarantee, uint64_t pages)
{
    s->guarantee = guarantee;
    s->claimed_pages = pages;
    s->claimed = true;
}

enum exclaim_claim_origin exclaim_stake_before(struct exclaim_session *s)
{
    struct exclaim_host host;
    const bool told = s->caps.node_memory && !s->hv->ops->host(s->hv, &host, NULL);

    return exclaim_claim_origin(&s->caps, told ? &host : NULL, &s->past, s->dom.outstanding_pages);
}

/*
 * The toolstack's claim stands.  One that may be on a node must never be turned into one on the
 * host; it counts as what it is for certain, if it is large enough.
 */
static enum stake_end adopt(struct exclaim_session *s, enum exclaim_claim_origin before,
                            struct exclaim_error *err)
{
    const struct exclaim_match *match = &s->match;
    const uint64_t pages = match->total_pages, have = s->dom.outstanding_pages;
    const bool on_node =
        before == EXCLAIM_ORIGIN_NODE && match->pages[s->past.node] == match->total_pages;

    staked(s, on_node ? EXCLAIM_GUARANTEE_NODE : EXCLAIM_GUARANTEE_HOST, have);
    if (have < pages) {
        exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                     "the toolstack has claimed %s (%" PRIu64 " pages), %s (%" PRIu64
                     " pages) are needed, and its claim cannot be replaced",
                     exclaim_size(have).text, have, exclaim_size(pages).text, pages);
        return STAKE_FAILED;
    }
    exclaim_session_reason(s,
                           "adopted the toolstack's claim of %s (%" PRIu64 " pages), %s (%" PRIu64
                           " pages) are needed",
                           exclaim_size(have).text, have, exclaim_size(pages).text, pages);
    return STAKE_HELD;
}

static int check_past(const struct exclaim_session *s, const struct exclaim_claim *claim,
                      struct exclaim_error *err)
{
    if (claim->kind == EXCLAIM_CLAIM_HOST && !exclaim_claim_host_is_safe(&s->caps, &s->past)) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "domain %" PRIu32 " has had a claim on one node: one on the host after "
                            "that can stop this xen",
                            s->dom.domid);
    }
    return 0;
}

/* Every claim for the domain is staked here, so that none on the host follows one on a node. */
static int stake_one(struct exclaim_session *s, const struct exclaim_claim *claim,
                     struct exclaim_error *err)
{
    int rc;

    if (check_past(s, claim, err)) {
        return -1;
    }
    rc = s->hv->ops->claim(s->hv, s->dom.domid, claim, err);
    s->past.was_on_node |=
        claim->kind == EXCLAIM_CLAIM_NODE &&
        (!rc || (err->kind != EXCLAIM_ERR_NOFIT && err->kind != EXCLAIM_ERR_UNSUPPORTED));
    return rc;
}

/*
 * Without atomic replacement the old claim goes first; if the new one fails, it is staked again.
 * One of unknown origin cannot be: see exclaim_claim_origin().
 */
static int replace(struct exclaim_session *s, enum exclaim_claim_origin before,
                   const struct exclaim_claim *claim, struct exclaim_error *err)
{
    const struct exclaim_claim none = { .kind = EXCLAIM_CLAIM_NONE };
    struct exclaim_claim old = { .kind = EXCLAIM_CLAIM_HOST,
                                 .host_pages = s->dom.outstanding_pages };
    struct exclaim_error again = { 0 };

    if (before == EXCLAIM_ORIGIN_NODE) {
        old = (struct exclaim_claim){ .kind = EXCLAIM_CLAIM_NODE, .nr_nodes = EXCLAIM_NODES_MAX };
        old.node_pages[s->past.node] = s->dom.outstanding_pages;
    }
    if (check_past(s, claim, err) || s->hv->ops->claim(s->hv, s->dom.domid, &none, err)) {
        return -1;
    }
    s->past.was_on_node |= before != EXCLAIM_ORIGIN_HOST;
    if (!stake_one(s, claim, err)) {
        return 0;
    }
    if (before != EXCLAIM_ORIGIN_UNKNOWN && stake_one(s, &old, &again)) {
        return exclaim_error_wrap(
            err, "the toolstack's claim of %s (%" PRIu64 " pages) is lost (%.200s)",
            exclaim_size(s->dom.outstanding_pages).text, s->dom.outstanding_pages, again.text);
    }
    return -1;
}

static int try_claim(struct exclaim_session *s, enum exclaim_claim_origin before,
                     const struct exclaim_claim *claim, struct exclaim_error *err)
{
    if (before == EXCLAIM_ORIGIN_NOTHING || claim->kind == EXCLAIM_CLAIM_SET) {
        /* Sets replace what is there, but for the latest draft, which wants it released first. */
        int rc = stake_one(s, claim, err);

        if (!rc || err->errnum != EEXIST) {
            return rc;
        }
    }
    /* Of unknown origin, and once released not to be put back: only for who is refused otherwise.
     */
    return before == EXCLAIM_ORIGIN_UNKNOWN && s->config.policy != EXCLAIM_POLICY_STRICT
               ? -1
               : replace(s, before, claim, err);
}

/* Whether a claim of @kind would be better than what is there, and may take its place. */
static bool improves(const struct exclaim_session *s, enum exclaim_claim_origin before,
                     enum exclaim_claim_kind kind)
{
    const bool enough = s->dom.outstanding_pages >= s->match.total_pages;

    switch (before) {
    case EXCLAIM_ORIGIN_NOTHING:
        return true;
    case EXCLAIM_ORIGIN_HOST:
        return kind != EXCLAIM_CLAIM_HOST || !enough;
    case EXCLAIM_ORIGIN_NODE: /* the match was bound to that node */
        return kind == EXCLAIM_CLAIM_SET || (kind == EXCLAIM_CLAIM_NODE && !enough);
    case EXCLAIM_ORIGIN_UNKNOWN:
        break;
    }
    return kind == EXCLAIM_CLAIM_SET ||
           (kind == EXCLAIM_CLAIM_NODE && s->config.policy == EXCLAIM_POLICY_STRICT);
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

enum stake_end exclaim_stake(struct exclaim_session *s, bool weaker, struct exclaim_error *err)
{
    const bool strict = s->config.policy == EXCLAIM_POLICY_STRICT;
    const uint64_t pages = s->match.total_pages;
    enum exclaim_claim_origin before = exclaim_stake_before(s);
    struct exclaim_claim_plan plan;
    bool tried = false;

    exclaim_claim_plan(&s->match, &s->caps, &plan);
    for (uint32_t i = 0; i < plan.nr; i++) {
        const enum exclaim_claim_kind kind = plan.step[i].claim.kind;

        if (weaker && kind != EXCLAIM_CLAIM_HOST) {
            continue;
        }
        if (!improves(s, before, kind)) {
            continue;
        }
        tried = true;
        if (!try_claim(s, before, &plan.step[i].claim, err)) {
            staked(s, plan.step[i].guarantee, pages);
            return STAKE_HELD;
        }
        if (before != EXCLAIM_ORIGIN_NOTHING && !stands(s)) {
            before = EXCLAIM_ORIGIN_NOTHING; /* lost: whatever can be had is better */
        }
        s->claimed |= before != EXCLAIM_ORIGIN_NOTHING; /* its leftover as well */
        if (kind == EXCLAIM_CLAIM_HOST) {
            break;
        }
        if (err->kind == EXCLAIM_ERR_NOFIT) {
            return STAKE_FULL;
        }
        if (strict && err->kind != EXCLAIM_ERR_UNSUPPORTED) {
            return STAKE_FAILED; /* this Xen has it */
        }
        exclaim_session_reason(s, "no guarantee %s: %s",
                               exclaim_guarantee_name(plan.step[i].guarantee), err->text);
    }
    if (before != EXCLAIM_ORIGIN_NOTHING && (!tried || s->dom.outstanding_pages >= pages)) {
        return adopt(s, before, err);
    }
    if (!tried) {
        exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "this Xen offers no claims");
    }
    return STAKE_FAILED;
}
