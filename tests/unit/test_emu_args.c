/* SPDX-License-Identifier: BSD-2-Clause */
/* xenopsd's command line, as both emu-managers read it. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <exclaim/emu.h>

#define CONTROL "-controloutfd", "4", "-controlinfd", "5"

static void parse(const char *const *list, struct exclaim_emu_args *args)
{
    char *argv[40], *copy[40];
    int argc = 0;

    argv[argc++] = strdup("emu-manager");
    for (; *list; list++) {
        argv[argc++] = strdup(*list);
    }
    argv[argc] = NULL;
    memcpy(copy, argv, sizeof(copy));
    exclaim_emu_parse_args(argc, argv, args);
    for (int i = 0; i < argc; i++) {
        assert_ptr_equal(argv[i],
                         copy[i]); /* not sorted: the real manager gets them as they came */
        free(argv[i]);
    }
    assert_null(argv[argc]);
}

#define PARSE(args, ...) parse((const char *const[]){ __VA_ARGS__, NULL }, args)

/* xen-api ocaml/xenopsd/xc/domain.ml */
static void as_xenopsd_says(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, CONTROL, "-fd", "6", "-mode", "hvm_save", "-domid", "7", "-dm", "qemu", "-live",
          "true", "-debug", "true", "-dm", "vgpu:8");
    assert_true(a.known && a.save && a.hvm && a.live);
    assert_false(a.compress);
    assert_int_equal(a.domid, 7);
    assert_int_equal(a.control_out, 4);
    assert_int_equal(a.control_in, 5);
    assert_int_equal(a.stream_fd, 6);
    assert_int_equal(a.vgpu_fd, 8);
    assert_int_equal(a.node, -1);
    assert_null(exclaim_emu_not_ours(&a));

    PARSE(&a, CONTROL, "-mode", "restore", "-domid", "0", "-fd", "6", "-store_port", "2",
          "-console_port", "3", "-mem_pnode", "1");
    assert_true(a.known);
    assert_false(a.save || a.hvm || a.live);
    assert_int_equal(a.node, 1);
    assert_int_equal(a.vgpu_fd, -1);
    assert_null(exclaim_emu_not_ours(&a));
}

static void every_form(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, "--controloutfd=4", "-controlinfd=5", "--fd", "6", "-mod", "save", "-domid=7",
          "--live=true", "-mem_pnode=0");
    assert_true(a.known && a.save && a.live);
    assert_false(a.hvm);
    assert_int_equal(a.stream_fd, 6);
    assert_int_equal(a.node, 0);
}

/* Options of times to come, values that look like options, words that are none. */
static void unknown_is_passed_over(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, "-shiny", "new", "word", CONTROL, "-glitter", "-5", "-mode", "hvm_restore",
          "-traceparent", "-fd", "-domid", "7", "-fd", "6", "--", "-domid", "9");
    assert_true(a.known);
    assert_int_equal(a.domid, 7);
    assert_int_equal(a.stream_fd, 6);
    /* Of what stands there twice the last one holds. */
    PARSE(&a, CONTROL, "-mode", "save", "-mode", "hvm_restore", "-domid", "7", "-domid", "8");
    assert_true(a.known && a.hvm);
    assert_false(a.save);
    assert_int_equal(a.domid, 8);
}

static void too_little(void **state)
{
    static const char *const cases[][12] = {
        { NULL },
        { CONTROL, NULL },
        { CONTROL, "-mode", "hvm_save", NULL },
        { CONTROL, "-domid", "1", NULL },
        { CONTROL, "-mode", "hvm_build", "-domid", "1", NULL },
        { CONTROL, "-mode", "", "-domid", "1", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", "x", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", "-1", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", "32752", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", NULL },
        { "-controloutfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "4", "-controloutfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "1", "-controloutfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "99999999999", "-controloutfd", "4", "-mode", "save", "-domid", "1",
          NULL },
        { CONTROL, "-mode", "save", "-domid", "1", "-supports", "migration-v2", NULL },
    };
    struct exclaim_emu_args a;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        parse(cases[i], &a);
        if (a.known) {
            fail_msg("case %zu is known", i);
        }
    }
}

static void not_ours(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "6");
    assert_true(a.known);
    assert_string_equal(exclaim_emu_not_ours(&a), "not a live migration");
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "6", "-live", "false");
    assert_non_null(exclaim_emu_not_ours(&a));
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "6", "-live", "true", "-compress",
          "true");
    assert_non_null(strstr(exclaim_emu_not_ours(&a), "compressed"));
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "six", "-live", "true");
    assert_non_null(strstr(exclaim_emu_not_ours(&a), "no stream"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_xenopsd_says),
        cmocka_unit_test(every_form),
        cmocka_unit_test(unknown_is_passed_over),
        cmocka_unit_test(too_little),
        cmocka_unit_test(not_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
