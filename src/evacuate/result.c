/* SPDX-License-Identifier: BSD-2-Clause */
/* What became of each VM, by uuid. */
#include "work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/compat.h"

struct evac_result *evac_result_of(const struct evac *e, uint32_t vm)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        if (!strcmp(e->result[i]->uuid, e->pool->vm[vm].uuid)) {
            return e->result[i];
        }
    }
    return NULL;
}

bool evac_gave_up(const struct evac *e, uint32_t vm)
{
    const struct evac_result *result = evac_result_of(e, vm);

    return result && result->failures >= TRIES;
}

static struct evac_result *new_result(struct evac *e)
{
    struct evac_result **grown =
        compat_reallocarray(e->result, e->nr_results + 1, sizeof(struct evac_result *));
    struct evac_result *r;

    if (!grown) {
        return NULL;
    }
    e->result = grown;
    r = calloc(1, sizeof(*r));
    if (r) {
        e->result[e->nr_results++] = r;
    }
    return r;
}

int evac_still_lost(struct evac *e, const char *uuid, const char *name, const char *from,
                    struct exclaim_error *err)
{
    struct evac_result *r = new_result(e);

    if (r) {
        r->uuid = strdup(uuid);
        r->name = strdup(name);
        r->from = strdup(from);
        r->to = strdup("");
    }
    if (!r || !r->uuid || !r->name || !r->from || !r->to) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "result of VM %s", name);
    }
    r->outcome = EVAC_LOST;
    snprintf(r->why, sizeof(r->why), "it does not run since an earlier run moved it");
    e->lost++;
    return 0;
}

struct evac_result *evac_result(struct evac *e, uint32_t vm, uint32_t to, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = e->pool;
    struct evac_result *r = evac_result_of(e, vm);

    if (!r) {
        r = new_result(e);
        if (!r) {
            goto no_memory;
        }
        r->uuid = strdup(pool->vm[vm].uuid);
        r->name = strdup(exclaim_pool_vm_name(pool, vm));
        r->from = strdup(exclaim_pool_host_name(pool, pool->vm[vm].host));
    }
    free(r->to);
    r->to = strdup(exclaim_pool_host_name(pool, to));
    if (r->uuid && r->name && r->from && r->to) {
        return r;
    }

no_memory:
    exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "result of VM %s",
                 exclaim_pool_vm_name(pool, vm));
    return NULL;
}
