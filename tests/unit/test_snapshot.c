/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots from files: whole, cut, absurd, of one host twice, of one VM on two hosts. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/pool.h>

#define VM_1 "11111111-2222-3333-4444-555555555555"
#define VM_2 "66666666-7777-8888-9999-aaaaaaaaaaaa"

#define HOST(uuid, name)                                                                           \
    "{\"schema\":\"exclaim.snapshot/1\",\"uuid\":\"" uuid "\",\"name\":\"" name "\","              \
    "\"xen_version\":\"4.17.7-pre\",\"time_unix_ms\":1764000000123,"                               \
    "\"nodes\":[{\"node\":0,\"free_pages\":\"5000\",\"claimed_pages\":17,\"distances\":[10,21]},"  \
    "{\"node\":1,\"free_pages\":6000,\"claimed_pages\":0,\"distances\":[21,10]}],"                 \
    "\"free_pages\":11000,\"claimed_pages\":17,\"headroom_pages\":100,\"slack_pages\":64,"         \
    "\"one_node\":\"host\",\"several_nodes\":\"none\",\"domains\":["
#define DOMAIN(uuid)                                                                               \
    "{\"uuid\":\"" uuid "\",\"name\":\"vm\",\"nodes\":[{\"node\":1,\"pages\":300}],"               \
    "\"total_pages\":300,\"source\":\"console\",\"exact\":true,\"max_pages\":400,\"vcpus\":2,"     \
    "\"paging_pool_bytes\":4194304,\"pinned\":false}"

static const char good[] = HOST("", "alpha") DOMAIN(VM_1) "]}";
static char dir[64], file[4][128];

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    for (size_t i = 0; i < ARRAY_SIZE(file); i++) {
        snprintf(file[i], sizeof(file[i]), "%s/%zu", dir, i);
    }
    return 0;
}

static void refused(const void *data, size_t size, const char *text)
{
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;

    if (!exclaim_pool_unpack(data, size, &pool, &err)) {
        fail_msg("accepted, not refused for \"%s\"", text);
    }
    assert_int_equal(err.kind, EXCLAIM_ERR_STREAM);
    if (!strstr(err.text, text)) {
        fail_msg("\"%s\" is not in \"%s\"", text, err.text);
    }
    assert_null(pool.memory);
}

static void numbers(void **state)
{
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;

    (void)state;
    if (exclaim_pool_unpack(good, strlen(good), &pool, &err)) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(pool.host[0].name, "alpha");
    assert_int_equal(pool.host[0].free[0], 5000);
    assert_int_equal(pool.host[0].claimed[0], 17);
    assert_int_equal(pool.host[0].distance[1][0], 21);
    assert_int_equal(pool.host[0].version.part[8], 4);
    assert_int_equal(pool.host[0].version.part[9], 17);
    assert_int_equal(pool.host[0].version.part[10], 7);
    assert_int_equal(pool.host[0].version.part[11], 0);
    assert_int_equal(pool.host[0].one_node, EXCLAIM_GUARANTEE_HOST);
    assert_int_equal(pool.host[0].free_source, EXCLAIM_FROM_HYPERCALL);
    assert_int_equal(pool.vm[0].pages[0], 0);
    assert_int_equal(pool.vm[0].pages[1], 300);
    assert_int_equal(pool.vm[0].arrival_pages, 1024 + 30 + 2 * 38);
    assert_int_equal(pool.vm[0].pages_source, EXCLAIM_FROM_CONSOLE);
    assert_string_equal(pool.vm[0].uuid, VM_1);
    assert_null(pool.vm[0].bars);
    exclaim_pool_free(&pool);
}

/* Cut anywhere: refused in one line. */
static void cut(void **state)
{
    (void)state;
    for (size_t n = 1; n < strlen(good); n++) {
        refused(good, n, "JSON is cut off");
    }
    refused("", 0, "no host snapshot");
    refused("\x08\x01\x1a\x05"
            "alpha",
            9, "no host snapshot: it is JSON");
    refused(good, EXCLAIM_SNAPSHOT_MAX + 1, "limit");
}

/* @from in the good text becomes @to. */
static void damaged(const char *from, const char *to, const char *why)
{
    char text[4096];
    const char *at = strstr(good, from);

    if (!at) {
        fail_msg("no %s", from);
    }
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    refused(text, strlen(text), why);
}

static void absurd(void **state)
{
    char text[8192], nodes[4096] = "[";

    (void)state;
    damaged("exclaim.snapshot/1", "exclaim.snapshot/2", "exclaim.snapshot/2");
    damaged("\"5000\"", "\"1099511627777\"", "not a number from 0 to 1099511627776");
    damaged("\"5000\"", "18446744073709551617", "free_pages");
    damaged("\"5000\"", "-1", "free_pages is -1");
    damaged("\"5000\"", "\"-1\"", "free_pages is -1");
    damaged("\"5000\"", "5e3", "free_pages");
    damaged("\"5000\"", "5000.0", "free_pages");
    damaged("\"5000\"", "\"5000x\"", "free_pages is 5000x");
    damaged("\"5000\"", "null", "free_pages is missing");
    damaged("\"5000\"", "{}", "free_pages is {");
    damaged("\"node\":1,\"free", "\"node\":0,\"free", "node 0 stands twice");
    damaged("\"node\":1,\"free", "\"node\":64,\"free", "node is 64, not a number from 0 to 63");
    damaged("[10,21]", "[10,21,30]", "distances to 3 nodes, there are 2");
    damaged("[10,21]", "[10,\"x\"]", "distance from node 0 to 1");
    damaged("[10,21]", "7", "distances of node 0");
    damaged("\"host\"", "\"best\"", "one_node is \"best\"");
    damaged("\"pages\":300", "\"pages\":301", "nodes add up to 301 pages, total is 300");
    damaged("\"node\":1,\"pages\"", "\"node\":2,\"pages\"",
            "300 pages on node 2, which is not online");
    damaged(VM_1, "no", "no uuid");
    damaged("\"exact\":true", "\"exact\":1", "exact is neither true nor false");
    damaged("\"vcpus\":2", "\"vcpus\":8193", "vcpus 8193, limit 8192");
    damaged("\"vm\"", "7", "name is not a text");
    damaged("["
            "{\"uuid\"",
            "7,["
            "{\"uuid\"",
            "JSON");
    damaged("\"domains\":[", "\"domain\":[", "domains is missing");
    damaged("false}]}", "false}]} {", "more stands behind it");
    damaged("[{\"node\":1,\"pages\":300}]", "[]", "exact count without nodes");

    for (int i = 0; i < 65; i++) {
        snprintf(nodes + strlen(nodes), sizeof(nodes) - strlen(nodes),
                 "%s{\"node\":%d,\"pages\":1}", i ? "," : "", i);
    }
    snprintf(text, sizeof(text), "%s]", nodes);
    damaged("[{\"node\":1,\"pages\":300}]", text, "65 nodes, limit 64");
    memset(text, '[', 100);
    text[100] = '\0';
    refused(text, 100, "no host snapshot");
    text[0] = '{';
    refused(text, 100, "no JSON");
}

/* A name must not reach a terminal as control characters. */
static void hostile_name(void **state)
{
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;
    static const char text[] = HOST("", "a\\u001b[31m\\nb") "]}";
    static const char utf8[] = HOST("", "z\\u00e9\\u4e2d\\ud83d\\ude00\\u009b\\u00a0\\u202e") "]}";

    (void)state;
    assert_int_equal(exclaim_pool_unpack(text, strlen(text), &pool, &err), 0);
    assert_string_equal(pool.host[0].name, "a?[31m?b");
    exclaim_pool_free(&pool);
    assert_int_equal(exclaim_pool_unpack(utf8, strlen(utf8), &pool, &err), 0);
    assert_string_equal(pool.host[0].name, "z\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80?\xc2\xa0?");
    exclaim_pool_free(&pool);
}

static void read_files(uint32_t nr, int expected, const char *why, struct exclaim_pool *pool)
{
    const char *path[4] = { file[0], file[1], file[2], file[3] };
    struct exclaim_error err = { 0 };
    int rc = exclaim_pool_read(path, nr, pool, &err);

    if (rc != expected || !strstr(err.text, why)) {
        fail_msg("%d: \"%s\", expected %d: \"%s\"", rc, err.text, expected, why);
    }
}

static void files(void **state)
{
    static const char beta[] = HOST(VM_2, "beta") DOMAIN(VM_2) "," DOMAIN("") "]}";
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;
    char *text;

    (void)state;
    put_text(file[0], good);
    assert_int_equal(exclaim_pool_unpack(beta, strlen(beta), &pool, &err), 0);
    assert_int_equal(exclaim_pool_json(&pool, 0, &text, &err), 0);
    exclaim_pool_free(&pool);
    put_text(file[1], text);
    free(text);

    read_files(2, 0, "", &pool);
    assert_int_equal(pool.nr_hosts, 2);
    assert_int_equal(pool.nr_vms, 3);
    assert_int_equal(pool.vm[0].host, 0);
    assert_int_equal(pool.vm[2].host, 1);
    assert_string_equal(pool.host[1].uuid, VM_2);
    assert_true(exclaim_pool_may_run(&pool.vm[0], 1));
    assert_false(exclaim_pool_may_run(&pool.vm[0], 2));
    assert_int_equal(exclaim_pool_find_host(&pool, "beta"), 1);
    assert_int_equal(exclaim_pool_find_host(&pool, VM_2), 1);
    assert_int_equal(exclaim_pool_find_host(&pool, "gamma"), EXCLAIM_NO_HOST);
    exclaim_pool_free(&pool);

    put_text(file[2], good);
    read_files(3, -1, "two files are of host alpha", &pool);
    put_text(file[2], HOST("", "gamma") DOMAIN(VM_2) "]}");
    read_files(3, -1, "is on host beta and on host gamma", &pool);
    put_text(file[2], "{\"schema\":");
    read_files(3, -1, file[2], &pool);
    remove(file[2]);
    read_files(3, -1, "No such file", &pool);
    read_files(0, -1, "0 files", &pool);
}

/* What was written once must be read for ever. */
static void golden(void **state)
{
    const char *const text[] = { TEST_DATA "/snapshot/host.json" };
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;

    (void)state;
    assert_int_equal(exclaim_pool_read(text, 1, &pool, &err), 0);
    assert_string_equal(pool.host[0].name, "alpha");
    assert_int_equal(pool.host[0].claimed[0], 17);
    assert_int_equal(pool.host[0].distance[0][1], 21);
    assert_int_equal(pool.nr_vms, 2);
    assert_int_equal(pool.vm[0].pages[0], 700);
    assert_string_equal(pool.vm[1].uuid, "66666666-7777-8888-9999-aaaaaaaaaaaa");
    for (uint32_t v = 0; v < 2; v++) {
        assert_int_equal(pool.vm[v].pinned, v == 1);
    }
    exclaim_pool_free(&pool);
}

static void versions(void **state)
{
    const struct exclaim_host_version a = { { 3, 4, 0, 0, 26, 1, 3, 0, 4, 17, 5, 3 } };
    struct exclaim_host_version b = a;

    (void)state;
    assert_false(exclaim_host_version_older(&a, &b));
    b.part[11] = 10;
    assert_true(exclaim_host_version_older(&a, &b));
    assert_false(exclaim_host_version_older(&b, &a));
    /* Newer in one of the three does not make up for another. */
    b.part[4] = 25;
    assert_true(exclaim_host_version_older(&a, &b));
    assert_true(exclaim_host_version_older(&b, &a));
    /* Within one, what stands first decides. */
    b.part[4] = 27;
    b.part[5] = 0;
    assert_false(exclaim_host_version_older(&b, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),      cmocka_unit_test(cut),   cmocka_unit_test(absurd),
        cmocka_unit_test(hostile_name), cmocka_unit_test(files), cmocka_unit_test(golden),
        cmocka_unit_test(versions),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
