/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger within one process: entries, arithmetic, files of another kind. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/process.h"
#include "reserve/ledger.h"
#include "reserve/ledger_map.h"

static char dir[64], sub[80], path[128];
static const uint8_t uuid[EXCLAIM_UUID_BYTES] = { 1, 2, 3 };

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    snprintf(sub, sizeof(sub), "%s/run", dir);
    snprintf(path, sizeof(path), "%s/" EXCLAIM_LEDGER_FILE, sub);
    return 0;
}

static struct exclaim_ledger *open_ledger(void)
{
    struct exclaim_ledger *l;
    struct exclaim_error err;

    if (exclaim_ledger_open(sub, &l, &err)) {
        fail_msg("%s", err.text);
    }
    return l;
}

static uint32_t add(struct exclaim_ledger *l, uint64_t node0, uint64_t node1,
                    enum exclaim_guarantee guarantee)
{
    struct exclaim_match match = { .nr_nodes = 2, .pages = { node0, node1 } };
    struct exclaim_error err;
    uint32_t slot = UINT32_MAX;

    if (exclaim_ledger_add(l, 7, uuid, &match, guarantee, true, &slot, &err)) {
        fail_msg("%s", err.text);
    }
    return slot;
}

static void create(void **state)
{
    struct exclaim_ledger *l = open_ledger(), *again = open_ledger();
    struct exclaim_ledger_entry *e;
    struct stat st;
    uint32_t slot;

    (void)state;
    assert_int_equal(stat(sub, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    slot = add(l, 10, 20, EXCLAIM_GUARANTEE_HOST);
    e = exclaim_ledger_at(again, slot); /* one memory for all openers */
    assert_int_equal(e->state, EXCLAIM_ENTRY_STAKED);
    assert_int_equal(e->domid, 7);
    assert_memory_equal(e->uuid, uuid, sizeof(uuid));
    assert_int_equal(e->pid, getpid());
    assert_int_equal(e->pid_start, exclaim_process_start_time(getpid()));
    assert_int_equal(e->guarantee, EXCLAIM_GUARANTEE_HOST);
    assert_int_equal(e->target[0], 10);
    assert_int_equal(e->target[1], 20);
    assert_int_equal(e->nr_nodes, 2);
    assert_int_equal(e->steer, 1);
    exclaim_ledger_close(l);
    exclaim_ledger_close(again);

    l = open_ledger(); /* and it outlives them */
    assert_int_equal(exclaim_ledger_prune(l, NULL), 0);
    e = exclaim_ledger_at(l, slot);
    assert_int_equal(e->target[1], 20);
    e->placed[1] = 5;
    exclaim_ledger_remove(l, slot);
    exclaim_ledger_remove(l, EXCLAIM_LEDGER_SLOTS); /* out of range: nothing */
    assert_int_equal(e->state, EXCLAIM_ENTRY_FREE);
    assert_int_equal(add(l, 1, 1, EXCLAIM_GUARANTEE_NONE), slot);
    assert_int_equal(e->placed[1], 0); /* nothing of the one before */
    exclaim_ledger_remove(l, slot);
    assert_null(exclaim_ledger_at(l, EXCLAIM_LEDGER_SLOTS));
    assert_null(exclaim_ledger_at(l, UINT32_MAX));
    exclaim_ledger_close(l);
    exclaim_ledger_close(NULL);
}

static void full(void **state)
{
    struct exclaim_match match = { .nr_nodes = 2, .pages = { 1, 1 } };
    struct exclaim_ledger *l = open_ledger();
    struct exclaim_error err;
    uint32_t slot;

    (void)state;
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        assert_int_equal(add(l, i, i, EXCLAIM_GUARANTEE_HOST), i);
    }
    assert_int_equal(
        exclaim_ledger_add(l, 8, uuid, &match, EXCLAIM_GUARANTEE_HOST, true, &slot, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);
    assert_non_null(strstr(err.text, "128"));
    exclaim_ledger_remove(l, 77);
    assert_int_equal(add(l, 1, 1, EXCLAIM_GUARANTEE_HOST), 77);
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        exclaim_ledger_remove(l, i);
    }
    exclaim_ledger_close(l);
}

/* What is still to be placed is claimed; what is placed or refused is in Xen's own numbers. */
static void charge(void **state)
{
    static const struct {
        uint64_t placed, refused, charged;
    } cases[] = {
        { 0, 0, 100 },   { 40, 0, 60 }, { 40, 60, 0 }, { 0, 100, 0 },
        { 100, 100, 0 }, { 101, 0, 0 }, { 99, 0, 1 },
    };
    struct exclaim_ledger *l = open_ledger();
    uint32_t slot[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_room room = { .nr_nodes = 2, .claimed = { 7, 9 } };
        uint32_t s = add(l, 100, 50, EXCLAIM_GUARANTEE_HOST);

        exclaim_ledger_at(l, s)->placed[0] = cases[i].placed;
        exclaim_ledger_at(l, s)->refused[0] = cases[i].refused;
        exclaim_ledger_at(l, s)->state = i % 2 ? EXCLAIM_ENTRY_PLACING : EXCLAIM_ENTRY_STAKED;
        exclaim_ledger_owed(l, NULL, false, &room);
        assert_int_equal(room.claimed[0], 7 + cases[i].charged);
        assert_int_equal(room.claimed[1], 9 + 50);
        exclaim_ledger_remove(l, s);
    }
    /* Several at once; those whose claims Xen itself keeps per node are in its numbers already. */
    for (uint32_t g = EXCLAIM_GUARANTEE_NONE; g <= EXCLAIM_GUARANTEE_NODE_SET; g++) {
        slot[g] = add(l, 1u << (4 * g), 0, (enum exclaim_guarantee)g);
    }
    for (int knows = 0; knows < 2; knows++) {
        struct exclaim_room room = { .nr_nodes = 2 };

        exclaim_ledger_owed(l, NULL, knows, &room);
        assert_int_equal(room.claimed[0], knows ? 0x0011 : 0x1111);
    }
    for (uint32_t g = 0; g < 4; g++) {
        struct exclaim_room one = { .nr_nodes = 1 };

        exclaim_ledger_owed(l, NULL, false, &one); /* fewer nodes than the entry: none beyond */
        assert_int_equal(one.claimed[1], 0);
        exclaim_ledger_remove(l, slot[g]);
    }
    exclaim_ledger_close(l);
}

static void refuse(const void *data, size_t len)
{
    struct exclaim_ledger *l = NULL;
    struct exclaim_error err;
    unsigned int fds = count_fds();
    char *after;
    size_t size;

    put_file(path, data, len);
    assert_int_equal(exclaim_ledger_open(sub, &l, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(count_fds(), fds);
    after = get_file(path, &size);
    assert_memory_equal(after, data, len); /* somebody else's: not written to */
    free(after);
}

static void foreign_files(void **state)
{
    struct ledger_map *map = calloc(1, sizeof(*map));
    struct exclaim_ledger *l;

    (void)state;
    refuse("#!/bin/sh\n", 10);
    map->magic = LEDGER_MAGIC;
    map->slots = EXCLAIM_LEDGER_SLOTS;
    map->entry_size = sizeof(struct exclaim_ledger_entry) + 8;
    refuse(map, sizeof(*map));
    map->entry_size -= 8;
    map->slots++;
    refuse(map, sizeof(*map));
    map->slots--;
    map->magic++;
    refuse(map, sizeof(*map));

    /* Cut short by a full disk or a crash before its header was there: made whole. */
    for (size_t len = 0; len < 30000; len = len * 3 + 1) {
        put_file(path, (memset(map, 0, sizeof(*map)), map), len);
        l = open_ledger();
        assert_int_equal(add(l, 1, 2, EXCLAIM_GUARANTEE_HOST), 0);
        exclaim_ledger_remove(l, 0);
        exclaim_ledger_close(l);
    }
    free(map);
    remove(path);
}

static void no_place(void **state)
{
    struct exclaim_ledger *l;
    struct exclaim_error err;
    char longest[400], victim[128];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(exclaim_ledger_open(longest, &l, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
    assert_int_equal(exclaim_ledger_open("/proc/no/such", &l, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
    assert_int_equal(exclaim_ledger_open("/dev/null", &l, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);

    /* A link in the ledger's place must not make root write elsewhere. */
    snprintf(victim, sizeof(victim), "%s/victim", dir);
    put_text(victim, "");
    assert_int_equal(symlink(victim, path), 0);
    assert_int_equal(exclaim_ledger_open(sub, &l, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
    remove(path);

    /* Nothing waits for what is no file, or asks it for room. */
    for (int device = 0; device < 2; device++) {
        if (mknod(path, device ? S_IFCHR | 0600 : S_IFIFO | 0600, makedev(1, 5))) {
            assert_int_equal(errno, EPERM);
            break; /* devices are root's */
        }
        assert_int_equal(exclaim_ledger_open(sub, &l, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
        assert_non_null(strstr(err.text, "is no regular file"));
        remove(path);
    }
}

static void handed_over(void **state)
{
    struct exclaim_ledger *l = open_ledger();
    struct exclaim_error err;
    int fd = exclaim_ledger_fd(l, &err);
    struct stat a, b;

    (void)state;
    assert_true(fd > 2);
    assert_int_equal(fcntl(fd, F_GETFD), 0); /* survives exec */
    assert_int_equal(fstat(fd, &a), 0);
    assert_int_equal(stat(path, &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    close(fd);
    exclaim_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create),        cmocka_unit_test(full),     cmocka_unit_test(charge),
        cmocka_unit_test(foreign_files), cmocka_unit_test(no_place), cmocka_unit_test(handed_over),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
