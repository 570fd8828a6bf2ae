/* SPDX-License-Identifier: BSD-2-Clause */
/* The report file: many writers at once, and no room for the line. */
#include "support.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/report.h"

static char dir[64], path[128];

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/log/migrations.ndjson", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drop_dir(dir);
    return 0;
}

/* Lines of many writers at once stay whole; none is lost. */
static void many_writers(void **state)
{
    enum { WRITERS = 8, LINES = 40 };
    unsigned int seen[WRITERS] = { 0 };
    pid_t pid[WRITERS];
    char *text, *at, *end;

    (void)state;
    remove(path);
    for (uint32_t w = 0; w < WRITERS; w++) {
        pid[w] = fork();
        if (!pid[w]) {
            struct exclaim_session r;

            alarm(60);
            exclaim_session_init(&r, EXCLAIM_ROLE_DESTINATION, "test-hook", 0);
            r.domid = w;
            memset(r.why, 'a' + (int)w, sizeof(r.why) - 1);
            for (int i = 0; i < LINES; i++) {
                if (session_report_append(&r, path, NULL)) {
                    _exit(1);
                }
            }
            _exit(0);
        }
    }
    for (uint32_t w = 0; w < WRITERS; w++) {
        int status;

        assert_int_equal(waitpid(pid[w], &status, 0), pid[w]);
        assert_int_equal(status, 0);
    }
    at = text = get_file(path, NULL);
    while ((end = strchr(at, '\n'))) {
        json_object *o, *domid;

        *end = '\0';
        o = json_tokener_parse(at);
        assert_non_null(o);
        assert_true(json_object_object_get_ex(o, "domid", &domid));
        seen[json_object_get_int(domid)]++;
        json_object_put(o);
        at = end + 1;
    }
    assert_int_equal(*at, '\0');
    for (uint32_t w = 0; w < WRITERS; w++) {
        assert_int_equal(seen[w], LINES);
    }
    free(text);
}

static void cannot_write(void **state)
{
    static const struct {
        const char *path;
        int errnum;
    } cases[] = {
        { "/dev/full", 0 }, /* no regular file */
        { "/proc/no/such/dir/file", ENOENT },
        { "/", EISDIR },
        { "/dev/null/file", ENOTDIR },
    };
    struct exclaim_session r;
    struct exclaim_error err;
    char longest[5000];
    unsigned int fds = count_fds();

    (void)state;
    exclaim_session_init(&r, EXCLAIM_ROLE_DESTINATION, "test-hook", 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(session_report_append(&r, cases[i].path, &err), -1);
        assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
        assert_int_equal(err.errnum, cases[i].errnum);
    }
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(session_report_append(&r, longest, &err), -1);
    assert_int_equal(count_fds(), fds);
}

/* A disk with room for a part of the line (here a size limit) is an error as well. */
static void disk_full_halfway(void **state)
{
    struct rlimit old, limit;
    struct exclaim_session r;
    struct exclaim_error err;
    char *text;
    int rc;

    (void)state;
    exclaim_session_init(&r, EXCLAIM_ROLE_DESTINATION, "test-hook", 0);
    remove(path);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 100;
    setrlimit(RLIMIT_FSIZE, &limit);
    rc = session_report_append(&r, path, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(rc, -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_SYSTEM);
    assert_non_null(strstr(err.text, path));

    /* The next one does not become part of that half. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(session_report_append(&r, path, &err), 0);
    }
    text = get_file(path, NULL);
    assert_int_equal(count_lines(text), 3);
    for (char *line = strchr(text, '\n'), *end; line && line[1]; line = end) {
        json_object *o;

        end = strchr(line + 1, '\n');
        assert_non_null(end);
        *end = '\0';
        o = json_tokener_parse(line + 1);
        assert_non_null(o);
        json_object_put(o);
        *end = '\n';
    }
    free(text);
}

/* What stands where the file should be is neither waited for nor written to. */
static void no_file_there(void **state)
{
    struct exclaim_session r;
    struct exclaim_error err;
    char victim[160];

    (void)state;
    exclaim_session_init(&r, EXCLAIM_ROLE_DESTINATION, "test-hook", 0);
    remove(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(session_report_append(&r, path, &err), -1);
    assert_non_null(strstr(err.text, "no regular file"));
    remove(path);
    snprintf(victim, sizeof(victim), "%s/victim", dir);
    put_text(victim, "");
    assert_int_equal(symlink(victim, path), 0);
    assert_int_equal(session_report_append(&r, path, &err), -1);
    assert_int_equal(err.errnum, ELOOP);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_writers),
        cmocka_unit_test(cannot_write),
        cmocka_unit_test(disk_full_halfway),
        cmocka_unit_test(no_file_there),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
