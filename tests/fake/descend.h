/* SPDX-License-Identifier: BSD-2-Clause */
/* The processes below this one, as /proc tells. */
#ifndef FAKE_DESCEND_H
#define FAKE_DESCEND_H

#include <stddef.h>
#include <sys/types.h>

/* At most @max of them. */
size_t descend_list(pid_t *pid, size_t max);
/* The name of its executable, "" if it has none (any more). */
void descend_name(pid_t pid, char *name, size_t size);
/* Ends them all and reaps those that are ours. */
void descend_kill(void);

#endif
