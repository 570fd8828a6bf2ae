/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_PHASE_H
#define EXCLAIM_PHASE_H

#include <exclaim/session.h>

/* The migration has come to @phase; a test may want this process to die there. */
void session_reach(struct exclaim_session *s, enum exclaim_phase phase);

#endif
