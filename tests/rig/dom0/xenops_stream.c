/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the two sides: connections, the handshake, and what xenopsd itself writes to the stream and reads from it. */
#define _GNU_SOURCE
#include "xenops.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

int send_all(int fd, const void *data, size_t length)
{
    const char *p = data;

    while (length) {
        ssize_t n = write(fd, p, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

int receive_all(int fd, void *data, size_t length)
{
    char *p = data;

    while (length) {
        ssize_t n = read(fd, p, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : EPIPE;
            return -1;
        }
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

int send_record(int fd, uint64_t type, const char *body)
{
    uint64_t head[2] = { type, strlen(body) };

    return send_all(fd, head, sizeof(head)) || send_all(fd, body, strlen(body)) ? -1 : 0;
}

int agree(int fd)
{
    return send_all(fd, "\0\0", 2);
}

int agreed(int fd, const char *what)
{
    char word[2];

    if (receive_all(fd, word, 2) || word[0] || word[1]) {
        fprintf(stderr, "xenops: the other side does not agree: %s\n", what);
        return -1;
    }
    return 0;
}

int read_record(uint64_t type)
{
    uint64_t head[2];
    char body[4096];

    if (receive_all(run.stream, head, sizeof(head)))
        return -1;
    if (head[0] != type || head[1] >= sizeof(body)) {
        fprintf(stderr, "xenops: record %#" PRIx64 " of %" PRIu64 " bytes, wanted %#" PRIx64 "\n", head[0], head[1], type);
        return -1;
    }
    return receive_all(run.stream, body, head[1]);
}

int forge(void)
{
    char bytes[4096];
    ssize_t n;
    int fd;

    if (!option.forged)
        return 0;
    fd = open(option.forged, O_RDONLY);
    n = read(fd, bytes, sizeof(bytes));
    close(fd);
    return n <= 0 || send_all(run.stream, bytes, (size_t)n) ? -1 : 0;
}

int connected(const char *host, const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    int one = 1;

    inet_aton(host, &a.sin_addr);
    for (int i = 0; i < 100; i++) { /* the receiving side may still be starting */
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (!connect(s, (struct sockaddr *)&a, sizeof(a))) {
            setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            return s;
        }
        close(s);
        usleep(100000);
    }
    perror("xenops: connect");
    return -1;
}

/* A process that copies until one end is closed, as stunnel and zstd stand in the way. */
int relayed(int connection, int sends)
{
    int ends[2], from, to;
    char *buffer;

    if (!strcmp(option.stream, "tcp"))
        return connection;
    if (strcmp(option.stream, "pipe") ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC)) {
        perror("xenops: relay");
        return -1;
    }
    /* of a pipe ends[0] is read */
    int ours = sends ? 1 : 0;
    if (fork()) {
        close(connection);
        close(ends[!ours]);
        return ends[ours];
    }
    close(ends[ours]);
    from = sends ? ends[0] : connection;
    to = sends ? connection : ends[1];
    buffer = malloc(CHUNK);
    for (ssize_t n; (n = read(from, buffer, CHUNK)) > 0 || (n < 0 && errno == EINTR);)
        if (n > 0 && send_all(to, buffer, (size_t)n))
            break;
    _exit(0);
}
