/* SPDX-License-Identifier: BSD-2-Clause */
/* The record is found through every kind of descriptor, and not a byte of the stream is consumed;
 * and peeking that ends without one: other streams, early ends, time, cancel, signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <exclaim/record.h>

#include "channel.h"

/* Long enough for a loaded machine, and never waited for by a test that passes. */
#define PATIENCE_MS 30000

static uint8_t *golden;
static size_t golden_len;
static struct exclaim_reservation want;

static int load(void **state)
{
    (void)state;
    golden = (uint8_t *)get_file(TEST_DATA "/record-v1.bin", &golden_len);
    golden_reservation(&want);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    free(golden);
    return 0;
}

static void peek(int fd, struct exclaim_reservation *res)
{
    struct exclaim_error err = { 0 };
    const char *why = "";
    bool found;

    if (exclaim_record_peek(fd, PATIENCE_MS, -1, res, &found, &why, &err)) {
        fail_msg("%s", err.text);
    }
    if (!found) {
        fail_msg("not found: %s", why);
    }
}

/* The stream arrives in pieces of any size; the reader behind us gets all of it. */
static void every_channel(void **state)
{
    static const size_t chunks[] = { 1, 7, 48, 4096, 0 };
    const size_t len = golden_len + 20000;
    uint8_t *data = malloc(len);

    (void)state;
    memcpy(data, golden, golden_len);
    for (size_t i = golden_len; i < len; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (size_t c = 0; c < ARRAY_SIZE(chunks); c++) {
            struct exclaim_reservation got;
            unsigned int fds;
            pid_t writer;
            int fd[2];

            channel_open(kind, fd);
            writer = channel_writer(fd, data, len, chunks[c]);
            close(fd[1]);
            fds = count_fds();
            peek(fd[0], &got);
            assert_int_equal(count_fds(), fds);
            assert_reservation_equal(&want, &got);
            peek(fd[0], &got); /* and again, as nothing was taken */
            assert_reservation_equal(&want, &got);
            assert_reads(fd[0], data, len);
            close(fd[0]);
            channel_join(writer);
        }
    }
    free(data);
}

/* Nobody closes and nothing follows: the record alone must be enough. */
static void record_alone(void **state)
{
    (void)state;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        struct exclaim_reservation got;
        int fd[2];

        channel_open(kind, fd);
        assert_int_equal(write(fd[1], golden, golden_len), golden_len);
        peek(fd[0], &got);
        assert_reservation_equal(&want, &got);
        close(fd[1]);
        assert_reads(fd[0], golden, golden_len);
        close(fd[0]);
    }
}

/* 64 KiB of record is more than a pipe holds by default and than a socket's first window. */
static void largest_record(void **state)
{
    static const size_t chunks[] = { 3000, 4096, 0 };
    static struct wire w;
    static uint8_t filler[EXCLAIM_RECORD_MAX], stream[EXCLAIM_PREFIX_MAX + 5000];
    size_t len;

    (void)state;
    wire_minimum(&w);
    wire_bytes(&w, 100, filler, EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER - w.len - 5);
    len = wire_stream(stream, w.buf, w.len);
    assert_int_equal(len, EXCLAIM_PREFIX_MAX);
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (size_t c = 0; c < ARRAY_SIZE(chunks); c++) {
            struct exclaim_reservation got;
            pid_t writer;
            int fd[2];

            channel_open(kind, fd);
            writer = channel_writer(fd, stream, sizeof(stream), chunks[c]);
            close(fd[1]);
            peek(fd[0], &got);
            assert_memory_equal(got.uuid, want.uuid, sizeof(want.uuid));
            assert_reads(fd[0], stream, sizeof(stream));
            close(fd[0]);
            channel_join(writer);
        }
    }
}

/* A pipe that its owner has made large stays so: the stream's speed depends on it. */
static void large_pipe_stays(void **state)
{
    struct exclaim_reservation got;
    int fd[2], size;

    (void)state;
    channel_open(CHANNEL_PIPE, fd);
    size = fcntl(fd[0], F_SETPIPE_SZ, 1 << 20);
    if (size < 0) {
        skip();
    }
    assert_int_equal(write(fd[1], golden, golden_len), golden_len);
    peek(fd[0], &got);
    assert_true(fcntl(fd[0], F_GETPIPE_SZ) >= size);
    close(fd[0]);
    close(fd[1]);
}

/* A file is looked at from where its offset stands, and that stays. */
static void from_file(void **state)
{
    static const off_t skip_bytes[] = { 0, 1, 4095 };
    char dir[64], path[128];

    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/stream", dir);
    for (size_t i = 0; i < ARRAY_SIZE(skip_bytes); i++) {
        struct exclaim_reservation got;
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_int_equal(pwrite(fd, golden, golden_len, skip_bytes[i]), golden_len);
        assert_int_equal(lseek(fd, skip_bytes[i], SEEK_SET), skip_bytes[i]);
        peek(fd, &got);
        assert_reservation_equal(&want, &got);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), skip_bytes[i]);
        assert_reads(fd, golden, golden_len);
        close(fd);
    }
    drop_dir(dir);
}

/* The reader's own flags and modes are its own. */
static void flags_untouched(void **state)
{
    (void)state;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (int nonblock = 0; nonblock < 2; nonblock++) {
            struct exclaim_reservation got;
            int fd[2], flags;

            channel_open(kind, fd);
            flags = fcntl(fd[0], F_GETFL) | (nonblock ? O_NONBLOCK : 0);
            fcntl(fd[0], F_SETFL, flags);
            assert_int_equal(write(fd[1], golden, golden_len), golden_len);
            peek(fd[0], &got);
            assert_int_equal(fcntl(fd[0], F_GETFL), flags);
            assert_int_equal(fcntl(fd[0], F_GETFD), 0);
            close(fd[0]);
            close(fd[1]);
        }
    }
}

/* A damaged record is an error, and still nothing is consumed. */
static void damaged(void **state)
{
    uint8_t *bad = malloc(golden_len);

    (void)state;
    memcpy(bad, golden, golden_len);
    bad[100] ^= 1;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        struct exclaim_reservation res;
        struct exclaim_error err = { 0 };
        const char *why;
        bool found;
        int fd[2];

        channel_open(kind, fd);
        assert_int_equal(write(fd[1], bad, golden_len), golden_len);
        assert_int_equal(exclaim_record_peek(fd[0], PATIENCE_MS, -1, &res, &found, &why, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
        close(fd[1]);
        assert_reads(fd[0], bad, golden_len);
        close(fd[0]);
    }
    free(bad);
}

#define PATIENCE_MS 30000

/* Not found, with a reason; fails the test on anything else. */
static const char *not_found(int fd, int timeout_ms, int cancel_fd)
{
    struct exclaim_reservation res;
    struct exclaim_error err = { 0 };
    const char *why = NULL;
    bool found = true;

    if (exclaim_record_peek(fd, timeout_ms, cancel_fd, &res, &found, &why, &err)) {
        fail_msg("%s", err.text);
    }
    assert_false(found);
    assert_non_null(why);
    return why;
}

/* The peer goes away at every offset of the record. */
static void closed_early(void **state)
{
    (void)state;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (size_t n = 0; n < golden_len; n++) {
            uint8_t buf[1024];
            struct exclaim_error err;
            size_t len;
            bool closed;
            int fd[2];

            channel_open(kind, fd);
            if (n) {
                assert_int_equal(write(fd[1], golden, n), n);
            }
            close(fd[1]);
            assert_string_equal(not_found(fd[0], PATIENCE_MS, -1),
                                "the stream ended before its first record");
            assert_int_equal(
                exclaim_peek(fd[0], buf, sizeof(buf), n + 1, PATIENCE_MS, -1, &len, &closed, &err),
                0);
            assert_true(closed);
            assert_int_equal(len, n);
            assert_memory_equal(buf, golden, n);
            assert_reads(fd[0], golden, n);
            close(fd[0]);
        }
    }
}

static void cut_file(void **state)
{
    char dir[64], path[128];

    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/stream", dir);
    for (size_t n = 0; n < golden_len; n++) {
        int fd;

        put_file(path, golden, n);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        not_found(fd, PATIENCE_MS, -1);
        assert_reads(fd, golden, n);
        close(fd);
    }
    drop_dir(dir);
}

/* Another stream is told as soon as its bytes show it, while the peer waits for our answer. */
static void other_stream(void **state)
{
    uint8_t plain[48];
    const struct {
        const void *data;
        size_t len;
        const char *why;
    } cases[] = {
        { "xl migration", 12, "not a libxc stream" },
        { "\0", 1, "not a libxc stream" },
        { "\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\2", 16,
          "a libxc stream of another version than 3" },
        { plain, 48, "a libxc stream without a reservation" },
    };

    (void)state;
    memcpy(plain, golden, 48);
    plain[43] = 0;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            int fd[2];

            channel_open(kind, fd);
            assert_int_equal(write(fd[1], cases[i].data, cases[i].len), cases[i].len);
            assert_string_equal(not_found(fd[0], PATIENCE_MS, -1), cases[i].why);
            close(fd[1]);
            assert_reads(fd[0], cases[i].data, cases[i].len);
            close(fd[0]);
        }
    }
}

/* Nothing comes, or the rest does not: the wait ends by itself, the descriptor stays usable. */
static void in_time(void **state)
{
    static const size_t sent[] = { 0, 1, 47, 100 };

    (void)state;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
            int fd[2];

            channel_open(kind, fd);
            if (sent[i]) {
                assert_int_equal(write(fd[1], golden, sent[i]), sent[i]);
            }
            assert_string_equal(not_found(fd[0], 10, -1), "the stream did not begin in time");
            assert_string_equal(not_found(fd[0], 0, -1), "the stream did not begin in time");
            close(fd[1]);
            assert_reads(fd[0], golden, sent[i]);
            close(fd[0]);
        }
    }
}

/* Without the cancel this would take half a minute and CTest's patience. */
static void cancelled(void **state)
{
    static const size_t sent[] = { 0, 60 };

    (void)state;
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
            struct timespec before, after;
            int fd[2], cancel[2];

            channel_open(kind, fd);
            channel_open(CHANNEL_PIPE, cancel);
            if (sent[i]) {
                assert_int_equal(write(fd[1], golden, sent[i]), sent[i]);
            }
            assert_int_equal(write(cancel[1], "", 1), 1);
            clock_gettime(CLOCK_MONOTONIC, &before);
            not_found(fd[0], PATIENCE_MS, cancel[0]);
            clock_gettime(CLOCK_MONOTONIC, &after);
            assert_true(after.tv_sec - before.tv_sec < PATIENCE_MS / 1000);
            close(fd[0]), close(fd[1]), close(cancel[0]), close(cancel[1]);
        }
    }
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

/* Signals fall into every call of the wait; the record is still found, and time still ends it. */
static void interrupted(void **state)
{
    const struct sigaction act = { .sa_handler = on_alarm }; /* no SA_RESTART */
    const struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { 0 };

    (void)state;
    sigaction(SIGALRM, &act, NULL);
    for (enum channel kind = 0; kind < CHANNELS; kind++) {
        struct exclaim_reservation res;
        struct exclaim_error err = { 0 };
        const char *why = "";
        bool found;
        pid_t writer;
        int fd[2], rc;

        channel_open(kind, fd);
        writer = channel_writer(fd, golden, golden_len, 1);
        alarms = 0;
        setitimer(ITIMER_REAL, &often, NULL);
        rc = exclaim_record_peek(fd[0], PATIENCE_MS, -1, &res, &found, &why, &err);
        setitimer(ITIMER_REAL, &never, NULL);
        if (rc || !found) {
            fail_msg("channel %d: %s%s", (int)kind, err.text, why);
        }
        channel_join(writer);
        close(fd[0]), close(fd[1]);

        channel_open(kind, fd);
        setitimer(ITIMER_REAL, &often, NULL);
        rc = exclaim_record_peek(fd[0], 20, -1, &res, &found, &why, &err);
        setitimer(ITIMER_REAL, &never, NULL);
        assert_int_equal(rc, 0);
        assert_false(found);
        assert_true(alarms > 0);
        close(fd[0]), close(fd[1]);
    }
    signal(SIGALRM, SIG_DFL);
}

static void unsupported(void **state)
{
    static const char *const paths[] = { "/dev/null", "/dev/ptmx", "/" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct exclaim_reservation res;
        struct exclaim_error err = { 0 };
        const char *why;
        bool found = true;
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0) {
            continue; /* no /dev/ptmx in a small container */
        }
        assert_int_equal(exclaim_record_peek(fd, PATIENCE_MS, -1, &res, &found, &why, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_UNSUPPORTED);
        assert_false(found);
        close(fd);
        assert_int_equal(exclaim_record_peek(fd, PATIENCE_MS, -1, &res, &found, &why, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
        assert_int_equal(err.errnum, EBADF);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_channel),    cmocka_unit_test(record_alone),
        cmocka_unit_test(largest_record),   cmocka_unit_test(from_file),
        cmocka_unit_test(flags_untouched),  cmocka_unit_test(damaged),
        cmocka_unit_test(large_pipe_stays), cmocka_unit_test(closed_early),
        cmocka_unit_test(cut_file),         cmocka_unit_test(other_stream),
        cmocka_unit_test(in_time),          cmocka_unit_test(cancelled),
        cmocka_unit_test(interrupted),      cmocka_unit_test(unsupported),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
