/* SPDX-License-Identifier: BSD-2-Clause */
/* Linked with --wrap: the running Xen of a program under test is the model that HOST_ENV names. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "host.h"
#include "wire.h"

int __wrap_exclaim_xen_open(struct exclaim_hv **hv, struct exclaim_error *err);

/* A console of very many pages; nobody waits that long here. */
static int slow_count(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_count_how *how,
                      struct exclaim_count *count, struct exclaim_error *err)
{
    (void)hv, (void)how;
    poll(NULL, 0, 60000);
    *count = (struct exclaim_count){ 0 };
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINTR, "counting the pages of domain %u", domid);
}

int __wrap_exclaim_xen_open(struct exclaim_hv **hv, struct exclaim_error *err)
{
    static struct exclaim_hv_ops slow;
    const char *path = getenv(HOST_ENV);

    *hv = NULL;
    if (!path) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "no xen runs here");
    }
    if (host_open(path, hv, err)) {
        return -1;
    }
    if (fake_spec("slow-count")) {
        slow = *(*hv)->ops;
        slow.count = slow_count;
        (*hv)->ops = &slow;
    }
    return 0;
}
