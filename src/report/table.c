/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables for people, in the columns that there are. */
#include "../base/compat.h"
#include "table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "../base/width.h"
#include "screen.h"
#include "../base/short.h"

#define GAP      2
#define NAME_MIN 8  /* a name is not cut shorter than this */
#define LAST_MIN 24 /* nor a sentence broken into narrower lines */

/* What a head says of its column. */
enum { NAMES = 0, LISTS = '+', NUMBERS = '>', WORDS = '!', SENTENCES = '~' };

static int grow(struct table *t)
{
    unsigned int room = t->room ? 2 * t->room : 64;
    void *cell = compat_reallocarray(t->cell, room, sizeof(*t->cell));

    if (!cell) {
        return -1;
    }
    t->cell = cell;
    memset(t->cell + t->room, 0, (room - t->room) * sizeof(*t->cell));
    t->room = room;
    return 0;
}

int table_init(struct table *t, const char *const *head)
{
    memset(t, 0, sizeof(*t));
    if (grow(t)) {
        return -1;
    }
    t->rows = 1;
    while (head[t->columns]) {
        assert(t->columns < TABLE_COLUMNS);
        t->cell[0][t->columns] = strdup(head[t->columns]);
        if (!t->cell[0][t->columns]) {
            table_free(t);
            return -1;
        }
        t->columns++;
    }
    return 0;
}

void table_cell(struct table *t, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    if (t->column == 0 && t->rows == t->room && grow(t)) {
        t->lost = true;
    }
    if (t->lost) {
        return;
    }
    t->rows += t->column == 0;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) {
        text = NULL;
        t->lost = true;
    }
    va_end(ap);
    t->cell[t->rows - 1][t->column] = text ? exclaim_clean(text) : NULL;
    t->column = (t->column + 1) % t->columns;
}

static int kind_of(const struct table *t, unsigned int c)
{
    const char mark = t->cell[0][c][0];

    return mark == LISTS || mark == NUMBERS || mark == WORDS || mark == SENTENCES ? mark : NAMES;
}

static const char *text_of(const struct table *t, unsigned int r, unsigned int c)
{
    const char *text = t->cell[r][c];

    return !text ? "" : !r && kind_of(t, c) ? text + 1 : text;
}

static void blanks(FILE *out, size_t nr)
{
    for (size_t i = 0; i < nr; i++) {
        fputc(' ', out);
    }
}

/* @text in @width columns, to the right if it is a number's; without blanks behind it if it is the
 * last of its line. */
static void put(FILE *out, const char *text, size_t width, bool middle, bool right, bool last)
{
    const size_t size = strlen(text) + sizeof(SHORT_MARK);
    char *cut = exclaim_width(text) > width ? malloc(size) : NULL;
    size_t used;

    if (cut) {
        short_name(text, width, middle, cut, size);
        text = cut;
    }
    used = exclaim_width(text);
    if (right && used < width) {
        blanks(out, width - used);
    }
    fputs(text, out);
    if (!right && !last && used < width) {
        blanks(out, width - used);
    }
    free(cut);
}

/* @text in lines of @width, those behind the first at column @at. */
static void put_lines(FILE *out, const char *text, size_t width, size_t at)
{
    bool first = true;

    do {
        const size_t len = exclaim_width_line(text, width);

        if (!first) {
            fputc('\n', out);
            blanks(out, at);
        }
        fprintf(out, "%.*s", (int)len, text);
        text += len;
        text += strspn(text, " ");
        first = false;
    } while (*text);
}

/* A line per cell, a blank line between rows. */
static void print_stacked(const struct table *t, FILE *out, size_t columns)
{
    size_t head = 0;

    for (unsigned int c = 0; c < t->columns; c++) {
        const size_t width = exclaim_width(text_of(t, 0, c));

        head = width > head ? width : head;
    }
    for (unsigned int r = 1; r < t->rows; r++) {
        if (r > 1) {
            fputc('\n', out);
        }
        for (unsigned int c = 0; c < t->columns; c++) {
            if (!*text_of(t, r, c)) {
                continue;
            }
            put(out, text_of(t, 0, c), head, false, false, false);
            blanks(out, GAP);
            put_lines(out, text_of(t, r, c), columns - head - GAP, head + GAP);
            fputc('\n', out);
        }
    }
}

/* Makes columns narrower until all are within @columns; false: there is no way. */
static bool fit(const struct table *t, size_t columns, size_t *width)
{
    size_t sum = (size_t)(t->columns - 1) * GAP;

    for (unsigned int c = 0; c < t->columns; c++) {
        width[c] = 0;
        for (unsigned int r = 0; r < t->rows; r++) {
            const size_t one = exclaim_width(text_of(t, r, c));

            width[c] = one > width[c] ? one : width[c];
        }
        sum += width[c];
    }
    while (sum > columns) {
        unsigned int widest = t->columns;

        for (unsigned int c = 0; c < t->columns; c++) {
            const int kind = kind_of(t, c);
            const size_t least = kind == SENTENCES ? LAST_MIN : NAME_MIN;

            if ((kind == NAMES || kind == LISTS || kind == SENTENCES) && width[c] > least &&
                width[c] > exclaim_width(text_of(t, 0, c)) &&
                (widest == t->columns || width[c] > width[widest])) {
                widest = c;
            }
        }
        if (widest == t->columns) {
            return false;
        }
        width[widest]--;
        sum--;
    }
    return true;
}

struct shown {
    const char *text;
    char *cut;
};

static int by_cut(const void *a, const void *b)
{
    const struct shown *x = a, *y = b;
    const int order = strcmp(x->cut, y->cut);

    return order ? order : strcmp(x->text, y->text);
}

/* Whether two names of the column look like one in @width. */
static bool ambiguous(const struct table *t, unsigned int c, size_t width, bool middle)
{
    struct shown *shown = calloc(t->rows, sizeof(*shown));
    unsigned int nr = 0;
    bool alike = false;

    for (unsigned int r = 1; shown && r < t->rows; r++) {
        const char *text = text_of(t, r, c);
        const size_t size = strlen(text) + sizeof(SHORT_MARK);
        char *cut = exclaim_width(text) > width ? malloc(size) : NULL;

        if (cut) {
            short_name(text, width, middle, cut, size);
            shown[nr++] = (struct shown){ text, cut };
        }
    }
    if (nr) {
        qsort(shown, nr, sizeof(*shown), by_cut);
    }
    for (unsigned int i = 0; i < nr; i++) {
        alike |= i && !strcmp(shown[i].cut, shown[i - 1].cut) &&
                 strcmp(shown[i].text, shown[i - 1].text) != 0;
    }
    for (unsigned int i = 0; i < nr; i++) {
        free(shown[i].cut);
    }
    free(shown);
    return alike;
}

/* Which columns are cut in the middle, so that no two names become one; false: there is no way. */
static bool tell_apart(const struct table *t, const size_t *width, bool *middle)
{
    for (unsigned int c = 0; c < t->columns; c++) {
        middle[c] = kind_of(t, c) == NAMES && ambiguous(t, c, width[c], false);
        if (middle[c] && ambiguous(t, c, width[c], true)) {
            return false;
        }
    }
    return true;
}

void table_print_within(struct table *t, FILE *out, size_t columns)
{
    size_t width[TABLE_COLUMNS] = { 0 };
    bool middle[TABLE_COLUMNS] = { false };
    const unsigned int last = t->columns - 1;

    if (!fit(t, columns, width) || !tell_apart(t, width, middle)) {
        print_stacked(t, out, columns);
    } else {
        for (unsigned int r = 0; r < t->rows; r++) {
            size_t at = 0;

            for (unsigned int c = 0; c <= last; c++) {
                const int kind = kind_of(t, c);

                blanks(out, c && (c < last || *text_of(t, r, c)) ? GAP : 0);
                at += c ? GAP : 0;
                if (kind == SENTENCES) {
                    put_lines(out, text_of(t, r, c), width[c], at);
                } else {
                    put(out, text_of(t, r, c), width[c], middle[c], kind == NUMBERS, c == last);
                }
                at += width[c];
            }
            fputc('\n', out);
        }
    }
    if (t->lost) {
        fputs("(not all rows: no memory)\n", out);
    }
}

void table_print(struct table *t, FILE *out)
{
    table_print_within(t, out, screen_columns());
}

void table_free(struct table *t)
{
    for (unsigned int r = 0; r < t->rows; r++) {
        for (unsigned int c = 0; c < TABLE_COLUMNS; c++) {
            free(t->cell[r][c]);
        }
    }
    free(t->cell);
    *t = (struct table){ 0 };
}
