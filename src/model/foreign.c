/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Foreign mappings and the page tables of a PV domain 0, as far as a client can see them: it maps
 * its own tables by machine page, from the one that a vCPU's registers name down to that of a
 * mapping, and finds there the machine pages that Xen wrote (xen/arch/x86/mm.c, mod_l1_entry()).
 *
 * The tables of this process are made up when they are looked at; those of another one, which may
 * be on a vCPU instead, look the same and lead to other pages.
 */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#define ENTRIES 512u
#define TABLES  8192u /* machine pages at the host's end that are domain 0's tables */
#define OTHER   (1ull << 60)
#define PRESENT 0x7ull

/* A machine page of domain 0: a table, or (level 0) a page of the process. */
struct table {
    uint32_t level;
    uint32_t first;    /* the tables below it, 0: not made up yet */
    uint64_t path;     /* the bits of the address that lead to it, and whose it is */
    uint64_t *entries; /* where the client has it mapped, of the lowest level only */
};

struct model_tables {
    uint32_t nr;
    struct table table[TABLES];
};

uint64_t model_top_table(const struct model *m, bool other)
{
    return m->total < TABLES ? UINT64_MAX : m->total - TABLES + other;
}

static struct model_tables *tables_of(struct model_port *port)
{
    if (!port->tables) {
        port->tables = calloc(1, sizeof(*port->tables));
        if (port->tables) {
            port->tables->nr = 2;
            port->tables->table[0] = (struct table){ .level = 4 };
            port->tables->table[1] = (struct table){ .level = 4, .path = OTHER };
        }
    }
    return port->tables;
}

void model_tables_free(struct model_port *port)
{
    free(port->tables);
    port->tables = NULL;
}

static bool make_below(struct model_tables *t, struct table *up)
{
    if (up->first) {
        return true;
    }
    if (t->nr + ENTRIES > TABLES) {
        return false;
    }
    up->first = t->nr;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        t->table[t->nr++] =
            (struct table){ .level = up->level - 1,
                            .path = (up->path & OTHER) | (up->path & ~OTHER) << 9 | i };
    }
    return true;
}

static void *new_page(void)
{
    void *page =
        mmap(NULL, EXCLAIM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? NULL : page;
}

/* A copy: who maps it only looks. */
static void copy_own(const struct table *page, void *to)
{
    struct iovec there = { .iov_base = (void *)(uintptr_t)(page->path << EXCLAIM_PAGE_SHIFT),
                           .iov_len = EXCLAIM_PAGE_SIZE };
    struct iovec here = { .iov_base = to, .iov_len = EXCLAIM_PAGE_SIZE };

    if (!(page->path & OTHER)) {
        process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    }
}

/* -EINVAL: no machine page of domain 0. */
static int map_self(struct model_port *port, const struct model *m, uint64_t mfn, void **at)
{
    struct model_tables *t = tables_of(port);
    uint64_t base = model_top_table(m, false);
    struct table *table;
    uint64_t *page;

    if (!t || mfn < base || mfn - base >= t->nr) {
        return -EINVAL;
    }
    table = &t->table[mfn - base];
    page = new_page();
    if (!page || (table->level && !make_below(t, table))) {
        return -ENOMEM;
    }
    if (table->level == 0) {
        copy_own(table, page);
    }
    for (uint32_t i = 0; table->level && i < ENTRIES; i++) {
        page[i] = (base + table->first + i) << EXCLAIM_PAGE_SHIFT | PRESENT;
    }
    if (table->level == 1 && !(table->path & OTHER)) {
        table->entries = page;
    }
    *at = page;
    return 0;
}

/* The entry for an address, in a table that the client has mapped; NULL: nobody looks. */
static uint64_t *entry_of(struct model_tables *t, uintptr_t address)
{
    for (uint32_t i = 0; t && i < t->nr; i++) {
        if (t->table[i].entries && t->table[i].path == address >> (EXCLAIM_PAGE_SHIFT + 9)) {
            return &t->table[i].entries[(address >> EXCLAIM_PAGE_SHIFT) & (ENTRIES - 1)];
        }
    }
    return NULL;
}

static int map_guest(struct model_port *port, struct model *m, uint32_t domid, void **at, int flags,
                     size_t pages, const xen_pfn_t *gfn, int *err)
{
    struct model_tables *t = tables_of(port);
    struct model_domain *d = model_find(m, domid);
    uint8_t *to;

    if (!d || d->dying) {
        return -ESRCH;
    }
    to = mmap(*at, pages << EXCLAIM_PAGE_SHIFT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
              0);
    if (to == MAP_FAILED) {
        return -errno;
    }
    for (size_t i = 0; i < pages; i++) {
        uint64_t *entry = entry_of(t, (uintptr_t)to + (i << EXCLAIM_PAGE_SHIFT));
        uint64_t mfn;

        err[i] = model_frame(m, d, gfn[i], &mfn) == MODEL_FRAME_HOLE ? -EINVAL : 0;
        if (entry) {
            *entry = err[i] ? 0 : mfn << EXCLAIM_PAGE_SHIFT | PRESENT;
        }
    }
    *at = to;
    return 0;
}

static struct model_port *port_of(xenforeignmemory_handle *fmem)
{
    return (struct model_port *)(void *)fmem;
}

xenforeignmemory_handle *model_fmem_handle(xc_interface *xch)
{
    return (xenforeignmemory_handle *)(void *)xch;
}

void *model_map2(xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot, int flags,
                 size_t pages, const xen_pfn_t *arr, int *err)
{
    struct model_port *port = port_of(fmem);
    struct model *m = port->take(port);
    int r;

    (void)prot;
    if (!m) {
        return NULL;
    }
    r = -model_enter(m, MODEL_OP_MAP, dom);
    if (r == 0 && dom == DOMID_SELF) {
        err[0] = map_self(port, m, arr[0], &addr);
        r = err[0];
    } else if (r == 0) {
        /* Domain 0 itself: "Cannot specify itself as foreign domain". */
        r = dom == 0 ? -EINVAL : map_guest(port, m, dom, &addr, flags, pages, arr, err);
    }
    port->give(port, m);
    if (r < 0) {
        errno = -r;
        return NULL;
    }
    return addr;
}

int model_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
    struct model_tables *t = port_of(fmem)->tables;

    for (uint32_t i = 0; t && i < t->nr; i++) {
        if (t->table[i].entries == addr) {
            t->table[i].entries = NULL;
        }
    }
    for (size_t i = 0; i < pages; i++) {
        uint64_t *entry = entry_of(t, (uintptr_t)addr + (i << EXCLAIM_PAGE_SHIFT));

        if (entry) {
            *entry = 0;
        }
    }
    return munmap(addr, pages << EXCLAIM_PAGE_SHIFT);
}
