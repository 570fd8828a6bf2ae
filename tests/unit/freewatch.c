/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded: memory that is given back with the text FREE_NEEDLE in it makes the file FREE_FOUND.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *at);

static void look(const void *at)
{
    const char *needle = getenv("FREE_NEEDLE");

    if (at && needle &&
        memmem(at, malloc_usable_size((void *)(size_t)at), needle, strlen(needle))) {
        close(open(getenv("FREE_FOUND"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
}

void free(void *at)
{
    look(at);
    __libc_free(at);
}

void *realloc(void *at, size_t size)
{
    size_t old = at ? malloc_usable_size(at) : 0;
    void *moved = __libc_malloc(size);

    if (moved && at) {
        memcpy(moved, at, old < size ? old : size);
        free(at);
    }
    return moved;
}
