/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ledger of any bytes, which others may have written, cut or filled: refused with a reason, or
 * used without harm, and the placing object's sums over it end.  So are the layouts beside it: the
 * bytes behind the head of a file, or the whole of it.
 *   fuzz_ledger -max_total_time=60 corpus/fuzz_ledger
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "place/quota.h"
#include "reserve/ledger.h"
#include "reserve/ledger_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64], path[128], layout[128];

static void drop_place(void)
{
    unlink(path);
    unlink(layout);
    rmdir(dir);
}

static void make_place(void)
{
    snprintf(dir, sizeof(dir), "/tmp/fuzz-ledger-XXXXXX");
    if (!mkdtemp(dir) || atexit(drop_place)) {
        abort();
    }
    snprintf(path, sizeof(path), "%s/" EXCLAIM_LEDGER_FILE, dir);
    snprintf(layout, sizeof(layout), "%s/layout.0", dir);
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
        /* The last one's hook lives. */
        map.entry[EXCLAIM_LEDGER_SLOTS - 1].pid = getpid();
        map.entry[EXCLAIM_LEDGER_SLOTS - 1].pid_start = exclaim_process_start_time(getpid());
        map.entry[EXCLAIM_LEDGER_SLOTS - 1].pid_space = exclaim_process_space();
        bytes = &map;
        size = sizeof(map);
    }
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) {
        abort();
    }
    close(fd);
}

/* Up to here the file says whose it is: domid, process, times, uuid. */
#define HEAD_SAME 48u

#define BATCH 1024u

static void check_layout(const struct exclaim_ledger_entry *e)
{
    struct ledger_layout *l = ledger_layout_read(path, 0, e);

    if (!l) {
        return;
    }
    for (uint32_t i = 0; i < l->nr_shares; i++) {
        if (i >= EXCLAIM_SHARES_MAX || l->share[i].dst >= EXCLAIM_NODES_MAX) {
            abort();
        }
    }
    for (size_t i = 0; i < l->layout.len; i++) {
        (void)((volatile const uint8_t *)l->layout.bytes)[i];
    }
    free(l);
}

static void put_file(const uint8_t *head, size_t head_len, const uint8_t *data, size_t size)
{
    int fd = open(layout, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, head, head_len) != (ssize_t)head_len ||
        write(fd, data, size) != (ssize_t)size) {
        abort();
    }
    close(fd);
}

static void layouts(const uint8_t *data, size_t size)
{
    static struct exclaim_ledger_entry e = { .domid = 5, .pid = 7, .pid_start = 8 };
    const struct exclaim_share share = { .src = 1, .dst = 2, .pages = 3 };
    const struct exclaim_layout of = { .bytes = data, .len = size < EXCLAIM_LAYOUT_MAX ? size : 0 };
    struct ledger_layout *back;
    uint8_t head[HEAD_SAME];
    int fd;

    if (ledger_layout_write(path, 0, &e, &of, &share, 1)) {
        abort();
    }
    back = ledger_layout_read(path, 0, &e);
    if (!back || back->nr_shares != 1 || back->share[0].dst != 2 || back->layout.len != of.len ||
        (of.len && memcmp(back->layout.bytes, data, of.len) != 0)) {
        abort();
    }
    free(back);
    fd = open(layout, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, head, sizeof(head)) != (ssize_t)sizeof(head)) {
        abort();
    }
    close(fd);
    put_file(head, sizeof(head), data, size);
    check_layout(&e);
    put_file(head, 0, data, size);
    check_layout(&e);
    ledger_layout_remove(path, 0);
    if (ledger_layout_read(path, 0, &e)) {
        abort();
    }
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

/* A batch as libxenguest asks for it, of which some regions are whole; large extents; one by one.
 */
static void place(struct exclaim_ledger_entry *e, unsigned int *calls)
{
    unsigned long list[BATCH];

    for (unsigned long i = 0; i < BATCH; i++) {
        list[i] = i + (i >= BATCH / 2 ? 3 : 0);
    }
    quota_populate(e, BATCH, 0, list, populate, calls);
    quota_populate(e, 3, quota_join(e) ? quota_join(e) : EXCLAIM_ORDER_2M, NULL, populate, calls);
    quota_populate(e, 64, 0, NULL, populate, calls);
    /* Whatever stands there, as an entry that steers and joins. */
    e->steer = 1;
    e->join = EXCLAIM_ORDER_2M;
    quota_populate(e, BATCH, 0, list, populate, calls);
    quota_populate(e, 3, EXCLAIM_ORDER_2M, NULL, populate, calls);
}

/* A host on which domain 5 alone runs. */
static int next_domain(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                       struct exclaim_error *err)
{
    (void)hv;
    (void)err;
    *dom = (struct exclaim_domain){ .domid = 5 };
    return domid <= 5;
}

/* Whoever has it open notices what becomes of the file. */
static void lose(struct exclaim_ledger *l)
{
    struct exclaim_error err = { 0 };

    if (truncate(path, 4096) || !exclaim_ledger_lock(l, 0, &err) || !err.text[0] || unlink(path) ||
        !exclaim_ledger_check(l, &err)) {
        abort();
    }
}

static void use(struct exclaim_ledger *l)
{
    static const struct exclaim_hv_ops ops = { .next_domain = next_domain };
    static const uint8_t uuid[EXCLAIM_UUID_BYTES] = { 1 };
    const struct exclaim_share share = { .src = 1, .dst = 2, .pages = 3 };
    const struct exclaim_layout none = { 0 };
    struct exclaim_hv hv = { .ops = &ops };
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
    exclaim_ledger_owed(l, &hv, false, &room);
    exclaim_ledger_prune(l, &hv);
    if (!exclaim_ledger_add(l, 5, uuid, &match, EXCLAIM_GUARANTEE_HOST, true, &slot, &err)) {
        int fd = exclaim_ledger_fd(l, &err);

        if (fd < 0 || close(fd) || exclaim_ledger_set_layout(l, slot, &none, &share, 1, &err)) {
            abort();
        }
        exclaim_ledger_retarget(l, slot, NULL);
        exclaim_ledger_retarget(l, slot, &match);
        exclaim_ledger_remove(l, slot);
    } else if (err.kind == EXCLAIM_OK) {
        abort();
    }
    exclaim_ledger_unlock(l);
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i += EXCLAIM_LEDGER_SLOTS - 1) {
        place(exclaim_ledger_at(l, i), &calls);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!*dir) {
        make_place();
    }
    layouts(data, size);
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
        lose(l);
        exclaim_ledger_close(l);
    }
    return 0;
}
