/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers over the table of operations, the same for every backend. */
#include <exclaim/hypervisor.h>
#include <exclaim/uuid.h>

#include <ctype.h>
#include <errno.h>
#include <string.h>

const char *exclaim_count_method_name(enum exclaim_count_method method)
{
    switch (method) {
    case EXCLAIM_COUNT_NONE:
        break;
    case EXCLAIM_COUNT_HYPERCALL:
        return "hypercall";
    case EXCLAIM_COUNT_P2M:
        return "p2m";
    case EXCLAIM_COUNT_CONSOLE:
        return "console";
    }
    return "none";
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
