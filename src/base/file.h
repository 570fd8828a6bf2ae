/* SPDX-License-Identifier: BSD-2-Clause */
/* Files: opened without waiting, read whole up to a limit, and written so that they are there whole
 * or not at all. */
#ifndef EXCLAIM_BASE_FILE_H
#define EXCLAIM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include <exclaim/error.h>

/* exclaim_regular_open() of @path, with the error in words: SYSTEM, @errnum as errno, 0 for what is
 * no regular file. */
int exclaim_file_open(const char *path, int flags, mode_t mode, struct exclaim_error *err);

/* Whether a program may be started with this object loaded, else errno says why not: it would wait
 * for what is no file, before it is anything else.  No descriptor is needed. */
bool exclaim_file_loads(const char *path);

/* A file or, as "-", standard input; free() *data.  SYSTEM: it cannot be read.  STREAM: it has more
 * than @max bytes. */
int exclaim_file_read(const char *path, size_t max, char **data, size_t *len,
                      struct exclaim_error *err);

/* A file that takes the place of @path once it is written. */
struct replacement {
    FILE *f;
    const char *path; /* the caller's */
    char temporary[512];
};

/* With the access that a new file has. */
int replacement_open(struct replacement *r, const char *path, struct exclaim_error *err);

/* Puts it in its place; after a failure elsewhere (@rc), takes it away.  Returns @rc or -1. */
int replacement_close(struct replacement *r, int rc, struct exclaim_error *err);

#endif
