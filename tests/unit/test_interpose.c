/* SPDX-License-Identifier: BSD-2-Clause */
/* The placing object itself, preloaded into a process that restores from several threads. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "place/fake.h"
#include "reserve/ledger.h"
#include "reserve/ledger_map.h"

struct restored {
    int rc, errnum;
    unsigned long got[FAKE_NODES], twice, never, unasked, other, astray, peak_kib;
    struct exclaim_ledger_entry entry;
};

struct plan {
    uint64_t target[FAKE_NODES];
    unsigned long free; /* per node */
    unsigned int seed;
    bool join;
    const char *env;    /* instead of the right one */
    unsigned long unit; /* so many pages at a time lie on the nodes in turn; 0: no layout */
    bool long_layout;   /* as many bytes of it as there may be */
    const char *spoil;  /* what happens to its file */
};

static unsigned long guest_pages(unsigned long *whole)
{
    unsigned long pages = 0;

    *whole = 0;
    for (unsigned long first = 0; first < FAKE_PAGES; first += 512) {
        unsigned long here = 0;

        for (unsigned long i = 0; i < 512; i++) {
            here += fake_wants(first + i) != 0;
        }
        pages += here;
        *whole += here == 512;
    }
    return pages;
}

static void child(const struct plan *plan, const char *place, int out)
{
    char number[32];

    dup2(out, STDOUT_FILENO);
    snprintf(number, sizeof(number), "%lu", plan->free);
    setenv("FAKE_FREE", number, 1);
    snprintf(number, sizeof(number), "%u", plan->seed);
    setenv("FAKE_SEED", number, 1);
    if (plan->unit) {
        snprintf(number, sizeof(number), "%lu", plan->unit);
        setenv("FAKE_UNIT", number, 1);
    }
    setenv(EXCLAIM_PLACE_ENV, plan->env ? plan->env : place, 1);
    setenv("LD_PRELOAD", getenv("EXCLAIM_PLACE_SO"), 1);
    execl(getenv("PLACE_HOST"), "place_host", (char *)NULL);
    _exit(127);
}

/* Source node n is matched to node n + 1, the last one to the first. */
static void add_layout(struct exclaim_ledger *ledger, uint32_t slot, const struct plan *plan)
{
    static uint8_t bytes[EXCLAIM_LAYOUT_MAX];
    struct exclaim_share share[FAKE_NODES];
    struct exclaim_layout_build b;
    struct exclaim_layout layout;
    struct exclaim_error err;

    exclaim_layout_build(&b, bytes, sizeof(bytes));
    for (unsigned long page = 0; page < FAKE_PAGES; page++) {
        if (fake_wants(page)) {
            exclaim_layout_add(&b, page, 1, (uint32_t)(page / plan->unit % FAKE_NODES));
        }
    }
    /* Behind the guest, where nobody looks. */
    for (unsigned long i = 0; plan->long_layout && b.len < sizeof(bytes) - 64; i++) {
        exclaim_layout_add(&b, FAKE_PAGES + i * 5 + i % 3, 1, (uint32_t)(i * i % 7 % FAKE_NODES));
    }
    assert_true(exclaim_layout_end(&b, &layout));
    for (uint32_t n = 0; n < FAKE_NODES; n++) {
        const uint32_t dst = (n + 1) % FAKE_NODES;

        share[n] = (struct exclaim_share){ n, dst, plan->target[dst] };
    }
    assert_int_equal(exclaim_ledger_set_layout(ledger, slot, &layout, share, FAKE_NODES, &err), 0);
}

static void spoil(const char *dir, uint32_t slot, const char *how)
{
    char name[96];

    snprintf(name, sizeof(name), "%s/layout.%u", dir, slot);
    if (!strcmp(how, "cut") || !strcmp(how, "empty")) {
        assert_int_equal(truncate(name, *how == 'c' ? 100 : 0), 0);
        return;
    }
    if (!strcmp(how, "other")) {
        FILE *f = fopen(name, "r+");

        assert_non_null(f);
        assert_int_equal(fseek(f, 16, SEEK_SET), 0); /* the owner's start time */
        assert_int_equal(fputc(0x5a, f), 0x5a);
        assert_int_equal(fclose(f), 0);
        return;
    }
    assert_int_equal(unlink(name), 0);
    if (!strcmp(how, "fifo")) {
        assert_int_equal(mkfifo(name, 0600), 0);
    } else if (!strcmp(how, "link")) {
        assert_int_equal(symlink("/dev/zero", name), 0);
    }
}

static void restore(const struct plan *plan, struct restored *run)
{
    struct exclaim_match match = { .nr_nodes = FAKE_NODES };
    struct exclaim_error err = { 0 };
    struct exclaim_ledger *ledger;
    uint8_t uuid[EXCLAIM_UUID_BYTES] = { 1 };
    char dir[64], place[64], line[512];
    int fd, status, pipe_fd[2];
    uint32_t slot;
    pid_t pid;
    FILE *f;

    make_dir(dir);
    memcpy(match.pages, plan->target, sizeof(plan->target));
    assert_int_equal(exclaim_ledger_open(dir, &ledger, &err), 0);
    assert_int_equal(exclaim_ledger_add(ledger, FAKE_DOMID, uuid, &match, EXCLAIM_GUARANTEE_HOST,
                                        true, &slot, &err),
                     0);
    exclaim_ledger_at(ledger, slot)->join = plan->join ? EXCLAIM_ORDER_2M : 0;
    if (plan->unit) {
        add_layout(ledger, slot, plan);
    }
    if (plan->spoil) {
        spoil(dir, slot, plan->spoil);
    }
    fd = exclaim_ledger_fd(ledger, &err);
    assert_true(fd >= 0);
    snprintf(place, sizeof(place), "%d:%u:%u", fd, slot, FAKE_DOMID);
    assert_int_equal(pipe(pipe_fd), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        child(plan, place, pipe_fd[1]);
    }
    close(pipe_fd[1]);
    f = fdopen(pipe_fd[0], "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    fclose(f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(sscanf(line, FAKE_LINE, &run->rc, &run->errnum, &run->got[0], &run->got[1],
                            &run->got[2], &run->twice, &run->never, &run->unasked, &run->other,
                            &run->astray, &run->peak_kib),
                     11);
    run->entry = *exclaim_ledger_at(ledger, slot);
    exclaim_ledger_remove(ledger, slot);
    snprintf(line, sizeof(line), "%s/layout.%u", dir, slot);
    assert_int_equal(access(line, F_OK), -1); /* it goes with the entry */
    close(fd);
    exclaim_ledger_close(ledger);
    drop_dir(dir);
}

static void assert_exact(const struct plan *plan, const struct restored *run)
{
    unsigned long whole, joined = 0;

    guest_pages(&whole);
    assert_int_equal(run->rc, 0);
    assert_int_equal(run->twice, 0);
    assert_int_equal(run->never, 0);
    assert_int_equal(run->unasked, 0);
    assert_int_equal(run->other, FAKE_PAGES / 1024);
    for (int n = 0; n < FAKE_NODES; n++) {
        const struct exclaim_ledger_entry *e = &run->entry;

        assert_int_equal(run->got[n], plan->target[n]);
        assert_int_equal(e->placed[n], plan->target[n]);
        assert_int_equal(e->placed[n], e->extents[n][0] + 512 * e->extents[n][1]);
        joined += e->extents[n][1];
    }
    assert_int_equal(run->entry.elsewhere, 0);
    assert_int_equal(run->entry.ended, 1);
    assert_int_equal(run->entry.result, 0);
    assert_int_equal(joined + run->entry.broken + run->entry.split, plan->join ? whole : 0);
    assert_int_equal(run->astray, 0);
}

static void make_plan(struct plan *plan, bool join)
{
    unsigned long whole;
    const uint64_t pages = guest_pages(&whole);

    *plan = (struct plan){ .target = { 12345, pages - 12345 - 1000, 1000 },
                           .free = FAKE_PAGES,
                           .join = join };
}

static void exact(void **state)
{
    struct plan plan;
    struct restored run;

    (void)state;
    for (int join = 0; join < 2; join++) {
        make_plan(&plan, join);
        restore(&plan, &run);
        assert_exact(&plan, &run);
        assert_true(run.entry.broken <= 2); /* a quota's own remainder */
        assert_int_equal(run.entry.lacking[0] + run.entry.lacking[1] + run.entry.lacking[2], 0);
        assert_true(run.entry.populate_ns && run.entry.calls);
    }
}

static void make_layout_plan(struct plan *plan, bool join, unsigned long unit)
{
    *plan = (struct plan){ .free = FAKE_PAGES, .join = join, .unit = unit };
    for (unsigned long page = 0; page < FAKE_PAGES; page++) {
        plan->target[fake_node(page, unit)] += fake_wants(page) ? 1 : 0;
    }
}

/* Every page on its own node, from several threads, in small pieces and large ones. */
static void by_frame(void **state)
{
    static const unsigned long units[] = { 1, 16, 512, 700, 2048 };
    struct plan plan;
    struct restored run;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        for (int join = 0; join < 2; join++) {
            make_layout_plan(&plan, join, units[i]);
            restore(&plan, &run);
            assert_exact(&plan, &run);
            assert_int_equal(run.entry.by_frame, 1);
            assert_int_equal(run.entry.kept, plan.target[0] + plan.target[1] + plan.target[2]);
            assert_int_equal(run.entry.moved, 0);
            assert_true(!join || units[i] % 512 || !run.entry.split);
        }
    }
    for (unsigned int seed = 1; seed <= 10; seed++) {
        make_layout_plan(&plan, true, 512);
        plan.seed = seed;
        restore(&plan, &run);
        assert_exact(&plan, &run);
    }
}

/* The longest layout there may be takes less than 1 MiB of the restoring process. */
static void memory(void **state)
{
    unsigned long without;
    struct plan plan;
    struct restored run;

    (void)state;
    make_plan(&plan, true);
    restore(&plan, &run);
    without = run.peak_kib;
    make_layout_plan(&plan, true, 512);
    plan.long_layout = true;
    restore(&plan, &run);
    assert_exact(&plan, &run);
    assert_int_equal(run.entry.by_frame, 1);
    print_message("peak memory: %lu KiB by count, %lu KiB by frame\n", without, run.peak_kib);
    assert_true(run.peak_kib < without + 1024);
}

/* A layout that is lost, cut or another entry's: placed by count, exactly. */
static void layout_lost(void **state)
{
    static const char *const ways[] = { "unlink", "cut", "empty", "fifo", "link", "other" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        struct plan plan;
        struct restored run;

        make_layout_plan(&plan, true, 512);
        plan.spoil = ways[i];
        restore(&plan, &run);
        run.astray = 0; /* nobody promised */
        assert_exact(&plan, &run);
        assert_int_equal(run.entry.by_frame, 0);
        assert_int_equal(run.entry.kept + run.entry.moved, 0);
    }
}

/* Fewer extents than asked, none, ENOMEM, at any call, and threads in any order. */
static void troubles(void **state)
{
    uint64_t broken = 0;
    struct plan plan;
    struct restored run;

    (void)state;
    for (unsigned int seed = 1; seed <= 30; seed++) {
        make_plan(&plan, true);
        plan.seed = seed;
        restore(&plan, &run);
        assert_exact(&plan, &run);
        broken += run.entry.broken;
    }
    assert_true(broken > 30);
}

/* Memory ends in the middle: the restore fails, and what it got is what the ledger says. */
static void out_of_memory(void **state)
{
    struct plan plan;
    struct restored run;
    uint64_t placed = 0, got = 0;

    (void)state;
    make_plan(&plan, true);
    plan.free = 6000;
    restore(&plan, &run);
    assert_int_equal(run.rc, -1);
    assert_true(run.errnum == EBUSY || run.errnum == ENOMEM);
    assert_int_equal(run.entry.ended, 1);
    assert_int_equal(run.entry.result, -1);
    assert_int_equal(run.twice, 0);
    assert_int_equal(run.unasked, 0);
    for (int n = 0; n < FAKE_NODES; n++) {
        placed += run.entry.placed[n];
        got += run.got[n];
    }
    assert_int_equal(placed + run.entry.elsewhere, got);
    assert_int_equal(got, 3 * 6000);
}

/* An environment that names no entry of that domain: hands off, the restore goes on without us. */
static void hands_off(void **state)
{
    static const char *const wrong[] = { "", "x", "0:0:7", "-1:0:7", "3:99999:7", "3:0:8" };
    struct plan plan;
    struct restored run;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        make_plan(&plan, true);
        plan.env = wrong[i];
        restore(&plan, &run);
        assert_int_equal(run.rc, 0);
        assert_int_equal(run.twice + run.never + run.unasked, 0);
        assert_int_equal(run.got[0], plan.target[0] + plan.target[1] + plan.target[2]);
        assert_int_equal(run.entry.calls + run.entry.ended, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),       cmocka_unit_test(by_frame), cmocka_unit_test(memory),
        cmocka_unit_test(layout_lost), cmocka_unit_test(troubles), cmocka_unit_test(out_of_memory),
        cmocka_unit_test(hands_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
