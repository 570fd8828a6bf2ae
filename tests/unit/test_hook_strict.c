/* SPDX-License-Identifier: BSD-2-Clause */
/* The hook with policy strict, with a broken configuration, and without the helper behind it. */
#include "channel.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], conf[160], helper[128], ran[128], reports[128];
static const char *const env[] = { conf, NULL };
static uint8_t *record;
static size_t record_len;

static int setup(void **state)
{
    char text[256];

    (void)state;
    make_dir(dir);
    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(helper, sizeof(helper), "%s/helper", dir);
    snprintf(ran, sizeof(ran), "%s/ran", dir);
    snprintf(reports, sizeof(reports), "%s/reports", dir);
    snprintf(text, sizeof(text), "#!/bin/sh\ntouch %s\n", ran);
    put_text(helper, text);
    assert_int_equal(chmod(helper, 0755), 0);
    record = (uint8_t *)get_file(TEST_DATA "/record-v1.bin", &record_len);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(record);
    drop_dir(dir);
    return 0;
}

/* These lines of the configuration and the usual ones; nothing has run yet. */
static void configure(const char *lines)
{
    char text[768];

    snprintf(text, sizeof(text), "lock_dir = %s/lock\nreport_file = %s\npeek_timeout_ms = 50\n%s\n",
             dir, reports, lines);
    put_text(strchr(conf, '=') + 1, text);
    remove(ran);
    remove(reports);
}

/* Restores from @fd with a configuration of these lines. */
static void restore(struct run *r, const char *lines, int fd)
{
    static const char *const args[] = {
        "--restore-domain", "5", "-1", "7", "1", "0", "2", "0", "0", "0", NULL
    };
    static const char *argv[16];

    configure(lines);
    argv[0] = program("EXCLAIM_HOOK");
    memcpy(argv + 1, args, sizeof(args));
    *r = (struct run){ .argv = argv, .env = env, .stream_fd = fd };
    run(r);
}

static void strict_with(struct run *r, int fd)
{
    char lines[256];

    snprintf(lines, sizeof(lines), "policy = strict\nlibxl_save_helper = %s", helper);
    restore(r, lines, fd);
}

static void assert_refused(struct run *r, int code, const char *why)
{
    if (run_exit(r) != code) {
        fail_msg("exit %d: %s", run_exit(r), r->err);
    }
    assert_string_equal(r->out, "");
    assert_one_line(r->err);
    if (!strstr(r->err, why)) {
        fail_msg("\"%s\" is not in %s", why, r->err);
    }
    assert_int_not_equal(access(ran, F_OK), 0);
    run_free(r);
}

/* Refused before the first page: with a record but no Xen, and with anything that is no record. */
static void refuses(void **state)
{
    uint8_t damaged[512], plain[48];
    const struct {
        const void *data;
        size_t len;
        bool close;
        const char *why;
    } cases[] = {
        { record, record_len, false, "no xen runs here" },
        { damaged, record_len, false, "CRC-32C" },
        { plain, sizeof(plain), false, "without a reservation" },
        { "junk", 4, false, "not a libxc stream" },
        { record, 100, true, "the stream ended" },
        { record, 100, false, "did not begin in time" },
        { "", 0, true, "the stream ended" },
    };

    (void)state;
    memcpy(damaged, record, record_len);
    damaged[80] ^= 0x80;
    memcpy(plain, record, 48);
    plain[43] = 0;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            char *report;
            struct run r;
            int fd[2];

            channel_open(kind, fd);
            assert_int_equal(write(fd[1], cases[i].data, cases[i].len), cases[i].len);
            if (cases[i].close) {
                close(fd[1]);
            }
            strict_with(&r, fd[0]);
            assert_refused(&r, 3, cases[i].why);
            report = get_file(reports, NULL);
            assert_non_null(strstr(report, "\"outcome\":\"refused\""));
            assert_non_null(strstr(report, cases[i].why));
            free(report);
            close(fd[0]);
            if (!cases[i].close) {
                close(fd[1]);
            }
        }
    }
}

/* A suspend image is no migration, even for strict; a file with a record is checked like a stream.
 */
static void from_file(void **state)
{
    static const size_t lengths[] = { 0, 48, 100 };
    char path[128];
    struct run r;
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "%s/image", dir);
    record[43] ^= 1; /* another first record */
    put_file(path, record, record_len);
    record[43] ^= 1;
    for (size_t i = 0; i <= ARRAY_SIZE(lengths); i++) {
        fd = open(path, O_RDONLY);
        strict_with(&r, fd);
        close(fd);
        assert_int_equal(run_exit(&r), 0);
        assert_string_equal(r.err, "");
        assert_int_equal(access(ran, F_OK), 0);
        run_free(&r);
        if (i < ARRAY_SIZE(lengths)) {
            put_file(path, record, lengths[i]);
        }
    }
    put_file(path, record, record_len);
    fd = open(path, O_RDONLY);
    strict_with(&r, fd);
    close(fd);
    assert_refused(&r, 3, "no xen runs here");
}

static void not_a_stream(void **state)
{
    int fd = open("/dev/null", O_RDONLY);
    struct run r;

    (void)state;
    strict_with(&r, fd);
    assert_refused(&r, 3, "no socket, pipe or file");
    close(fd);
}

/* A restore in a form of times to come: strict lets nothing in of which nothing is known. */
static void unknown_form(void **state)
{
    static const char *const forms[][16] = {
        { "--restore-domain", "5", "-1", "7", "1", "0", "2", "0", "0", "0", "new", NULL },
        { "--restore-domain", "5", "-1", "7", "1", "0", "2", "0", "0", "plain", NULL },
        { "--restore-domain", "five", "-1", "7", "1", "0", "2", "0", "0", "0", NULL },
        { "--restore-domain", NULL },
        { "--send-domain", "5", "-1", "7", "1", "0", "0", NULL }, /* no restore */
        { NULL },
    };
    char image[128];

    (void)state;
    snprintf(image, sizeof(image), "%s/image", dir);
    put_text(image, "an image is no migration");
    for (size_t i = 0; i < ARRAY_SIZE(forms) * 3; i++) {
        const size_t form = i / 3;
        const bool strict = i % 3, file = i % 3 == 2, restores = form < 4;
        const bool refuse = strict && restores && (!file || form > 1);
        const char *argv[20] = { program("EXCLAIM_HOOK") };
        char lines[256], *report;
        struct run r;
        int fd[2];

        channel_open(CHANNEL_PIPE, fd);
        snprintf(lines, sizeof(lines), "policy = %s\nlibxl_save_helper = %s",
                 strict ? "strict" : "prefer", helper);
        configure(lines);
        memcpy(argv + 1, forms[form], sizeof(forms[form]));
        r = (struct run){ .argv = argv, .env = env, .stream_fd = fd[0] };
        if (file) {
            r.stream_fd = open(image, O_RDONLY);
        }
        run(&r);
        if (file) {
            close(r.stream_fd);
        }
        close(fd[0]);
        close(fd[1]);
        if (refuse) {
            assert_refused(&r, 3, "start: arguments of an unknown form: --restore-domain");
        } else {
            assert_int_equal(run_exit(&r), 0);
            assert_string_equal(r.err, "");
            assert_int_equal(access(ran, F_OK), 0);
            run_free(&r);
        }
        if (!restores) {
            assert_int_not_equal(access(reports, F_OK), 0);
            continue;
        }
        report = get_file(reports, NULL);
        assert_non_null(
            strstr(report, refuse ? "\"outcome\":\"refused\"" : "\"outcome\":\"passed\""));
        assert_non_null(strstr(report, "arguments of an unknown form: --restore-domain"));
        free(report);
    }
}

/* The same of emu-manager's; xenopsd reads the reason from its own pipe. */
static void unknown_form_of_emu_manager(void **state)
{
    static const struct {
        const char *argv[16];
        bool restores, alone; /* alone: the real one gets it without us behind it */
    } forms[] = {
        { { "-controloutfd", "5", "-controlinfd", "6", "-fd", "7", "-mode", "hvm_restore" },
          true,
          true },
        { { "-controloutfd", "5", "-fd", "7", "-domid", "7", "-mode", "restore" }, true, true },
        { { "-controloutfd", "5", "-controlinfd", "6", "-domid", "7", "-mode", "restore2" },
          true,
          true },
        { { "-controloutfd", "5", "-controlinfd", "6", "-domid", "7", "-mode", "restore", "-stream",
            "7" },
          true,
          false },
        { { "-controloutfd", "5", "-controlinfd", "6", "-fd", "7", "-mode", "hvm_save" },
          false,
          true },
        { { "-supports", "xenguest", "-mode", "restore" }, false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(forms) * 2; i++) {
        const bool strict = i & 1, refuse = strict && forms[i / 2].restores;
        const char *argv[20] = { program("EXCLAIM_EMU_MANAGER") };
        char lines[256], said[256] = "", *report;
        struct run r;
        int fd[2];

        if (!strict && !forms[i / 2].alone) {
            continue;
        }
        assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
        snprintf(lines, sizeof(lines), "policy = %s\nemu_manager = %s",
                 strict ? "strict" : "prefer", helper);
        configure(lines);
        memcpy(argv + 1, forms[i / 2].argv, sizeof(forms[0].argv));
        r = (struct run){ .argv = argv, .env = env, .stream_fd = fd[1] };
        run(&r);
        assert_string_equal(r.err, "");
        assert_int_equal(run_exit(&r), refuse ? 3 : 0);
        assert_int_equal(!access(ran, F_OK), !refuse);
        run_free(&r);
        if ((read(fd[0], said, sizeof(said) - 1) > 0) != refuse ||
            (refuse &&
             strncmp(said, "error:start: arguments of an unknown form: -control", 51) != 0)) {
            fail_msg("case %zu: %s", i, said);
        }
        close(fd[0]);
        close(fd[1]);
        if (forms[i / 2].restores) {
            report = get_file(reports, NULL);
            assert_non_null(strstr(report, refuse ? "\"refused\"" : "\"passed\""));
            free(report);
        }
    }
}

/* Nothing to start: one line, exit 5. */
static void no_helper(void **state)
{
    char lines[640], own[512];
    int fd[2];
    struct run r;

    (void)state;
    channel_open(CHANNEL_PIPE, fd);
    close(fd[1]);
    snprintf(lines, sizeof(lines), "libxl_save_helper = %s/missing", dir);
    restore(&r, lines, fd[0]);
    assert_refused(&r, 5, "missing");

    /* The hook itself, by its own name and by others: it must not start itself for ever. */
    snprintf(own, sizeof(own), "%s", program("EXCLAIM_HOOK"));
    snprintf(lines, sizeof(lines), "libxl_save_helper = %s", own);
    restore(&r, lines, fd[0]);
    assert_refused(&r, 5, "is this program");
    snprintf(lines, sizeof(lines), "%s/link", dir);
    assert_int_equal(symlink(own, lines), 0);
    snprintf(lines, sizeof(lines), "libxl_save_helper = %s/link", dir);
    restore(&r, lines, fd[0]);
    assert_refused(&r, 5, "is this program");
    close(fd[0]);
}

/* A wrong line in the configuration weakens nothing of the others. */
static void wrong_line(void **state)
{
    char lines[320];
    struct run r;
    int fd[2];

    (void)state;
    channel_open(CHANNEL_PIPE, fd);
    assert_int_equal(write(fd[1], record, record_len), record_len);
    snprintf(lines, sizeof(lines), "stray_pages = few\npolicy = strict\nlibxl_save_helper = %s",
             helper);
    restore(&r, lines, fd[0]);
    assert_refused(&r, 3, "no xen runs here");
    close(fd[0]);
    close(fd[1]);
}

/* A report that cannot be written, a lock_dir that cannot be made: the migration goes on. */
static void surroundings_broken(void **state)
{
    static const char *const broken[] = {
        "report_file = /dev/full", "report_file = /proc/no/such/file",
        "report_file = /",         "lock_dir = /proc/no/such",
        "lock_dir = /dev/null",    "place_object =",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        char lines[256], text[768];
        struct run r;
        int fd[2];

        channel_open(CHANNEL_UNIX, fd);
        assert_int_equal(write(fd[1], record, record_len), record_len);
        close(fd[1]);
        snprintf(lines, sizeof(lines), "libxl_save_helper = %s", helper);
        snprintf(text, sizeof(text), "%s\n%s", lines, broken[i]);
        restore(&r, text, fd[0]);
        assert_int_equal(run_exit(&r), 0);
        assert_int_equal(access(ran, F_OK), 0);
        close(fd[0]);
        run_free(&r);
    }
}

/* The configuration as these bytes, the last that the hook has read being @strict. */
static void restore_with(struct run *r, bool strict, const char *text, int fd)
{
    static const char *const args[] = {
        "--restore-domain", "5", "-1", "7", "1", "0", "2", "0", "0", "0", NULL
    };
    static const char *argv[16];
    char lines[256], *path = strchr(conf, '=') + 1;

    snprintf(lines, sizeof(lines), "policy = %s\nlibxl_save_helper = %s",
             strict ? "strict" : "prefer", helper);
    restore(r, lines, fd);
    assert_int_equal(run_exit(r), strict ? 3 : 0);
    run_free(r);
    remove(ran);
    remove(path);
    if (text) {
        put_text(path, text);
    }
    argv[0] = program("EXCLAIM_HOOK");
    memcpy(argv + 1, args, sizeof(args));
    *r = (struct run){ .argv = argv, .env = env, .stream_fd = fd };
    run(r);
}

/* A host that was strict stays so when its policy is lost, and says why; one that never was goes
 * on as ever. */
static void policy_lost(void **state)
{
    static const struct {
        const char *policy; /* in front of the other lines; NULL: no file */
        const char *why;    /* "": the policy is known */
        bool strict;
    } cases[] = {
        { NULL, "No such file", true },
        { "policy = strcit\n", "line 1: policy: \"strcit\"", true },
        { "policy = strict;\n", "line 1: policy: \"strict;\"", true },
        { "policy strict\n", "line 1: ", true },
        { "polcy = strict\n", "unknown key \"polcy\"", true },
        { "policy = prefer\npolicy = strikt\n", "line 2: policy", true },
        { "\xef\xbb\xbfpolicy = strict\n", "", true },
        { "policy = prefer\nstray_pages = x\n", "", false },
        { "policy = observe\n", "", false },
        { "# the default is meant\n", "", false },
    };
    char text[768], *path = strchr(conf, '=') + 1;
    struct run r;
    int fd[2];

    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            const char *policy = cases[i].policy;

            snprintf(text, sizeof(text),
                     "%slock_dir = %s/lock\nreport_file = %s\npeek_timeout_ms = 50\n"
                     "libxl_save_helper = %s\n",
                     policy ? policy : "", dir, reports, helper);
            channel_open(CHANNEL_PIPE, fd);
            assert_int_equal(write(fd[1], "junk", 4), 4);
            restore_with(&r, strict, policy ? text : NULL, fd[0]);
            if (*cases[i].why ? strict : cases[i].strict) {
                if (policy) { /* else the helper's path is lost as well */
                    assert_refused(&r, 3, *cases[i].why ? cases[i].why : "not a libxc stream");
                } else {
                    assert_int_not_equal(access(ran, F_OK), 0);
                    run_free(&r);
                }
            } else if (policy) {
                assert_int_equal(run_exit(&r), 0);
                assert_int_equal(access(ran, F_OK), 0);
                run_free(&r);
            } else {
                run_free(&r);
            }
            close(fd[0]);
            close(fd[1]);
        }
    }
    remove(path);
}

/* What the policy is now holds for every VM; that it will not be remembered is said, and refuses
 * none. */
static void not_remembered(void **state)
{
    char lines[256], *report;
    struct run r;
    int fd[2];

    (void)state;
    snprintf(lines, sizeof(lines), "policy = strict\nlibxl_save_helper = %s", helper);
    for (int lost = 0; lost < 2; lost++) {
        channel_open(CHANNEL_PIPE, fd);
        assert_int_equal(write(fd[1], record, record_len), record_len);
        setenv("EXCLAIM_STATE_DIR", lost ? "/proc/nowhere" : dir, 1);
        restore(&r, lines, fd[0]);
        setenv("EXCLAIM_STATE_DIR", dir, 1);
        assert_refused(&r, 3, "no xen runs here");
        report = get_file(reports, NULL);
        assert_int_equal(!!strstr(report, "\"config_error\":\"should "), lost);
        assert_int_equal(!!strstr(report, "create /proc/nowhere: "), lost);
        free(report);
        close(fd[0]);
        close(fd[1]);
    }
}

/* The same of what is no file at all, without Xen's helper being in the way. */
static void policy_file_lost(void **state)
{
    char *path = strchr(conf, '=') + 1;
    struct exclaim_config config;
    struct exclaim_error err;
    bool lost;

    (void)state;
    setenv(EXCLAIM_CONFIG_ENV, path, 1);
    for (size_t i = 0; i < 5; i++) {
        for (int strict = 0; strict < 2; strict++) {
            put_text(path, strict ? "policy = strict\n" : "policy = prefer\n");
            assert_int_equal(exclaim_config_load_hook(&config, &lost, &err), 0);
            assert_false(lost);
            remove(path);
            switch (i) {
            case 1:
                assert_int_equal(symlink(path, path), 0);
                break;
            case 2:
                assert_int_equal(mkdir(path, 0700), 0);
                break;
            case 3:
                assert_int_equal(mkfifo(path, 0600), 0);
                break;
            case 4:
                put_text(path, "");
                break;
            default:
                break;
            }
            exclaim_config_load_hook(&config, &lost, &err);
            assert_int_equal(lost, strict);
            assert_int_equal(config.policy, strict ? EXCLAIM_POLICY_STRICT : EXCLAIM_POLICY_PREFER);
            if (strict) {
                assert_non_null(strstr(err.text, "the policy was strict and cannot be read"));
                assert_non_null(strstr(err.text, path));
            }
            remove(path);
        }
    }
    unsetenv(EXCLAIM_CONFIG_ENV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(from_file),
        cmocka_unit_test(not_a_stream),
        cmocka_unit_test(no_helper),
        cmocka_unit_test(wrong_line),
        cmocka_unit_test(surroundings_broken),
        cmocka_unit_test(not_remembered),
        cmocka_unit_test(policy_lost),
        cmocka_unit_test(policy_file_lost),
        cmocka_unit_test(unknown_form),
        cmocka_unit_test(unknown_form_of_emu_manager),
    };

    if (!access("/sys/hypervisor/version", F_OK)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
