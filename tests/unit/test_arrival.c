/* SPDX-License-Identifier: BSD-2-Clause */
/* What a VM needs on arrival beyond its pages: never less than what was measured, and by how much
 * more; and xenopsd's paging pool by its own worked values. */
#include "support.h"

#include <exclaim/match.h>

#include "xapi/database.h"

#define MIB (1024ull * 1024)

/* Xen's own pages of a domain by vCPUs, pool included: two hosts, xen-api commit ec3bd4a887. */
static void measured(void **state)
{
    static const struct {
        uint32_t vcpus;
        uint64_t pages;
    } rows[] = {
        { 1, 264 },   { 2, 558 },   { 3, 776 },    { 4, 1032 },  { 5, 1350 },  { 8, 2056 },
        { 16, 4254 }, { 32, 8480 }, { 47, 12454 }, { 0, 30 },    { 1, 294 },   { 2, 558 },
        { 3, 822 },   { 4, 1086 },  { 8, 2142 },   { 16, 4254 }, { 32, 8480 }, { 47, 12456 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint64_t ours = exclaim_arrival_pages(rows[i].vcpus, 0);

        if (ours < rows[i].pages || ours - rows[i].pages > 1394) {
            fail_msg("%u vCPUs: %lu pages, measured %lu", rows[i].vcpus, (unsigned long)ours,
                     (unsigned long)rows[i].pages);
        }
    }
}

static void xenopsd(void **state)
{
    static const struct {
        const char *type;
        uint64_t smax_mib;
        uint32_t vcpus;
        double multiplier;
        uint64_t pool_mib, shim_mib;
    } rows[] = {
        { "hvm", 4096, 4, 1.0, 36, 0 },
        { "hvm", 131072, 32, 1.0, 1056, 0 },
        { "hvm", 1048576, 64, 1.0, 8256, 0 },
        { "pv_in_pvh", 4096, 4, 1.0, 36, 68 },
        { "pv", 4096, 4, 1.0, 0, 0 },
        { "pvh", 4096, 4, 4.0, 144, 0 },
        { "hvm", 0, 0, 1.0, 1, 0 },
        { "hvm", 4096, 4, -3.0, 36, 0 },
        { "hvm", 1048576, 64, 1e300, 8256, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(model_pool_bytes(rows[i].type, rows[i].smax_mib * MIB, rows[i].vcpus,
                                          rows[i].multiplier),
                         rows[i].pool_mib * MIB);
        assert_int_equal(model_shim_bytes(rows[i].type, rows[i].smax_mib * MIB),
                         rows[i].shim_mib * MIB);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(measured), cmocka_unit_test(xenopsd) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
