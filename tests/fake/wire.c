/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact reads and writes, control lines and the log that the fakes share. */
#include "wire.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int wire_read(int fd, void *buf, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t r = read(fd, (char *)buf + got, len - got);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            return r == 0 && got == 0 ? 0 : -1;
        }
        got += (size_t)r;
    }
    return 1;
}

int wire_write(int fd, const void *buf, size_t len)
{
    while (len) {
        ssize_t r = write(fd, buf, len);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            return -1;
        }
        buf = (const char *)buf + r;
        len -= (size_t)r;
    }
    return 0;
}

int wire_write_header(int fd, uint64_t type, uint64_t len)
{
    const uint64_t header[2] = { htole64(type), htole64(len) };

    return wire_write(fd, header, sizeof(header));
}

int wire_read_header(int fd, uint64_t *type, uint64_t *len)
{
    uint64_t header[2];

    if (wire_read(fd, header, sizeof(header)) != 1) {
        return -1;
    }
    *type = le64toh(header[0]);
    *len = le64toh(header[1]);
    return 0;
}

int64_t wire_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void lines_open(struct lines *l, int fd, size_t limit)
{
    l->fd = fd;
    l->limit = limit < sizeof(l->buf) ? limit : sizeof(l->buf);
    l->len = 0;
    l->eof = l->too_long = false;
}

int lines_fill(struct lines *l)
{
    ssize_t r;

    if (l->len == l->limit) {
        l->too_long = true;
        errno = EMSGSIZE;
        return -1;
    }
    do {
        r = read(l->fd, l->buf + l->len, l->limit - l->len);
    } while (r < 0 && errno == EINTR);
    if (r < 0) {
        return -1;
    }
    l->eof = r == 0;
    l->len += (size_t)r;
    return 0;
}

bool lines_next(struct lines *l, char *line, size_t size)
{
    const char *end = memchr(l->buf, '\n', l->len);
    size_t len, used;

    if (!end && !(l->eof && l->len)) {
        return false;
    }
    len = end ? (size_t)(end - l->buf) : l->len;
    used = end ? len + 1 : len;
    snprintf(line, size, "%.*s", (int)len, l->buf);
    memmove(l->buf, l->buf + used, l->len - used);
    l->len -= used;
    return true;
}

int line_send(int fd, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text) - 1, fmt, ap);
    va_end(ap);
    if (len < 0 || len >= (int)sizeof(text) - 1) {
        errno = EMSGSIZE;
        return -1;
    }
    text[len] = '\n';
    return wire_write(fd, text, (size_t)len + 1);
}

bool fake_spec(const char *word)
{
    const char *at = getenv("FAKE_SPEC");
    const size_t len = strlen(word);

    while (at && *at) {
        if (!strncmp(at, word, len) && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    return false;
}

void fake_note(const char *name, const char *fmt, ...)
{
    const char *dir = getenv("FAKE_DIR");
    char path[256], text[1024];
    va_list ap;
    int fd, len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text) - 1, fmt, ap);
    va_end(ap);
    if (len < 0 || len >= (int)sizeof(text) - 1) {
        len = sizeof(text) - 2;
    }
    text[len] = '\n';
    snprintf(path, sizeof(path), "%s/%s", dir ? dir : "/run/xen", name);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0) {
        wire_write(fd, text, (size_t)len + 1);
        close(fd);
    }
}
