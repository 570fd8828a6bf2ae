/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter in front of terminals, logs and JSON, and JSON that is written without memory. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/jwrite.h"
#include "base/text.h"

static const struct {
    const char *raw, *clean;
} texts[] = {
    { "", "" },
    { "db-prod 1 ~", "db-prod 1 ~" },
    { "W\xc3\xbcrfel \xe2\x82\xac \xf0\x9f\x92\xbe",
      "W\xc3\xbcrfel \xe2\x82\xac \xf0\x9f\x92\xbe" },
    { "a\nb\tc\rd", "a?b?c?d" },
    { "\x1b]0;owned\x07\x1b[2J\x7f", "?]0;owned??[2J?" },
    { "\xc2\x9b"
      "31m \xc2\x85",
      "?31m ?" }, /* C1: CSI and NEL */
    { "a\xe2\x80\xa8"
      "b\xe2\x80\xae"
      "c",
      "a?b?c" },                   /* line separator, right to left */
    { "\xff\xfe x\xc3", "?? x?" }, /* no UTF-8, cut off */
    { "\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80",
      "?? ??? ????" }, /* overlong, surrogate, too large */
};

static void clean(void **state)
{
    char buf[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        snprintf(buf, sizeof(buf), "%s", texts[i].raw);
        assert_string_equal(exclaim_clean(buf), texts[i].clean);
        exclaim_clean_copy(buf, sizeof(buf), texts[i].raw);
        assert_string_equal(buf, texts[i].clean);
        for (size_t size = 1; size < 8; size++) { /* whole characters only */
            memset(buf, 'x', sizeof(buf));
            exclaim_clean_copy(buf, size, texts[i].raw);
            assert_true(strlen(buf) < size);
            assert_memory_equal(buf, texts[i].clean, strlen(buf));
            exclaim_clean_copy(buf + 32, 32, buf);
            assert_string_equal(buf, buf + 32);
        }
    }
}

/* Errors are lines: whatever a caller puts into one. */
static void errors(void **state)
{
    struct exclaim_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        exclaim_fail(&err, EXCLAIM_ERR_SYSTEM, 0, "%s", texts[i].raw);
        assert_string_equal(err.text, texts[i].clean);
        exclaim_fail(&err, EXCLAIM_ERR_SYSTEM, 0, "x");
        exclaim_error_wrap(&err, "%s", texts[i].raw);
        assert_memory_equal(err.text, texts[i].clean, strlen(texts[i].clean));
    }
}

/* Programs get every character that is one; nothing that a terminal obeys is in the line. */
static void written(void **state)
{
    char buf[512], other[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        json_object *o, *value;
        struct jwrite w;

        jwrite_init(&w, buf, sizeof(buf));
        jwrite_begin(&w, NULL, '{');
        jwrite_str(&w, "a\"\\b", texts[i].raw);
        jwrite_begin(&w, "list", '[');
        jwrite_u64(&w, NULL, UINT64_MAX);
        jwrite_bool(&w, NULL, true);
        jwrite_end(&w, ']');
        jwrite_begin(&w, "none", '[');
        jwrite_end(&w, ']');
        jwrite_bool(&w, "last", false);
        jwrite_end(&w, '}');
        assert_false(w.full);
        assert_int_equal(w.len, strlen(buf));
        snprintf(other, sizeof(other), "%s", texts[i].raw);
        o = json_tokener_parse(buf);
        assert_non_null(o);
        assert_true(json_object_object_get_ex(o, "a\"\\b", &value));
        if (i < 7) { /* the others are no text */
            assert_string_equal(json_object_get_string(value), texts[i].raw);
        }
        assert_true(json_object_object_get_ex(o, "list", &value));
        assert_int_equal(json_object_array_length(value), 2);
        json_object_put(o);
        exclaim_clean_copy(other, sizeof(other), buf);
        assert_memory_equal(other, buf, strlen(other)); /* nothing to clean */
        for (size_t size = 1; size < strlen(buf); size++) {
            char *room = malloc(size);

            jwrite_init(&w, room, size);
            jwrite_begin(&w, NULL, '{');
            jwrite_str(&w, "key", buf);
            jwrite_end(&w, '}');
            assert_true(w.full && w.len < size);
            free(room);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean),
        cmocka_unit_test(errors),
        cmocka_unit_test(written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
