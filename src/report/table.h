/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small table for people: columns as wide as their widest cell, numbers to the right, and never
 * wider than the screen.  Where it would be, names are cut with an ellipsis, in the middle where
 * two would look like one, numbers never; the last column, if its head begins with '~', is broken
 * into lines; and what is too wide all the same, or would have names that look like one, is written
 * row by row, a line per cell.
 */
#ifndef EXCLAIM_TABLE_H
#define EXCLAIM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 12

struct table {
    unsigned int columns, rows, column, room;
    bool lost;                    /* no memory for more rows; said when printed */
    char *(*cell)[TABLE_COLUMNS]; /* NULL: empty */
};

/* The head's cells, up to NULL.  '>' in front heads a column of numbers, '!' one of words that are
 * not cut, '+' one of lists, cut at their ends, '~' one of sentences. */
int table_init(struct table *t, const char *const *head);

/* Fills row by row, cell by cell; rows are added as needed. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* At most @columns wide, see screen_columns(). */
void table_print_within(struct table *t, FILE *out, size_t columns);
void table_print(struct table *t, FILE *out);
void table_free(struct table *t);

#endif
