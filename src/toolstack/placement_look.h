/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_PLACEMENT_LOOK_H
#define EXCLAIM_PLACEMENT_LOOK_H

#include <exclaim/session.h>

/* An emulator that runs already either has the object or never will: sets s->preloaded.  Waits a
 * moment for one that is only just starting. */
void placement_look(struct exclaim_session *s, int cancel_fd);

#endif
