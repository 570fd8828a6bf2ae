/* SPDX-License-Identifier: BSD-2-Clause */
/* The supervisor's own lines: to xenopsd, and the last one to the manager. */
#include "emu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <exclaim/log.h>

#include "../base/clock.h"

/* The managers' own lines are at most this long, with the end; an `info:` of ours may be longer. */
#define ERROR_LINE_MAX 128u
#define INFO_LINE_MAX  900u

__attribute__((format(printf, 4, 0))) static void say(struct emu *e, size_t max, const char *prefix,
                                                      const char *fmt, va_list ap)
{
    char line[INFO_LINE_MAX];
    size_t len = (size_t)snprintf(line, max, "%s", prefix);

    vsnprintf(line + len, max - len, fmt, ap);
    len = strlen(line);
    if (len > max - 2) {
        len = max - 2;
    }
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '\n') {
            line[i] = ' ';
        }
    }
    line[len] = '\n';
    emu_way_put(&e->up, line, len + 1);
}

void emu_info(struct emu *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(e, INFO_LINE_MAX, "info:exclaim: ", fmt, ap);
    va_end(ap);
}

void emu_error(struct emu *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(e, ERROR_LINE_MAX, "error:", fmt, ap);
    va_end(ap);
    e->failed = true;
}

void emu_end(struct emu *e, int code, const char *text)
{
    static const char abort_line[] = "abort\n";

    emu_info(e, "%s", text);
    emu_error(e, "%s", text);
    exclaim_log(LOG_ERR, "domain %u: %s", e->args->domid, text);
    e->ended_by_us = true;
    e->code = code;
    e->kill_at = exclaim_now_ms() + e->limits->end;
    e->down.in_len = 0;
    e->down.ended = true;
    emu_way_put(&e->down, abort_line, sizeof(abort_line) - 1);
}
