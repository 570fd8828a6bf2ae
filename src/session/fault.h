/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_FAULT_H
#define EXCLAIM_FAULT_H

/*
 * A place where a test may want this process to die: kills it with SIGKILL if the environment
 * variable EXCLAIM_FAULT names @point.  The points are the states of tests/model/ledger.pml.
 */
void exclaim_fault(const char *point);

#endif
