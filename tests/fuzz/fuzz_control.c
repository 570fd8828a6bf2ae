/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What xenopsd and emu-manager say, in pieces of any size, and what toolstacks put on our command
 * lines: no byte of a line is lost, doubled or changed, and no argument is taken for more than it
 * is.  And libxl's own file about a domain.  fuzz_control -max_total_time=60 corpus/fuzz_control
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Through pipes that are full and empty at any time. */
static void pipes(const uint8_t *data, size_t size)
{
    struct emu_way *way = calloc(1, sizeof(*way));
    int from[2], to[2];
    size_t given = 0, got = 0;
    bool more = true;

    if (!way || pipe2(from, O_NONBLOCK) || pipe2(to, O_NONBLOCK)) {
        abort();
    }
    way->from = from[0];
    way->to = to[1];
    (void)fcntl(to[1], F_SETPIPE_SZ, 4096);
    while (more || way->out_len) {
        size_t n = size - given < 3000 ? size - given : 3000, len;
        char seen[1500];
        enum emu_word word;
        ssize_t r;

        if (n && (r = write(from[1], data + given, n)) > 0) {
            given += (size_t)r;
        }
        if (given == size && from[1] >= 0) {
            close(from[1]);
            from[1] = -1;
        }
        (void)emu_way_read(way);
        while (emu_way_room(way) && (len = emu_way_next(way, &word))) {
            if (!emu_way_put(way, way->in, len)) {
                abort();
            }
            emu_way_drop(way, len);
        }
        emu_way_write(way);
        r = read(to[0], seen, sizeof(seen));
        if (r > 0 && memcmp(seen, data + got, (size_t)r) != 0) {
            abort();
        }
        got += r > 0 ? (size_t)r : 0;
        more = !way->ended || way->in_len;
    }
    close(to[0]);
    emu_way_put(way, "x", 1);
    emu_way_write(way); /* nobody reads it */
    if (way->to >= 0) {
        abort();
    }
    emu_way_close(&way->from);
    free(way);
}

static char dir[32], path[120];

static void drop_place(void)
{
    unlink(path);
    rmdir(dir);
}

/* /var/lib/xen/userdata-d.5.UUID.libxl-json */
static void userdata(const uint8_t *data, size_t size)
{
    static const uint8_t uuid[EXCLAIM_UUID_BYTES] = { 1 };
    int fd;

    if (!*dir) {
        snprintf(dir, sizeof(dir), "/tmp/fuzz-control-XXXXXX");
        if (!mkdtemp(dir) || atexit(drop_place)) {
            abort();
        }
        snprintf(path, sizeof(path),
                 "%s/userdata-d.5.01000000-0000-0000-0000-000000000000.libxl-json", dir);
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    close(fd);
    if (exclaim_libxl_soft_affinity(dir, 5, uuid) > EXCLAIM_SOFT_USER ||
        exclaim_libxl_soft_affinity(dir, 6, uuid) != EXCLAIM_SOFT_UNKNOWN) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = { 1, 7, 4096, 1 << 20 };

    for (size_t i = 0; size && i < sizeof(steps) / sizeof(steps[0]); i++) {
        lines(data, size, steps[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    pipes(data, size);
    arguments(data, size);
    userdata(data, size);
    return 0;
}
