/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast migrations go: by --bandwidth, else as this host's reports say of those that came. */
#include "pool.h"

#include <string.h>

#include "../base/jread.h"

/* No page takes so long. */
#define MS_MAX (1000ull * 3600 * 24 * 365)

static void add_report(struct json_object *o, void *arg)
{
    struct exclaim_error ignored;
    struct jread r = { .err = &ignored };
    struct pace *pace = arg;
    uint64_t pages, ms;

    if (strcmp(jread_str(&r, o, "role"), "destination") != 0 ||
        strcmp(jread_str(&r, o, "outcome"), "done") != 0) {
        return;
    }
    pages = jread_u64(&r, jread_get(o, "source"), "total_pages", EXCLAIM_PAGES_MAX, 0);
    ms = jread_u64(&r, jread_get(o, "ms"), "restore", MS_MAX, 0);
    if (!r.failed && pages && ms) {
        pace->pages += pages;
        pace->ms += ms;
        pace->migrations++;
    }
}

void cli_pace(const struct cli *cli, struct pace *pace)
{
    *pace = (struct pace){ .file = cli->config.report_file };
    if (cli->bandwidth) {
        pace->pages = (uint64_t)cli->bandwidth * 256;
        pace->ms = 1000;
    } else {
        (void)cli_reports(cli->config.report_file, CLI_REPORTS_END, add_report, pace, NULL);
    }
}
