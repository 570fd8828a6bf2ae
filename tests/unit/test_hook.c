/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hook in front of a real helper that is a script: on a machine without Xen, what it lets
 * through and what it refuses.
 */
#include "channel.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], conf[160], helper[128], log_path[128], reports[128];
static const char *const env[] = { conf, NULL };
static uint8_t *record;
static size_t record_len;

#define SAVE    "--save-domain", "5", "-1", "7", "1", "0", "0"
#define RESTORE "--restore-domain", "5", "-1", "7", "1", "0", "2", "0", "0", "0"

static void configure(const char *policy, const char *real)
{
    char text[512];

    snprintf(text, sizeof(text),
             "policy = %s\nlibxl_save_helper = %s\nlock_dir = %s/lock\nreport_file = %s\n"
             "peek_timeout_ms = 5000\n",
             policy, real, dir, reports);
    put_text(strchr(conf, '=') + 1, text);
    remove(log_path);
    remove(reports);
}

/* Writes down what it was given: arguments, stdin, the stream, signal masks, descriptors. */
static void write_helper(void)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "#!/bin/sh\n"
             "{ for a; do printf '%%s\\n' \"$a\"; done\n"
             "  echo \"preload=$LD_PRELOAD place=$EXCLAIM_PLACE\"\n"
             "  grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/$$/fd; } >%s\n"
             "case $1 in --restore-domain) cat <&5 >%s/stream;; *) printf emulator >&5;; esac\n"
             "cat\n"
             "exit 42\n",
             log_path, dir);
    put_text(helper, text);
    assert_int_equal(chmod(helper, 0755), 0);
}

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(helper, sizeof(helper), "%s/helper", dir);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    snprintf(reports, sizeof(reports), "%s/reports", dir);
    write_helper();
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

/* Runs the hook with @fd as descriptor 5 and "answer" on stdin. */
static void hook(struct run *r, const char *const *args, int fd)
{
    static const char *argv[16];
    size_t n = 0;

    argv[n++] = program("EXCLAIM_HOOK");
    while (*args) {
        argv[n++] = *args++;
    }
    argv[n] = NULL;
    *r = (struct run){
        .argv = argv, .env = env, .input = "answer", .input_len = 6, .stream_fd = fd
    };
    run(r);
}

/* No signal, and SIGPIPE alone, as proc(5) has them. */
#define NO_SIGNAL    "0000000000000000"
#define SIGPIPE_ONLY "0000000000001000"

/* The helper ran with the hook's own arguments, untouched surroundings but for the signals that are
 * @ignored, and its end is the hook's. */
static void assert_passed(const struct run *r, const char *const *args, const char *ignored)
{
    char *log, *at, masks[64];

    if (run_exit(r) != 42) {
        fail_msg("exit %d: %s", run_exit(r), r->err);
    }
    assert_string_equal(r->out, "answer");
    assert_string_equal(r->err, "");
    at = log = get_file(log_path, NULL);
    for (; *args; args++) {
        assert_memory_equal(at, *args, strlen(*args));
        at += strlen(*args);
        assert_int_equal(*at++, '\n');
    }
    assert_memory_equal(at, "preload= place=\n", 16);
    at += 16;
    snprintf(masks, sizeof(masks), "SigBlk:\t0000000000000000\nSigIgn:\t%s\n", ignored);
    assert_memory_equal(at, masks, strlen(masks));
    /* Besides the stream only what the shell itself keeps: its script and its saved stdout. */
    for (at += strlen(masks); *at; at = strchr(at, '\n') + 1) {
        int fd = atoi(at);

        assert_true(fd <= 2 || fd == 5 || fd >= 10);
    }
    free(log);
}

/* One report line; its outcome and a word of its reason. */
static void assert_reported(const char *role, const char *outcome, const char *why)
{
    char *text = get_file(reports, NULL);
    json_object *o = json_tokener_parse(text), *value;

    assert_int_equal(count_lines(text), 1);
    assert_non_null(o);
    assert_true(json_object_object_get_ex(o, "schema", &value));
    assert_string_equal(json_object_get_string(value), "exclaim.migration/1");
    assert_true(json_object_object_get_ex(o, "role", &value));
    assert_string_equal(json_object_get_string(value), role);
    assert_true(json_object_object_get_ex(o, "outcome", &value));
    assert_string_equal(json_object_get_string(value), outcome);
    assert_true(json_object_object_get_ex(o, "domid", &value));
    assert_int_equal(json_object_get_int(value), 7);
    if (!strstr(text, why)) {
        fail_msg("\"%s\" is not in %s", why, text);
    }
    json_object_put(o);
    free(text);
}

/* The source has no Xen to count with: the emulator's bytes and nothing else are in the stream. */
static void save(void **state)
{
    static const char *const args[] = { SAVE, NULL };
    static const char *const policies[] = { "prefer", "strict", "observe" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
        struct run r;
        int fd[2];

        configure(policies[i], helper);
        channel_open(CHANNEL_UNIX, fd);
        hook(&r, args, fd[1]);
        assert_passed(&r, args, SIGPIPE_ONLY);
        assert_reported("source", "passed", "no xen runs here");
        close(fd[1]);
        assert_reads(fd[0], "emulator", 8);
        close(fd[0]);
        run_free(&r);
    }
}

/* The record is seen and the emulator still reads all of it, whatever the stream comes through. */
static void restore(void **state)
{
    static const char *const args[] = { RESTORE, NULL };
    static const char *const policies[] = { "prefer", "observe" };
    char path[128], *got;
    size_t len;

    (void)state;
    snprintf(path, sizeof(path), "%s/stream", dir);
    for (size_t i = 0; i < ARRAY_SIZE(policies) * CHANNELS; i++) {
        struct run r;
        int fd[2];

        configure(policies[i / CHANNELS], helper);
        channel_open((enum channel)(i % CHANNELS), fd);
        assert_int_equal(write(fd[1], record, record_len), record_len);
        assert_int_equal(write(fd[1], "pages", 5), 5);
        close(fd[1]);
        hook(&r, args, fd[0]);
        close(fd[0]);
        assert_passed(&r, args, NO_SIGNAL);
        assert_reported("destination", "passed", "no xen runs here");
        assert_reported("destination", "passed", "\"pages\":33439");
        got = get_file(path, &len);
        assert_int_equal(len, record_len + 5);
        assert_memory_equal(got, record, record_len);
        assert_string_equal(got + record_len, "pages");
        free(got);
        run_free(&r);
    }
}

/* A source without us: prefer lets it through and says so. */
static void restore_unaware(void **state)
{
    static const char *const args[] = { RESTORE, NULL };
    struct run r;
    int fd[2];

    (void)state;
    configure("prefer", helper);
    channel_open(CHANNEL_PIPE, fd);
    assert_int_equal(write(fd[1], record, 40), 40);
    assert_int_equal(write(fd[1], "\1\0\0\0\0\0\0\0", 8), 8);
    close(fd[1]);
    hook(&r, args, fd[0]);
    close(fd[0]);
    assert_passed(&r, args, NO_SIGNAL);
    assert_reported("destination", "passed",
                    "no reservation: a libxc stream without a reservation");
    run_free(&r);
}

/* Remus, suspend images, other arguments: none of ours, in any policy. */
static void not_ours(void **state)
{
    static const struct {
        const char *args[12];
        const char *why;
    } cases[] = {
        { { "--save-domain", "5", "-1", "7", "1", "0", "1" }, "checkpointed" },
        { { "--save-domain", "5", "-1", "7", "1", "0", "2" }, "checkpointed" },
        { { "--save-domain", "5", "-1", "7", "0", "0", "0" }, "not a live migration" },
        { { "--restore-domain", "5", "-1", "7", "1", "0", "2", "0", "0", "1" }, "checkpointed" },
        { { "--save-domain", "5", "7" }, NULL },
        { { "--frobnicate", "a b", "" }, NULL },
        { { "--save-domain", "5", "-1", "7", "1", "0", "0", "9" }, NULL },
        { { NULL }, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct run r;
        int fd[2];

        configure("strict", helper);
        channel_open(CHANNEL_UNIX, fd);
        shutdown(fd[0], SHUT_WR);
        hook(&r, cases[i].args, fd[1]);
        assert_passed(&r, cases[i].args, NO_SIGNAL);
        if (cases[i].why) {
            assert_reported(strstr(cases[i].args[0], "save") ? "source" : "destination", "passed",
                            cases[i].why);
        } else {
            assert_int_not_equal(access(reports, F_OK), 0);
        }
        close(fd[0]);
        close(fd[1]);
        run_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(save),
        cmocka_unit_test(restore),
        cmocka_unit_test(restore_unaware),
        cmocka_unit_test(not_ours),
    };

    if (!access("/sys/hypervisor/version", F_OK)) {
        return 77; /* CTest's skip: here the hook would act on a real Xen */
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
