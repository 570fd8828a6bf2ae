/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens each kind of stream descriptor, with a writer process behind it. */
#include "channel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void tcp_pair(int fd[2])
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
    fd[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd[1], (struct sockaddr *)&at, sizeof(at)), 0);
    /* So that a write of one byte is a packet of one byte. */
    assert_int_equal(setsockopt(fd[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    fd[0] = accept(listener, NULL, NULL);
    assert_true(fd[0] >= 0);
    close(listener);
}

void channel_open(enum channel kind, int fd[2])
{
    switch (kind) {
    case CHANNEL_UNIX:
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
        break;
    case CHANNEL_TCP:
        tcp_pair(fd);
        break;
    default:
        assert_int_equal(pipe(fd), 0);
    }
}

pid_t channel_writer(const int fd[2], const void *data, size_t len, size_t chunk)
{
    const char *at = data;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid) {
        return pid;
    }
    close(fd[0]);
    alarm(60);
    while (len) {
        ssize_t r = write(fd[1], at, chunk && chunk < len ? chunk : len);

        if (r <= 0) {
            _exit(1);
        }
        at += r;
        len -= (size_t)r;
        sched_yield();
    }
    _exit(0);
}

void channel_join(pid_t writer)
{
    int status;

    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
}

void assert_reads(int fd, const void *data, size_t len)
{
    char *buf = malloc(len + 1);
    size_t got = 0;
    ssize_t r;

    while ((r = read(fd, buf + got, len + 1 - got)) > 0) {
        got += (size_t)r;
    }
    assert_int_equal(r, 0);
    assert_int_equal(got, len);
    assert_memory_equal(buf, data, len);
    free(buf);
}
