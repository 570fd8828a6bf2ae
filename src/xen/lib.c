/* SPDX-License-Identifier: BSD-2-Clause */
/* Which Xen runs, and its libraries. */
#include "lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xencall.h>

#define XEN_MINOR_FIRST 17u
#define SRAT_PATH       "/sys/firmware/acpi/tables/SRAT"

struct symbol {
    const char *name;
    size_t offset; /* of the pointer in struct xen_lib */
    bool required;
};

#define SYMBOL(name_, field_, required_)                                                           \
    {                                                                                              \
        .name = (name_), .offset = offsetof(struct xen_lib, field_), .required = (required_)       \
    }

static const struct symbol ctrl_symbols[] = {
    SYMBOL("xc_interface_open", open, true),
    SYMBOL("xc_interface_close", close, true),
    SYMBOL("xc_version", version, true),
    SYMBOL("xc_domctl", domctl, true),
    SYMBOL("xc_sysctl", sysctl, true),
    SYMBOL("xc_memory_op", memory_op, true),
    SYMBOL("xc__hypercall_buffer_alloc", buffer_alloc, true),
    SYMBOL("xc__hypercall_buffer_free", buffer_free, true),
    SYMBOL("xc_domain_getinfolist", getinfolist, true),
    SYMBOL("xc_physinfo", physinfo, true),
    SYMBOL("xc_numainfo", numainfo, true),
    SYMBOL("xc_cputopoinfo", cputopoinfo, true),
    SYMBOL("xc_get_max_cpus", get_max_cpus, true),
    SYMBOL("xc_send_debug_keys", send_debug_keys, true),
    SYMBOL("xc_readconsolering", readconsolering, true),
    SYMBOL("xc_vcpu_getaffinity", vcpu_getaffinity, true),
    SYMBOL("xc_vcpu_setaffinity", vcpu_setaffinity, true),
    SYMBOL("xc_interface_fmem_handle", fmem_handle, true),
    SYMBOL("xc_shadow_control", shadow_control, true),
    SYMBOL("xc_get_paging_mempool_size", get_paging_mempool_size, false),
};

static const struct symbol foreign_symbols[] = {
    SYMBOL("xenforeignmemory_map2", map2, true),
    SYMBOL("xenforeignmemory_unmap", unmap, true),
};

/* libxc prints to stderr unless it is given a logger; our errors say what failed. */
static void quiet_message(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
                          const char *context, const char *format, va_list al)
{
    (void)logger, (void)level, (void)errnoval, (void)context, (void)format, (void)al;
}

static void quiet_progress(struct xentoollog_logger *logger, const char *context, const char *what,
                           int percent, unsigned long done, unsigned long total)
{
    (void)logger, (void)context, (void)what, (void)percent, (void)done, (void)total;
}

static void quiet_destroy(struct xentoollog_logger *logger)
{
    (void)logger;
}

/* It has no state of its own: libxc only calls it. */
xentoollog_logger *xen_quiet(void)
{
    static xentoollog_logger quiet = { .vmessage = quiet_message,
                                       .progress = quiet_progress,
                                       .destroy = quiet_destroy };

    return &quiet;
}

static int bind_symbols(struct xen_lib *lib, void *handle, const char *soname,
                        const struct symbol *symbols, size_t nr, struct exclaim_error *err)
{
    for (size_t i = 0; i < nr; i++) {
        void *address = dlsym(handle, symbols[i].name);

        if (!address && symbols[i].required) {
            return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                                "%s of the running xen %u.%u has no %s", soname, lib->major,
                                lib->minor, symbols[i].name);
        }
        /* ISO C has no conversion from a data to a function pointer; POSIX says they look alike. */
        memcpy((char *)lib + symbols[i].offset, &address, sizeof(address));
    }
    return 0;
}

static bool read_number(const char *path, uint32_t *value)
{
    FILE *file = fopen(path, "re");
    bool ok;

    if (!file) {
        return false;
    }
    ok = fscanf(file, "%u", value) == 1;
    fclose(file);
    return ok;
}

/* Without sysfs: XENVER_version through libxencall, whose interface never changed. */
static bool version_by_hypercall(uint32_t *major, uint32_t *minor, xentoollog_logger *logger)
{
    void *handle = dlopen("libxencall.so.1", RTLD_NOW | RTLD_LOCAL);
    __typeof__(&xencall_open) call_open = NULL;
    __typeof__(&xencall_close) call_close = NULL;
    __typeof__(&xencall2) call2 = NULL;
    xencall_handle *xcall = NULL;
    int version = -1;
    void *address;

    if (!handle) {
        return false;
    }
    address = dlsym(handle, "xencall_open");
    memcpy(&call_open, &address, sizeof(address));
    address = dlsym(handle, "xencall_close");
    memcpy(&call_close, &address, sizeof(address));
    address = dlsym(handle, "xencall2");
    memcpy(&call2, &address, sizeof(address));
    if (!call_open || !call_close || !call2) {
        goto out;
    }

    xcall = call_open(logger, 0);
    if (!xcall) {
        goto out;
    }
    version = call2(xcall, __HYPERVISOR_xen_version, XENVER_version, 0);
    call_close(xcall);

out:
    dlclose(handle);
    if (version < 0) {
        return false;
    }
    *major = (uint32_t)version >> 16;
    *minor = (uint32_t)version & 0xffff;
    return true;
}

static void pause_ms(xc_interface *xch, unsigned int ms)
{
    const struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

    (void)xch;
    nanosleep(&wait, NULL);
}

static int read_srat(xc_interface *xch, void *table, size_t size, size_t *len)
{
    int fd = open(SRAT_PATH, O_RDONLY | O_CLOEXEC);
    int errnum = 0;
    ssize_t n = 1;

    (void)xch;
    if (fd < 0) {
        return errno;
    }
    for (*len = 0; *len < size && n > 0; *len += n > 0 ? (size_t)n : 0) {
        n = read(fd, (char *)table + *len, size - *len);
    }
    if (n < 0) {
        errnum = errno;
    } else if (n > 0) {
        errnum = EFBIG; /* it may be longer than what there is room for */
    }
    close(fd);
    return errnum;
}

/* What needs it is not possible without it; everything else is. */
static void load_foreign(struct xen_lib *lib)
{
    lib->foreign = dlopen("libxenforeignmemory.so.1", RTLD_NOW | RTLD_LOCAL);
    if (lib->foreign && bind_symbols(lib, lib->foreign, "libxenforeignmemory.so.1", foreign_symbols,
                                     sizeof(foreign_symbols) / sizeof(foreign_symbols[0]), NULL)) {
        lib->map2 = NULL;
    }
}

int xen_lib_load(struct xen_lib *lib, xentoollog_logger *logger, struct exclaim_error *err)
{
    const char *why;

    *lib = (struct xen_lib){
        .store_open = xs_open, .store_read = xs_read, .store_close = xs_close, .pause = pause_ms
    };

    if ((!read_number("/sys/hypervisor/version/major", &lib->major) ||
         !read_number("/sys/hypervisor/version/minor", &lib->minor)) &&
        !version_by_hypercall(&lib->major, &lib->minor, logger)) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "no xen runs here: neither /sys/hypervisor/version nor libxencall.so.1 "
                            "tells its version");
    }
    if (lib->major < 4 || (lib->major == 4 && lib->minor < XEN_MINOR_FIRST)) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "xen %u.%u runs here, 4.%u or later is needed", lib->major, lib->minor,
                            XEN_MINOR_FIRST);
    }

    snprintf(lib->soname, sizeof(lib->soname), "libxenctrl.so.%u.%u", lib->major, lib->minor);
    lib->ctrl = dlopen(lib->soname, RTLD_NOW | RTLD_LOCAL);
    if (!lib->ctrl) {
        why = dlerror();
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "xen %u.%u runs here, but its library %s cannot be loaded: %s",
                            lib->major, lib->minor, lib->soname, why ? why : "no reason given");
    }
    if (bind_symbols(lib, lib->ctrl, lib->soname, ctrl_symbols,
                     sizeof(ctrl_symbols) / sizeof(ctrl_symbols[0]), err)) {
        xen_lib_unload(lib);
        return -1;
    }
    load_foreign(lib);
    lib->srat = read_srat;
    return 0;
}

void xen_lib_unload(struct xen_lib *lib)
{
    if (lib->foreign) {
        dlclose(lib->foreign);
    }
    if (lib->ctrl) {
        dlclose(lib->ctrl);
    }
    *lib = (struct xen_lib){ 0 };
}
