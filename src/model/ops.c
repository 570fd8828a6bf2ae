/* SPDX-License-Identifier: BSD-2-Clause */
/* The table over the model: what is there, and domains.  Kinds and texts as in src/xen. */
#include "state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int model_fail(struct model *m, struct exclaim_error *err, int errnum, const char *fmt, ...)
{
    char what[256];
    va_list ap;

    va_start(ap, fmt);
    if (vsnprintf(what, sizeof(what), fmt, ap) < 0) {
        what[0] = '\0';
    }
    va_end(ap);

    if (m->crashed[0]) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "%s: the hypervisor has stopped: %s",
                            what, m->crashed);
    }
    switch (errnum) {
    case EACCES:
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, errnum,
                            "%s: xen %u.%u and library %s disagree on the interface (upgraded "
                            "without reboot?)",
                            what, m->rules->major, m->rules->minor, "of the model");
    case EPERM:
    case ENOSYS:
    case EOPNOTSUPP:
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, errnum, "%s: %s", what,
                            exclaim_hv_errno_meaning(errnum));
    default:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "%s", what);
    }
}

const char *model_why_no_sets(const struct model *m)
{
    if (m->rules->sets == MODEL_NO_SETS) {
        return "domctl 91: this xen does not have it";
    }
    return m->colouring ? "domctl 91: configured out of this xen, or not for this guest" : NULL;
}

static void why(char *text, size_t size, const char *reason)
{
    snprintf(text, size, "%s", reason ? reason : "");
}

static int op_caps(struct exclaim_hv *hv, struct exclaim_caps *caps, struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    const struct model_rules *r = m->rules;
    bool no_claims = m->colouring && r->colouring_refused;
    int errnum = model_enter(m, MODEL_OP_CAPS, UINT32_MAX);

    *caps = (struct exclaim_caps){
        .xen_major = r->major,
        .xen_minor = r->minor,
        .library = "model",
        .count_hypercall = r->node_claims,
        .count_console = true,
        .node_memory = r->node_claims,
        .claim_host = !no_claims,
        .claim_node = r->node_claims,
        .claim_node_known = !no_claims,
        .claim_set = !model_why_no_sets(m),
        .place_exact_node = true,
    };
    if (errnum > 0) {
        return model_fail(m, err, errnum, "reading the version of xen");
    }
    why(caps->xen_extra, sizeof(caps->xen_extra), r->extra);
    why(caps->why_count_p2m, sizeof(caps->why_count_p2m), "guests of the model have no p2m");
    why(caps->why_claim_set, sizeof(caps->why_claim_set), model_why_no_sets(m));
    if (!r->node_claims) {
        why(caps->why_count_hypercall, sizeof(caps->why_count_hypercall),
            "domctl 1101: this xen does not have it");
        why(caps->why_node_memory, sizeof(caps->why_node_memory),
            "sysctl 1117: this xen does not have it");
        why(caps->why_claim_node, sizeof(caps->why_claim_node),
            no_claims ? "a claim with a node: configured out of this xen, or not for this guest"
                      : "a claim with a node: this xen refuses every node");
    }
    return 0;
}

static int op_next_domain(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                          struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_NEXT_DOMAIN, domid);
    const struct model_domain *d = m->domains;

    if (errnum > 0) {
        return model_fail(m, err, errnum, "reading domains from %u on", domid);
    }
    while (d && d->domid < domid) {
        d = d->next;
    }
    if (!d) {
        return 0;
    }
    *dom = (struct exclaim_domain){
        .domid = d->domid,
        .hvm = d->hvm,
        .dying = d->dying,
        .paused = d->paused,
        .total_pages = model_owned(d),
        .max_pages = d->max,
        .outstanding_pages = model_outstanding(d),
        .shared_pages = d->shared,
        .paged_pages = d->paged,
        .max_vcpu_id = d->nr_vcpus ? d->nr_vcpus - 1 : 0,
    };
    memcpy(dom->uuid, d->uuid, sizeof(dom->uuid));
    return 1;
}

/* xenstore knows nothing of a domain that is not there, which is no error. */
static int op_domain_name(struct exclaim_hv *hv, uint32_t domid, char *name, uint32_t size,
                          struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_DOMAIN_NAME, domid);
    const struct model_domain *d = model_find(m, domid);

    if (size == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, EINVAL, "name of domain %u: no room", domid);
    }
    name[0] = '\0';
    if (errnum > 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "reading /local/domain/%u/name",
                            domid);
    }
    snprintf(name, size, "%s", d ? d->name : "");
    return 0;
}

static int op_vm_uuid(struct exclaim_hv *hv, uint32_t domid, uint8_t uuid[EXCLAIM_UUID_BYTES],
                      struct exclaim_error *err)
{
    static const uint8_t none[EXCLAIM_UUID_BYTES];
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_VM_UUID, domid);
    const struct model_domain *d = model_find(m, domid);

    if (errnum > 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "reading /local/domain/%u/vm", domid);
    }
    if (!d || !memcmp(d->vm_uuid, none, sizeof(none))) {
        return 0;
    }
    memcpy(uuid, d->vm_uuid, sizeof(d->vm_uuid));
    return 1;
}

static int op_host(struct exclaim_hv *hv, struct exclaim_host *host, struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_HOST, UINT32_MAX);
    uint64_t online = model_online(m);

    *host = (struct exclaim_host){ 0 };
    if (errnum > 0) {
        return model_fail(m, err, errnum, "reading the host's physical information");
    }
    /* Ids end at the last node that is online, as in XEN_SYSCTL_numainfo. */
    host->nr_nodes = 64 - (uint32_t)__builtin_clzll(online);
    for (uint32_t i = 0; i < host->nr_nodes; i++) {
        const struct model_node *n = &m->node[i];
        struct exclaim_host_node *out = &host->node[i];

        if (!n->online) {
            continue;
        }
        out->online = true;
        out->free_pages = n->free;
        out->claimed_known = m->rules->node_claims;
        out->claimed_pages = out->claimed_known ? n->claimed : 0;
        for (uint32_t j = 0; j < host->nr_nodes; j++) {
            out->distance[j] = m->node[j].online ? n->distance[j] : 0;
        }
    }
    host->total_pages = m->total;
    host->free_pages = m->free;
    host->outstanding_pages = m->claimed;
    return 0;
}

static int op_paging_pool(struct exclaim_hv *hv, uint32_t domid, uint64_t *bytes,
                          struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_PAGING_POOL, domid);
    const struct model_domain *d = model_find(m, domid);

    *bytes = 0;
    if (!errnum && !d) {
        errnum = ESRCH;
    }
    if (errnum > 0) {
        return model_fail(m, err, errnum, "reading the paging pool of domain %u", domid);
    }
    for (uint32_t i = 0; d && i < m->nr_nodes; i++) {
        *bytes += d->pool[i] << EXCLAIM_PAGE_SHIFT;
    }
    return 0;
}

const struct exclaim_hv_ops model_ops = {
    .caps = op_caps,
    .next_domain = op_next_domain,
    .domain_name = op_domain_name,
    .vm_uuid = op_vm_uuid,
    .count = model_op_count,
    .count_many = model_op_count_many,
    .host = op_host,
    .claim = model_op_claim,
    .get_affinity = model_op_get_affinity,
    .set_node_affinity = model_op_set_node_affinity,
    .set_soft_affinity = model_op_set_soft_affinity,
    .paging_pool = op_paging_pool,
    .close = model_op_close,
};
