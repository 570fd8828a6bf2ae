/* SPDX-License-Identifier: BSD-2-Clause */
/* Room for a hook's stack, before it is needed. */
#include "stack.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* A session and a record's stream of 64 KiB each side by side, with what is below them. */
#define STACK_BYTES ((size_t)768 << 10)
#define PAGE_BYTES  4096u

__attribute__((noinline)) static void touch(void)
{
    volatile char room[STACK_BYTES];

    /* Downwards, as the kernel lets a stack grow. */
    for (size_t at = sizeof(room); at >= PAGE_BYTES; at -= PAGE_BYTES) {
        room[at - 1] = 0;
    }
    room[0] = 0;
}

bool exclaim_stack_ready(void)
{
    struct rlimit limit;
    void *room;

    if (getrlimit(RLIMIT_STACK, &limit) ||
        (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < 2 * STACK_BYTES)) {
        return false;
    }
    room = mmap(NULL, STACK_BYTES + (64 << 10), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                -1, 0);
    if (room == MAP_FAILED) {
        return false;
    }
    munmap(room, STACK_BYTES + (64 << 10));
    touch();
    return true;
}
