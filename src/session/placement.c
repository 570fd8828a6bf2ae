/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses how pages are placed; steers by node affinity where nothing can be preloaded. */
#include "placement.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "../base/file.h"
#include "../reserve/ledger.h"

enum exclaim_placement placement_choose(struct exclaim_session *s, struct exclaim_error *why)
{
    if (!s->config.place_object[0]) {
        exclaim_fail(why, EXCLAIM_ERR_UNSUPPORTED, 0, "place_object is empty");
        return EXCLAIM_PLACEMENT_AFFINITY;
    }
    if (!exclaim_file_loads(s->config.place_object)) {
        exclaim_fail(why, EXCLAIM_ERR_UNSUPPORTED, errno, "%s", s->config.place_object);
        return EXCLAIM_PLACEMENT_AFFINITY;
    }
    if (s->known.emulator) {
        /* It finds its entry by itself, see src/place/place.c. */
        if (!s->preloaded) {
            exclaim_fail(why, EXCLAIM_ERR_UNSUPPORTED, 0, "%s is not in the restoring process",
                         s->config.place_object);
        }
        return s->preloaded ? EXCLAIM_PLACEMENT_PRELOAD : EXCLAIM_PLACEMENT_AFFINITY;
    }
    s->place_fd = exclaim_ledger_fd(s->ledger, why);
    return s->place_fd >= 0 ? EXCLAIM_PLACEMENT_PRELOAD : EXCLAIM_PLACEMENT_AFFINITY;
}

/* The next node from @node on that has pages of the match. */
static uint32_t next_home(const struct exclaim_match *match, uint32_t node)
{
    while (node < match->nr_nodes && !match->pages[node]) {
        node++;
    }
    return node;
}

static int steer_to(struct exclaim_session *s, uint32_t node, struct exclaim_error *err)
{
    s->steer.node = node;
    return s->hv->ops->set_node_affinity(s->hv, s->dom.domid, 1ull << node, err);
}

int placement_start(struct exclaim_session *s, struct exclaim_error *err)
{
    struct exclaim_affinity aff;

    if (s->placement != EXCLAIM_PLACEMENT_AFFINITY || !s->have_entry) {
        return 0;
    }
    s->steer.base_pages = s->dom.total_pages;
    if (s->hv->ops->get_affinity(s->hv, s->dom.domid, &aff, err) ||
        steer_to(s, next_home(&s->match, 0), err)) {
        s->placement = EXCLAIM_PLACEMENT_NONE;
        return -1;
    }
    s->steer.saved_nodes = aff.nodes;
    s->steer.active = true;
    s->placed.steered = true;
    return 0;
}

void placement_tick(struct exclaim_session *s)
{
    struct exclaim_ledger_entry *e = exclaim_ledger_at(s->ledger, s->slot);
    const struct exclaim_match *match = &s->match;
    struct exclaim_error err = { 0 };
    struct exclaim_domain dom;
    uint64_t grown, before = 0;

    if (!s->steer.active || s->hv->ops->next_domain(s->hv, s->dom.domid, &dom, NULL) <= 0 ||
        dom.domid != s->dom.domid) {
        return;
    }
    grown = dom.total_pages > s->steer.base_pages ? dom.total_pages - s->steer.base_pages : 0;
    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        uint64_t here = grown > before ? grown - before : 0;

        atomic_store(&e->placed[n], here < match->pages[n] ? here : match->pages[n]);
        before += match->pages[n];
        if (n == s->steer.node && grown >= before) {
            uint32_t next = next_home(match, n + 1);

            if (next < match->nr_nodes && steer_to(s, next, &err)) {
                exclaim_log(LOG_WARNING, "domain %u: not steered to node %u: %s", s->dom.domid,
                            next, err.text);
            }
        }
    }
}

/*
 * Whether an affinity was automatic cannot be read from Xen.  But all nodes mean "automatic", and
 * Xen then derives it from the vCPUs at once (xen common/domain.c, domain_set_node_affinity()): if
 * that gives what was there before, it may stay so.
 */
void placement_stop(struct exclaim_session *s)
{
    struct exclaim_affinity aff;
    struct exclaim_error err = { 0 };

    if (!s->steer.active) {
        return;
    }
    s->steer.active = false;
    if (!s->hv->ops->set_node_affinity(s->hv, s->dom.domid, UINT64_MAX, &err) &&
        !s->hv->ops->get_affinity(s->hv, s->dom.domid, &aff, &err) &&
        aff.nodes == s->steer.saved_nodes) {
        return;
    }
    if (s->hv->ops->set_node_affinity(s->hv, s->dom.domid, s->steer.saved_nodes, &err)) {
        exclaim_log(LOG_WARNING, "domain %u: node affinity not put back: %s", s->dom.domid,
                    err.text);
    }
}
