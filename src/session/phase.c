/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a migration has come, and the places where a test has the hook killed. */
#include "phase.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
    [EXCLAIM_PHASE_STARTED] = "STARTED",   [EXCLAIM_PHASE_COUNTED] = "COUNTED",
    [EXCLAIM_PHASE_PEEKED] = "PEEKED",     [EXCLAIM_PHASE_LOCKED] = "LOCKED",
    [EXCLAIM_PHASE_MATCHED] = "MATCHED",   [EXCLAIM_PHASE_ENTERED] = "ENTERED",
    [EXCLAIM_PHASE_STAKED] = "STAKED",     [EXCLAIM_PHASE_UNLOCKED] = "UNLOCKED",
    [EXCLAIM_PHASE_RESTORED] = "RESTORED", [EXCLAIM_PHASE_REMOVED] = "REMOVED",
    [EXCLAIM_PHASE_RELEASED] = "RELEASED",
};

void session_reach(struct exclaim_session *s, enum exclaim_phase phase)
{
    const char *wanted = getenv("EXCLAIM_FAULT");

    s->phase = phase;
    if (wanted && !strcmp(wanted, names[phase])) {
        kill(getpid(), SIGKILL);
    }
}
