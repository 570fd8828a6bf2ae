/* SPDX-License-Identifier: BSD-2-Clause */
/* Detail goes to syslog (LOG_DAEMON), without waiting for its daemon; the one line on stderr is the
 * caller's to print. */
#ifndef EXCLAIM_LOG_H
#define EXCLAIM_LOG_H

#include <syslog.h>

/* @ident must stay valid.  Levels above @level (LOG_ERR … LOG_DEBUG) are dropped. */
void exclaim_log_open(const char *ident, int level);

void exclaim_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
