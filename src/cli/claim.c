/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim claim`: stakes pages for a domain, from a match or as the arguments say. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/json.h"
#include "../base/text.h"
#include "../report/print.h"
#include "cli.h"

/*
 * Stakes the strongest of @plan that this Xen has; *used says which.  One that it refuses for lack
 * of memory asks for another match, not for a weaker claim.
 */
static int stake(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_claim_plan *plan,
                 unsigned int *used, struct exclaim_error *err)
{
    for (*used = 0; *used < plan->nr; (*used)++) {
        if (!hv->ops->claim(hv, domid, &plan->step[*used].claim, err)) {
            err->kind = EXCLAIM_OK; /* what a stronger claim said is settled */
            return 0;
        }
        if (err->kind == EXCLAIM_ERR_NOFIT) {
            return -1;
        }
    }
    return plan->nr
               ? -1
               : exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                              "this Xen offers no such claim, exclaim caps says which it does");
}

/* What the options ask for, as a match to be claimed. */
static int wanted(struct cli *cli, struct exclaim_hv *hv, const struct exclaim_domain *dom,
                  struct exclaim_match *match, struct exclaim_error *err)
{
    struct exclaim_reservation res;
    struct exclaim_room room;

    memset(match, 0, sizeof(*match));
    if (cli->record) {
        return cli_read_record(cli->record, &res, err) ||
                       exclaim_reservation_check_domain(&res, dom, err)
                   ? -1
                   : cli_match(cli, hv, dom, &res, &room, match, err);
    }
    match->nr_nodes = cli->nr_nodes;
    memcpy(match->pages, cli->node_pages, sizeof(match->pages));
    match->total_pages = cli->pages;
    for (uint32_t n = 0; n < cli->nr_nodes; n++) {
        match->total_pages += cli->node_pages[n];
    }
    if (!match->total_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "0 pages: use release to give a claim back");
    }
    return 0;
}

static void print(const struct cli *cli, const struct exclaim_domain *dom,
                  enum exclaim_guarantee guarantee, const struct exclaim_match *match)
{
    if (cli->json) {
        json_object *o = exclaim_json_schema("claim");

        exclaim_json_u64(o, "domid", dom->domid);
        exclaim_json_str(o, "guarantee", exclaim_guarantee_name(guarantee));
        exclaim_json_u64(o, "claimed_pages", match->total_pages);
        exclaim_json_u64(o, "outstanding_pages", dom->outstanding_pages);
        exclaim_json_nodes(o, "nodes", match->nr_nodes, match->pages);
        exclaim_json_print(o);
        return;
    }
    printf("domain %" PRIu32 ": %s claimed (%" PRIu64
           " page%s, guarantee %s), %s outstanding (%" PRIu64 " page%s)\n",
           dom->domid, exclaim_size(match->total_pages).text, match->total_pages,
           exclaim_s(match->total_pages), exclaim_guarantee_name(guarantee),
           exclaim_size(dom->outstanding_pages).text, dom->outstanding_pages,
           exclaim_s(dom->outstanding_pages));
    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        if (match->pages[n]) {
            printf("  node %" PRIu32 ": %s\n", n, exclaim_size_pages(match->pages[n]).text);
        }
    }
}

int verb_claim(struct cli *cli, struct exclaim_error *err)
{
    /* What an earlier run released, or the toolstack claimed, cannot be known here. */
    const struct exclaim_claim_past past = { .was_on_node = true };
    struct exclaim_claim_plan plan;
    struct exclaim_match match;
    struct exclaim_caps caps;
    struct exclaim_domain dom;
    struct exclaim_hv *hv;
    unsigned int used;
    bool stale;
    int rc = -1;

    if ((cli->record != NULL) + cli->have_pages + (cli->nr_nodes != 0) != 1) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "give one of --record FILE, --pages N and --node N=PAGES");
    }
    if (cli_open(cli, &hv, &dom, err)) {
        return -1;
    }
    if (hv->ops->caps(hv, &caps, err) || wanted(cli, hv, &dom, &match, err)) {
        goto out;
    }
    stale = !exclaim_claim_host_is_safe(&caps, &past);
    caps.claim_host &= !stale;
    if (cli->have_pages) {
        caps.claim_set = caps.claim_node = false; /* anywhere on the host was asked for */
    }
    if (cli->nr_nodes) {
        caps.claim_host = false; /* and here, these nodes */
    }
    exclaim_claim_plan(&match, &caps, &plan);
    if (!plan.nr && stale && !cli->nr_nodes) {
        exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                     "domain %" PRIu32 " may have had a claim on one node, which this xen does not "
                     "tell: one on the host after that can stop it",
                     dom.domid);
        goto out;
    }
    if (stake(hv, dom.domid, &plan, &used, err) || exclaim_hv_domain(hv, dom.domid, &dom, err)) {
        goto out;
    }
    print(cli, &dom, plan.step[used].guarantee, &match);
    rc = 0;

out:
    hv->ops->close(hv);
    return rc;
}
