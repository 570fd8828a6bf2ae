/* SPDX-License-Identifier: BSD-2-Clause */
/* The record on its way: whole, in time or not at all, and never at the cost of who shares the
 * stream. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exclaim/record.h>
#include <exclaim/session.h>

static void open_session(struct exclaim_session *s)
{
    memset(s, 0, sizeof(*s));
    s->role = EXCLAIM_ROLE_SOURCE;
    sample_reservation(&s->res, 60); /* some hundred bytes */
    s->dom.hvm = true;
    s->caps.xen_major = 4;
    s->caps.xen_minor = 17;
}

static size_t wanted(const struct exclaim_session *s, uint8_t *buf, size_t size)
{
    struct exclaim_error err;
    size_t len;

    assert_int_equal(
        exclaim_prefix_encode(&s->res, EXCLAIM_GUEST_HVM, 4, 17, buf, size, &len, &err), 0);
    return len;
}

enum kind { UNIX_SOCKET, PIPE, FILE_ON_DISK };

static void open_pair(enum kind kind, int fds[2])
{
    char path[] = "/tmp/exclaim-write-XXXXXX";

    switch (kind) {
    case UNIX_SOCKET:
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        break;
    case PIPE:
        assert_int_equal(pipe(fds), 0);
        break;
    case FILE_ON_DISK:
        fds[1] = mkostemp(path, O_APPEND);
        fds[0] = open(path, O_RDONLY);
        assert_true(fds[0] >= 0 && fds[1] >= 0);
        unlink(path);
        break;
    }
}

/* So full that not a byte more is taken. */
static size_t fill(int fd)
{
    char junk[512] = { 0 };
    size_t put = 0;
    ssize_t r;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((r = write(fd, junk, sizeof(junk))) > 0) {
        put += (size_t)r;
    }
    while ((r = write(fd, junk, 1)) > 0) {
        put += (size_t)r;
    }
    fcntl(fd, F_SETFL, 0);
    return put;
}

static void read_exactly(int fd, void *buf, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t r = read(fd, (char *)buf + got, len - got);

        assert_true(r > 0);
        got += (size_t)r;
    }
}

static void whole(void **state)
{
    uint8_t want[EXCLAIM_PREFIX_MAX], got[EXCLAIM_PREFIX_MAX];
    struct exclaim_session s;
    int fds[2];
    size_t len;

    (void)state;
    for (enum kind kind = UNIX_SOCKET; kind <= FILE_ON_DISK; kind++) {
        open_session(&s);
        len = wanted(&s, want, sizeof(want));
        open_pair(kind, fds);
        assert_int_equal(exclaim_source_write(&s, fds[1], 60000, -1), 0);
        assert_int_equal(s.outcome, EXCLAIM_OUTCOME_SENT);
        assert_int_equal(s.record_bytes, len);
        assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
        read_exactly(fds[0], got, len);
        assert_memory_equal(got, want, len);
        close(fds[0]);
        close(fds[1]);
    }
}

/* A peer that does not read: nothing is written, and the migration can do without us. */
static void full(void **state)
{
    struct exclaim_session s;
    int fds[2];

    (void)state;
    for (enum kind kind = UNIX_SOCKET; kind <= PIPE; kind++) {
        open_session(&s);
        open_pair(kind, fds);
        fill(fds[1]);
        assert_int_equal(exclaim_source_write(&s, fds[1], 50, -1), 0);
        assert_int_equal(s.outcome, EXCLAIM_OUTCOME_PASSED);
        assert_non_null(strstr(s.error, "record: 0 of "));
        assert_int_equal(s.record_bytes, 0);
        close(fds[0]);
        close(fds[1]);
    }
}

static void cancelled(void **state)
{
    const uint64_t one = 1;
    struct exclaim_session s;
    int fds[2], cancel = eventfd(0, 0);

    (void)state;
    open_session(&s);
    open_pair(UNIX_SOCKET, fds);
    assert_int_equal(write(cancel, &one, sizeof(one)), sizeof(one));
    assert_int_equal(exclaim_source_write(&s, fds[1], -1, cancel), 0);
    assert_int_equal(s.outcome, EXCLAIM_OUTCOME_PASSED);
    assert_int_equal(recv(fds[0], (char[1]){ 0 }, 1, MSG_DONTWAIT), -1);
    close(fds[0]);
    close(fds[1]);
    close(cancel);
}

/* A peer that is gone is the emulator's to find out. */
static void closed(void **state)
{
    struct exclaim_session s;
    int fds[2];

    (void)state;
    for (enum kind kind = UNIX_SOCKET; kind <= PIPE; kind++) {
        open_session(&s);
        open_pair(kind, fds);
        close(fds[0]);
        assert_int_equal(exclaim_source_write(&s, fds[1], 60000, -1), 0);
        assert_int_equal(s.outcome, EXCLAIM_OUTCOME_PASSED);
        close(fds[1]);
    }
}

/* A part of it is out and the disk is full: nobody can use this stream. */
static void spoilt(void **state)
{
    const struct rlimit small = { .rlim_cur = 100, .rlim_max = RLIM_INFINITY };
    const struct rlimit none = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
    struct exclaim_session s;
    int fds[2];

    (void)state;
    open_session(&s);
    open_pair(FILE_ON_DISK, fds);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(exclaim_source_write(&s, fds[1], 60000, -1), -1);
    setrlimit(RLIMIT_FSIZE, &none);
    assert_int_equal(s.outcome, EXCLAIM_OUTCOME_FAILED);
    assert_non_null(strstr(s.error, "record: 100 of "));
    close(fds[0]);
    close(fds[1]);
}

struct reader {
    int fd;
    size_t skip, len;
    uint8_t got[EXCLAIM_PREFIX_MAX];
};

static void *read_slowly(void *arg)
{
    struct reader *r = arg;
    uint8_t byte;

    for (size_t i = 0; i < r->skip; i++) {
        read_exactly(r->fd, &byte, 1);
    }
    for (size_t i = 0; i < r->len; i++) {
        read_exactly(r->fd, &r->got[i], 1);
    }
    return NULL;
}

/* Through a full buffer, byte by byte: it all arrives. */
static void slow_reader(void **state)
{
    uint8_t want[EXCLAIM_PREFIX_MAX];
    static struct reader r;
    struct exclaim_session s;
    pthread_t thread;
    int fds[2];

    (void)state;
    for (enum kind kind = UNIX_SOCKET; kind <= PIPE; kind++) {
        open_session(&s);
        open_pair(kind, fds);
        r.fd = fds[0];
        r.len = wanted(&s, want, sizeof(want));
        r.skip = fill(fds[1]);
        assert_int_equal(pthread_create(&thread, NULL, read_slowly, &r), 0);
        assert_int_equal(exclaim_source_write(&s, fds[1], 60000, -1), 0);
        pthread_join(thread, NULL);
        assert_int_equal(s.outcome, EXCLAIM_OUTCOME_SENT);
        assert_memory_equal(r.got, want, r.len);
        close(fds[0]);
        close(fds[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),  cmocka_unit_test(full),   cmocka_unit_test(cancelled),
        cmocka_unit_test(closed), cmocka_unit_test(spoilt), cmocka_unit_test(slow_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
