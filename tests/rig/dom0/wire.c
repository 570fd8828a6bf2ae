/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The migration's transport between two hosts of the rig: one TCP connection.
 *
 * usage: wire send ADDRESS PORT               stdin to the connection, the connection to stdout
 *        wire receive PORT COMMAND [ARG]...   the command with the connection as its stdin and stdout
 *
 * busybox nc would do, but it copies about 1 KiB at a time, which under emulation costs most of a migration's time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 1024 * 1024, CONNECT_TRIES = 50 };

static void die(const char *what)
{
    fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address(const char *host, const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

    if (!inet_aton(host, &a.sin_addr)) {
        fprintf(stderr, "wire: no IPv4 address: %s\n", host);
        exit(2);
    }
    return a;
}

static void tune(int s)
{
    int one = 1;

    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void write_all(int fd, const char *p, size_t length)
{
    while (length) {
        ssize_t n = write(fd, p, length);

        if (n < 0 && errno != EINTR)
            die("write");
        if (n > 0) {
            p += n;
            length -= (size_t)n;
        }
    }
}

static int copy_some(int from, int to, char *buffer)
{
    ssize_t n = read(from, buffer, CHUNK);

    if (n < 0 && errno != EINTR)
        die("read");
    if (n > 0)
        write_all(to, buffer, (size_t)n);
    return n != 0;
}

static int send_side(const char *host, const char *port)
{
    struct sockaddr_in a = address(host, port);
    char *buffer = malloc(CHUNK);
    int s = -1;

    /* The receiving side may still be starting. */
    for (int i = 0; i < CONNECT_TRIES; i++) {
        s = socket(AF_INET, SOCK_STREAM, 0);
        if (s < 0)
            die("socket");
        if (!connect(s, (struct sockaddr *)&a, sizeof(a)))
            break;
        if (i == CONNECT_TRIES - 1)
            die(host);
        close(s);
        usleep(100000);
    }
    tune(s);
    fcntl(0, F_SETPIPE_SZ, CHUNK);

    for (struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = s, .events = POLLIN } };;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            die("poll");
        if (p[1].revents && !copy_some(s, 1, buffer))
            return 0;
        if (p[0].revents && !copy_some(0, s, buffer)) {
            shutdown(s, SHUT_WR);
            p[0].fd = -1;
        }
    }
}

static int receive_side(const char *port, char **command)
{
    struct sockaddr_in a = address("0.0.0.0", port);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), s;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 1))
        die(port);
    s = accept(listener, NULL, NULL);
    if (s < 0)
        die("accept");
    tune(s);
    dup2(s, 0);
    dup2(s, 1);
    close(s);
    execvp(command[0], command);
    die(command[0]);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "send"))
        return send_side(argv[2], argv[3]);
    if (argc >= 4 && !strcmp(argv[1], "receive"))
        return receive_side(argv[2], argv + 3);
    fprintf(stderr, "usage: wire send ADDRESS PORT | wire receive PORT COMMAND...\n");
    return 2;
}
