/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger among processes: who dies leaves nothing behind, and one at a time holds the lock. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "reserve/ledger.h"

static char dir[64];
static const uint8_t uuid[EXCLAIM_UUID_BYTES];

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    return 0;
}

static struct exclaim_ledger *open_ledger(void)
{
    struct exclaim_ledger *l;
    struct exclaim_error err;

    return exclaim_ledger_open(dir, &l, &err) ? NULL : l;
}

static int add(struct exclaim_ledger *l, uint32_t *slot)
{
    const struct exclaim_match match = { .nr_nodes = 1, .pages = { 100 } };
    struct exclaim_error err;

    return exclaim_ledger_add(l, 3, uuid, &match, EXCLAIM_GUARANTEE_HOST, true, slot, &err);
}

/* A process that opens the ledger, locks it and/or adds an entry, says so, and stays until killed.
 */
static pid_t holder(bool lock, bool entry)
{
    int ready[2];
    char c = 0;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct exclaim_ledger *l = open_ledger();
        uint32_t slot;

        alarm(60);
        if (!l || exclaim_ledger_lock(l, 10000, NULL) || (entry && add(l, &slot))) {
            _exit(1);
        }
        if (!lock) {
            exclaim_ledger_unlock(l);
        }
        if (write(ready[1], "r", 1) == 1) {
            pause();
        }
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    return pid;
}

static void kill_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static uint64_t charged(struct exclaim_ledger *l)
{
    struct exclaim_room room = { .nr_nodes = 1 };

    exclaim_ledger_owed(l, NULL, false, &room);
    return room.claimed[0];
}

static void stale_owner(void **state)
{
    struct exclaim_ledger *l = open_ledger();
    pid_t one = holder(false, true), two = holder(false, true);

    (void)state;
    assert_int_equal(charged(l), 200);
    assert_int_equal(exclaim_ledger_prune(l, NULL), 0); /* both live */
    kill_holder(one);
    assert_int_equal(exclaim_ledger_prune(l, NULL), 1);
    assert_int_equal(charged(l), 100);
    kill_holder(two);
    exclaim_ledger_close(l);
    l = open_ledger();
    assert_int_equal(exclaim_ledger_prune(l, NULL), 1);
    assert_int_equal(charged(l), 0);
    exclaim_ledger_close(l);
}

/* Killed, but not yet waited for by its toolstack: dead all the same. */
/* A layout goes with its entry, also one that its owner wrote and did not live to tell of. */
static void layout_of_the_dead(void **state)
{
    static const uint8_t runs[] = { 0, 0, 100 };
    const struct exclaim_layout layout = { .bytes = runs, .len = sizeof(runs) };
    const struct exclaim_share share = { 0, 0, 100 };
    struct exclaim_ledger *l = open_ledger();
    char name[96];
    uint32_t slot;

    (void)state;
    for (int told = 0; told < 2; told++) {
        pid_t pid = holder(false, true);
        struct exclaim_error err;

        for (slot = 0; atomic_load(&exclaim_ledger_at(l, slot)->state) == EXCLAIM_ENTRY_FREE;) {
            slot++;
        }
        assert_int_equal(exclaim_ledger_set_layout(l, slot, &layout, &share, 1, &err), 0);
        exclaim_ledger_at(l, slot)->layout = (uint32_t)told;
        snprintf(name, sizeof(name), "%s/layout.%u", dir, slot);
        assert_int_equal(access(name, F_OK), 0);
        assert_int_equal(exclaim_ledger_prune(l, NULL), 0);
        assert_int_equal(access(name, F_OK), 0);
        kill_holder(pid);
        assert_int_equal(exclaim_ledger_prune(l, NULL), 1);
        assert_int_equal(access(name, F_OK), -1);
    }
    exclaim_ledger_close(l);
}

static void zombie(void **state)
{
    struct exclaim_ledger *l = open_ledger();
    pid_t pid = holder(false, true);
    siginfo_t info;

    (void)state;
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(exclaim_process_start_time(pid), 0);
    assert_int_equal(exclaim_ledger_prune(l, NULL), 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    exclaim_ledger_close(l);
}

/* Another process has got the number since. */
static void reused_pid(void **state)
{
    struct exclaim_ledger *l = open_ledger();
    uint32_t slot;

    (void)state;
    assert_int_equal(add(l, &slot), 0);
    assert_int_equal(exclaim_ledger_prune(l, NULL), 0);
    exclaim_ledger_at(l, slot)->pid_start--;
    assert_int_equal(exclaim_ledger_prune(l, NULL), 1);
    assert_int_equal(add(l, &slot), 0);
    exclaim_ledger_at(l, slot)->pid = 0; /* torn by a crash: no process */
    assert_int_equal(exclaim_ledger_prune(l, NULL), 1);
    exclaim_ledger_close(l);
}

/* A restore that outlives its hook writes to the entry: nobody else's until it has ended. */
static void removed_while_placing(void **state)
{
    struct exclaim_ledger *l = open_ledger();

    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        pid_t placer = holder(false, false);
        struct exclaim_ledger_entry *e;
        uint32_t slot;

        assert_int_equal(add(l, &slot), 0);
        e = exclaim_ledger_at(l, slot);
        atomic_store(&e->placer, placer);
        atomic_store(&e->placer_start, exclaim_process_start_time(placer));
        atomic_store(&e->state, EXCLAIM_ENTRY_PLACING);
        atomic_store(&e->ended, (uint32_t)ended);
        exclaim_ledger_remove(l, slot);
        assert_int_equal(charged(l), 0);
        assert_int_equal(atomic_load(&e->state),
                         ended ? EXCLAIM_ENTRY_FREE : EXCLAIM_ENTRY_PLACING);
        e->pid_start -= !ended; /* the hook ends first */
        assert_int_equal(exclaim_ledger_prune(l, NULL), 0);
        kill_holder(placer);
        assert_int_equal(exclaim_ledger_prune(l, NULL), !ended);
    }
    exclaim_ledger_close(l);
}

/* What @look says in a child with a ledger of its own; 200: it could not be tried. */
static int in_child(int (*look)(struct exclaim_ledger *l))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (!pid) {
        struct exclaim_ledger *l = open_ledger();

        alarm(60);
        _exit(l ? look(l) : 201);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The charge in pages of one entry of 100, and whether anything was freed. */
static int look(struct exclaim_ledger *l)
{
    uint64_t before = charged(l);

    if (exclaim_ledger_prune(l, NULL)) {
        return 202;
    }
    return before == charged(l) ? (int)before : 203;
}

static int look_without_descriptors(struct exclaim_ledger *l)
{
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
    }
    return errno == EMFILE ? look(l) : 200;
}

static int look_without_proc(struct exclaim_ledger *l)
{
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", "/proc", "tmpfs", 0, NULL)) {
        return 200;
    }
    return look(l);
}

static int look_from_namespace(struct exclaim_ledger *l)
{
    int status;
    pid_t pid;

    if (unshare(CLONE_NEWPID | CLONE_NEWNS)) {
        return 200;
    }
    pid = fork();
    if (!pid) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount("proc", "/proc", "proc", 0, NULL)) {
            _exit(200);
        }
        _exit(look(l));
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 204;
}

/* Who cannot see the hook's process takes nothing from a migration that runs. */
static void not_seen(void **state)
{
    int (*const looks[])(struct exclaim_ledger *) = { look, look_without_descriptors,
                                                      look_without_proc, look_from_namespace };
    pid_t pid = holder(false, true);
    struct exclaim_ledger *l = open_ledger();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
        int pages = in_child(looks[i]);

        if (pages != 200) { /* not allowed to mount, e.g. in a container */
            assert_int_equal(pages, 100);
        }
    }
    assert_int_equal(exclaim_ledger_use(exclaim_ledger_at(l, 0)), EXCLAIM_USE_LIVES);
    kill_holder(pid);
    assert_int_equal(in_child(look_without_descriptors), 202); /* the kernel says that it is gone */
    exclaim_ledger_prune(l, NULL);
    exclaim_ledger_close(l);
}

/* Readers leave a dead entry out and alone; whoever adds one removes it. */
static void readers_do_not_prune(void **state)
{
    pid_t pid = holder(false, true);
    struct exclaim_ledger *l = open_ledger();
    uint32_t slot;

    (void)state;
    assert_int_equal(charged(l), 100);
    kill_holder(pid);
    assert_int_equal(charged(l), 0);
    assert_int_equal(exclaim_ledger_use(exclaim_ledger_at(l, 0)), EXCLAIM_USE_GONE);
    assert_int_equal(atomic_load(&exclaim_ledger_at(l, 0)->state), EXCLAIM_ENTRY_STAKED);
    assert_int_equal(add(l, &slot), 0);
    assert_int_equal(slot, 0);
    exclaim_ledger_remove(l, slot);
    exclaim_ledger_close(l);
}

/* A file that is changed under its users is their error, not their end. */
static void changed_while_used(void **state)
{
    struct exclaim_ledger *l, *other;
    struct exclaim_error err;
    char path[128], text[64];
    uint32_t slot;

    (void)state;
    signal(SIGBUS, SIG_DFL); /* cmocka has taken it */
    snprintf(path, sizeof(path), "%s/" EXCLAIM_LEDGER_FILE, dir);
    for (int how = 0; how < 4; how++) {
        l = open_ledger();
        assert_int_equal(exclaim_ledger_lock(l, 0, &err), 0);
        assert_int_equal(add(l, &slot), 0);
        exclaim_ledger_unlock(l);
        assert_int_equal(exclaim_ledger_check(l, &err), 0);
        if (how < 2) {
            assert_int_equal(truncate(path, how ? 4096 : 0), 0);
        } else {
            assert_int_equal(unlink(path), 0);
        }
        if (how == 3) {
            other = open_ledger();
            assert_non_null(other);
            exclaim_ledger_close(other);
        }
        /* Every page: no SIGBUS. */
        for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
            atomic_store(&exclaim_ledger_at(l, i)->elsewhere, 1);
        }
        assert_int_equal(exclaim_ledger_check(l, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
        assert_non_null(strstr(err.text, path));
        snprintf(text, sizeof(text), "cut short to %d of ", how ? 4096 : 0);
        assert_non_null(strstr(err.text, how < 2 ? text : "removed or replaced"));
        assert_int_equal(exclaim_ledger_lock(l, 0, &err), -1);
        exclaim_ledger_remove(l, slot);
        exclaim_ledger_close(l);
        if (how == 1) { /* its header is there: not a new one */
            assert_int_equal(exclaim_ledger_open(dir, &l, &err), -1);
            assert_non_null(strstr(err.text, "cut short to 4096"));
        }
        unlink(path);
    }
}

/* Emptied and filled by others: the slot is theirs. */
static void emptied_and_filled(void **state)
{
    struct exclaim_ledger *l = open_ledger(), *fresh;
    struct exclaim_error err;
    char path[128];
    uint32_t slot;
    pid_t pid;

    (void)state;
    snprintf(path, sizeof(path), "%s/" EXCLAIM_LEDGER_FILE, dir);
    assert_int_equal(add(l, &slot), 0);
    assert_int_equal(truncate(path, 0), 0);
    pid = holder(false, true);
    exclaim_ledger_remove(l, slot);
    fresh = open_ledger();
    assert_int_equal(charged(fresh), 100);
    assert_int_equal(exclaim_ledger_lock(fresh, 0, &err), 0);
    kill_holder(pid);
    exclaim_ledger_close(fresh);
    exclaim_ledger_close(l);
    unlink(path);
}

static void locked(void **state)
{
    struct exclaim_ledger *l = open_ledger(), *other;
    pid_t pid = holder(true, false);
    struct exclaim_error err;

    (void)state;
    assert_int_equal(exclaim_ledger_lock(l, 20, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
    assert_int_equal(err.errnum, ETIMEDOUT);
    assert_non_null(strstr(err.text, "20 ms"));
    assert_int_equal(exclaim_ledger_lock(l, 0, &err), -1);

    kill_holder(pid); /* the kernel gives it back */
    assert_int_equal(exclaim_ledger_lock(l, 10000, &err), 0);
    other = NULL;
    exclaim_ledger_unlock(l);
    other = open_ledger();
    assert_non_null(other);
    assert_int_equal(exclaim_ledger_lock(l, 0, &err), 0);
    assert_int_equal(exclaim_ledger_lock(other, 0, &err), -1); /* two openers of one process, too */
    exclaim_ledger_close(l);
    assert_int_equal(exclaim_ledger_lock(other, 0, &err), 0);
    exclaim_ledger_close(other);
}

/* The restoring process may hold its descriptor as long as it likes: the owner's unlock, and the
 * owner's end, let the next one in. */
static void lock_is_not_handed_over(void **state)
{
    struct exclaim_ledger *l = open_ledger(), *other = open_ledger();
    struct exclaim_error err;
    int fd;

    (void)state;
    assert_int_equal(exclaim_ledger_lock(l, 0, &err), 0);
    fd = exclaim_ledger_fd(l, &err);
    assert_true(fd > 2);
    exclaim_ledger_unlock(l);
    exclaim_ledger_close(l);
    assert_int_equal(exclaim_ledger_lock(other, 0, &err), 0);
    close(fd);
    exclaim_ledger_close(other);
}

/* Many at once: with the lock held, match and add are one step, so nothing is counted twice. */
static void contended(void **state)
{
    enum { PROCESSES = 8, ROUNDS = 50 };
    struct exclaim_ledger *l = open_ledger();
    pid_t pid[PROCESSES];
    uint32_t slot;

    (void)state;
    assert_int_equal(add(l, &slot), 0);
    for (int p = 0; p < PROCESSES; p++) {
        pid[p] = fork();
        if (!pid[p]) {
            struct exclaim_ledger *mine = open_ledger();
            struct exclaim_ledger_entry *e = mine ? exclaim_ledger_at(mine, slot) : NULL;

            alarm(60);
            for (int i = 0; e && i < ROUNDS; i++) {
                uint64_t seen;

                if (exclaim_ledger_lock(mine, 50000, NULL)) {
                    _exit(1);
                }
                seen = e->target[0]; /* not atomic: the lock has to do */
                sched_yield();
                e->target[0] = seen + 1;
                exclaim_ledger_unlock(mine);
            }
            _exit(e ? 0 : 1);
        }
    }
    for (int p = 0; p < PROCESSES; p++) {
        int status;

        assert_int_equal(waitpid(pid[p], &status, 0), pid[p]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(exclaim_ledger_at(l, slot)->target[0], 100 + PROCESSES * ROUNDS);
    exclaim_ledger_remove(l, slot);
    exclaim_ledger_close(l);
}

static void *go_on(void *arg)
{
    (void)arg;
    pause();
    return NULL;
}

/* Its first thread has ended, as a zombie's; the others still restore. */
static void first_thread_ended(void **state)
{
    char path[40], text[512] = "";
    enum exclaim_life life;
    uint64_t start;
    pid_t pid = fork();
    pthread_t thread;

    (void)state;
    if (!pid) {
        if (!pthread_create(&thread, NULL, go_on, NULL)) {
            pthread_exit(NULL);
        }
        _exit(1);
    }
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    start = exclaim_process_start_time(pid);
    while (!strstr(text, ") Z")) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        assert_true(read(fd, text, sizeof(text) - 1) > 0);
        close(fd);
        usleep(1000);
    }
    life = exclaim_process_life(pid, start, exclaim_process_space());
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(life, EXCLAIM_LIFE_LIVES);
    assert_int_equal(exclaim_process_life(pid, start, exclaim_process_space()), EXCLAIM_LIFE_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed_while_placing),
        cmocka_unit_test(stale_owner),
        cmocka_unit_test(layout_of_the_dead),
        cmocka_unit_test(zombie),
        cmocka_unit_test(first_thread_ended),
        cmocka_unit_test(reused_pid),
        cmocka_unit_test(locked),
        cmocka_unit_test(contended),
        cmocka_unit_test(lock_is_not_handed_over),
        cmocka_unit_test(not_seen),
        cmocka_unit_test(readers_do_not_prune),
        cmocka_unit_test(changed_while_used),
        cmocka_unit_test(emptied_and_filled),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
