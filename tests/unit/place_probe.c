/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restores like xenguest, as far as the placing object can see: started before anybody knows what
 * for, it waits for a word, then calls xc_domain_restore() for domain 7, which populates 8 pages.
 * Prints the flags of each call that reaches "libxenctrl" (place_fake.c).
 */
#include <stdio.h>

int xc_domain_restore(void *xch, int io_fd, unsigned int dom, ...);

int main(void)
{
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF) {
        return 1;
    }
    return xc_domain_restore(NULL, 0, 7, 0, NULL, 0, 0, NULL, 0, 0, NULL, -1, 0);
}
