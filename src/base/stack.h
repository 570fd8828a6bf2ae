/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_STACK_H
#define EXCLAIM_STACK_H

#include <stdbool.h>

/*
 * Whether the stack has all the room that a hook uses; from then on it has it for certain.  A
 * process whose address space is nearly full would else end by SIGSEGV at some deep call, with a
 * claim that nobody releases.  Before: not more than 100 KiB may be used, which the kernel gives to
 * every new program.
 */
bool exclaim_stack_ready(void);

#endif
