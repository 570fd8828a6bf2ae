/* SPDX-License-Identifier: BSD-2-Clause */
#include "process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t exclaim_process_start(int32_t pid)
{
    char path[32], line[1024];
    const char *at;
    uint64_t start = 0;
    char state;
    FILE *f;

    if (pid <= 0) {
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/%" PRId32 "/stat", pid);
    f = fopen(path, "re");
    if (!f) {
        return 0;
    }
    /* The name in parentheses may hold anything, so count fields from its end: state is the 3rd
     * field of proc(5), starttime the 22nd. */
    at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    if (!at ||
        sscanf(at,
               ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
               "%*s %" SCNu64,
               &state, &start) != 2 ||
        state == 'Z' || state == 'X') {
        start = 0;
    }
    fclose(f);
    return start;
}
