/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What xenopsd and emu-manager say, in pieces of any size, and what toolstacks put on our command
 * lines: no byte of a line is lost, doubled or changed, and no argument is taken for more than it
 * is.  fuzz_control -max_total_time=60 corpus/fuzz_control
 */
#include <stdlib.h>
#include <string.h>

#include <exclaim/emu.h>
#include "toolstack/emu_line.h"
#include <exclaim/libxl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 40

/* Pieces of `step` bytes go in, lines come out; both sides must be the same bytes. */
static void lines(const uint8_t *data, size_t size, size_t step)
{
    struct emu_way *way = calloc(1, sizeof(*way));
    char *seen = malloc(size + 1);
    size_t taken = 0, given = 0;

    if (!way || !seen) {
        abort();
    }
    way->from = -1;
    way->to = 1; /* open, and never written to */
    while (given < size) {
        size_t room = sizeof(way->in) - way->in_len, n = size - taken < step ? size - taken : step;
        enum emu_word word;
        size_t len;

        n = n < room ? n : room;
        memcpy(way->in + way->in_len, data + taken, n);
        way->in_len += n;
        taken += n;
        way->ended = taken == size;
        (void)emu_way_aborted(way);
        while (emu_way_room(way) && (len = emu_way_next(way, &word))) {
            bool whole = way->in[len - 1] == '\n';

            if (len > way->in_len || memchr(way->in, '\n', len - 1) ||
                (!whole && !way->ended && way->in_len < sizeof(way->in))) {
                abort();
            }
            if (!emu_way_put(way, way->in, len)) {
                abort(); /* there was room */
            }
            emu_way_drop(way, len);
        }
        memcpy(seen + given, way->out, way->out_len);
        given += way->out_len;
        way->out_len = 0;
        if (!n && given < size && !emu_way_next(way, &word)) {
            abort(); /* stuck */
        }
    }
    if (memcmp(seen, data, size) != 0) {
        abort();
    }
    free(seen);
    free(way);
}

static void arguments(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *argv[ARGS_MAX + 1] = { (char[]){ "hook" } };
    struct exclaim_libxl_args libxl;
    struct exclaim_emu_args emu;
    int argc = 1;

    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *at = text; argc < ARGS_MAX && at <= text + size; at += strlen(at) + 1) {
        argv[argc++] = at;
    }
    argv[argc] = NULL;
    exclaim_libxl_parse_args(argc, argv, &libxl);
    if (libxl.known && libxl.stream_fd < 0) {
        abort();
    }
    exclaim_emu_parse_args(argc, argv, &emu);
    (void)exclaim_emu_not_ours(&emu);
    if (emu.known && (emu.control_in < 0 || emu.control_out < 0)) {
        abort();
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = { 1, 7, 4096, 1 << 20 };

    for (size_t i = 0; size && i < sizeof(steps) / sizeof(steps[0]); i++) {
        lines(data, size, steps[i]);
    }
    arguments(data, size);
    return 0;
}
