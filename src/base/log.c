/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: syslog's socket, without ever waiting for who reads it, as syslog(3) would. */
#include <exclaim/log.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"

static const char *log_ident = "exclaim";
static int log_level = LOG_INFO;

void exclaim_log_open(const char *ident, int level)
{
    log_ident = ident;
    log_level = level;
}

/* A message is lost where the daemon does not take it at once, and where there is none. */
static void send_line(const char *line, size_t len)
{
    static const struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        sendto(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to,
               sizeof(to));
        close(fd);
    }
}

void exclaim_log(int level, const char *fmt, ...)
{
    const int saved = errno; /* %m */
    char line[2048];
    size_t head;
    va_list ap;

    if (level > log_level) {
        return;
    }
    head = (size_t)snprintf(line, sizeof(line), "<%d>%.64s[%d]: ", LOG_DAEMON | level, log_ident,
                            getpid());
    errno = saved;
    va_start(ap, fmt);
    if (vsnprintf(line + head, sizeof(line) - head, fmt, ap) < 0) {
        line[head] = '\0';
    }
    va_end(ap);
    exclaim_clean(line + head);
    send_line(line, strlen(line));
    errno = saved;
}
