/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_RESTORE_RESERVE_H
#define EXCLAIM_RESTORE_RESERVE_H

#include <exclaim/session.h>

/*
 * Match, claim and ledger entry: one step for everybody else, under the ledger's lock.  Needs hv,
 * caps, dom and res.  -1 if the policy refuses; then session_undo() gives back what
 * a later step's failure left claimed.
 */
int dest_reserve(struct exclaim_session *s);

/* What a failed @step means under this policy: 0 to go on without it, -1 to refuse. */
int dest_settle(struct exclaim_session *s, const char *step, const struct exclaim_error *err);

#endif
