/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that are cut: the end left out, or the middle. */
#include "short.h"

#include <stdio.h>
#include <string.h>

#include "width.h"

/* Where the last characters of @text begin that have at most @width columns. */
static const char *tail_of(const char *text, size_t width)
{
    while (exclaim_width(text) > width) {
        const size_t one = exclaim_width_bytes(text, 1); /* with its marks, which have no columns */

        text += one ? one : exclaim_width_bytes(text, 2);
    }
    return text;
}

void short_name(const char *text, size_t width, bool middle, char *out, size_t size)
{
    const size_t room = width - 1;
    const char *tail = "";
    size_t bytes;

    if (exclaim_width(text) <= width) {
        snprintf(out, size, "%s", text);
        return;
    }
    bytes = exclaim_width_bytes(text, middle ? room / 2 : room);
    if (middle) {
        tail = tail_of(text + bytes, room - exclaim_width_of(text, bytes));
    }
    while (!middle && bytes && text[bytes - 1] == ' ') {
        bytes--;
    }
    snprintf(out, size, "%.*s%s%s", (int)bytes, text, SHORT_MARK, tail);
}
