/* SPDX-License-Identifier: BSD-2-Clause */
#include <exclaim/log.h>

#include <stdarg.h>

void exclaim_log_open(const char *ident, int level)
{
    openlog(ident, LOG_PID, LOG_DAEMON);
    setlogmask(LOG_UPTO(level));
}

void exclaim_log(int level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsyslog(level, fmt, ap);
    va_end(ap);
}
