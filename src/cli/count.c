/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim count`: pages per node of a running domain, or of them all, as table, JSON or record. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/layout.h>
#include <exclaim/record.h>
#include <exclaim/uuid.h>

#include "../base/json.h"
#include "../base/text.h"
#include "../report/layout_print.h"
#include "../report/print.h"
#include "../report/table.h"
#include "cli.h"

/* @layout: NULL if it was not asked for. */
static void print_json(const struct exclaim_domain *dom, const struct exclaim_count *count,
                       const struct exclaim_layout *layout)
{
    json_object *o = exclaim_json_schema("count");
    char uuid[EXCLAIM_UUID_TEXT];

    exclaim_uuid_format(dom->uuid, uuid);
    exclaim_json_u64(o, "domid", dom->domid);
    exclaim_json_str(o, "uuid", uuid);
    exclaim_json_str(o, "name", dom->name);
    exclaim_json_u64(o, "max_pages", dom->max_pages);
    exclaim_json_u64(o, "outstanding_pages", dom->outstanding_pages);
    exclaim_json_count(o, count);
    layout_print_object(o, layout);
}

static int print_table(const struct exclaim_domain *dom, const struct exclaim_count *count,
                       struct exclaim_error *err)
{
    static const char *const head[] = { "NODE", ">SIZE", ">PAGES", NULL };
    char uuid[EXCLAIM_UUID_TEXT];
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    exclaim_uuid_format(dom->uuid, uuid);
    exclaim_print("domain %" PRIu32 "%s%s (%s), counted by %s\n", dom->domid, *dom->name ? " " : "",
                  dom->name, uuid, exclaim_provenance_name(count->method));
    exclaim_print("at most %s, claims %s\n\n", exclaim_size_pages(dom->max_pages).text,
                  exclaim_size_pages(dom->outstanding_pages).text);
    for (uint32_t n = 0; n < count->nr_nodes; n++) {
        table_cell(&t, "%" PRIu32, n);
        table_cell(&t, "%s", exclaim_size(count->pages[n]).text);
        table_cell(&t, "%" PRIu64, count->pages[n]);
    }
    table_cell(&t, "total");
    table_cell(&t, "%s", exclaim_size(count->total_pages).text);
    table_cell(&t, "%" PRIu64, count->total_pages);
    table_print(&t, stdout);
    table_free(&t);
    if (!count->exact) {
        exclaim_print("\nnot exact: %s\n", count->why);
    }
    if (count->uncertain_pages) {
        exclaim_print("uncertain: %s\n", exclaim_size_pages(count->uncertain_pages).text);
    }
    return 0;
}

/* The same reservation that the source's hook would send, without the stream around it. */
static int write_record(struct exclaim_hv *hv, const struct exclaim_domain *dom,
                        const struct exclaim_count *count, const struct exclaim_layout *layout,
                        const char *why, const char *path, struct exclaim_error *err)
{
    static struct exclaim_reservation res;
    uint8_t buf[EXCLAIM_PREFIX_MAX];
    const size_t at = EXCLAIM_STREAM_HEADERS + EXCLAIM_RECORD_HEADER;
    struct exclaim_caps caps;
    size_t len;
    ssize_t r;
    int fd;

    if (hv->ops->caps(hv, &caps, err) ||
        exclaim_reservation_build(hv, &caps, dom, count, &res, err)) {
        return -1;
    }
    exclaim_layout_pack(layout, why, &res);
    if (exclaim_prefix_encode(&res, dom->hvm ? EXCLAIM_GUEST_HVM : EXCLAIM_GUEST_PV, caps.xen_major,
                              caps.xen_minor, buf, sizeof(buf), &len, err)) {
        return -1;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    r = write(fd, buf + at, len - at);
    if (r != (ssize_t)(len - at)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, r < 0 ? errno : ENOSPC, "write %s", path);
        close(fd);
        return -1;
    }
    return close(fd) ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "write %s", path) : 0;
}

int verb_count(struct cli *cli, struct exclaim_error *err)
{
    struct exclaim_layout_collect collect;
    struct exclaim_error no_layout = { 0 };
    struct exclaim_layout layout = { 0 };
    struct exclaim_domain dom;
    struct exclaim_count_how how;
    struct exclaim_count count;
    struct exclaim_hv *hv;
    int rc = -1;

    if (cli_open(cli, &hv, &dom, err)) {
        return -1;
    }
    exclaim_layout_collect_open(&collect);
    how = exclaim_count_how(&cli->config);
    how.runs = cli->layout || cli->record ? &collect.sink : NULL;
    if (hv->ops->count(hv, dom.domid, &how, &count, err)) {
        goto out;
    }
    if (how.runs) {
        exclaim_layout_collected(&collect, &count, &layout, &no_layout);
    }
    rc = 0;
    if (cli->json) {
        print_json(&dom, &count, cli->layout && layout.len ? &layout : NULL);
    } else if (exclaim_count_usable(&count)) {
        rc = print_table(&dom, &count, err);
        if (!rc && cli->layout && layout.len) {
            layout_print_text(&layout);
        }
    }
    if (rc) {
        goto out;
    }
    if (!exclaim_count_usable(&count)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "domain %" PRIu32 " not counted exactly: %s",
                          dom.domid, count.why);
    } else if (cli->record) {
        rc = write_record(hv, &dom, &count, &layout, no_layout.text, cli->record, err);
    }
    if (!rc && cli->layout && !layout.len) {
        rc = exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0, "domain %" PRIu32 " has no layout: %s",
                          dom.domid, no_layout.text);
    }

out:
    exclaim_layout_collect_close(&collect);
    hv->ops->close(hv);
    return rc;
}
