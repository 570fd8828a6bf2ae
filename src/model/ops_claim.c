/* SPDX-License-Identifier: BSD-2-Clause */
/* The operation `claim`: checked, staked, read back; as src/xen/claim.c. */
#include "state.h"

#include <errno.h>
#include <inttypes.h>

static int release(struct model *m, uint32_t domid, uint64_t outstanding, struct exclaim_error *err)
{
    struct model_view now;
    int errnum;

    if (outstanding == 0) {
        return 0;
    }
    errnum = -model_claim_pages(m, domid, 0, 0);
    if (m->crashed[0]) {
        return model_fail(m, err, EIO, "releasing the claim of domain %u", domid);
    }
    if (model_view(m, domid, &now) == 0 && now.outstanding && !model_why_no_sets(m)) {
        errnum = model_release_set(m, domid);
        model_view(m, domid, &now);
    }
    if (now.outstanding == 0) {
        return 0;
    }
    return model_fail(m, err, errnum ? errnum : EBUSY,
                      "domain %u still claims %" PRIu64 " of %" PRIu64 " pages after their release",
                      domid, now.outstanding, outstanding);
}

/* Every reason to refuse that can be seen beforehand. */
static int check_domain(struct model *m, uint32_t domid, const struct model_view *view,
                        const struct exclaim_claim *claim, uint64_t total,
                        struct exclaim_error *err)
{
    enum model_sets sets = m->rules->sets;
    bool replaces = claim->kind == EXCLAIM_CLAIM_SET && !model_why_no_sets(m) && sets != MODEL_V8;
    const struct model_domain *d = model_find(m, domid);

    if (view->dying) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %u is dying: nothing claimed",
                            domid);
    }
    if (view->outstanding != 0 && !replaces) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EEXIST,
                            "domain %u already claims %" PRIu64 " pages", domid, view->outstanding);
    }
    if (view->max == 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                            "domain %u has no maximum of pages yet: claim after setmaxmem", domid);
    }
    if (view->total + total > view->max) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINVAL,
                            "domain %u owns %" PRIu64 " pages and cannot claim %" PRIu64
                            " more: its maximum is %" PRIu64,
                            domid, view->total, total, view->max);
    }
    /* src/xen has to remember what it saw; the model knows. */
    if (claim->kind == EXCLAIM_CLAIM_HOST && d->claim_node != MODEL_NO_NODE) {
        return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                            "domain %u has had a claim on one node: one on the host after that "
                            "can stop this xen",
                            domid);
    }
    return 0;
}

/* What is put aside, less what the domain got meanwhile, is what was asked. */
static int verify(struct model *m, uint32_t domid, const struct model_view *before, uint64_t total,
                  struct exclaim_error *err)
{
    struct exclaim_error ignored;
    struct model_view now;
    uint64_t grown;

    if (model_view(m, domid, &now)) {
        return model_fail(m, err, ESRCH, "reading the claim of domain %u", domid);
    }
    grown = now.total > before->total ? now.total - before->total : 0;
    if (now.outstanding <= total && now.outstanding + grown >= total) {
        return 0;
    }
    release(m, domid, now.outstanding, &ignored);
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EPROTO,
                        "domain %u: %" PRIu64 " pages asked, xen says %" PRIu64 " are claimed",
                        domid, total, now.outstanding);
}

int model_op_claim(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_claim *claim,
                   struct exclaim_error *err)
{
    struct model *m = model_of(hv);
    int errnum = model_enter(m, MODEL_OP_CLAIM, domid);
    struct model_view before = { 0 };
    uint64_t total;
    int r;

    if (!errnum) {
        errnum = -model_view(m, domid, &before);
    }
    if (errnum > 0) {
        return model_fail(m, err, errnum, "claim for domain %u", domid);
    }
    if (errnum == MODEL_NO_EFFECT) {
        return 0;
    }
    if (claim->kind == EXCLAIM_CLAIM_NONE) {
        return release(m, domid, before.outstanding, err);
    }
    if (exclaim_claim_total(domid, claim, &total, err) ||
        check_domain(m, domid, &before, claim, total, err)) {
        return -1;
    }
    r = claim->kind == EXCLAIM_CLAIM_SET ? model_stake_set(m, domid, claim, err)
                                         : model_stake(m, domid, &before, claim, err);
    return r ? -1 : verify(m, domid, &before, total, err);
}
