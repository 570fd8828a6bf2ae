/* SPDX-License-Identifier: BSD-2-Clause */
/* The size of the terminal behind stdout. */
#include "screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS     80
#define COLUMNS_MIN 20
#define ROWS        24

static bool ask(struct winsize *size)
{
    *size = (struct winsize){ 0 };
    return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, size);
}

/* @name of the environment, if it is a number. */
static bool set(const char *name, size_t *number)
{
    const char *text = getenv(name);
    char *end;

    if (!text || *text < '0' || *text > '9') {
        return false;
    }
    *number = strtoul(text, &end, 10);
    return !*end;
}

size_t screen_columns(void)
{
    struct winsize size;
    size_t columns;

    if (!set("COLUMNS", &columns)) {
        columns = ask(&size) && size.ws_col ? size.ws_col : COLUMNS;
    } else if (!columns) {
        return SIZE_MAX;
    }
    return columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
}

bool screen_is_short(size_t lines)
{
    struct winsize size;
    size_t rows;

    if (!ask(&size)) {
        return false;
    }
    if (!set("LINES", &rows) || !rows) {
        rows = size.ws_row ? size.ws_row : ROWS;
    }
    return lines >= rows;
}
