/* SPDX-License-Identifier: BSD-2-Clause */
/* The rounds of an evacuation, and how it ends. */
#include "evacuate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* New VMs may be started on a host that is not disabled: not for ever. */
#define ROUNDS 100

/* Rounds in a row that move nothing; what stood in the way of the first may be gone in the second.
 */
#define IDLE_ROUNDS 2

void evac_tell(struct evac *e, const struct evac_event *event)
{
    if (e->sink.tell(e->sink.arg, e, event)) {
        e->events_lost = true;
    }
}

void evac_note(struct evac *e, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_NOTE, .text = text });
}

/* The database does not show what XAPI has refused: it would be planned again. */
static int apply_bans(struct evac *e, struct exclaim_error *err)
{
    struct exclaim_pool *pool = e->pool;

    for (uint32_t i = 0; i < e->nr_bans; i++) {
        uint32_t host = exclaim_pool_find_host(pool, e->ban[i].host);

        for (uint32_t v = 0; v < pool->nr_vms && host != EXCLAIM_NO_HOST; v++) {
            if (!strcmp(pool->vm[v].uuid, e->ban[i].vm) && pool->vm[v].host != host &&
                exclaim_pool_forbid(pool, v, host, e->ban[i].why, err)) {
                return -1;
            }
        }
    }
    return 0;
}

int evac_leave_out(struct evac *e, struct exclaim_error *err)
{
    for (int i = 0; i < 2; i++) {
        if (exclaim_pool_leave_out(e->pool, e->opt.out[i], e->opt.nr_out[i], false, err)) {
            return -1;
        }
    }
    return exclaim_pool_leave_out(e->pool, (const char *const *)e->kept_out, e->nr_kept_out, false,
                                  err);
}

int evac_look(struct evac *e, struct exclaim_error *err)
{
    struct exclaim_pool fresh = { 0 };

    if (exclaim_xapi_snapshot(e->xapi, &fresh, err)) {
        return -1;
    }
    exclaim_pool_free(e->pool);
    *e->pool = fresh;
    return evac_leave_out(e, err) ? -1 : apply_bans(e, err);
}

/* Uuids outlive a round's pool. */
int evac_set_hosts(struct evac *e, const uint32_t *host, uint32_t nr, struct exclaim_error *err)
{
    e->host = calloc(nr, sizeof(*e->host));
    for (uint32_t i = 0; e->host && i < nr; i++) {
        const struct exclaim_pool_host *h = &e->pool->host[host[i]];

        e->host[i] = strdup(*h->uuid ? h->uuid : h->name);
        if (!e->host[i]) {
            break;
        }
        e->nr_hosts++;
    }
    return e->nr_hosts == nr ? 0 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "hosts");
}

static uint32_t vms_left(const struct evac *e)
{
    const struct exclaim_pool *pool = e->pool;
    uint32_t left = 0;

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        for (uint32_t i = 0; i < e->nr_hosts; i++) {
            left += pool->vm[v].host == exclaim_pool_find_host(pool, e->host[i]);
        }
    }
    return left;
}

static int make_plan(const struct exclaim_pool *pool, const struct evac_options *opt,
                     const uint32_t *host, uint32_t nr_hosts, struct exclaim_plan **plan,
                     struct exclaim_error *err)
{
    uint32_t *to = NULL, *vm = NULL, nr_to, nr_vms;
    int rc = -1;

    if (!opt->nr_to) {
        return exclaim_plan_evacuate(pool, host, nr_hosts, &opt->plan, plan, err);
    }
    if (exclaim_pool_targets(pool, opt->to, opt->nr_to, host, nr_hosts, &to, &nr_to, err) ||
        exclaim_pool_vms_on(pool, host, nr_hosts, &vm, &nr_vms, err)) {
        goto out;
    }
    for (uint32_t i = 0; i < nr_to; i++) {
        for (uint32_t j = 0; j < nr_hosts; j++) {
            if (to[i] == host[j]) {
                exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                             "host %s is to be emptied and named by --to",
                             exclaim_pool_host_name(pool, to[i]));
                goto out;
            }
        }
    }
    rc = exclaim_plan_place(pool, vm, nr_vms, to, nr_to, &opt->plan, plan, err);

out:
    free(to);
    free(vm);
    return rc;
}

int evac_plan(const struct exclaim_pool *pool, const struct evac_options *opt, const uint32_t *host,
              uint32_t nr_hosts, struct exclaim_plan **plan, struct exclaim_error *err)
{
    *plan = NULL;
    if (make_plan(pool, opt, host, nr_hosts, plan, err)) {
        return -1;
    }
    /* By other code than that which made it: a plan that oversells is a fault of ours, and nobody
     * should see it, let alone carry it out. */
    if (exclaim_plan_check(pool, *plan, &opt->plan, err)) {
        exclaim_plan_free(*plan);
        *plan = NULL;
        return exclaim_error_wrap(err, "the plan does not hold");
    }
    return 0;
}

int evac_plan_now(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    uint32_t *host;
    int rc;

    if (exclaim_pool_find_hosts(e->pool, (const char *const *)e->host, e->nr_hosts, &host, err)) {
        return -1;
    }
    rc = evac_plan(e->pool, &e->opt, host, e->nr_hosts, plan, err);
    free(host);
    return rc;
}

bool evac_may_begin(const struct evac *e, const struct exclaim_plan *plan)
{
    return e->opt.partial ||
           (!plan->nr_stays && (e->opt.policy != EXCLAIM_POLICY_STRICT || exclaim_plan_fits(plan)));
}

static int disable_hosts(struct evac *e, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = e->pool;

    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        uint32_t h = exclaim_pool_find_host(pool, e->host[i]);

        if (h == EXCLAIM_NO_HOST || !pool->host[h].enabled) {
            continue;
        }
        if (!e->opt.disable) {
            evac_note(e, "%s stays enabled: VMs may be started there meanwhile (--disable)",
                      exclaim_pool_host_name(pool, h));
        } else if (exclaim_xapi_enable(e->xapi, pool->host[h].ref, false, err)) {
            return exclaim_error_wrap(err, "disabling %s", exclaim_pool_host_name(pool, h));
        } else {
            evac_note(e, "%s is disabled, and stays so", exclaim_pool_host_name(pool, h));
        }
    }
    return 0;
}

/* Until nothing is left or nothing goes on. */
static int run_rounds(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    unsigned int idle = 0;
    uint32_t moved, bans;
    bool again = true;

    for (unsigned int round = 0;; round++) {
        if (round) {
            exclaim_plan_free(*plan);
            *plan = NULL;
            if (evac_look(e, err)) {
                return exclaim_error_wrap(err, "looking at the pool after the moves");
            }
            e->left = vms_left(e);
        }
        if (!e->left || !again || idle == IDLE_ROUNDS || round == ROUNDS || !evac_goes_on(e)) {
            return 0;
        }
        if (round) {
            evac_note(e, "%" PRIu32 " VMs are left, planning anew", e->left);
            if (evac_plan_now(e, plan, err)) {
                return -1;
            }
        }
        e->stays = (*plan)->nr_stays;
        if (!(*plan)->nr_moves) {
            return 0;
        }
        evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_PLAN, .plan = *plan });
        bans = e->nr_bans;
        if (evac_round(e, *plan, &moved, &again, err)) {
            return -1;
        }
        /* To know of a refusal is to be further: there are only so many pairs. */
        idle = moved || e->nr_bans > bans ? 0 : idle + 1;
    }
}

const char *evac_lost_names(const struct evac *e, char *text, size_t size)
{
    size_t len = 0;

    *text = '\0';
    for (uint32_t i = 0; i < e->nr_results && len < size; i++) {
        if (e->result[i]->outcome == EVAC_LOST) {
            len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "",
                                    e->result[i]->name);
        }
    }
    return text;
}

bool evac_all_exact(const struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        if (e->result[i]->counted && !e->result[i]->exact) {
            return false;
        }
    }
    return true;
}

const char *evac_first_reason(const struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        if (e->result[i]->outcome != EVAC_DONE && *e->result[i]->why) {
            return e->result[i]->why;
        }
    }
    return *e->given_up ? e->given_up : "somebody started them meanwhile";
}

/* "Done" is XAPI's word and nobody else's: it knows of VMs that start, or that a snapshot of the
 * pool leaves out. */
static int ask_residents(struct evac *e, struct exclaim_error *err)
{
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        uint32_t host = exclaim_pool_find_host(e->pool, e->host[i]), nr;
        char first[128];

        if (host == EXCLAIM_NO_HOST) {
            continue;
        }
        if (exclaim_xapi_residents(e->xapi, e->pool->host[host].ref, &nr, first, sizeof(first),
                                   err)) {
            return exclaim_error_wrap(err, "host %s", exclaim_pool_host_name(e->pool, host));
        }
        for (uint32_t v = 0; v < e->pool->nr_vms; v++) {
            nr -= nr && e->pool->vm[v].left_out == host + 1;
        }
        e->left += nr;
        if (nr) {
            snprintf(e->given_up, sizeof(e->given_up), "XAPI has %.100s on host %.100s", first,
                     exclaim_pool_host_name(e->pool, host));
        }
    }
    return 0;
}

enum evac_end evac_run(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    e->left = e->planned = vms_left(e);
    if (!e->opt.max_moves) {
        e->opt.max_moves = EXCLAIM_PLAN_CONCURRENT;
    }
    if (disable_hosts(e, err) || run_rounds(e, plan, err)) {
        return EVAC_END_FAILED;
    }
    if (!e->left && ask_residents(e, err)) {
        return EVAC_END_FAILED;
    }
    if (e->lost) {
        return EVAC_END_LOST;
    }
    if (!e->left) {
        return EVAC_END_DONE;
    }
    if (*e->halted) {
        return EVAC_END_HALTED;
    }
    if (e->stop.asked || e->events_lost) {
        return EVAC_END_STOPPED;
    }
    return e->stays == e->left ? EVAC_END_STAYS : EVAC_END_INCOMPLETE;
}

void evac_drop(struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        free(e->result[i]->uuid);
        free(e->result[i]->name);
        free(e->result[i]->from);
        free(e->result[i]->to);
        free(e->result[i]);
    }
    free(e->result);
    for (uint32_t i = 0; i < e->nr_bans; i++) {
        free(e->ban[i].vm);
        free(e->ban[i].host);
    }
    free(e->ban);
    evac_free_names(&e->host, &e->nr_hosts);
    evac_free_names(&e->kept_to, &e->nr_kept_to);
    evac_free_names(&e->kept_out, &e->nr_kept_out);
}
