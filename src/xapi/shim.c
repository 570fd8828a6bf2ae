/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that a VM's record does not state: the paging pool, and the shim of PV-in-PVH. */
#include "database.h"

#include <string.h>

#define MIB         (1024ull * 1024)
#define PAGES_MIB   256ull
#define VCPU_PAGES  256ull
#define SHIM_MIB    23ull
#define SHIM_DIVIDE 90ull

static uint64_t mib_up(uint64_t bytes)
{
    return bytes / MIB + (bytes % MIB != 0);
}

/*
 * 256 pages per vCPU, a page per MiB for the p2m and another one that the domain resides in, in MiB
 * rounded up, times the multiplier and rounded down, at least one.
 */
uint64_t model_pool_bytes(const char *domain_type, uint64_t static_max, uint32_t vcpus,
                          double multiplier)
{
    uint64_t smax = mib_up(static_max);
    uint64_t mib = (VCPU_PAGES * vcpus + 2 * smax + PAGES_MIB - 1) / PAGES_MIB;

    if (!strcmp(domain_type, "pv")) {
        return 0;
    }
    if (multiplier > 1 && multiplier < 1000) {
        mib = (uint64_t)((double)mib * multiplier);
    }
    return (mib ? mib : 1) * MIB;
}

uint64_t model_shim_bytes(const char *domain_type, uint64_t bytes)
{
    return strcmp(domain_type, "pv_in_pvh") ? 0 : (SHIM_MIB + mib_up(bytes) / SHIM_DIVIDE) * MIB;
}
