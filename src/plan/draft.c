/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan while it grows, and the form in which it is handed out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

int plan_no_memory(struct exclaim_error *err)
{
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "plan");
}

/* Room for @more elements of @size at *list; NULL: no memory, and nothing has changed. */
static void *grow(void *list, uint32_t nr, uint32_t more, uint32_t *max, size_t size)
{
    void **at = list, *bigger;
    uint32_t want = *max ? *max : 64;

    if (*at && more <= *max - nr) {
        return *at;
    }
    while (want - nr < more) {
        if (want > UINT32_MAX / 2) {
            return NULL;
        }
        want *= 2;
    }
    bigger = realloc(*at, want * size);
    if (bigger) {
        *at = bigger;
        *max = want;
    }
    return bigger;
}

struct exclaim_plan_move *draft_move(struct draft *d)
{
    uint32_t max = d->max_moves;

    if (!grow(&d->first_part, d->nr_moves, 1, &max, sizeof(*d->first_part)) ||
        !grow(&d->move, d->nr_moves, 1, &d->max_moves, sizeof(*d->move))) {
        return NULL;
    }
    d->first_part[d->nr_moves] = d->nr_parts;
    d->move[d->nr_moves] = (struct exclaim_plan_move){ 0 };
    return &d->move[d->nr_moves++];
}

struct exclaim_part *draft_parts(struct draft *d, uint32_t nr)
{
    if (!grow(&d->part, d->nr_parts, nr, &d->max_parts, sizeof(*d->part))) {
        return NULL;
    }
    d->nr_parts += nr;
    d->move[d->nr_moves - 1].nr_parts += nr;
    return &d->part[d->nr_parts - nr];
}

struct exclaim_plan_step *draft_step(struct draft *d, enum exclaim_plan_step_kind kind,
                                     uint32_t host)
{
    if (!grow(&d->step, d->nr_steps, 1, &d->max_steps, sizeof(*d->step))) {
        return NULL;
    }
    d->step[d->nr_steps] = (struct exclaim_plan_step){
        .kind = kind, .host = host, .first_move = d->nr_moves, .first_stay = d->nr_stays
    };
    return &d->step[d->nr_steps++];
}

struct exclaim_misfit *draft_stay(struct draft *d)
{
    if (!grow(&d->stay, d->nr_stays, 1, &d->max_stays, sizeof(*d->stay))) {
        return NULL;
    }
    d->stay[d->nr_stays] = (struct exclaim_misfit){ 0 };
    return &d->stay[d->nr_stays++];
}

void draft_close(struct draft *d)
{
    free(d->move);
    free(d->first_part);
    free(d->part);
    free(d->step);
    free(d->stay);
    *d = (struct draft){ 0 };
}

int draft_finish(struct draft *d, struct exclaim_plan **plan, struct exclaim_error *err)
{
    struct exclaim_plan *p = calloc(1, sizeof(*p));

    if (!p) {
        draft_close(d);
        return plan_no_memory(err);
    }
    for (uint32_t i = 0; i < d->nr_moves; i++) {
        d->move[i].part = d->part + d->first_part[i];
    }
    *p = (struct exclaim_plan){
        .nr_steps = d->nr_steps,
        .step = d->step,
        .nr_moves = d->nr_moves,
        .move = d->move,
        .nr_stays = d->nr_stays,
        .stay = d->stay,
        .nr_waves = d->nr_waves,
        .blocked = d->blocked,
        .nr_strays = d->nr_strays,
        .memory = d->part,
    };
    free(d->first_part);
    *d = (struct draft){ 0 };
    *plan = p;
    return 0;
}

void exclaim_plan_free(struct exclaim_plan *plan)
{
    if (plan) {
        free(plan->step);
        free(plan->move);
        free(plan->stay);
        free(plan->memory);
        free(plan);
    }
}

/* How many moves of each host a wave has; the first wave that is not full is kept, so that a long
 * step costs no more per move than a short one. */
struct busy {
    uint32_t *in, *out; /* [host * waves + wave] */
    uint32_t *first_in, *first_out;
    uint32_t waves;
};

static void busy_close(struct busy *b)
{
    free(b->in);
    free(b->out);
    free(b->first_in);
    free(b->first_out);
}

int draft_waves(struct draft *d, const struct state *s, uint32_t first, uint32_t first_wave)
{
    const uint32_t hosts = s->pool->nr_hosts, nr = d->nr_moves - first;
    uint32_t *out = calloc(hosts + 1u, sizeof(*out)), *in = calloc(hosts + 1u, sizeof(*in)),
             most = 0;
    struct busy b = { 0 };
    int r = -1;

    if (!out || !in) {
        goto out;
    }
    for (uint32_t i = first; i < d->nr_moves; i++) {
        out[d->move[i].from < hosts ? d->move[i].from : hosts]++;
        in[d->move[i].to]++;
    }
    /* A move is held up by moves of its source and of its destination only. */
    for (uint32_t h = 0; h < hosts; h++) {
        const uint32_t w = out[h] / s->opt.max_out + in[h] / s->opt.max_in + 2;

        most = w > most ? w : most;
    }
    b.waves = 1 + (most * 2 < nr ? most * 2 : nr);
    b.in = calloc((size_t)(hosts + 1u) * b.waves, sizeof(*b.in));
    b.out = calloc((size_t)(hosts + 1u) * b.waves, sizeof(*b.out));
    b.first_in = calloc(hosts + 1u, sizeof(*b.first_in));
    b.first_out = calloc(hosts + 1u, sizeof(*b.first_out));
    if (!b.in || !b.out || !b.first_in || !b.first_out) {
        goto out;
    }
    for (uint32_t i = first; i < d->nr_moves; i++) {
        struct exclaim_plan_move *m = &d->move[i];
        /* One that runs nowhere yet has no source to be kept busy. */
        const uint32_t source = m->from < hosts ? m->from : hosts;
        const uint32_t max_out = m->from < hosts ? s->opt.max_out : UINT32_MAX;
        uint32_t *from = &b.out[(size_t)source * b.waves], *to = &b.in[(size_t)m->to * b.waves];
        uint32_t w =
            b.first_in[m->to] > b.first_out[source] ? b.first_in[m->to] : b.first_out[source];

        while (from[w] >= max_out || to[w] >= s->opt.max_in) {
            w++;
        }
        from[w]++;
        to[w]++;
        while (from[b.first_out[source]] >= max_out) {
            b.first_out[source]++;
        }
        while (to[b.first_in[m->to]] >= s->opt.max_in) {
            b.first_in[m->to]++;
        }
        m->wave = first_wave + w;
        m->after = first_wave;
        d->nr_waves = m->wave + 1 > d->nr_waves ? m->wave + 1 : d->nr_waves;
    }
    r = 0;
out:
    busy_close(&b);
    free(out);
    free(in);
    return r;
}
