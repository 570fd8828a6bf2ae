/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_STAKE_H
#define EXCLAIM_STAKE_H

#include <exclaim/session.h>

/*
 * Stakes the strongest claim that this Xen has for report.match, with the ledger's lock held.
 * Adopts what the toolstack has already claimed when it is as good; sets report.guarantee and
 * claimed_pages.  On failure the domain's earlier claim, if any, stands.
 */
int exclaim_stake(struct exclaim_session *s, struct exclaim_error *err);

#endif
