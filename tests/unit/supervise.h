/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A supervisor for the tests of src/toolstack/child.c: a process of its own, as the hook is,
 * because it blocks signals, closes descriptors and ends as its child ends.
 */
#ifndef TEST_SUPERVISE_H
#define TEST_SUPERVISE_H

#include "support.h"

/* Runs `sh -c script` under a supervisor whose stdin and stdout are in and out. */
pid_t supervise(const char *script, int in, int out);

/* Reads until EOF; a minute is the end of patience. */
size_t read_all(int fd, char *buf, size_t size);
void read_line(int fd, char *buf, size_t size);

#endif
