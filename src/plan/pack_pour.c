/* SPDX-License-Identifier: BSD-2-Clause */
/* Items without a shape on a host: what its nodes have left for them, and putting them there. */
#include "pack.h"

bool pack_takes_fluid(const struct pack *p, const struct pack_item *item, uint32_t host)
{
    return !item->pinned && pack_host_takes(p, item, host) &&
           pack_fluid_room(p, host, item->loose) >= item->total;
}

void pack_pour(struct pack *p, uint32_t index, uint32_t host)
{
    struct pack_item *item = &p->item[index];
    uint32_t none[1] = { PACK_NONE };
    const uint32_t nr = item->nr;

    item->nr = 0; /* no part is put on a node */
    pack_put(p, index, host, none);
    item->nr = nr;
    item->fluid = true;
    p->host[host].fluid += item->total;
}

bool pack_insert_fluid(struct pack *p, uint32_t index)
{
    struct pack_item *item = &p->item[index];
    uint32_t best = PACK_NONE;
    int64_t best_room = 0;

    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        int64_t room;
        bool closer;

        p->steps++;
        if (!pack_takes_fluid(p, item, h)) {
            continue;
        }
        room = pack_fluid_room(p, h, item->loose);
        closer = best == PACK_NONE || pack_breaks(p, item, h) < pack_breaks(p, item, best) ||
                 (pack_breaks(p, item, h) == pack_breaks(p, item, best) &&
                  (p->host[h].known > p->host[best].known ||
                   (p->host[h].known == p->host[best].known &&
                    (p->roomy ? room > best_room : room < best_room))));
        if (closer) {
            best = h;
            best_room = room;
        }
    }
    if (best == PACK_NONE) {
        return false;
    }
    pack_pour(p, index, best);
    return true;
}

uint32_t pack_flowing(const struct pack *p)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        nr += p->item[i].fluid;
    }
    return nr;
}
