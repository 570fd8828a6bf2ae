/* SPDX-License-Identifier: BSD-2-Clause */
/* Grows, fills and prints a table of text cells. */
#include "../base/compat.h"
#include "table.h"
#include "../base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int grow(struct table *t)
{
    unsigned int room = t->room ? 2 * t->room : 64;
    void *cell = compat_reallocarray(t->cell, room, sizeof(*t->cell));

    if (!cell) {
        return -1;
    }
    t->cell = cell;
    t->room = room;
    return 0;
}

/* Of UTF-8, in characters: names come from people. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++) {
        width += (*text & 0xc0) != 0x80;
    }
    return width;
}

int table_init(struct table *t, const char *const *head)
{
    memset(t, 0, sizeof(*t));
    if (grow(t)) {
        return -1;
    }
    while (head[t->columns]) {
        assert(t->columns < TABLE_COLUMNS);
        snprintf(t->cell[0][t->columns], TABLE_CELL, "%s", head[t->columns]);
        t->columns++;
    }
    t->rows = 1;
    return 0;
}

/* Ends a cell that was cut with an ellipsis, behind a whole character. */
static void mark_cut(char *cell)
{
    size_t at = TABLE_CELL - sizeof("\u2026");

    while (at && ((unsigned char)cell[at] & 0xc0) == 0x80) {
        at--;
    }
    strcpy(cell + at, "\u2026");
}

void table_cell(struct table *t, const char *fmt, ...)
{
    va_list ap;

    if (t->column == 0 && t->rows == t->room && grow(t)) {
        t->lost = true;
    }
    if (t->lost) {
        return;
    }
    t->rows += t->column == 0;
    va_start(ap, fmt);
    if (vsnprintf(t->cell[t->rows - 1][t->column], TABLE_CELL, fmt, ap) >= TABLE_CELL) {
        mark_cut(t->cell[t->rows - 1][t->column]);
    }
    va_end(ap);
    exclaim_clean(t->cell[t->rows - 1][t->column]);
    t->column = (t->column + 1) % t->columns;
}

void table_print(struct table *t, FILE *out)
{
    bool number[TABLE_COLUMNS];
    int width[TABLE_COLUMNS] = { 0 };

    for (unsigned int c = 0; c < t->columns; c++) {
        number[c] = t->cell[0][c][0] == '>';
        if (number[c]) {
            memmove(t->cell[0][c], t->cell[0][c] + 1, TABLE_CELL - 1);
        }
        for (unsigned int r = 0; r < t->rows; r++) {
            int len = width_of(t->cell[r][c]);

            width[c] = len > width[c] ? len : width[c];
        }
    }
    for (unsigned int r = 0; r < t->rows; r++) {
        for (unsigned int c = 0; c < t->columns; c++) {
            const char *gap = c ? "  " : "";
            int pad = width[c] - width_of(t->cell[r][c]);

            if (number[c]) {
                fprintf(out, "%s%*s%s", gap, pad, "", t->cell[r][c]);
            } else if (c + 1 == t->columns) {
                fprintf(out, "%s%s", gap, t->cell[r][c]);
            } else {
                fprintf(out, "%s%s%*s", gap, t->cell[r][c], pad, "");
            }
        }
        fputc('\n', out);
    }
    if (t->lost) {
        fputs("(not all rows: no memory)\n", out);
    }
}

void table_free(struct table *t)
{
    free(t->cell);
    t->cell = NULL;
}
