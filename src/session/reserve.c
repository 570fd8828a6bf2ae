/* SPDX-License-Identifier: BSD-2-Clause */
/* Match, claim and ledger entry, as one step for everybody else. */
#include "reserve.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../reserve/ledger.h"
#include "../reserve/note.h"
#include "layout.h"
#include "phase.h"
#include "placement.h"
#include "stake.h"

#define LOCK_TIMEOUT_MS 10000

/* Each match but the last one teaches that a node is fuller than was thought; others claim, too. */
#define MATCHES_MAX (EXCLAIM_NODES_MAX + 8u)

/* So often it is tried once more because Xen could do a moment later what it refused. */
#define PASSING_MAX 3u

/* `prefer` and `observe` go on without what failed, `strict` refuses. */
int dest_settle(struct exclaim_session *s, const char *step, const struct exclaim_error *err)
{
    s->guarantee = EXCLAIM_GUARANTEE_NONE;
    exclaim_session_reason(s, "%s: %s", step, err->text);
    if (s->config.policy != EXCLAIM_POLICY_STRICT) {
        return 0;
    }
    s->outcome = EXCLAIM_OUTCOME_REFUSED;
    exclaim_session_error(s, "%s: %s", step, err->text);
    return -1;
}

/* A claim on one node holds the domain's pages there, and those that it promises are the domain's
 * own. */
static bool bind_to_claim(struct exclaim_session *s, struct exclaim_room *room)
{
    const uint32_t node = s->past.node;

    if (exclaim_stake_before(s) != EXCLAIM_ORIGIN_NODE) {
        return false;
    }
    room->allowed &= 1ull << node;
    if (s->caps.node_memory) {
        uint64_t *claimed = &room->claimed[node];

        *claimed -= s->dom.outstanding_pages < *claimed ? s->dom.outstanding_pages : *claimed;
    }
    return true;
}

static uint32_t homes_of(const struct exclaim_match *match)
{
    uint32_t homes = 0;

    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        homes += match->pages[n] != 0;
    }
    return homes;
}

/*
 * On several nodes no claim holds what others may have claimed there already, unseen: there must be
 * room wherever that lies.  Policy prefer goes on without, if need be, and says so.
 */
static int match_cautiously(struct exclaim_session *s, const struct exclaim_room *room,
                            struct exclaim_match_options opt, struct exclaim_error *err)
{
    struct exclaim_room cautious = *room;
    struct exclaim_match match;
    char text[160];

    if (!room->hidden || s->caps.claim_set || homes_of(&s->match) == 1) {
        return 0;
    }
    exclaim_room_hidden_text(room, text, sizeof(text));
    exclaim_room_cautious(&cautious);
    opt.whole_parts =
        s->match.shape == EXCLAIM_MATCH_SAME || s->match.shape == EXCLAIM_MATCH_RENUMBERED;
    if (!exclaim_match(&s->res, &cautious, &opt, &match, err)) {
        s->match = match;
        return 0;
    }
    if (s->config.policy == EXCLAIM_POLICY_STRICT) {
        const struct exclaim_error why = *err;

        return exclaim_fail(err, why.kind, 0, "%.300s (%s)", why.text, text);
    }
    exclaim_session_reason(s, "%s", text);
    return 0;
}

/* With the ledger's lock held: what is free, what is promised.  *bound: to the claim's node. */
static int look(struct exclaim_session *s, struct exclaim_room *room, bool *bound,
                struct exclaim_error *err)
{
    if (exclaim_room_read(s->hv, s->ledger, &s->dom, s->config.headroom_pages, room, err)) {
        return -1;
    }
    *bound = bind_to_claim(s, room);
    return 0;
}

static int match(struct exclaim_session *s, const struct exclaim_room *room, bool bound,
                 struct exclaim_error *err)
{
    const struct exclaim_match_options opt = {
        .stray_pages = s->config.stray_pages,
        .whole_parts = s->config.policy == EXCLAIM_POLICY_STRICT,
    };

    if (exclaim_match(&s->res, room, &opt, &s->match, err)) {
        const struct exclaim_error why = *err;

        /* Elsewhere there may be room enough.  Behind the numbers: xenopsd's line is short. */
        return bound ? exclaim_fail(err, why.kind, 0,
                                    "%.400s (bound to node %" PRIu32 " by the toolstack's claim)",
                                    why.text, s->past.node)
                     : -1;
    }
    return match_cautiously(s, room, opt, err);
}

/* Where whoever planned the move wants it, if that still fits. */
static bool match_planned(struct exclaim_session *s, const struct exclaim_room *room)
{
    const struct exclaim_match_options opt = { .stray_pages = s->config.stray_pages };
    struct exclaim_error err = { 0 };
    struct exclaim_note note;
    int found = exclaim_note_take(s->config.lock_dir, s->uuid, exclaim_now_boot_ms(), &note, &err);

    if (!found) {
        return false;
    }
    s->planned.told = true;
    if (found > 0 && !exclaim_note_match(&note, &s->res, room, &opt, &s->match, &err)) {
        s->planned.taken = true;
        return true;
    }
    snprintf(s->planned.why, sizeof(s->planned.why), "%.250s", err.text);
    return false;
}

/* Whether claims that nobody sees may lie where it was planned to several nodes: match() knows what
 * to do then. */
static bool planned_blindly(struct exclaim_session *s, const struct exclaim_room *room)
{
    if (!room->hidden || s->caps.claim_set || homes_of(&s->match) == 1) {
        return false;
    }
    s->planned.taken = false;
    snprintf(s->planned.why, sizeof(s->planned.why),
             "claims that this xen does not tell may lie on its nodes");
    return true;
}

/* Node affinity keeps one node, not several. */
static bool only_by_preload(const struct exclaim_match *match)
{
    return homes_of(match) > 1;
}

/* What a guarantee is worth without exact placement: on stock Xen nobody then keeps the nodes. */
static void weaken(struct exclaim_session *s)
{
    if (s->guarantee == EXCLAIM_GUARANTEE_HOST && only_by_preload(&s->match) &&
        s->placement != EXCLAIM_PLACEMENT_PRELOAD) {
        s->guarantee = EXCLAIM_GUARANTEE_NONE;
    }
}

/* How the pages of match get to their nodes. */
static int place(struct exclaim_session *s, struct exclaim_error *err)
{
    static const char step[] = "placement by node affinity";

    s->placement = placement_choose(s, err);
    if (s->placement == EXCLAIM_PLACEMENT_PRELOAD) {
        return 0;
    }
    if (only_by_preload(&s->match)) {
        return dest_settle(s, step, err);
    }
    exclaim_session_reason(s, "%s: %s", step, err->text);
    return 0;
}

/* The entry comes before the claim: one without an entry would be nobody's to release. */
static int enter(struct exclaim_session *s, struct exclaim_error *err)
{
    if (exclaim_ledger_add(s->ledger, s->dom.domid, s->dom.uuid, &s->match, EXCLAIM_GUARANTEE_NONE,
                           s->placement == EXCLAIM_PLACEMENT_PRELOAD, &s->slot, err)) {
        return -1;
    }
    s->have_entry = true;
    /* Not for PV: its restore wants every page's own machine address back. */
    exclaim_ledger_at(s->ledger, s->slot)->join =
        s->config.superpages && s->dom.hvm ? EXCLAIM_ORDER_2M : 0;
    return 0;
}

/* A node turned out fuller than was thought: another match, with what Xen says of it. */
static int match_again(struct exclaim_session *s, uint64_t claimable[EXCLAIM_NODES_MAX],
                       uint32_t *passing, struct exclaim_error *err)
{
    const struct exclaim_match before = s->match;
    struct exclaim_error misfit;
    enum stake_lesson lesson;
    struct exclaim_room room;
    bool bound;

    /* Its own entry owes nothing while it is to be moved. */
    exclaim_ledger_retarget(s->ledger, s->slot, NULL);
    if (look(s, &room, &bound, &misfit)) {
        return -1;
    }
    lesson = exclaim_stake_learn(s, &room, claimable);
    if (lesson == STAKE_NOTHING_NEW || (lesson == STAKE_PASSING && ++*passing > PASSING_MAX)) {
        return -1;
    }
    for (uint32_t n = 0; n < room.nr_nodes; n++) {
        exclaim_room_limit(&room, n, claimable[n]);
    }
    if (match(s, &room, bound, &misfit)) {
        s->match = before;
        *err = misfit;
        return -1;
    }
    exclaim_ledger_retarget(s->ledger, s->slot, &s->match);
    session_reach(s, EXCLAIM_PHASE_MATCHED);
    return only_by_preload(&s->match) && !only_by_preload(&before) ? place(s, err) : 0;
}

/*
 * Stakes, and matches again as long as Xen knows a node to be fuller than was thought.  Once no
 * match is left, policy prefer takes the first one with what can be had for it.
 */
static int secure(struct exclaim_session *s, struct exclaim_error *err)
{
    const struct exclaim_match first = s->match;
    uint64_t claimable[EXCLAIM_NODES_MAX];
    enum stake_end end = STAKE_FULL;
    uint32_t passing = 0;

    memset(claimable, 0xff, sizeof(claimable));
    for (uint32_t i = 0; i < MATCHES_MAX; i++) {
        end = exclaim_stake(s, false, err);
        if (end != STAKE_FULL || match_again(s, claimable, &passing, err)) {
            break;
        }
    }
    if (end == STAKE_FULL) {
        s->match = first;
        exclaim_ledger_retarget(s->ledger, s->slot, &first);
        if (s->config.policy != EXCLAIM_POLICY_STRICT) {
            exclaim_session_reason(s, "no match with a stronger guarantee: %s", err->text);
            end = exclaim_stake(s, true, err);
        }
    }
    return end == STAKE_HELD ? 0 : -1;
}

int dest_reserve(struct exclaim_session *s)
{
    struct exclaim_error err = { 0 };
    struct exclaim_room room;
    int64_t start = exclaim_now_ms();
    bool bound;
    int rc = 0;

    if (exclaim_ledger_open(s->config.lock_dir, &s->ledger, &err) ||
        exclaim_ledger_lock(s->ledger, LOCK_TIMEOUT_MS, &err)) {
        return dest_settle(s, "ledger", &err);
    }
    session_reach(s, EXCLAIM_PHASE_LOCKED);
    rc = look(s, &room, &bound, &err);
    if (!rc && (!match_planned(s, &room) || planned_blindly(s, &room))) {
        rc = match(s, &room, bound, &err);
    }
    session_reach(s, EXCLAIM_PHASE_MATCHED);
    s->ms[EXCLAIM_TIMED_MATCH] = exclaim_now_ms() - start;
    if (rc) {
        rc = dest_settle(s, "match", &err);
        goto out;
    }
    s->have_match = true;
    if (s->config.policy == EXCLAIM_POLICY_OBSERVE) {
        exclaim_session_reason(s, "policy observe: nothing claimed or placed");
        goto out;
    }
    rc = place(s, &err);
    if (rc) {
        goto out;
    }
    if (enter(s, &err)) {
        rc = dest_settle(s, "ledger", &err);
        goto out;
    }
    session_reach(s, EXCLAIM_PHASE_ENTERED);
    start = exclaim_now_ms();
    rc = secure(s, &err) ? dest_settle(s, "claim", &err) : 0;
    s->ms[EXCLAIM_TIMED_CLAIM] = exclaim_now_ms() - start;
    session_reach(s, EXCLAIM_PHASE_STAKED);
    weaken(s);
    exclaim_ledger_at(s->ledger, s->slot)->guarantee = s->guarantee;
    session_hand_layout(s);

out:
    exclaim_ledger_unlock(s->ledger);
    return rc;
}
