/* SPDX-License-Identifier: BSD-2-Clause */
/* preflight: would these VMs fit there, exactly? */
#include "pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "../report/html.h"
#include "../report/preflight_print.h"

/*
 * A claim belongs to one domain and cannot be handed to another.  Held for a placeholder it would
 * have to go just before the VM that it is for claims its own, and until then that VM's preflight,
 * and every other toolstack's, would see the memory as taken; on other hosts it cannot be staked at
 * all.
 */
#define NOT_HELD                                                                                   \
    "a claim belongs to one domain and cannot be handed to the VM that arrives: a placeholder's "  \
    "would have to go just before it claims its own; each migration's own claim is what holds"

static int parse_guarantee(const char *name, enum exclaim_guarantee *least,
                           struct exclaim_error *err)
{
    *least = EXCLAIM_GUARANTEE_HOST;
    if (!name) {
        return 0;
    }
    for (int g = EXCLAIM_GUARANTEE_NONE; g <= EXCLAIM_GUARANTEE_NODE_SET; g++) {
        if (!strcmp(name, exclaim_guarantee_name((enum exclaim_guarantee)g))) {
            *least = (enum exclaim_guarantee)g;
            return 0;
        }
    }
    return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                        "--guarantee \"%s\" is not none, host, node or node-set", name);
}

/* VMs that all run on one host have no use for it as a destination. */
static bool all_on_one(const struct exclaim_pool *pool, const struct preflight *p, uint32_t *host)
{
    *host = p->nr_vms ? pool->vm[p->vm[0]].host : EXCLAIM_NO_HOST;
    for (uint32_t i = 0; i < p->nr_vms; i++) {
        if (pool->vm[p->vm[i]].host != *host) {
            return false;
        }
    }
    return *host != EXCLAIM_NO_HOST;
}

/* The VMs of --host and those of --vm, each once, and where they might go. */
static int who_and_where(struct cli *cli, struct preflight *p, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = p->pool;
    uint32_t *from = NULL, alone;
    int rc = -1;

    if (exclaim_pool_find_hosts(pool, cli->hosts.name, cli->hosts.nr, &from, err) ||
        exclaim_pool_vms_on(pool, from, cli->hosts.nr, &p->vm, &p->nr_vms, err)) {
        goto out;
    }
    for (uint32_t i = 0; i < cli->vms.nr; i++) {
        uint32_t vm, at = 0;

        if (exclaim_pool_find_vm(pool, cli->vms.name[i], &vm, err)) {
            goto out;
        }
        while (at < p->nr_vms && p->vm[at] != vm) {
            at++;
        }
        if (at == p->nr_vms) {
            p->vm[p->nr_vms++] = vm; /* there is room for all VMs of the pool */
        }
    }
    if (cli->hosts.nr == pool->nr_hosts && pool->nr_hosts > 1) {
        /* Of all hosts: each VM may go to any but its own. */
        rc = exclaim_pool_targets(pool, cli->to.name, cli->to.nr, NULL, 0, &p->host, &p->nr_hosts,
                                  err);
    } else if (!cli->hosts.nr && all_on_one(pool, p, &alone)) {
        rc = exclaim_pool_targets(pool, cli->to.name, cli->to.nr, &alone, 1, &p->host, &p->nr_hosts,
                                  err);
    } else {
        rc = exclaim_pool_targets(pool, cli->to.name, cli->to.nr, from, cli->hosts.nr, &p->host,
                                  &p->nr_hosts, err);
    }

out:
    free(from);
    return rc;
}

static bool all_good(const struct preflight *p)
{
    for (uint32_t i = 0; i < p->nr_vms; i++) {
        if (!preflight_good(p, preflight_move(p, p->vm[i]))) {
            return false;
        }
    }
    return true;
}

static void gather_facts(struct preflight *p)
{
    const struct exclaim_plan *together = p->result->together;
    uint32_t weak = 0, first = 0;

    facts_of_match(&p->facts, p->pool, together, p->opt.stray_pages);
    facts_of_pool(&p->facts, p->pool, p->time_unix_ms);
    for (uint32_t m = 0; m < together->nr_moves; m++) {
        if (together->move[m].guarantee < p->least) {
            first = weak++ ? first : together->move[m].vm;
        }
    }
    if (weak) {
        facts_add(&p->facts,
                  weak == 1 ? "%" PRIu32 " VM, %s, would come with a weaker guarantee than %s"
                            : "%" PRIu32
                              " VMs, %s among them, would come with a weaker guarantee than %s",
                  weak, exclaim_pool_vm_name(p->pool, first), exclaim_guarantee_name(p->least));
    }
    if (p->not_held) {
        facts_add(&p->facts, "not held: %s", p->not_held);
    }
}

int verb_preflight(struct cli *cli, struct exclaim_error *err)
{
    struct cli_pool from = { 0 };
    struct preflight p = { .pool = &from.pool, .not_held = cli->hold ? NOT_HELD : NULL };
    int rc = -1;

    if (!cli->hosts.nr && !cli->vms.nr) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "which VMs? --host HOST names all of a host, --vm VM one");
    }
    if (parse_guarantee(cli->guarantee, &p.least, err) ||
        cli_pool_open(cli, NULL, NULL, &from, err)) {
        return -1;
    }
    p.time_unix_ms = from.time_unix_ms;
    cli_plan_options(cli, &p.opt);
    if (who_and_where(cli, &p, err) ||
        exclaim_preflight(&from.pool, p.vm, p.nr_vms, p.host, p.nr_hosts, &p.opt, &p.result, err)) {
        goto out;
    }
    if (exclaim_plan_must_hold(&from.pool, p.result->together, &p.opt, err)) {
        goto out;
    }
    p.fits = all_good(&p);
    gather_facts(&p);
    if (cli->html && exclaim_html_preflight(cli->html, &from.pool, p.result, p.fits,
                                            from.time_unix_ms, &p.facts, err)) {
        goto out;
    }
    if (cli->json) {
        preflight_print_json(&p);
    } else if (preflight_print_text(&p, err)) {
        goto out;
    }
    rc = p.fits ? 0 : 3;
    if (p.fits && p.not_held) {
        rc = exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "not held: %s", p.not_held);
    }

out:
    exclaim_preflight_free(p.result);
    facts_free(&p.facts);
    free(p.vm);
    free(p.host);
    cli_pool_close(&from);
    return rc;
}
