/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's memory as a libxc stream (xen docs/specs/libxc-migration-stream.pandoc), written and
 * parsed as xc_domain_save() and xc_domain_restore() do: headers once, an unknown optional record
 * skipped, anything else that is wrong fatal.  A page's content follows from its number.
 */
#ifndef FAKE_GUEST_H
#define FAKE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define GUEST_BATCH 64u /* pages of one PAGE_DATA record */

int guest_save_begin(int fd, bool pv);
/* @nr pages from @first on, in records of GUEST_BATCH. */
int guest_save_pages(int fd, uint64_t first, uint64_t nr);
int guest_save_end(int fd);

struct guest_restore {
    bool pv;
    /* Memory for @nr more pages; false if there is none. */
    bool (*populate)(void *arg, uint64_t nr);
    void *arg;
    /* What came. */
    uint64_t pages;
    uint32_t optional; /* unknown records that were skipped */
    char why[128];     /* of a failure */
};

/* Reads to the END record and not a byte further; 0 or -1. */
int guest_restore(int fd, struct guest_restore *g);

#endif
