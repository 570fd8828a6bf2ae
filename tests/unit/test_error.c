/* SPDX-License-Identifier: BSD-2-Clause */
/* Error texts: built, wrapped, cut where too long; and the exit codes. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/error.h>

static void texts(void **state)
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
static void too_long(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(too_long),
        cmocka_unit_test(exit_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
