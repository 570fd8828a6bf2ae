/* SPDX-License-Identifier: BSD-2-Clause */
/* What libxl passes to its save helper, and what it stores about a domain. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <exclaim/libxl.h>

static int count(const char *const *argv)
{
    int argc = 0;

    while (argv[argc]) {
        argc++;
    }
    return argc;
}

#define HELPER "/usr/lib/xen-4.17/bin/libxl-save-helper"

static void args(void **state)
{
    static const struct {
        const char *argv[14];
        struct exclaim_libxl_args want;
    } cases[] = {
        { { HELPER, "--save-domain", "9", "-1", "3", "1", "0", "0" },
          { true, true, 9, 3, 1, 0, false } },
        { { HELPER, "--save-domain", "9", "8", "3", "5", "15", "1" },
          { true, true, 9, 3, 5, 1, false } },
        { { HELPER, "--save-domain", "9", "8", "32751", "0", "15", "2" },
          { true, true, 9, 32751, 0, 2, false } },
        { { HELPER, "--restore-domain", "8", "-1", "4", "3", "0", "4", "0", "0", "0" },
          { true, false, 8, 4, 0, 0, true } },
        { { HELPER, "--restore-domain", "0", "9", "4294967295", "3", "0", "4", "0", "63", "2" },
          { true, false, 0, UINT32_MAX, 0, 2, true } },
    };
    static const struct {
        const char *argv[14];
    } unknown[] = {
        { { NULL } },
        { { HELPER } },
        { { HELPER, "--save-domain" } },
        { { HELPER, "--save-domain", "9", "-1", "3", "1", "0" } },
        { { HELPER, "--save-domain", "9", "-1", "3", "1", "0", "0", "0" } },
        { { HELPER, "--save-domain", "-1", "-1", "3", "1", "0", "0" } },
        { { HELPER, "--save-domain", "2147483648", "-1", "3", "1", "0", "0" } },
        { { HELPER, "--save-domain", "nine", "-1", "3", "1", "0", "0" } },
        { { HELPER, "--save-domain", "9", "-1", "3x", "1", "0", "0" } },
        { { HELPER, "--save-domain", "9", "-1", "4294967296", "1", "0", "0" } },
        { { HELPER, "--save-domain", "9", "-1", "3", "", "0", "0" } },
        { { HELPER, "--save-domain", "9", "-1", "3", "1", "0", "plain" } },
        { { HELPER, "--restore-domain", "8", "-1", "4", "3", "0", "4", "0", "0" } },
        { { HELPER, "--restore-domain", "8", "-1", "4", "3", "0", "4", "0", "0", "0", "0" } },
        { { HELPER, "--restore-domain", "8", "-1", "4", "3", "0", "4", "0", "0", "" } },
        { { HELPER, "--help", "9", "-1", "3", "1", "0", "0" } },
    };
    struct exclaim_libxl_args got;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        exclaim_libxl_parse_args(count(cases[i].argv), (char *const *)(uintptr_t)cases[i].argv,
                                 &got);
        assert_true(got.known);
        assert_int_equal(got.save, cases[i].want.save);
        assert_int_equal(got.stream_fd, cases[i].want.stream_fd);
        assert_int_equal(got.domid, cases[i].want.domid);
        assert_int_equal(got.flags, cases[i].want.flags);
        assert_int_equal(got.stream_type, cases[i].want.stream_type);
        assert_int_equal(got.restores, cases[i].want.restores);
    }
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        exclaim_libxl_parse_args(count(unknown[i].argv), (char *const *)(uintptr_t)unknown[i].argv,
                                 &got);
        if (got.known) {
            fail_msg("known: case %zu", i);
        }
        assert_int_equal(got.restores, unknown[i].argv[0] && unknown[i].argv[1] &&
                                           !strcmp(unknown[i].argv[1], "--restore-domain"));
    }
}

static void soft_affinity(void **state)
{
    static const struct {
        const char *json; /* NULL: no file */
        enum exclaim_soft_affinity want;
    } cases[] = {
        { NULL, EXCLAIM_SOFT_UNKNOWN },
        { "", EXCLAIM_SOFT_UNKNOWN },
        { "{ \"b_info\": {", EXCLAIM_SOFT_UNKNOWN },
        { "[]", EXCLAIM_SOFT_UNKNOWN },
        { "null", EXCLAIM_SOFT_UNKNOWN },
        { "{ \"c_info\": {} }", EXCLAIM_SOFT_UNKNOWN },
        { "{ \"c_info\": { \"type\": \"pvh\" }, \"b_info\": { \"max_vcpus\": 2 } }",
          EXCLAIM_SOFT_AUTOMATIC },
        { "{ \"b_info\": { \"vcpu_soft_affinity\": [ [ 0, 1 ], [ 0, 1 ] ] } }", EXCLAIM_SOFT_USER },
        { "{ \"b_info\": { \"cpumap\": [ 0, 1, 2 ] } }", EXCLAIM_SOFT_USER },
        { "{ \"b_info\": { \"cpumap\": [] } }", EXCLAIM_SOFT_AUTOMATIC },
        { "{ \"b_info\": { \"cpumap\": \"all\" } }", EXCLAIM_SOFT_AUTOMATIC },
        { "{ \"b_info\": { \"vcpu_hard_affinity\": [ [ 0 ] ] } }", EXCLAIM_SOFT_AUTOMATIC },
    };
    struct exclaim_reservation res;
    char dir[64], path[256], longest[600];

    (void)state;
    sample_reservation(&res, 1);
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/userdata-d.17.10111213-1415-1617-1819-1a1b1c1d1e1f.libxl-json",
             dir);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].json) { /* with its 0, as libxl writes it */
            put_file(path, cases[i].json, strlen(cases[i].json) + 1);
        }
        if (exclaim_libxl_soft_affinity(dir, 17, res.uuid) != cases[i].want) {
            fail_msg("case %zu", i);
        }
    }
    assert_int_equal(exclaim_libxl_soft_affinity(dir, 18, res.uuid), EXCLAIM_SOFT_UNKNOWN);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(exclaim_libxl_soft_affinity(longest, 17, res.uuid), EXCLAIM_SOFT_UNKNOWN);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(args),
        cmocka_unit_test(soft_affinity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
