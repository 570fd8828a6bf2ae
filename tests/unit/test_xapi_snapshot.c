/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool's snapshot over XAPI: what is in it, and what is said of what cannot be had. */
#include "xapi_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

static const char state_text[] =
    "{\"name\":\"three\",\"password\":\"secret\",\"hosts\":["
    "{\"name\":\"a\",\"nodes\":[1000000,1000000],\"xen\":\"4.17.5-4\"},"
    "{\"name\":\"b\",\"nodes\":[1000000,1000000],\"xen\":\"4.17.5-10\"},"
    "{\"name\":\"c\",\"nodes\":[1000000,1000000],\"plugin\":false,\"xapi\":\"25.9.0\"},"
    "{\"name\":\"d\",\"nodes\":[1000000],\"live\":false}],"
    "\"storage\":[{\"name\":\"shared\",\"hosts\":[\"a\",\"b\",\"c\",\"d\"]},"
    "{\"name\":\"local\",\"hosts\":[\"a\"]}],"
    "\"networks\":[{\"name\":\"lan\",\"hosts\":[\"a\",\"b\",\"c\",\"d\"]},"
    "{\"name\":\"dmz\",\"hosts\":[\"a\",\"c\"]},"
    "{\"name\":\"inside\",\"hosts\":[],\"internal\":true}],"
    "\"groups\":[{\"name\":\"plain\",\"placement\":\"normal\"},{\"name\":\"twins\"}],"
    "\"vms\":["
    "{\"name\":\"agile\",\"host\":\"a\",\"nodes\":[0,300000],\"vcpus\":4,\"storage\":[\"shared\"],"
    "\"networks\":[\"lan\"]},"
    "{\"name\":\"stuck\",\"host\":\"a\",\"nodes\":[1000],\"storage\":[\"shared\",\"local\"]},"
    "{\"name\":\"edge\",\"host\":\"a\",\"nodes\":[1000],\"networks\":[\"lan\",\"dmz\"]},"
    "{\"name\":\"card\",\"host\":\"b\",\"nodes\":[1000],\"pci\":true},"
    "{\"name\":\"t1\",\"host\":\"a\",\"nodes\":[1000],\"group\":\"twins\",\"mask\":\"0,1\"},"
    "{\"name\":\"t2\",\"host\":\"b\",\"nodes\":[1000],\"group\":\"twins\"},"
    "{\"name\":\"in1\",\"host\":\"b\",\"nodes\":[1000],\"networks\":[\"inside\"]},"
    "{\"name\":\"in2\",\"host\":\"b\",\"nodes\":[1000],\"networks\":[\"inside\"]},"
    "{\"name\":\"far\",\"host\":\"c\",\"nodes\":[262144,20000],\"vcpus\":2},"
    "{\"name\":\"off\",\"host\":\"a\",\"nodes\":[1000],\"state\":\"Halted\"}]}";

static struct sim sim;

static int setup(void **state)
{
    (void)state;
    sim_start(&sim, state_text, false, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_stop(&sim);
    return 0;
}

static void snapshot(struct exclaim_pool *pool)
{
    struct exclaim_xapi *xapi = sim_open(&sim);
    struct exclaim_error err = { 0 };

    if (exclaim_xapi_snapshot(xapi, pool, &err)) {
        fail_msg("%s", err.text);
    }
    exclaim_xapi_close(xapi);
}

static const struct exclaim_pool_vm *vm(const struct exclaim_pool *pool, const char *name)
{
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (!strcmp(pool->vm[v].name, name)) {
            return &pool->vm[v];
        }
    }
    fail_msg("no VM %s", name);
    return NULL;
}

static const struct exclaim_pool_host *host(const struct exclaim_pool *pool, const char *name)
{
    uint32_t h = exclaim_pool_find_host(pool, name);

    assert_int_not_equal(h, EXCLAIM_NO_HOST);
    return &pool->host[h];
}

static void hosts(void **state)
{
    const struct exclaim_pool_host *a, *b, *c, *d;
    struct exclaim_pool pool;

    (void)state;
    snapshot(&pool);
    assert_string_equal(pool.name, "three");
    assert_int_equal(pool.nr_hosts, 4);
    a = host(&pool, "a");
    b = host(&pool, "b");
    c = host(&pool, "c");
    d = host(&pool, "d");
    assert_true(a->coordinator && !b->coordinator);
    assert_true(a->enabled && c->enabled && !d->enabled);
    assert_int_equal(a->nr_nodes, 2);
    assert_int_equal(a->online, 3);
    assert_int_equal(a->free[1], 700000);
    assert_int_equal(a->free[0], 1000000 - 3000);
    assert_int_equal(a->distance[0][1], 21);
    assert_int_equal(a->free_source, EXCLAIM_FROM_HYPERCALL);
    assert_int_equal(a->one_node, EXCLAIM_GUARANTEE_HOST);
    assert_int_equal(a->headroom, 16384);
    assert_string_equal(a->why, "");
    /* A numeric comparison: 4.17.5-10 is newer than 4.17.5-4. */
    assert_true(exclaim_host_version_older(&a->version, &b->version));
    assert_false(exclaim_host_version_older(&b->version, &a->version));
    assert_true(exclaim_host_version_older(&c->version, &a->version));

    assert_int_equal(c->nr_nodes, 0);
    assert_int_equal(c->host_free, 2000000 - 282144);
    assert_int_equal(c->host_free_source, EXCLAIM_FROM_XAPI);
    assert_int_equal(c->one_node, EXCLAIM_GUARANTEE_NONE);
    assert_non_null(strstr(c->why, "run exclaim-hooks enable plugin there"));
    assert_non_null(strstr(d->why, "not live"));
    assert_int_equal(d->host_free, 0);
    exclaim_pool_free(&pool);
}

static void numbers(void **state)
{
    const struct exclaim_pool_vm *agile, *far;
    struct exclaim_pool pool;

    (void)state;
    snapshot(&pool);
    assert_int_equal(pool.nr_vms, 9); /* not the halted one */
    agile = vm(&pool, "agile");
    assert_true(agile->exact);
    assert_int_equal(agile->pages_source, EXCLAIM_FROM_CONSOLE);
    assert_int_equal(agile->pages[0], 0);
    assert_int_equal(agile->pages[1], 300000);
    assert_int_equal(agile->max_pages, 300256);
    /* 4 vCPUs and 1172 MiB by the formula of xenopsd: (256*4 + 2*1172)/256 → 14 MiB; what it has
     * now is 4 MiB, and the larger counts. */
    assert_int_equal(agile->arrival_pages, 14 * 256 + 30 + 4 * 38);
    far = vm(&pool, "far");
    assert_false(far->exact);
    assert_int_equal(far->pages_source, EXCLAIM_FROM_XAPI);
    assert_int_equal(far->nr_nodes, 2);
    assert_int_equal(far->pages[0], 262144);
    assert_int_equal(far->total_pages, 282144);
    assert_string_not_equal(far->why, "");
    exclaim_pool_free(&pool);
}

static const char *why_of(const struct exclaim_pool_vm *v)
{
    return v->bars ? v->bars->why : "";
}

/* The hosts a to d that may run a VM, as digits. */
static void assert_allowed(const struct exclaim_pool *pool, const char *name, const char *hosts_of,
                           const char *why)
{
    const struct exclaim_pool_vm *v = vm(pool, name);
    char got[8] = "";

    for (char h = 'a'; h <= 'd'; h++) {
        char one[2] = { h, '\0' };

        if (exclaim_pool_may_run(v, exclaim_pool_find_host(pool, one))) {
            strcat(got, one);
        }
    }
    if (strcmp(got, hosts_of) != 0 || !strstr(why_of(v), why)) {
        fail_msg("%s: %s \"%s\", not %s \"%s\"", name, got, why_of(v), hosts_of, why);
    }
}

static void agility(void **state)
{
    struct exclaim_pool pool;

    (void)state;
    snapshot(&pool);
    assert_allowed(&pool, "agile", "abcd", "");
    assert_null(vm(&pool, "agile")->bars);
    assert_allowed(&pool, "stuck", "a", "storage local");
    assert_allowed(&pool, "edge", "ac", "network dmz");
    assert_allowed(&pool, "card", "b", "PCI");
    assert_allowed(&pool, "in1", "b", "network inside");
    assert_true(vm(&pool, "t1")->pinned && !vm(&pool, "t2")->pinned);
    assert_int_equal(vm(&pool, "t1")->apart, vm(&pool, "t2")->apart);
    assert_int_not_equal(vm(&pool, "t1")->apart, 0);
    assert_int_equal(vm(&pool, "agile")->apart, 0);
    exclaim_pool_free(&pool);
}

/* One thing wrong: the whole is refused in one line that names it. */
static void refused(void **state)
{
    static const struct {
        const char *rules, *text;
    } cases[] = {
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"cut\"}]", "JSON is cut off" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"half\"}]", "connection ended after" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"close\"}]", "connection ended after" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"endless\"}]",
          "above the limit of 1000000 bytes" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"hang\"}]", "timed out" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"slow\",\"seconds\":0.01}]",
          "timed out" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"status\",\"status\":503}]",
          "HTTP status 503" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"result\",\"value\":[1,2]}]",
          "answered a array" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"result\",\"value\":null}]",
          "answered a null" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"error\",\"description\":"
          "[\"INTERNAL_ERROR\",\"x\\u001b\\ny\"]}]",
          "INTERNAL_ERROR: x??y" },
        { "[{\"method\":\"host.get_all_records\",\"action\":\"result\",\"value\":{}}]", "0 hosts" },
        { "[{\"method\":\"host_metrics.get_all_records\",\"action\":\"field\",\"name\":"
          "\"memory_free\",\"value\":\"99999999999999999999\"}]",
          "memory_free is 99999999999999999999" },
        { "[{\"method\":\"host_metrics.get_all_records\",\"action\":\"field\",\"name\":"
          "\"memory_free\",\"value\":1.5}]",
          "memory_free is 1.5" },
        { "[{\"method\":\"VM.get_all_records\",\"action\":\"field\",\"name\":"
          "\"VCPUs_max\",\"value\":-1}]",
          "VCPUs_max is -1" },
        { "[{\"method\":\"VM_metrics.get_all_records\",\"action\":\"field\",\"name\":"
          "\"memory_actual\",\"value\":\"4503599627370497\"}]",
          "memory_actual is 4503599627370497" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_xapi_options opt = sim_options(&sim);
        struct exclaim_error err = { 0 };
        struct exclaim_xapi *xapi;
        struct exclaim_pool pool;

        opt.total_ms = strstr(cases[i].text, "timed out") ? 5000 : 60000;
        opt.answer_bytes = 1000000;
        sim_faults(&sim, cases[i].rules);
        assert_int_equal(exclaim_xapi_open(&opt, &xapi, &err), 0);
        if (!exclaim_xapi_snapshot(xapi, &pool, &err)) {
            fail_msg("accepted: %s", cases[i].text);
        }
        if (!strstr(err.text, cases[i].text) || strchr(err.text, '\n')) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].text, err.text);
        }
        assert_int_equal(exclaim_error_exit_code(&err), 5);
        assert_null(pool.memory);
        exclaim_xapi_close(xapi);
    }
    sim_faults(&sim, "[]");
}

/* One host's plugin is wrong: that host has XAPI's numbers and the reason, the others their own. */
static void plugin_wrong(void **state)
{
    static const struct {
        const char *rule, *text;
    } cases[] = {
        { "\"action\":\"error\",\"description\":[\"XENAPI_PLUGIN_FAILURE\",\"1\",\"\",\"boom\"]",
          "XENAPI_PLUGIN_FAILURE: 1, , boom" },
        { "\"action\":\"error\",\"description\":[\"HOST_OFFLINE\",\"OpaqueRef:x\"]",
          "HOST_OFFLINE" },
        { "\"action\":\"result\",\"value\":\"{\\\"schema\\\":\"", "JSON is cut off" },
        { "\"action\":\"result\",\"value\":7", "is a int, not a text" },
        { "\"action\":\"result\",\"value\":\"\"", "no host snapshot" },
        { "\"action\":\"hang\"", "timed out" },
        { "\"action\":\"close\"", "connection ended" },
    };
    struct exclaim_pool before;
    char ref[EXCLAIM_XAPI_REF];

    (void)state;
    snapshot(&before);
    snprintf(ref, sizeof(ref), "%s", host(&before, "b")->ref);
    exclaim_pool_free(&before);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exclaim_xapi_options opt = sim_options(&sim);
        struct exclaim_error err = { 0 };
        struct exclaim_xapi *xapi;
        struct exclaim_pool pool;
        char rules[512];

        opt.total_ms = strstr(cases[i].text, "timed out") ? 5000 : 60000;
        snprintf(rules, sizeof(rules), "[{\"method\":\"host.call_plugin\",\"param\":\"%s\",%s}]",
                 ref, cases[i].rule);
        sim_faults(&sim, rules);
        assert_int_equal(exclaim_xapi_open(&opt, &xapi, &err), 0);
        if (exclaim_xapi_snapshot(xapi, &pool, &err)) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(host(&pool, "a")->nr_nodes, 2);
        assert_int_equal(host(&pool, "b")->nr_nodes, 0);
        assert_int_equal(host(&pool, "b")->host_free, 2000000 - 4000);
        if (!strstr(host(&pool, "b")->why, cases[i].text)) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].text, host(&pool, "b")->why);
        }
        assert_false(vm(&pool, "card")->exact);
        assert_true(vm(&pool, "agile")->exact);
        exclaim_pool_free(&pool);
        exclaim_xapi_close(xapi);
    }
    sim_faults(&sim, "[]");
}

static bool stop_now(void *arg)
{
    return ++*(int *)arg > 1;
}

static void note_progress(void *arg, const char *what, uint32_t done, uint32_t total)
{
    (void)arg;
    assert_string_not_equal(what, "");
    assert_true(done >= 1 && done <= total);
}

static void stopped(void **state)
{
    struct exclaim_xapi_options opt = sim_options(&sim);
    struct exclaim_error err = { 0 };
    struct exclaim_xapi *xapi;
    struct exclaim_pool pool;
    int asked = -1000;

    (void)state;
    opt.stop = stop_now;
    opt.progress = note_progress;
    opt.arg = &asked;
    assert_int_equal(exclaim_xapi_open(&opt, &xapi, &err), 0);
    assert_int_equal(exclaim_xapi_snapshot(xapi, &pool, &err), 0);
    exclaim_pool_free(&pool);
    sim_faults(&sim, "[{\"method\":\"VM.get_all_records\",\"action\":\"hang\"}]");
    asked = 0;
    assert_int_equal(exclaim_xapi_snapshot(xapi, &pool, &err), -1);
    assert_int_equal(err.errnum, EINTR);
    assert_non_null(strstr(err.text, "stopped"));
    sim_faults(&sim, "[]");
    exclaim_xapi_close(xapi);
}

/* Older XAPIs have no VM groups or GPUs; and a session may have been forgotten. */
static void older(void **state)
{
    struct exclaim_pool pool;

    (void)state;
    sim_faults(&sim, "[{\"method\":\"VM_group.get_all_records\",\"action\":\"error\","
                     "\"description\":[\"MESSAGE_METHOD_UNKNOWN\",\"VM_group.get_all_records\"]},"
                     "{\"method\":\"VM.get_all_records\",\"action\":\"error\",\"times\":1,"
                     "\"description\":[\"SESSION_INVALID\",\"OpaqueRef:x\"]}]");
    snapshot(&pool);
    assert_int_equal(vm(&pool, "t1")->apart, 0);
    assert_int_equal(pool.nr_vms, 9);
    exclaim_pool_free(&pool);
    sim_faults(&sim, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),   cmocka_unit_test(numbers),      cmocka_unit_test(agility),
        cmocka_unit_test(refused), cmocka_unit_test(plugin_wrong), cmocka_unit_test(stopped),
        cmocka_unit_test(older),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
