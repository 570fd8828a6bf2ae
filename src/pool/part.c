/* SPDX-License-Identifier: BSD-2-Clause */
/* One host's part of a pool while it is filled: its memory, its texts and what follows from them.
 */
#include "part.h"

#include <exclaim/uuid.h>

/* A text of a snapshot beyond this is cut: names, versions and reasons are short. */
#define TEXT_MAX 1024u

int part_alloc(struct exclaim_pool *pool, uint32_t nr_vms, struct exclaim_error *err)
{
    pool->name = "";
    pool->nr_hosts = 1;
    pool->host = pool_alloc(pool, 1, sizeof(*pool->host));
    pool->nr_vms = nr_vms;
    pool->vm = pool_alloc(pool, nr_vms + 1, sizeof(*pool->vm));
    if (!pool->host || !pool->vm) {
        return pool_no_memory(err);
    }
    *pool->host = (struct exclaim_pool_host){ .ref = "", .enabled = true };
    for (uint32_t v = 0; v < nr_vms; v++) {
        pool->vm[v] = (struct exclaim_pool_vm){ .ref = "" };
    }
    return 0;
}

static const char *text_of(struct exclaim_pool *pool, const char *text)
{
    return text ? pool_text(pool, text, TEXT_MAX) : "";
}

int part_host_texts(struct exclaim_pool *pool, const char *uuid, const char *name,
                    const char *xen_version, const char *why, struct exclaim_error *err)
{
    struct exclaim_pool_host *host = pool->host;

    host->uuid = text_of(pool, uuid);
    host->name = text_of(pool, name);
    host->xen_version = text_of(pool, xen_version);
    host->why = text_of(pool, why);
    if (!host->uuid || !host->name || !host->xen_version || !host->why) {
        return pool_no_memory(err);
    }
    pool_version(host->xen_version, host->version.part + 8);
    host->free_source = host->nr_nodes ? EXCLAIM_FROM_HYPERCALL : EXCLAIM_FROM_NOWHERE;
    host->host_free_source = EXCLAIM_FROM_HYPERCALL;
    return 0;
}

int part_vm_texts(struct exclaim_pool *pool, struct exclaim_pool_vm *vm, const uint8_t *uuid,
                  const char *name, const char *why, struct exclaim_error *err)
{
    char text[EXCLAIM_UUID_TEXT] = "";

    if (uuid) {
        exclaim_uuid_format(uuid, text);
    }
    vm->uuid = text_of(pool, text);
    vm->name = text_of(pool, name);
    vm->why = text_of(pool, why);
    return vm->uuid && vm->name && vm->why ? 0 : pool_no_memory(err);
}
