/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints "total free outstanding" pages of this host, from XEN_SYSCTL_physinfo. xl info says the same in whole MiB only,
 * which hides a claim left over on fewer than 256 pages.
 *
 * usage: pages LIBXENCTRL
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

struct physinfo { /* as in public/sysctl.h since 4.17; the runner compares the total with what xl says */
    uint32_t before[10];
    uint64_t total, free, scrub, outstanding, max_mfn;
    uint32_t after[64];
};

int main(int argc, char **argv)
{
    struct physinfo info = { 0 };
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    void *(*open_xen)(void *, void *, unsigned);
    int (*physinfo)(void *, struct physinfo *);
    void *xch;

    if (!library) {
        fprintf(stderr, "pages: %s\n", argc == 2 ? dlerror() : "usage: pages LIBXENCTRL");
        return 1;
    }
    open_xen = (void *(*)(void *, void *, unsigned))dlsym(library, "xc_interface_open");
    physinfo = (int (*)(void *, struct physinfo *))dlsym(library, "xc_physinfo");
    xch = open_xen && physinfo ? open_xen(NULL, NULL, 0) : NULL;
    if (!xch || physinfo(xch, &info)) {
        perror("pages: physinfo");
        return 1;
    }
    printf("%llu %llu %llu\n", (unsigned long long)info.total, (unsigned long long)info.free, (unsigned long long)info.outstanding);
    return 0;
}
