/* SPDX-License-Identifier: BSD-2-Clause */
/* Creates, finishes, suspends, resumes and destroys a domain as xenopsd does. */
#define _GNU_SOURCE
#include "domain.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* public/domctl.h: the same up to grant_opts in 4.17 to 4.22; behind it come one to three words and then arch, whose first says what is emulated. */
struct create {
    uint32_t ssidref;
    uint8_t handle[16];
    uint32_t flags, iommu_opts, max_vcpus, max_evtchn_port;
    int32_t max_grant_frames, max_maptrack_frames;
    uint32_t grant_opts, rest[24];
};

/* public/domctl.h, xen_domctl_getdomaininfo: what is needed of it is the same in 4.17 to 4.22. */
struct info {
    uint16_t id, pad;
    uint32_t flags;
    uint64_t tot_pages, max_pages, outstanding_pages, shr_pages, paged_pages, shared_info_frame, cpu_time;
    uint32_t nr_online_vcpus, max_vcpu_id;
    uint64_t rest[32];
};

struct xs_permission {
    unsigned id;
    int perms; /* 1: read, 2: write */
};

enum {
    CDF_HVM = 1, CDF_HAP = 2, CDF_OOS_OFF = 8,
    EMU_LAPIC = 1,
    DOMINF_SHUTDOWN = 4, DOMINF_REASON_SHIFT = 16, SUSPENDED = 2,
    SHADOW_OP_SET_ALLOCATION = 31,
};

static struct {
    void *xch, *xs;
    int (*create)(void *, uint32_t *, struct create *);
    int (*max_vcpus)(void *, uint32_t, unsigned);
    int (*setmaxmem)(void *, uint32_t, uint64_t);
    int (*shadow_control)(void *, uint32_t, unsigned, unsigned *, unsigned);
    int (*claim)(void *, uint32_t, unsigned long);
    int (*alloc_unbound)(void *, uint32_t, uint32_t);
    int (*getinfolist)(void *, uint32_t, unsigned, struct info *);
    int (*sethandle)(void *, uint32_t, uint8_t *);
    int (*unpause)(void *, uint32_t);
    int (*resume)(void *, uint32_t, int);
    int (*destroy)(void *, uint32_t);
    void *(*xs_read)(void *, uint32_t, const char *, unsigned *);
    char (*xs_write)(void *, uint32_t, const char *, const void *, unsigned);
    char (*xs_rm)(void *, uint32_t, const char *);
    char (*xs_set_permissions)(void *, uint32_t, const char *, struct xs_permission *, unsigned);
    char (*xs_introduce)(void *, unsigned, unsigned long, unsigned);
    char (*xs_release)(void *, unsigned);
    char (*xs_resume)(void *, unsigned);
} xen;

static void load(const char *library, const char *names, ...)
{
    void *handle = dlopen(library, RTLD_NOW);
    char *list = strdup(names), *rest = list;
    va_list ap;

    va_start(ap, names);
    for (char *name; handle && (name = strsep(&rest, " "));) {
        void **where = va_arg(ap, void **);

        *where = dlsym(handle, name);
        if (!*where)
            handle = NULL;
    }
    va_end(ap);
    if (!handle) {
        fprintf(stderr, "xenops: %s\n", dlerror());
        exit(1);
    }
    free(list);
}

void domain_open(void)
{
    void *(*xc_open)(void *, void *, unsigned), *(*xs_open)(unsigned long);

    load("/rig/lib/libxenctrl.so",
         "xc_interface_open xc_domain_create xc_domain_max_vcpus xc_domain_setmaxmem xc_shadow_control xc_domain_claim_pages xc_evtchn_alloc_unbound "
         "xc_domain_getinfolist xc_domain_sethandle xc_domain_unpause xc_domain_destroy",
         &xc_open, &xen.create, &xen.max_vcpus, &xen.setmaxmem, &xen.shadow_control, &xen.claim, &xen.alloc_unbound, &xen.getinfolist, &xen.sethandle,
         &xen.unpause, &xen.destroy);
    load("/rig/lib/libxenguest.so", "xc_domain_resume", &xen.resume);
    load("libxenstore.so.4", "xs_open xs_read xs_write xs_rm xs_set_permissions xs_introduce_domain xs_release_domain xs_resume_domain", &xs_open,
         &xen.xs_read, &xen.xs_write, &xen.xs_rm, &xen.xs_set_permissions, &xen.xs_introduce, &xen.xs_release, &xen.xs_resume);
    xen.xch = xc_open(NULL, NULL, 0);
    xen.xs = xs_open(0);
    if (!xen.xch || !xen.xs) {
        perror("xenops: no Xen or no xenstore");
        exit(1);
    }
}

static int failed(uint32_t id, const char *what)
{
    fprintf(stderr, "xenops: domain %u: %s: %s\n", id, what, strerror(errno));
    return -1;
}

int domain_state(uint32_t id, struct domain_state *state)
{
    struct info info = { 0 };

    if (xen.getinfolist(xen.xch, id, 1, &info) != 1 || info.id != id) {
        errno = ESRCH;
        return -1;
    }
    state->tot_pages = info.tot_pages;
    state->max_pages = info.max_pages;
    state->vcpus = info.max_vcpu_id + 1;
    state->shutdown = info.flags & DOMINF_SHUTDOWN ? (int)(info.flags >> DOMINF_REASON_SHIFT & 255) : -1;
    return 0;
}

__attribute__((format(printf, 2, 3))) static int put(const char *value, const char *format, ...)
{
    char path[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    if (!xen.xs_write(xen.xs, 0, path, value, (unsigned)strlen(value))) {
        fprintf(stderr, "xenops: xenstore %s: %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}

__attribute__((format(printf, 2, 3))) static int allow(struct xs_permission permissions[2], const char *format, ...)
{
    char path[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    return xen.xs_set_permissions(xen.xs, 0, path, permissions, 2) ? 0 : -1;
}

/* A node's value into a buffer. */
__attribute__((format(printf, 3, 4))) static int get(char *value, size_t size, const char *format, ...)
{
    char path[256];
    va_list ap;
    char *text;

    va_start(ap, format);
    vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    text = xen.xs_read(xen.xs, 0, path, &(unsigned){ 0 });
    if (!text)
        return -1;
    snprintf(value, size, "%s", text);
    free(text);
    return 0;
}

int domain_named(uint32_t id, struct domain *domain)
{
    char vm[64] = "";

    *domain = (struct domain){ .id = id };
    if (get(vm, sizeof(vm), "/local/domain/%u/vm", id) || get(domain->name, sizeof(domain->name), "/local/domain/%u/name", id) ||
        sscanf(vm, "/vm/%36s", domain->uuid) != 1)
        return failed(id, "its name and uuid in xenstore");
    return 0;
}

/* The id that xenopsd gives a VM on the destination while it migrates. */
static void temporary(const char *uuid, char out[37])
{
    snprintf(out, 37, "%.24s%s", uuid, "000000000001");
}

static void handle_of(const char *uuid, uint8_t handle[16])
{
    for (int i = 0; i < 16; i++) {
        unsigned byte = 0;

        uuid += *uuid == '-';
        sscanf(uuid, "%2x", &byte);
        handle[i] = (uint8_t)byte;
        uuid += 2;
    }
}

static int nodes(const struct domain *d, uint32_t vcpus, uint64_t kib)
{
    struct xs_permission reads[2] = { { 0, 0 }, { d->id, 1 } }, writes[2] = { { d->id, 0 }, { 0, 0 } };
    static const char *const writable[] = { "device", "feature", "error", "control", "control/shutdown", "control/sysrq", "attr", "data", NULL };
    char handle[37], value[64], name[80];

    temporary(d->uuid, handle);
    snprintf(value, sizeof(value), "/vm/%s", handle);
    snprintf(name, sizeof(name), "%s--incoming", d->name); /* as xl does: within one host the source has the name still */
    if (put("", "/local/domain/%u", d->id) || allow(reads, "/local/domain/%u", d->id) || put(value, "/local/domain/%u/vm", d->id) ||
        put(name, "/local/domain/%u/name", d->id) || put(handle, "/vm/%s/uuid", handle) || put(d->name, "/vm/%s/name", handle) ||
        put(d->uuid, "/vm/%s/final-uuid", handle) || put("pvh", "/libxl/%u/type", d->id))
        return -1;
    snprintf(value, sizeof(value), "%u", d->id);
    if (put(value, "/local/domain/%u/domid", d->id))
        return -1;
    for (int i = 0; writable[i]; i++)
        if (put("", "/local/domain/%u/%s", d->id, writable[i]) || allow(writes, "/local/domain/%u/%s", d->id, writable[i]))
            return -1;
    for (uint32_t i = 0; i < vcpus; i++)
        if (put("online", "/local/domain/%u/cpu/%u/availability", d->id, i))
            return -1;
    snprintf(value, sizeof(value), "%llu", (unsigned long long)kib);
    return put(value, "/local/domain/%u/memory/static-max", d->id) || put(value, "/local/domain/%u/memory/target", d->id) ||
                   put("1", "/local/domain/%u/control/platform-feature-multiprocessor-suspend", d->id) ||
                   put("1", "/local/domain/%u/control/platform-feature-xs_reset_watches", d->id)
               ? -1
               : 0;
}

int domain_create(struct domain *d, uint32_t vcpus, uint64_t max_kib, uint64_t claim_pages)
{
    struct create config = { .flags = CDF_HVM | CDF_HAP | CDF_OOS_OFF, .max_vcpus = vcpus, .max_evtchn_port = UINT32_MAX, .max_grant_frames = 64,
                             .max_maptrack_frames = 1024, .grant_opts = 2 };
    /* xenopsd's formula for the paging pool: 256 pages a vCPU, and two for each MiB. */
    unsigned shadow_mib = (unsigned)((256u * vcpus + 2 * max_kib / 1024 + 255) / 256);
    char uuid[37];
    int port, r = -1;

    temporary(d->uuid, uuid);
    /* Where arch begins depends on the version: in the word of another field Xen refuses the value (no such CPU pool). */
    for (int at = 2; r && at <= 4; at++) {
        memset(config.rest, 0, sizeof(config.rest));
        config.rest[at] = EMU_LAPIC;
        handle_of(uuid, config.handle);
        d->id = 0;
        r = xen.create(xen.xch, &d->id, &config);
    }
    if (r)
        return failed(0, "xc_domain_create");
    if (xen.max_vcpus(xen.xch, d->id, vcpus)) {
        failed(d->id, "xc_domain_max_vcpus");
        goto fail;
    }
    if (xen.setmaxmem(xen.xch, d->id, max_kib)) {
        failed(d->id, "xc_domain_setmaxmem");
        goto fail;
    }
    if (xen.shadow_control(xen.xch, d->id, SHADOW_OP_SET_ALLOCATION, &shadow_mib, 0) < 0) {
        failed(d->id, "xc_shadow_control");
        goto fail;
    }
    if (claim_pages && xen.claim(xen.xch, d->id, claim_pages)) {
        failed(d->id, "xc_domain_claim_pages");
        goto fail;
    }
    port = xen.alloc_unbound(xen.xch, d->id, 0);
    d->store_port = (uint32_t)port;
    d->console_port = port < 0 ? 0 : (uint32_t)xen.alloc_unbound(xen.xch, d->id, 0);
    if (port < 0 || (int32_t)d->console_port < 0) {
        failed(d->id, "xc_evtchn_alloc_unbound");
        goto fail;
    }
    if (nodes(d, vcpus, max_kib))
        goto fail;
    return 0;

fail:
    domain_destroy(d);
    return -1;
}

int domain_finish(const struct domain *d, unsigned long store_mfn, unsigned long console_mfn)
{
    char value[64], old[37];
    uint8_t handle[16];

    temporary(d->uuid, old);
    snprintf(value, sizeof(value), "/vm/%s", old);
    xen.xs_rm(xen.xs, 0, value);
    handle_of(d->uuid, handle);
    snprintf(value, sizeof(value), "/vm/%s", d->uuid);
    if (xen.sethandle(xen.xch, d->id, handle) || put(value, "/local/domain/%u/vm", d->id) || put(d->uuid, "/vm/%s/uuid", d->uuid) ||
        put(d->name, "/vm/%s/name", d->uuid) || put(d->name, "/local/domain/%u/name", d->id))
        return failed(d->id, "its own uuid");
    snprintf(value, sizeof(value), "%lu", console_mfn);
    if (put(value, "/local/domain/%u/console/ring-ref", d->id))
        return -1;
    snprintf(value, sizeof(value), "%u", d->console_port);
    if (put("xenconsoled", "/local/domain/%u/console/type", d->id) || put("pty", "/local/domain/%u/console/output", d->id) ||
        put("1048576", "/local/domain/%u/console/limit", d->id) || put(value, "/local/domain/%u/console/port", d->id))
        return -1;
    snprintf(value, sizeof(value), "%lu", store_mfn);
    if (put(value, "/local/domain/%u/store/ring-ref", d->id))
        return -1;
    if (!xen.xs_introduce(xen.xs, d->id, store_mfn, d->store_port))
        return failed(d->id, "xs_introduce_domain");
    return xen.unpause(xen.xch, d->id) ? failed(d->id, "xc_domain_unpause") : 0;
}

int domain_suspend(uint32_t id, unsigned seconds)
{
    struct domain_state state = { 0 };

    if (put("suspend", "/local/domain/%u/control/shutdown", id))
        return -1;
    for (unsigned tries = seconds * 200; tries; tries--) {
        if (domain_state(id, &state))
            return failed(id, "it vanished before it suspended");
        if (state.shutdown >= 0)
            break;
        usleep(5000);
    }
    if (state.shutdown != SUSPENDED) {
        fprintf(stderr, "xenops: domain %u did not suspend, its state is %d\n", id, state.shutdown);
        return -1;
    }
    return 0;
}

int domain_resume(uint32_t id)
{
    if (xen.resume(xen.xch, id, 1))
        return failed(id, "xc_domain_resume");
    return xen.xs_resume(xen.xs, id) ? 0 : failed(id, "xs_resume_domain");
}

void domain_destroy(const struct domain *d)
{
    char path[64], uuid[37];

    if (xen.destroy(xen.xch, d->id) && errno != ESRCH)
        failed(d->id, "xc_domain_destroy");
    xen.xs_release(xen.xs, d->id);
    snprintf(path, sizeof(path), "/local/domain/%u", d->id);
    xen.xs_rm(xen.xs, 0, path);
    snprintf(path, sizeof(path), "/libxl/%u", d->id);
    xen.xs_rm(xen.xs, 0, path);
    temporary(d->uuid, uuid);
    snprintf(path, sizeof(path), "/vm/%s", uuid); /* that of its own uuid may be shared with the domain that it became on this host */
    xen.xs_rm(xen.xs, 0, path);
}
