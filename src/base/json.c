/* SPDX-License-Identifier: BSD-2-Clause */
/* The shapes of our JSON. */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define STYLE (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

json_object *exclaim_json_schema(const char *verb)
{
    json_object *o = json_object_new_object();
    char schema[64];

    snprintf(schema, sizeof(schema), "exclaim.%s/1", verb);
    exclaim_json_str(o, "schema", schema);
    return o;
}

/* A member that there is no memory for is left out, and so is everything below it. */
static void add(json_object *o, const char *key, json_object *value)
{
    if (!o || !value || json_object_object_add(o, key, value)) {
        json_object_put(value);
    }
}

/* Bytes that are no UTF-8 would make the whole line no JSON. */
void exclaim_json_str(json_object *o, const char *key, const char *value)
{
    const char *at = value;
    uint32_t number;
    size_t len;

    while ((len = exclaim_utf8(at, &number))) {
        at += len;
    }
    if (*at) {
        char *copy = strdup(value);

        for (char *bad = copy; bad && *bad;) {
            len = exclaim_utf8(bad, &number);
            if (!len) {
                *bad = '?';
            }
            bad += len ? len : 1;
        }
        add(o, key, copy ? json_object_new_string(copy) : NULL);
        free(copy);
        return;
    }
    add(o, key, json_object_new_string(value));
}

void exclaim_json_u64(json_object *o, const char *key, uint64_t value)
{
    add(o, key, json_object_new_uint64(value));
}

void exclaim_json_bool(json_object *o, const char *key, bool value)
{
    add(o, key, json_object_new_boolean(value));
}

json_object *exclaim_json_child(json_object *o, const char *key)
{
    add(o, key, json_object_new_object());
    return o ? json_object_object_get(o, key) : NULL;
}

json_object *exclaim_json_array(json_object *o, const char *key)
{
    add(o, key, json_object_new_array());
    return o ? json_object_object_get(o, key) : NULL;
}

json_object *exclaim_json_item(json_object *array)
{
    json_object *item = json_object_new_object();

    if (!array || !item || json_object_array_add(array, item)) {
        json_object_put(item);
        return NULL;
    }
    return item;
}

void exclaim_json_nodes(json_object *o, const char *key, uint32_t nr_nodes, const uint64_t *pages)
{
    json_object *array = exclaim_json_array(o, key);

    for (uint32_t n = 0; n < nr_nodes; n++) {
        if (pages[n]) {
            json_object *item = exclaim_json_item(array);

            exclaim_json_u64(item, "node", n);
            exclaim_json_u64(item, "pages", pages[n]);
        }
    }
}

void exclaim_json_extents(json_object *o, const char *key, uint32_t nr_nodes,
                          const uint64_t (*extents)[EXCLAIM_EXTENTS])
{
    json_object *array = exclaim_json_array(o, key);

    for (uint32_t n = 0; n < nr_nodes; n++) {
        const uint64_t *e = extents[n];

        if (e[EXCLAIM_EXTENT_4K] || e[EXCLAIM_EXTENT_2M] || e[EXCLAIM_EXTENT_1G]) {
            json_object *item = exclaim_json_item(array);

            exclaim_json_u64(item, "node", n);
            exclaim_json_u64(item, "4k", e[EXCLAIM_EXTENT_4K]);
            exclaim_json_u64(item, "2m", e[EXCLAIM_EXTENT_2M]);
            exclaim_json_u64(item, "1g", e[EXCLAIM_EXTENT_1G]);
        }
    }
}

void exclaim_json_count(json_object *o, const struct exclaim_count *count)
{
    exclaim_json_nodes(o, "nodes", count->nr_nodes, count->pages);
    exclaim_json_u64(o, "total_pages", count->total_pages);
    exclaim_json_str(o, "method", exclaim_provenance_name(count->method));
    exclaim_json_bool(o, "exact", count->exact);
    if (count->uncertain_pages) {
        exclaim_json_u64(o, "uncertain_pages", count->uncertain_pages);
    }
    if (!count->exact) {
        exclaim_json_str(o, "why", count->why);
    }
}

void exclaim_json_parts(json_object *o, const char *key, const struct exclaim_match *match)
{
    json_object *array = exclaim_json_array(o, key);

    for (uint32_t i = 0; i < match->nr_parts; i++) {
        json_object *item = exclaim_json_item(array);

        exclaim_json_u64(item, "source_node", match->part[i].src_node);
        exclaim_json_u64(item, "node", match->part[i].dst_node);
        exclaim_json_u64(item, "pages", match->part[i].pages);
    }
}

const char *exclaim_json_text(json_object *o)
{
    return json_object_to_json_string_ext(o, STYLE);
}

int exclaim_json_write(json_object *o, FILE *to)
{
    const char *at = exclaim_json_text(o);

    while (at && *at) {
        uint32_t number;
        size_t len = exclaim_utf8(at, &number);

        if (!len) {
            fputs("\\ufffd", to);
        } else if (exclaim_is_control(number)) {
            fprintf(to, "\\u%04" PRIx32, number);
        } else {
            fwrite(at, 1, len, to);
        }
        at += len ? len : 1;
    }
    fputc('\n', to);
    return at && !ferror(to) ? 0 : -1;
}
