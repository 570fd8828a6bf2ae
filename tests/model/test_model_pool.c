/* SPDX-License-Identifier: BSD-2-Clause */
/* One host's part of a pool: taken from the model, written in both forms, read again. */
#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

#include <exclaim/config.h>
#include <exclaim/pool.h>

static void take(struct model *m, uint64_t console_limit, struct exclaim_pool *pool)
{
    struct exclaim_error err = { 0 };
    struct exclaim_config config;
    struct exclaim_room room;
    struct exclaim_host host;

    exclaim_config_default(&config);
    config.count_console_max_pages = console_limit;
    snprintf(config.place_object, sizeof(config.place_object), "/proc/self/exe");
    assert_int_equal(model_hv(m)->ops->host(model_hv(m), &host, &err), 0);
    exclaim_room_from_host(&host, 1000, &room);
    if (exclaim_pool_take(model_hv(m), &config, &room, pool, &err)) {
        fail_msg("%s", err.text);
    }
}

static void assert_same_host(const struct exclaim_pool_host *a, const struct exclaim_pool_host *b)
{
    assert_string_equal(a->uuid, b->uuid);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->xen_version, b->xen_version);
    assert_string_equal(a->why, b->why);
    assert_memory_equal(&a->version, &b->version, sizeof(a->version));
    assert_int_equal(a->time_unix_ms, b->time_unix_ms);
    assert_int_equal(a->nr_nodes, b->nr_nodes);
    assert_int_equal(a->online, b->online);
    assert_memory_equal(a->free, b->free, sizeof(a->free));
    assert_memory_equal(a->claimed, b->claimed, sizeof(a->claimed));
    for (uint32_t n = 0; n < a->nr_nodes; n++) {
        assert_memory_equal(a->distance[n], b->distance[n], a->nr_nodes * sizeof(uint32_t));
    }
    assert_int_equal(a->host_free, b->host_free);
    assert_int_equal(a->host_claimed, b->host_claimed);
    assert_int_equal(a->headroom, b->headroom);
    assert_int_equal(a->slack, b->slack);
    assert_int_equal(a->one_node, b->one_node);
    assert_int_equal(a->several_nodes, b->several_nodes);
    assert_int_equal(a->free_source, b->free_source);
    assert_int_equal(a->enabled, b->enabled);
}

static void assert_same(const struct exclaim_pool *a, const struct exclaim_pool *b)
{
    assert_int_equal(a->nr_hosts, b->nr_hosts);
    assert_same_host(a->host, b->host);
    assert_int_equal(a->nr_vms, b->nr_vms);
    for (uint32_t v = 0; v < a->nr_vms; v++) {
        const struct exclaim_pool_vm *x = &a->vm[v], *y = &b->vm[v];

        assert_string_equal(x->uuid, y->uuid);
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->why, y->why);
        for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
            assert_int_equal(n < x->nr_nodes ? x->pages[n] : 0, n < y->nr_nodes ? y->pages[n] : 0);
        }
        assert_int_equal(!x->nr_nodes, !y->nr_nodes);
        assert_int_equal(x->total_pages, y->total_pages);
        assert_int_equal(x->pages_source, y->pages_source);
        assert_int_equal(x->exact, y->exact);
        assert_int_equal(x->max_pages, y->max_pages);
        assert_int_equal(x->vcpus, y->vcpus);
        assert_int_equal(x->paging_pool_bytes, y->paging_pool_bytes);
        assert_int_equal(x->arrival_pages, y->arrival_pages);
        assert_int_equal(x->pinned, y->pinned);
    }
}

static void round_trip(const struct exclaim_pool *pool)
{
    struct exclaim_error err = { 0 };
    struct exclaim_pool back;
    char *text;

    assert_int_equal(exclaim_pool_json(pool, 0, &text, &err), 0);
    assert_null(strchr(text, '\n'));
    if (exclaim_pool_unpack(text, strlen(text), &back, &err)) {
        fail_msg("%s in %s", err.text, text);
    }
    assert_same(pool, &back);
    exclaim_pool_free(&back);
    free(text);
}

static void fill(struct model *m)
{
    kit_domain(m, 1, 2000);
    STEP(m, model_set_node_affinity(m, 1, 1), 0);
    STEP(m, model_populate(m, 1, 700, 0, 0), 700);
    STEP(m, model_set_node_affinity(m, 1, 2), 0);
    STEP(m, model_populate(m, 1, 300, 0, 0), 300);
    kit_domain(m, 5, 500);
    STEP(m, model_populate(m, 5, 500, 0, 0), 500);
    STEP(m, model_pin(m, 5, 2), 0);
    STEP(m, model_set_pool(m, 5, 64), 0);
    kit_domain(m, 6, 100); /* under construction: owns nothing */
    STEP(m, model_claim_pages(m, 6, 100, 0), 0);
    kit_domain(m, 7, 100);
    STEP(m, model_populate(m, 7, 10, 0, 0), 10);
    STEP(m, model_kill(m, 7), 0);
}

static void whole(void **state)
{
    (void)state;
    for (enum model_generation g = MODEL_4_17; g < MODEL_GENERATIONS; g++) {
        struct model *m = kit_open(g, 2, 100000);
        struct exclaim_pool pool;

        fill(m);
        take(m, UINT64_MAX, &pool);
        assert_int_equal(pool.nr_hosts, 1);
        assert_int_equal(pool.host->nr_nodes, 2);
        assert_int_equal(pool.host->online, 3);
        assert_int_equal(pool.host->free[0], model_free_pages(m, 0));
        assert_int_equal(pool.host->free[1], model_free_pages(m, 1));
        assert_int_equal(pool.host->host_claimed, 100);
        assert_int_equal(pool.host->headroom, 1000);
        assert_int_equal(pool.host->slack, EXCLAIM_NODE_SLACK);
        assert_int_equal(pool.host->one_node, g < MODEL_XS9    ? EXCLAIM_GUARANTEE_HOST
                                              : g == MODEL_XS9 ? EXCLAIM_GUARANTEE_NODE
                                                               : EXCLAIM_GUARANTEE_NODE_SET);
        assert_int_equal(pool.host->several_nodes,
                         g <= MODEL_XS9 ? EXCLAIM_GUARANTEE_HOST : EXCLAIM_GUARANTEE_NODE_SET);
        assert_int_equal(pool.nr_vms, 2);
        assert_true(pool.vm[0].exact);
        assert_int_equal(pool.vm[0].pages[0], 700);
        assert_int_equal(pool.vm[0].pages[1], 300);
        assert_int_equal(pool.vm[0].vcpus, 2);
        assert_int_equal(pool.vm[0].pages_source,
                         g == MODEL_XS9 ? EXCLAIM_FROM_HYPERCALL : EXCLAIM_FROM_CONSOLE);
        assert_false(pool.vm[0].pinned);
        assert_true(pool.vm[1].pinned);
        assert_int_equal(pool.vm[1].paging_pool_bytes, 64 * EXCLAIM_PAGE_SIZE);
        assert_int_equal(pool.vm[1].arrival_pages,
                         exclaim_arrival_pages(2, pool.vm[1].paging_pool_bytes));
        assert_true(exclaim_pool_may_run(&pool.vm[0], 0));
        assert_false(exclaim_pool_may_run(&pool.vm[0], 1));
        round_trip(&pool);
        exclaim_pool_free(&pool);
        assert_null(pool.memory);
        kit_close(m);
    }
}

/* What cannot be counted is there all the same, with its total and the reason. */
static void not_counted(void **state)
{
    struct model *m = kit_open(MODEL_4_17, 2, 100000);
    struct exclaim_pool pool;

    (void)state;
    fill(m);
    take(m, 10, &pool);
    assert_int_equal(pool.nr_vms, 2);
    assert_false(pool.vm[0].exact);
    assert_int_equal(pool.vm[0].nr_nodes, 0);
    assert_int_equal(pool.vm[0].total_pages, 1000);
    assert_non_null(strstr(pool.vm[0].why, "the limit is 10"));
    round_trip(&pool);
    exclaim_pool_free(&pool);

    STEP(m, model_set_shared(m, 1, 7, 3), 0);
    take(m, UINT64_MAX, &pool);
    assert_false(pool.vm[0].exact);
    assert_int_equal(pool.vm[0].total_pages, 1010);
    assert_int_equal(pool.vm[0].pages[0], 710);
    assert_non_null(strstr(pool.vm[0].why, "shared"));
    round_trip(&pool);
    exclaim_pool_free(&pool);
    kit_close(m);
}

/* A domain goes between the list and the count, or between the count and the rest. */
static void destroy_one(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    const enum model_op *when = arg;

    if (op == *when && domid) {
        model_kill(m, 1);
        model_destroy(m, 1);
    }
}

static void vanished(void **state)
{
    static enum model_op when[] = { MODEL_OP_DEBUG_KEY, MODEL_OP_VERSION, MODEL_OP_GET_NODES };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(when); i++) {
        struct model *m = kit_open(MODEL_SETS_V8, 2, 100000);
        struct exclaim_pool pool;

        fill(m);
        model_set_hook(m, destroy_one, &when[i]);
        take(m, UINT64_MAX, &pool);
        assert_int_equal(pool.nr_vms, 1);
        assert_int_equal(pool.vm[0].total_pages, 500);
        round_trip(&pool);
        exclaim_pool_free(&pool);
        kit_close(m);
    }
}

/* All at once gives what one by one gives, and is one operation. */
static void many(void **state)
{
    (void)state;
    for (enum model_generation g = MODEL_4_17; g < MODEL_GENERATIONS; g++) {
        const uint32_t domid[] = { 5, 3, 1, 6 };
        struct exclaim_count all[4], one;
        struct exclaim_error err;
        struct model *m = kit_open(g, 2, 100000);
        const struct exclaim_hv_ops *ops = model_hv(m)->ops;

        fill(m);
        STEP(m,
             ops->count_many(model_hv(m), domid, 4,
                             &(struct exclaim_count_how){ .console_max_pages = UINT64_MAX }, all,
                             &err),
             0);
        for (size_t i = 0; i < 4; i++) {
            if (domid[i] == 3) {
                assert_int_equal(all[i].nr_nodes, 0);
                assert_false(all[i].exact);
                assert_string_not_equal(all[i].why, "");
                continue;
            }
            STEP(m,
                 ops->count(model_hv(m), domid[i],
                            &(struct exclaim_count_how){ .console_max_pages = UINT64_MAX }, &one,
                            &err),
                 0);
            assert_int_equal(one.exact, all[i].exact);
            assert_int_equal(one.total_pages, all[i].total_pages);
            assert_memory_equal(one.pages, all[i].pages, sizeof(one.pages));
        }
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(not_counted),
        cmocka_unit_test(vanished),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
