/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMs go back to where they were at the start, onto the nodes where they were.
 *
 * In rounds: all that can go now, go; what they leave is free for the next round.  If nobody can,
 * it is because others stand in the way that wait for room themselves: then the VM that needs least
 * gets its place by sending those away for the time being.  Every such move brings at least one VM
 * home, so this ends.
 */
#include <stdlib.h>
#include <string.h>

#include "work.h"

static bool homeless(const struct state *s, uint32_t vm, uint32_t host)
{
    const uint32_t home = s->pool->vm[vm].host;

    return home < s->pool->nr_hosts && s->vm[vm].host != home &&
           (host == EXCLAIM_NO_HOST || home == host);
}

/* As it lay at the start, strays folded into the largest part. */
static void first_layout(const struct state *s, const struct draft *d, uint32_t vm,
                         struct layout *l)
{
    const struct state_vm start = { .host = s->pool->vm[vm].host };

    state_layout(s, d, vm, &start, l);
    l->pages[0] += l->strays;
}

/* What @vm lacks at home if @without (or nobody: EXCLAIM_NO_VM) were gone from there. */
static int64_t lacks(const struct state *s, const struct draft *d, uint32_t vm, uint32_t without)
{
    const uint32_t home = s->pool->vm[vm].host;
    const struct state_host *h = &s->host[home];
    struct layout l, gone = { .nr = 0 };
    int64_t lack, host_left = h->left;

    first_layout(s, d, vm, &l);
    if (without != EXCLAIM_NO_VM) {
        state_layout(s, d, without, &s->vm[without], &gone);
        host_left += gone.total + s->vm[without].arrival;
        gone.pages[0] += gone.strays;
    }
    lack = l.total > host_left ? l.total - host_left : 0;
    if (!lack && !state_gpus_take(s, vm, home, without)) {
        lack = 1; /* a place on a GPU, which no page stands for */
    }
    for (uint32_t k = 0; k < l.nr && h->known && l.known; k++) {
        int64_t left = h->node[l.node[k]];

        if (without != EXCLAIM_NO_VM) {
            left += s->vm[without].loose;
            for (uint32_t i = 0; i < gone.nr && gone.known; i++) {
                left += gone.node[i] == l.node[k] ? gone.pages[i] : 0;
            }
        }
        if (l.pages[k] > left && l.pages[k] - left > lack) {
            lack = l.pages[k] - left;
        }
    }
    return lack;
}

/* From the parts that it is in now to those it was in: pages in the order of both. */
static uint32_t repart(const struct layout *from, const struct layout *to,
                       struct exclaim_part *part)
{
    int64_t left = from->pages[0], want = to->pages[0];
    uint32_t nr = 0, i = 0, k = 0;

    while (i < from->nr && k < to->nr) {
        const int64_t pages = left < want ? left : want;

        if (pages > 0) {
            part[nr++] = (struct exclaim_part){ .src_node = from->node[i],
                                                .dst_node = to->node[k],
                                                .pages = (uint64_t)pages };
        }
        left -= pages;
        want -= pages;
        if (!left && ++i < from->nr) {
            left = from->pages[i];
        }
        if (!want && ++k < to->nr) {
            want = to->pages[k];
        }
    }
    return nr;
}

int back_home(struct state *s, struct draft *d, uint32_t vm, bool *done, struct state_vm *was)
{
    const uint32_t home = s->pool->vm[vm].host;
    struct exclaim_part part[EXCLAIM_PARTS_MAX], *to;
    struct exclaim_plan_move *m;
    struct layout now, then;
    uint32_t nr;

    *done = false;
    if (state_forbids(s, vm, home) != EXCLAIM_FITS || lacks(s, d, vm, EXCLAIM_NO_VM) > 0) {
        return 0;
    }
    state_layout(s, d, vm, &s->vm[vm], &now);
    first_layout(s, d, vm, &then);
    now.pages[0] += now.strays;
    if (!s->host[home].known || !then.known) {
        then.nr = 1;
        then.pages[0] = then.total;
        then.node[0] = EXCLAIM_NO_NODE;
    }
    nr = repart(&now, &then, part);
    m = draft_move(d);
    to = m ? draft_parts(d, nr) : NULL;
    if (!to) {
        return -1;
    }
    memcpy(to, part, nr * sizeof(*part));
    m = &d->move[d->nr_moves - 1];
    m->vm = vm;
    m->from = s->vm[vm].host;
    m->to = home;
    m->back = true;
    m->shape = plan_shape(part, nr);
    m->shape_known = now.known && then.known && s->host[home].known && s->pool->vm[vm].exact;
    m->kept = m->shape_known && m->shape <= EXCLAIM_MATCH_RENUMBERED;
    m->guarantee = plan_guarantee(&s->pool->host[home], s->host[home].known, part, nr);
    m->pages = (uint64_t)then.total;
    m->arrival_pages = s->pool->vm[vm].arrival_pages;
    if (!m->shape_known) {
        m->shape = EXCLAIM_MATCH_SPLIT;
    }
    /* What it takes beyond its pages it took at the start too, and that was never given back. */
    *was = state_arrive(s, d, vm, home, d->nr_moves - 1, 0, 0);
    s->vm[vm].intact = true;
    *done = true;
    return 0;
}

/* One round; *nr says how many went. */
static int round_home(struct state *s, struct draft *d, uint32_t *vm, uint32_t nr_vms,
                      struct state_vm *was, uint32_t *nr)
{
    const uint32_t first = d->nr_moves;

    *nr = 0;
    for (uint32_t i = 0; i < nr_vms; i++) {
        bool done = false;

        if (s->vm[vm[i]].host != s->pool->vm[vm[i]].host &&
            back_home(s, d, vm[i], &done, &was[*nr])) {
            return -1;
        }
        *nr += done;
    }
    if (draft_waves(d, s, first, d->nr_waves)) {
        return -1;
    }
    for (uint32_t i = 0; i < *nr; i++) {
        state_release(s, d, d->move[first + i].vm, &was[i]);
    }
    return 0;
}

/* @vm to any other host but @home's; *done says whether it has a place. */
static int send_away(struct state *s, struct draft *d, uint32_t vm, uint32_t home, bool *done,
                     struct exclaim_error *err)
{
    bool target[EXCLAIM_POOL_HOSTS] = { false };
    const struct assignment a = { .vm = &vm, .nr_vms = 1, .target = target };
    const uint32_t step = d->nr_steps - 1, stays = d->nr_stays, moves = d->nr_moves;
    const struct exclaim_plan_step was = d->step[step];
    const bool whole = s->opt.whole_parts;
    int r;

    for (uint32_t h = 0; h < s->pool->nr_hosts; h++) {
        target[h] = s->host[h].enabled && h != home;
    }
    s->opt.whole_parts = true;
    r = assign_step(s, d, &a, step, err);
    s->opt.whole_parts = whole;
    d->step[step] = was;
    d->nr_stays = stays;
    *done = !r && d->nr_moves > moves;
    if (*done) {
        d->move[moves].temporary = true;
        d->move[moves].back = false;
    }
    return r;
}

/* Room for the VM that one other keeps from home, the pair with least to move; else none. */
static int make_room(struct state *s, struct draft *d, const uint32_t *vm, uint32_t nr_vms,
                     bool *done, struct exclaim_error *err)
{
    uint64_t limit = UINT64_MAX, tried = 0;

    *done = false;
    for (uint32_t attempt = 0; attempt < 64 && !*done; attempt++) {
        uint32_t away = EXCLAIM_NO_VM, home = EXCLAIM_NO_HOST;
        uint64_t best = limit;

        for (uint32_t i = 0; i < nr_vms; i++) {
            const uint32_t to = s->pool->vm[vm[i]].host;

            if (s->vm[vm[i]].host == to || state_forbids(s, vm[i], to) != EXCLAIM_FITS) {
                continue;
            }
            for (uint32_t x = s->host[to].head; x != EXCLAIM_NO_VM; x = s->vm[x].next) {
                /* Each is tried once, smallest first: pages with the index behind them. */
                const uint64_t key = s->pool->vm[x].total_pages << 20 | x;

                if (s->pool->vm[x].host != to && key < best && key > tried &&
                    !lacks(s, d, vm[i], x)) {
                    best = key;
                    away = x;
                    home = to;
                }
            }
        }
        if (away == EXCLAIM_NO_VM) {
            return 0;
        }
        tried = best;
        if (send_away(s, d, away, home, done, err)) {
            return -1;
        }
    }
    return 0;
}

/* Where no single one stands in the way: all strangers from the home that lacks least. */
static int clear_home(struct state *s, struct draft *d, const uint32_t *vm, uint32_t nr_vms,
                      bool *done, struct exclaim_error *err)
{
    *done = false;
    for (uint32_t i = 0; i < nr_vms && !*done; i++) {
        const uint32_t to = s->pool->vm[vm[i]].host;

        if (s->vm[vm[i]].host == to || state_forbids(s, vm[i], to) != EXCLAIM_FITS) {
            continue;
        }
        for (uint32_t x = s->host[to].head, next; x != EXCLAIM_NO_VM && !*done; x = next) {
            bool gone;

            next = s->vm[x].next;
            if (s->pool->vm[x].host == to) {
                continue;
            }
            if (send_away(s, d, x, to, &gone, err)) {
                return -1;
            }
            *done = !lacks(s, d, vm[i], EXCLAIM_NO_VM);
        }
    }
    return 0;
}

static int by_pages(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x > y ? -1 : x < y;
}

/* Those that are not at home, largest first. */
static int list_homeless(const struct state *s, uint32_t host, uint32_t **vm, uint32_t *nr)
{
    uint64_t *key = calloc(s->pool->nr_vms + 1u, sizeof(*key));

    *vm = calloc(s->pool->nr_vms + 1u, sizeof(**vm));
    *nr = 0;
    if (!key || !*vm) {
        free(key);
        return -1;
    }
    for (uint32_t v = 0; v < s->pool->nr_vms; v++) {
        if (homeless(s, v, host)) {
            key[(*nr)++] = s->pool->vm[v].total_pages << 20 | v;
        }
    }
    qsort(key, *nr, sizeof(*key), by_pages);
    for (uint32_t i = 0; i < *nr; i++) {
        (*vm)[i] = (uint32_t)(key[i] & ((1u << 20) - 1));
    }
    free(key);
    return 0;
}

static int emit_strays(struct state *s, struct draft *d, const uint32_t *vm, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++) {
        const uint32_t home = s->pool->vm[vm[i]].host;
        struct exclaim_misfit *stay;
        int64_t lack;

        if (s->vm[vm[i]].host == home) {
            continue;
        }
        stay = draft_stay(d);
        if (!stay) {
            return -1;
        }
        lack = lacks(s, d, vm[i], EXCLAIM_NO_VM);
        *stay = (struct exclaim_misfit){ .why = state_forbids(s, vm[i], home),
                                         .vm = vm[i],
                                         .host = home,
                                         .src_node = EXCLAIM_NO_NODE,
                                         .node = EXCLAIM_NO_NODE };
        if (stay->why == EXCLAIM_FITS && !state_gpus_take(s, vm[i], home, EXCLAIM_NO_VM)) {
            stay->why = EXCLAIM_MISFIT_GPU;
        } else if (stay->why == EXCLAIM_FITS) {
            stay->why = EXCLAIM_MISFIT_TOGETHER;
            stay->need = s->pool->vm[vm[i]].total_pages;
            stay->short_by = (uint64_t)lack;
            stay->free = stay->need > stay->short_by ? stay->need - stay->short_by : 0;
        }
        d->nr_strays++;
    }
    return 0;
}

int back_step(struct state *s, struct draft *d, uint32_t host, struct exclaim_error *err)
{
    struct exclaim_plan_step *step = draft_step(d, EXCLAIM_STEP_BACK, host);
    const uint32_t at = d->nr_steps - 1, before = d->nr_strays;
    uint32_t *vm = NULL, nr = 0, went, intact = 0, kept = 0, temporary = 0;
    struct state_vm *was = NULL;
    int r = -1;

    if (!step || list_homeless(s, host, &vm, &nr)) {
        goto no_memory;
    }
    was = calloc(nr + 1u, sizeof(*was));
    if (!was) {
        goto no_memory;
    }
    for (uint32_t i = 0; i < nr; i++) {
        intact += s->vm[vm[i]].intact && s->pool->vm[vm[i]].exact;
    }
    for (;;) {
        bool room = false;

        if (round_home(s, d, vm, nr, was, &went)) {
            goto no_memory;
        }
        if (went) {
            continue;
        }
        if (temporary > 2 * nr || make_room(s, d, vm, nr, &room, err) ||
            (!room && clear_home(s, d, vm, nr, &room, err)) || !room) {
            break;
        }
        temporary++;
    }
    if (emit_strays(s, d, vm, nr)) {
        goto no_memory;
    }
    step = &d->step[at];
    step->nr_moves = d->nr_moves - step->first_move;
    step->nr_stays = d->nr_stays - step->first_stay;
    for (uint32_t i = step->first_move; i < d->nr_moves; i++) {
        kept += d->move[i].kept && d->move[i].back;
    }
    step->proof.back = true;
    step->proof.nr_vms = nr;
    step->proof.leave = (struct exclaim_plan_goal){ nr - (d->nr_strays - before), nr };
    step->proof.keep = (struct exclaim_plan_goal){ kept, kept > intact ? kept : intact };
    if (step->proof.leave.reached < nr) {
        step->proof.why_leave.kind = step->proof.why_keep.kind = EXCLAIM_REASON_LIMIT;
    }
    r = 0;
    goto out;
no_memory:
    plan_no_memory(err);
out:
    free(vm);
    free(was);
    return r;
}
