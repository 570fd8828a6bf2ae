/* SPDX-License-Identifier: BSD-2-Clause */
/* How wide text is on a terminal. */
#ifndef EXCLAIM_WIDTH_H
#define EXCLAIM_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* Columns of a text without controls: two for CJK, none for a mark on the letter before it. */
size_t exclaim_width(const char *text);

/* The same of its first @bytes. */
size_t exclaim_width_of(const char *text, size_t bytes);

/* How many bytes of @text are at most @width columns: whole characters with their marks. */
size_t exclaim_width_bytes(const char *text, size_t width);

/* The same for a line of a longer text: it ends before a blank where there is one, and is never
 * empty while there is text. */
size_t exclaim_width_line(const char *text, size_t width);

#endif
