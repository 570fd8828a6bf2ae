/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of what is printed is seen at once. */
#ifndef EXCLAIM_SCREEN_H
#define EXCLAIM_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* Columns that a table may take: COLUMNS, else the terminal's, else 80; SIZE_MAX for COLUMNS=0. */
size_t screen_columns(void);

/* Whether so many lines do not fit the terminal; never where there is none. */
bool screen_is_short(size_t lines);

#endif
