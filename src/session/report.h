/* SPDX-License-Identifier: BSD-2-Clause */
/* One line per migration and side, made of the session at its end: "exclaim.migration/1". */
#ifndef EXCLAIM_REPORT_H
#define EXCLAIM_REPORT_H

#include <exclaim/session.h>

const char *session_placement_name(enum exclaim_placement placement);

/* Appends one line to @path, creating it (0640, a regular file) and its directory; a single write,
 * so that lines of several writers do not mix.  Nothing is allocated. */
int session_report_append(const struct exclaim_session *s, const char *path,
                          struct exclaim_error *err);

/* The same in one line for people, at most @size bytes: VM, outcome, and for a destination what was
 * reserved and what came of it. */
void session_report_line(const struct exclaim_session *s, char *text, size_t size);

#endif
