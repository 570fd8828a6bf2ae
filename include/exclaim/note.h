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
    int64_t expires_unix_ms;
};

/* In place of an earlier one for that VM; removes notes that are long expired.  USAGE: two parts on
 * one node, none at all. */
int exclaim_note_write(const char *lock_dir, const uint8_t uuid[EXCLAIM_UUID_BYTES],
                       const struct exclaim_note *note, struct exclaim_error *err);

/*
 * Reads the note for a VM and removes it.  Returns 1 with *note, 0 if there is none that holds at
 * @now_unix_ms, -1 if there is one that is damaged.
 */
int exclaim_note_take(const char *lock_dir, const uint8_t uuid[EXCLAIM_UUID_BYTES],
                      int64_t now_unix_ms, struct exclaim_note *note, struct exclaim_error *err);

/* The match that @note asks for, each part whole on its node.  NOFIT: it does not fit, or says
 * nothing of a part. */
int exclaim_note_match(const struct exclaim_note *note, const struct exclaim_reservation *res,
                       const struct exclaim_room *room, const struct exclaim_match_options *opt,
                       struct exclaim_match *match, struct exclaim_error *err);

#endif
