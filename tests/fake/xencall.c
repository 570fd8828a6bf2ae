/* SPDX-License-Identifier: BSD-2-Clause */
/* A libxencall that knows one call: the version, of the model or what FAKE_XEN_VERSION says. */
#include <stdio.h>
#include <stdlib.h>

#pragma GCC visibility push(default)
#include <xentoollog.h>

#include <xencall.h>
#pragma GCC visibility pop

#include "host.h"

xencall_handle *xencall_open(xentoollog_logger *logger, unsigned int open_flags)
{
    static char handle;

    (void)logger, (void)open_flags;
    return getenv("FAKE_XEN_VERSION") || getenv(HOST_ENV) ? (xencall_handle *)(void *)&handle
                                                          : NULL;
}

int xencall_close(xencall_handle *xcall)
{
    (void)xcall;
    return 0;
}

int xencall2(xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2)
{
    const char *text = getenv("FAKE_XEN_VERSION");
    unsigned int major = 0, minor = 0;
    struct model *m;
    int lock;

    (void)xcall, (void)op, (void)arg1, (void)arg2;
    if (text) {
        return sscanf(text, "%u.%u", &major, &minor) == 2 ? (int)(major << 16 | minor) : -1;
    }
    m = host_lock(getenv(HOST_ENV), &lock);
    if (!m) {
        return -1;
    }
    model_version(m, &major, &minor);
    host_unlock(getenv(HOST_ENV), m, lock);
    return (int)(major << 16 | minor);
}
