/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_CLOCK_H
#define EXCLAIM_CLOCK_H

#include <stdint.h>

/* The time of day in milliseconds since 1970, as people and other machines' clocks have it. */
int64_t exclaim_now_unix_ms(void);

/* Milliseconds on a clock that nobody sets: for every wait and every duration. */
int64_t exclaim_now_ms(void);

/* The same since this machine was started, for what one process writes down and another reads: it
 * goes on while the machine sleeps. */
int64_t exclaim_now_boot_ms(void);

#endif
