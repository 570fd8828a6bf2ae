/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions newer than json-c 0.11, for a build with that one. */
#ifndef EXCLAIM_COMPAT_JSON_H
#define EXCLAIM_COMPAT_JSON_H

#include <json-c/json.h>

#if JSON_C_MAJOR_VERSION == 0 && JSON_C_MINOR_VERSION < 14
#include <inttypes.h>
#include <stdio.h>

/* Numbers of ours stay below 2^63: pages, bytes, times. */
static inline json_object *json_object_new_uint64(uint64_t value)
{
    return json_object_new_int64(value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static inline uint64_t json_object_get_uint64(json_object *o)
{
    const int64_t value = json_object_get_int64(o);

    return value < 0 ? 0 : (uint64_t)value;
}

static inline size_t json_tokener_get_parse_end(struct json_tokener *tok)
{
    return (size_t)tok->char_offset;
}
#endif

#if JSON_C_MAJOR_VERSION == 0 && JSON_C_MINOR_VERSION < 12
static inline json_object *json_object_new_double_s(double value, const char *text)
{
    (void)text;
    return json_object_new_double(value);
}
#endif

#endif
