/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding and reading the page tables of this process; self.h tells why. */
#include "self.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REGION  ((size_t)2 << 20) /* what one table of the lowest level covers */
#define TRIES   400               /* with a pause of 1 ms in between */
#define PER_CPU 20                /* of them on one vCPU, then on the next */

#define ENTRY_PRESENT 0x1ull
#define ENTRY_LARGE   0x80ull /* in a table above the lowest: no table below */
#define ENTRY_FRAME   0x000ffffffffff000ull

#define SECRET_BYTES 32

static bool __attribute__((format(printf, 2, 3)))
because(struct xen_self *self, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(self->why, self->why_size, fmt, ap);
    va_end(ap);
    return false;
}

/* --- a busy thread, so that another vCPU has the tables of this process in its registers --- */

struct spinner {
    pthread_t thread;
    atomic_bool stop;
    atomic_uint vcpu; /* where it is to run */
};

/* Linux in a PV dom0 numbers its CPUs as Xen its vCPUs (arch/x86/include/asm/xen/hypervisor.h). */
static void run_on(uint32_t vcpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(vcpu, &set);
    /* Refused for one that is offline: then it is not seen there, and the next one is tried. */
    sched_setaffinity(0, sizeof(set), &set);
}

static void run_elsewhere(uint32_t vcpu, uint32_t vcpus)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    for (uint32_t i = 0; i < vcpus; i++) {
        if (i != vcpu) {
            CPU_SET(i, &set);
        }
    }
    sched_setaffinity(0, sizeof(set), &set);
}

static void *spin(void *arg)
{
    struct spinner *s = arg;
    uint32_t on = UINT32_MAX, vcpu;

    while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        vcpu = atomic_load_explicit(&s->vcpu, memory_order_relaxed);
        if (vcpu != on) {
            run_on(vcpu);
            on = vcpu;
        }
    }
    return NULL;
}

/* --- tables --- */

static const void *map_own(struct xen_self *self, uint64_t mfn)
{
    xen_pfn_t frame = mfn;
    int err = 0;
    void *page;

    /* A table that is not ours could name anything: only RAM is looked at, no device's registers.
     */
    if (xen_nodes_of(self->nodes, mfn) == XEN_NODE_UNKNOWN) {
        return NULL;
    }
    /* Domain 0's own number is refused ("Cannot specify itself as foreign domain"). */
    page = self->xen->lib.map2(self->fmem, DOMID_SELF, NULL, PROT_READ, 0, 1, &frame, &err);
    self->refused = page ? -err : errno;
    if (page && err) {
        self->xen->lib.unmap(self->fmem, page, 1);
        page = NULL;
    }
    return page;
}

static void unmap_own(struct xen_self *self, const volatile void *page)
{
    if (page) {
        self->xen->lib.unmap(self->fmem, (void *)(uintptr_t)page, 1);
    }
}

static bool frame_of(uint64_t entry, uint64_t *mfn)
{
    *mfn = (entry & ENTRY_FRAME) >> EXCLAIM_PAGE_SHIFT;
    return entry & ENTRY_PRESENT;
}

/* From the table at the top to the window's; NULL if these are no tables that lead there. */
static const volatile uint64_t *walk(struct xen_self *self, uint64_t mfn)
{
    const uintptr_t at = (uintptr_t)self->window;

    for (unsigned int level = 4; level > 1; level--) {
        const volatile uint64_t *table = map_own(self, mfn);
        uint64_t entry;

        if (!table) {
            return NULL;
        }
        entry = table[(at >> (EXCLAIM_PAGE_SHIFT + 9 * (level - 1))) & 511];
        unmap_own(self, table);
        if (!frame_of(entry, &mfn) || (level < 4 && (entry & ENTRY_LARGE))) {
            return NULL;
        }
    }
    return map_own(self, mfn);
}

/*
 * Whether the table is ours: its first entry must lead to the page that holds our secret.  Another
 * process may have run on the vCPU at the very moment when its registers were read.
 */
static bool is_ours(struct xen_self *self, const volatile uint64_t *l1)
{
    const void *page;
    bool same;

    if (!frame_of(l1[0], &self->own_mfn)) {
        return false;
    }
    page = map_own(self, self->own_mfn);
    same = page && !memcmp(page, self->window, SECRET_BYTES);
    unmap_own(self, page);
    return same;
}

/* The machine page of the highest table of whoever runs on @vcpu; a positive errno value. */
static int top_table(struct xen_self *self, struct xen_buffer *registers, uint32_t vcpu,
                     uint64_t *mfn)
{
    struct xen_vcpu_context arg = { .vcpu = vcpu, .context = xen_buffer_handle(registers) };
    const vcpu_guest_context_any_t *context = registers->data;
    int errnum = xen_domctl(self->xen, XEN_DOMCTL_getvcpucontext, 0, &arg, sizeof(arg), NULL);

    *mfn = context->x64.ctrlreg[3] >> EXCLAIM_PAGE_SHIFT;
    return errnum;
}

static bool find_table(struct xen_self *self, struct spinner *s, struct xen_buffer *registers)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    uint32_t vcpu = ((uint32_t)sched_getcpu() + 1) % self->vcpus;
    uint64_t mfn;
    int errnum = 0;

    for (unsigned int i = 0; i < TRIES; i++) {
        if (i % PER_CPU == 0) {
            vcpu = i ? (vcpu + 1) % self->vcpus : vcpu;
            run_elsewhere(vcpu, self->vcpus);
            atomic_store(&s->vcpu, vcpu);
        }
        nanosleep(&pause, NULL);
        errnum = top_table(self, registers, vcpu, &mfn);
        /* EINVAL: the vCPU that asks, or one that is offline. */
        if (errnum && errnum != EINVAL) {
            return because(self, "registers of dom0's vcpu %u: %s", vcpu,
                           exclaim_hv_errno_meaning(errnum));
        }
        if (!errnum) {
            const volatile uint64_t *l1 = walk(self, mfn);

            if (l1 && is_ours(self, l1)) {
                self->l1 = l1;
                return true;
            }
            unmap_own(self, l1);
        }
    }
    errnum = self->refused ? self->refused : errnum;
    return because(self, "its own page tables were not found on another vcpu in %d tries%s%s",
                   TRIES, errnum ? ": " : "", errnum ? exclaim_hv_errno_meaning(errnum) : "");
}

static bool find_table_with_thread(struct xen_self *self)
{
    struct spinner s = { 0 };
    struct xen_buffer registers;
    cpu_set_t before;
    bool ok;
    int errnum = xen_buffer_alloc(self->xen, &registers, sizeof(vcpu_guest_context_any_t));

    if (errnum) {
        return because(self, "%s", strerror(errnum));
    }
    errnum = sched_getaffinity(0, sizeof(before), &before) ? errno : 0;
    errnum = errnum ? errnum : pthread_create(&s.thread, NULL, spin, &s);
    if (errnum) {
        xen_buffer_free(self->xen, &registers);
        return because(self, "a second thread: %s", strerror(errnum));
    }
    ok = find_table(self, &s, &registers);
    atomic_store(&s.stop, true);
    pthread_join(s.thread, NULL);
    sched_setaffinity(0, sizeof(before), &before);
    xen_buffer_free(self->xen, &registers);
    return ok;
}

/* --- the window --- */

/* Address space without access keeps everybody else's mappings out. */
static void *reserve(void *at, size_t size)
{
    return mmap(at, size, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0), -1, 0);
}

/* getrandom(2) is newer than some dom0's library. */
static bool make_secret(uint8_t *at)
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read(fd, at, SECRET_BYTES) == SECRET_BYTES;

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static bool make_window(struct xen_self *self)
{
    uintptr_t aligned;

    self->area = reserve(NULL, 2 * REGION);
    if (self->area == MAP_FAILED) {
        self->area = NULL;
        return because(self, "reserving address space: %s", strerror(errno));
    }
    aligned = ((uintptr_t)self->area + REGION - 1) & ~(uintptr_t)(REGION - 1);
    self->window = self->area + (aligned - (uintptr_t)self->area);
    if (mprotect(self->window, EXCLAIM_PAGE_SIZE, PROT_READ | PROT_WRITE) ||
        mlock(self->window, EXCLAIM_PAGE_SIZE) || !make_secret(self->window)) {
        return because(self, "a page of our own: %s", strerror(errno));
    }
    return true;
}

bool xen_self_open(struct exclaim_xen *xen, const struct xen_nodes *nodes, struct xen_self *self,
                   char *why, size_t size)
{
    xc_domaininfo_t dom0;
    int errnum;

    *self = (struct xen_self){ .xen = xen, .nodes = nodes, .why = why, .why_size = size };
    errnum = xen_domain_info(xen, 0, &dom0);
    if (errnum) {
        return because(self, "reading domain 0: %s", exclaim_hv_errno_meaning(errnum));
    }
    self->vcpus = dom0.nr_online_vcpus;
    if (dom0.flags & XEN_DOMINF_hvm_guest) {
        return because(self, "dom0 is PVH: its page tables hold guest frames");
    }
    if (self->vcpus < 2) {
        return because(self, "dom0 has one vcpu, two are needed");
    }
    self->fmem = xen->lib.fmem_handle(xen->xch);
    return make_window(self) && find_table_with_thread(self);
}

void xen_self_close(struct xen_self *self)
{
    unmap_own(self, self->l1);
    if (self->area) {
        munmap(self->area, 2 * REGION);
    }
    *self = (struct xen_self){ 0 };
}

bool xen_self_look(struct xen_self *self, uint32_t domid, const xen_pfn_t *gfn, uint32_t nr,
                   uint64_t *mfn)
{
    uint8_t *const at = self->window + EXCLAIM_PAGE_SIZE;
    int err[XEN_SELF_PAGES];
    uint64_t own;
    bool ours;
    int errnum;
    void *got;

    if (nr == 0) {
        return true;
    }
    /*
     * MAP_FIXED: the library hands the flags on to mmap(), so the reserved addresses are replaced
     * without a moment in which another mapping could land there.
     */
    got = self->xen->lib.map2(self->fmem, domid, at, PROT_READ, MAP_FIXED, nr, gfn, err);
    if (!got) {
        errnum = errno;
        /* The library has unmapped what it could not fill. */
        if (reserve(at, (size_t)XEN_SELF_PAGES * EXCLAIM_PAGE_SIZE) == MAP_FAILED) {
            return because(self, "reserving address space: %s", strerror(errno));
        }
        return because(self, "mapping %u frames from 0x%" PRIx64 " of domain %u: %s", nr,
                       (uint64_t)gfn[0], domid, exclaim_hv_errno_meaning(errnum));
    }
    ours = got == at && frame_of(self->l1[0], &own) && own == self->own_mfn;
    for (uint32_t i = 0; ours && i < nr; i++) {
        if (err[i] || !frame_of(self->l1[1 + i], &mfn[i])) {
            mfn[i] = XEN_NO_MFN;
        }
    }
    self->xen->lib.unmap(self->fmem, got, nr);
    if (reserve(at, (size_t)XEN_SELF_PAGES * EXCLAIM_PAGE_SIZE) == MAP_FAILED) {
        return because(self, "reserving address space: %s", strerror(errno));
    }
    return ours || because(self, "the window's page table is no longer ours");
}
