/* SPDX-License-Identifier: BSD-2-Clause */
/* The libxl hook over the model: one domain that arrives with 600 and 300 pages on two nodes. */
#include "hook_kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/record.h>

#include "host.h"
#include "reserve/ledger.h"
#include "scene.h"

#define PAGES0 600u
#define PAGES1 300u

static void make_stream(struct hook_kit *k, const uint8_t uuid[EXCLAIM_UUID_BYTES])
{
    static struct exclaim_reservation r;
    struct exclaim_error err = { 0 };

    memcpy(r.uuid, uuid, sizeof(r.uuid));
    r.count.nr_nodes = 2;
    r.count.pages[0] = PAGES0;
    r.count.pages[1] = PAGES1;
    r.count.total_pages = PAGES0 + PAGES1;
    r.count.exact = true;
    r.count.method = EXCLAIM_FROM_CONSOLE;
    r.max_pages = PAGES0 + PAGES1 + 50;
    r.vcpus = 1;
    strcpy(r.source_host, "source");
    if (exclaim_prefix_encode(&r, EXCLAIM_GUEST_HVM, 4, 17, k->stream, sizeof(k->stream),
                              &k->stream_len, &err)) {
        fail_msg("%s", err.text);
    }
}

static void make_host(struct hook_kit *k)
{
    const struct model_config config = { .generation = MODEL_4_17,
                                         .nr_nodes = 2,
                                         .node = { { .pages = 60000 }, { .pages = 60000 } } };
    struct model_domain_config domain = { .nr_vcpus = 1, .hvm = true };
    struct model *m;
    int lock;

    domain.uuid[0] = 0x77;
    remove(k->model);
    assert_int_equal(host_create(k->model, &config), 0);
    m = host_lock(k->model, &lock);
    assert_non_null(m);
    model_create(m, HOOK_DOMID, &domain);
    model_set_max(m, HOOK_DOMID, PAGES0 + PAGES1 + 100);
    host_unlock(k->model, m, lock);
    make_stream(k, domain.uuid);
}

void hook_kit_configure(const struct hook_kit *k, bool strict)
{
    char text[1024], path[96];

    snprintf(path, sizeof(path), "%s/conf", k->dir);
    snprintf(text, sizeof(text),
             "policy = %s\nheadroom_pages = 0\nlock_dir = %s\nreport_file = %s/reports\n"
             "libxl_save_helper = %s\nplace_object = %s\npeek_timeout_ms = 2000\n",
             strict ? "strict" : "prefer", k->lock_dir, k->dir, program("PLAIN_HELPER"),
             program("EXCLAIM_PLACE_SO"));
    put_text(path, text);
    setenv("EXCLAIM_CONF", path, 1);
}

void hook_kit_open(struct hook_kit *k)
{
    make_dir(k->dir);
    snprintf(k->model, sizeof(k->model), "%s/model", k->dir);
    snprintf(k->mark, sizeof(k->mark), "%s/mark", k->dir);
    snprintf(k->lock_dir, sizeof(k->lock_dir), "%s/lock", k->dir);
    setenv("EXCLAIM_MODEL", k->model, 1);
    setenv("MARK", k->mark, 1);
    make_host(k);
}

void hook_kit_close(struct hook_kit *k)
{
    drop_dir(k->dir);
}

void hook_kit_assert_nothing_left(const struct hook_kit *k, const char *where)
{
    struct exclaim_room room = { .nr_nodes = 2 };
    struct exclaim_error err = { 0 };
    struct exclaim_ledger *ledger;
    struct model_view view;
    struct model *m;
    int lock;

    m = host_lock(k->model, &lock);
    assert_non_null(m);
    model_view(m, HOOK_DOMID, &view);
    host_unlock(k->model, m, lock);
    if (view.outstanding) {
        fail_msg("%s: %" PRIu64 " pages are left claimed", where, view.outstanding);
    }
    if (access(k->lock_dir, F_OK)) {
        return;
    }
    assert_int_equal(exclaim_ledger_open(k->lock_dir, &ledger, &err), 0);
    exclaim_ledger_owed(ledger, NULL, false, &room);
    exclaim_ledger_close(ledger);
    if (room.claimed[0] || room.claimed[1]) {
        fail_msg("%s: the ledger owes %" PRIu64 " and %" PRIu64 " pages", where, room.claimed[0],
                 room.claimed[1]);
    }
}
