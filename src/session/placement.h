/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a restore's pages get to their nodes.  Two ways behind one interface:
 *
 * preload   libexclaim-place.so in the restoring process: every extent on its exact node
 * affinity  where nothing can be loaded there: the domain's node affinity is set to one node at a
 * time and moved on when the domain has grown by that node's pages.  Exact on one node; on several
 *           it is off by what is populated between two looks, which the report says as deviation.
 */
#ifndef EXCLAIM_PLACEMENT_H
#define EXCLAIM_PLACEMENT_H

#include <exclaim/session.h>

/* Chooses for match.  With affinity, @why says what keeps us from preloading. */
enum exclaim_placement placement_choose(struct exclaim_session *s, struct exclaim_error *why);

/* Affinity only; without effect for the other.  -1: nothing keeps the pages on their nodes. */
int placement_start(struct exclaim_session *s, struct exclaim_error *err);
void placement_tick(struct exclaim_session *s);

/* Puts the node affinity back as it was; an automatic one is automatic again. */
void placement_stop(struct exclaim_session *s);

#endif
