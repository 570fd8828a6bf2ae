/* SPDX-License-Identifier: BSD-2-Clause */
/* Valid values of our larger structures, and their comparison: member by member, as there is
 * padding. */
#include "support.h"

#include <string.h>

void sample_reservation(struct exclaim_reservation *res, uint32_t nr_nodes)
{
    memset(res, 0, sizeof(*res));
    for (uint8_t i = 0; i < EXCLAIM_UUID_BYTES; i++) {
        res->uuid[i] = (uint8_t)(0x10 + i);
    }
    strcpy(res->source_host, "source.example");
    strcpy(res->xen_version, "4.17.7");
    res->count.nr_nodes = nr_nodes;
    for (uint32_t i = 0; i < nr_nodes; i++) {
        res->count.pages[i] = 1000 + 17ull * i * i;
        res->count.total_pages += res->count.pages[i];
        for (uint32_t j = 0; j < nr_nodes; j++) {
            res->distance[i][j] = i == j ? 10 : 20 + (i > j ? i - j : j - i);
        }
    }
    res->count.method = EXCLAIM_FROM_CONSOLE;
    res->count.exact = true;
    res->max_pages = res->count.total_pages + 256;
    res->paging_pool_bytes = 4u << 20;
    res->vcpus = 4;
    res->shared_pages = 3;
    res->paged_pages = 5;
    res->soft_affinity = EXCLAIM_SOFT_USER;
    res->time_unix_ms = 1764000000123;
}

void golden_reservation(struct exclaim_reservation *res)
{
    static const uint64_t pages[3] = { 33439, 0, 17777 };

    sample_reservation(res, 3);
    memcpy(res->count.pages, pages, sizeof(pages));
    res->count.total_pages = 51216;
    res->max_pages = 51472;
}

void assert_reservation_equal(const struct exclaim_reservation *a,
                              const struct exclaim_reservation *b)
{
    assert_memory_equal(a->uuid, b->uuid, sizeof(a->uuid));
    assert_string_equal(a->source_host, b->source_host);
    assert_string_equal(a->xen_version, b->xen_version);
    assert_int_equal(a->count.nr_nodes, b->count.nr_nodes);
    assert_memory_equal(a->count.pages, b->count.pages, sizeof(a->count.pages));
    assert_int_equal(a->count.total_pages, b->count.total_pages);
    assert_int_equal(a->count.method, b->count.method);
    assert_int_equal(a->count.exact, b->count.exact);
    assert_string_equal(a->count.why, b->count.why);
    assert_int_equal(a->max_pages, b->max_pages);
    assert_int_equal(a->paging_pool_bytes, b->paging_pool_bytes);
    assert_int_equal(a->vcpus, b->vcpus);
    assert_memory_equal(a->distance, b->distance, sizeof(a->distance));
    assert_int_equal(a->shared_pages, b->shared_pages);
    assert_int_equal(a->paged_pages, b->paged_pages);
    assert_int_equal(a->soft_affinity, b->soft_affinity);
    assert_int_equal(a->time_unix_ms, b->time_unix_ms);
}

void assert_config_equal(const struct exclaim_config *a, const struct exclaim_config *b)
{
    assert_int_equal(a->policy, b->policy);
    assert_int_equal(a->stray_pages, b->stray_pages);
    assert_int_equal(a->headroom_pages, b->headroom_pages);
    assert_int_equal(a->count_console_max_pages, b->count_console_max_pages);
    assert_int_equal(a->count_workers, b->count_workers);
    assert_int_equal(a->count_ms_max, b->count_ms_max);
    assert_int_equal(a->verify_paused_max_pages, b->verify_paused_max_pages);
    assert_int_equal(a->peek_timeout_ms, b->peek_timeout_ms);
    assert_int_equal(a->superpages, b->superpages);
    assert_string_equal(a->lock_dir, b->lock_dir);
    assert_string_equal(a->report_file, b->report_file);
    assert_string_equal(a->libxl_save_helper, b->libxl_save_helper);
    assert_string_equal(a->emu_manager, b->emu_manager);
    assert_string_equal(a->xenguest, b->xenguest);
    assert_string_equal(a->place_object, b->place_object);
}
