/* SPDX-License-Identifier: BSD-2-Clause */
/* A writer of JSON that allocates nothing. */
#include "jwrite.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

void jwrite_init(struct jwrite *w, char *text, size_t size)
{
    *w = (struct jwrite){ .text = text, .size = size };
    text[0] = '\0';
}

static void put(struct jwrite *w, const char *bytes, size_t len)
{
    if (len >= w->size - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->text + w->len, bytes, len);
    w->len += len;
    w->text[w->len] = '\0';
}

__attribute__((format(printf, 2, 3))) static void print(struct jwrite *w, const char *fmt, ...)
{
    char text[32];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    put(w, text, strlen(text));
}

/* Above U+FFFF JSON escapes two halves; no control is there. */
static void put_text(struct jwrite *w, const char *value)
{
    put(w, "\"", 1);
    while (*value) {
        uint32_t n;
        size_t len = exclaim_utf8(value, &n);

        if (!len) {
            put(w, "\xef\xbf\xbd", 3);
        } else if (n == '"' || n == '\\') {
            print(w, "\\%c", (char)n);
        } else if (n == '\n') {
            put(w, "\\n", 2);
        } else if (exclaim_is_control(n)) {
            print(w, "\\u%04" PRIx32, n);
        } else {
            put(w, value, len);
        }
        value += len ? len : 1;
    }
    put(w, "\"", 1);
}

static void begin_value(struct jwrite *w, const char *key)
{
    if (w->more) {
        put(w, ",", 1);
    }
    w->more = true;
    if (key) {
        put_text(w, key);
        put(w, ":", 1);
    }
}

void jwrite_begin(struct jwrite *w, const char *key, char mark)
{
    begin_value(w, key);
    put(w, &mark, 1);
    w->more = false;
}

void jwrite_end(struct jwrite *w, char mark)
{
    put(w, &mark, 1);
    w->more = true;
}

void jwrite_str(struct jwrite *w, const char *key, const char *value)
{
    begin_value(w, key);
    put_text(w, value);
}

void jwrite_u64(struct jwrite *w, const char *key, uint64_t value)
{
    begin_value(w, key);
    print(w, "%" PRIu64, value);
}

void jwrite_bool(struct jwrite *w, const char *key, bool value)
{
    begin_value(w, key);
    put(w, value ? "true" : "false", value ? 4 : 5);
}

void jwrite_nodes(struct jwrite *w, const char *key, uint32_t nr_nodes, const uint64_t *pages)
{
    jwrite_begin(w, key, '[');
    for (uint32_t n = 0; n < nr_nodes; n++) {
        if (pages[n]) {
            jwrite_begin(w, NULL, '{');
            jwrite_u64(w, "node", n);
            jwrite_u64(w, "pages", pages[n]);
            jwrite_end(w, '}');
        }
    }
    jwrite_end(w, ']');
}

void jwrite_extents(struct jwrite *w, const char *key, uint32_t nr_nodes,
                    const uint64_t (*extents)[EXCLAIM_EXTENTS])
{
    jwrite_begin(w, key, '[');
    for (uint32_t n = 0; n < nr_nodes; n++) {
        const uint64_t *e = extents[n];

        if (e[EXCLAIM_EXTENT_4K] || e[EXCLAIM_EXTENT_2M] || e[EXCLAIM_EXTENT_1G]) {
            jwrite_begin(w, NULL, '{');
            jwrite_u64(w, "node", n);
            jwrite_u64(w, "4k", e[EXCLAIM_EXTENT_4K]);
            jwrite_u64(w, "2m", e[EXCLAIM_EXTENT_2M]);
            jwrite_u64(w, "1g", e[EXCLAIM_EXTENT_1G]);
            jwrite_end(w, '}');
        }
    }
    jwrite_end(w, ']');
}

void jwrite_count(struct jwrite *w, const struct exclaim_count *count)
{
    jwrite_nodes(w, "nodes", count->nr_nodes, count->pages);
    jwrite_u64(w, "total_pages", count->total_pages);
    jwrite_str(w, "method", exclaim_provenance_name(count->method));
    jwrite_bool(w, "exact", count->exact);
    if (count->uncertain_pages) {
        jwrite_u64(w, "uncertain_pages", count->uncertain_pages);
    }
    if (!count->exact) {
        jwrite_str(w, "why", count->why);
    }
}

void jwrite_parts(struct jwrite *w, const char *key, const struct exclaim_match *match)
{
    jwrite_begin(w, key, '[');
    for (uint32_t i = 0; i < match->nr_parts; i++) {
        jwrite_begin(w, NULL, '{');
        jwrite_u64(w, "source_node", match->part[i].src_node);
        jwrite_u64(w, "node", match->part[i].dst_node);
        jwrite_u64(w, "pages", match->part[i].pages);
        jwrite_end(w, '}');
    }
    jwrite_end(w, ']');
}
