/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The libxl hook over the model, in want of everything: each allocation fails once, all from one on
 * fail, no descriptor is left, the address space is full, /proc is missing.  Under `prefer` libxl's
 * own helper runs once all the same, under `strict` it runs with all that was asked or not at all;
 * and nothing stays claimed.
 */
#include "hook_kit.h"
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/output.h"

static struct hook_kit kit;
static char seen[96];

struct lack {
    bool save, strict;
    long fail_at, fail_more; /* fail_at -1: none */
    rlim_t fds, space;       /* 0: as many as ever */
    bool no_proc;
};

static int setup(void **state)
{
    (void)state;
    hook_kit_open(&kit);
    snprintf(seen, sizeof(seen), "%s/seen", kit.dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hook_kit_close(&kit);
    return 0;
}

static void limit(__rlimit_resource_t what, rlim_t value)
{
    const struct rlimit l = { value, value };

    if (value && setrlimit(what, &l)) {
        _exit(120);
    }
}

/* In the child; the stream is stdin, for a table that is as good as full. */
static void become_hook(const struct lack *lack, int fd)
{
    char number[32];
    int null = open("/dev/null", O_RDWR);

    alarm(60);
    dup2(fd, 0);
    dup2(null, 1);
    dup2(null, 2);
    exclaim_close_from(3); /* what the test was started with */
    if (lack->no_proc &&
        (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
         mount("none", "/proc", "tmpfs", 0, NULL))) {
        _exit(121);
    }
    if (lack->fail_at >= 0) {
        snprintf(number, sizeof(number), "%ld", lack->fail_at);
        setenv("FAIL_AT", number, 1);
        snprintf(number, sizeof(number), "%ld", lack->fail_more);
        setenv("FAIL_MORE", number, 1);
        setenv("FAIL_SEEN", seen, 1);
        setenv("LD_PRELOAD", program("FAILMALLOC"), 1);
    }
    limit(RLIMIT_NOFILE, lack->fds);
    limit(RLIMIT_AS, lack->space);
    if (lack->save) {
        execl(program("HOOK_MODEL_BIN"), "libxl-save-helper", "--save-domain", "0", "-1", "1", "1",
              "0", "0", (char *)NULL);
    } else {
        execl(program("HOOK_MODEL_BIN"), "libxl-save-helper", "--restore-domain", "0", "-1", "1",
              "1", "0", "2", "0", "0", "0", (char *)NULL);
    }
    _exit(122);
}

/* The hook's exit code; 1000 + number for a signal.  *ran is what the helper said, "" if nothing.
 */
static int hook(const struct lack *lack, char ran[8])
{
    int fd[2], status;
    pid_t pid;
    char *said;

    remove(kit.mark);
    remove(seen);
    hook_kit_configure(&kit, lack->strict);
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    if (!lack->save) {
        assert_int_equal(write(fd[1], kit.stream, kit.stream_len), kit.stream_len);
    }
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        become_hook(lack, fd[lack->save]);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(fd[0]);
    close(fd[1]);
    said = access(kit.mark, F_OK) ? NULL : get_file(kit.mark, NULL);
    snprintf(ran, 8, "%.7s", said ? said : "");
    free(said);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void assert_as_asked(const struct lack *lack, const char *where)
{
    char ran[8];
    int code = hook(lack, ran);

    if (lack->strict && !lack->save) {
        /* All that was asked, or a refusal. */
        if (strcmp(ran, "p") ? ran[0] || !code : code) {
            fail_msg("strict, %s: exit %d, the helper ran \"%s\"", where, code, ran);
        }
    } else if (code || strlen(ran) != 1) {
        fail_msg("prefer, %s: exit %d, the helper ran \"%s\"", where, code, ran);
    }
    hook_kit_assert_nothing_left(&kit, where);
}

static void every_allocation(bool save, bool strict, long more)
{
    char where[80];
    long at = 0;

    for (;; at++) {
        const struct lack lack = {
            .save = save, .strict = strict, .fail_at = at, .fail_more = more
        };

        snprintf(where, sizeof(where), "%s, allocation %ld%s", save ? "save" : "restore", at,
                 more ? " and all after it" : "");
        assert_as_asked(&lack, where);
        if (access(seen, F_OK)) {
            break;
        }
    }
    print_message("%s: %ld allocations\n", save ? "save" : "restore", at);
    assert_true(at > 5); /* or nothing was tried */
}

static void memory_save(void **state)
{
    (void)state;
    every_allocation(true, false, 0);
    every_allocation(true, false, -1);
}

static void memory_restore(void **state)
{
    (void)state;
    every_allocation(false, false, 0);
    every_allocation(false, false, -1);
}

static void memory_strict(void **state)
{
    (void)state;
    every_allocation(false, true, 0);
    every_allocation(false, true, -1);
}

static void descriptors(void **state)
{
    char where[40];

    (void)state;
    /* With three the loader itself has none for the hook's libraries. */
    for (rlim_t fds = 4; fds < 24; fds++) {
        for (int kind = 0; kind < 3; kind++) {
            const struct lack lack = {
                .save = kind == 2, .strict = kind == 1, .fail_at = -1, .fds = fds
            };

            snprintf(where, sizeof(where), "%ju descriptors", (uintmax_t)fds);
            assert_as_asked(&lack, where);
        }
    }
}

/* From where the hook starts at all up to where all of it fits. */
static void address_space(void **state)
{
    const rlim_t step = 64 << 10;
    struct lack lack = { .fail_at = -1, .space = 1 << 20 };
    char where[40], ran[8];
    unsigned int whole = 0;

    (void)state;
    lack.save = true;
    while (hook(&lack, ran) || !ran[0]) {
        lack.space += step;
        assert_true(lack.space < 1u << 30);
    }
    for (; whole < 20 && lack.space < 1u << 30; lack.space += step) {
        snprintf(where, sizeof(where), "%ju bytes", (uintmax_t)lack.space);
        lack.save = false;
        lack.strict = true;
        assert_as_asked(&lack, where);
        lack.strict = false;
        assert_as_asked(&lack, where);
        hook(&lack, ran);
        whole += ran[0] == 'p';
    }
    assert_int_equal(whole, 20);
}

static void no_proc(void **state)
{
    struct lack lack = { .fail_at = -1, .no_proc = true };
    char ran[8];
    int code = hook(&lack, ran);

    (void)state;
    if (code == 121) {
        skip(); /* not allowed to mount */
    }
    assert_as_asked(&lack, "no /proc");
    lack.save = true;
    assert_as_asked(&lack, "no /proc");
    lack.save = false;
    lack.strict = true;
    assert_as_asked(&lack, "no /proc");
    hook(&lack, ran);
    assert_string_equal(ran, ""); /* nobody could tell whose the entry is */
}

int main(void)
{
    const char *preloaded = getenv("FAILMALLOC");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_proc),       cmocka_unit_test(descriptors),
        cmocka_unit_test(memory_save),   cmocka_unit_test(memory_restore),
        cmocka_unit_test(memory_strict), cmocka_unit_test(address_space),
    };

    if (!preloaded || !*preloaded) {
        return 77; /* a sanitizer has malloc */
    }
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, setup, teardown);
}
