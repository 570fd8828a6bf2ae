/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line around the verbs: usage, help, exit codes, a full disk, no Xen. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/config.h>

#define RECORD TEST_DATA "/record-v1.bin"

static char dir[64], conf[160];
static const char *const env[] = { conf, NULL };

static int setup(void **state)
{
    char text[256];

    (void)state;
    make_dir(dir);
    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(text, sizeof(text), "lock_dir = %s/lock\nreport_file = %s/reports\n", dir, dir);
    put_text(strchr(conf, '=') + 1, text);
    return 0;
}

/* @line is split at blanks. */
static void exclaim(struct run *r, const char *line, const char *out_path)
{
    static char copy[512];
    static const char *argv[16];
    size_t n = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    argv[0] = program("EXCLAIM_BIN");
    for (char *word = strtok(copy, " "); word && n < 15; word = strtok(NULL, " ")) {
        argv[n++] = word;
    }
    argv[n] = NULL;
    *r = (struct run){ .argv = argv, .env = env, .out_path = out_path };
    run(r);
}

static const char *const verbs[] = { "caps",      "count",   "host",    "header", "match",
                                     "claim",     "release", "verify",  "status", "check",
                                     "preflight", "plan",    "evacuate" };

static void usage(void **state)
{
    static const char *const lines[] = {
        "header",
        "header a b",
        "header --no-such-option x",
        "header --record x y",
        "header --pages 1 y",
        "caps extra",
        "count",
        "count --record",
        "count --json=1 0",
        "count --count_console_max_pages=many 0",
        "count --policy=none 0",
        "count --lock_dir=relative 0",
        "match",
        "claim 0",
        "claim 0 --pages 1 --node 0=1",
        "claim 0 --pages -1",
        "claim 0 --pages 1x",
        "claim 0 --pages 1099511627777",
        "claim 0 --node 64=1",
        "claim 0 --node =1",
        "claim 0 --node 0",
        "claim 0 --node 0=",
        "verify 0",
        "status --format=xml",
        "release",
        "host --snapshot=file",
        "host --vm x",
        "count --snapshot 0",
        "preflight",
        "preflight --host",
        "preflight x --host a",
        "preflight --host a --apply",
        "preflight --host a --guarantee much --snapshot x",
        "preflight --host a --snapshot x --xapi socket",
        "preflight --host a --snapshot x --user root",
        "plan",
        "plan evacuate",
        "plan evacuate a --host b",
        "plan evacuate a --back each",
        "plan evacuate a --max-moves 0",
        "plan evacuate a --max-moves 65",
        "plan evacuate a --max-moves -1",
        "plan evacuate a --apply",
        "plan rolling a",
        "plan rolling --to a",
        "plan rolling --vm a",
        "plan frobnicate a",
        "evacuate",
        "evacuate a --resume x",
        "evacuate a --events x",
        "evacuate a --partial",
        "evacuate a --disable",
        "evacuate a --keep-enabled",
        "evacuate a --apply --disable --keep-enabled",
        "evacuate a --apply --snapshot x",
        "evacuate --resume x --snapshot y",
        "evacuate a --hold",
        "evacuate a --max-moves many",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct run r;

        exclaim(&r, lines[i], NULL);
        if (run_exit(&r) != 2) {
            fail_msg("%s: exit %d, %s", lines[i], run_exit(&r), r.err);
        }
        assert_string_equal(r.out, "");
        assert_one_line(r.err);
        run_free(&r);
    }
}

static void no_verb(void **state)
{
    static const char *const lines[] = {
        "", "frobnicate", "--json", "-x", "headerx", "help bogus"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct run r;

        exclaim(&r, lines[i], NULL);
        assert_int_equal(run_exit(&r), 2);
        assert_string_equal(r.out, "");
        if (*lines[i]) {
            assert_one_line(r.err);
        }
        for (size_t v = 0; v < ARRAY_SIZE(verbs) && !*lines[i]; v++) {
            assert_non_null(strstr(r.err, verbs[v])); /* what there is */
        }
        run_free(&r);
    }
}

/* A word that is none: one line, which names the nearest or what is wrong with it. */
static void typos(void **state)
{
    static const struct {
        const char *line, *said;
    } cases[] = {
        { "evacute a", "no verb \"evacute\", did you mean evacuate?" },
        { "stauts", "did you mean status?" },
        { "prefligth", "did you mean preflight?" },
        { "hepl", "did you mean help?" },
        { "frobnicate", "no verb \"frobnicate\", exclaim --help lists them" },
        { "help stat", "did you mean status?" },
        { "host --snapshoot", "no option --snapshoot, did you mean --snapshot?" },
        { "plan rolling --max-move=1x", "\"1x\"" }, /* unfinished is taken */
        { "plan rolling --max-mvoes 2", "no option --max-mvoes, did you mean --max-moves?" },
        { "plan rolling --max_mvoes 2", "did you mean --max-moves?" },
        { "count 0 --stray-pagse=4", "did you mean --stray-pages?" },
        { "count 0 --co=4", "--co can be several options, as --count-" },
        { "host --nothing-like-it", "no option --nothing-like-it, see exclaim host --help" },
        { "host --vm x", "--vm is an option of other verbs, see exclaim host --help" },
        { "host --snapshot=x", "--snapshot takes no value, and has one in \"--snapshot=x\"" },
        { "count 0 --record", "--record needs a value behind it" },
        { "count 0 --stray_pages", "--stray-pages needs a value behind it" },
        { "host -s", "no option -s: " },
        { "caps extra", "\"extra\" is too much, usage: exclaim caps" },
        { "count", "what for? usage: exclaim count VM" },
        { "plan evacuate", "which host is to be emptied? usage: exclaim plan evacuate HOST..." },
        { "plan evacuate --host a", "--host is of plan rolling: exclaim plan evacuate HOST..." },
        { "plan evacuate a --back end", "--back is of plan rolling" },
        { "plan rolling a", "\"a\" is too much: plan rolling takes hosts as --host HOST" },
        { "plan rolling --to a", "--to is of plan evacuate" },
        { "plan rolling --only-vm a", "--only-vm is of plan evacuate" },
        { "evacuate", "HOST..., --plan FILE, --resume FILE and --cancel VM" },
        { "evacuate --cancel v a", "--cancel VM stands alone" },
        { "evacuate a --apply --timeout 604801",
          "\"604801\" is not a number of seconds from 1 to 604800" },
        { "plan rolling --bandwidth 1G", "\"1G\" is not a number of MiB/s from 1 to 1000000" },
        { "help cofnig", "did you mean config?" },
        { "help hlep", "no verb \"hlep\", exclaim --help lists them" },
        { "version", "did you mean --version?" },
        { "--verison", "did you mean --version?" },
        { "--json", "a verb goes first" },
        { "evacuate a --step 0", "is not a number from 1 to 100000" },
        { "match --note 00000000-0000-0000-0000-000000000001", "--node SOURCE=NODE for each" },
        { "match --record x --node 0=1", "--node SOURCE=NODE goes with --note UUID" },
        { "match --record x --seconds 5", "--seconds N goes with --note UUID" },
        { "claim 1 --pages x", "--pages \"x\" is not a number of pages from 0 to" },
        { "claim 1 --node 0=x", "--node \"0=x\": \"x\" is not a number of pages from 0 to" },
        { "claim 1 --pages 1 --node 0=1", "give one of --record FILE, --pages N and" },
        { "plan rolling --back eech", "--back \"eech\" is not each, end or none" },
        { "evacuate a --timeout 5", "evacuate: --timeout belongs to --apply" },
        { "evacuate a --partial", "evacuate: --partial belongs to --apply" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct run r;

        exclaim(&r, cases[i].line, NULL);
        if (run_exit(&r) != 2 || !strstr(r.err, cases[i].said)) {
            fail_msg("%s: exit %d, %s", cases[i].line, run_exit(&r), r.err);
        }
        assert_string_equal(r.out, "");
        assert_one_line(r.err);
        run_free(&r);
    }
}

/* Hyphens, and underscores as the file has them. */
static void both_spellings(void **state)
{
    static const char *const lines[] = {
        "count --count-ms-max=x 0",   "count --count_ms_max=x 0", "plan rolling --max-moves x",
        "plan rolling --max_moves x", "count --count-ms_max=x 0",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct run r;

        exclaim(&r, lines[i], NULL);
        assert_int_equal(run_exit(&r), 2);
        if (i < 4) {
            assert_non_null(strstr(r.err, "\"x\" is not a number"));
        }
        run_free(&r);
    }
}

/* No line is wider than a terminal. */
static void assert_narrow(const char *text)
{
    while (*text) {
        const size_t len = strcspn(text, "\n");

        if (len > 80 && !memmem(text, len, dir, strlen(dir))) {
            fail_msg("%zu columns: %.*s", len, (int)len, text);
        }
        text += len + (text[len] != '\0');
    }
}

static void help(void **state)
{
    struct run r;

    (void)state;
    for (size_t i = 0; i < 3 * ARRAY_SIZE(verbs); i++) {
        const char *verb = verbs[i / 3];
        char line[64];

        snprintf(line, sizeof(line), "%s%s%s", i % 3 == 2 ? "help " : "", verb,
                 i % 3 == 0   ? " --help"
                 : i % 3 == 1 ? " -h"
                              : "");
        exclaim(&r, line, NULL);
        assert_int_equal(run_exit(&r), 0);
        assert_non_null(strstr(r.out, verb));
        assert_non_null(strstr(r.out, "--json"));
        assert_non_null(strstr(r.out, "exclaim help config"));
        assert_null(strstr(r.out, "count_ms_max")); /* a reference of its own */
        assert_string_equal(r.err, "");
        assert_narrow(r.out);
        run_free(&r);
    }
    for (size_t i = 0; i < 4; i++) {
        static const char *const lines[] = { "--help", "-h", "help", "help help" };

        exclaim(&r, lines[i], NULL);
        assert_int_equal(run_exit(&r), 0);
        assert_string_equal(r.err, "");
        for (size_t v = 0; v < ARRAY_SIZE(verbs); v++) {
            assert_non_null(strstr(r.out, verbs[v]));
        }
        assert_narrow(r.out);
        run_free(&r);
    }
    exclaim(&r, "help config", NULL);
    assert_int_equal(run_exit(&r), 0);
    for (unsigned int i = 0; exclaim_config_key(i); i++) {
        assert_non_null(strstr(r.out, exclaim_config_key(i)));
    }
    assert_non_null(strstr(r.out, dir));               /* as it is configured here */
    assert_null(strstr(r.out, "see exclaim.conf(5)")); /* each is explained */
    assert_narrow(r.out);
    run_free(&r);
    exclaim(&r, "--version", NULL);
    assert_int_equal(run_exit(&r), 0);
    assert_memory_equal(r.out, "exclaim ", 8);
    run_free(&r);
}

/* A result that cannot be written is no success. */
static void full_disk(void **state)
{
    static const char *const lines[] = { "header " RECORD, "header --json " RECORD, "header --help",
                                         "--help", "--version" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct run r;

        exclaim(&r, lines[i], "/dev/full");
        assert_int_equal(run_exit(&r), 5);
        assert_one_line(r.err);
        run_free(&r);
    }
}

static void broken_config(void **state)
{
    const char *path = strchr(conf, '=') + 1;
    char *good = get_file(path, NULL);
    struct run r;

    (void)state;
    put_text(path, "policy = prefer\n\nno such thing\n");
    exclaim(&r, "caps", NULL);
    assert_int_equal(run_exit(&r), 2);
    assert_one_line(r.err);
    assert_non_null(strstr(r.err, path));
    assert_non_null(strstr(r.err, "line 3"));
    run_free(&r);
    put_text(path, good);
    free(good);
}

/* Without a Xen below: 4, or 5 where a library is there and fails; one line that says so. */
static void no_xen(void **state)
{
    static const char *const formats[] = {
        "caps%s",
        "host%s",
        "count 0%s",
        "count%s some-vm",
        "status%s",
        "claim 1 --pages 5%s",
        "claim 1 --node 0=5%s",
        "release 1%s",
        "verify 1 --node 0=5%s",
    };

    (void)state;
    if (!access("/sys/hypervisor/version", F_OK)) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        for (int json = 0; json < 2; json++) {
            const char *at = strstr(formats[i], "%s");
            char line[128];
            struct run r;

            snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - formats[i]), formats[i],
                     json ? " --json" : "", at + 2);
            exclaim(&r, line, NULL);
            if (run_exit(&r) != 4 && run_exit(&r) != 5) {
                fail_msg("%s: exit %d, %s", line, run_exit(&r), r.err);
            }
            assert_string_equal(r.out, "");
            assert_one_line(r.err);
            assert_non_null(strcasestr(r.err, "xen"));
            run_free(&r);
        }
    }
}

/* The record is read before Xen is asked: a bad one is told as such, on any machine. */
static void bad_record(void **state)
{
    char line[256];
    struct run r;

    (void)state;
    snprintf(line, sizeof(line), "match --record %s/conf", dir);
    exclaim(&r, line, NULL);
    assert_int_equal(run_exit(&r), 5);
    assert_string_equal(r.out, "");
    assert_one_line(r.err);
    assert_non_null(strstr(r.err, "neither a record nor a libxc stream"));
    run_free(&r);
}

/* The pool comes from somewhere that is not there, or is something else: 5, and nothing is printed
 * of a plan. */
static void no_pool(void **state)
{
    static const char *const formats[] = {
        "preflight --host a --snapshot %s/none",
        "plan evacuate a --snapshot %s/conf",
        "plan rolling --json --snapshot %s/conf",
        "evacuate a --snapshot %s/none",
        "preflight --vm a --xapi %s/none --json",
        "plan rolling --xapi %s/none",
        "evacuate a --apply --json --xapi %s/none",
        "evacuate --resume %s/none --apply",
        "evacuate --resume %s/conf",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        const char *at = strstr(formats[i], "%s");
        char line[256];
        struct run r;

        snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - formats[i]), formats[i], dir, at + 2);
        exclaim(&r, line, NULL);
        if (run_exit(&r) != 5) {
            fail_msg("%s: exit %d, %s", line, run_exit(&r), r.err);
        }
        assert_string_equal(r.out, "");
        assert_one_line(r.err);
        assert_non_null(strstr(r.err, dir));
        run_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage),          cmocka_unit_test(no_verb),       cmocka_unit_test(help),
        cmocka_unit_test(full_disk),      cmocka_unit_test(broken_config), cmocka_unit_test(no_xen),
        cmocka_unit_test(bad_record),     cmocka_unit_test(no_pool),       cmocka_unit_test(typos),
        cmocka_unit_test(both_spellings),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
