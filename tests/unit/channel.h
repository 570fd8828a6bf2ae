/* SPDX-License-Identifier: BSD-2-Clause */
/* The kinds of descriptor that a stream comes through, for the tests of peeking. */
#ifndef TEST_CHANNEL_H
#define TEST_CHANNEL_H

#include "support.h"

enum channel { CHANNEL_UNIX, CHANNEL_TCP, CHANNEL_PIPE, CHANNELS };

/* A connected pair: fd[0] to peek at and read from, fd[1] to write to. */
void channel_open(enum channel kind, int fd[2]);

/* A process that writes to fd[1]: @chunk bytes at a time (0: all at once), yielding in between. */
pid_t channel_writer(const int fd[2], const void *data, size_t len, size_t chunk);
void channel_join(pid_t writer);

/* Reads to the end of the stream and compares every byte. */
void assert_reads(int fd, const void *data, size_t len);

#endif
