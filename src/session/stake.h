/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_STAKE_H
#define EXCLAIM_STAKE_H

#include <exclaim/session.h>

/* What is known of the claim that the toolstack has staked for the domain before us. */
enum stake_before {
    STAKE_NOTHING,
    STAKE_HOST,    /* for certain */
    STAKE_NODE,    /* on known.claim_node, as the toolstack says and Xen does not deny */
    STAKE_UNKNOWN, /* may be either: never to be replaced, see "a claim node that goes stale" */
};

/* Needs hv, caps and dom. */
enum stake_before exclaim_stake_before(struct exclaim_session *s);

/*
 * Stakes the strongest claim that this Xen has for report.match, with the ledger's lock held.
 * Adopts what the toolstack has already claimed when it is as good; sets report.guarantee and
 * claimed_pages.  On failure the domain's earlier claim, if any, stands, and
 * is ours to release like one of our own.
 */
int exclaim_stake(struct exclaim_session *s, struct exclaim_error *err);

#endif
