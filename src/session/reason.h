/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_REASON_H
#define EXCLAIM_REASON_H

#include <exclaim/session.h>

/*
 * The migration has ended: `why` gets what is not said yet of a restore that is weaker than this
 * Xen could promise, not exact, or exact by a count that has a doubt of its own.
 */
void session_conclude(struct exclaim_session *s);

#endif
