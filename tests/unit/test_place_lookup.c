/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The placing object in a process that was started before there was anything to place: by the
 * wrapper for xenguest, seen by the hook, and finding its domain's entry when the restore begins.
 */
#include "supervise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exclaim/session.h>

#include "reserve/ledger.h"
#include "toolstack/placement_look.h"

#define DOMID 7u

static char dir[64], conf[128];
static struct exclaim_ledger *ledger;

struct xenguest {
    pid_t pid;
    int to, from;
};

/* @late: what becomes the wrapper is something else for a moment. */
static void start_as(struct xenguest *x, const char *mode, const char *domid, bool late)
{
    const char *const script = late ? "echo ready; sleep 0.1; exec \"$@\"" : "exec \"$@\"";
    int in[2], out[2];
    char line[64];

    assert_int_equal(pipe(in) || pipe(out), 0);
    x->pid = fork();
    assert_true(x->pid >= 0);
    if (!x->pid) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int fd = 3; fd < 64; fd++) {
            close(fd);
        }
        alarm(60);
        execl("/bin/sh", "sh", "-c", script, "sh", program("EXCLAIM_XENGUEST"), "-debug", "-domid",
              domid, "-controloutfd", "2", "-controlinfd", "0", "-mode", mode, NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    x->to = in[1];
    x->from = out[0];
    read_line(x->from, line, sizeof(line));
    assert_string_equal(line, "ready\n");
}

static void start(struct xenguest *x, const char *mode, const char *domid)
{
    start_as(x, mode, domid, false);
}

/* Lets it restore; what it printed meanwhile. */
static void restore(struct xenguest *x, char *text, size_t size)
{
    int status;

    assert_int_equal(write(x->to, "x", 1), 1);
    read_all(x->from, text, size);
    assert_int_equal(waitpid(x->pid, &status, 0), x->pid);
    assert_int_equal(status, 0);
    close(x->to);
    close(x->from);
}

static struct exclaim_ledger_entry *add(uint32_t domid, bool steer, uint32_t *slot)
{
    const struct exclaim_match match = { .nr_nodes = 2, .pages = { 3, 5 }, .total_pages = 8 };
    const uint8_t uuid[EXCLAIM_UUID_BYTES] = { 0 };
    struct exclaim_error err;

    assert_int_equal(
        exclaim_ledger_add(ledger, domid, uuid, &match, EXCLAIM_GUARANTEE_HOST, steer, slot, &err),
        0);
    return exclaim_ledger_at(ledger, *slot);
}

static bool seen(const char *object)
{
    struct exclaim_session s = { .known = { .emulator = getpid() } };

    strcpy(s.config.place_object, object);
    strcpy(s.config.xenguest, program("EXCLAIM_PLACE_PROBE"));
    placement_look(&s, -1);
    return s.preloaded;
}

static void found_by_domid(void **state)
{
    struct exclaim_ledger_entry *e, *other;
    uint32_t slot, slot_other;
    struct xenguest x;
    char text[256];

    (void)state;
    start(&x, "listen", "7");
    assert_true(seen(program("EXCLAIM_PLACE_OBJECT")));
    other = add(8, true, &slot_other);
    e = add(DOMID, true, &slot); /* long after the start */
    restore(&x, text, sizeof(text));
    assert_string_equal(text, "domain 7: 5 flags 0x20200\ndomain 7: 3 flags 0x20100\n");
    assert_int_equal(atomic_load(&e->state), EXCLAIM_ENTRY_PLACING);
    assert_int_equal(atomic_load(&e->placer), x.pid);
    assert_int_equal(atomic_load(&e->placed[0]), 3);
    assert_int_equal(atomic_load(&e->placed[1]), 5);
    assert_int_equal(atomic_load(&e->ended), 1);
    assert_int_equal(atomic_load(&other->state), EXCLAIM_ENTRY_STAKED);
    exclaim_ledger_remove(ledger, slot);
    exclaim_ledger_remove(ledger, slot_other);
}

/* The wrapper itself has no object yet; that is no answer. */
static void wrapper_at_work(void **state)
{
    bool found = false;
    struct xenguest x;
    char text[256];

    (void)state;
    /* On a busy machine it may take longer than is waited for. */
    for (int i = 0; i < 10 && !found; i++) {
        start_as(&x, "listen", "7", true);
        found = seen(program("EXCLAIM_PLACE_OBJECT"));
        restore(&x, text, sizeof(text));
        assert_string_equal(text, "ready\ndomain 7: 8 flags 0x0\n");
    }
    assert_true(found);
}

/* No entry, one that is not to be steered, one of a hook that is gone: as without us. */
static void none_for_us(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct exclaim_ledger_entry *e = NULL;
        uint32_t slot = 0;
        struct xenguest x;
        char text[256];

        start(&x, "listen", "7");
        if (i) {
            e = add(DOMID, i == 2, &slot);
            e->pid_start += i == 2;
        }
        restore(&x, text, sizeof(text));
        assert_string_equal(text, "domain 7: 8 flags 0x0\n");
        if (e) {
            assert_int_equal(atomic_load(&e->state), EXCLAIM_ENTRY_STAKED);
            exclaim_ledger_remove(ledger, slot);
        }
    }
}

/* A build is no restore, and another domain's is not ours. */
static void left_alone(void **state)
{
    struct xenguest x;
    uint32_t slot;
    char text[256];

    (void)state;
    add(DOMID, true, &slot);
    start(&x, "hvm_build", "7");
    assert_false(seen(program("EXCLAIM_PLACE_OBJECT")));
    restore(&x, text, sizeof(text));
    assert_string_equal(text, "domain 7: 8 flags 0x0\n");
    start(&x, "listen", "8");
    restore(&x, text, sizeof(text));
    assert_string_equal(text, "domain 7: 8 flags 0x0\n");
    exclaim_ledger_remove(ledger, slot);
}

static void without_object(void **state)
{
    char text[512], fifo[96];
    struct xenguest x;
    uint32_t slot;

    (void)state;
    assert_false(seen(""));
    assert_false(seen("/no/such.so"));
    /* An object is wanted, but nothing runs that could have it. */
    assert_false(seen(program("EXCLAIM_PLACE_OBJECT")));
    snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    for (int kind = 0; kind < 2; kind++) {
        snprintf(text, sizeof(text), "lock_dir = %s\nplace_object = %s\nxenguest = %s\n", dir,
                 kind ? fifo : "", program("EXCLAIM_PLACE_PROBE"));
        put_text(conf, text);
        add(DOMID, true, &slot);
        alarm(20); /* a loader would wait for whoever writes to the pipe */
        start(&x, "listen", "7");
        restore(&x, text, sizeof(text));
        alarm(0);
        assert_string_equal(text, "domain 7: 8 flags 0x0\n");
        exclaim_ledger_remove(ledger, slot);
    }
}

static int setup(void **state)
{
    struct exclaim_error err;
    char text[1024];

    (void)state;
    make_dir(dir);
    snprintf(conf, sizeof(conf), "%s/conf", dir);
    snprintf(text, sizeof(text), "lock_dir = %s\nplace_object = %s\nxenguest = %s\n", dir,
             program("EXCLAIM_PLACE_OBJECT"), program("EXCLAIM_PLACE_PROBE"));
    put_text(conf, text);
    return setenv(EXCLAIM_CONFIG_ENV, conf, 1) || exclaim_ledger_open(dir, &ledger, &err);
}

static int teardown(void **state)
{
    (void)state;
    exclaim_ledger_close(ledger);
    drop_dir(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_domid), cmocka_unit_test(wrapper_at_work),
        cmocka_unit_test(none_for_us),    cmocka_unit_test(left_alone),
        cmocka_unit_test(without_object), /* last: it changes the configuration */
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
