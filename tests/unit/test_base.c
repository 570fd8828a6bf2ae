/* SPDX-License-Identifier: BSD-2-Clause */
/* What everything stands on: texts and JSON for terminals and logs, errors, UUIDs, CRC-32C. */
#include "support.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/error.h>
#include <exclaim/record.h>
#include <exclaim/uuid.h>

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
static void cleaned_errors(void **state)
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

static void error_texts(void **state)
{
    struct exclaim_error err;

    (void)state;
    assert_int_equal(exclaim_fail(&err, EXCLAIM_ERR_NOFIT, 0, "need %d, free %d", 5, 4), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);
    assert_int_equal(err.errnum, 0);
    assert_string_equal(err.text, "need 5, free 4");
    assert_int_equal(exclaim_fail(&err, EXCLAIM_ERR_SYSTEM, ENOENT, "open %s", "/x"), -1);
    assert_int_equal(err.errnum, ENOENT);
    assert_string_equal(err.text, "open /x: No such file or directory");
    assert_int_equal(exclaim_error_wrap(&err, "line %u", 7u), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
    assert_int_equal(err.errnum, ENOENT);
    assert_string_equal(err.text, "line 7: open /x: No such file or directory");

    assert_int_equal(exclaim_fail(NULL, EXCLAIM_ERR_SYSTEM, 0, "nobody listens"), -1);
    assert_int_equal(exclaim_error_wrap(NULL, "nobody listens"), -1);
}

/* Text of any length, alone and in every layer, ends inside the object. */
static void error_too_long(void **state)
{
    char longest[2048];

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (int len = 500; len < 520; len++) {
        struct exclaim_error *err = malloc(sizeof(*err)); /* ASan watches its end */

        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EACCES, "%.*s", len, longest);
        assert_true(strlen(err->text) >= (size_t)(len < 511 ? len : 511));
        assert_true(strlen(err->text) < sizeof(err->text));
        exclaim_error_wrap(err, "outer");
        assert_memory_equal(err->text, "outer: xxx", 10);
        assert_true(strlen(err->text) < sizeof(err->text));
        exclaim_error_wrap(err, "%.*s", len, longest);
        assert_true(strlen(err->text) < sizeof(err->text));
        free(err);
    }
}

/* The codes of the command line; 1 is never used. */
static void exit_codes(void **state)
{
    static const struct {
        enum exclaim_error_kind kind;
        int code;
    } cases[] = {
        { EXCLAIM_OK, 0 },         { EXCLAIM_ERR_USAGE, 2 },
        { EXCLAIM_ERR_NOFIT, 3 },  { EXCLAIM_ERR_UNSUPPORTED, 4 },
        { EXCLAIM_ERR_STREAM, 5 }, { EXCLAIM_ERR_SYSTEM, 5 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_error err = { .kind = cases[i].kind };

        assert_int_equal(exclaim_error_exit_code(&err), cases[i].code);
    }
}

static void uuid_both_ways(void **state)
{
    static const uint8_t bytes[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                       0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
    static const char want[] = "01234567-89ab-cdef-fedc-ba9876543210";
    char text[EXCLAIM_UUID_TEXT];
    uint8_t back[16];

    (void)state;
    exclaim_uuid_format(bytes, text);
    assert_string_equal(text, want);
    assert_true(exclaim_uuid_parse(want, back));
    assert_memory_equal(back, bytes, 16);
    assert_true(exclaim_uuid_parse("01234567-89AB-cdef-FEDC-ba9876543210", back));
    assert_memory_equal(back, bytes, 16);
}

static void uuid_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "0",
        "vm-name",
        "01234567-89ab-cdef-fedc-ba987654321",
        "01234567-89ab-cdef-fedc-ba98765432100",
        "0123456789abcdeffedcba9876543210",
        "0123456789abcdeffedcba98765432100000",
        "{1234567-89ab-cdef-fedc-ba987654321}",
        "01234567-89ab-cdef-fedc_ba9876543210",
        "0123456-789ab-cdef-fedc-ba9876543210",
        "01234567-89ab-cdef-fedc-ba987654321g",
        "01234567-89ab-cdef-fedc-ba98765432 0",
        "-1234567-89ab-cdef-fedc-ba9876543210",
        "01234567-89ab-cdef-fedc-ba987654321\xe9",
    };
    uint8_t uuid[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (exclaim_uuid_parse(cases[i], uuid)) {
            fail_msg("accepted: %s", cases[i]);
        }
    }
}

/* Every position that holds a digit takes digits only, every dash a dash only. */
static void every_position(void **state)
{
    static const char good[] = "01234567-89ab-cdef-fedc-ba9876543210";
    char text[EXCLAIM_UUID_TEXT];
    uint8_t uuid[16];

    (void)state;
    for (size_t at = 0; good[at]; at++) {
        for (int c = 1; c < 256; c++) {
            bool digit = c && c < 128 && strchr("0123456789abcdefABCDEF", c);

            memcpy(text, good, sizeof(good));
            text[at] = (char)c;
            assert_int_equal(exclaim_uuid_parse(text, uuid), good[at] == '-' ? c == '-' : digit);
        }
    }
}

/* RFC 3720 appendix B.4, and the check value of the CRC catalogues. */
static void vectors(void **state)
{
    uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
    static const uint8_t read_pdu[48] = {
        0x01,        0xc0,        [16] = 0x14, [22] = 0x04, [26] = 0,
        [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
    };
    const struct {
        const void *data;
        size_t len;
        uint32_t crc;
    } cases[] = {
        { zeros, 32, 0x8a9136aa },
        { ones, 32, 0x62a8ab43 },
        { up, 32, 0x46dd794e },
        { down, 32, 0x113fdb5c },
        { read_pdu, 48, 0xd9963a56 },
        { "123456789", 9, 0xe3069283 },
        { "", 0, 0 },
        { "a", 1, 0xc1d04330 },
    };

    (void)state;
    for (uint8_t i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(exclaim_crc32c(cases[i].data, cases[i].len), cases[i].crc);
    }
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(const uint8_t *p, size_t len)
{
    uint32_t crc = ~0u;

    while (len--) {
        crc = __builtin_ia32_crc32qi(crc, *p++);
    }
    return ~crc;
}

/* The CPU has the same polynomial built in. */
static void against_cpu(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("sse4.2")) {
        skip();
    }
    srand(7);
    for (size_t len = 0; len < 300; len++) {
        uint8_t *buf = malloc(len ? len : 1);

        for (size_t i = 0; i < len; i++) {
            buf[i] = (uint8_t)(rand() >> 7);
        }
        assert_int_equal(exclaim_crc32c(buf, len), by_instruction(buf, len));
        free(buf);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean),          cmocka_unit_test(cleaned_errors),
        cmocka_unit_test(written),        cmocka_unit_test(error_texts),
        cmocka_unit_test(error_too_long), cmocka_unit_test(exit_codes),
        cmocka_unit_test(uuid_both_ways), cmocka_unit_test(uuid_refused),
        cmocka_unit_test(every_position), cmocka_unit_test(vectors),
#ifdef __x86_64__
        cmocka_unit_test(against_cpu),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
