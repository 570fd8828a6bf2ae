/* SPDX-License-Identifier: BSD-2-Clause */
/* What an evacuation works on: its hosts, the pool as it is now, its results. */
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    for (uint32_t i = 0; i < e->nr_hosts && e->opt.nr_only; i++) {
        const uint32_t host = exclaim_pool_find_host(e->pool, e->host[i]);

        if (host != EXCLAIM_NO_HOST &&
            exclaim_pool_leave_only(e->pool, &host, 1, e->opt.only, e->opt.nr_only, false, err)) {
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
    e->looked = e->door != NULL;
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
    return exclaim_plan_must_hold(pool, *plan, &opt->plan, err);
}

int evac_plan_now(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    uint32_t *host;
    int rc;

    if (e->planned_ahead) {
        return evac_plan_goals(e, plan, err);
    }
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

const char *evac_first_reason(const struct evac *e, char *text, size_t size)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        if (e->result[i]->outcome != EVAC_DONE && *e->result[i]->why) {
            snprintf(text, size, "%s: %s", e->result[i]->name, e->result[i]->why);
            return text;
        }
    }
    return *e->given_up ? e->given_up : "somebody started them meanwhile";
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
    for (uint32_t i = 0; i < e->nr_goals; i++) {
        free(e->goal[i].vm);
        free(e->goal[i].to);
    }
    free(e->goal);
    free(e->door);
    evac_free_names(&e->disabled, &e->nr_disabled);
    evac_free_names(&e->host, &e->nr_hosts);
    evac_free_names(&e->kept_to, &e->nr_kept_to);
    evac_free_names(&e->kept_out, &e->nr_kept_out);
}
