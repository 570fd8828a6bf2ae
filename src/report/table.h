/* SPDX-License-Identifier: BSD-2-Clause */
/* A small table for people: columns as wide as their widest cell, numbers to the right. */
#ifndef EXCLAIM_TABLE_H
#define EXCLAIM_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS 12
#define TABLE_CELL    96

struct table {
    unsigned int columns, rows, column, room;
    bool lost; /* no memory for more rows; said when printed */
    char (*cell)[TABLE_COLUMNS][TABLE_CELL];
};

/* The head's cells, up to NULL.  A cell that begins with '>' heads a column of numbers. */
int table_init(struct table *t, const char *const *head);

/* Fills row by row, cell by cell; rows are added as needed. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void table_print(struct table *t, FILE *out);
void table_free(struct table *t);

#endif
