/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking at a stream without consuming it. */
#include <exclaim/record.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clock.h"

/*
 * poll() reports "readable" at the first byte, and SO_RCVLOWAT is ignored on AF_UNIX and does not
 * exist for pipes.  So wait for the first byte with poll, for the rest with short sleeps.
 */
#define REST_INTERVAL_MS 2

/* A pipe holds 64 KiB unless told otherwise, a record with its headers a little more. */
#define PIPE_BYTES ((int)(2 * EXCLAIM_PREFIX_MAX))

static ssize_t look_socket(int fd, void *buf, size_t size)
{
    ssize_t r;

    do {
        r = recv(fd, buf, size, MSG_PEEK | MSG_DONTWAIT);
    } while (r < 0 && errno == EINTR);
    return r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : r;
}

static ssize_t look_file(int fd, void *buf, size_t size)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    size_t got = 0;

    if (at < 0) {
        return -1;
    }
    while (got < size) {
        ssize_t r = pread(fd, (char *)buf + got, size - got, at + (off_t)got);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r < 0) {
            return -1;
        }
        if (r == 0) {
            break;
        }
        got += (size_t)r;
    }
    return (ssize_t)got;
}

/*
 * tee() always copies from the front of the pipe, so each look needs an empty pipe of our own.
 * It moves whole buffers by reference: no data is copied but what we read.
 */
static ssize_t look_pipe(int fd, void *buf, size_t size)
{
    int copy[2];
    size_t got = 0;
    ssize_t r;

    if (pipe2(copy, O_CLOEXEC | O_NONBLOCK)) {
        return -1;
    }
    /* Both may be refused above pipe-max-size; then a long record takes the short way out: "not
     * all seen", which the caller reports. */
    fcntl(copy[1], F_SETPIPE_SZ, PIPE_BYTES);
    do {
        r = tee(fd, copy[1], size, SPLICE_F_NONBLOCK);
    } while (r < 0 && errno == EINTR);
    if (r < 0 && errno == EAGAIN) {
        r = 0;
    }
    while (r > 0 && got < (size_t)r) {
        ssize_t n = read(copy[0], (char *)buf + got, (size_t)r - got);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        got += (size_t)n;
    }
    if (r >= 0) {
        r = (ssize_t)got;
    }
    {
        int saved = errno;

        close(copy[0]);
        close(copy[1]);
        errno = saved;
    }
    return r;
}

/* Waits at most @ms for a first byte, a hang-up or a cancel.  Sets what was seen. */
static int wait_for(int fd, int cancel_fd, bool first, int ms, bool *hangup, bool *cancelled)
{
    struct pollfd p[2] = { { .fd = fd, .events = first ? POLLIN | POLLRDHUP : POLLRDHUP },
                           { .fd = cancel_fd, .events = POLLIN } };
    int r = poll(p, 2, ms);

    if (r < 0) {
        return errno == EINTR ? 0 : -1;
    }
    *hangup = (p[0].revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
    *cancelled = cancel_fd >= 0 && p[1].revents != 0;
    return 0;
}

int exclaim_peek(int fd, void *buf, size_t size, size_t need, int timeout_ms, int cancel_fd,
                 size_t *len, bool *closed, struct exclaim_error *err)
{
    const int64_t deadline = exclaim_now_ms() + timeout_ms;
    ssize_t (*look)(int, void *, size_t);
    bool hangup = false, cancelled = false;
    struct stat st;

    *len = 0;
    *closed = false;
    if (fstat(fd, &st)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "stream descriptor %d", fd);
    }
    if (S_ISSOCK(st.st_mode)) {
        look = look_socket;
    } else if (S_ISFIFO(st.st_mode)) {
        look = look_pipe;
        if (fcntl(fd, F_GETPIPE_SZ) < PIPE_BYTES) {
            fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* never make a larger one smaller */
        }
    } else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
        look = look_file;
    } else {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "stream descriptor %d is no socket, pipe or file (mode %o)", fd,
                            st.st_mode & S_IFMT);
    }

    for (;;) {
        /* The order matters: a hang-up seen before a look means that the look saw the last byte. */
        bool was_hangup = hangup;
        int64_t left = deadline - exclaim_now_ms();
        ssize_t r = look(fd, buf, size);

        if (r < 0) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "peek at stream descriptor %d", fd);
        }
        *len = (size_t)r;
        if (*len >= need) {
            return 0;
        }
        if (look == look_file || was_hangup) {
            *closed = true;
            return 0;
        }
        if (cancelled || left <= 0) {
            return 0;
        }
        if (*len && left > REST_INTERVAL_MS) {
            left = REST_INTERVAL_MS;
        }
        if (wait_for(fd, cancel_fd, !*len, (int)left, &hangup, &cancelled)) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "poll stream descriptor %d", fd);
        }
    }
}

int exclaim_record_peek(int fd, int timeout_ms, int cancel_fd, struct exclaim_reservation *res,
                        bool *found, const char **why, struct exclaim_error *err)
{
    static const char late[] = "the stream did not begin in time";
    static const char early[] = "the stream ended before its first record";
    uint8_t buf[EXCLAIM_PREFIX_MAX];
    struct exclaim_prefix prefix = { .need = 1 };
    const int64_t deadline = exclaim_now_ms() + timeout_ms;
    size_t len;
    bool closed;

    *found = false;
    for (;;) {
        int64_t left = deadline - exclaim_now_ms();

        if (exclaim_peek(fd, buf, sizeof(buf), prefix.need, left > 0 ? (int)left : 0, cancel_fd,
                         &len, &closed, err)) {
            return -1;
        }
        if (len < prefix.need) {
            *why = closed ? early : late;
            return 0;
        }
        if (exclaim_prefix_scan(buf, len, &prefix, err)) {
            return -1;
        }
        if (prefix.state == EXCLAIM_PREFIX_ABSENT) {
            *why = prefix.why;
            return 0;
        }
        if (prefix.state == EXCLAIM_PREFIX_COMPLETE) {
            *found = true;
            return exclaim_body_decode(buf + prefix.body, prefix.body_size, res, err);
        }
    }
}
