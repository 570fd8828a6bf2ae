/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a hook opens a file whose place is known and whose kind is not: without waiting for what may
 * stand there instead, a pipe or a device.  libc only: the placing object has it, too.
 */
#ifndef EXCLAIM_BASE_REGULAR_H
#define EXCLAIM_BASE_REGULAR_H

#include <sys/types.h>

/*
 * As openat(), @flags completed with O_CLOEXEC, O_NOCTTY and O_NONBLOCK, which is nothing to a
 * regular file.  -1 with errno, which is 0 if that is no regular file.
 */
int exclaim_regular_open(int dir, const char *name, int flags, mode_t mode);

#endif
