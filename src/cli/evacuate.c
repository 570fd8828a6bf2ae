/* SPDX-License-Identifier: BSD-2-Clause */
/* evacuate: empties hosts by XAPI's own live migrations; prints only unless --apply. */
#include <exclaim/evacuate.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "../base/stop.h"
#include "../report/evacuate_tell.h"
#include "../report/html.h"
#include "../report/plan_json.h"
#include "../report/plan_print.h"
#include "../report/print.h"
#include "pool.h"

/* So long the end of a move is waited for that was cancelled. */
#define CANCEL_S 60u

/* An option that says how to move VMs, NULL: none is given. */
static const char *of_apply(const struct cli *cli)
{
    return cli->events         ? "--events"
           : cli->partial      ? "--partial"
           : cli->disable      ? "--disable"
           : cli->keep_enabled ? "--keep-enabled"
           : cli->timeout      ? "--timeout"
           : cli->move_timeout ? "--move-timeout"
                               : NULL;
}

static int check_usage(const struct cli *cli, struct exclaim_error *err)
{
    if (cli->cancel) {
        return cli->nr_args || cli->resume || cli->apply || cli->snapshots.nr
                   ? exclaim_fail(
                         err, EXCLAIM_ERR_USAGE, 0,
                         "--cancel VM stands alone: no HOST, --resume, --apply or --snapshot")
                   : 0;
    }
    if ((cli->nr_args != 0) + (cli->resume != NULL) + (cli->plan != NULL) != 1) {
        return exclaim_fail(
            err, EXCLAIM_ERR_USAGE, 0,
            "give one of HOST..., --plan FILE, --resume FILE and --cancel VM, see exclaim evacuate "
            "--help");
    }
    if (cli->step && !cli->plan) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--step N is of a plan: --plan FILE --step N");
    }
    if (cli->plan && (cli->to.nr || cli->only.nr)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--plan says where VMs go: neither --to nor --only-vm");
    }
    if (cli->snapshots.nr && (cli->apply || cli->resume)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--snapshot reads files: VMs are moved through XAPI, see --xapi");
    }
    if (!cli->apply && of_apply(cli)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s belongs to --apply", of_apply(cli));
    }
    if (cli->disable && cli->keep_enabled) {
        return exclaim_fail(
            err, EXCLAIM_ERR_USAGE, 0,
            "--disable, which is the default, and --keep-enabled: give one of them");
    }
    return 0;
}

/* What a run will do to the hosts themselves. */
static void facts_of_hosts(struct facts *facts, const struct cli *cli, const struct evac *e)
{
    for (uint32_t i = 0; i < e->nr_hosts && !cli->keep_enabled; i++) {
        uint32_t h = exclaim_pool_find_host(e->pool, e->host[i]);

        if (h != EXCLAIM_NO_HOST && e->pool->host[h].enabled) {
            facts_add(facts, "host %s is disabled first, and stays so (--keep-enabled: it is not)",
                      exclaim_pool_host_name(e->pool, h));
        }
    }
}

static int show_plan(const struct cli *cli, struct evac *e, const struct exclaim_plan *plan,
                     int64_t time_unix_ms, struct exclaim_error *err)
{
    struct facts facts = { 0 };
    struct pace pace;
    json_object *o;
    int rc = -1;

    facts_of_hosts(&facts, cli, e);
    facts_of_match(&facts, e->pool, plan, cli->config.stray_pages);
    facts_of_pool(&facts, e->pool, time_unix_ms);
    cli_pace(cli, &pace);
    facts_of_pace(&facts, plan, &pace);
    e->opt.expected_ms = pace_expected_ms(plan, &pace);
    if (cli->html &&
        exclaim_html_plan(cli->html, e->pool, plan, false, time_unix_ms, &facts, err)) {
        goto out;
    }
    if (!cli->json) {
        if (print_plan_step(e->pool, plan, 0, err)) {
            goto out;
        }
        facts_print(&facts);
    } else if (!cli->apply || !evac_may_begin(e, plan)) {
        o = exclaim_json_schema("evacuate");
        exclaim_json_bool(o, "applied", false);
        exclaim_json_str(o, "prefer", exclaim_plan_prefer_name(e->opt.plan.prefer));
        exclaim_json_bool(o, "fits", exclaim_plan_fits(plan));
        facts_json(o, &facts);
        pace_json(o, plan, &pace);
        exclaim_json_steps(o, e->pool, plan);
        exclaim_json_print(o);
    }
    rc = 0;

out:
    facts_free(&facts);
    return rc;
}

static int apply(struct evac *e, struct evac_teller *t, struct exclaim_plan **plan,
                 struct exclaim_error *err)
{
    enum evac_end end = evac_run(e, plan, err);
    char names[400], reason[640];

    evac_teller_summary(t, e, end);
    switch (end) {
    case EVAC_END_FAILED:
        return -1;
    case EVAC_END_STOPPED:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s: %" PRIu32 " %s left; %s goes on",
                            e->events_lost ? "events could not be written" : "stopped as asked",
                            e->left, exclaim_vms_are(e->left),
                            t->events && !e->planned_ahead ? "--resume with the file of events"
                                                           : "the same command");
    case EVAC_END_LOST:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                            "%" PRIu32 " %s not running any more: %.400s", e->lost,
                            exclaim_vms_are(e->lost), evac_lost_names(e, names, sizeof(names)));
    case EVAC_END_HALTED:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%" PRIu32 " %s left: %.400s", e->left,
                            exclaim_vms_are(e->left), e->halted);
    case EVAC_END_STAYS:
        return 3;
    case EVAC_END_INCOMPLETE:
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%" PRIu32 " %s left: %.400s", e->left,
                            exclaim_vms_are(e->left), evac_first_reason(e, reason, sizeof(reason)));
    case EVAC_END_DONE:
        break;
    }
    return e->opt.policy == EXCLAIM_POLICY_STRICT && !evac_all_exact(e) ? 3 : 0;
}

static int open_all(struct cli *cli, struct evac *e, struct evac_teller *t, struct cli_pool *from,
                    struct exclaim_error *err)
{
    uint32_t *host;
    int rc;

    if (cli->resume && evac_read_events(e, cli->resume, err)) {
        return -1;
    }
    if (cli_pool_open(cli, cli->apply ? stop_now : NULL, e->stop, from, err)) {
        return -1;
    }
    e->xapi = from->xapi;
    if (evac_leave_out(e, err)) {
        return -1;
    }
    if (cli->plan) {
        if (evac_read_plan(e, cli->plan, cli->step, err)) {
            return -1;
        }
    } else if (!cli->resume) {
        if (exclaim_pool_find_hosts(e->pool, (const char *const *)cli->args, (uint32_t)cli->nr_args,
                                    &host, err)) {
            return -1;
        }
        rc = evac_set_hosts(e, host, (uint32_t)cli->nr_args, err);
        if (!rc && cli->only.nr) {
            rc = exclaim_pool_leave_only(e->pool, host, (uint32_t)cli->nr_args, cli->only.name,
                                         cli->only.nr, true, err);
        }
        free(host);
        if (rc) {
            return -1;
        }
    }
    if (!cli->apply) {
        return 0;
    }
    if (cli->events || cli->resume) {
        const char *path = cli->events ? cli->events : cli->resume;

        if (evac_teller_open(t, path, cli->resume && !strcmp(path, cli->resume), err)) {
            return -1;
        }
    }
    if (cli->resume) {
        if (evac_take_up(e, cli->resume, err)) {
            return -1;
        }
        if (e->nr_results && evac_look(e, err)) {
            return -1;
        }
    }
    evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_BEGIN });
    return 0;
}

/* One move, whoever began it: a run that waits for it sees that, and does not begin it again. */
static int cancel_one(struct cli *cli, struct exclaim_error *err)
{
    struct exclaim_xapi_task task = { 0 };
    struct exclaim_xapi *xapi = NULL;
    struct exclaim_xapi_vm vm;
    struct stop stop = { 0 };
    char ref[EXCLAIM_XAPI_REF];
    bool moved;
    int rc = -1;

    if (stop_open(&stop, err)) {
        return -1;
    }
    if (cli_xapi_open(cli, stop_now, &stop, &xapi, err) ||
        exclaim_xapi_migrating(xapi, cli->cancel, &task, ref, err) ||
        exclaim_xapi_cancel(xapi, &task, err)) {
        goto out;
    }
    for (unsigned int i = 0; i < CANCEL_S && task.state == EXCLAIM_TASK_PENDING; i++) {
        uint32_t changed;

        if (exclaim_xapi_wait(xapi, &task, 1, 1000, &changed, err)) {
            goto out;
        }
    }
    if (task.state == EXCLAIM_TASK_PENDING) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ETIMEDOUT,
                     "XAPI was asked to cancel the move of %s, which goes on for now", cli->cancel);
        goto out;
    }
    if (exclaim_xapi_vm(xapi, ref, &vm, err)) {
        goto out;
    }
    moved = task.state == EXCLAIM_TASK_SUCCESS;
    if (cli->json) {
        json_object *o = exclaim_json_schema("evacuate");

        exclaim_json_str(o, "cancel", cli->cancel);
        exclaim_json_bool(o, "cancelled", !moved);
        exclaim_json_str(o, "power_state", vm.state);
        exclaim_json_print(o);
    } else {
        exclaim_print("%s: %s, it is %s\n", cli->cancel,
                      moved ? "too late, it has moved" : "its move is cancelled", vm.state);
    }
    rc = moved ? 3 : 0;

out:
    exclaim_xapi_close(xapi);
    stop_close(&stop);
    return rc;
}

/* All that the saved plan's step moves is where it wants it. */
static int nothing_left(const struct cli *cli)
{
    char text[256];

    snprintf(text, sizeof(text), "nothing is left to be moved: this step of %.180s is done%s",
             cli->plan, cli->html ? ", and no page is written" : "");
    if (cli->json) {
        json_object *o = exclaim_json_schema("evacuate");

        exclaim_json_bool(o, "applied", false);
        exclaim_json_bool(o, "fits", true);
        exclaim_json_array(o, "steps");
        json_object_array_add(exclaim_json_array(o, "notes"), json_object_new_string(text));
        exclaim_json_print(o);
    } else {
        exclaim_print("%s\n", text);
    }
    return 0;
}

int verb_evacuate(struct cli *cli, struct exclaim_error *err)
{
    struct evac *e = calloc(1, sizeof(*e));
    struct stop stop = { 0 };
    struct evac_teller teller = { .json = cli->json };
    struct cli_pool from = { 0 };
    struct exclaim_plan *plan = NULL;
    int rc = -1;

    if (!e) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "evacuate");
    }
    if (cli->cancel) {
        free(e);
        return check_usage(cli, err) ? -1 : cancel_one(cli, err);
    }
    e->opt = (struct evac_options){
        .policy = cli->config.policy,
        .max_moves = cli->max_moves,
        .seconds = cli->timeout,
        .move_seconds = cli->move_timeout,
        .partial = cli->partial,
        .keep_enabled = cli->keep_enabled,
        .disable = cli->disable,
        .to = cli->to.name,
        .nr_to = cli->to.nr,
        .out = { cli->skip.name, cli->shutdown.name },
        .nr_out = { cli->skip.nr, cli->shutdown.nr },
        .only = cli->only.name,
        .nr_only = cli->only.nr,
    };
    cli_plan_options(cli, &e->opt.plan);
    e->sink = (struct evac_sink){ .tell = evac_teller_tell, .arg = &teller };
    e->stop = &stop;
    e->pool = &from.pool;
    e->begun_ms = exclaim_now_ms();
    if (check_usage(cli, err) || (cli->apply && stop_open(&stop, err))) {
        free(e);
        return -1;
    }
    if (open_all(cli, e, &teller, &from, err)) {
        goto out;
    }
    if (e->planned_ahead && !e->nr_goals) {
        rc = nothing_left(cli);
        goto out;
    }
    if (evac_plan_now(e, &plan, err) || show_plan(cli, e, plan, from.time_unix_ms, err)) {
        goto out;
    }
    if (cli->apply && evac_may_begin(e, plan)) {
        rc = apply(e, &teller, &plan, err);
    } else {
        rc = exclaim_plan_fits(plan) ? 0 : 3;
        if (!cli->json) {
            exclaim_print("nothing was moved: %s\n",
                          cli->apply ? "not all can leave as they should, see --partial"
                          : cli->snapshots.nr
                              ? "from files it is only planned, --xapi and --apply carry it out"
                              : "--apply carries this out");
        }
    }

out:
    exclaim_plan_free(plan);
    evac_drop(e);
    evac_teller_close(&teller);
    cli_pool_close(&from);
    if (cli->apply) {
        stop_close(&stop);
    }
    free(e);
    return rc;
}
