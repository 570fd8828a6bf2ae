/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which NUMA node each frame of a guest with a p2m of its own lies on, whoever placed it: prints "GFN PAGES NODE", runs in ascending
 * order. No hypercall tells machine frames of such a guest, so they are read where Xen must write them: in the page table of this
 * process, as the guest's frames are mapped into it. The table's own machine address comes from the registers of dom0's other vCPU, on
 * which a thread of this process spins meanwhile. Needs a PV dom0 with at least two vCPUs.
 *
 * usage: frames LIBXENCTRL DOMID START:PAGES:NODE...    the nodes' machine frames, as Xen's key u names them
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

#define PAGE      4096ul
#define WINDOW    512u /* pages: what one lowest table maps */
#define TYPE_MASK 0xf0000000ul /* as in regions.c */
#define NO_PAGE   0xd0000000ul
#define SPINS_ON  1
#define TRIES     1000
#define FRAME(e)  (((e) >> 12) & ((1ul << 40) - 1))

struct range {
    unsigned long start, pages;
    unsigned node;
};

static xc_interface *xch;
static xenforeignmemory_handle *memory;
static __typeof__(&xenforeignmemory_map2) map2;
static __typeof__(&xenforeignmemory_map) map;
static __typeof__(&xenforeignmemory_unmap) unmap;
static __typeof__(&xc_vcpu_getcontext) registers;
static int (*types)(xc_interface *, uint32_t, unsigned, xen_pfn_t *); /* of xenguest.h, exported by libxenctrl */
static volatile uint64_t *mark; /* a page of our own, to tell our tables from another process's */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set))
        die("frames: pinning");
}

static void *spin(void *unused)
{
    pin(SPINS_ON);
    for (;;)
        __asm__ volatile("pause");
    return unused;
}

/* A machine frame of dom0's own, to read; the caller unmaps. */
static uint64_t *own(unsigned long mfn)
{
    xen_pfn_t frame = mfn;
    int error = 0;
    uint64_t *page = map(memory, DOMID_SELF, PROT_READ, 1, &frame, &error);

    if (page && error) {
        unmap(memory, page, 1);
        page = NULL;
    }
    return page;
}

/* The machine frame of the lowest table for this address, in the tables that begin at mfn; 0 if there is none. */
static unsigned long lowest(unsigned long mfn, const volatile void *address)
{
    for (unsigned shift = 39; shift >= 21; shift -= 9) {
        uint64_t *table = own(mfn), entry;

        if (!table)
            return 0;
        entry = table[(uintptr_t)address >> shift & 511];
        unmap(memory, table, 1);
        if (!(entry & 1) || (entry & 0x80 && shift == 21))
            return 0;
        mfn = FRAME(entry);
    }
    return mfn;
}

static uint64_t entry_of(unsigned long lowest_table, const volatile void *address)
{
    uint64_t *table = lowest_table ? own(lowest_table) : NULL, entry;

    if (!table)
        return 0;
    entry = table[(uintptr_t)address >> 12 & 511];
    unmap(memory, table, 1);
    return entry & 1 ? entry : 0;
}

/* The machine frame of this process's highest table. */
static unsigned long highest(void)
{
    for (int i = 0; i < TRIES; i++) {
        static vcpu_guest_context_any_t context;
        unsigned long mfn;
        uint64_t entry, *page;

        if (registers(xch, 0, SPINS_ON, &context))
            die("frames: registers of dom0's other vCPU");
        mfn = FRAME(context.x64.ctrlreg[3]);
        *mark = (uint64_t)i << 32 ^ (uint64_t)time(NULL) ^ (uintptr_t)mark;
        entry = entry_of(lowest(mfn, mark), mark);
        page = entry ? own(FRAME(entry)) : NULL;
        if (page) {
            int same = *page == *mark;

            unmap(memory, page, 1);
            if (same)
                return mfn;
        }
        sched_yield();
    }
    fprintf(stderr, "frames: this process's tables were not found in %d tries\n", TRIES);
    exit(1);
}

static int node_of(unsigned long mfn, const struct range *ranges, int n)
{
    for (int i = 0; i < n; i++)
        if (mfn >= ranges[i].start && mfn - ranges[i].start < ranges[i].pages)
            return (int)ranges[i].node;
    return -1;
}

static void print(unsigned long first, unsigned long end, int node)
{
    if (end > first)
        printf("%lu %lu %d\n", first, end - first, node);
}

/* The nodes of up to WINDOW frames, mapped at window, which is reserved before and after: kernels refuse to split such a mapping, so it
 * goes as it came. */
static void read_nodes(uint32_t domid, char *window, const xen_pfn_t *gfn, unsigned nr, const struct range *ranges, int n, int *node)
{
    static int errors[WINDOW];
    uint64_t *table;

    if (map2(memory, domid, window, PROT_READ, MAP_FIXED, nr, gfn, errors) != window)
        die("frames: mapping the guest");
    table = own(lowest(highest(), window));
    if (!table)
        die("frames: the window's table");
    for (unsigned i = 0; i < nr; i++)
        node[i] = !errors[i] && (table[i] & 1) ? node_of(FRAME(table[i]), ranges, n) : -1;
    unmap(memory, table, 1);
    unmap(memory, window, nr);
    if (mmap(window, nr * PAGE, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != window)
        die("frames: reserving");
}

int main(int argc, char **argv)
{
    void *control = argc > 3 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL, *foreign = dlopen("libxenforeignmemory.so.1", RTLD_NOW);
    unsigned long first = 0, end = 0, last = 0;
    struct range ranges[64];
    int n = argc - 3, node = -1;
    uint32_t domid;
    char *area, *window;
    pthread_t spinner;

    if (!control || !foreign || n > 64) {
        fprintf(stderr, "frames: %s\n", argc > 3 ? dlerror() : "usage: frames LIBXENCTRL DOMID START:PAGES:NODE...");
        return 1;
    }
    domid = (uint32_t)atoi(argv[2]);
    for (int i = 0; i < n; i++)
        if (sscanf(argv[3 + i], "%lu:%lu:%u", &ranges[i].start, &ranges[i].pages, &ranges[i].node) != 3)
            die(argv[3 + i]);
#define FROM(library, name) ((__typeof__(&name))dlsym(library, #name))
    map2 = FROM(foreign, xenforeignmemory_map2);
    map = FROM(foreign, xenforeignmemory_map);
    unmap = FROM(foreign, xenforeignmemory_unmap);
    registers = FROM(control, xc_vcpu_getcontext);
    types = (int (*)(xc_interface *, uint32_t, unsigned, xen_pfn_t *))dlsym(control, "xc_get_pfn_type_batch");
    xch = FROM(control, xc_interface_open)(NULL, NULL, 0);
    memory = FROM(foreign, xenforeignmemory_open)(NULL, 0);
    area = mmap(NULL, 2 * WINDOW * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mark = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!xch || !memory || area == MAP_FAILED || mark == MAP_FAILED || FROM(control, xc_domain_maximum_gpfn)(xch, domid, &last) < 0)
        die("frames: beginning");
    window = (char *)(((uintptr_t)area + WINDOW * PAGE - 1) & ~(WINDOW * PAGE - 1));
    pin(0);
    if (pthread_create(&spinner, NULL, spin, NULL))
        die("frames: thread");
    for (unsigned long base = 0; base <= last; base += WINDOW) {
        xen_pfn_t type[WINDOW], gfn[WINDOW];
        int nodes[WINDOW];
        unsigned nr = 0;

        for (unsigned i = 0; i < WINDOW; i++)
            type[i] = base + i;
        if (types(xch, domid, WINDOW, type))
            die("frames: types");
        for (unsigned i = 0; i < WINDOW; i++)
            if ((type[i] & TYPE_MASK) < NO_PAGE)
                gfn[nr++] = base + i;
        if (nr)
            read_nodes(domid, window, gfn, nr, ranges, n, nodes);
        for (unsigned i = 0; i < nr; i++) {
            if (gfn[i] != end || nodes[i] != node) {
                print(first, end, node);
                first = gfn[i];
                node = nodes[i];
            }
            end = gfn[i] + 1;
        }
    }
    print(first, end, node);
    return 0;
}
