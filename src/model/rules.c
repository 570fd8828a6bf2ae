/* SPDX-License-Identifier: BSD-2-Clause */
/* The generations of claims as one table: nothing else in the model asks which Xen this is. */
#include "state.h"

/*
 * Sources, in the order of the rows (xen/common/page_alloc.c and memory.c of each):
 * stable-4.17; 4.21.0, which has 3472783c26 (no growth on free) and not yet 75d29d9b5e (redemption
 * with the heap's counters); stable-4.21; branch 4.20-scm-claim-pages of xenserver-next/xen; branch
 * node-claims-v5 of the same; branch claims-v7 of bernhardkaindl/xen; the v8 draft as reviewed.
 * keeps_host and keeps_max are what the code of each can promise, not what its authors say: see
 * claim_node.c for XenServer 9.
 */
static const struct model_rules rules[MODEL_GENERATIONS] = {
    [MODEL_4_17] = {
        .name = "4.17", .major = 4, .minor = 17, .extra = ".7",
        .domctl_version = 0x15,
        .redeem_late = true, .regrow = true, .keeps_host = true, .keeps_max = true,
        .host_permits = model_one_permits, .node_permits = model_any_permits,
        .may_leave = model_any_leaves, .redeem = model_one_redeem, .release = model_one_release,
    },
    [MODEL_4_21_0] = {
        .name = "4.21.0", .major = 4, .minor = 21, .extra = ".0",
        .domctl_version = 0x17,
        .redeem_late = true, .has_colouring = true, .keeps_host = true, .keeps_max = true,
        .host_permits = model_one_permits, .node_permits = model_any_permits,
        .may_leave = model_any_leaves, .redeem = model_one_redeem, .release = model_one_release,
    },
    [MODEL_4_21] = {
        .name = "4.21", .major = 4, .minor = 21, .extra = ".2",
        .domctl_version = 0x17,
        .dying_refused = true, .has_colouring = true, .colouring_refused = true,
        .keeps_host = true, .keeps_max = true,
        .host_permits = model_one_permits, .node_permits = model_any_permits,
        .may_leave = model_any_leaves, .redeem = model_one_redeem, .release = model_one_release,
    },
    [MODEL_XS9] = {
        .name = "XS9", .major = 4, .minor = 20, .extra = ".1-5.xs9",
        .domctl_version = 0x17,
        .redeem_late = true, .has_colouring = true, .node_claims = true,
        .host_permits = model_one_permits, .node_permits = model_xs9_permits,
        .may_leave = model_xs9_leaves, .redeem = model_xs9_redeem, .release = model_xs9_release,
    },
    [MODEL_SETS_V5] = {
        .name = "sets-v5", .major = 4, .minor = 22, .extra = "-claims-v5",
        .domctl_version = 0x18,
        .dying_refused = true, .has_colouring = true, .colouring_refused = true,
        .sets = MODEL_V5, .owned_twice = true, .recalls = true,
        .keeps_host = true, .keeps_max = true,
        .host_permits = model_set_host_permits, .node_permits = model_set_node_permits,
        .may_leave = model_any_leaves, .redeem = model_set_redeem, .release = model_set_release,
    },
    [MODEL_SETS_V7] = {
        .name = "sets-v7", .major = 4, .minor = 22, .extra = "-claims-v7",
        .domctl_version = 0x18,
        .dying_refused = true, .has_colouring = true, .colouring_refused = true,
        .sets = MODEL_V7, .recalls = true, .keeps_host = true, .keeps_max = true,
        .host_permits = model_set_host_permits, .node_permits = model_set_node_permits,
        .may_leave = model_any_leaves, .redeem = model_set_redeem, .release = model_set_release,
    },
    [MODEL_SETS_V8] = {
        .name = "sets-v8", .major = 4, .minor = 23, .extra = "-claims-v8",
        .domctl_version = 0x18,
        .dying_refused = true, .has_colouring = true, .colouring_refused = true,
        .sets = MODEL_V8, .recalls = true, .keeps_host = true, .keeps_max = true,
        .host_permits = model_set_host_permits, .node_permits = model_set_node_permits,
        .may_leave = model_any_leaves, .redeem = model_set_redeem, .release = model_set_release,
    },
};

const struct model_rules *model_rules_of(enum model_generation generation)
{
    return &rules[generation];
}

const char *model_generation_name(enum model_generation generation)
{
    return rules[generation].name;
}

void model_version(const struct model *m, uint32_t *major, uint32_t *minor)
{
    *major = m->rules->major;
    *minor = m->rules->minor;
}
