/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remembers beside the configuration that its policy was strict: a file that is lost, emptied or
 * spoilt later must not make the host a lenient one.  One mark per configuration file, in
 * /var/lib/exclaim (EXCLAIM_STATE_DIR in the environment: elsewhere).
 */
#ifndef EXCLAIM_STRICT_MARK_H
#define EXCLAIM_STRICT_MARK_H

#include <stdbool.h>
#include <stddef.h>

#include <exclaim/error.h>

/* Whether the last policy that was read from @config_path was strict.  In doubt, e.g. without
 * permission to look, it was. */
bool strict_mark(const char *config_path);

/* Sets or removes the mark, if it is not as it should be. */
int strict_mark_set(const char *config_path, bool strict, struct exclaim_error *err);

#endif
