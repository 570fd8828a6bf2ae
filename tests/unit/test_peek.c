/* SPDX-License-Identifier: BSD-2-Clause */
/* The record is found through every kind of descriptor, and not a byte of the stream is consumed.
 */
#include "channel.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/record.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_channel),    cmocka_unit_test(record_alone),
        cmocka_unit_test(largest_record),   cmocka_unit_test(from_file),
        cmocka_unit_test(flags_untouched),  cmocka_unit_test(damaged),
        cmocka_unit_test(large_pipe_stays),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
