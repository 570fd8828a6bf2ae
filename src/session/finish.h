/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_FINISH_H
#define EXCLAIM_FINISH_H

#include <exclaim/session.h>

/* Gives back in reverse what the session holds of the host: affinity, entry, claim.  @result is the
 * emulator's verdict, which decides the outcome where nothing was refused. */
void session_undo(struct exclaim_session *s, bool result);

/* Reads the counts back. */
void session_verify(struct exclaim_session *s, bool paused);

#endif
