/* SPDX-License-Identifier: BSD-2-Clause */
/* exclaim.conf(5) as a file: what is read, and what a wrong line says. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/config.h>

static char dir[64], path[96];

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/exclaim.conf", dir);
    return setenv(EXCLAIM_CONFIG_ENV, path, 1);
}

static int teardown(void **state)
{
    (void)state;
    drop_dir(dir);
    return 0;
}

static void assert_default(const struct exclaim_config *c)
{
    struct exclaim_config d;

    exclaim_config_default(&d);
    assert_config_equal(c, &d);
}

static void good_files(void **state)
{
    static const char text[] = "# comment\n\n   \t\n  # indented comment = 5\n"
                               "\tpolicy\t=  strict  \r\n"
                               "stray_pages=1\nstray_pages = 2\n"    /* the last one counts */
                               "lock_dir = /a=b\n"                   /* the first = divides */
                               "place_object =\nheadroom_pages = 3"; /* no newline at the end */
    struct exclaim_config c;
    struct exclaim_error err;

    (void)state;
    put_text(path, text);
    if (exclaim_config_load(&c, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(c.policy, EXCLAIM_POLICY_STRICT);
    assert_int_equal(c.stray_pages, 2);
    assert_string_equal(c.lock_dir, "/a=b");
    assert_string_equal(c.place_object, "");
    assert_int_equal(c.headroom_pages, 3);
}

static void broken_files(void **state)
{
    static const struct {
        const char *text, *where, *what;
    } cases[] = {
        { "policy strict\n", " line 1: ", "\"policy strict\" is not \"key = value\"" },
        { "\n# x\nno_key = 5\n", " line 3: ", "unknown key \"no_key\"" },
        { "policy = prefer\npolicy = strict # really\n", " line 2: ", "strict # really" },
        { "= 5\n", " line 1: ", "unknown key \"\"" },
        { "stray_pages =\n", " line 1: ", "stray_pages" },
        { "stray_pages = 1 2", " line 1: ", "\"1 2\" is not a number" },
        { "[section]\n", " line 1: ", "[section]" },
        { "POLICY = strict\n", " line 1: ", "unknown key" },
    };
    char *longest = malloc(100000);
    struct exclaim_config c, want;
    struct exclaim_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put_text(path, cases[i].text);
        assert_int_equal(exclaim_config_load(&c, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
        assert_memory_equal(err.text, path, strlen(path));
        assert_non_null(strstr(err.text, cases[i].where));
        if (!strstr(err.text, cases[i].what)) {
            fail_msg("%s", err.text);
        }
    }
    memset(longest, 'x', 100000);
    put_file(path, longest, 100000);
    assert_int_equal(exclaim_config_load(&c, &err), -1);
    free(longest);

    /* The first wrong line is named, all others hold: a hook goes on with them. */
    put_text(path, "policy = strict\nstray_pages = x\nlock_dir = /a\nwhat\nheadroom_pages = 3\n");
    assert_int_equal(exclaim_config_load(&c, &err), -1);
    assert_non_null(strstr(err.text, " line 2: stray_pages"));
    exclaim_config_default(&want);
    want.policy = EXCLAIM_POLICY_STRICT;
    strcpy(want.lock_dir, "/a");
    want.headroom_pages = 3;
    assert_config_equal(&c, &want);
    assert_int_equal(exclaim_config_load(&c, NULL), -1);
}

/* A file that was named must be there; a directory is none. */
static void no_file(void **state)
{
    struct exclaim_config c;
    struct exclaim_error err;

    (void)state;
    remove(path);
    assert_int_equal(exclaim_config_load(&c, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
    assert_non_null(strstr(err.text, path));
    assert_default(&c); /* and a hook that goes on has the defaults */
    setenv(EXCLAIM_CONFIG_ENV, dir, 1);
    assert_int_equal(exclaim_config_load(&c, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
    setenv(EXCLAIM_CONFIG_ENV, path, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(no_file),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
