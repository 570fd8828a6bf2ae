/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON of others: what it would cost is known, and refused, before a tree is built. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jread.h"

#define TEXT_BYTES ((size_t)4 << 20)

/* "[PART,PART,...]" of about that size; free() it. */
static char *repeat(const char *part, size_t size, size_t *len)
{
    char *text = malloc(size + 64);
    size_t at = 0;

    assert_non_null(text);
    text[at++] = '[';
    while (at + strlen(part) + 2 < size) {
        at += (size_t)sprintf(text + at, "%s%s", at > 1 ? "," : "", part);
    }
    text[at++] = ']';
    text[at] = '\0';
    *len = at;
    return text;
}

/* Nothing stays, and nothing near the size of such a tree was ever there. */
static void refused(const char *text, size_t len, const char *why)
{
    struct exclaim_error err = { 0 };
    json_object *o;

    assert_int_equal(jread_parse(text, len, &o, &err), -1);
    assert_null(o);
    assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    if (!strstr(err.text, why)) {
        fail_msg("%s", err.text);
    }
}

static void taken(const char *text, size_t len)
{
    struct exclaim_error err = { 0 };
    json_object *o;

    if (jread_parse(text, len, &o, &err)) {
        fail_msg("%s", err.text);
    }
    json_object_put(o);
}

static void too_much(void **state)
{
    static const char *const parts[] = { "{}", "[]", "{\"\":{}}", "[[],{}]", "{\n}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        size_t len;
        char *text = repeat(parts[i], TEXT_BYTES, &len);

        refused(text, len, "MiB of memory");
        free(text);
    }
}

/* What pools, hosts and reports are made of is taken, whatever stands in its strings. */
static void real_shapes(void **state)
{
    static const char *const parts[] = {
        "{\"node\":0,\"pages\":1}",
        "{\"other_config\":{},\"tags\":[],\"power_state\":\"Running\"}",
        "\"{{{{{{{{[[[[[[[[:,:,\\\"{\\\\\"",
        "18446744073709551615",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        size_t len;
        char *text = repeat(parts[i], TEXT_BYTES, &len);

        taken(text, len);
        free(text);
    }
    taken("{}", 2);
    taken("[[],[],{}]\n", 11);
}

/* What json-c would take and no other program does. */
static void no_numbers(void **state)
{
    static const char *const texts[] = { "{\"a\":NaN}", "[Infinity]", "[-Infinity]" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        refused(texts[i], strlen(texts[i]), "no JSON");
    }
    taken("[\"NaN Infinity\"]", 16);
}

static void deep(void **state)
{
    char text[200];

    (void)state;
    for (size_t depth = 1; depth < 90; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        if (depth < 32) {
            taken(text, 2 * depth);
        } else if (depth > 32) {
            refused(text, 2 * depth, "deeper");
        }
    }
}

/* A string that is not closed, a mark at the end: no byte behind the text is looked at. */
static void cut_off(void **state)
{
    static const char *const texts[] = { "", "\"", "\"\\", "{\"a", "[", "[\"\\\"", "{", "," };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        size_t len = strlen(texts[i]);
        char *copy = malloc(len ? len : 1); /* no byte to spare */

        memcpy(copy, texts[i], len);
        refused(copy, len, "");
        free(copy);
    }
}

/* What a host or a report leaves out, or has null for, is no text; the caller compares what it
 * gets.
 */
static void no_text(void **state)
{
    static const char text[] = "{\"a\":\"x\",\"b\":7,\"c\":null}";
    struct exclaim_error err = { 0 };
    json_object *o;

    (void)state;
    assert_int_equal(jread_parse(text, strlen(text), &o, &err), 0);
    assert_string_equal(jread_text(o, "a"), "x");
    assert_string_equal(jread_text(o, "b"), "7");
    assert_string_equal(jread_text(o, "c"), "");
    assert_string_equal(jread_text(o, "d"), "");
    assert_string_equal(jread_text(NULL, "a"), "");
    json_object_put(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_much), cmocka_unit_test(real_shapes), cmocka_unit_test(no_numbers),
        cmocka_unit_test(deep),     cmocka_unit_test(cut_off),     cmocka_unit_test(no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
