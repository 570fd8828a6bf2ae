/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_STAKE_H
#define EXCLAIM_STAKE_H

#include <exclaim/session.h>

/* Where the claim lies that the toolstack has staked for the domain before us: one that may be on a
 * node is never replaced by one on the host.  Needs hv, caps and dom. */
enum exclaim_claim_origin exclaim_stake_before(struct exclaim_session *s);

enum stake_end {
    STAKE_HELD,   /* guarantee and claimed_pages say what is claimed */
    STAKE_FULL,   /* Xen has less memory to claim on the match's nodes than was thought */
    STAKE_FAILED, /* nothing is staked for this match, and no other match would help */
};

/*
 * Stakes the strongest claim that this Xen has for match, with the ledger's lock held, and
 * adopts what the toolstack has claimed when it is as good.  With @weaker only the claim on the
 * host, once no match has a stronger one.  Policy strict never gets a weaker one than this Xen has
 * for the match; otherwise why says what was refused.  Unless it is HELD, the domain's
 * earlier claim, if any, stands as far as it can, and is ours to release like one of our own.
 */
enum stake_end exclaim_stake(struct exclaim_session *s, bool weaker, struct exclaim_error *err);

enum stake_lesson {
    STAKE_NOTHING_NEW, /* no reason was found */
    STAKE_PASSING,     /* each node could hold its part by now */
    STAKE_LEARNED,     /* some node cannot */
};

/*
 * After FULL: asks Xen how much can be claimed on the nodes of match, lowers @claimable (per
 * node) to that, and tells it in why.  @room is what is seen of the host now.  The domain's
 * earlier claim stands afterwards as far as it can.
 */
enum stake_lesson exclaim_stake_learn(struct exclaim_session *s, const struct exclaim_room *room,
                                      uint64_t claimable[EXCLAIM_NODES_MAX]);

#endif
