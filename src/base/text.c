/* SPDX-License-Identifier: BSD-2-Clause */
/* Which characters are shown, and which are not. */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t exclaim_utf8(const char *text, uint32_t *number)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *p = (const unsigned char *)text;
    size_t len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    uint32_t n;

    if (!len || !*p) {
        return 0;
    }
    n = len == 1 ? *p : *p & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) { /* also the end of the text */
            return 0;
        }
        n = n << 6 | (p[i] & 0x3fu);
    }
    if (n < least[len] || n > 0x10ffff || (n >= 0xd800 && n < 0xe000)) {
        return 0;
    }
    *number = n;
    return len;
}

int exclaim_is_control(uint32_t n)
{
    return n < 0x20 || (n >= 0x7f && n < 0xa0) || n == 0x061c || n == 0x200e || n == 0x200f ||
           (n >= 0x2028 && n <= 0x202e) || (n >= 0x2066 && n <= 0x2069) || n == 0xfeff;
}

char *exclaim_clean(char *text)
{
    const char *from = text;
    char *to = text;

    while (*from) {
        uint32_t n;
        size_t len = exclaim_utf8(from, &n);

        if (len && !exclaim_is_control(n)) {
            memmove(to, from, len);
            to += len;
        } else {
            *to++ = '?';
        }
        from += len ? len : 1;
    }
    *to = '\0';
    return text;
}

void exclaim_clean_copy(char *to, size_t size, const char *from)
{
    size_t used = 0;

    while (*from) {
        uint32_t n;
        size_t len = exclaim_utf8(from, &n);
        const int shown = len && !exclaim_is_control(n);
        const size_t need = shown ? len : 1;

        if (used + need >= size) {
            break;
        }
        if (shown) {
            memcpy(to + used, from, len);
        } else {
            to[used] = '?';
        }
        used += need;
        from += len ? len : 1;
    }
    if (size) {
        to[used] = '\0';
    }
}

struct exclaim_size exclaim_size(uint64_t pages)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
    struct exclaim_size size;
    uint64_t of_unit = 1; /* in KiB */
    size_t unit = 0;
    double number = (double)pages * 4;

    /* What would be rounded up to 1024 is one of the next unit. */
    while (number >= (unit == 0   ? 1024
                      : unit == 1 ? 1023.95
                                  : 1023.995) &&
           unit + 1 < sizeof(units) / sizeof(units[0])) {
        number /= 1024;
        of_unit *= 1024;
        unit++;
    }
    snprintf(size.text, sizeof(size.text), "%.*f %s",
             pages * 4 % of_unit == 0 ? 0
             : unit == 1              ? 1
                                      : 2,
             number, units[unit]);
    return size;
}

struct exclaim_size_pages exclaim_size_pages(uint64_t pages)
{
    struct exclaim_size_pages both;

    snprintf(both.text, sizeof(both.text), "%s (%" PRIu64 " page%s)", exclaim_size(pages).text,
             pages, exclaim_s(pages));
    return both;
}

const char *exclaim_s(uint64_t n)
{
    return n == 1 ? "" : "s";
}

const char *exclaim_vms_are(uint64_t n)
{
    return n == 1 ? "VM is" : "VMs are";
}
