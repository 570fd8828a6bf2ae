/* SPDX-License-Identifier: BSD-2-Clause */
/* status: migrations in flight, the last reports, leftover claims. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/pool.h>
#include <exclaim/uuid.h>

#include "../base/jread.h"
#include "../base/json.h"
#include "../report/status_print.h"
#include "cli.h"

/* xenopsd's uuid of a VM that arrives: the first 24 characters of its own and this (xen-api
 * ocaml/xenopsd/lib/xenops_server.ml). */
#define TEMPORARY_AT  24
#define TEMPORARY_END "000000000001"

static bool in_ledger(const struct status *st, uint32_t domid)
{
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        bool unseen;
        const struct exclaim_ledger_entry *e = status_entry(st, i, &unseen);

        if (e && e->domid == domid) {
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

static void name_migrations(struct status *st, struct exclaim_hv *hv)
{
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        bool unseen;
        const struct exclaim_ledger_entry *e = status_entry(st, i, &unseen);

        if (e) {
            hv->ops->domain_name(hv, e->domid, st->name[i], sizeof(st->name[i]), NULL);
        }
    }
}

static void count_ended(struct status *st)
{
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        const struct exclaim_ledger_entry *e = exclaim_ledger_at(st->ledger, i);

        st->ended += atomic_load(&e->state) != EXCLAIM_ENTRY_FREE &&
                     exclaim_ledger_use(e) == EXCLAIM_USE_GONE;
    }
}

static void keep_report(json_object *report, void *arg)
{
    struct status *st = arg;

    status_tally(&st->tally, report);
    json_object_put(st->report[st->nr_reports % LAST_REPORTS]);
    st->report[st->nr_reports++ % LAST_REPORTS] = json_object_get(report);
}

static bool same_vm(const char *reported, const char *handle)
{
    return !strcmp(reported, handle) ||
           (strlen(reported) == strlen(handle) && !strncmp(reported, handle, TEMPORARY_AT) &&
            (!strcmp(reported + TEMPORARY_AT, TEMPORARY_END) ||
             !strcmp(handle + TEMPORARY_AT, TEMPORARY_END)));
}

/* "done" says that the memory was restored.  The toolstack may have destroyed the domain after
 * that, as libxl does where QEMU fails to start; so each such report says what is there now. */
static int look_for_domains(struct status *st, struct exclaim_hv *hv, struct exclaim_error *err)
{
    for (uint32_t i = 0; i < LAST_REPORTS; i++) {
        json_object *o = st->report[i], *domid;
        char handle[EXCLAIM_UUID_TEXT];
        struct exclaim_domain dom;
        bool here;

        if (!o || strcmp(jread_text(o, "role"), "destination") != 0 ||
            strcmp(jread_text(o, "outcome"), "done") != 0 || !*jread_text(o, "uuid") ||
            !json_object_object_get_ex(o, "domid", &domid)) {
            continue;
        }
        if (exclaim_hv_domain(hv, (uint32_t)json_object_get_int64(domid), &dom, err)) {
            if (err->errnum != ESRCH) {
                return -1;
            }
            *err = (struct exclaim_error){ 0 };
            here = false;
        } else {
            exclaim_uuid_format(dom.uuid, handle);
            here = !dom.dying && same_vm(jread_text(o, "uuid"), handle);
        }
        exclaim_json_str(o, "domain", here ? "here" : "gone");
        if (here && *dom.name) {
            exclaim_json_str(o, "name", dom.name);
        }
    }
    return 0;
}

/* What metrics tell beyond the ledger and the reports. */
static int read_here(const struct cli *cli, struct status *st, struct exclaim_hv *hv,
                     struct status_here *here, struct exclaim_error *err)
{
    int rc;

    here->version = EXCLAIM_VERSION;
    if (hv->ops->caps(hv, &here->caps, err) || exclaim_ledger_lock(st->ledger, 10000, err)) {
        return -1;
    }
    rc = exclaim_room_read(hv, st->ledger, NULL, cli->config.headroom_pages, &here->room, err);
    exclaim_ledger_unlock(st->ledger);
    here->one_node = exclaim_pool_guarantee(&cli->config, &here->caps, 1);
    here->several_nodes = exclaim_pool_guarantee(&cli->config, &here->caps, 2);
    return rc;
}

int verb_status(struct cli *cli, struct exclaim_error *err)
{
    struct status_here here = { 0 };
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
    exclaim_ledger_unlock(st->ledger);
    count_ended(st);
    name_migrations(st, hv);
    /* Counters are of the whole file. */
    if (cli_reports(cli->config.report_file, cli->format ? 0 : CLI_REPORTS_END, keep_report, st,
                    err) ||
        find_leftovers(st, hv, err) || look_for_domains(st, hv, err) ||
        (cli->format && read_here(cli, st, hv, &here, err))) {
        goto out;
    }
    rc = 0;
    if (cli->format) {
        status_print_prom(st, &here);
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
