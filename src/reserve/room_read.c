/* SPDX-License-Identifier: BSD-2-Clause */
#include <exclaim/ledger.h>

int exclaim_room_read(struct exclaim_hv *hv, struct exclaim_ledger *ledger,
                      const struct exclaim_domain *dom, uint64_t headroom,
                      struct exclaim_room *room, struct exclaim_error *err)
{
    struct exclaim_affinity aff;
    struct exclaim_caps caps;
    struct exclaim_host host;

    if (hv->ops->caps(hv, &caps, err) || hv->ops->host(hv, &host, err)) {
        return -1;
    }
    exclaim_room_from_host(&host, headroom, room);
    exclaim_ledger_prune(ledger);
    exclaim_ledger_charge(ledger, caps.node_memory, room);
    if (!dom) {
        return 0;
    }
    if (hv->ops->get_affinity(hv, dom->domid, &aff, err)) {
        return -1;
    }
    if (!aff.hard_all) {
        room->allowed &= aff.hard_nodes;
    }
    room->host_claimed -=
        dom->outstanding_pages < room->host_claimed ? dom->outstanding_pages : room->host_claimed;
    return 0;
}
