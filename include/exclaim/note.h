/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What whoever planned a migration tells its destination: on which node each part should come to
 * lie.  A note holds nothing and promises nothing: a VM that arrives takes it if it still fits
 * then, else it is matched as without one.  It is a file beside the ledger, named by the VM's uuid.
 */
#ifndef EXCLAIM_NOTE_H
#define EXCLAIM_NOTE_H

#include <exclaim/match.h>

/* A note is worth nothing after this. */
#define EXCLAIM_NOTE_SECONDS_MAX 3600u

struct exclaim_note {
    uint64_t given;                   /* bit n: the part on source node n has a node */
    uint32_t node[EXCLAIM_NODES_MAX]; /* that node here; no two parts share one */
    int64_t expires_boot_ms;          /* on CLOCK_BOOTTIME, which nobody sets, in milliseconds */
};

/* In place of an earlier one for that VM; removes notes that are expired, those of an
 * earlier boot among them.  USAGE: two parts on
 * one node, none at all. */
int exclaim_note_write(const char *lock_dir, const uint8_t uuid[EXCLAIM_UUID_BYTES],
                       const struct exclaim_note *note, struct exclaim_error *err);

#endif
