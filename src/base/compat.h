/* SPDX-License-Identifier: BSD-2-Clause */
/* What the libc of older dom0s lacks: glibc 2.17, that of XenServer 8 and XCP-ng 8.3. */
#ifndef EXCLAIM_COMPAT_H
#define EXCLAIM_COMPAT_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* reallocarray(3), since glibc 2.26. */
static inline void *compat_reallocarray(void *at, size_t nr, size_t size)
{
    if (size && nr > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(at, nr * size);
}

/* explicit_bzero(3), since glibc 2.25: a call that the compiler cannot see through. */
static inline void compat_wipe(void *at, size_t size)
{
    void *(*volatile set)(void *, int, size_t) = memset;

    set(at, 0, size);
}

#endif
