/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes by pid and start time: three answers, because what cannot be seen is not dead. */
#ifndef EXCLAIM_PROCESS_H
#define EXCLAIM_PROCESS_H

#include <stdint.h>

enum exclaim_life { EXCLAIM_LIFE_UNKNOWN, EXCLAIM_LIFE_LIVES, EXCLAIM_LIFE_GONE };

/* Start time of a process in clock ticks since boot; 0 if it is gone, a zombie or not readable. */
uint64_t exclaim_process_start_time(int32_t pid);

/* The namespaces in which pids and start times of the calling process count; 0 if not known. */
uint64_t exclaim_process_space(void);

/*
 * What became of process @pid that began at @start, both as seen in @space.  GONE is proven: this
 * very number does not exist, is a zombie, or has begun at another time.  Another namespace, no
 * /proc, no descriptor to read it with or no permission give UNKNOWN.  Allocates nothing.
 */
enum exclaim_life exclaim_process_life(int32_t pid, uint64_t start, uint64_t space);

#endif
