/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One error object for the whole project: what, value, limit, which VM and node, in one line.
 *
 * Functions that take a `struct exclaim_error *` return 0 on success and -1 on failure, and fill
 * the object only on failure.  Outer layers add context with exclaim_error_wrap(); the object is
 * printed once, at the top.  Nothing is allocated, so that an error path cannot fail.
 */
#ifndef EXCLAIM_ERROR_H
#define EXCLAIM_ERROR_H

#include <stdbool.h>

/* A closed set.  Only NOFIT means "does not fit"; a caller may decide by the kind alone. */
enum exclaim_error_kind {
    EXCLAIM_OK = 0,
    EXCLAIM_ERR_USAGE,       /* the caller's arguments or configuration are wrong */
    EXCLAIM_ERR_NOFIT,       /* not enough memory, with the numbers in the text */
    EXCLAIM_ERR_UNSUPPORTED, /* this Xen, library or guest cannot do it */
    EXCLAIM_ERR_STREAM,      /* the record or stream is damaged or not for this VM */
    EXCLAIM_ERR_SYSTEM,      /* a system call, hypercall or library failed: errnum says how */
};

struct exclaim_error {
    enum exclaim_error_kind kind;
    int errnum;     /* errno value behind it, 0 if none */
    char text[512]; /* one line, lower case, no trailing dot */
};

/* Fills @err (which may be NULL) and returns -1.  With errnum != 0 its text is appended. */
int exclaim_fail(struct exclaim_error *err, enum exclaim_error_kind kind, int errnum,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the text of @err and returns -1. */
int exclaim_error_wrap(struct exclaim_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The exit code of design section "command line": 2 usage, 3 no fit, 4 unsupported, else 5. */
int exclaim_error_exit_code(const struct exclaim_error *err);

#endif
