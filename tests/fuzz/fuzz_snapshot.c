/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host's part of a pool from any bytes: refused with a reason, or such that it is the same when
 * written and read again.  fuzz_snapshot -max_total_time=60 corpus/fuzz_snapshot
 */
#include <stdlib.h>
#include <string.h>

#include <exclaim/pool.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct exclaim_pool *a, const struct exclaim_pool *b)
{
    if (a->nr_vms != b->nr_vms || a->host->online != b->host->online ||
        a->host->host_free != b->host->host_free ||
        memcmp(a->host->claimed, b->host->claimed, sizeof(a->host->claimed)) != 0 ||
        strcmp(a->host->name, b->host->name) != 0) {
        abort();
    }
    for (uint32_t v = 0; v < a->nr_vms; v++) {
        if (a->vm[v].total_pages != b->vm[v].total_pages || a->vm[v].exact != b->vm[v].exact ||
            strcmp(a->vm[v].uuid, b->vm[v].uuid) != 0) {
            abort();
        }
    }
}

static void check(const struct exclaim_pool *pool)
{
    if (pool->nr_hosts != 1 || pool->host->nr_nodes > EXCLAIM_NODES_MAX) {
        abort();
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        const struct exclaim_pool_vm *vm = &pool->vm[v];
        uint64_t sum = 0;

        for (uint32_t n = 0; n < vm->nr_nodes; n++) {
            sum += vm->pages[n];
        }
        if (vm->host != 0 || vm->total_pages > EXCLAIM_PAGES_MAX ||
            (vm->nr_nodes && sum != vm->total_pages) || !exclaim_pool_may_run(vm, 0)) {
            abort();
        }
    }
}

static void again(const struct exclaim_pool *pool)
{
    struct exclaim_pool back;
    struct exclaim_error err;
    char *text;

    if (exclaim_pool_json(pool, 0, &text, &err) ||
        exclaim_pool_unpack(text, strlen(text), &back, &err)) {
        abort();
    }
    same(pool, &back);
    exclaim_pool_free(&back);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exclaim_error err = { 0 };
    struct exclaim_pool pool;
    uint8_t *copy = malloc(size ? size : 1); /* no byte to spare */

    if (!copy) {
        return 0;
    }
    memcpy(copy, data, size);
    if (exclaim_pool_unpack(copy, size, &pool, &err)) {
        if (!err.text[0] || err.kind == EXCLAIM_OK || pool.memory) {
            abort();
        }
    } else {
        check(&pool);
        again(&pool);
        exclaim_pool_free(&pool);
    }
    free(copy);
    return 0;
}
