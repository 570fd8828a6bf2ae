/* SPDX-License-Identifier: BSD-2-Clause */
/* Linked with --wrap: the running Xen of a program under test is the model that HOST_ENV names. */
#include <stdlib.h>

#include "host.h"

int __wrap_exclaim_xen_open(struct exclaim_hv **hv, struct exclaim_error *err);

int __wrap_exclaim_xen_open(struct exclaim_hv **hv, struct exclaim_error *err)
{
    const char *path = getenv(HOST_ENV);

    *hv = NULL;
    if (!path) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "no xen runs here");
    }
    return host_open(path, hv) ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "model %s", path) : 0;
}
