/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ledger of any bytes, which others may have written, cut or filled: refused with a reason, or
 * used without harm, and the placing object's sums over it end.
 *   fuzz_ledger -max_total_time=60 corpus/fuzz_ledger
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "place/quota.h"
#include "reserve/ledger.h"
#include "reserve/ledger_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64], path[128];

static void drop_place(void)
{
    unlink(path);
    rmdir(dir);
}

static void make_place(void)
{
    snprintf(dir, sizeof(dir), "/tmp/fuzz-ledger-XXXXXX");
    if (!mkdtemp(dir) || atexit(drop_place)) {
        abort();
    }
    snprintf(path, sizeof(path), "%s/" EXCLAIM_LEDGER_FILE, dir);
}

/* As it is, or in the entries behind a header that is right, in the first and the last slot. */
static void write_file(const uint8_t *data, size_t size, bool raw)
{
    static struct ledger_map map;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const void *bytes = data;

    if (!raw) {
        const size_t room = sizeof(map.entry[0]);

        memset(&map, 0, sizeof(map));
        map.magic = LEDGER_MAGIC;
        map.slots = EXCLAIM_LEDGER_SLOTS;
        map.entry_size = (uint32_t)room;
        memcpy(&map.entry[0], data, size < room ? size : room);
        memcpy(&map.entry[EXCLAIM_LEDGER_SLOTS - 1], data, size < room ? size : room);
        bytes = &map;
        size = sizeof(map);
    }
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) {
        abort();
    }
    close(fd);
}

/* Some extents are refused. */
static long populate(void *arg, const struct quota_run *run)
{
    unsigned int *calls = arg;

    if (++*calls > 100000) {
        abort(); /* it does not end */
    }
    return *calls % 16 || run->node == QUOTA_ANY_NODE ? (long)run->nr : 0;
}

static void use(struct exclaim_ledger *l)
{
    static const uint8_t uuid[EXCLAIM_UUID_BYTES] = { 1 };
    struct exclaim_match match = { .nr_nodes = 2, .pages = { 3, 4 } };
    struct exclaim_room room = { .nr_nodes = EXCLAIM_NODES_MAX };
    struct exclaim_error err = { 0 };
    unsigned int calls = 0;
    uint32_t slot;

    if (exclaim_ledger_lock(l, 0, &err)) {
        abort(); /* it was whole a moment ago */
    }
    exclaim_ledger_owed(l, NULL, false, &room);
    exclaim_ledger_owed(l, NULL, true, &room);
    exclaim_ledger_prune(l, NULL);
    if (!exclaim_ledger_add(l, 5, uuid, &match, EXCLAIM_GUARANTEE_HOST, true, &slot, &err)) {
        exclaim_ledger_remove(l, slot);
    } else if (err.kind == EXCLAIM_OK) {
        abort();
    }
    exclaim_ledger_unlock(l);
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i += EXCLAIM_LEDGER_SLOTS - 1) {
        quota_populate(exclaim_ledger_at(l, i), 64, 0, NULL, populate, &calls);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*dir) {
        make_place();
    }
    for (int raw = 0; raw < 2; raw++) {
        struct exclaim_ledger *l;
        struct exclaim_error err = { 0 };

        write_file(data, size, raw);
        if (exclaim_ledger_open(dir, &l, &err)) {
            if (!err.text[0] || !raw) {
                abort();
            }
            continue;
        }
        use(l);
        exclaim_ledger_close(l);
    }
    return 0;
}
