/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of the places that numbers come from, as they are written into JSON. */
#include <exclaim/hypervisor.h>

static const char *const names[EXCLAIM_PROVENANCES] = {
    [EXCLAIM_FROM_NOWHERE] = "none",      [EXCLAIM_FROM_HYPERCALL] = "hypercall",
    [EXCLAIM_FROM_P2M] = "p2m",           [EXCLAIM_FROM_CONSOLE] = "console",
    [EXCLAIM_FROM_MAPPED] = "mapped",     [EXCLAIM_FROM_XAPI] = "xapi",
    [EXCLAIM_FROM_ESTIMATE] = "estimate",
};

const char *exclaim_provenance_name(enum exclaim_provenance provenance)
{
    return names[provenance < EXCLAIM_PROVENANCES ? provenance : EXCLAIM_FROM_NOWHERE];
}

enum exclaim_provenance exclaim_count_way(unsigned int i)
{
    static const enum exclaim_provenance way[] = { EXCLAIM_FROM_HYPERCALL, EXCLAIM_FROM_MAPPED,
                                                   EXCLAIM_FROM_CONSOLE };

    return i < sizeof(way) / sizeof(way[0]) ? way[i] : EXCLAIM_FROM_NOWHERE;
}
