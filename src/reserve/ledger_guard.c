/* SPDX-License-Identifier: BSD-2-Clause */
/* Outliving a ledger whose file was cut short while it is mapped. */
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

#include "ledger_map.h"

#define PAGE_BYTES ((uintptr_t)1 << EXCLAIM_PAGE_SHIFT)

/*
 * BUS_ADRERR comes from a mapped file that has become shorter.  Of the files that our processes map
 * only the ledger is written to; one that is executed and cut short ends the process either way.
 * mmap() is not on POSIX's list for handlers, but is a mere system call on Linux.
 */
static void put_empty_page(int sig, siginfo_t *info, void *context)
{
    const uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE_BYTES - 1);

    (void)context;
    if (info->si_code != BUS_ADRERR ||
        mmap((void *)page, PAGE_BYTES, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
        signal(sig, SIG_DFL); /* the access is tried again, and ends us as it would have */
    }
}

void ledger_guard(void)
{
    const struct sigaction guard = { .sa_sigaction = put_empty_page, .sa_flags = SA_SIGINFO };
    struct sigaction now;

    if (!sigaction(SIGBUS, NULL, &now) && now.sa_handler == SIG_DFL) {
        sigaction(SIGBUS, &guard, NULL);
    }
}
