/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON that others wrote, read without trust.  The first thing that is wrong is kept in the reader
 * and everything after it reads as 0 or "": a caller looks once, at the end. */
#ifndef EXCLAIM_JREAD_H
#define EXCLAIM_JREAD_H

#include <json-c/json.h>

#include <exclaim/error.h>
#include <stddef.h>
#include <stdint.h>

struct jread {
    struct exclaim_error *err;
    bool failed;
};

/*
 * One whole value and nothing behind it; free with json_object_put().  STREAM: where it goes wrong,
 * also when it is only the first half, or nested deeper than 32.  Before anything is built its cost
 * is known: a tree that would take more than 64 times its text (and 1 MiB), or 512 MiB, is refused.
 */
int jread_parse(const char *text, size_t size, json_object **value, struct exclaim_error *err);

/* NULL if @o is no object or has no such member, or it is null. */
json_object *jread_get(json_object *o, const char *key);

/* A member as text, whatever it is; "" if there is none or it is null. */
const char *jread_text(json_object *o, const char *key);

/* A member that must be an array (object); NULL if it is missing or another type, which fails. */
json_object *jread_array(struct jread *r, json_object *o, const char *key);
json_object *jread_object(struct jread *r, json_object *o, const char *key);

/* Whole numbers only, never through floating point; XAPI writes 64-bit ones as text.  Missing is
 * @missing; another type, a sign, or more than @max fails. */
uint64_t jread_u64(struct jread *r, json_object *o, const char *key, uint64_t max,
                   uint64_t missing);
#define JREAD_NEEDED UINT64_MAX /* as @missing: then missing fails */

/* Missing is "" or false; another type fails. */
const char *jread_str(struct jread *r, json_object *o, const char *key);
bool jread_bool(struct jread *r, json_object *o, const char *key);

void jread_fail(struct jread *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The value itself, as jread_u64() takes it; false if it is none. */
bool jread_number(json_object *value, uint64_t max, uint64_t *number);

#endif
