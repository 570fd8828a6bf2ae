/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands for a toolstack's emulator: restores, with the placing object preloaded or not. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "fake.h"

int xc_domain_restore(void *xch, int fd, uint32_t domid, unsigned int store_port,
                      unsigned long *store, uint32_t store_domid, unsigned int console_port,
                      unsigned long *console, uint32_t console_domid, unsigned int type,
                      void *callbacks, int send_back_fd, unsigned int flags);
void fake_print(int rc, int errnum);

int main(void)
{
    int rc = xc_domain_restore(NULL, 0, FAKE_DOMID, 0, NULL, 0, 0, NULL, 0, 0, NULL, 0, 0);

    fake_print(rc, errno);
    return 0;
}
