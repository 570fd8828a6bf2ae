/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that everything printed needs: one line of JSON, sizes, ages. */
#include "print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/json.h"
#include "../base/text.h"
#include "../base/width.h"
#include "screen.h"

#define INDENT 2

/* On a terminal long lines are broken between words; elsewhere a line is a line. */
static void put(const char *text)
{
    size_t width = isatty(STDOUT_FILENO) ? screen_columns() : SIZE_MAX;

    for (bool first = true; *text; first = false) {
        const size_t len = exclaim_width_line(text, width);

        printf("%s%.*s", first ? "" : "\n  ", (int)len, text);
        text += len;
        text += *text ? strspn(text, " ") : 0;
        width -= first && width != SIZE_MAX ? INDENT : 0;
    }
}

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
    printf("%.*s", (int)before, "\n\n\n\n");
    put(exclaim_clean(line + before));
    printf("%.*s", (int)after, "\n\n\n\n");
    free(line);
}

void exclaim_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    exclaim_vprint(fmt, ap);
    va_end(ap);
}

void exclaim_print_distances(bool first, uint32_t node, const uint32_t *distance, uint32_t nr)
{
    printf("%snode %" PRIu32 ":", first ? "distances: " : "; ", node);
    for (uint32_t n = 0; n < nr; n++) {
        printf(" %" PRIu32, distance[n]);
    }
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
        snprintf(text, size, "%" PRId64 " s ahead of our clock", -seconds);
    } else if (seconds < 120) {
        snprintf(text, size, "%" PRId64 " s", seconds);
    } else if (seconds < 7200) {
        snprintf(text, size, "%" PRId64 " min", seconds / 60);
    } else if (seconds < INT64_C(172800)) {
        snprintf(text, size, "%" PRId64 " h", seconds / 3600);
    } else {
        snprintf(text, size, "%" PRId64 " days", seconds / 86400);
    }
}

void exclaim_ago_text(int64_t now, int64_t then, char *text, size_t size)
{
    char age[48];

    exclaim_age_text(now, then, age, sizeof(age));
    snprintf(text, size, "%s%s", age, then && now - then > -1000 ? " ago" : "");
}
