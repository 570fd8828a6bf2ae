/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercalls behind a claim, and what their errno values mean; as src/xen/claim_*.c. */
#include "state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A page may be counted twice for a moment: see quota.c.  Each attempt is somebody else's turn. */
#define NOMEM_ATTEMPTS 5

static int nofit(const struct model *m, uint32_t domid, const struct exclaim_claim *claim,
                 struct exclaim_error *err)
{
    uint64_t total = claim->kind == EXCLAIM_CLAIM_NODE ? 0 : claim->host_pages;
    char text[384] = "";
    size_t used = 0;

    for (uint32_t i = 0; claim->kind != EXCLAIM_CLAIM_HOST && i < claim->nr_nodes; i++) {
        char claimed[48] = "";

        if (claim->node_pages[i] == 0) {
            continue;
        }
        total += claim->node_pages[i];
        if (m->rules->node_claims) {
            snprintf(claimed, sizeof(claimed), " and %" PRIu64 " claimed",
                     model_claimed_pages(m, i));
        }
        snprintf(text + used, sizeof(text) - used,
                 "%" PRIu64 " on node %u with %" PRIu64 " free%s, ", claim->node_pages[i], i,
                 model_free_pages(m, i), claimed);
        used = strlen(text);
    }
    return exclaim_fail(err, EXCLAIM_ERR_NOFIT, ENOMEM,
                        "domain %u wants %" PRIu64 " pages: %shost with %" PRIu64
                        " free and %" PRIu64 " claimed",
                        domid, total, text, m->free, m->claimed);
}

/* EINVAL, although everything that can be seen was right: what has changed since? */
static int explain_invalid(const struct model *m, uint32_t domid, const struct model_view *before,
                           const struct exclaim_claim *claim, uint32_t node,
                           struct exclaim_error *err)
{
    struct model_view now;

    if (model_view(m, domid, &now) || now.dying) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u went away", domid);
    }
    if (now.outstanding != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EEXIST,
                            "domain %u was given a claim of %" PRIu64 " pages by somebody else",
                            domid, now.outstanding);
    }
    if (now.total != before->total || now.max != before->max) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EAGAIN,
                            "domain %u changed from %" PRIu64 " of %" PRIu64 " pages to %" PRIu64
                            " of %" PRIu64 " while it was claimed for",
                            domid, before->total, before->max, now.total, now.max);
    }
    if (claim->kind == EXCLAIM_CLAIM_NODE) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, EINVAL,
                            "claim for domain %u on node %u: xen %u.%u has no claims on one node",
                            domid, node, m->rules->major, m->rules->minor);
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                        "claim of %" PRIu64 " pages for domain %u with %" PRIu64 " of %" PRIu64
                        " pages",
                        claim->host_pages, domid, now.total, now.max);
}

int model_stake(struct model *m, uint32_t domid, const struct model_view *before,
                const struct exclaim_claim *claim, struct exclaim_error *err)
{
    uint64_t pages = claim->host_pages;
    uint32_t node = 0, mem_flags = 0;
    int errnum = ENOMEM;

    if (claim->kind == EXCLAIM_CLAIM_NODE) {
        while (claim->node_pages[node] == 0) {
            node++;
        }
        pages = claim->node_pages[node];
        mem_flags = MODEL_MEMF_EXACT_NODE(node);
    }
    /* Xen wants the pages that the domain owns counted in. */
    for (unsigned int i = 0; i < NOMEM_ATTEMPTS && errnum == ENOMEM; i++) {
        errnum = -model_claim_pages(m, domid, before->total + pages, mem_flags);
    }

    switch (errnum) {
    case 0:
        return 0;
    case ENOMEM:
        return nofit(m, domid, claim, err);
    case EINVAL:
        return explain_invalid(m, domid, before, claim, node, err);
    case ENOENT:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOENT,
                            "claim for domain %u: node %u is offline", domid, node);
    default:
        return model_fail(m, err, errnum, "claim of %" PRIu64 " pages for domain %u", pages, domid);
    }
}

int model_release_set(struct model *m, uint32_t domid)
{
    /* v8 releases with an empty set; before, that was invalid and a set of nothing was needed. */
    struct model_entry nothing = { .target = MODEL_TARGET_HOST };
    uint32_t nr = m->rules->sets == MODEL_V8 ? 0 : 1;

    return -model_domctl_claims(m, MODEL_DOMCTL_SET, domid, &nothing, &nr, 0);
}

/* The same question that src/xen asks v7 and v8: no node may hold more than was asked. */
static int read_back(struct model *m, uint32_t domid, const struct exclaim_claim *claim,
                     uint32_t *node, uint64_t *pages)
{
    struct model_entry list[MODEL_ENTRIES_MAX] = { 0 };
    bool v7 = m->rules->sets == MODEL_V7;
    uint32_t nr = MODEL_ENTRIES_MAX;
    int errnum;

    if (m->rules->sets == MODEL_V5) {
        return 0;
    }
    errnum = -model_domctl_claims(m, v7 ? MODEL_DOMCTL_SET : MODEL_DOMCTL_GET, domid, list, &nr,
                                  v7 ? 1 : 0);
    for (uint32_t i = 0; !errnum && i < nr; i++) {
        uint32_t target = list[i].target;

        if (target < claim->nr_nodes && list[i].pages > claim->node_pages[target]) {
            *node = target;
            *pages = list[i].pages;
            return EPROTO;
        }
    }
    return errnum;
}

int model_stake_set(struct model *m, uint32_t domid, const struct exclaim_claim *claim,
                    struct exclaim_error *err)
{
    struct model_entry entries[MODEL_ENTRIES_MAX];
    const char *without = model_why_no_sets(m);
    uint32_t nr = 0, node = 0;
    uint64_t held = 0;
    int errnum;

    if (without) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "claim set for domain %u: %s", domid,
                            without);
    }
    if (claim->host_pages) {
        entries[nr++] =
            (struct model_entry){ .pages = claim->host_pages, .target = MODEL_TARGET_HOST };
    }
    for (uint32_t i = 0; i < claim->nr_nodes; i++) {
        if (claim->node_pages[i]) {
            entries[nr++] = (struct model_entry){ .pages = claim->node_pages[i], .target = i };
        }
    }

    errnum = -model_domctl_claims(m, MODEL_DOMCTL_SET, domid, entries, &nr, 0);
    switch (errnum) {
    case 0:
        break;
    case ENOMEM:
        return nofit(m, domid, claim, err);
    case ENOENT:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOENT,
                            "claim set for domain %u names an offline node", domid);
    case EBUSY:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EBUSY,
                            "claim set for domain %u: the domain is not paused", domid);
    default:
        return model_fail(m, err, errnum, "claim set of %u entries for domain %u", nr, domid);
    }

    errnum = read_back(m, domid, claim, &node, &held);
    if (errnum == EPROTO) {
        model_release_set(m, domid);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EPROTO,
                            "domain %u: %" PRIu64 " pages asked on node %u, xen says %" PRIu64
                            " are claimed",
                            domid, claim->node_pages[node], node, held);
    }
    if (errnum) {
        model_release_set(m, domid);
        return model_fail(m, err, errnum, "reading the claim set of domain %u", domid);
    }
    return 0;
}
