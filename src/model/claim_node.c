/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XenServer 9's claim on one node, as in branch 4.20-scm-claim-pages of xenserver-next/xen
 * (xen/common/page_alloc.c).  What that code gets wrong is kept, because the real one is met with
 * it: the node outlives its claim, and pages from elsewhere pass the host's test on the strength
 * of a claim that they do not redeem.
 */
#include "state.h"

/*
 * Only domains that never had a claim on a node are kept off claimed pages.  The difference is
 * unsigned in Xen: where others have eaten into the claims it wraps, and the node is open to all.
 */
bool model_xs9_permits(const struct model *m, const struct model_domain *d, uint32_t node,
                       const struct model_request *req)
{
    const struct model_node *n = &m->node[node];

    return !d || d->claim_node != MODEL_NO_NODE || n->claimed == 0 ||
           n->free - n->claimed >= 1ull << req->order;
}

/* "Force smaller allocations": after the first node, no other while the claim covers it. */
bool model_xs9_leaves(const struct model_domain *d, const struct model_request *req)
{
    return d->claim_node == MODEL_NO_NODE || 1ull << req->order > d->outstanding;
}

void model_xs9_redeem(struct model *m, struct model_domain *d, uint32_t node, uint64_t pages)
{
    uint64_t least = d->outstanding < pages ? d->outstanding : pages;

    if (d->outstanding == 0 || (d->claim_node != MODEL_NO_NODE && d->claim_node != node)) {
        return;
    }
    if (d->claim_node != MODEL_NO_NODE) {
        if (least > m->node[node].claimed) {
            model_crash(m,
                        "BUG_ON: domain %u redeems %llu pages of node %u with %llu claimed: it had "
                        "a claim there before the one on the host",
                        d->domid, (unsigned long long)least, node,
                        (unsigned long long)m->node[node].claimed);
            return;
        }
        m->node[node].claimed -= least;
    }
    d->outstanding -= least;
    m->claimed -= least;
}

/*
 * The node stays in d->claim_node.  Where the claim was not one on that node, its pages come off
 * a counter they were never added to, which wraps in Xen: all its later answers about the node are
 * nonsense, so that the model stops there, too.
 */
void model_xs9_release(struct model *m, struct model_domain *d)
{
    if (d->claim_node != MODEL_NO_NODE) {
        struct model_node *n = &m->node[d->claim_node];

        if (d->outstanding > n->claimed) {
            model_crash(m, "domain %u releases %llu pages of node %u with %llu claimed", d->domid,
                        (unsigned long long)d->outstanding, d->claim_node,
                        (unsigned long long)n->claimed);
            return;
        }
        n->claimed -= d->outstanding;
    }
    model_one_release(m, d);
}
