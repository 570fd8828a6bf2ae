/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading JSON that others wrote, at a cost that is known before it is paid. */
#include "jread.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 32

/* What json-c takes for each on a 64-bit host, rounded up: an empty object has a table of 16
 * entries, an empty array one of 32. */
#define OBJECT_BYTES 800u
#define ARRAY_BYTES  400u
#define VALUE_BYTES  80u
#define KEY_BYTES    40u

/* A tree may take so many times its text (small objects with short keys take 50), and never more
 * than that many bytes, which is more than the records of 5000 VMs. */
#define COST_TIMES 64u
#define COST_MAX   (512ull << 20)
#define COST_SMALL (1ull << 20)

#define TOO_DEEP (-1)
#define NOT_JSON (-2)

/*
 * A bound of the memory that a tree of @text takes.  Whatever is not inside of a string counts by
 * its mark alone, so text that is no JSON is not judged here.  Negative: nested too deeply, or NaN
 * and Infinity, which json-c would take.
 */
static int64_t cost(const char *text, size_t size)
{
    uint64_t sum = VALUE_BYTES;
    int depth = 0;

    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '"':
            for (i++; i < size && text[i] != '"'; i++) {
                i += text[i] == '\\';
                sum++;
            }
            break;
        case '{':
        case '[':
            sum += text[i] == '{' ? OBJECT_BYTES : ARRAY_BYTES;
            if (++depth > DEPTH_MAX) {
                return TOO_DEEP;
            }
            break;
        case 'N':
        case 'I':
            return NOT_JSON;
        case '}':
        case ']':
            depth--;
            break;
        case ',':
            sum += VALUE_BYTES;
            break;
        case ':':
            sum += KEY_BYTES + VALUE_BYTES;
            break;
        default:
            break;
        }
    }
    return (int64_t)sum;
}

static int affordable(const char *text, size_t size, struct exclaim_error *err)
{
    const uint64_t times = size * COST_TIMES + COST_SMALL;
    const uint64_t limit = times < COST_MAX ? times : COST_MAX;
    const int64_t bytes = cost(text, size);

    if (bytes == NOT_JSON) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "no JSON: a number that is none");
    }
    if (bytes == TOO_DEEP) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "no JSON that is read here: nested deeper than %d", DEPTH_MAX);
    }
    return (uint64_t)bytes <= limit ? 0
                                    : exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                                                   "JSON of %zu bytes would take %" PRId64
                                                   " MiB of memory, limit %" PRIu64,
                                                   size, bytes >> 20, limit >> 20);
}

int jread_parse(const char *text, size_t size, json_object **value, struct exclaim_error *err)
{
    struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
    enum json_tokener_error why;
    size_t end;

    *value = NULL;
    if (tok && affordable(text, size, err)) {
        json_tokener_free(tok);
        return -1;
    }
    if (!tok) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "JSON of %zu bytes", size);
    }
    if (size > INT_MAX) {
        json_tokener_free(tok);
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "JSON of %zu bytes, limit %d", size,
                            INT_MAX);
    }
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
                                    JSON_TOKENER_VALIDATE_UTF8);
    *value = json_tokener_parse_ex(tok, text, (int)size);
    why = json_tokener_get_error(tok);
    end = json_tokener_get_parse_end(tok);
    json_tokener_free(tok);
    if (why == json_tokener_success) {
        while (end < size && isspace((unsigned char)text[end])) {
            end++;
        }
        if (end == size && *value) {
            return 0;
        }
        json_object_put(*value);
        *value = NULL;
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "JSON ends at byte %zu of %zu, more stands behind it", end, size);
    }
    *value = NULL;
    if (why == json_tokener_continue) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "JSON is cut off after %zu bytes", size);
    }
    return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "no JSON at byte %zu of %zu: %s", end, size,
                        json_tokener_error_desc(why));
}

void jread_fail(struct jread *r, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (r->failed) {
        return;
    }
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0) {
        text[0] = '\0';
    }
    va_end(ap);
    r->failed = true;
    exclaim_fail(r->err, EXCLAIM_ERR_STREAM, 0, "%s", text);
}

json_object *jread_get(json_object *o, const char *key)
{
    json_object *value;

    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &value)
               ? value
               : NULL;
}

const char *jread_text(json_object *o, const char *key)
{
    const char *text = json_object_get_string(jread_get(o, key));

    return text ? text : "";
}

static json_object *get_type(struct jread *r, json_object *o, const char *key, enum json_type type)
{
    json_object *value = jread_get(o, key);

    if (!value) {
        jread_fail(r, "%s is missing", key);
    } else if (!json_object_is_type(value, type)) {
        jread_fail(r, "%s is of type %s, not %s", key,
                   json_type_to_name(json_object_get_type(value)), json_type_to_name(type));
        value = NULL;
    }
    return value;
}

json_object *jread_array(struct jread *r, json_object *o, const char *key)
{
    return get_type(r, o, key, json_type_array);
}

json_object *jread_object(struct jread *r, json_object *o, const char *key)
{
    return get_type(r, o, key, json_type_object);
}

bool jread_number(json_object *value, uint64_t max, uint64_t *number)
{
    const char *text;
    char *end;

    *number = 0;
    if (json_object_is_type(value, json_type_int)) {
        /* Negative ones read as 0 here, and as themselves there. */
        if (json_object_get_int64(value) < 0) {
            return false;
        }
        *number = json_object_get_uint64(value);
        return *number <= max;
    }
    if (!json_object_is_type(value, json_type_string)) {
        return false;
    }
    text = json_object_get_string(value);
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return !*end && !errno && *number <= max;
}

uint64_t jread_u64(struct jread *r, json_object *o, const char *key, uint64_t max, uint64_t missing)
{
    json_object *value = jread_get(o, key);
    uint64_t number;

    if (!value) {
        if (missing == JREAD_NEEDED) {
            jread_fail(r, "%s is missing", key);
            return 0;
        }
        return missing;
    }
    if (!jread_number(value, max, &number)) {
        jread_fail(r, "%s is %.40s, not a number from 0 to %" PRIu64, key,
                   json_object_get_string(value), max);
        return 0;
    }
    return r->failed ? 0 : number;
}

const char *jread_str(struct jread *r, json_object *o, const char *key)
{
    json_object *value = jread_get(o, key);

    if (!value) {
        return "";
    }
    if (!json_object_is_type(value, json_type_string)) {
        jread_fail(r, "%s is not a text", key);
        return "";
    }
    return json_object_get_string(value);
}

bool jread_bool(struct jread *r, json_object *o, const char *key)
{
    json_object *value = jread_get(o, key);

    if (!value) {
        return false;
    }
    if (!json_object_is_type(value, json_type_boolean)) {
        jread_fail(r, "%s is neither true nor false", key);
        return false;
    }
    return json_object_get_boolean(value);
}
