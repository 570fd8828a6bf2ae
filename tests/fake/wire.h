/* SPDX-License-Identifier: BSD-2-Clause */
/* What the three fakes share: exact reads and writes, lines of the control protocol, a log. */
#ifndef FAKE_WIRE_H
#define FAKE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1: all of it; 0: the end, before the first byte; -1: an error, or an end half-way. */
int wire_read(int fd, void *buf, size_t len);
/* 0 or -1. */
int wire_write(int fd, const void *buf, size_t len);

/* xenopsd's record header: two little-endian 64 bit numbers. */
int wire_write_header(int fd, uint64_t type, uint64_t len);
int wire_read_header(int fd, uint64_t *type, uint64_t *len);

/* Milliseconds on a clock that only goes forward. */
int64_t wire_now(void);

/* Lines as they come; a reader gives up on one that does not fit in @limit bytes. */
struct lines {
    int fd;
    size_t limit; /* with the newline; at most sizeof(buf) */
    size_t len;
    bool eof, too_long;
    char buf[256 * 1024];
};

void lines_open(struct lines *l, int fd, size_t limit);
/* One read(); -1 on error. */
int lines_fill(struct lines *l);
/* The next whole line without its newline, or what is left of one at the end. */
bool lines_next(struct lines *l, char *line, size_t size);

/* Sends "text\n"; -1 on error. */
int line_send(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether @word is among the comma-separated words of FAKE_SPEC. */
bool fake_spec(const char *word);
/* Appends a line to the file @name in FAKE_DIR, else in /run/xen, if there is one: stderr goes
 * nowhere. */
void fake_note(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
