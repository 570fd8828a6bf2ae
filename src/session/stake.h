/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_STAKE_H
#define EXCLAIM_STAKE_H

#include <exclaim/session.h>

/* Where the claim lies that the toolstack has staked for the domain before us: one that may be on a
 * node is never replaced by one on the host.  Needs hv, caps and dom. */
enum exclaim_claim_origin exclaim_stake_before(struct exclaim_session *s);

/*
 * Stakes the strongest claim that this Xen has for report.match, with the ledger's lock held.
 * Adopts what the toolstack has already claimed when it is as good; sets report.guarantee and
 * claimed_pages.  On failure the domain's earlier claim, if any, stands, and
 * is ours to release like one of our own.
 */
int exclaim_stake(struct exclaim_session *s, struct exclaim_error *err);

#endif
