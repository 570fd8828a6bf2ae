/* SPDX-License-Identifier: BSD-2-Clause */
/* What Xen takes for an arriving VM beside the VM's own memory. */
#include <exclaim/match.h>

#define DOMAIN_PAGES    30u
#define VCPU_PAGES      38u
#define POOL_VCPU_PAGES 256u

uint64_t exclaim_arrival_pages(uint32_t vcpus, uint64_t pool_bytes)
{
    uint64_t pool = pool_bytes ? (pool_bytes + EXCLAIM_PAGE_SIZE - 1) / EXCLAIM_PAGE_SIZE
                               : (uint64_t)POOL_VCPU_PAGES * vcpus;

    return pool + DOMAIN_PAGES + (uint64_t)VCPU_PAGES * vcpus;
}

int exclaim_match_arrival(const struct exclaim_reservation *res, struct exclaim_room *room,
                          uint64_t loose, const struct exclaim_match_options *opt,
                          struct exclaim_match *match, struct exclaim_error *err)
{
    int rc;

    room->slack += loose;
    room->headroom += loose;
    rc = exclaim_match(res, room, opt, match, err);
    room->slack -= loose;
    room->headroom -= loose;
    return rc;
}
