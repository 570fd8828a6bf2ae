/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks a reservation from the stream, by itself and against the domain that it is for. */
#include <exclaim/reservation.h>

#include <inttypes.h>
#include <string.h>

#include <exclaim/uuid.h>

#include "../base/text.h"

uint64_t exclaim_reservation_pages(const struct exclaim_reservation *res)
{
    return res->count.total_pages + res->shared_pages + res->paged_pages;
}

static int check_limit(const char *what, uint64_t value, struct exclaim_error *err)
{
    if (value > EXCLAIM_PAGES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation: %s %" PRIu64 " is above the limit of %" PRIu64, what,
                            value, (uint64_t)EXCLAIM_PAGES_MAX);
    }
    return 0;
}

static int check_whole_count(const struct exclaim_reservation *res, struct exclaim_error *err)
{
    uint64_t sum = 0;

    if (!res->count.nr_nodes || !res->count.total_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation: an exact count of %" PRIu64 " pages on %" PRIu32
                            " nodes makes no sense",
                            res->count.total_pages, res->count.nr_nodes);
    }
    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        sum += res->count.pages[i]; /* 64 numbers up to 2^40 cannot overflow */
    }
    if (sum != res->count.total_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation: nodes add up to %" PRIu64 " pages, total is %" PRIu64,
                            sum, res->count.total_pages);
    }
    if (res->count.total_pages > res->max_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation: total of %" PRIu64 " pages is above max_pages %" PRIu64,
                            res->count.total_pages, res->max_pages);
    }
    return 0;
}

int exclaim_reservation_check(const struct exclaim_reservation *res, struct exclaim_error *err)
{
    if (res->count.nr_nodes > EXCLAIM_NODES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "reservation: %" PRIu32 " nodes, limit %d",
                            res->count.nr_nodes, EXCLAIM_NODES_MAX);
    }
    for (uint32_t i = 0; i < res->count.nr_nodes; i++) {
        if (check_limit("pages of a node", res->count.pages[i], err)) {
            return exclaim_error_wrap(err, "node %" PRIu32, i);
        }
    }
    if (check_limit("total pages", res->count.total_pages, err) ||
        check_limit("max_pages", res->max_pages, err) ||
        check_limit("shared pages", res->shared_pages, err) ||
        check_limit("uncertain pages", res->count.uncertain_pages, err) ||
        check_limit("paged pages", res->paged_pages, err) ||
        check_limit("paging pool pages", res->paging_pool_bytes >> EXCLAIM_PAGE_SHIFT, err)) {
        return -1;
    }
    return exclaim_count_usable(&res->count) ? check_whole_count(res, err) : 0;
}

int exclaim_reservation_check_domain(const struct exclaim_reservation *res,
                                     const struct exclaim_domain *dom, struct exclaim_error *err)
{
    const uint64_t pages = exclaim_reservation_pages(res);

    if (!exclaim_uuid_arrives(res->uuid, dom->uuid)) {
        char got[EXCLAIM_UUID_TEXT], want[EXCLAIM_UUID_TEXT];

        exclaim_uuid_format(res->uuid, got);
        exclaim_uuid_format(dom->uuid, want);
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation is for VM %s, domain %" PRIu32 " is VM %s", got,
                            dom->domid, want);
    }
    if (pages > dom->max_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation of %s (%" PRIu64 " pages) is above the %s (%" PRIu64
                            ", max_pages) of domain %" PRIu32,
                            exclaim_size(pages).text, pages, exclaim_size(dom->max_pages).text,
                            dom->max_pages, dom->domid);
    }
    return 0;
}
