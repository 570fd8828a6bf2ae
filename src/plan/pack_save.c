/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is where, to come back to. */
#include <stdlib.h>

#include "pack.h"

bool pack_save(const struct pack *p, struct pack_saved *s)
{
    s->host = calloc(p->nr_items + 1u, sizeof(*s->host));
    s->node = calloc(p->nr_parts + 1u, sizeof(*s->node));
    if (!s->host || !s->node) {
        pack_forget(s);
        return false;
    }
    pack_save_again(p, s);
    return true;
}

void pack_save_again(const struct pack *p, struct pack_saved *s)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        s->host[i] = p->item[i].host;
    }
    for (uint32_t i = 0; i < p->nr_parts; i++) {
        s->node[i] = p->part[i].node;
    }
}

void pack_restore(struct pack *p, const struct pack_saved *s)
{
    for (uint32_t i = 0; i < p->nr_items; i++) {
        if (p->item[i].host != PACK_NONE) {
            pack_take(p, i);
        }
    }
    for (uint32_t i = 0; i < p->nr_items; i++) {
        const uint32_t *node = &s->node[p->item[i].first];

        if (s->host[i] != PACK_NONE && *node != PACK_NONE) {
            pack_put(p, i, s->host[i], node);
        } else if (s->host[i] != PACK_NONE) {
            pack_pour(p, i, s->host[i]);
        }
    }
}

void pack_forget(struct pack_saved *s)
{
    free(s->host);
    free(s->node);
    *s = (struct pack_saved){ 0 };
}
