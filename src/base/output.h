/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that a hook writes besides its stream and its control pipe, and the one rule for it:
 * nobody who reads it, or does not, keeps a migration waiting.  The log is in exclaim/log.h.
 */
#ifndef EXCLAIM_OUTPUT_H
#define EXCLAIM_OUTPUT_H

#include <stddef.h>

#include <exclaim/error.h>

/* One line on stderr, "exclaim: " in front, cleaned; dropped if nobody takes it at once.  For a
 * file that takes longer it waits a tenth of a second, and leaves a process behind that writes on,
 * as exclaim_detached() does.
 */
void exclaim_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Appends @text, which ends with a newline, in a single write, so that lines of several writers do
 * not mix.  Behind half a line that a full disk has left it begins with a newline of its own.
 */
int exclaim_append_line(const char *path, const char *text, size_t len, struct exclaim_error *err);

/* Opens a file to read from as exclaim_file_open() does.  @errnum of the error is ENOENT if there
 * is none. */
int exclaim_open_read(const char *path, struct exclaim_error *err);

/*
 * Runs @work in a process of its own that nobody has to wait for: none of our descriptors, no
 * terminal, not our child, gone after five minutes at the latest.  Waits @wait_ms for its end, all
 * the same, so that what it wrote is usually there.  Without a process (SYSTEM, of fork()) nothing
 * is done: here nobody could tell how long it takes.
 */
int exclaim_detached(void (*work)(void *arg), void *arg, int wait_ms, struct exclaim_error *err);

/* Closes every descriptor from @first on. */
void exclaim_close_from(int first);

#endif
