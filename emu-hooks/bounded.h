/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a program within bounds of time and output. */
#ifndef EXCLAIM_BOUNDED_H
#define EXCLAIM_BOUNDED_H

#include <stddef.h>

#include <exclaim/error.h>

struct bounded {
    char *out;     /* all of stdout, zero terminated; free() it */
    size_t len;    /* may be more than strlen() if a zero byte was printed */
    char err[512]; /* the first line of stderr, or as much of it as fits */
    int exit;      /* exit code; 128 + number for a signal */
};

/*
 * Runs @path, without a shell, with /dev/null as stdin and our environment.  Above @max_out bytes
 * of stdout or after @limit_ms milliseconds it is killed, and that is SYSTEM, as is a program that
 * cannot be started.  The call returns at most a second after the limit, even if the program is
 * stuck in the kernel.  It dies with us.
 */
int bounded_run(const char *path, char *const *argv, size_t max_out, int limit_ms,
                struct bounded *result, struct exclaim_error *err);

#endif
