/* SPDX-License-Identifier: BSD-2-Clause */
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static bool in_ledger(const struct status *st, uint32_t domid)
{
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        const struct exclaim_ledger_entry *e = exclaim_ledger_at(st->ledger, i);

        if (atomic_load(&e->state) != EXCLAIM_ENTRY_FREE && e->domid == domid) {
            return true;
        }
    }
    return false;
}

/* Claims of domains that no migration of ours is filling: a toolstack's build, or a leftover. */
static int find_leftovers(struct status *st, struct exclaim_hv *hv, struct exclaim_error *err)
{
    struct exclaim_domain dom;
    uint32_t domid = 0;
    int r;

    while ((r = hv->ops->next_domain(hv, domid, &dom, err)) > 0) {
        domid = dom.domid + 1;
        if (dom.outstanding_pages && !in_ledger(st, dom.domid) &&
            st->nr_leftovers < MAX_LEFTOVERS) {
            hv->ops->domain_name(hv, dom.domid, dom.name, sizeof(dom.name), NULL);
            st->leftover[st->nr_leftovers++] = dom;
        }
    }
    return r;
}

static void keep_report(json_object *report, void *arg)
{
    struct status *st = arg;

    json_object_put(st->report[st->nr_reports % LAST_REPORTS]);
    st->report[st->nr_reports++ % LAST_REPORTS] = json_object_get(report);
}

int verb_status(struct cli *cli, struct exclaim_error *err)
{
    struct exclaim_hv *hv = NULL;
    struct status *st;
    int rc = -1;

    if (cli->format && strcmp(cli->format, "prom") != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--format \"%s\" is not prom", cli->format);
    }
    st = calloc(1, sizeof(*st));
    if (!st) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "status");
    }
    if (cli_open(cli, &hv, NULL, err) ||
        exclaim_ledger_open(cli->config.lock_dir, &st->ledger, err) ||
        exclaim_ledger_lock(st->ledger, 10000, err)) {
        goto out;
    }
    st->pruned = exclaim_ledger_prune(st->ledger, hv);
    exclaim_ledger_unlock(st->ledger);
    if (cli_reports(cli->config.report_file, keep_report, st, err) || find_leftovers(st, hv, err)) {
        goto out;
    }
    rc = 0;
    if (cli->format) {
        status_print_prom(st);
    } else if (cli->json) {
        status_print_json(st);
    } else {
        rc = status_print_text(st, err);
    }

out:
    if (hv) {
        hv->ops->close(hv);
    }
    for (uint32_t i = 0; i < LAST_REPORTS; i++) {
        json_object_put(st->report[i]);
    }
    exclaim_ledger_close(st->ledger);
    free(st);
    return rc;
}
