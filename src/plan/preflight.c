/* SPDX-License-Identifier: BSD-2-Clause */
/* Every VM against every host, all together, and what would help. */
#include <stdlib.h>
#include <string.h>

#include "work.h"

struct preflight {
    struct exclaim_preflight *out;
    uint32_t max_changes;
    const bool *asked; /* by host */
};

static enum exclaim_guarantee match_guarantee(const struct exclaim_pool_host *host,
                                              const struct exclaim_match *match)
{
    uint32_t nodes = 0;

    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        nodes += match->pages[n] > 0;
    }
    return nodes > 1 ? host->several_nodes : host->one_node;
}

/* @room is the host's; on it this VM's arrival pages are charged to every node. */
static void fill_cell(const struct state *s, const struct pack *p, const struct pack_item *item,
                      const struct exclaim_reservation *res, struct exclaim_room *room,
                      struct exclaim_preflight_cell *cell)
{
    const struct exclaim_match_options opt = { .stray_pages = s->opt.stray_pages };
    const struct exclaim_pool_host *host = &s->pool->host[cell->host];
    struct exclaim_match match;

    assign_misfit(s, p, item, cell->host, false, &cell->misfit);
    if (state_forbids(s, cell->vm, cell->host) != EXCLAIM_FITS ||
        cell->misfit.why == EXCLAIM_MISFIT_GPU) {
        return;
    }
    if (!item->counted || !p->host[cell->host].known) {
        cell->fits = !s->opt.whole_parts && pack_takes_fluid(p, item, cell->host);
        cell->shape = EXCLAIM_MATCH_SPLIT;
        cell->guarantee =
            host->one_node < host->several_nodes ? host->one_node : host->several_nodes;
        return;
    }
    if (!exclaim_match_arrival(res, room, (uint64_t)item->arrival, &opt, &match, NULL)) {
        cell->shape_known = true;
        cell->shape = match.shape;
        cell->guarantee = match_guarantee(host, &match);
        cell->whole = match.shape == EXCLAIM_MATCH_SAME ||
                      (match.shape == EXCLAIM_MATCH_RENUMBERED && !item->pinned);
        cell->fits = cell->whole || (!s->opt.whole_parts && !item->pinned);
    }
    if (cell->whole) {
        cell->misfit.why = EXCLAIM_FITS;
    }
}

static int fill_cells(const struct state *s, const struct pack *p, const uint32_t *host,
                      struct exclaim_preflight *out)
{
    struct exclaim_room *room = calloc(out->nr_hosts + 1u, sizeof(*room));
    struct exclaim_reservation *res = calloc(1, sizeof(*res));

    if (!room || !res) {
        free(room);
        free(res);
        return -1;
    }
    for (uint32_t h = 0; h < out->nr_hosts; h++) {
        exclaim_plan_room(s->pool, host[h], &room[h]);
    }
    for (uint32_t i = 0; i < out->nr_vms; i++) {
        exclaim_plan_reservation(s->pool, p->item[i].vm, res);
        for (uint32_t h = 0; h < out->nr_hosts; h++) {
            struct exclaim_preflight_cell *cell = &out->cell[(size_t)i * out->nr_hosts + h];

            cell->vm = p->item[i].vm;
            cell->host = host[h];
            fill_cell(s, p, &p->item[i], res, &room[h], cell);
        }
    }
    free(room);
    free(res);
    return 0;
}

static int add_change(struct preflight *f, const struct exclaim_change *change)
{
    struct exclaim_preflight *out = f->out;

    if (out->nr_changes == f->max_changes) {
        const uint32_t max = f->max_changes ? 2 * f->max_changes : 32;
        void *more = realloc(out->change, max * sizeof(*out->change));

        if (!more) {
            return -1;
        }
        out->change = more;
        f->max_changes = max;
    }
    out->change[out->nr_changes++] = *change;
    return 0;
}

/* What @host has left once the plan is done; for one that is no target, as it is now. */
static int64_t left_on(const struct state *s, const struct pack *p, uint32_t host, uint32_t id)
{
    const struct pack_host *h = &p->host[host];

    for (uint32_t n = h->first; h->target && n < h->first + h->nr; n++) {
        if (p->node[n].id == id) {
            return p->node[n].left;
        }
    }
    return h->target ? 0 : s->host[host].node[id];
}

/* Whether the GPUs of @host take those of a bystander too, once the plan is done. */
static bool gpus_take(const struct state *s, const struct pack *p, uint32_t vm, uint32_t host)
{
    const struct pack_item item = { .nr_vgpus = s->pool->vm[vm].nr_vgpus,
                                    .vgpu = s->pool->vm[vm].vgpu };

    return pack_gpus_take(p, &item, host, 0);
}

/* Whether a bystander would keep its shape on @host. */
static bool fits_there(const struct state *s, const struct pack *p, uint32_t vm, uint32_t host)
{
    const struct draft none = { 0 };
    const int64_t arrival = (int64_t)s->pool->vm[vm].arrival_pages;
    bool taken[EXCLAIM_NODES_MAX] = { false };
    struct layout l;

    state_layout(s, &none, vm, &s->vm[vm], &l);
    if (state_forbids(s, vm, host) != EXCLAIM_FITS || !s->host[host].known || !l.known ||
        s->pool->vm[vm].pinned || p->host[host].fluid || !gpus_take(s, p, vm, host) ||
        (p->host[host].target ? p->host[host].left : s->host[host].left) < l.total + arrival ||
        p->host[host].spare < arrival + l.strays) {
        return false;
    }
    for (uint32_t k = 0; k < l.nr; k++) {
        uint32_t n = 0;

        while (n < s->pool->host[host].nr_nodes &&
               (taken[n] || !(s->pool->host[host].online >> n & 1) ||
                left_on(s, p, host, n) < l.pages[k] + arrival + l.strays)) {
            n++;
        }
        if (n == s->pool->host[host].nr_nodes) {
            return false;
        }
        taken[n] = true;
    }
    return true;
}

/* The smallest VM of the host that has what is lacking there, and where it could go. */
static bool find_move(const struct state *s, const struct pack *p,
                      const struct exclaim_misfit *misfit, struct exclaim_change *change)
{
    bool found = false;

    for (uint32_t v = s->host[misfit->host].head; v != EXCLAIM_NO_VM; v = s->vm[v].next) {
        const struct exclaim_pool_vm *vm = &s->pool->vm[v];
        uint64_t pages = vm->total_pages;

        if (misfit->node != EXCLAIM_NO_NODE) {
            pages = misfit->node < vm->nr_nodes ? vm->pages[misfit->node] : 0;
        }
        if (pages < misfit->short_by || (found && pages >= change->pages)) {
            continue;
        }
        for (uint32_t h = 0; h < s->pool->nr_hosts; h++) {
            if (h != misfit->host && fits_there(s, p, v, h)) {
                change->pages = pages;
                change->other = v;
                change->other_host = h;
                found = true;
                break;
            }
        }
    }
    return found;
}

/* Whether @item fits with so much more on the host and, unless PACK_NONE, on one of its nodes. */
static bool fits_with(struct pack *p, const struct pack_item *item, uint32_t host, uint32_t node,
                      int64_t more)
{
    struct pack_host *h = &p->host[host];
    const struct pack_host was = *h;
    uint32_t where[EXCLAIM_NODES_MAX];
    int64_t slack;
    bool fits;

    h->left += more;
    if (node != PACK_NONE) {
        p->node[node].left += more;
    }
    h->spare = INT64_MAX;
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        if (p->node[n].parts && p->node[n].left < h->spare) {
            h->spare = p->node[n].left;
        }
    }
    fits = pack_fit(p, item, host, where, &slack);
    if (node != PACK_NONE) {
        p->node[node].left -= more;
    }
    *h = was;
    return fits;
}

/* Whether @item lacks nothing but what @misfit says: another of its parts may lack something too.
 * What a host lacks may have to be on a certain node, which @misfit then names. */
static bool is_all(struct pack *p, const struct pack_item *item, struct exclaim_misfit *misfit)
{
    const struct pack_host *h = &p->host[misfit->host];
    const int64_t more = (int64_t)misfit->short_by;

    if (misfit->node == EXCLAIM_NO_NODE && fits_with(p, item, misfit->host, PACK_NONE, more)) {
        return true;
    }
    for (uint32_t n = h->first; n < h->first + h->nr; n++) {
        if ((misfit->node == EXCLAIM_NO_NODE || p->node[n].id == misfit->node) &&
            fits_with(p, item, misfit->host, n, more)) {
            misfit->node = h->nr > 1 ? p->node[n].id : misfit->node;
            return true;
        }
    }
    return false;
}

/* A host that would take it if it were enabled; PACK_NONE. */
static uint32_t closed_that_fits(const struct preflight *f, const struct state *s,
                                 const struct pack *p, uint32_t vm)
{
    uint32_t found = PACK_NONE;

    for (uint32_t h = 0; h < p->nr_hosts && found == PACK_NONE; h++) {
        if (!f->asked[h] || s->host[h].enabled || s->pool->host[h].dead) {
            continue;
        }
        s->host[h].enabled = true;
        found = fits_there(s, p, vm, h) ? h : PACK_NONE;
        s->host[h].enabled = false;
    }
    return found;
}

/* From the mildest to the one that gives up the shape. */
static int changes_of(struct preflight *f, const struct state *s, struct pack *p, uint32_t index)
{
    struct pack_item *item = &p->item[index];
    const uint32_t was = item->host;
    struct exclaim_misfit best = { .why = EXCLAIM_FITS }, misfit;
    struct exclaim_change c = { .vm = item->vm };
    uint32_t flows = was;
    int r = 0;

    if (was != PACK_NONE) {
        pack_take(p, index);
    }
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        assign_misfit(s, p, item, h, false, &misfit);
        if (misfit.need && misfit.short_by && (!best.need || misfit.short_by < best.short_by) &&
            is_all(p, item, &misfit)) {
            best = misfit;
        }
        if (flows == PACK_NONE && !p->whole_parts && pack_takes_fluid(p, item, h)) {
            flows = h;
        }
    }
    c.host = best.host;
    c.node = best.node;
    c.pages = best.short_by;
    c.other = EXCLAIM_NO_VM;
    c.other_host = EXCLAIM_NO_HOST;
    if (best.need) {
        if (best.short_by < (uint64_t)item->total / 2) {
            c.kind = EXCLAIM_CHANGE_BALLOON;
            r |= add_change(f, &c);
        }
        if (exclaim_pool_givable(s->pool, best.host, best.node, &c.other) >= best.short_by) {
            c.kind = EXCLAIM_CHANGE_GIVE;
            r |= add_change(f, &c);
        }
        c.other = EXCLAIM_NO_VM;
        c.kind = EXCLAIM_CHANGE_MOVE;
        if (find_move(s, p, &best, &c)) {
            r |= add_change(f, &c);
        }
        c.pages = best.short_by;
        c.other = EXCLAIM_NO_VM;
        c.other_host = EXCLAIM_NO_HOST;
        c.kind = best.node == EXCLAIM_NO_NODE ? EXCLAIM_CHANGE_HOST_ROOM : EXCLAIM_CHANGE_NODE_ROOM;
        r |= add_change(f, &c);
    }
    c.host = closed_that_fits(f, s, p, item->vm);
    if (c.host != PACK_NONE) {
        c.kind = EXCLAIM_CHANGE_ENABLE;
        c.node = EXCLAIM_NO_NODE;
        c.pages = 0;
        r |= add_change(f, &c);
    }
    if (flows != PACK_NONE) {
        assign_misfit(s, p, item, flows, false, &misfit);
    }
    /* Where the shape is not known, nothing says that it is given up. */
    if (flows != PACK_NONE && misfit.why != EXCLAIM_MISFIT_UNKNOWN &&
        misfit.why != EXCLAIM_MISFIT_COUNT) {
        c.kind = EXCLAIM_CHANGE_SPLIT;
        c.host = flows;
        c.node = EXCLAIM_NO_NODE;
        c.pages = 0;
        r |= add_change(f, &c);
    }
    if (was != PACK_NONE) {
        pack_pour(p, index, was);
    }
    return r;
}

static int find_changes(const struct state *s, struct pack *p, void *arg)
{
    struct preflight *f = arg;

    for (uint32_t i = 0; i < p->nr_items; i++) {
        if ((p->item[i].host == PACK_NONE || p->item[i].fluid) && changes_of(f, s, p, i)) {
            return -1;
        }
    }
    return 0;
}

void exclaim_preflight_free(struct exclaim_preflight *preflight)
{
    if (preflight) {
        exclaim_plan_free(preflight->together);
        free(preflight->cell);
        free(preflight->change);
        free(preflight);
    }
}

static int cells_of(struct state *s, const struct assignment *a, const uint32_t *host,
                    struct exclaim_preflight *out)
{
    const struct draft none = { 0 };
    struct pack p;
    int r = -1;

    if (!assign_build(s, &none, a, &p)) {
        r = fill_cells(s, &p, host, out);
        pack_close(&p);
    }
    return r;
}

int exclaim_preflight(const struct exclaim_pool *pool, const uint32_t *vm, uint32_t nr_vms,
                      const uint32_t *host, uint32_t nr_hosts,
                      const struct exclaim_plan_options *opt, struct exclaim_preflight **preflight,
                      struct exclaim_error *err)
{
    bool asked[EXCLAIM_POOL_HOSTS] = { false }, target[EXCLAIM_POOL_HOSTS] = { false };
    struct preflight f = { .out = calloc(1, sizeof(*f.out)) };
    const struct assignment a = {
        .vm = vm, .nr_vms = nr_vms, .target = target, .solved = find_changes, .arg = &f
    };
    struct draft d = { 0 };
    struct state s = { 0 };
    int r = -1;

    *preflight = NULL;
    if (!f.out) {
        return plan_no_memory(err);
    }
    if (plan_check_hosts(pool, host, nr_hosts, err) || plan_check_vms(pool, vm, nr_vms, err) ||
        state_open(&s, pool, opt, err)) {
        goto out;
    }
    for (uint32_t i = 0; i < nr_hosts; i++) {
        asked[host[i]] = true;
        /* A host that takes no VMs is no room for any: it must not count in what is proven. */
        target[host[i]] = pool->host[host[i]].enabled;
    }
    f.out->nr_vms = nr_vms;
    f.out->nr_hosts = nr_hosts;
    f.out->cell = calloc((size_t)nr_vms * nr_hosts + 1, sizeof(*f.out->cell));
    f.asked = asked;
    if (!f.out->cell ||
        cells_of(&s, &(struct assignment){ .vm = vm, .nr_vms = nr_vms, .target = asked }, host,
                 f.out) ||
        !draft_step(&d, EXCLAIM_STEP_EVACUATE, EXCLAIM_NO_HOST)) {
        plan_no_memory(err);
        goto out;
    }
    r = assign_step(&s, &d, &a, 0, err);
    r = r ? r : draft_finish(&d, &f.out->together, err);
out:
    draft_close(&d);
    state_close(&s);
    if (r) {
        exclaim_preflight_free(f.out);
    } else {
        *preflight = f.out;
    }
    return r;
}
