/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in fewer columns than they have. */
#ifndef EXCLAIM_SHORT_H
#define EXCLAIM_SHORT_H

#include <stdbool.h>
#include <stddef.h>

/* Where the mark of what is left out goes. */
#define SHORT_MARK "\u2026"

/*
 * @text in at most @width columns (1 at least), in @out of @size bytes, which is strlen(@text) and
 * that of the mark at least: whole if it fits, else without its end, or with @middle without its
 * middle, where names that are numbered differ least.
 */
void short_name(const char *text, size_t width, bool middle, char *out, size_t size);

#endif
