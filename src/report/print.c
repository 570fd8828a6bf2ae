/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that everything printed needs: one line of JSON, sizes, ages. */
#include "print.h"

#include <inttypes.h>
#include <stdio.h>

#include "../base/json.h"

void exclaim_json_print(struct json_object *o)
{
    puts(exclaim_json_text(o));
    json_object_put(o);
}

double exclaim_mib(uint64_t pages)
{
    return (double)pages / 256.0;
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
    } else {
        snprintf(text, size, "%" PRId64 " h", seconds / 3600);
    }
}
