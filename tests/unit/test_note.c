/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes of planned nodes: taken once, while they hold, if they fit; damaged and foreign ones cost
 * nothing. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "reserve/note.h"

#define NOW  exclaim_now_boot_ms()
#define BOOT " 01234567-89ab-cdef-0123-456789abcdef"

static char dir[64];
static const uint8_t vm[EXCLAIM_UUID_BYTES] = { 0x11, 0x22, 0x33, 0x44 };

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    return 0;
}

static struct exclaim_note crossed(void)
{
    return (struct exclaim_note){ .given = 3,
                                  .node = { [0] = 1, [1] = 0 },
                                  .expires_boot_ms = NOW + 60000 };
}

static void path_of(char path[160])
{
    snprintf(path, 160, "%s/note-11223344-0000-0000-0000-000000000000", dir);
}

static void taken_once(void **state)
{
    struct exclaim_note note = crossed(), got;
    struct exclaim_error err = { 0 };

    (void)state;
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 0);
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), 0);
    note.node[0] = 5;
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), 0);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 1);
    assert_int_equal(got.given, 3);
    assert_int_equal(got.node[0], 5);
    assert_int_equal(got.node[1], 0);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 0);
    assert_int_equal(exclaim_note_take("/nonexistent", vm, NOW, &got, &err), 0);
}

static void holds_for_its_time(void **state)
{
    struct exclaim_note note = crossed(), got;
    struct exclaim_error err = { 0 };

    (void)state;
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), 0);
    assert_int_equal(exclaim_note_take(dir, vm, note.expires_boot_ms, &got, &err), 0);
    note.expires_boot_ms = NOW + (EXCLAIM_NOTE_SECONDS_MAX + 300) * INT64_C(1000);
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), 0);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 0);
}

static void refused(void **state)
{
    struct exclaim_note note = crossed();
    struct exclaim_error err = { 0 };

    (void)state;
    note.node[1] = 1;
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), -1);
    assert_non_null(strstr(err.text, "takes two parts"));
    note = (struct exclaim_note){ .expires_boot_ms = NOW };
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), -1);
    note = crossed();
    note.node[0] = EXCLAIM_NODES_MAX;
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), -1);
}

/* The time of day may have been set since: that a file looks old is no reason to drop it.  The
 * machine's own clock begins again with each boot, and a note does not outlive that. */
static void clocks(void **state)
{
    const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    const uint8_t other[EXCLAIM_UUID_BYTES] = { 0x55 };
    struct exclaim_note note = crossed(), got;
    struct exclaim_error err = { 0 };
    char path[160], text[128];

    (void)state;
    path_of(path);
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_int_equal(exclaim_note_write(dir, other, &note, &err), 0);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 1);
    snprintf(text, sizeof(text), "exclaim-note 2 %lld" BOOT "\n0 1\n", (long long)NOW + 60000);
    put_text(path, text);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 0);
    put_text(path, text);
    assert_int_equal(exclaim_note_write(dir, other, &note, &err), 0);
    assert_int_not_equal(access(path, F_OK), 0); /* expired, and removed */
}

static void damaged(void **state)
{
    static const char *const texts[] = {
        "",
        "exclaim-note 1 1800000060000" BOOT "\n0 1\n",
        "exclaim-note 2 1800000060000\n0 1\n",
        "exclaim-note 2 1800000060000 \n0 1\n",
        "exclaim-note 2 1800000060000" BOOT "0\n0 1\n",
        "exclaim-note 2 x" BOOT "\n0 1\n",
        "exclaim-note 2 99999999999999999999" BOOT "\n0 1\n",
        "exclaim-note 2 1800000060000" BOOT "\n",
        "exclaim-note 2 1800000060000" BOOT "\n0 1",
        "exclaim-note 2 1800000060000" BOOT "\n0 64\n",
        "exclaim-note 2 1800000060000" BOOT "\n64 0\n",
        "exclaim-note 2 1800000060000" BOOT "\n-1 0\n",
        "exclaim-note 2 1800000060000" BOOT "\n0 1\n0 2\n",
        "exclaim-note 2 1800000060000" BOOT "\n0 1\n1 1\n",
        "exclaim-note 2 1800000060000" BOOT "\n0 1 2\n",
    };
    struct exclaim_note got;
    char path[160];

    (void)state;
    path_of(path);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct exclaim_error err = { 0 };

        put_text(path, texts[i]);
        if (exclaim_note_take(dir, vm, NOW, &got, &err) != -1 || !err.text[0]) {
            fail_msg("taken: %s", texts[i]);
        }
        assert_int_not_equal(access(path, F_OK), 0); /* and gone */
    }
}

/* Neither waits for what is no file, nor follows where it points. */
static void foreign(void **state)
{
    struct exclaim_note note = crossed(), got;
    struct exclaim_error err = { 0 };
    char path[160], other[192];

    (void)state;
    path_of(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), -1);
    snprintf(other, sizeof(other), "%s/other", dir);
    put_text(other, "exclaim-note 2 1800000060000" BOOT "\n0 1\n");
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 0);
    unlink(path);

    /* What another process of our number has left where a note is written first. */
    snprintf(other, sizeof(other), "%s.%ld", path, (long)getpid());
    assert_int_equal(mkfifo(other, 0600), 0);
    alarm(10);
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), 0);
    alarm(0);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 1);
    assert_int_not_equal(access(other, F_OK), 0);
    snprintf(other, sizeof(other), "%s/other", dir);
    unlink(other);
}

/* A disk that takes a part of it: the reason is its own, not that of the call before. */
static void cut_short(void **state)
{
    struct exclaim_note note = crossed(), got;
    struct exclaim_error err = { 0 };
    struct rlimit before, ten;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    ten = (struct rlimit){ .rlim_cur = 10, .rlim_max = before.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &ten), 0);
    assert_int_equal(exclaim_note_write(dir, vm, &note, &err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(err.errnum, ENOSPC);
    assert_int_equal(exclaim_note_take(dir, vm, NOW, &got, &err), 0);
}

static struct exclaim_room room_of(uint64_t a, uint64_t b, uint64_t c)
{
    return (struct exclaim_room){
        .nr_nodes = 3, .free = { a, b, c }, .allowed = 7, .host_free = a + b + c
    };
}

static const struct exclaim_reservation two_parts = {
    .uuid = { 1 },
    .max_pages = 300000,
    .vcpus = 1,
    .count = { .nr_nodes = 2,
               .pages = { 200000, 100000 },
               .total_pages = 300000,
               .exact = true,
               .method = EXCLAIM_FROM_HYPERCALL },
};

static void matched(void **state)
{
    const struct exclaim_match_options opt = { .stray_pages = 4096 };
    struct exclaim_room room = room_of(500000, 500000, 500000);
    struct exclaim_note note = { .given = 3, .node = { [0] = 2, [1] = 0 } };
    struct exclaim_reservation strays = two_parts;
    struct exclaim_error err = { 0 };
    struct exclaim_match match;

    (void)state;
    assert_int_equal(exclaim_note_match(&note, &two_parts, &room, &opt, &match, &err), 0);
    assert_int_equal(match.shape, EXCLAIM_MATCH_RENUMBERED);
    assert_int_equal(match.nr_nodes, 3);
    assert_int_equal(match.pages[0], 100000);
    assert_int_equal(match.pages[1], 0);
    assert_int_equal(match.pages[2], 200000);
    assert_int_equal(match.total_pages, 300000);

    /* Pages that came meanwhile are strays; a part that nobody planned is not. */
    strays.count.pages[1] = 100000 - 17;
    strays.count.nr_nodes = 3;
    strays.count.pages[2] = 17;
    if (exclaim_note_match(&note, &strays, &room, &opt, &match, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(match.pages[0] + match.pages[2], 300000);
    note.given = 1;
    assert_int_equal(exclaim_note_match(&note, &two_parts, &room, &opt, &match, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);

    /* No room any more, though elsewhere there is; a node that is not there, or not allowed. */
    note.given = 3;
    room = room_of(500000, 500000, 199999);
    assert_int_equal(exclaim_note_match(&note, &two_parts, &room, &opt, &match, &err), -1);
    note.node[0] = 3;
    assert_int_equal(exclaim_note_match(&note, &two_parts, &room, &opt, &match, &err), -1);
    note.node[0] = 1;
    room.allowed = 5;
    assert_int_equal(exclaim_note_match(&note, &two_parts, &room, &opt, &match, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_once), cmocka_unit_test(holds_for_its_time),
        cmocka_unit_test(refused),    cmocka_unit_test(clocks),
        cmocka_unit_test(damaged),    cmocka_unit_test(foreign),
        cmocka_unit_test(matched),    cmocka_unit_test(cut_short),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
