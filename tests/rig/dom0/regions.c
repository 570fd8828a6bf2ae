/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest with a p2m of its own has mapped, by XEN_DOMCTL_getpageframeinfo3: prints "WHOLE BROKEN PAGES", the aligned
 * regions of 2 MiB that are populated to the last page, those that are in part, and all populated pages.
 *
 * usage: regions LIBXENCTRL DOMID
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE_MASK 0xf0000000ul /* public/domctl.h, XEN_DOMCTL_PFINFO_LTAB_MASK; XTAB, BROKEN and XALLOC are no pages */
#define NO_PAGE   0xd0000000ul
#define REGION    512u

int main(int argc, char **argv)
{
    void *library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    unsigned long whole = 0, broken = 0, pages = 0, last = 0;
    void *(*open_xen)(void *, void *, unsigned);
    int (*maximum)(void *, uint32_t, unsigned long *);
    int (*types)(void *, uint32_t, unsigned, unsigned long *);
    uint32_t domid;
    void *xch;

    if (!library) {
        fprintf(stderr, "regions: %s\n", argc == 3 ? dlerror() : "usage: regions LIBXENCTRL DOMID");
        return 1;
    }
    domid = (uint32_t)atoi(argv[2]);
    open_xen = (void *(*)(void *, void *, unsigned))dlsym(library, "xc_interface_open");
    maximum = (int (*)(void *, uint32_t, unsigned long *))dlsym(library, "xc_domain_maximum_gpfn");
    types = (int (*)(void *, uint32_t, unsigned, unsigned long *))dlsym(library, "xc_get_pfn_type_batch");
    xch = open_xen && maximum && types ? open_xen(NULL, NULL, 0) : NULL;
    if (!xch || maximum(xch, domid, &last) < 0) {
        perror("regions: maximum gfn");
        return 1;
    }
    for (unsigned long first = 0; first <= last; first += REGION) {
        unsigned long gfn[REGION], here = 0;

        for (unsigned long i = 0; i < REGION; i++)
            gfn[i] = first + i;
        if (types(xch, domid, REGION, gfn)) {
            perror("regions: types");
            return 1;
        }
        for (unsigned long i = 0; i < REGION; i++)
            here += (gfn[i] & TYPE_MASK) < NO_PAGE;
        whole += here == REGION;
        broken += here && here != REGION;
        pages += here;
    }
    printf("%lu %lu %lu\n", whole, broken, pages);
    return 0;
}
