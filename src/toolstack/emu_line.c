/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes lines out of one direction's buffer, names them, and writes them on. */
#include "emu_line.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What our own lines may need at most, beside a whole piece of the other's. */
#define OWN_MAX 2048u

static const struct {
    const char *text;
    enum emu_word word;
    bool whole; /* else it is how the line begins */
} words[] = {
    { "done", EMU_DONE, true },
    { "abort", EMU_ABORT, true },
    { "restore:xenguest", EMU_RESTORE_XENGUEST, true },
    { "restore:", EMU_RESTORE, false },
    { "prepare:xenguest", EMU_PREPARE_XENGUEST, true },
    { "prepare:", EMU_ASK, false },
    { "suspend:", EMU_ASK, false },
    { "result:xenguest", EMU_RESULT_XENGUEST, false },
    { "result:", EMU_RESULT, false },
    { "error:", EMU_ERROR, false },
};

enum emu_word emu_word(const char *text, size_t len)
{
    if (len && text[len - 1] == '\n') {
        len--;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i].text);

        if (len >= n && !memcmp(text, words[i].text, n) && (len == n || !words[i].whole)) {
            return words[i].word;
        }
    }
    return EMU_OTHER;
}

size_t emu_way_next(const struct emu_way *way, enum emu_word *word)
{
    const char *end = memchr(way->in, '\n', way->in_len);
    size_t len = 0;

    if (end) {
        len = (size_t)(end - way->in) + 1;
    } else if (way->ended || way->in_len == sizeof(way->in)) {
        len = way->in_len;
    }
    *word = len && !way->inside ? emu_word(way->in, len) : EMU_OTHER;
    return len;
}

void emu_way_drop(struct emu_way *way, size_t len)
{
    if (len) {
        way->inside = way->in[len - 1] != '\n';
    }
    way->in_len -= len;
    memmove(way->in, way->in + len, way->in_len);
}

bool emu_way_aborted(const struct emu_way *way)
{
    const char *at = way->in, *end;
    size_t left = way->in_len;
    bool begins = !way->inside;

    while ((end = memchr(at, '\n', left))) {
        size_t len = (size_t)(end - at) + 1;

        if (begins && emu_word(at, len) == EMU_ABORT) {
            return true;
        }
        begins = true;
        at += len;
        left -= len;
    }
    return false;
}

bool emu_way_put(struct emu_way *way, const char *text, size_t len)
{
    if (way->to < 0) {
        return true; /* nobody is there to miss it */
    }
    if (len > sizeof(way->out) - way->out_len) {
        return false;
    }
    memcpy(way->out + way->out_len, text, len);
    way->out_len += len;
    return true;
}

bool emu_way_room(const struct emu_way *way)
{
    return sizeof(way->out) - way->out_len >= sizeof(way->in) + OWN_MAX;
}

void emu_way_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

bool emu_way_read(struct emu_way *way)
{
    ssize_t r;

    if (way->from < 0 || way->ended) {
        return false;
    }
    if (way->in_len == sizeof(way->in)) {
        return true;
    }
    do {
        r = read(way->from, way->in + way->in_len, sizeof(way->in) - way->in_len);
    } while (r < 0 && errno == EINTR);
    if (r > 0) {
        way->in_len += (size_t)r;
        return true;
    }
    way->ended = r == 0 || errno != EAGAIN;
    return false;
}

void emu_way_write(struct emu_way *way)
{
    while (way->to >= 0 && way->out_len) {
        ssize_t r = write(way->to, way->out, way->out_len);

        if (r > 0) {
            way->out_len -= (size_t)r;
            memmove(way->out, way->out + r, way->out_len);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            way->out_len = 0;
            emu_way_close(&way->to);
        }
    }
}
