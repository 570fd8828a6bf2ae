/* SPDX-License-Identifier: BSD-2-Clause */
/* UUIDs: both ways, refused texts, and what may stand at each position. */
#include "support.h"

#include <string.h>

#include <exclaim/uuid.h>

static void both_ways(void **state)
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

static void refused(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
