/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that everything printed needs: one line of JSON, sizes, ages. */
#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "../base/text.h"

void exclaim_vprint(const char *fmt, va_list ap)
{
    const size_t before = strspn(fmt, "\n");
    size_t after = 0, len = strlen(fmt);
    char *line;

    while (after < len - before && fmt[len - 1 - after] == '\n') {
        after++;
    }
    if (vasprintf(&line, fmt, ap) < 0) {
        fputs("(no memory)\n", stdout);
        return;
    }
    len = strlen(line);
    line[len - after] = '\0';
    printf("%.*s%s%.*s", (int)before, "\n\n\n\n", exclaim_clean(line + before), (int)after,
           "\n\n\n\n");
    free(line);
}

void exclaim_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    exclaim_vprint(fmt, ap);
    va_end(ap);
}

void exclaim_json_print(struct json_object *o)
{
    exclaim_json_write(o, stdout);
    json_object_put(o);
}

void exclaim_age_text(int64_t now, int64_t then, char *text, size_t size)
{
    int64_t seconds = (now - then) / 1000;

    if (!then) {
        snprintf(text, size, "%s", "");
    } else if (seconds < 0) {
        snprintf(text, size, "its clock is %" PRId64 " s ahead", -seconds);
    } else if (seconds < 120) {
        snprintf(text, size, "%" PRId64 " s", seconds);
    } else if (seconds < 7200) {
        snprintf(text, size, "%" PRId64 " min", seconds / 60);
    } else if (seconds < 2 * 86400) {
        snprintf(text, size, "%" PRId64 " h", seconds / 3600);
    } else {
        snprintf(text, size, "%" PRId64 " days", seconds / 86400);
    }
}
