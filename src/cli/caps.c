/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim caps`: what this Xen offers, and why not the rest. */
#include "../base/json.h"
#include "../report/print.h"
#include "../report/table.h"
#include "cli.h"

struct row {
    const char *kind;
    const char *name;
    const char *state; /* "yes", "no" or "untold" */
    const char *why;
};

#define ROWS (EXCLAIM_COUNT_WAYS + 6)

static const char *yes(bool b)
{
    return b ? "yes" : "no";
}

static void rows(const struct exclaim_caps *c, struct row *r)
{
    const char *node = c->claim_node_known ? yes(c->claim_node) : "untold";
    enum exclaim_provenance way;

    for (unsigned int i = 0; (way = exclaim_count_way(i)) != EXCLAIM_FROM_NOWHERE; i++) {
        *r++ = (struct row){ "count", exclaim_provenance_name(way), yes(c->count[way]),
                             c->why_count[way] };
    }
    *r++ = (struct row){ "memory", "claimed per node", yes(c->node_memory), c->why_node_memory };
    *r++ = (struct row){ "claim", "host", yes(c->claim_host), "" };
    *r++ = (struct row){ "claim", "node", node, c->why_claim_node };
    *r++ = (struct row){ "claim", "node-set", yes(c->claim_set), c->why_claim_set };
    *r++ = (struct row){ "place", "exact node", yes(c->place_exact_node), "" };
    *r = (struct row){ NULL, NULL, NULL, NULL };
}

static void print_json(const struct exclaim_caps *c, const struct row *r)
{
    json_object *o = exclaim_json_schema("caps"), *list;
    char version[64];

    snprintf(version, sizeof(version), "%u.%u%s", c->xen_major, c->xen_minor, c->xen_extra);
    exclaim_json_str(o, "xen", version);
    exclaim_json_str(o, "library", c->library);
    list = exclaim_json_array(o, "capabilities");
    for (; r->kind; r++) {
        json_object *item = exclaim_json_item(list);

        exclaim_json_str(item, "kind", r->kind);
        exclaim_json_str(item, "name", r->name);
        exclaim_json_str(item, "offered", r->state);
        if (*r->why) {
            exclaim_json_str(item, "why", r->why);
        }
    }
    exclaim_json_print(o);
}

int verb_caps(struct cli *cli, struct exclaim_error *err)
{
    static const char *const head[] = { "!KIND", "!NAME", "!OFFERED", "~WHY", NULL };
    struct exclaim_hv *hv;
    struct exclaim_caps caps;
    struct row r[ROWS];
    struct table t;

    if (cli_open(cli, &hv, NULL, err)) {
        return -1;
    }
    if (hv->ops->caps(hv, &caps, err)) {
        hv->ops->close(hv);
        return -1;
    }
    hv->ops->close(hv);
    rows(&caps, r);
    if (cli->json) {
        print_json(&caps, r);
        return 0;
    }
    printf("Xen %u.%u%s, %s\n\n", caps.xen_major, caps.xen_minor, caps.xen_extra, caps.library);
    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "out of memory");
    }
    for (unsigned int i = 0; r[i].kind; i++) {
        table_cell(&t, "%s", r[i].kind);
        table_cell(&t, "%s", r[i].name);
        table_cell(&t, "%s", r[i].state);
        table_cell(&t, "%s", r[i].why);
    }
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}
