/* SPDX-License-Identifier: BSD-2-Clause */
/* A note as its destination takes it. */
#ifndef EXCLAIM_RESERVE_NOTE_H
#define EXCLAIM_RESERVE_NOTE_H

#include <exclaim/note.h>

/*
 * Reads the note for a VM and removes it.  Returns 1 with *note, 0 if there is none that holds at
 * @now_boot_ms (CLOCK_BOOTTIME), -1 if there is one that is damaged.
 */
int exclaim_note_take(const char *lock_dir, const uint8_t uuid[EXCLAIM_UUID_BYTES],
                      int64_t now_boot_ms, struct exclaim_note *note, struct exclaim_error *err);

/* The match that @note asks for, each part whole on its node.  NOFIT: it does not fit, or says
 * nothing of a part. */
int exclaim_note_match(const struct exclaim_note *note, const struct exclaim_reservation *res,
                       const struct exclaim_room *room, const struct exclaim_match_options *opt,
                       struct exclaim_match *match, struct exclaim_error *err);

#endif
