/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves on their way: begun, watched, landed, and what a request to stop does to them. */
#include "../base/compat.h"
#include "../base/text.h"
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "refusal.h"

/* An XAPI that restarts is back within this; each try waits for it as long as the call may take. */
#define LOST_TRIES 12
#define LOST_MS    5000

static int more_first(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x < y) - (x > y);
}

/* Nonzero ones, largest first. */
static uint32_t sorted(const uint64_t *pages, uint32_t nr, uint64_t *out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < nr; i++) {
        if (pages[i]) {
            out[n++] = pages[i];
        }
    }
    qsort(out, n, sizeof(*out), more_first);
    return n;
}

bool evac_nodes(const struct exclaim_plan_move *move, uint64_t pages[EXCLAIM_NODES_MAX])
{
    bool all = true;

    memset(pages, 0, EXCLAIM_NODES_MAX * sizeof(*pages));
    for (uint32_t i = 0; i < move->nr_parts; i++) {
        if (move->part[i].dst_node < EXCLAIM_NODES_MAX) {
            pages[move->part[i].dst_node] += move->part[i].pages;
        } else {
            all = false;
        }
    }
    return all;
}

static void expect(struct evac_flight *f, const struct exclaim_plan_move *move)
{
    f->want_known = evac_nodes(move, f->takes) && move->shape_known;
    f->nr_want = sorted(f->takes, EXCLAIM_NODES_MAX, f->want);
}

void evac_be_patient(struct evac *e, bool begins)
{
    e->stop->patience = begins || e->nr_flights ? 3 : e->stop_told + 1;
}

int evac_take_off(struct evac *e, const struct exclaim_plan *plan, uint32_t move, uint32_t vm,
                  uint32_t to, const struct exclaim_xapi_task *task, struct exclaim_error *err)
{
    struct evac_result *r = evac_result(e, vm, to, err);
    struct evac_flight *f = &e->flight[e->nr_flights];

    if (!r) {
        return -1;
    }
    *f = (struct evac_flight){
        .vm = vm,
        .from = e->pool->vm[vm].host,
        .to = to,
        .move = move,
        .begun_ms = exclaim_now_ms(),
        .result = r,
    };
    f->permille = f->first_permille = task->permille;
    f->pages = move != EVAC_NO_MOVE ? plan->move[move].pages : e->pool->vm[vm].total_pages;
    e->way.begun_ms = e->way.begun_ms ? e->way.begun_ms : f->begun_ms;
    if (move == EVAC_NO_MOVE) {
        e->way.all_pages += f->pages; /* no plan has it */
    } else {
        expect(f, &plan->move[move]);
        f->planned = true;
        r->guarantee = plan->move[move].guarantee;
    }
    r->outcome = EVAC_ON_ITS_WAY;
    r->why[0] = '\0';
    e->task[e->nr_flights++] = *task;
    evac_be_patient(e, true);
    return 0;
}

/* Compares what came with what was planned; node numbers may differ, sizes may not. */
static void compare(struct evac *e, const struct evac_flight *f)
{
    const struct exclaim_pool *pool = e->pool;
    const struct exclaim_pool_vm *vm = &pool->vm[f->vm];
    struct evac_result *r = f->result;
    struct exclaim_error err = { 0 };
    uint64_t got[EXCLAIM_NODES_MAX];
    uint32_t nr;

    r->counted = false;
    if (exclaim_xapi_refresh(e->xapi, e->pool, f->to, &err)) {
        snprintf(r->why, sizeof(r->why), "not counted: %.480s", err.text);
        return;
    }
    if (vm->host != f->to || !vm->nr_nodes || !vm->exact) {
        snprintf(r->why, sizeof(r->why), "not counted: %.480s",
                 vm->host != f->to ? "the destination does not show it yet" : vm->why);
        return;
    }
    if (!f->want_known) {
        snprintf(r->why, sizeof(r->why), "%s", "not compared: its count before is not known");
        return;
    }
    nr = sorted(vm->pages, vm->nr_nodes, got);
    r->counted = true;
    r->pages = vm->total_pages;
    r->deviation = 0;
    for (uint32_t i = 0; i < f->nr_want; i++) {
        uint64_t there = i < nr ? got[i] : 0;

        r->deviation += f->want[i] > there ? f->want[i] - there : 0;
    }
    r->exact = !r->deviation && nr == f->nr_want;
    r->planned_nodes = r->exact && f->planned;
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        r->planned_nodes &= f->takes[n] == (n < vm->nr_nodes ? vm->pages[n] : 0);
    }
}

int evac_refused(struct evac *e, struct evac_result *r, uint32_t vm, uint32_t to, const char *code,
                 const char *why, struct exclaim_error *err)
{
    struct evac_ban *grown;

    switch (refusal_of(code)) {
    case REFUSAL_AGAIN:
        r->failures++;
        return 0;
    case REFUSAL_VM:
        r->failures = TRIES;
        return 0;
    case REFUSAL_PAIR:
        break;
    }
    grown = compat_reallocarray(e->ban, e->nr_bans + 1, sizeof(*grown));
    if (!grown) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "refused moves");
    }
    e->ban = grown;
    grown[e->nr_bans] = (struct evac_ban){ .vm = strdup(e->pool->vm[vm].uuid),
                                           .host = strdup(e->pool->host[to].uuid) };
    snprintf(grown[e->nr_bans].why, sizeof(grown[e->nr_bans].why), "XAPI refused it: %.230s", why);
    e->nr_bans++;
    return grown[e->nr_bans - 1].vm && grown[e->nr_bans - 1].host
               ? 0
               : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "refused moves");
}

/* A VM that does not run any more is the worst that can happen, and what happened to one will
 * happen to the next. */
static void lose(struct evac *e, struct evac_result *r, const char *state, const char *error)
{
    r->outcome = EVAC_LOST;
    snprintf(r->why, sizeof(r->why), "it does not run any more: %.16s after the move%s%.400s",
             *state ? state : "gone", *error ? ", " : "", error);
    e->lost++;
    snprintf(e->halted, sizeof(e->halted), "VM %.100s does not run any more after its move",
             r->name);
}

static int failed(struct evac *e, const struct evac_flight *f, const struct exclaim_xapi_task *task,
                  const struct exclaim_xapi_vm *now)
{
    const struct exclaim_pool *pool = e->pool;
    struct evac_result *r = f->result;
    const char *code = task->code;
    const char *where = !strcmp(now->host_ref, pool->host[f->from].ref) ? "runs where it was"
                                                                        : "runs on another host";

    /* Whoever cancelled it does not want it begun again; and it would take as long. */
    if (task->state == EXCLAIM_TASK_CANCELLED) {
        r->outcome = EVAC_CANCELLED;
        r->failures = TRIES;
        if (f->cancelled) {
            snprintf(r->why, sizeof(r->why),
                     "cancelled, as it took longer than %" PRIu32 " s; it %s", e->opt.move_seconds,
                     where);
        } else {
            snprintf(r->why, sizeof(r->why), "cancelled; it %s", where);
        }
        return 0;
    }
    r->outcome = EVAC_FAILED;
    snprintf(r->why, sizeof(r->why), "%.400s; it %s",
             task->state == EXCLAIM_TASK_SUCCESS ? "XAPI says that it has moved" : task->error.text,
             where);
    /* Two in a row that began and failed, each in its own way: the next one has no better chance.
     */
    if (refusal_of(code) == REFUSAL_AGAIN && task->state == EXCLAIM_TASK_FAILURE) {
        if (*e->last_failure && strcmp(e->last_failure, code) != 0) {
            snprintf(e->halted, sizeof(e->halted), "two moves in a row failed: %.60s, then %.300s",
                     e->last_failure, r->why);
        }
        snprintf(e->last_failure, sizeof(e->last_failure), "%s", code);
    }
    return evac_refused(e, r, f->vm, f->to, code, task->error.text, NULL);
}

/* What XAPI says of the VM counts, whatever it says of the task. */
static int land(struct evac *e, uint32_t i)
{
    struct exclaim_pool *pool = e->pool;
    struct evac_flight *f = &e->flight[i];
    struct exclaim_xapi_task *task = &e->task[i];
    struct evac_result *r = f->result;
    struct exclaim_xapi_vm now;
    struct exclaim_error err = { 0 };
    bool success = task->state == EXCLAIM_TASK_SUCCESS;
    int rc = 0;

    r->ms = exclaim_now_ms() - f->begun_ms;
    if (exclaim_xapi_vm(e->xapi, pool->vm[f->vm].ref, &now, &err)) {
        r->outcome = EVAC_UNKNOWN;
        snprintf(r->why, sizeof(r->why), "%.200s; where it is now: %.200s",
                 success ? "XAPI says that it has moved" : task->error.text, err.text);
    } else if (strcmp(now.state, "Running") != 0) {
        lose(e, r, now.state, success ? "" : task->error.text);
    } else if (strcmp(now.host_ref, pool->host[f->to].ref) != 0) {
        rc = failed(e, f, task, &now);
    } else {
        r->outcome = EVAC_DONE;
        e->way.landed_pages += f->pages;
        e->last_failure[0] = '\0';
        compare(e, f);
    }
    if (r->failures >= TRIES) {
        e->way.given_up_pages += f->pages;
    }
    f->pages = 0; /* it is not on its way any more */
    exclaim_xapi_forget(e->xapi, task);
    evac_tell(e, &(struct evac_event){
                     .kind = EVAC_EVENT_LANDED, .vm = f->vm, .to = f->to, .result = r });
    return rc;
}

static int land_ended(struct evac *e, uint32_t *ended)
{
    int rc = 0;

    for (uint32_t i = 0; i < e->nr_flights;) {
        if (e->task[i].state == EXCLAIM_TASK_PENDING) {
            i++;
            continue;
        }
        rc |= land(e, i);
        e->nr_flights--;
        e->flight[i] = e->flight[e->nr_flights];
        e->task[i] = e->task[e->nr_flights];
        (*ended)++;
    }
    evac_be_patient(e, false);
    return rc;
}

static void tell_progress(struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_flights; i++) {
        if (e->task[i].permille >= e->flight[i].permille + 100) {
            e->flight[i].permille = e->task[i].permille;
            evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_PROGRESS,
                                               .vm = e->flight[i].vm,
                                               .number = e->task[i].permille });
        }
    }
}

static void cancel_all(struct evac *e)
{
    struct exclaim_error err;

    for (uint32_t i = 0; i < e->nr_flights; i++) {
        if (exclaim_xapi_cancel(e->xapi, &e->task[i], &err)) {
            evac_note(e, "%s cannot be cancelled: %s", e->flight[i].result->name, err.text);
        }
    }
}

/* A move that is never over must not hold up those behind it. */
static void cancel_late(struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_flights && e->opt.move_seconds; i++) {
        struct evac_flight *f = &e->flight[i];
        struct exclaim_error err = { 0 };

        if (f->cancelled || e->task[i].state != EXCLAIM_TASK_PENDING ||
            exclaim_now_ms() - f->begun_ms < (int64_t)e->opt.move_seconds * 1000) {
            continue;
        }
        f->cancelled = true;
        evac_note(e, "%s: cancelling, as it takes longer than %" PRIu32 " s", f->result->name,
                  e->opt.move_seconds);
        if (exclaim_xapi_cancel(e->xapi, &e->task[i], &err)) {
            evac_note(e, "%s cannot be cancelled: %s", f->result->name, err.text);
        }
    }
}

bool evac_goes_on(struct evac *e)
{
    unsigned int asked = stop_asked(e->stop);

    if (e->opt.seconds && !*e->halted &&
        exclaim_now_ms() - e->begun_ms >= (int64_t)e->opt.seconds * 1000) {
        snprintf(e->halted, sizeof(e->halted), "the %" PRIu32 " s of --timeout are over",
                 e->opt.seconds);
        if (e->nr_flights) {
            evac_note(e, "%s: no further move begins, %" PRIu32 " on %s waited for", e->halted,
                      e->nr_flights, e->nr_flights == 1 ? "its way is" : "their way are");
        } else {
            evac_note(e, "%s: no further move begins", e->halted);
        }
    }

    if (asked <= e->stop_told) {
        return !asked && !e->events_lost && !*e->halted;
    }
    if (!e->stop_told) {
        evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_STOP, .number = e->nr_flights });
        if (e->nr_flights) {
            evac_note(e,
                      "stopping: no further move begins, %" PRIu32
                      " on %s waited for; again to cancel %s",
                      e->nr_flights, e->nr_flights == 1 ? "its way is" : "their way are",
                      e->nr_flights == 1 ? "it" : "them");
        }
    } else if (e->stop_told == 1 && e->nr_flights) {
        evac_note(e, "cancelling %" PRIu32 " move%s; once more to leave that to XAPI",
                  e->nr_flights, exclaim_s(e->nr_flights));
        cancel_all(e);
    }
    e->stop_told++;
    evac_be_patient(e, false);
    if (e->stop_told < asked) {
        return evac_goes_on(e);
    }
    return false;
}

/* XAPI goes on with its tasks; where they end is what a resumed run looks for. */
static int leave_alone(struct evac *e, const struct exclaim_error *why, struct exclaim_error *err)
{
    e->left_alone = true;
    for (uint32_t i = 0; i < e->nr_flights; i++) {
        e->flight[i].result->outcome = EVAC_UNKNOWN;
        snprintf(e->flight[i].result->why, sizeof(e->flight[i].result->why), "%s",
                 "left to XAPI, which may still move it");
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                        "%" PRIu32 " move%s left to XAPI, which goes on: %.300s", e->nr_flights,
                        exclaim_s(e->nr_flights), why ? why->text : "asked to stop three times");
}

int evac_wait(struct evac *e, uint32_t *ended, struct exclaim_error *err)
{
    struct exclaim_error lost = { 0 };
    uint32_t changed;
    int rc;

    *ended = 0;
    evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_STATUS });
    for (unsigned int try = 0;; try++) {
        evac_goes_on(e);
        if (e->stop->asked >= e->stop->patience) {
            return leave_alone(e, NULL, err);
        }
        if (!exclaim_xapi_wait(e->xapi, e->task, e->nr_flights, 1000, &changed, &lost)) {
            break;
        }
        if (e->stop->asked >= e->stop->patience) {
            return leave_alone(e, NULL, err);
        }
        if (try == LOST_TRIES) {
            return leave_alone(e, &lost, err);
        }
        if (!try) {
            evac_note(e, "XAPI does not answer, trying again: %s", lost.text);
        }
        stop_sleep(e->stop, LOST_MS);
    }
    cancel_late(e);
    if (changed) {
        tell_progress(e);
    }
    rc = land_ended(
        e, ended); /* some may have ended before an error, or never had a task to wait for */
    evac_goes_on(e);
    return rc ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "refused moves") : 0;
}
