/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One plan carried out.  Before each move the destination is read again, and the move begins only
 * if the VM still fits there as planned with all that is on its way there.  Where it does not, it
 * waits for what is on its way; if nothing is, it is given up, and the next round plans anew.
 */
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"

enum move_state { MOVE_WAITS, MOVE_FLIES, MOVE_ENDED };
enum verdict { GO, LATER, NEVER };

struct round {
    struct evac *e;
    const struct exclaim_plan *plan;
    enum move_state *state;              /* per move */
    int64_t read_ms[EXCLAIM_POOL_HOSTS]; /* when a host was last read again */
    struct exclaim_match match; /* of the move checked last, as its destination would match now */
    bool other_nodes;           /* it is known, and takes other nodes than the plan */
    bool waited_for[EXCLAIM_POOL_HOSTS]; /* no room on it as last read, and nothing landed since */
    uint32_t moved;
    bool again;
};

/* A source's counts that are older than this are read again before a move. */
#define SOURCE_OLD_MS 10000

/* Of many moves that wait for room on one host, each needs no reading of its own: that may be a
 * console dump. */
#define TARGET_OLD_MS 1000

/* XAPI may let a move wait for others. */
#define NOTE_SECONDS 1800

/* How often and how far apart a VM is looked at whose migration may have begun. */
#define LOST_LOOKS   10
#define LOST_LOOK_MS 500

static void give_up(struct round *r, uint32_t m, const char *why)
{
    const struct exclaim_plan_move *move = &r->plan->move[m];
    const struct exclaim_pool *pool = r->e->pool;

    r->state[m] = MOVE_ENDED;
    r->again = true;
    snprintf(r->e->given_up, sizeof(r->e->given_up), "%.128s: %.380s",
             exclaim_pool_vm_name(pool, move->vm), why);
    evac_tell(r->e, &(struct evac_event){
                        .kind = EVAC_EVENT_GIVEN_UP, .vm = move->vm, .to = move->to, .text = why });
}

/* The plugin's numbers can be read again; XAPI's own would only be as stale as before. */
static bool readable(const struct exclaim_pool_host *host)
{
    return host->free_source > EXCLAIM_FROM_NOWHERE && host->free_source < EXCLAIM_COUNT_WAYS;
}

static int read_again(struct round *r, uint32_t host, struct exclaim_error *err)
{
    struct exclaim_pool *pool = r->e->pool;

    if (!readable(&pool->host[host])) {
        return 0;
    }
    if (exclaim_xapi_refresh(r->e->xapi, pool, host, err)) {
        return -1;
    }
    r->read_ms[host] = exclaim_now_ms();
    return 0;
}

/* What was on its way when it was read is charged still. */
static bool just_read(const struct round *r, uint32_t host)
{
    int64_t age = exclaim_now_ms() - r->read_ms[host];

    return r->waited_for[host] && age >= 0 && age < TARGET_OLD_MS;
}

/* What is on its way to @host, as if none of it had arrived yet: too much rather than too little.
 */
static void charge_flights(const struct round *r, uint32_t host, struct exclaim_pool_host *to,
                           bool *any)
{
    const struct evac *e = r->e;

    for (uint32_t i = 0; i < e->nr_flights; i++) {
        const struct exclaim_plan_move *move;

        if (e->flight[i].to != host || e->flight[i].move == EVAC_NO_MOVE) {
            continue;
        }
        *any = true;
        move = &r->plan->move[e->flight[i].move];
        to->host_claimed += move->pages + move->arrival_pages;
        for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
            if (e->flight[i].takes[n]) {
                to->claimed[n] += e->flight[i].takes[n] + move->arrival_pages;
            }
        }
    }
}

/* The destination's hook matches by itself, on the room that is there when the VM comes. */
static void match_there(struct round *r, const struct exclaim_plan_move *move)
{
    const struct exclaim_pool *pool = r->e->pool;
    const struct exclaim_plan_options *plan = &r->e->opt.plan;
    const struct exclaim_match_options opt = { .stray_pages = plan->stray_pages,
                                               .whole_parts = plan->whole_parts };
    uint64_t planned[EXCLAIM_NODES_MAX];
    struct exclaim_reservation *res;
    struct exclaim_room room;

    r->other_nodes = false;
    if (!move->shape_known) {
        return;
    }
    res = calloc(1, sizeof(*res));
    if (!res) {
        return;
    }
    exclaim_plan_reservation(pool, move->vm, res);
    exclaim_plan_room(pool, move->to, &room);
    if (!exclaim_match_arrival(res, &room, move->arrival_pages, &opt, &r->match, NULL)) {
        evac_nodes(move, planned);
        for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
            r->other_nodes |= !planned[n] != !r->match.pages[n];
        }
    }
    free(res);
}

static enum verdict still_fits(struct round *r, uint32_t m, struct exclaim_error *err)
{
    const struct exclaim_plan_move *move = &r->plan->move[m];
    struct exclaim_pool *pool = r->e->pool;
    struct exclaim_pool_host *to = &pool->host[move->to], before = *to;
    struct exclaim_preflight *check = NULL;
    bool flying = false;
    enum verdict verdict = GO;

    charge_flights(r, move->to, to, &flying);
    if (exclaim_preflight(pool, &move->vm, 1, &move->to, 1, &r->e->opt.plan, &check, err)) {
        *to = before;
        return NEVER;
    }
    if (move->kept ? !check->cell[0].whole : !check->cell[0].fits) {
        verdict = flying ? LATER : NEVER;
        exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0, "%s", "");
        exclaim_misfit_text(pool, &check->cell[0].misfit, err->text, sizeof(err->text));
    }
    exclaim_preflight_free(check);
    if (verdict == GO) {
        match_there(r, move);
    }
    *to = before;
    return verdict;
}

/* Where the VM is by XAPI's word, and whether nobody else moves it. */
static enum verdict still_there(struct round *r, uint32_t m, struct exclaim_error *err)
{
    const struct exclaim_plan_move *move = &r->plan->move[m];
    const struct exclaim_pool *pool = r->e->pool;
    struct exclaim_xapi_vm now;

    if (exclaim_xapi_vm(r->e->xapi, pool->vm[move->vm].ref, &now, err)) {
        return NEVER;
    }
    if (now.migrating.state != EXCLAIM_TASK_NONE) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "somebody else migrates it");
        return NEVER;
    }
    if (!now.running || strcmp(now.host_ref, pool->host[move->from].ref) != 0) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "it does not run on %s any more",
                     exclaim_pool_host_name(pool, move->from));
        return NEVER;
    }
    return GO;
}

static enum verdict check(struct round *r, uint32_t m, struct exclaim_error *err)
{
    const struct exclaim_plan_move *move = &r->plan->move[m];

    if (still_there(r, m, err) == NEVER) {
        return NEVER;
    }
    if (exclaim_now_ms() - r->read_ms[move->from] > SOURCE_OLD_MS &&
        read_again(r, move->from, err)) {
        exclaim_error_wrap(err, "%s", exclaim_pool_host_name(r->e->pool, move->from));
        return NEVER;
    }
    if (r->e->pool->vm[move->vm].host != move->from) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "Xen on %s does not show it any more",
                     exclaim_pool_host_name(r->e->pool, move->from));
        return NEVER;
    }
    if (!just_read(r, move->to) && read_again(r, move->to, err)) {
        exclaim_error_wrap(err, "%s", exclaim_pool_host_name(r->e->pool, move->to));
        return NEVER;
    }
    return still_fits(r, m, err);
}

/* XAPI has not begun it. */
static int refused(struct round *r, uint32_t m, const char *code, const struct exclaim_error *why,
                   struct exclaim_error *err)
{
    const struct exclaim_plan_move *move = &r->plan->move[m];
    struct evac_result *result = evac_result(r->e, move->vm, move->to, err);

    if (!result) {
        return -1;
    }
    result->outcome = EVAC_FAILED;
    snprintf(result->why, sizeof(result->why), "%s", why->text);
    give_up(r, m, why->text);
    return evac_refused(r->e, result, move->vm, move->to, code, why->text, err);
}

/* The answer was lost: the task that the VM is in, or one that stays GONE. */
static void find_task(struct round *r, uint32_t m, struct exclaim_xapi_task *task)
{
    const char *vm_ref = r->e->pool->vm[r->plan->move[m].vm].ref;
    const char *to_ref = r->e->pool->host[r->plan->move[m].to].ref;
    struct exclaim_xapi_vm now;

    /* XAPI may take the call a moment after its connection broke. */
    for (unsigned int look = 0; look < LOST_LOOKS; look++) {
        if (look) {
            stop_sleep(r->e->stop, LOST_LOOK_MS);
        }
        if (exclaim_xapi_vm(r->e->xapi, vm_ref, &now, NULL)) {
            continue;
        }
        if (now.migrating.state == EXCLAIM_TASK_PENDING) {
            *task = now.migrating;
            return;
        }
        if (!strcmp(now.host_ref, to_ref)) {
            return;
        }
    }
}

/* Tells the destination which nodes are planned; false if it does not take notes. */
static bool tell_destination(struct round *r, const struct exclaim_plan_move *move)
{
    const struct exclaim_pool *pool = r->e->pool;
    struct exclaim_error err = { 0 };

    if (!move->kept || !move->shape_known || !readable(&pool->host[move->to])) {
        return false;
    }
    if (!exclaim_xapi_note(r->e->xapi, pool->host[move->to].ref, pool->vm[move->vm].uuid,
                           move->part, move->nr_parts, NOTE_SECONDS, &err)) {
        return true;
    }
    if (!r->e->note_told) {
        evac_note(r->e, "%s is not told which nodes are planned: %s",
                  exclaim_pool_host_name(pool, move->to), err.text);
        r->e->note_told = true;
    }
    return false;
}

static int begin(struct round *r, uint32_t m, struct exclaim_error *err)
{
    const struct exclaim_plan_move *move = &r->plan->move[m];
    const struct exclaim_pool *pool = r->e->pool;
    struct exclaim_xapi_task task = { 0 };
    struct exclaim_error failed = { 0 };
    struct evac_event event = { .kind = EVAC_EVENT_START, .move = move };

    evac_be_patient(r->e, true);
    r->other_nodes &= !tell_destination(r, move);
    event.own = r->other_nodes ? &r->match : NULL;
    /* Told first: what has begun must be recorded even if we die in the call. */
    evac_tell(r->e, &event);
    if (r->e->events_lost) {
        return 0;
    }
    evac_be_patient(r->e, true);
    if (exclaim_xapi_migrate(r->e->xapi, pool->vm[move->vm].ref, pool->host[move->to].ref, &task,
                             &failed)) {
        if (task.state == EXCLAIM_TASK_NONE) {
            evac_be_patient(r->e, false);
            return refused(r, m, task.code, &failed, err);
        }
        find_task(r, m, &task);
    }
    event.kind = EVAC_EVENT_STARTED;
    evac_tell(r->e, &event);
    r->state[m] = MOVE_FLIES;
    if (evac_take_off(r->e, r->plan, m, move->vm, move->to, &task, err)) {
        return -1;
    }
    if (r->other_nodes) {
        r->e->flight[r->e->nr_flights - 1].planned = false;
        memcpy(r->e->flight[r->e->nr_flights - 1].takes, r->match.pages, sizeof(r->match.pages));
    }
    return 0;
}

static uint32_t count_flights(const struct round *r, uint32_t host, bool in)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < r->e->nr_flights; i++) {
        nr += (in ? r->e->flight[i].to : r->e->flight[i].from) == host;
    }
    return nr;
}

/* All moves of waves before move->after have ended. */
static bool its_turn(const struct round *r, const struct exclaim_plan_move *move)
{
    for (uint32_t m = 0; m < r->plan->nr_moves; m++) {
        if (r->plan->move[m].wave < move->after && r->state[m] != MOVE_ENDED) {
            return false;
        }
    }
    return r->e->nr_flights < EXCLAIM_XAPI_TASKS &&
           count_flights(r, move->from, false) < r->e->opt.max_moves &&
           count_flights(r, move->to, true) < r->e->opt.max_moves;
}

/* Begins all moves that may begin now. */
static int begin_some(struct round *r, struct exclaim_error *err)
{
    memset(r->waited_for, 0, sizeof(r->waited_for));
    for (uint32_t m = 0; m < r->plan->nr_moves && evac_goes_on(r->e); m++) {
        const struct exclaim_plan_move *move = &r->plan->move[m];
        struct exclaim_error why = { 0 };

        if (r->state[m] != MOVE_WAITS || !its_turn(r, move)) {
            continue;
        }
        if (evac_gave_up(r->e, move->vm)) {
            r->state[m] = MOVE_ENDED;
            continue;
        }
        switch (check(r, m, &why)) {
        case GO:
            if (begin(r, m, err)) {
                return -1;
            }
            break;
        case LATER:
            r->waited_for[move->to] = true;
            break;
        case NEVER:
            if (!evac_goes_on(r->e)) {
                return 0; /* asked to stop in the middle of the check */
            }
            give_up(r, m, why.text);
            break;
        }
    }
    return 0;
}

/* Moves that flew and are not among the flights any more. */
static void note_landed(struct round *r)
{
    for (uint32_t m = 0; m < r->plan->nr_moves; m++) {
        bool flies = false;

        if (r->state[m] != MOVE_FLIES) {
            continue;
        }
        for (uint32_t i = 0; i < r->e->nr_flights; i++) {
            flies |= r->e->flight[i].move == m;
        }
        if (!flies) {
            const struct evac_result *result = evac_result_of(r->e, r->plan->move[m].vm);

            r->state[m] = MOVE_ENDED;
            /* One more try, in the next plan, or another host. */
            r->again |= result && result->outcome == EVAC_FAILED && result->failures < TRIES;
        }
    }
}

static uint32_t count_done(const struct evac *e)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < e->nr_results; i++) {
        nr += e->result[i]->outcome == EVAC_DONE;
    }
    return nr;
}

int evac_round(struct evac *e, const struct exclaim_plan *plan, uint32_t *moved, bool *again,
               struct exclaim_error *err)
{
    struct round *r = calloc(1, sizeof(*r));
    uint32_t before = count_done(e), ended = 0;
    int rc = -1;

    *moved = 0;
    *again = false;
    if (!r) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "round");
    }
    r->e = e;
    r->plan = plan;
    r->state = calloc(plan->nr_moves + 1, sizeof(*r->state));
    if (!r->state) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "round of %" PRIu32 " moves", plan->nr_moves);
        goto out;
    }
    for (bool first = true;; first = false) {
        if ((first || ended) && begin_some(r, err)) {
            goto out;
        }
        if (!e->nr_flights) {
            break;
        }
        if (evac_wait(e, &ended, err)) {
            goto out;
        }
        note_landed(r);
    }
    rc = 0;

out:
    /* Whatever went wrong here, what is on its way is not forgotten. */
    while (rc && e->nr_flights && !e->left_alone && !evac_wait(e, &ended, NULL)) {
    }
    *moved = count_done(e) - before;
    *again = r->again || *moved;
    free(r->state);
    free(r);
    return rc;
}
