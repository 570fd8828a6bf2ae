/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../report/json.h"
#include "../report/table.h"
#include "cli.h"

static int print_table(const struct exclaim_count *count, const uint64_t *want,
                       struct exclaim_error *err)
{
    static const char *const head[] = { "NODE", ">WANTED", ">GOT", ">DIFFERENCE", NULL };
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (n < count->nr_nodes || want[n]) {
            table_cell(&t, "%" PRIu32, n);
            table_cell(&t, "%" PRIu64, want[n]);
            table_cell(&t, "%" PRIu64, count->pages[n]);
            table_cell(&t, "%+" PRId64, (int64_t)count->pages[n] - (int64_t)want[n]);
        }
    }
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}

static void print_json(const struct exclaim_domain *dom, const struct exclaim_count *count,
                       const uint64_t *want, bool exact)
{
    json_object *o = exclaim_json_schema("verify");

    exclaim_json_u64(o, "domid", dom->domid);
    exclaim_json_nodes(o, "wanted", EXCLAIM_NODES_MAX, want);
    exclaim_json_count(exclaim_json_child(o, "got"), count);
    exclaim_json_bool(o, "exact", exact);
    cli_print_json(o);
}

static int wanted(struct cli *cli, uint64_t *want, struct exclaim_error *err)
{
    struct exclaim_reservation res;

    if ((cli->record != NULL) + (cli->nr_nodes != 0) != 1) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "one of --record and --node");
    }
    if (!cli->record) {
        memcpy(want, cli->node_pages, sizeof(cli->node_pages));
        return 0;
    }
    if (cli_read_record(cli->record, &res, err)) {
        return -1;
    }
    if (!res.count.exact) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%s: its count is not exact: %s",
                            cli->record, res.count.why);
    }
    memcpy(want, res.count.pages, sizeof(res.count.pages));
    return 0;
}

int verb_verify(struct cli *cli, struct exclaim_error *err)
{
    uint64_t want[EXCLAIM_NODES_MAX] = { 0 };
    struct exclaim_domain dom;
    struct exclaim_count count;
    struct exclaim_hv *hv;
    bool same;
    int rc = -1;

    if (wanted(cli, want, err) || cli_open(cli, &hv, &dom, err)) {
        return -1;
    }
    if (hv->ops->count(hv, dom.domid, cli->config.count_console_max_pages, &count, err)) {
        goto out;
    }
    if (!count.exact) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "domain %" PRIu32 " not counted exactly: %s",
                     dom.domid, count.why);
        goto out;
    }
    same = !memcmp(want, count.pages, sizeof(count.pages));
    if (cli->json) {
        print_json(&dom, &count, want, same);
    } else if (print_table(&count, want, err)) {
        goto out;
    }
    rc = same ? 0
              : exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                             "domain %" PRIu32 " does not lie as it should", dom.domid);

out:
    hv->ops->close(hv);
    return rc;
}
