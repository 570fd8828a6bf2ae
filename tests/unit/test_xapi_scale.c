/* SPDX-License-Identifier: BSD-2-Clause */
/* 64 hosts and 1000 VMs: every number arrives, and many migrations at once are followed. */
#include "xapi_sim.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS 64
#define VMS   1000
#define MOVES 40

static struct sim sim;
static json_object *expected; /* the state file */

static int setup(void **state)
{
    const char *const argv[] = { "/usr/bin/env", "python3", TEST_SIM "/generate.py",
                                 "--hosts",      "64",      "--vms",
                                 "1000",         NULL };
    struct run r = { .argv = argv };

    (void)state;
    run(&r);
    assert_int_equal(run_exit(&r), 0);
    expected = json_tokener_parse(r.out);
    assert_non_null(expected);
    sim_start(&sim, r.out, false, NULL);
    run_free(&r);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_stop(&sim);
    json_object_put(expected);
    return 0;
}

static json_object *member(json_object *o, const char *key)
{
    json_object *value;

    assert_true(json_object_object_get_ex(o, key, &value));
    return value;
}

static const struct exclaim_pool_vm *find(const struct exclaim_pool *pool, const char *name)
{
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (!strcmp(pool->vm[v].name, name)) {
            return &pool->vm[v];
        }
    }
    fail_msg("no VM %s", name);
    return NULL;
}

static void snapshot(void **state)
{
    json_object *vms = member(expected, "vms");
    struct exclaim_xapi *xapi = sim_open(&sim);
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;
    uint64_t used[HOSTS] = { 0 };

    (void)state;
    if (exclaim_xapi_snapshot(xapi, &pool, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(pool.nr_hosts, HOSTS);
    assert_int_equal(pool.nr_vms, VMS);
    for (size_t i = 0; i < VMS; i++) {
        json_object *want = json_object_array_get_idx(vms, i), *nodes = member(want, "nodes");
        const struct exclaim_pool_vm *vm =
            find(&pool, json_object_get_string(member(want, "name")));

        assert_true(vm->exact);
        assert_string_equal(pool.host[vm->host].name, json_object_get_string(member(want, "host")));
        for (uint32_t n = 0; n < 2; n++) {
            assert_int_equal(n < vm->nr_nodes ? vm->pages[n] : 0,
                             json_object_get_int64(json_object_array_get_idx(nodes, n)));
        }
        used[vm->host] += vm->total_pages;
        for (uint32_t h = 0; h < HOSTS; h++) {
            assert_true(exclaim_pool_may_run(vm, h));
        }
    }
    for (uint32_t h = 0; h < HOSTS; h++) {
        json_object *nodes =
            member(json_object_array_get_idx(member(expected, "hosts"), 0), "nodes");
        int64_t size = json_object_get_int64(json_object_array_get_idx(nodes, 0));

        assert_int_equal(pool.host[h].free[0] + pool.host[h].free[1], 2 * (uint64_t)size - used[h]);
    }
    exclaim_pool_free(&pool);
    exclaim_xapi_close(xapi);
}

static void moves(void **state)
{
    static struct exclaim_xapi_task task[MOVES];
    struct exclaim_xapi *xapi = sim_open(&sim);
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;
    uint32_t changed, pending;

    (void)state;
    assert_int_equal(exclaim_xapi_snapshot(xapi, &pool, &err), 0);
    for (uint32_t i = 0; i < MOVES; i++) {
        uint32_t to = (pool.vm[i].host + 1) % HOSTS;

        if (exclaim_xapi_migrate(xapi, pool.vm[i].ref, pool.host[to].ref, &task[i], &err)) {
            fail_msg("%s", err.text);
        }
    }
    do {
        if (exclaim_xapi_wait(xapi, task, MOVES, 60000, &changed, &err)) {
            fail_msg("%s", err.text);
        }
        pending = 0;
        for (uint32_t i = 0; i < MOVES; i++) {
            pending += task[i].state == EXCLAIM_TASK_PENDING;
        }
    } while (pending);
    for (uint32_t i = 0; i < MOVES; i++) {
        assert_int_equal(task[i].state, EXCLAIM_TASK_SUCCESS);
        exclaim_xapi_forget(xapi, &task[i]);
    }
    exclaim_pool_free(&pool);
    exclaim_xapi_close(xapi);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(snapshot), cmocka_unit_test(moves) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
