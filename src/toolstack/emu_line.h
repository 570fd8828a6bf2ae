/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lines between xenopsd and emu-manager, in one direction: buffered, named, handed on.
 *
 * Lines are short (both emu-managers read at most 128 bytes), but nothing here depends on it: of a
 * line longer than the buffer the pieces are handed on as they come, and memory stays what it is.
 */
#ifndef EXCLAIM_EMU_LINE_H
#define EXCLAIM_EMU_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum emu_word {
    EMU_OTHER, /* any other line, and what is not the beginning of one */
    EMU_DONE,  /* from xenopsd: ... */
    EMU_RESTORE_XENGUEST,
    EMU_RESTORE, /* another emulator's */
    EMU_ABORT,
    EMU_PREPARE_XENGUEST, /* from emu-manager: ... */
    EMU_ASK,              /* any other that xenopsd answers with `done` */
    EMU_RESULT_XENGUEST,
    EMU_RESULT, /* save: all; restore: another emulator's */
    EMU_ERROR,
};

/* What the line says whose first @len bytes, or all with or without its end, are @text. */
enum emu_word emu_word(const char *text, size_t len);

#define EMU_IN_MAX  4096u
#define EMU_OUT_MAX 16384u

struct emu_way {
    int from, to; /* -1 once closed; both non-blocking */
    bool ended;   /* `from` has given all */
    bool inside;  /* what was taken last was not the end of a line */
    size_t in_len, out_len;
    char in[EMU_IN_MAX];
    char out[EMU_OUT_MAX];
};

/* What is next: a whole line with its end, a piece of one that is too long, or, once `ended`, the
 * rest.  0: not yet. */
size_t emu_way_next(const struct emu_way *way, enum emu_word *word);

/* The next @len bytes are dealt with. */
void emu_way_drop(struct emu_way *way, size_t len);

/* Whether `abort` stands in a line of its own behind whatever is still to be dealt with. */
bool emu_way_aborted(const struct emu_way *way);

/* Appends to what is to be written; false, with nothing appended, if there is no room. */
bool emu_way_put(struct emu_way *way, const char *text, size_t len);

/* Room for the next piece, and for lines of our own beside it. */
bool emu_way_room(const struct emu_way *way);

/* Reads and writes what can be without waiting.  Reading tells whether there may be more; a reader
 * that is gone closes `to`. */
bool emu_way_read(struct emu_way *way);
void emu_way_write(struct emu_way *way);

void emu_way_close(int *fd);

#endif
