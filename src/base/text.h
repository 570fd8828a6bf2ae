/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that others wrote, as people and terminals may see it: the one filter in front of every
 * sink. */
#ifndef EXCLAIM_TEXT_H
#define EXCLAIM_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Length of the character at @text, which is zero terminated, and its number; 0 if there is none or
 * it is not UTF-8 (overlong, a surrogate, above U+10FFFF, cut off). */
size_t exclaim_utf8(const char *text, uint32_t *number);

/* Whether a character does something instead of being seen: controls (C0, DEL, C1), line and
 * paragraph separators, and those that turn the direction of writing. */
int exclaim_is_control(uint32_t number);

/*
 * In place: each such character, line breaks and tabs included, and each byte that is no UTF-8
 * becomes '?'.  So the text stays on its line, and no terminal and no log obeys it.  Never longer.
 * Returns @text.
 */
char *exclaim_clean(char *text);

/* The same of a copy, which ends with a whole character where @to is too short. */
void exclaim_clean_copy(char *to, size_t size, const char *from);

/* Memory for people: "12 KiB", "512 MiB", "114.5 MiB", "6 GiB", "4.05 GiB", "2 TiB"; up to 2^62
 * pages.  Never 0 for some. */
struct exclaim_size {
    char text[24];
};
struct exclaim_size exclaim_size(uint64_t pages);

/* The same with the pages behind it, where each one counts: "4 KiB (1 page)". */
struct exclaim_size_pages {
    char text[64];
};
struct exclaim_size_pages exclaim_size_pages(uint64_t pages);

/* The plural's "s" of @n things, and its verb: "VM is", "VMs are" with @n of 1 and 2. */
const char *exclaim_s(uint64_t n);
const char *exclaim_vms_are(uint64_t n);

#endif
