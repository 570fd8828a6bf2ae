/* SPDX-License-Identifier: BSD-2-Clause */
/* The report line: arithmetic and JSON; and its file: many writers at once, and no room. */
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

static void fill(struct exclaim_session *r)
{
    exclaim_session_init(r, EXCLAIM_ROLE_DESTINATION, "test-hook", 0);
    r->outcome = EXCLAIM_OUTCOME_DONE;
    r->config.policy = EXCLAIM_POLICY_STRICT;
    r->domid = 17;
    r->have_uuid = r->have_reservation = r->have_match = r->have_got = true;
    golden_reservation(&r->res);
    memcpy(r->uuid, r->res.uuid, sizeof(r->uuid));
    r->match.shape = EXCLAIM_MATCH_RENUMBERED;
    r->match.nr_nodes = 2;
    r->match.nr_parts = 2;
    r->match.part[0] = (struct exclaim_part){ 0, 1, 33439 };
    r->match.part[1] = (struct exclaim_part){ 2, 0, 17777 };
    r->match.pages[0] = 17777;
    r->match.pages[1] = 33439;
    r->match.total_pages = 51216;
    r->guarantee = EXCLAIM_GUARANTEE_HOST;
    r->claimed_pages = 51216;
    r->placed.steered = true;
    r->got.nr_nodes = 2;
    r->got.exact = true;
    r->got.method = EXCLAIM_FROM_CONSOLE;
    memcpy(r->got.pages, r->match.pages, sizeof(r->got.pages));
    r->got.total_pages = 51216;
    r->placed.extents[0][EXCLAIM_EXTENT_4K] = 369;
    r->placed.extents[0][EXCLAIM_EXTENT_2M] = 34;
    r->placed.extents[1][EXCLAIM_EXTENT_4K] = 671;
    r->placed.extents[1][EXCLAIM_EXTENT_2M] = 64;
    r->placed.extents_elsewhere[EXCLAIM_EXTENT_2M] = 2;
    r->placed.lacking[1] = 5;
    r->placed.broken = 1;
    r->placed.populate_us = 1234;
    r->ms[EXCLAIM_TIMED_RESTORE] = 0;
    r->ms[EXCLAIM_TIMED_CLAIM] = 3;
}

static void deviation(void **state)
{
    static const struct {
        int64_t change[3];
        bool got_exact, have_got, have_match;
        uint64_t deviation;
        bool exact;
    } cases[] = {
        { { 0, 0, 0 }, true, true, true, 0, true },
        { { -5, 5, 0 }, true, true, true, 5, false }, /* moved: counted once */
        { { -5, 2, 3 }, true, true, true, 5, false },
        { { -5, 0, 0 }, true, true, true, 5, false }, /* missing */
        { { 0, 0, 7 }, true, true, true, 7, false },  /* on a node that was not planned */
        { { 4, -1, 0 }, true, true, true, 4, false },
        { { 0, 0, 0 }, false, true, true, 0, false }, /* nobody knows */
        { { 0, 0, 0 }, true, false, true, 0, false },
        { { 0, 0, 0 }, true, true, false, 0, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_session r;

        fill(&r);
        for (unsigned int n = 0; n < 3; n++) {
            r.got.pages[n] += (uint64_t)cases[i].change[n];
        }
        r.got.exact = cases[i].got_exact;
        r.have_got = cases[i].have_got;
        r.have_match = cases[i].have_match;
        assert_int_equal(exclaim_session_deviation(&r), cases[i].deviation);
        assert_int_equal(exclaim_session_exact(&r), cases[i].exact);
    }
}

static json_object *member(json_object *o, const char *name)
{
    json_object *value;

    if (!json_object_object_get_ex(o, name, &value)) {
        fail_msg("no member %s", name);
    }
    return value;
}

static void assert_text(json_object *o, const char *name, const char *want)
{
    assert_string_equal(json_object_get_string(member(o, name)), want);
}

static json_object *append_and_parse(const struct exclaim_session *r)
{
    struct exclaim_error err = { 0 };
    json_object *o;
    char *text;

    remove(path);
    if (session_report_append(r, path, &err)) {
        fail_msg("%s", err.text);
    }
    text = get_file(path, NULL);
    assert_int_equal(count_lines(text), 1);
    o = json_tokener_parse(text);
    assert_non_null(o);
    free(text);
    assert_text(o, "schema", "exclaim.migration/1");
    return o;
}

static void line(void **state)
{
    struct exclaim_session r;
    json_object *o, *got, *placed;
    struct stat st;

    (void)state;
    fill(&r);
    strcpy(r.why, "a \"quoted\"\nword\\");
    o = append_and_parse(&r);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_text(o, "role", "destination");
    assert_text(o, "outcome", "done");
    assert_text(o, "policy", "strict");
    assert_text(o, "uuid", "10111213-1415-1617-1819-1a1b1c1d1e1f");
    assert_text(o, "guarantee", "host");
    assert_text(o, "exact", "true");
    assert_text(o, "why", "a \"quoted\"\nword\\");
    assert_int_equal(json_object_get_int64(member(o, "deviation_pages")), 0);
    assert_int_equal(json_object_get_int64(member(o, "claimed_pages")), 51216);
    assert_text(member(o, "match"), "shape", "renumbered");
    got = member(member(o, "got"), "nodes");
    assert_int_equal(json_object_array_length(got), 2);
    assert_int_equal(json_object_get_int64(member(json_object_array_get_idx(got, 1), "pages")),
                     33439);
    placed = member(o, "placed");
    assert_int_equal(json_object_get_int64(member(placed, "extents_2m")), 100);
    assert_int_equal(json_object_get_int64(member(placed, "extents_4k")), 1040);
    assert_int_equal(json_object_get_int64(member(placed, "broken_2m")), 1);
    assert_int_equal(json_object_get_int64(member(placed, "populate_us")), 1234);
    assert_string_equal(json_object_to_json_string_ext(member(placed, "extents"), 0),
                        "[{\"node\":0,\"4k\":369,\"2m\":34,\"1g\":0},"
                        "{\"node\":1,\"4k\":671,\"2m\":64,\"1g\":0}]");
    assert_string_equal(json_object_to_json_string_ext(member(placed, "lacking_2m"), 0),
                        "[{\"node\":1,\"times\":5}]");
    /* A step that took no time was done, one at -1 was not. */
    assert_int_equal(json_object_get_int64(member(member(o, "ms"), "restore")), 0);
    assert_int_equal(json_object_get_int64(member(member(o, "ms"), "claim")), 3);
    assert_int_equal(json_object_object_length(member(o, "ms")), 2);
    assert_false(json_object_object_get_ex(o, "error", NULL));
    json_object_put(o);

    exclaim_session_init(&r, EXCLAIM_ROLE_SOURCE, "test-hook", 0);
    strcpy(r.error, "count: no");
    o = append_and_parse(&r);
    assert_text(o, "role", "source");
    assert_text(o, "outcome", "passed");
    assert_text(o, "error", "count: no");
    assert_false(json_object_object_get_ex(o, "uuid", NULL));
    assert_false(json_object_object_get_ex(o, "got", NULL));
    json_object_put(o);
}

/* What syslog gets. */
static void line_for_people(void **state)
{
    struct exclaim_session r;
    char text[1400];

    (void)state;
    fill(&r);
    session_report_line(&r, text, sizeof(text));
    assert_non_null(
        strstr(text, " (domain 17): done, exact true, guarantee host, claimed 200.1 MiB (51216 "
                     "pages), deviation 0 KiB (0 pages)"));
    r.got.pages[0] -= 7;
    r.got.pages[1] += 7;
    strcpy(r.why, "placement: none");
    strcpy(r.error, "release: no");
    session_report_line(&r, text, sizeof(text));
    assert_non_null(strstr(
        text, "exact false, guarantee host, claimed 200.1 MiB (51216 pages), deviation 28 KiB (7 "
              "pages), error: release: no, why: placement: none"));
    exclaim_session_init(&r, EXCLAIM_ROLE_SOURCE, "test-hook", 0);
    r.outcome = EXCLAIM_OUTCOME_SENT;
    session_report_line(&r, text, sizeof(text));
    assert_string_equal(text, "VM of unknown uuid (domain 0): sent");
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
        cmocka_unit_test(deviation),       cmocka_unit_test(line),
        cmocka_unit_test(line_for_people), cmocka_unit_test(many_writers),
        cmocka_unit_test(cannot_write),    cmocka_unit_test(disk_full_halfway),
        cmocka_unit_test(no_file_there),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
