/* SPDX-License-Identifier: BSD-2-Clause */
/* How much Xen lets us claim on a node that is fuller than was thought. */
#include "stake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "../base/text.h"

/* Claims that are tried on one node: all but the first halve what is not known, to a thousandth. */
#define PROBES 11

struct probe {
    struct exclaim_session *s;
    uint64_t keep;  /* pages that the toolstack has claimed, to stay claimed meanwhile */
    bool disturbed; /* its claim is not what it was */
};

/* Claims @pages on @node in place of whatever is claimed; 0, or Xen's errno value. */
static int try_pages(struct probe *p, uint32_t node, uint64_t pages)
{
    const struct exclaim_claim none = { .kind = EXCLAIM_CLAIM_NONE };
    struct exclaim_session *s = p->s;
    struct exclaim_claim claim = { .kind = EXCLAIM_CLAIM_SET,
                                   .nr_nodes = node + 1,
                                   .host_pages = p->keep > pages ? p->keep - pages : 0 };
    struct exclaim_error err = { 0 };

    claim.node_pages[node] = pages;
    if (s->hv->ops->claim(s->hv, s->dom.domid, &claim, &err) && err.errnum == EEXIST) {
        err = (struct exclaim_error){ 0 };
        p->disturbed = true;
        if (!s->hv->ops->claim(s->hv, s->dom.domid, &none, &err)) {
            s->hv->ops->claim(s->hv, s->dom.domid, &claim, &err);
        }
    }
    p->disturbed |= !err.kind;
    return err.kind ? err.errnum ? err.errnum : EIO : 0;
}

/*
 * The largest claim that Xen accepts on @node, or a little less: at least @low, less than @refused.
 * Usually one other builder's claims are the reason, and @low is the answer.
 */
static uint64_t largest(struct probe *p, uint32_t node, uint64_t low, uint64_t refused)
{
    uint64_t ask = low + 1;

    for (unsigned int i = 0; i < PROBES && refused - low > 1; i++) {
        const int errnum = try_pages(p, node, ask);

        if (!errnum) {
            low = ask;
        } else if (errnum == ENOMEM) {
            refused = ask;
        } else {
            break;
        }
        ask = low + (refused - low) / 2;
    }
    return low;
}

static void put_back(struct probe *p)
{
    const struct exclaim_claim none = { .kind = EXCLAIM_CLAIM_NONE };
    const struct exclaim_claim old = { .kind = EXCLAIM_CLAIM_HOST, .host_pages = p->keep };
    struct exclaim_session *s = p->s;
    struct exclaim_error err = { 0 };

    if (!p->disturbed) {
        return;
    }
    if (s->hv->ops->claim(s->hv, s->dom.domid, &none, &err) ||
        (p->keep && s->hv->ops->claim(s->hv, s->dom.domid, &old, &err))) {
        exclaim_session_reason(s,
                               "the toolstack's claim of %s (%" PRIu64 " pages) is lost (%.200s)",
                               exclaim_size(p->keep).text, p->keep, err.text);
        s->claimed = true; /* whatever is there now */
        s->dom.outstanding_pages = 0;
    }
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
 * Claim sets can be tried without an effect on what follows.  A claim on one node cannot: after one
 * that was accepted, a claim on the host may stop XenServer 9, and the match may need just that.
 * There the node is taken for as full as it may be.
 */
static bool learn_node(struct probe *p, const struct exclaim_room *room, uint32_t node,
                       uint64_t *claimable)
{
    const uint64_t need = p->s->match.pages[node];
    uint64_t low = exclaim_room_least(room, node);
    const char *bound = room->hidden ? "at least " : "";

    if (low >= need) {
        low = need - 1; /* nothing that can be seen says why */
        bound = "at most ";
    }
    if (p->s->caps.claim_set) {
        low = largest(p, node, low, need);
        bound = "";
    }
    if (low >= *claimable) {
        return false;
    }
    *claimable = low;
    exclaim_session_reason(
        p->s, "node %" PRIu32 ": %s needed (%" PRIu64 " pages), %s%s claimable (%" PRIu64 ")", node,
        exclaim_size(need).text, need, bound, exclaim_size(low).text, low);
    return true;
}

enum stake_lesson exclaim_stake_learn(struct exclaim_session *s, const struct exclaim_room *room,
                                      uint64_t claimable[EXCLAIM_NODES_MAX])
{
    const struct exclaim_match *match = &s->match;
    struct probe p = { .s = s, .keep = s->dom.outstanding_pages };
    enum stake_lesson lesson = s->caps.claim_set ? STAKE_PASSING : STAKE_NOTHING_NEW;

    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        const bool seen = exclaim_room_least(room, n) < match->pages[n] && homes_of(match) == 1;

        if (!match->pages[n] ||
            (s->caps.claim_set && !seen && try_pages(&p, n, match->pages[n]) != ENOMEM)) {
            continue;
        }
        if (learn_node(&p, room, n, &claimable[n])) {
            lesson = STAKE_LEARNED;
        } else if (lesson == STAKE_PASSING) {
            lesson = STAKE_NOTHING_NEW;
        }
    }
    put_back(&p);
    return lesson;
}
