/* SPDX-License-Identifier: BSD-2-Clause */
/* exclaim.conf(5): each key, its range, its default; and as a file: what is read, and what a wrong
 * line says. */
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

static void assert_default(const struct exclaim_config *c)
{
    struct exclaim_config d;

    exclaim_config_default(&d);
    assert_config_equal(c, &d);
}

static void defaults(void **state)
{
    struct exclaim_config c;
    struct exclaim_error err;

    (void)state;
    exclaim_config_default(&c);
    assert_int_equal(c.policy, EXCLAIM_POLICY_PREFER);
    assert_string_equal(c.report_file, "/var/log/exclaim/migrations.ndjson");
    assert_string_equal(c.lock_dir, "/run/exclaim");
    assert_true(c.peek_timeout_ms > 0 && c.peek_timeout_ms <= 600000);
    assert_true(c.place_object[0] == '/');
    put_text(path, "");
    assert_int_equal(exclaim_config_load(&c, &err), 0);
    assert_default(&c);
}

/* Each key of exclaim.conf(5) with one value, and where it arrives. */
static const struct {
    const char *key, *value;
    size_t offset;
    uint64_t number, max; /* max 0: a path */
    bool optional;        /* a path that may be empty */
} keys[] = {
#define NUMBER(k, v, max)                                                                          \
    {                                                                                              \
#k, #v, offsetof(struct exclaim_config, k), v, max, false                                  \
    }
#define PATH(k, size, opt)                                                                         \
    {                                                                                              \
#k, "/tmp/a b", offsetof(struct exclaim_config, k), size, 0, opt                           \
    }
    NUMBER(stray_pages, 17, 1ull << 40),
    NUMBER(headroom_pages, 0, 1ull << 40),
    NUMBER(count_console_max_pages, 1099511627776, 1ull << 40),
    NUMBER(count_workers, 4, 64),
    NUMBER(count_ms_max, 1234, 600000),
    NUMBER(verify_paused_max_pages, 12345, 1ull << 40),
    NUMBER(peek_timeout_ms, 600000, 600000),
    PATH(lock_dir, 200, false),
    PATH(report_file, 256, false),
    PATH(libxl_save_helper, 256, true),
    PATH(emu_manager, 256, true),
    PATH(xenguest, 256, true),
    PATH(place_object, 256, true),
};

static void every_key(void **state)
{
    unsigned int nr = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct exclaim_config by_set, by_file;
        struct exclaim_error err;
        char line[128];
        const char *field;
        bool listed = false;

        exclaim_config_default(&by_set);
        assert_int_equal(exclaim_config_set(&by_set, keys[i].key, keys[i].value, &err), 0);
        field = (const char *)&by_set + keys[i].offset;
        if (keys[i].max) {
            assert_memory_equal(field, &keys[i].number, sizeof(uint64_t));
        } else {
            assert_string_equal(field, keys[i].value);
        }
        snprintf(line, sizeof(line), "%s=%s\n", keys[i].key, keys[i].value);
        put_text(path, line);
        assert_int_equal(exclaim_config_load(&by_file, &err), 0);
        assert_config_equal(&by_file, &by_set);
        for (unsigned int k = 0; exclaim_config_key(k); k++) {
            listed |= !strcmp(exclaim_config_key(k), keys[i].key);
        }
        assert_true(listed);
    }
    while (exclaim_config_key(nr)) {
        nr++;
    }
    assert_int_equal(nr, ARRAY_SIZE(keys) + 2); /* and policy, superpages */
}

static void policies(void **state)
{
    static const char *const names[] = { "prefer", "strict", "observe" };
    struct exclaim_config c = { 0 };
    struct exclaim_error err;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(exclaim_config_set(&c, "policy", names[i], &err), 0);
        assert_int_equal(c.policy, i);
        assert_string_equal(exclaim_policy_name(i), names[i]);
    }
    assert_string_equal(exclaim_policy_name(3), "?");
    assert_int_equal(exclaim_config_set(&c, "policy", "Strict", &err), -1);
    assert_non_null(strstr(err.text, "prefer, strict or observe"));
    assert_int_equal(c.policy, EXCLAIM_POLICY_OBSERVE);
}

static void superpages(void **state)
{
    static const char *const bad[] = { "", "Yes", "1", "true", "yes ", "noo" };
    struct exclaim_config c;
    struct exclaim_error err;

    (void)state;
    exclaim_config_default(&c);
    assert_int_equal(c.superpages, 1);
    put_text(path, "superpages = no\n");
    assert_int_equal(exclaim_config_load(&c, &err), 0);
    assert_int_equal(c.superpages, 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(exclaim_config_set(&c, "superpages", bad[i], &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
        assert_non_null(strstr(err.text, "yes or no"));
        assert_int_equal(c.superpages, 0);
    }
    assert_int_equal(exclaim_config_set(&c, "superpages", "yes", &err), 0);
    assert_int_equal(c.superpages, 1);
}

/* A value out of range changes nothing and says what is allowed. */
static void ranges(void **state)
{
    static const char *const bad[] = { "",   "-1",   "+1",  " 1",  "1 ",
                                       "1k", "0x10", "1.5", "one", "18446744073709551616" };
    struct exclaim_error err;
    struct exclaim_config c;

    (void)state;
    exclaim_config_default(&c);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        char value[512];

        if (keys[i].max) {
            for (size_t b = 0; b < ARRAY_SIZE(bad); b++) {
                assert_int_equal(exclaim_config_set(&c, keys[i].key, bad[b], &err), -1);
                assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
                assert_non_null(strstr(err.text, keys[i].key));
            }
            snprintf(value, sizeof(value), "%llu", (unsigned long long)keys[i].max + 1);
            assert_int_equal(exclaim_config_set(&c, keys[i].key, value, &err), -1);
            snprintf(value, sizeof(value), "0 to %llu", (unsigned long long)keys[i].max);
            assert_non_null(strstr(err.text, value));
        } else {
            struct exclaim_config one = c;

            memset(value, 'x', sizeof(value));
            value[0] = '/';
            value[keys[i].number] = '\0';
            assert_int_equal(exclaim_config_set(&c, keys[i].key, value, &err), -1);
            value[keys[i].number - 1] = '\0';
            assert_int_equal(exclaim_config_set(&one, keys[i].key, value, &err), 0);
            assert_int_equal(exclaim_config_set(&one, keys[i].key, "", &err),
                             keys[i].optional ? 0 : -1);
            assert_int_equal(exclaim_config_set(&c, keys[i].key, "relative/path", &err), -1);
            assert_non_null(strstr(err.text, "absolute"));
        }
    }
    assert_int_equal(exclaim_config_set(&c, "polici", "strict", &err), -1);
    assert_non_null(strstr(err.text, "\"polici\""));
    assert_default(&c);
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
        { "\n# x\nno_key = 5\n",
          " line 3: ", "unknown key \"no_key\", exclaim help config lists them" },
        { "polciy = strict\n", " line 1: ", "unknown key \"polciy\", did you mean policy?" },
        { "count-ms-max = 5\n", " line 1: ", "\"count-ms-max\", did you mean count_ms_max?" },
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
        cmocka_unit_test(defaults),     cmocka_unit_test(every_key), cmocka_unit_test(policies),
        cmocka_unit_test(superpages),   cmocka_unit_test(ranges),    cmocka_unit_test(good_files),
        cmocka_unit_test(broken_files), cmocka_unit_test(no_file),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
