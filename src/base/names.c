/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of enums, as they are written into JSON and records. */
#include <exclaim/hypervisor.h>

const char *exclaim_count_method_name(enum exclaim_count_method method)
{
    switch (method) {
    case EXCLAIM_COUNT_NONE:
        break;
    case EXCLAIM_COUNT_HYPERCALL:
        return "hypercall";
    case EXCLAIM_COUNT_P2M:
        return "p2m";
    case EXCLAIM_COUNT_CONSOLE:
        return "console";
    case EXCLAIM_COUNT_MAPPED:
        return "mapped";
    }
    return "none";
}
