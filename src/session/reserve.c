/* SPDX-License-Identifier: BSD-2-Clause */
#include "reserve.h"

#include <inttypes.h>
#include <stdio.h>

#include "fault.h"
#include "layout.h"
#include "placement.h"
#include "stake.h"

#define LOCK_TIMEOUT_MS 10000

/* `prefer` and `observe` go on without what failed, `strict` refuses. */
int dest_settle(struct exclaim_session *s, const char *step, const struct exclaim_error *err)
{
    s->report.guarantee = EXCLAIM_GUARANTEE_NONE;
    snprintf(s->report.why, sizeof(s->report.why), "%s: %.490s", step, err->text);
    if (s->config.policy != EXCLAIM_POLICY_STRICT) {
        return 0;
    }
    s->report.outcome = EXCLAIM_OUTCOME_REFUSED;
    snprintf(s->report.error, sizeof(s->report.error), "%s: %.490s", step, err->text);
    return -1;
}

/* A claim on one node holds the domain's pages there, and those that it promises are the domain's
 * own. */
static bool bind_to_claim(struct exclaim_session *s, struct exclaim_room *room)
{
    const uint32_t node = s->past.node;
    uint64_t *claimed = &room->claimed[node];

    if (exclaim_stake_before(s) != EXCLAIM_ORIGIN_NODE) {
        return false;
    }
    room->allowed &= 1ull << node;
    if (s->caps.node_memory) {
        *claimed -= s->dom.outstanding_pages < *claimed ? s->dom.outstanding_pages : *claimed;
    }
    return true;
}

/* With the ledger's lock held: what is free, what is promised, what fits. */
static int match(struct exclaim_session *s, struct exclaim_error *err)
{
    const struct exclaim_match_options opt = {
        .stray_pages = s->config.stray_pages,
        .whole_parts = s->config.policy == EXCLAIM_POLICY_STRICT,
    };
    struct exclaim_room room;
    bool bound;

    if (exclaim_room_read(s->hv, s->ledger, &s->dom, s->config.headroom_pages, &room, err)) {
        return -1;
    }
    bound = bind_to_claim(s, &room);
    if (exclaim_match(&s->report.res, &room, &opt, &s->report.match, err)) {
        const struct exclaim_error why = *err;

        /* Elsewhere there may be room enough.  Behind the numbers: xenopsd's line is short. */
        return bound ? exclaim_fail(err, why.kind, 0,
                                    "%.400s (bound to node %" PRIu32 " by the toolstack's claim)",
                                    why.text, s->past.node)
                     : -1;
    }
    s->report.have_match = true;
    return 0;
}

/* Node affinity keeps one node, not several. */
static bool only_by_preload(const struct exclaim_match *match)
{
    uint32_t homes = 0;

    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        homes += match->pages[n] != 0;
    }
    return homes > 1;
}

/* What a guarantee is worth without exact placement: on stock Xen nobody then keeps the nodes. */
static void weaken(struct exclaim_session *s)
{
    if (s->report.guarantee == EXCLAIM_GUARANTEE_HOST && only_by_preload(&s->report.match) &&
        s->report.placement != EXCLAIM_PLACEMENT_PRELOAD) {
        s->report.guarantee = EXCLAIM_GUARANTEE_NONE;
    }
}

int dest_reserve(struct exclaim_session *s)
{
    struct exclaim_error err = { 0 };
    int64_t start = exclaim_session_now();
    int rc = 0;

    if (exclaim_ledger_open(s->config.lock_dir, &s->ledger, &err) ||
        exclaim_ledger_lock(s->ledger, LOCK_TIMEOUT_MS, &err)) {
        return dest_settle(s, "ledger", &err);
    }
    exclaim_fault("LOCKED");
    rc = match(s, &err);
    exclaim_fault("MATCHED");
    s->report.ms[EXCLAIM_STEP_MATCH] = exclaim_session_now() - start;
    if (rc) {
        rc = dest_settle(s, "match", &err);
        goto out;
    }
    s->watch = true;
    if (s->config.policy == EXCLAIM_POLICY_OBSERVE) {
        snprintf(s->report.why, sizeof(s->report.why), "policy observe: nothing claimed or placed");
        goto out;
    }
    s->report.placement = placement_choose(s, &err);
    if (s->report.placement != EXCLAIM_PLACEMENT_PRELOAD) {
        static const char step[] = "placement by node affinity";

        if (only_by_preload(&s->report.match)) {
            rc = dest_settle(s, step, &err);
        } else {
            snprintf(s->report.why, sizeof(s->report.why), "%s: %.480s", step, err.text);
        }
        if (rc) {
            goto out;
        }
    }
    /* The entry first: a claim without one would be nobody's to release. */
    if (exclaim_ledger_add(s->ledger, s->dom.domid, s->dom.uuid, &s->report.match,
                           EXCLAIM_GUARANTEE_NONE, s->report.placement == EXCLAIM_PLACEMENT_PRELOAD,
                           &s->slot, &err)) {
        rc = dest_settle(s, "ledger", &err);
        goto out;
    }
    s->have_entry = true;
    /* Not for PV: its restore wants every page's own machine address back. */
    exclaim_ledger_at(s->ledger, s->slot)->join =
        s->config.superpages && s->dom.hvm ? EXCLAIM_ORDER_2M : 0;
    exclaim_fault("ENTERED");
    start = exclaim_session_now();
    rc = exclaim_stake(s, &err) ? dest_settle(s, "claim", &err) : 0;
    s->report.ms[EXCLAIM_STEP_CLAIM] = exclaim_session_now() - start;
    exclaim_fault("STAKED");
    weaken(s);
    exclaim_ledger_at(s->ledger, s->slot)->guarantee = s->report.guarantee;
    session_hand_layout(s);

out:
    exclaim_ledger_unlock(s->ledger);
    return rc;
}
