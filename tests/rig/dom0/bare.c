/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains without a toolstack: made, filled and destroyed by hypercalls alone, for claims (nothing else allocates) and
 * as ballast on a node. PV without vCPUs: such a domain needs no paging pool and takes large extents.
 *
 * usage: bare LIBXENCTRL create MAX_PAGES                    prints the domid
 *        bare LIBXENCTRL populate DOMID NODE|any ORDER NR    extents of 2^ORDER pages, exactly on NODE; prints how many
 *        bare LIBXENCTRL shatter DOMID NODE NR               NR single pages on NODE, then every other one back: what is free
 *                                                            there is in pieces; prints how many it keeps
 *        bare LIBXENCTRL destroy DOMID
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* xen/include/public/domctl.h: the same up to grant_opts in 4.17 to 4.22; zeros behind it are defaults in all of them. */
struct create {
    uint32_t ssidref;
    uint8_t handle[16];
    uint32_t flags, iommu_opts, max_vcpus, max_evtchn_port;
    int32_t max_grant_frames, max_maptrack_frames;
    uint32_t grant_opts, zero[24];
};

#define EXACT_NODE(n) ((((uint32_t)(n) + 1) << 8) | (1u << 17)) /* public/memory.h, XENMEMF_exact_node */

typedef int reservation_fn(void *, uint32_t, unsigned long, unsigned, unsigned, unsigned long *);

static void *library, *xch;

static void *symbol(const char *name)
{
    void *f = dlsym(library, name);

    if (!f) {
        fprintf(stderr, "bare: %s\n", dlerror());
        exit(1);
    }
    return f;
}

static int failed(const char *what)
{
    perror(what);
    return 1;
}

static int create(unsigned long max_pages)
{
    int (*domain_create)(void *, uint32_t *, struct create *) = (int (*)(void *, uint32_t *, struct create *))symbol("xc_domain_create");
    int (*setmaxmem)(void *, uint32_t, uint64_t) = (int (*)(void *, uint32_t, uint64_t))symbol("xc_domain_setmaxmem");
    struct create config = { .handle = "bare domain", .max_vcpus = 1, .max_evtchn_port = 1023, .max_grant_frames = 32,
                             .max_maptrack_frames = 1024, .grant_opts = 1 };
    uint32_t domid = 0;

    if (domain_create(xch, &domid, &config))
        return failed("bare: xc_domain_create");
    if (setmaxmem(xch, domid, max_pages * 4))
        return failed("bare: xc_domain_setmaxmem");
    printf("%u\n", domid);
    return 0;
}

static int populate(uint32_t domid, const char *node, unsigned order, unsigned long nr)
{
    reservation_fn *physmap = (reservation_fn *)symbol("xc_domain_populate_physmap");
    unsigned flags = strcmp(node, "any") ? EXACT_NODE(atoi(node)) : 0;
    unsigned long done = 0;

    while (done < nr) {
        unsigned long extent[1024], batch = nr - done < 1024 ? nr - done : 1024;
        int r;

        for (unsigned long i = 0; i < batch; i++)
            extent[i] = (done + i) << order;
        r = physmap(xch, domid, batch, order, flags, extent);
        if (r <= 0)
            break;
        done += (unsigned long)r;
    }
    printf("%lu\n", done);
    return 0;
}

static int shatter(uint32_t domid, int node, unsigned long nr)
{
    reservation_fn *physmap = (reservation_fn *)symbol("xc_domain_populate_physmap");
    int (*decrease)(void *, uint32_t, unsigned long, unsigned, unsigned long *) =
        (int (*)(void *, uint32_t, unsigned long, unsigned, unsigned long *))symbol("xc_domain_decrease_reservation");
    unsigned long *mfn = malloc(nr * sizeof(*mfn)), done = 0, odd = 0;

    if (!mfn)
        return failed("bare: shatter");
    for (unsigned long i = 0; i < nr; i++)
        mfn[i] = i;
    while (done < nr) {
        unsigned long batch = nr - done < 1024 ? nr - done : 1024;
        int r = physmap(xch, domid, batch, 0, EXACT_NODE(node), mfn + done); /* a PV domain gets its machine pages */

        if (r <= 0)
            break;
        done += (unsigned long)r;
    }
    for (unsigned long i = 0; i < done; i++)
        if (mfn[i] & 1)
            mfn[odd++] = mfn[i];
    for (unsigned long i = 0; i < odd; i += 1024) {
        unsigned long batch = odd - i < 1024 ? odd - i : 1024;

        if (decrease(xch, domid, batch, 0, mfn + i) != (int)batch)
            return failed("bare: decrease_reservation");
    }
    free(mfn);
    printf("%lu\n", done - odd);
    return 0;
}

static int destroy(uint32_t domid)
{
    int (*domain_destroy)(void *, uint32_t) = (int (*)(void *, uint32_t))symbol("xc_domain_destroy");

    return domain_destroy(xch, domid) ? failed("bare: xc_domain_destroy") : 0;
}

int main(int argc, char **argv)
{
    library = argc > 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!library) {
        fprintf(stderr, "bare: %s\n", argc > 3 ? dlerror() : "usage: bare LIBXENCTRL create|populate|destroy ...");
        return 1;
    }
    xch = ((void *(*)(void *, void *, unsigned))symbol("xc_interface_open"))(NULL, NULL, 0);
    if (!xch)
        return failed("bare: xc_interface_open");
    if (!strcmp(argv[2], "create"))
        return create(strtoul(argv[3], NULL, 10));
    if (!strcmp(argv[2], "populate") && argc == 7)
        return populate((uint32_t)atoi(argv[3]), argv[4], (unsigned)atoi(argv[5]), strtoul(argv[6], NULL, 10));
    if (!strcmp(argv[2], "shatter") && argc == 6)
        return shatter((uint32_t)atoi(argv[3]), atoi(argv[4]), strtoul(argv[5], NULL, 10));
    if (!strcmp(argv[2], "destroy"))
        return destroy((uint32_t)atoi(argv[3]));
    fprintf(stderr, "bare: unknown verb %s\n", argv[2]);
    return 1;
}
