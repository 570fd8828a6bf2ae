/* SPDX-License-Identifier: BSD-2-Clause */
/* The libxl hook over the model, and what must be left of it: nothing. */
#ifndef FAKE_HOOK_KIT_H
#define FAKE_HOOK_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exclaim/record.h>

#define HOOK_DOMID 1u

struct hook_kit {
    char dir[64], model[96], mark[96], lock_dir[96]; /* PLAIN_HELPER writes to `mark` */
    uint8_t stream[EXCLAIM_PREFIX_MAX];              /* what arrives */
    size_t stream_len;
};

/* A host of two nodes with room, and on it the empty domain HOOK_DOMID. */
void hook_kit_open(struct hook_kit *k);
void hook_kit_close(struct hook_kit *k);

/* exclaim.conf for the hooks that are started from now on. */
void hook_kit_configure(const struct hook_kit *k, bool strict);

/* No page is claimed and no entry counts. */
void hook_kit_assert_nothing_left(const struct hook_kit *k, const char *where);

#endif
