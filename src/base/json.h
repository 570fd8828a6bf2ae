/* SPDX-License-Identifier: BSD-2-Clause */
/* The few shapes that our JSON has, over json-c.  A member that cannot be allocated becomes null or
 * is left out: a report may miss a number when memory is gone, the migration goes on. */
#ifndef EXCLAIM_JSON_H
#define EXCLAIM_JSON_H

#include <stdio.h>

#include <json-c/json.h>

#include <exclaim/match.h>

/* { "schema": "exclaim.<verb>/1" }; free with json_object_put(). */
json_object *exclaim_json_schema(const char *verb);

void exclaim_json_str(json_object *o, const char *key, const char *value);
void exclaim_json_u64(json_object *o, const char *key, uint64_t value);
void exclaim_json_bool(json_object *o, const char *key, bool value);
json_object *exclaim_json_child(json_object *o, const char *key);
json_object *exclaim_json_array(json_object *o, const char *key);
json_object *exclaim_json_item(json_object *array);

/* "key": [{"node": 0, "pages": 17}, ...]; nodes without pages are left out. */
void exclaim_json_nodes(json_object *o, const char *key, uint32_t nr_nodes, const uint64_t *pages);

/* "key": [{"node": 0, "4k": 200, "2m": 14, "1g": 0}, ...]; nodes without any are left out. */
void exclaim_json_extents(json_object *o, const char *key, uint32_t nr_nodes,
                          const uint64_t (*extents)[EXCLAIM_EXTENTS]);

/* nodes, total_pages, method, exact and, if not, why. */
void exclaim_json_count(json_object *o, const struct exclaim_count *count);

void exclaim_json_parts(json_object *o, const char *key, const struct exclaim_match *match);

/* Writes @o as one line that no terminal obeys: what json-c leaves of controls is escaped.  -1 if
 * it cannot be written. */
int exclaim_json_write(json_object *o, FILE *to);

/* One line without its newline, valid until @o is freed or printed again. */
const char *exclaim_json_text(json_object *o);

#endif
