/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's library over the model: what src/xen calls on a running Xen, with the prototypes,
 * return values and errno of libxenctrl and libxenstore (tools/libs/ctrl of each release).
 */
#include "state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/uuid.h>

#include "../xen/client.h"

/* Two CPUs to a node; those of a node without any are absent. */
#define CPUS_PER_NODE 2u

static struct model_port *port_of(xc_interface *xch)
{
    return (struct model_port *)(void *)xch;
}

/* The model for one call that @op is, or NULL with errno. */
static struct model *enter(xc_interface *xch, enum model_op op, uint32_t domid)
{
    struct model *m = port_of(xch)->take(port_of(xch));
    int errnum = m ? model_enter(m, op, domid) : 0;

    if (errnum > 0) {
        port_of(xch)->give(port_of(xch), m);
        errno = errnum;
        return NULL;
    }
    return m;
}

/* Ends it: @r, or -1 with errno if that is a negative errno value. */
static long leave(xc_interface *xch, struct model *m, long r)
{
    port_of(xch)->give(port_of(xch), m);
    if (r < 0) {
        errno = (int)-r;
        return -1;
    }
    return r;
}

static int lib_close(xc_interface *xch)
{
    model_tables_free(port_of(xch));
    port_of(xch)->close(port_of(xch));
    return 0;
}

static int lib_version(xc_interface *xch, int cmd, void *arg)
{
    struct model *m = enter(xch, MODEL_OP_VERSION, UINT32_MAX);

    if (!m) {
        return -1;
    }
    if (cmd == XENVER_extraversion) {
        snprintf(arg, sizeof(xen_extraversion_t), "%s", m->rules->extra);
    }
    return (int)leave(xch, m, cmd == XENVER_extraversion ? 0 : -ENOSYS);
}

/* model_domctl() and its like know which call it is, so that it is entered there. */
static int lib_domctl(xc_interface *xch, struct xen_domctl *op)
{
    struct model *m = port_of(xch)->take(port_of(xch));

    return m ? (int)leave(xch, m, -model_domctl(m, op)) : -1;
}

static int lib_sysctl(xc_interface *xch, struct xen_sysctl *op)
{
    struct model *m = port_of(xch)->take(port_of(xch));

    return m ? (int)leave(xch, m, -model_sysctl(m, op)) : -1;
}

static long lib_memory_op(xc_interface *xch, unsigned int cmd, void *arg, size_t len)
{
    struct model *m = port_of(xch)->take(port_of(xch));

    (void)len;
    return m ? leave(xch, m, model_memory_op(m, cmd, arg)) : -1;
}

static void *lib_buffer_alloc(xc_interface *xch, xc_hypercall_buffer_t *b, size_t size)
{
    struct model *m = enter(xch, MODEL_OP_BUFFER, UINT32_MAX);

    if (!m) {
        return NULL;
    }
    leave(xch, m, 0);
    b->hbuf = malloc(size);
    if (b->hbuf) {
        memset(b->hbuf, 0xa5, size); /* libxc gives out what it was given back */
    }
    return b->hbuf;
}

static void lib_buffer_free(xc_interface *xch, xc_hypercall_buffer_t *b)
{
    (void)xch;
    free(b->hbuf);
    b->hbuf = NULL;
}

/* --- domains --- */

static void fill_info(const struct model_domain *d, xc_domaininfo_t *info)
{
    *info = (xc_domaininfo_t){
        .domain = (domid_t)d->domid,
        .flags = (d->hvm ? XEN_DOMINF_hvm_guest : 0u) | (d->dying ? XEN_DOMINF_dying : 0u) |
                 (d->paused ? XEN_DOMINF_paused : 0u),
        .tot_pages = model_owned(d),
        .max_pages = d->max,
        .outstanding_pages = model_outstanding(d),
        .shr_pages = d->shared,
        .paged_pages = d->paged,
        .nr_online_vcpus = d->nr_vcpus,
        .max_vcpu_id = d->nr_vcpus ? d->nr_vcpus - 1 : XEN_INVALID_MAX_VCPU_ID,
    };
    memcpy(info->handle, d->uuid, sizeof(info->handle));
}

static int lib_getinfolist(xc_interface *xch, uint32_t first, unsigned int max,
                           xc_domaininfo_t *info)
{
    struct model *m = enter(xch, MODEL_OP_GETINFOLIST, first);
    const struct model_domain *d = m ? m->domains : NULL;
    unsigned int nr = 0;

    if (!m) {
        return -1;
    }
    for (; d && nr < max; d = d->next) {
        if (d->domid >= first) {
            fill_info(d, &info[nr++]);
        }
    }
    return (int)leave(xch, m, nr);
}

static uint64_t pool_bytes(const struct model *m, const struct model_domain *d)
{
    uint64_t pages = 0;

    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        pages += d->pool[i];
    }
    return pages << EXCLAIM_PAGE_SHIFT;
}

static int lib_mempool_size(xc_interface *xch, uint32_t domid, uint64_t *bytes)
{
    struct model *m = enter(xch, MODEL_OP_POOL, domid);
    const struct model_domain *d = m ? model_find(m, domid) : NULL;

    if (!m) {
        return -1;
    }
    if (!d || m->pool == MODEL_POOL_ENOSYS || !d->hvm) {
        return (int)leave(xch, m,
                          !d                             ? -ESRCH
                          : m->pool == MODEL_POOL_ENOSYS ? -ENOSYS
                                                         : -EOPNOTSUPP);
    }
    *bytes = pool_bytes(m, d);
    return (int)leave(xch, m, 0);
}

/* hap_get_allocation(): in MiB, rounded up. */
static int lib_shadow_control(xc_interface *xch, uint32_t domid, unsigned int sop, unsigned int *mb,
                              unsigned int mode)
{
    struct model *m = enter(xch, MODEL_OP_POOL, domid);
    const struct model_domain *d = m ? model_find(m, domid) : NULL;

    (void)mode;
    if (!m) {
        return -1;
    }
    if (!d || !d->hvm || sop != XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION) {
        return (int)leave(xch, m, d ? -EINVAL : -ESRCH);
    }
    *mb = (unsigned int)((pool_bytes(m, d) + (1u << 20) - 1) >> 20);
    return (int)leave(xch, m, 0);
}

/* --- the host --- */

static int lib_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
    struct model *m = enter(xch, MODEL_OP_PHYSINFO, UINT32_MAX);
    uint64_t online = m ? model_online(m) : 0;

    if (!m) {
        return -1;
    }
    *info = (xc_physinfo_t){
        .nr_cpus = CPUS_PER_NODE * (uint32_t)__builtin_popcountll(model_cpu_nodes(m)),
        .max_cpu_id = CPUS_PER_NODE * m->nr_nodes - 1,
        .nr_nodes = (uint32_t)__builtin_popcountll(online),
        .max_node_id = 63 - (uint32_t)__builtin_clzll(online),
        .total_pages = m->total,
        .free_pages = m->free,
        .outstanding_pages = m->claimed,
    };
    return (int)leave(xch, m, 0);
}

/* XEN_SYSCTL_numainfo: cut off silently at *@max; distances in rows of as many as are returned. */
static int lib_numainfo(xc_interface *xch, unsigned int *max, xc_meminfo_t *info,
                        uint32_t *distance)
{
    struct model *m = enter(xch, MODEL_OP_NUMAINFO, UINT32_MAX);
    uint32_t nr;

    if (!m) {
        return -1;
    }
    nr = 64 - (uint32_t)__builtin_clzll(model_online(m));
    nr = nr < *max ? nr : *max;
    for (uint32_t i = 0; i < nr; i++) {
        const struct model_node *n = &m->node[i];

        info[i].memsize = n->online ? n->initial << EXCLAIM_PAGE_SHIFT : XEN_INVALID_MEM_SZ;
        info[i].memfree = n->online ? n->free << EXCLAIM_PAGE_SHIFT : XEN_INVALID_MEM_SZ;
        for (uint32_t j = 0; distance && j < nr; j++) {
            distance[i * nr + j] =
                n->online && m->node[j].online ? n->distance[j] : XEN_INVALID_NODE_DIST;
        }
    }
    *max = nr;
    return (int)leave(xch, m, 0);
}

static int lib_max_cpus(xc_interface *xch)
{
    struct model *m = enter(xch, MODEL_OP_CPUS, UINT32_MAX);

    return m ? (int)leave(xch, m, (long)CPUS_PER_NODE * m->nr_nodes) : -1;
}

static int lib_cputopoinfo(xc_interface *xch, unsigned int *max, xc_cputopo_t *topo)
{
    struct model *m = enter(xch, MODEL_OP_CPUS, UINT32_MAX);

    if (!m) {
        return -1;
    }
    for (unsigned int cpu = 0; cpu < *max && cpu < CPUS_PER_NODE * m->nr_nodes; cpu++) {
        uint32_t node = cpu / CPUS_PER_NODE;

        topo[cpu] = (xc_cputopo_t){ XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID,
                                    m->node[node].has_cpus ? node : XEN_INVALID_NODE_ID };
    }
    *max = CPUS_PER_NODE * m->nr_nodes;
    return (int)leave(xch, m, 0);
}

/* --- affinity: the model keeps nodes, and one map for all vCPUs --- */

static void fill_map(const struct model *m, uint64_t nodes, xc_cpumap_t map)
{
    memset(map, 0, (CPUS_PER_NODE * m->nr_nodes + 7) / 8);
    for (unsigned int cpu = 0; cpu < CPUS_PER_NODE * m->nr_nodes; cpu++) {
        if (nodes & (1ull << (cpu / CPUS_PER_NODE))) {
            map[cpu / 8] = (uint8_t)(map[cpu / 8] | 1u << (cpu % 8));
        }
    }
}

static int no_vcpu(const struct model_domain *d, int vcpu)
{
    return !d ? -ESRCH : vcpu < 0 || (uint32_t)vcpu >= d->nr_vcpus ? -EINVAL : 0;
}

static int lib_vcpu_getaffinity(xc_interface *xch, uint32_t domid, int vcpu, xc_cpumap_t hard,
                                xc_cpumap_t soft, uint32_t flags)
{
    struct model *m = enter(xch, MODEL_OP_GET_VCPU, domid);
    const struct model_domain *d = m ? model_find(m, domid) : NULL;
    int r = no_vcpu(d, vcpu);

    if (!m) {
        return -1;
    }
    if (!r && (flags & XEN_VCPUAFFINITY_HARD)) {
        fill_map(m, d->hard, hard);
    }
    if (!r && (flags & XEN_VCPUAFFINITY_SOFT)) {
        fill_map(m, d->soft, soft);
    }
    return (int)leave(xch, m, r);
}

/* What can be used of it is written back into the map. */
static int lib_vcpu_setaffinity(xc_interface *xch, uint32_t domid, int vcpu, xc_cpumap_t hard,
                                xc_cpumap_t soft, uint32_t flags)
{
    struct model *m = enter(xch, MODEL_OP_SET_VCPU, domid);
    const struct model_domain *d = m ? model_find(m, domid) : NULL;
    uint64_t nodes = 0;
    int r = no_vcpu(d, vcpu);

    (void)hard;
    if (!m) {
        return -1;
    }
    if (!r && flags != XEN_VCPUAFFINITY_SOFT) {
        r = -ENOSYS; /* nobody here pins */
    }
    if (!r) {
        for (unsigned int cpu = 0; cpu < CPUS_PER_NODE * m->nr_nodes; cpu++) {
            if (soft[cpu / 8] & (1u << (cpu % 8))) {
                nodes |= 1ull << (cpu / CPUS_PER_NODE);
            }
        }
        r = model_set_soft(m, domid, nodes);
        fill_map(m, nodes & d->hard & model_cpu_nodes(m), soft);
    }
    return (int)leave(xch, m, r);
}

/* --- the console --- */

static int lib_send_debug_keys(xc_interface *xch, const char *keys)
{
    struct model *m = port_of(xch)->take(port_of(xch));
    int errnum = m ? model_enter(m, MODEL_OP_DEBUG_KEY, UINT32_MAX) : 0;

    if (!m) {
        return -1;
    }
    if (!errnum && strcmp(keys, "u") == 0) {
        model_debug_key_u(m);
    }
    return (int)leave(xch, m, errnum > 0 ? -errnum : 0);
}

static int lib_readconsolering(xc_interface *xch, char *buffer, unsigned int *nr, int clear,
                               int incremental, uint32_t *index)
{
    struct model *m = enter(xch, MODEL_OP_CONSOLE, UINT32_MAX);

    if (!m) {
        return -1;
    }
    return (int)leave(xch, m,
                      clear ? -ENOSYS : model_read_console(m, buffer, nr, incremental, index));
}

/* --- xenstore; the handle is the port's, too --- */

static struct xs_handle *store_open(unsigned long flags)
{
    (void)flags;
    errno = ENOENT;
    return NULL;
}

static void store_close(struct xs_handle *xs)
{
    (void)xs;
}

/* What xenopsd and xl write below /local/domain and /vm, as far as it is read. */
static bool store_value(const struct model *m, const char *path, char *value, size_t size)
{
    static const uint8_t none[EXCLAIM_UUID_BYTES];
    char key[128], uuid[EXCLAIM_UUID_TEXT];

    for (const struct model_domain *d = m->domains; d; d = d->next) {
        snprintf(key, sizeof(key), "/local/domain/%u/name", d->domid);
        if (strcmp(path, key) == 0 && d->name[0]) {
            snprintf(value, size, "%s", d->name);
            return true;
        }
        snprintf(key, sizeof(key), "/local/domain/%u/vm", d->domid);
        exclaim_uuid_format(d->uuid, uuid);
        if (strcmp(path, key) == 0) {
            snprintf(value, size, "/vm/%s", uuid);
            return true;
        }
        snprintf(key, sizeof(key), "/vm/%s/final-uuid", uuid);
        if (strcmp(path, key) == 0 && memcmp(d->vm_uuid, none, sizeof(none)) != 0) {
            exclaim_uuid_format(d->vm_uuid, uuid);
            snprintf(value, size, "%s", uuid);
            return true;
        }
    }
    return false;
}

static void *store_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
                        unsigned int *len)
{
    xc_interface *xch = (xc_interface *)(void *)xs;
    struct model *m = enter(xch, MODEL_OP_STORE, UINT32_MAX);
    char value[160];

    (void)t;
    if (!m) {
        return NULL;
    }
    if (leave(xch, m, store_value(m, path, value, sizeof(value)) ? 0 : -ENOENT) < 0) {
        return NULL;
    }
    *len = (unsigned int)strlen(value);
    return strdup(value);
}

static void lib_pause(xc_interface *xch, unsigned int ms)
{
    struct model *m = enter(xch, MODEL_OP_PAUSE, UINT32_MAX);

    (void)ms; /* the model has no clock: it is somebody else's turn, no more */
    if (m) {
        leave(xch, m, 0);
    }
}

static int lib_srat(xc_interface *xch, void *table, size_t size, size_t *len)
{
    struct model *m = port_of(xch)->take(port_of(xch));
    int errnum = m ? model_srat(m, table, size, len) : errno;

    if (m) {
        port_of(xch)->give(port_of(xch), m);
    }
    return errnum;
}

void model_lib(struct xen_lib *lib)
{
    *lib = (struct xen_lib){
        .soname = "model",
        .close = lib_close,
        .version = lib_version,
        .domctl = lib_domctl,
        .sysctl = lib_sysctl,
        .memory_op = lib_memory_op,
        .buffer_alloc = lib_buffer_alloc,
        .buffer_free = lib_buffer_free,
        .getinfolist = lib_getinfolist,
        .physinfo = lib_physinfo,
        .numainfo = lib_numainfo,
        .cputopoinfo = lib_cputopoinfo,
        .get_max_cpus = lib_max_cpus,
        .send_debug_keys = lib_send_debug_keys,
        .readconsolering = lib_readconsolering,
        .vcpu_getaffinity = lib_vcpu_getaffinity,
        .vcpu_setaffinity = lib_vcpu_setaffinity,
        .shadow_control = lib_shadow_control,
        .get_paging_mempool_size = lib_mempool_size,
        .store_open = store_open,
        .store_read = store_read,
        .store_close = store_close,
        .pause = lib_pause,
        .fmem_handle = model_fmem_handle,
        .map2 = model_map2,
        .unmap = model_unmap,
        .srat = lib_srat,
    };
}

int model_client(struct model_port *port, struct exclaim_hv **hv, struct exclaim_error *err)
{
    struct model *m = port->take(port);
    struct xen_lib lib;

    model_lib(&lib);
    *hv = NULL;
    if (!m) {
        int errnum = errno;

        port->close(port);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "the model cannot be had");
    }
    model_version(m, &lib.major, &lib.minor);
    if (m->pool == MODEL_POOL_NO_CALL) {
        lib.get_paging_mempool_size = NULL;
    }
    port->give(port, m);
    return xen_open_lib(&lib, (xc_interface *)(void *)port, (struct xs_handle *)(void *)port, hv,
                        err);
}
