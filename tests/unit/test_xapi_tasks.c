/* SPDX-License-Identifier: BSD-2-Clause */
/* Live migrations as XAPI's tasks: watched to their end, refused, cancelled, lost sight of. */
#include "xapi_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "xapi/client.h"

#define HALF_SECOND "\"pages_per_second\":200000"

static const char state_text[] =
    "{\"name\":\"two\"," HALF_SECOND ",\"hosts\":["
    "{\"name\":\"a\",\"nodes\":[1000000,1000000]},{\"name\":\"b\",\"nodes\":[1000000,1000000]},"
    "{\"name\":\"c\",\"nodes\":[1000000],\"plugin\":false},"
    "{\"name\":\"old\",\"nodes\":[1000000],\"platform\":\"3.3.0\"}],\"vms\":["
    "{\"name\":\"v1\",\"host\":\"a\",\"nodes\":[0,100000]},"
    "{\"name\":\"v2\",\"host\":\"a\",\"nodes\":[100000]},"
    "{\"name\":\"v3\",\"host\":\"a\",\"nodes\":[100000]},"
    "{\"name\":\"big\",\"host\":\"b\",\"nodes\":[800000,700000]}]}";

static struct sim sim;
static struct exclaim_xapi *xapi;
static struct exclaim_pool pool;

/* A pool of its own for each test. */
static int start(void **state)
{
    struct exclaim_error err;

    (void)state;
    sim_start(&sim, state_text, false, NULL);
    xapi = sim_open(&sim);
    assert_int_equal(exclaim_xapi_snapshot(xapi, &pool, &err), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    exclaim_pool_free(&pool);
    exclaim_xapi_close(xapi);
    sim_stop(&sim);
    return 0;
}

static uint32_t vm(const char *name)
{
    for (uint32_t v = 0; v < pool.nr_vms; v++) {
        if (!strcmp(pool.vm[v].name, name)) {
            return v;
        }
    }
    fail_msg("no VM %s", name);
    return 0;
}

static struct exclaim_xapi_task migrate(const char *name, const char *host)
{
    struct exclaim_error err = { 0 };
    struct exclaim_xapi_task task;
    uint32_t h = exclaim_pool_find_host(&pool, host);

    if (exclaim_xapi_migrate(xapi, pool.vm[vm(name)].ref, pool.host[h].ref, &task, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(task.state, EXCLAIM_TASK_PENDING);
    return task;
}

/* Until none is pending; how often something was seen. */
static unsigned int wait_all(struct exclaim_xapi_task *task, uint32_t nr)
{
    struct exclaim_error err = { 0 };
    unsigned int seen = 0;
    uint32_t changed, pending;

    do {
        if (exclaim_xapi_wait(xapi, task, nr, 60000, &changed, &err)) {
            fail_msg("%s", err.text);
        }
        pending = 0;
        for (uint32_t i = 0; i < nr; i++) {
            pending += task[i].state == EXCLAIM_TASK_PENDING;
        }
        assert_true(changed || !pending);
        seen += changed != 0;
    } while (pending);
    return seen;
}

static void assert_on(const char *name, const char *host)
{
    uint32_t h = exclaim_pool_find_host(&pool, host);
    struct exclaim_error err = { 0 };
    struct exclaim_xapi_vm now;

    assert_int_equal(exclaim_xapi_vm(xapi, pool.vm[vm(name)].ref, &now, &err), 0);
    assert_true(now.running);
    assert_string_equal(now.host_ref, pool.host[h].ref);
    assert_int_equal(now.migrating.state, EXCLAIM_TASK_NONE);
}

static void moves(void **state)
{
    struct exclaim_xapi_task task[3] = { migrate("v1", "b"), migrate("v2", "b"),
                                         migrate("v3", "c") };
    uint32_t a = exclaim_pool_find_host(&pool, "a"), b = exclaim_pool_find_host(&pool, "b");
    struct exclaim_error err = { 0 };

    (void)state;
    assert_true(wait_all(task, 3) > 3); /* progress was seen too */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(task[i].state, EXCLAIM_TASK_SUCCESS);
        assert_int_equal(task[i].permille, 1000);
        exclaim_xapi_forget(xapi, &task[i]);
        assert_int_equal(task[i].state, EXCLAIM_TASK_NONE);
    }
    assert_on("v1", "b");
    assert_on("v3", "c");

    assert_int_equal(exclaim_xapi_refresh(xapi, &pool, a, &err), 0);
    assert_int_equal(pool.host[a].free[0], 1000000);
    assert_int_equal(pool.vm[vm("v1")].host, EXCLAIM_NO_HOST);
    assert_int_equal(exclaim_xapi_refresh(xapi, &pool, b, &err), 0);
    assert_int_equal(pool.vm[vm("v1")].host, b);
    assert_int_equal(pool.vm[vm("v1")].pages[1], 100000);
    assert_int_equal(pool.host[b].free[1], 200000);
    assert_int_equal(exclaim_xapi_refresh(xapi, &pool, exclaim_pool_find_host(&pool, "c"), &err),
                     0);
    assert_int_equal(pool.vm[vm("v3")].host, exclaim_pool_find_host(&pool, "c"));
    assert_int_equal(pool.host[2].host_free, 900000);
    assert_non_null(strstr(pool.host[2].why, "run exclaim-hooks enable plugin there"));
}

static void refused(void **state)
{
    struct exclaim_xapi_task task[2] = { migrate("big", "c"), migrate("v1", "old") };
    struct exclaim_error err = { 0 };
    struct exclaim_xapi_task bad;

    (void)state;
    wait_all(task, 2);
    assert_int_equal(task[0].state, EXCLAIM_TASK_FAILURE);
    assert_string_equal(task[0].code, "HOST_NOT_ENOUGH_FREE_MEMORY");
    assert_int_equal(task[0].error.kind, EXCLAIM_ERR_NOFIT);
    /* 1500000 and 8192 pages needed, 1000000 free */
    assert_string_equal(
        task[0].error.text,
        "HOST_NOT_ENOUGH_FREE_MEMORY: 6177554432, 4096000000 (5.75 GiB needed, 3.81 GiB free)");
    assert_int_equal(task[1].state, EXCLAIM_TASK_FAILURE);
    assert_string_equal(task[1].code, "NOT_SUPPORTED_DURING_UPGRADE");
    assert_int_equal(task[1].error.kind, EXCLAIM_ERR_SYSTEM);
    assert_on("v1", "a");

    assert_int_equal(exclaim_xapi_migrate(xapi, "OpaqueRef:x", pool.host[0].ref, &bad, &err), -1);
    assert_non_null(strstr(err.text, "HANDLE_INVALID: VM, (not named)"));
    assert_int_equal(bad.state, EXCLAIM_TASK_NONE);
    assert_int_equal(exclaim_xapi_vm(xapi, "OpaqueRef:x", &(struct exclaim_xapi_vm){ 0 }, &err),
                     -1);
}

static void disabled(void **state)
{
    uint32_t b = exclaim_pool_find_host(&pool, "b");
    struct exclaim_xapi_task task;
    struct exclaim_error err;

    (void)state;
    assert_int_equal(exclaim_xapi_enable(xapi, pool.host[b].ref, false, &err), 0);
    task = migrate("v1", "b");
    wait_all(&task, 1);
    assert_string_equal(task.code, "HOST_DISABLED");
    assert_int_equal(exclaim_xapi_enable(xapi, pool.host[b].ref, true, &err), 0);
    task = migrate("v1", "b");
    wait_all(&task, 1);
    assert_int_equal(task.state, EXCLAIM_TASK_SUCCESS);
    assert_int_equal(exclaim_xapi_enable(xapi, "OpaqueRef:x", true, &err), -1);
}

static void cancelled(void **state)
{
    struct exclaim_xapi_task task = migrate("v1", "b");
    struct exclaim_error err = { 0 };
    uint32_t changed;

    (void)state;
    /* It has begun when there is progress. */
    while (!task.permille) {
        assert_int_equal(exclaim_xapi_wait(xapi, &task, 1, 60000, &changed, &err), 0);
    }
    assert_int_equal(exclaim_xapi_cancel(xapi, &task, &err), 0);
    wait_all(&task, 1);
    assert_int_equal(task.state, EXCLAIM_TASK_CANCELLED);
    assert_on("v1", "a");
    assert_int_equal(exclaim_xapi_cancel(xapi, &task, &err), -1);
    assert_non_null(strstr(err.text, "task.cancel: OPERATION_NOT_ALLOWED"));
}

/* The answer to the call is lost: whether it has begun can be found out. */
static void lost(void **state)
{
    uint32_t b = exclaim_pool_find_host(&pool, "b");
    struct exclaim_error err = { 0 };
    struct exclaim_xapi_task task;
    struct exclaim_xapi_vm now;

    (void)state;
    sim_faults(&sim, "[{\"method\":\"Async.VM.pool_migrate\",\"action\":\"close\",\"after\":true,"
                     "\"times\":1}]");
    assert_int_equal(
        exclaim_xapi_migrate(xapi, pool.vm[vm("v1")].ref, pool.host[b].ref, &task, &err), -1);
    assert_int_equal(task.state, EXCLAIM_TASK_GONE);
    sim_faults(&sim, "[]");
    do {
        assert_int_equal(exclaim_xapi_vm(xapi, pool.vm[vm("v1")].ref, &now, &err), 0);
    } while (now.migrating.state == EXCLAIM_TASK_NONE && !strcmp(now.host_ref, pool.host[0].ref));
    if (now.migrating.state == EXCLAIM_TASK_PENDING) {
        wait_all(&now.migrating, 1);
        assert_int_equal(now.migrating.state, EXCLAIM_TASK_SUCCESS);
    }
    assert_on("v1", "b");

    /* Only begun once: a call that may have arrived is never sent again. */
    sim_faults(&sim, "[{\"method\":\"Async.VM.pool_migrate\",\"action\":\"close\"}]");
    assert_int_equal(
        exclaim_xapi_migrate(xapi, pool.vm[vm("v2")].ref, pool.host[b].ref, &task, &err), -1);
    sim_faults(&sim, "[]");
    assert_on("v2", "a");
}

static void without_events(void **state)
{
    struct exclaim_xapi_task task;

    (void)state;
    sim_faults(&sim, "[{\"method\":\"event.from\",\"action\":\"error\",\"description\":"
                     "[\"MESSAGE_METHOD_UNKNOWN\",\"event.from\"]}]");
    task = migrate("v1", "b");
    wait_all(&task, 1);
    assert_int_equal(task.state, EXCLAIM_TASK_SUCCESS);
}

/* Events of the wrong shape, or lost: the records are looked at instead. */
static void odd_events(void **state)
{
    static const char *const rules[] = {
        "\"result\",\"value\":{\"events\":7,\"token\":\"1\"}",
        "\"result\",\"value\":{\"events\":[1,{},{\"ref\":[]}],\"token\":{}}",
        "\"error\",\"times\":1,\"description\":[\"EVENTS_LOST\"]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        static const char *const to[] = { "b", "a", "b" };
        struct exclaim_xapi_task task;
        char text[256];

        snprintf(text, sizeof(text), "[{\"method\":\"event.from\",\"action\":%s}]", rules[i]);
        sim_faults(&sim, text);
        task = migrate("v1", to[i]);
        wait_all(&task, 1);
        assert_int_equal(task.state, EXCLAIM_TASK_SUCCESS);
    }
}

/* Empty answers that come at once are not asked for as fast as they come. */
static void empty_events(void **state)
{
    struct exclaim_xapi_task task = { .ref = "OpaqueRef:t", .state = EXCLAIM_TASK_PENDING };
    struct exclaim_error err = { 0 };
    uint32_t changed, before;

    (void)state;
    sim_faults(&sim, "[{\"method\":\"event.from\",\"action\":\"result\","
                     "\"value\":{\"events\":[],\"token\":\"1\"}},"
                     "{\"method\":\"task.get_record\",\"action\":\"result\","
                     "\"value\":{\"status\":\"pending\",\"progress\":0.0}}]");
    before = xapi->next_id;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(exclaim_xapi_wait(xapi, &task, 1, 1000, &changed, &err), 0);
        assert_int_equal(changed, 0);
    }
    assert_true(xapi->next_id - before < 60);
}

static void gone(void **state)
{
    struct exclaim_xapi_task task = { .ref = "OpaqueRef:no-such-task",
                                      .state = EXCLAIM_TASK_PENDING };
    struct exclaim_error err;
    uint32_t changed;

    (void)state;
    assert_int_equal(exclaim_xapi_wait(xapi, &task, 1, 300, &changed, &err), 0);
    assert_int_equal(changed, 1);
    assert_int_equal(task.state, EXCLAIM_TASK_GONE);
    assert_int_equal(exclaim_xapi_wait(xapi, &task, 1, 60000, &changed, &err), 0);
    assert_int_equal(changed, 0); /* nothing is pending: no wait */
}

/* The session is forgotten (the coordinator started anew) while a task is watched. */
static void new_session(void **state)
{
    struct exclaim_xapi_task task;

    (void)state;
    sim_faults(&sim, "[{\"method\":\"event.from\",\"action\":\"error\",\"times\":1,\"description\":"
                     "[\"SESSION_INVALID\",\"OpaqueRef:x\"]}]");
    task = migrate("v1", "b");
    wait_all(&task, 1);
    assert_int_equal(task.state, EXCLAIM_TASK_SUCCESS);
}

/* The coordinator dies in the middle. */
static void coordinator_dies(void **state)
{
    struct exclaim_xapi_task task = migrate("v1", "b");
    struct exclaim_error err = { 0 };
    uint32_t changed;
    int rc;

    (void)state;
    sim_faults(&sim, "[{\"method\":\"event.from\",\"action\":\"end\"}]");
    do {
        rc = exclaim_xapi_wait(xapi, &task, 1, 60000, &changed, &err);
    } while (!rc && task.state == EXCLAIM_TASK_PENDING);
    assert_int_equal(rc, -1);
    assert_int_equal(exclaim_error_exit_code(&err), 5);
    assert_int_equal(task.state, EXCLAIM_TASK_PENDING);
    assert_int_equal(exclaim_xapi_wait(xapi, &task, 1, 60000, &changed, &err), -1);
    assert_int_equal(exclaim_xapi_refresh(xapi, &pool, 0, &err), -1);
    assert_non_null(strstr(err.text, "host a"));
    assert_int_equal(pool.host[0].free[0], 800000); /* as it was */
}

/* Something real behind VM.pool_migrate: its arguments, and that its exit decides. */
static void hook(void **state)
{
    char dir[64], path[128], script[512], *said;
    struct exclaim_xapi_task task[2];

    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/hook", dir);
    snprintf(script, sizeof(script),
             "#!/bin/sh\necho \"$@\" >>%s/said\n[ $3 = b ] || { echo no such door; exit 1; }\n",
             dir);
    put_text(path, script);
    chmod(path, 0755);
    sim_start(&sim, state_text, false, path);
    xapi = sim_open(&sim);
    assert_int_equal(exclaim_xapi_snapshot(xapi, &pool, &(struct exclaim_error){ 0 }), 0);

    task[0] = migrate("v1", "b");
    wait_all(task, 1);
    assert_int_equal(task[0].state, EXCLAIM_TASK_SUCCESS);
    assert_on("v1", "b");
    task[1] = migrate("v2", "c");
    wait_all(task, 2);
    assert_int_equal(task[1].state, EXCLAIM_TASK_FAILURE);
    assert_string_equal(task[1].code, "VM_MIGRATE_FAILED");
    assert_non_null(strstr(task[1].error.text, "no such door"));
    assert_on("v2", "a");

    snprintf(path, sizeof(path), "%s/said", dir);
    said = get_file(path, NULL);
    snprintf(script, sizeof(script), "%s a b\n%s a c\n", pool.vm[vm("v1")].uuid,
             pool.vm[vm("v2")].uuid);
    assert_string_equal(said, script);
    free(said);
    end(NULL);
    drop_dir(dir);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        TEST(moves), TEST(refused),        TEST(disabled),         TEST(cancelled),
        TEST(lost),  TEST(without_events), TEST(odd_events),       TEST(empty_events),
        TEST(gone),  TEST(new_session),    TEST(coordinator_dies), cmocka_unit_test(hook),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
