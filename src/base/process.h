/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_PROCESS_H
#define EXCLAIM_PROCESS_H

#include <stdint.h>

/* Start time of a process in clock ticks since boot; 0 if it is gone or a zombie. */
uint64_t exclaim_process_start(int32_t pid);

#endif
