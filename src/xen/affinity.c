/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a domain's memory and vCPUs should be, in nodes. */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * All bits that any Xen may have.  "Automatic" is a mask with every possible node set, online or
 * not (xen/common/domain.c, domain_set_node_affinity(): nodes_full()), and libxc's own function
 * sends only as many bits as there are nodes, with which automatic cannot be said.
 */
#define NODE_BITS 256u

/* The host's CPUs: map[cpu] is the node, or XEN_INVALID_NODE_ID. */
struct cpus {
    unsigned int nr;
    size_t map_bytes; /* of a bitmap as libxc wants it: xc_get_cpumap_size() */
    xc_cputopo_t *topo;
    uint8_t *map;
};

static void free_cpus(struct cpus *cpus)
{
    free(cpus->topo);
    free(cpus->map);
}

static int read_cpus(struct exclaim_xen *xen, struct cpus *cpus, struct exclaim_error *err)
{
    int max = xen->lib.get_max_cpus(xen->xch);

    *cpus = (struct cpus){ 0 };
    if (max <= 0) {
        xen_fail(xen, err, errno, "reading the number of cpus");
        return -1;
    }
    cpus->nr = (unsigned int)max;
    cpus->map_bytes = (cpus->nr + 7) / 8;
    cpus->topo = calloc(cpus->nr, sizeof(*cpus->topo));
    cpus->map = calloc(1, cpus->map_bytes);
    if (!cpus->topo || !cpus->map) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "reading %u cpus", cpus->nr);
        goto out;
    }
    if (xen->lib.cputopoinfo(xen->xch, &cpus->nr, cpus->topo) < 0) {
        xen_fail(xen, err, errno, "reading the nodes of %u cpus", cpus->nr);
        goto out;
    }
    if (cpus->nr > (unsigned int)max) {
        cpus->nr = (unsigned int)max;
    }
    return 0;

out:
    free_cpus(cpus);
    return -1;
}

/* Core and socket ids may be unknown, as on emulated CPUs; an absent CPU has no node. */
static bool has_node(const struct cpus *cpus, unsigned int cpu)
{
    return cpus->topo[cpu].node < EXCLAIM_NODES_MAX;
}

static int get_nodes(struct exclaim_xen *xen, uint32_t domid, uint64_t *nodes,
                     struct exclaim_error *err)
{
    struct xen_node_bitmap arg = { .nr_bits = NODE_BITS };
    struct xen_buffer buf;
    int errnum = xen_buffer_alloc(xen, &buf, NODE_BITS / 8);

    if (!errnum) {
        arg.bitmap = xen_buffer_handle(&buf);
        errnum = xen_domctl(xen, XEN_DOMCTL_getnodeaffinity, domid, &arg, sizeof(arg), NULL);
        if (!errnum) {
            memcpy(nodes, buf.data, sizeof(*nodes)); /* little endian, as x86 is */
        }
        xen_buffer_free(xen, &buf);
    }
    return errnum ? xen_fail(xen, err, errnum, "reading the node affinity of domain %u", domid) : 0;
}

/* Adds the hard affinity of one vCPU; an id without a vCPU is skipped. */
static int add_vcpu(struct exclaim_xen *xen, uint32_t domid, unsigned int vcpu, struct cpus *cpus,
                    struct exclaim_affinity *aff, struct exclaim_error *err)
{
    memset(cpus->map, 0, cpus->map_bytes);
    if (xen->lib.vcpu_getaffinity(xen->xch, domid, (int)vcpu, cpus->map, NULL,
                                  XEN_VCPUAFFINITY_HARD) < 0) {
        return errno == ESRCH || errno == EINVAL
                   ? 0
                   : xen_fail(xen, err, errno, "reading the affinity of vcpu %u of domain %u", vcpu,
                              domid);
    }
    for (unsigned int cpu = 0; cpu < cpus->nr; cpu++) {
        if (!has_node(cpus, cpu)) {
            continue;
        }
        if (cpus->map[cpu / 8] & (1u << (cpu % 8))) {
            aff->hard_nodes |= 1ull << cpus->topo[cpu].node;
        } else {
            aff->hard_all = false;
        }
    }
    return 0;
}

int xen_get_affinity(struct exclaim_hv *hv, uint32_t domid, struct exclaim_affinity *aff,
                     struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    xc_domaininfo_t info;
    struct cpus cpus;
    int errnum = xen_domain_info(xen, domid, &info);
    int r = -1;

    *aff = (struct exclaim_affinity){ .hard_all = true };
    if (errnum) {
        return xen_fail(xen, err, errnum, "reading the affinity of domain %u", domid);
    }
    if (get_nodes(xen, domid, &aff->nodes, err) || read_cpus(xen, &cpus, err)) {
        return -1;
    }
    if (info.max_vcpu_id != XEN_INVALID_MAX_VCPU_ID) {
        for (unsigned int vcpu = 0; vcpu <= info.max_vcpu_id; vcpu++) {
            if (add_vcpu(xen, domid, vcpu, &cpus, aff, err)) {
                goto out;
            }
        }
    }
    r = 0;

out:
    free_cpus(&cpus);
    return r;
}

int xen_set_node_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                          struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    struct xen_node_bitmap arg = { .nr_bits = NODE_BITS };
    xc_meminfo_t info[EXCLAIM_NODES_MAX];
    struct xen_buffer buf;
    uint64_t online;
    uint32_t nr;
    int errnum;

    if (xen_node_sizes(xen, info, &nr, &online, err)) {
        return -1;
    }
    if (!(nodes & online)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, EINVAL,
                            "node affinity of domain %u: none of nodes 0x%" PRIx64
                            " is online (0x%" PRIx64 ")",
                            domid, nodes, online);
    }
    errnum = xen_buffer_alloc(xen, &buf, NODE_BITS / 8);
    if (!errnum) {
        if ((nodes & online) == online) {
            memset(buf.data, 0xff, NODE_BITS / 8);
        } else {
            memcpy(buf.data, &nodes, sizeof(nodes));
        }
        arg.bitmap = xen_buffer_handle(&buf);
        errnum = xen_domctl(xen, XEN_DOMCTL_setnodeaffinity, domid, &arg, sizeof(arg), NULL);
        xen_buffer_free(xen, &buf);
    }
    return errnum ? xen_fail(xen, err, errnum,
                             "setting the node affinity of domain %u to 0x%" PRIx64, domid, nodes)
                  : 0;
}

/* Xen writes back what is left of the map in the domain's pool: it is made anew for each vCPU. */
static unsigned int fill_map(struct cpus *cpus, uint64_t nodes)
{
    unsigned int set = 0;

    memset(cpus->map, 0, cpus->map_bytes);
    for (unsigned int cpu = 0; cpu < cpus->nr; cpu++) {
        if (has_node(cpus, cpu) && (nodes & (1ull << cpus->topo[cpu].node))) {
            cpus->map[cpu / 8] = (uint8_t)(cpus->map[cpu / 8] | 1u << (cpu % 8));
            set++;
        }
    }
    return set;
}

int xen_set_soft_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                          struct exclaim_error *err)
{
    struct exclaim_xen *xen = xen_of(hv);
    xc_domaininfo_t info;
    struct cpus cpus;
    int errnum = xen_domain_info(xen, domid, &info);
    int r = -1;

    if (errnum) {
        return xen_fail(xen, err, errnum, "setting the affinity of domain %u", domid);
    }
    if (info.max_vcpu_id == XEN_INVALID_MAX_VCPU_ID) {
        return 0;
    }
    if (read_cpus(xen, &cpus, err)) {
        return -1;
    }
    for (unsigned int vcpu = 0; vcpu <= info.max_vcpu_id; vcpu++) {
        if (fill_map(&cpus, nodes) == 0) {
            exclaim_fail(err, EXCLAIM_ERR_USAGE, EINVAL,
                         "soft affinity of domain %u: nodes 0x%" PRIx64 " have no cpu", domid,
                         nodes);
            goto out;
        }
        if (xen->lib.vcpu_setaffinity(xen->xch, domid, (int)vcpu, NULL, cpus.map,
                                      XEN_VCPUAFFINITY_SOFT) < 0 &&
            errno != ESRCH) {
            xen_fail(xen, err, errno, "setting the soft affinity of vcpu %u of domain %u", vcpu,
                     domid);
            goto out;
        }
    }
    r = 0;

out:
    free_cpus(&cpus);
    return r;
}
