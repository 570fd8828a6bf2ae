/* SPDX-License-Identifier: BSD-2-Clause */
/* evacuate: empties hosts by XAPI's own live migrations; prints only unless --apply. */
#include "../evacuate/evacuate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../report/html.h"
#include "../report/plan_json.h"
#include "../base/clock.h"
#include "../report/plan_print.h"
#include "../report/print.h"

/* New VMs may be started on a host that is not disabled: not for ever. */
#define ROUNDS 100

/* Rounds in a row that move nothing; what stood in the way of the first may be gone in the second.
 */
#define IDLE_ROUNDS 2

static int check_usage(const struct cli *cli, struct exclaim_error *err)
{
    if (!cli->resume == !cli->nr_args) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "usage: exclaim evacuate HOST... | --resume FILE, and one of them");
    }
    if (cli->snapshots.nr && (cli->apply || cli->resume)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--snapshot reads files: VMs are moved through XAPI, see --xapi");
    }
    if (!cli->apply && (cli->events || cli->partial || cli->disable)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--events, --partial and --disable belong to --apply");
    }
    return 0;
}

/* Uuids outlive a round's pool. */
static int name_hosts(struct evac *e, const uint32_t *host, uint32_t nr, struct exclaim_error *err)
{
    e->host = calloc(nr, sizeof(*e->host));
    for (uint32_t i = 0; e->host && i < nr; i++) {
        const struct exclaim_pool_host *h = &e->from->pool.host[host[i]];

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
    const struct exclaim_pool *pool = &e->from->pool;
    uint32_t left = 0;

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        for (uint32_t i = 0; i < e->nr_hosts; i++) {
            left += pool->vm[v].host == exclaim_pool_find_host(pool, e->host[i]);
        }
    }
    return left;
}

static int plan_now(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    uint32_t *host;
    int rc;

    if (exclaim_pool_find_hosts(&e->from->pool, (const char *const *)e->host, e->nr_hosts, &host,
                                err)) {
        return -1;
    }
    rc = cli_plan_evacuate(e->cli, e->from, host, e->nr_hosts, plan, err);
    free(host);
    return rc;
}

/* Whether the plan may be carried out as it is. */
static bool begins(const struct evac *e, const struct exclaim_plan *plan)
{
    return e->cli->apply && (e->cli->partial ||
                             (!plan->nr_stays && (e->cli->config.policy != EXCLAIM_POLICY_STRICT ||
                                                  exclaim_plan_fits(plan))));
}

static int show_plan(struct evac *e, const struct exclaim_plan *plan, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = &e->from->pool;
    json_object *o;

    if (e->cli->html &&
        exclaim_html_plan(e->cli->html, pool, plan, false, e->from->time_unix_ms, err)) {
        return -1;
    }
    if (!e->cli->json) {
        if (print_plan_step(pool, plan, 0, err)) {
            return -1;
        }
        print_own_match(pool, plan, e->cli->config.stray_pages);
        print_gaps(pool, e->from->time_unix_ms);
    } else if (!begins(e, plan)) {
        o = exclaim_json_schema("evacuate");
        exclaim_json_bool(o, "applied", false);
        exclaim_json_bool(o, "fits", exclaim_plan_fits(plan));
        exclaim_json_steps(o, pool, plan);
        exclaim_json_print(o);
    }
    return 0;
}

static void tell_begin(struct evac *e)
{
    json_object *o = evac_new_event("begin"), *list;

    exclaim_json_str(o, "server", exclaim_xapi_server(e->from->xapi));
    list = exclaim_json_array(o, "hosts");
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        json_object_array_add(list, json_object_new_string(e->host[i]));
    }
    list = exclaim_json_array(o, "to");
    for (uint32_t i = 0; i < e->cli->to.nr; i++) {
        json_object_array_add(list, json_object_new_string(e->cli->to.name[i]));
    }
    exclaim_json_u64(o, "max_moves", e->max_moves);
    exclaim_json_str(o, "policy", exclaim_policy_name(e->cli->config.policy));
    evac_event(e, o);
}

static void tell_plan(struct evac *e, const struct exclaim_plan *plan)
{
    json_object *o = evac_new_event("plan");

    exclaim_json_steps(o, &e->from->pool, plan);
    evac_event(e, o);
}

static int disable_hosts(struct evac *e, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = &e->from->pool;

    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        uint32_t h = exclaim_pool_find_host(pool, e->host[i]);

        if (h == EXCLAIM_NO_HOST || !pool->host[h].enabled) {
            continue;
        }
        if (!e->cli->disable) {
            evac_line(e, "%s stays enabled: VMs may be started there meanwhile (--disable)",
                      exclaim_pool_host_name(pool, h));
        } else if (exclaim_xapi_enable(e->from->xapi, pool->host[h].ref, false, err)) {
            return exclaim_error_wrap(err, "disabling %s", exclaim_pool_host_name(pool, h));
        } else {
            evac_line(e, "%s is disabled, and stays so", exclaim_pool_host_name(pool, h));
        }
    }
    return 0;
}

/* Plans and moves until nothing is left or nothing goes on.  *left: VMs still on the hosts. */
static int run_rounds(struct evac *e, struct exclaim_plan **plan, uint32_t *left,
                      struct exclaim_error *err)
{
    unsigned int idle = 0;
    uint32_t moved;
    bool again = true;

    for (unsigned int round = 0;; round++) {
        if (round) {
            exclaim_plan_free(*plan);
            *plan = NULL;
            if (cli_pool_again(e->from, err)) {
                return exclaim_error_wrap(err, "looking at the pool after the moves");
            }
            *left = vms_left(e);
        }
        if (!*left || !again || idle == IDLE_ROUNDS || round == ROUNDS || !evac_goes_on(e)) {
            return 0;
        }
        if (round) {
            evac_line(e, "%" PRIu32 " VMs are left, planning anew", *left);
            if (plan_now(e, plan, err)) {
                return -1;
            }
        }
        e->stays = (*plan)->nr_stays;
        if (!(*plan)->nr_moves) {
            return 0;
        }
        tell_plan(e, *plan);
        if (evac_round(e, *plan, &moved, &again, err)) {
            return -1;
        }
        idle = moved ? 0 : idle + 1;
    }
}

static bool all_exact(const struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        if (e->result[i]->counted && !e->result[i]->exact) {
            return false;
        }
    }
    return true;
}

static const char *first_reason(const struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        if (e->result[i]->outcome != EVAC_DONE && *e->result[i]->why) {
            return e->result[i]->why;
        }
    }
    return *e->given_up ? e->given_up : "somebody started them meanwhile";
}

static int end(struct evac *e, uint32_t left, int rc, struct exclaim_error *err)
{
    bool stopped = e->stop.asked || e->events_lost;

    evac_summary(e, rc ? "failed" : left ? stopped ? "stopped" : "incomplete" : "done", left);
    if (rc) {
        return -1;
    }
    if (left && stopped) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s: %" PRIu32 " VMs are left; %s goes on",
                            e->events_lost ? "events could not be written" : "stopped as asked",
                            left,
                            e->events ? "--resume with the file of events" : "the same command");
    }
    if (left && e->stays == left) {
        return 3;
    }
    if (left) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%" PRIu32 " VMs are left: %.400s", left,
                            first_reason(e));
    }
    return e->cli->config.policy == EXCLAIM_POLICY_STRICT && !all_exact(e) ? 3 : 0;
}

static int apply(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err)
{
    uint32_t left = vms_left(e);
    int rc;

    e->planned = left;
    rc = disable_hosts(e, err);
    if (!rc) {
        rc = run_rounds(e, plan, &left, err);
    }
    return end(e, left, rc, err);
}

static int open_all(struct evac *e, struct exclaim_error *err)
{
    struct cli *cli = e->cli;
    uint32_t *host;
    int rc;

    if (cli->resume && evac_read_events(e, cli->resume, err)) {
        return -1;
    }
    if (cli_pool_open(cli, cli->apply ? stop_now : NULL, &e->stop, e->from, err)) {
        return -1;
    }
    e->max_moves = cli->max_moves ? cli->max_moves : EXCLAIM_PLAN_CONCURRENT;
    if (!cli->resume) {
        if (exclaim_pool_find_hosts(&e->from->pool, (const char *const *)cli->args,
                                    (uint32_t)cli->nr_args, &host, err)) {
            return -1;
        }
        rc = name_hosts(e, host, (uint32_t)cli->nr_args, err);
        free(host);
        if (rc) {
            return -1;
        }
    }
    if (!cli->apply) {
        return 0;
    }
    if ((cli->events || cli->resume) &&
        evac_open_events(e, cli->events ? cli->events : cli->resume, err)) {
        return -1;
    }
    if (cli->resume) {
        if (evac_take_up(e, cli->resume, err)) {
            return -1;
        }
        if (e->nr_results && cli_pool_again(e->from, err)) {
            return -1;
        }
    }
    tell_begin(e);
    return 0;
}

static void close_all(struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_results; i++) {
        free(e->result[i]->uuid);
        free(e->result[i]->name);
        free(e->result[i]->from);
        free(e->result[i]->to);
        free(e->result[i]);
    }
    free(e->result);
    evac_free_names(&e->host, &e->nr_hosts);
    evac_free_names(&e->to, &e->nr_to);
    if (e->events) {
        fclose(e->events);
    }
    cli_pool_close(e->from);
}

int verb_evacuate(struct cli *cli, struct exclaim_error *err)
{
    struct evac *e = calloc(1, sizeof(*e));
    struct cli_pool from = { 0 };
    struct exclaim_plan *plan = NULL;
    int rc = -1;

    if (!e) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "evacuate");
    }
    e->cli = cli;
    e->from = &from;
    e->begun_ms = exclaim_now_unix_ms();
    if (check_usage(cli, err) || (cli->apply && stop_open(&e->stop, err))) {
        free(e);
        return -1;
    }
    if (open_all(e, err) || plan_now(e, &plan, err) || show_plan(e, plan, err)) {
        goto out;
    }
    if (begins(e, plan)) {
        rc = apply(e, &plan, err);
    } else {
        rc = exclaim_plan_fits(plan) ? 0 : 3;
        if (!cli->json) {
            printf("nothing was moved: %s\n",
                   cli->apply ? "not all can leave as they should, see --partial"
                              : "--apply carries this out");
        }
    }

out:
    exclaim_plan_free(plan);
    close_all(e);
    if (cli->apply) {
        stop_close(&e->stop);
    }
    free(e);
    return rc;
}
