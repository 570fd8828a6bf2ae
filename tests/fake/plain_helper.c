/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands for libxl's own helper: says in the file MARK that it ran, and whether the placing object
 * ("p") was in it. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    int fd = open(getenv("MARK"), O_WRONLY | O_CREAT | O_APPEND, 0600);

    return write(fd, dlsym(RTLD_DEFAULT, "xc_domain_populate_physmap_exact") ? "p" : "-", 1) != 1;
}
