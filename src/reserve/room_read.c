/* SPDX-License-Identifier: BSD-2-Clause */
/* The room on this host, as Xen and the ledger tell it. */
#include "ledger.h"

int exclaim_room_read(struct exclaim_hv *hv, struct exclaim_ledger *ledger,
                      const struct exclaim_domain *dom, uint64_t headroom,
                      struct exclaim_room *room, struct exclaim_error *err)
{
    struct exclaim_room owed = { .nr_nodes = EXCLAIM_NODES_MAX };
    struct exclaim_affinity aff;
    struct exclaim_caps caps;
    struct exclaim_host host;

    if (hv->ops->caps(hv, &caps, err)) {
        return -1;
    }
    /*
     * First what is owed, then what is free.  A page that is placed in between has left the free
     * ones and is counted as owed all the same, which errs on the safe side; the other way round it
     * would be counted as free and no longer as owed (tests/model/ledger.pml finds that).
     */
    exclaim_ledger_owed(ledger, hv, caps.node_memory, &owed);
    if (hv->ops->host(hv, &host, err)) {
        return -1;
    }
    exclaim_room_from_host(&host, headroom, room);
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        room->claimed[n] += owed.claimed[n];
        room->unkept[n] = owed.unkept[n];
    }
    if (dom) {
        if (hv->ops->get_affinity(hv, dom->domid, &aff, err)) {
            return -1;
        }
        if (!aff.hard_all) {
            room->allowed &= aff.hard_nodes;
        }
        room->host_claimed -= dom->outstanding_pages < room->host_claimed ? dom->outstanding_pages
                                                                          : room->host_claimed;
    }
    /* Those of our own migrations are charged to their nodes already. */
    if (exclaim_claims_are_hidden(&caps) && room->host_claimed > owed.host_claimed) {
        exclaim_room_hide(room, room->host_claimed - owed.host_claimed);
    }
    return 0;
}
