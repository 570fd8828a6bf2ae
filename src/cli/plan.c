/* SPDX-License-Identifier: BSD-2-Clause */
/* plan evacuate HOST..., plan rolling: what would be done, and why no plan can do better. */
#include "pool.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/evacuate.h>

#include "../base/file.h"
#include "../base/text.h"
#include "../report/html.h"
#include "../report/plan_json.h"
#include "../report/plan_print.h"
#include "../report/print.h"
#include "../report/screen.h"

static void json_rolling(json_object *o, const struct exclaim_pool *pool, const uint32_t *order,
                         uint32_t nr_order)
{
    json_object *list = exclaim_json_array(o, "skipped_hosts");
    struct exclaim_misfit misfit;

    for (uint32_t h = 0; h < pool->nr_hosts && !order; h++) {
        if (exclaim_pool_newest(pool, h)) {
            exclaim_json_host(exclaim_json_item(list), "host", pool, h);
        }
    }
    list = exclaim_json_array(o, "blockers");
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (exclaim_plan_upgrades(pool, order, nr_order, pool->vm[v].host) &&
            exclaim_plan_immovable(pool, v, &misfit)) {
            json_object *item = exclaim_json_item(list);

            exclaim_json_vm(item, "vm", pool, v);
            exclaim_json_host(item, "host", pool, pool->vm[v].host);
            exclaim_json_misfit(item, pool, &misfit);
        }
    }
}

static json_object *as_json(const struct cli *cli, const struct cli_pool *from,
                            const struct exclaim_plan *plan, bool rolling, const uint32_t *order,
                            const struct facts *facts)
{
    json_object *o = exclaim_json_schema("plan");
    struct pace pace;

    cli_pace(cli, &pace);
    pace_json(o, plan, &pace);

    exclaim_json_str(o, "kind", rolling ? "rolling" : "evacuate");
    json_object_object_add(o, "time_unix_ms", json_object_new_int64(from->time_unix_ms));
    exclaim_json_str(o, "prefer", exclaim_plan_prefer_name(cli->prefer));
    exclaim_json_bool(o, "fits", exclaim_plan_fits(plan));
    exclaim_json_bool(o, "blocked", plan->blocked);
    exclaim_json_u64(o, "moves", plan->nr_moves);
    exclaim_json_u64(o, "waves", plan->nr_waves);
    exclaim_json_u64(o, "strays", plan->nr_strays);
    if (rolling) {
        json_rolling(o, &from->pool, order, cli->hosts.nr);
    }
    facts_json(o, facts);
    exclaim_json_left_out(o, &from->pool);
    exclaim_json_hosts(o, &from->pool);
    exclaim_json_steps(o, &from->pool, plan);
    return o;
}

/* What --json prints is what evacuate --plan reads. */
static int save(const char *path, json_object *o, struct exclaim_error *err)
{
    struct replacement file;

    if (replacement_open(&file, path, err)) {
        return -1;
    }
    exclaim_json_write(o, file.f);
    return replacement_close(&file, 0, err);
}

static void print_rolling_end(const struct exclaim_pool *pool, const struct exclaim_plan *plan)
{
    char text[512];

    answer_of_rolling(pool, plan, text, sizeof(text));
    exclaim_print("%s\n", text);
}

static int print_text(const struct cli_pool *from, const struct exclaim_plan *plan, bool rolling,
                      const struct facts *facts, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = &from->pool;

    if (rolling) {
        print_rolling_end(pool, plan);
        facts_print(facts);
        printf("\n");
        if (print_steps(pool, plan, err)) {
            return -1;
        }
        printf("\n");
    }
    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        const struct exclaim_plan_step *step = &plan->step[s];

        if (rolling && step->kind == EXCLAIM_STEP_EVACUATE) {
            exclaim_print(s ? "\nstep %" PRIu32 ": empty and upgrade %s\n"
                            : "step %" PRIu32 ": empty and upgrade %s\n",
                          s + 1, exclaim_pool_host_name(pool, step->host));
        } else if (rolling) {
            exclaim_print("\nstep %" PRIu32 ": back to %s\n", s + 1,
                          step->host == EXCLAIM_NO_HOST ? "where they were"
                                                        : exclaim_pool_host_name(pool, step->host));
        }
        if (print_plan_step(pool, plan, s, err)) {
            return -1;
        }
    }
    if (rolling && screen_is_short(plan->nr_moves + 5 * plan->nr_steps)) {
        printf("\n");
        print_rolling_end(pool, plan);
    }
    if (!rolling) {
        facts_print(facts);
    }
    return 0;
}

static int plan_evacuate(struct cli *cli, const struct cli_pool *from, const uint32_t *host,
                         uint32_t nr_hosts, struct exclaim_plan **plan, struct exclaim_error *err)
{
    struct evac_options opt = { .to = cli->to.name, .nr_to = cli->to.nr };

    cli_plan_options(cli, &opt.plan);
    return evac_plan(&from->pool, &opt, host, nr_hosts, plan, err);
}

static int parse_back(const struct cli *cli, enum exclaim_plan_back *back,
                      struct exclaim_error *err)
{
    *back = EXCLAIM_BACK_EACH;
    if (cli->back && !strcmp(cli->back, "end")) {
        *back = EXCLAIM_BACK_END;
    } else if (cli->back && !strcmp(cli->back, "none")) {
        *back = EXCLAIM_BACK_NONE;
    } else if (cli->back && strcmp(cli->back, "each") != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--back \"%s\" is not each, end or none",
                            cli->back);
    }
    return 0;
}

/* @order is what --host names, NULL without; free() it. */
static int plan_rolling(struct cli *cli, const struct cli_pool *from, uint32_t **order,
                        struct exclaim_plan **plan, struct exclaim_error *err)
{
    struct exclaim_rolling_options opt = { 0 };
    int rc;

    if (parse_back(cli, &opt.back, err)) {
        return -1;
    }
    cli_plan_options(cli, &opt.plan);
    if (cli->hosts.nr) {
        if (exclaim_pool_find_hosts(&from->pool, cli->hosts.name, cli->hosts.nr, order, err)) {
            return -1;
        }
        opt.order = *order;
        opt.nr_order = cli->hosts.nr;
    }
    rc = exclaim_plan_rolling(&from->pool, &opt, plan, err);
    return rc ? rc : exclaim_plan_must_hold(&from->pool, *plan, &opt.plan, err);
}

static int check_usage(const struct cli *cli, bool rolling, uint32_t nr_hosts,
                       struct exclaim_error *err)
{
    enum exclaim_plan_back back;

    if (rolling && nr_hosts) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "\"%s\" is too much: plan rolling takes hosts as --host HOST",
                            cli->args[1]);
    }
    if (rolling && (cli->to.nr || cli->only.nr)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "%s is of plan evacuate, not of plan rolling",
                            cli->to.nr ? "--to" : "--only-vm");
    }
    if (!rolling && (cli->hosts.nr || cli->back)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            cli->back ? "--back is of plan rolling, not of plan evacuate"
                                      : "--host is of plan rolling: exclaim plan evacuate HOST...");
    }
    if (!rolling && !nr_hosts) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "which host is to be emptied? usage: exclaim plan evacuate HOST...");
    }
    return parse_back(cli, &back, err); /* before the pool is read */
}

int verb_plan(struct cli *cli, struct exclaim_error *err)
{
    bool rolling = !strcmp(cli->arg, "rolling");
    struct exclaim_plan *plan = NULL;
    struct cli_pool from = { 0 };
    struct facts facts = { 0 };
    json_object *o = NULL;
    struct pace pace;
    uint32_t *host = NULL, nr_hosts = (uint32_t)cli->nr_args - 1;
    int rc = -1;

    if (!rolling && strcmp(cli->arg, "evacuate") != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "no plan \"%s\": plan evacuate HOST... or plan rolling", cli->arg);
    }
    if (check_usage(cli, rolling, nr_hosts, err)) {
        return -1;
    }
    if (cli_pool_open(cli, NULL, NULL, &from, err)) {
        return -1;
    }
    if (rolling) {
        if (plan_rolling(cli, &from, &host, &plan, err)) {
            goto out;
        }
    } else if (exclaim_pool_find_hosts(&from.pool, (const char *const *)cli->args + 1, nr_hosts,
                                       &host, err) ||
               (cli->only.nr && exclaim_pool_leave_only(&from.pool, host, nr_hosts, cli->only.name,
                                                        cli->only.nr, true, err)) ||
               plan_evacuate(cli, &from, host, nr_hosts, &plan, err)) {
        goto out;
    }
    assert(plan); /* success says that there is one */
    if (rolling) {
        facts_of_rolling(&facts, &from.pool, host, cli->hosts.nr);
    } else {
        facts_of_match(&facts, &from.pool, plan, cli->config.stray_pages);
    }
    facts_of_pool(&facts, &from.pool, from.time_unix_ms);
    cli_pace(cli, &pace);
    facts_of_pace(&facts, plan, &pace);
    if (cli->html &&
        exclaim_html_plan(cli->html, &from.pool, plan, rolling, from.time_unix_ms, &facts, err)) {
        goto out;
    }
    if (cli->json || cli->save) {
        o = as_json(cli, &from, plan, rolling, host, &facts);
        if (cli->save && save(cli->save, o, err)) {
            goto out;
        }
    }
    if (cli->json) {
        exclaim_json_write(o, stdout);
    } else if (print_text(&from, plan, rolling, &facts, err)) {
        goto out;
    }
    rc = exclaim_plan_fits(plan) ? 0 : 3;

out:
    json_object_put(o);
    exclaim_plan_free(plan);
    facts_free(&facts);
    free(host);
    cli_pool_close(&from);
    return rc;
}
