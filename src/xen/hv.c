/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers over the table of operations. */
#include <exclaim/hypervisor.h>
#include <exclaim/uuid.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct exclaim_count_how exclaim_count_how(const struct exclaim_config *config)
{
    return (struct exclaim_count_how){
        .console_max_pages = config->count_console_max_pages,
        .workers = (uint32_t)config->count_workers,
        .ms_max = (uint32_t)config->count_ms_max,
    };
}

/* A name is for people: a silent xenstore must not stop work on a domain known by its id. */
static void fill_name(struct exclaim_hv *hv, struct exclaim_domain *dom)
{
    if (hv->ops->domain_name(hv, dom->domid, dom->name, sizeof(dom->name), NULL)) {
        dom->name[0] = '\0';
    }
}

int exclaim_hv_domain(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                      struct exclaim_error *err)
{
    int found = hv->ops->next_domain(hv, domid, dom, err);

    if (found < 0) {
        return -1;
    }
    if (found == 0 || dom->domid != domid) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u", domid);
    }
    fill_name(hv, dom);
    return 0;
}

static bool parse_domid(const char *vm, uint32_t *domid)
{
    uint64_t value = 0;

    if (*vm == '\0') {
        return false;
    }
    for (const char *p = vm; *p; p++) {
        if (!isdigit((unsigned char)*p)) {
            return false;
        }
        value = value * 10 + (uint64_t)(*p - '0');
        if (value > UINT32_MAX) {
            return false;
        }
    }
    *domid = (uint32_t)value;
    return true;
}

static bool matches(struct exclaim_hv *hv, const char *vm, const uint8_t *uuid,
                    struct exclaim_domain *dom)
{
    if (uuid) {
        return memcmp(dom->uuid, uuid, EXCLAIM_UUID_BYTES) == 0;
    }
    fill_name(hv, dom);
    return dom->name[0] != '\0' && strcmp(dom->name, vm) == 0;
}

/* Two domains may bear one name or uuid, as during a migration within a host: never take one of
 * them. */
static int scan(struct exclaim_hv *hv, const char *vm, const uint8_t *uuid,
                struct exclaim_domain *dom, struct exclaim_error *err)
{
    struct exclaim_domain next = { 0 };
    bool have = false;
    int found;

    for (uint32_t domid = 0;; domid = next.domid + 1) {
        found = hv->ops->next_domain(hv, domid, &next, err);
        if (found < 0) {
            return -1;
        }
        if (found == 0) {
            break;
        }
        if (!matches(hv, vm, uuid, &next)) {
            continue;
        }
        if (have) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                "%s is both domain %u and domain %u: give the domain id", vm,
                                dom->domid, next.domid);
        }
        *dom = next;
        have = true;
    }
    if (!have) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no domain has the %s %s",
                            uuid ? "uuid" : "name", vm);
    }
    fill_name(hv, dom);
    return 0;
}

int exclaim_hv_lookup(struct exclaim_hv *hv, const char *vm, struct exclaim_domain *dom,
                      struct exclaim_error *err)
{
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    uint32_t domid;
    int found;

    if (parse_domid(vm, &domid)) {
        found = hv->ops->next_domain(hv, domid, dom, err);
        if (found < 0) {
            return -1;
        }
        if (found == 0 || dom->domid != domid) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "there is no domain %u", domid);
        }
        fill_name(hv, dom);
        return 0;
    }
    return scan(hv, vm, exclaim_uuid_parse(vm, uuid) ? uuid : NULL, dom, err);
}

int exclaim_claim_total(uint32_t domid, const struct exclaim_claim *claim, uint64_t *total,
                        struct exclaim_error *err)
{
    uint32_t nodes = 0;

    *total = 0;
    if (claim->nr_nodes > EXCLAIM_NODES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "claim for domain %u: %u nodes, at most %u",
                            domid, claim->nr_nodes, EXCLAIM_NODES_MAX);
    }
    if (claim->kind != EXCLAIM_CLAIM_HOST) {
        for (uint32_t i = 0; i < claim->nr_nodes; i++) {
            if (claim->node_pages[i] > EXCLAIM_PAGES_MAX) {
                return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                    "claim for domain %u: %" PRIu64 " pages on node %u", domid,
                                    claim->node_pages[i], i);
            }
            nodes += claim->node_pages[i] != 0;
            *total += claim->node_pages[i];
        }
    }
    if (claim->kind != EXCLAIM_CLAIM_NODE) {
        if (claim->host_pages > EXCLAIM_PAGES_MAX) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                "claim for domain %u: %" PRIu64 " pages anywhere", domid,
                                claim->host_pages);
        }
        *total += claim->host_pages;
    }
    if (claim->kind == EXCLAIM_CLAIM_NODE && nodes != 1) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "claim for domain %u: a claim on one node names %u", domid, nodes);
    }
    if (*total == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "claim for domain %u: no pages", domid);
    }
    return 0;
}

const char *exclaim_hv_errno_meaning(int errnum)
{
    switch (errnum) {
    case EACCES:
        return "hypervisor and library disagree on the interface: upgraded without reboot?";
    case EPERM:
        return "not permitted: no control domain, or a flask or lockdown filter";
    case ENOSYS:
        return "this xen does not have it";
    case EOPNOTSUPP:
        return "configured out of this xen, or not for this guest";
    default:
        return strerror(errnum);
    }
}
