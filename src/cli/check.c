/* SPDX-License-Identifier: BSD-2-Clause */
/* Is this host ready?  One line for each thing that a migration needs: ok, degraded or broken. */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <exclaim/child.h>
#include <exclaim/ledger.h>

#include "../base/file.h"
#include "../base/text.h"
#include "check.h"
#include "pool.h"

/* Of the report file's file system: less, and the next reports are lost. */
#define REPORT_ROOM (16ull << 20)

static void add(struct check *c, const char *name, enum check_state state, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void add(struct check *c, const char *name, enum check_state state, const char *fmt, ...)
{
    struct check_line *line;
    va_list ap;

    if (c->nr == CHECK_LINES) {
        return;
    }
    line = &c->line[c->nr++];
    snprintf(line->name, sizeof(line->name), "%s", name);
    line->state = state;
    va_start(ap, fmt);
    vsnprintf(line->text, sizeof(line->text), fmt, ap);
    va_end(ap);
    if (state > c->worst) {
        c->worst = state;
    }
}

static void look_at_caps(struct check *c, const struct cli *cli, const struct exclaim_caps *caps)
{
    const uint64_t most = cli->config.count_console_max_pages;
    char console[96] = "are not counted";

    add(c, "xen", CHECK_OK, "Xen %u.%u%s, %s", caps->xen_major, caps->xen_minor, caps->xen_extra,
        caps->library);
    if (caps->count[EXCLAIM_FROM_HYPERCALL]) {
        add(c, "count", CHECK_OK, "by hypercall");
    } else if (caps->count[EXCLAIM_FROM_MAPPED] && cli->config.count_ms_max) {
        if (caps->count[EXCLAIM_FROM_CONSOLE] && most) {
            snprintf(console, sizeof(console),
                     "by console, where all domains have up to %s together",
                     exclaim_size(most).text);
        }
        add(c, "count", CHECK_OK, "HVM and PVH guests by mapping; PV guests %s", console);
    } else if (caps->count[EXCLAIM_FROM_CONSOLE] && most) {
        add(c, "count", CHECK_OK, "by console, where all domains have up to %s together",
            exclaim_size(most).text);
    } else {
        add(c, "count", CHECK_DEGRADED,
            "neither by mapping (%s) nor by console (%s): VMs that leave take no count along",
            caps->count[EXCLAIM_FROM_MAPPED] ? "count_ms_max = 0"
                                             : caps->why_count[EXCLAIM_FROM_MAPPED],
            most ? caps->why_count[EXCLAIM_FROM_CONSOLE] : "count_console_max_pages = 0");
    }
    if (caps->claim_set || caps->claim_node) {
        add(c, "claims", CHECK_OK, "%s", caps->claim_set ? "sets of nodes" : "one node");
    } else if (caps->claim_host) {
        add(c, "claims", CHECK_OK,
            "the host's total; per node among exclaim's own migrations only (%s)",
            caps->why_claim_set);
    } else {
        add(c, "claims", CHECK_BROKEN, "none: %s", caps->why_claim_set);
    }
}

static void look_at_xen(struct check *c, struct cli *cli)
{
    struct exclaim_error err = { 0 };
    struct exclaim_caps caps;
    struct exclaim_hv *hv;

    if (cli_open(cli, &hv, NULL, &err)) {
        add(c, "xen", CHECK_BROKEN, "%s", err.text);
        return;
    }
    if (hv->ops->caps(hv, &caps, &err)) {
        add(c, "xen", CHECK_BROKEN, "%s", err.text);
    } else {
        look_at_caps(c, cli, &caps);
    }
    hv->ops->close(hv);
}

static void look_at_configuration(struct check *c, const struct cli *cli)
{
    struct exclaim_config of_hooks;
    struct exclaim_error err = { 0 };
    bool lost;

    if (exclaim_config_load_hook(&of_hooks, &lost, &err) && !cli->config_error.kind) {
        add(c, "configuration", lost ? CHECK_BROKEN : CHECK_DEGRADED, "%s", err.text);
    } else if (cli->config_error.kind) {
        add(c, "configuration", CHECK_BROKEN, "%s", cli->config_error.text);
    } else if (cli->config.policy == EXCLAIM_POLICY_OBSERVE) {
        add(c, "configuration", CHECK_DEGRADED,
            "policy observe: nothing is claimed or placed for VMs that arrive");
    } else {
        add(c, "configuration", CHECK_OK, "policy %s", exclaim_policy_name(cli->config.policy));
    }
}

static void look_at_placement(struct check *c, const struct cli *cli)
{
    const char *path = cli->config.place_object;

    if (!*path) {
        add(c, "placement", CHECK_DEGRADED,
            "place_object is empty: a VM on several nodes is not exact here");
    } else if (!exclaim_file_loads(path)) {
        add(c, "placement", CHECK_DEGRADED,
            "%s: %s: a VM on several nodes is not exact here; install exclaim again", path,
            strerror(errno));
    } else {
        add(c, "placement", CHECK_OK, "%s", path);
    }
}

static void look_at_ledger(struct check *c, const struct cli *cli)
{
    struct exclaim_ledger *ledger;
    struct exclaim_error err = { 0 };

    if (exclaim_ledger_open(cli->config.lock_dir, &ledger, &err)) {
        add(c, "ledger", CHECK_BROKEN, "%s", err.text);
        return;
    }
    exclaim_ledger_close(ledger);
    add(c, "ledger", CHECK_OK, "in %s", cli->config.lock_dir);
}

/* The directory is made with the first report, so the first one above that exists counts. */
static void look_at_reports(struct check *c, const struct cli *cli)
{
    char path[512], *dir = path;
    struct statvfs fs;

    snprintf(path, sizeof(path), "%s", cli->config.report_file);
    do {
        dir = dirname(dir);
    } while (access(dir, F_OK) && strcmp(dir, "/") != 0 && strcmp(dir, ".") != 0);
    if (statvfs(dir, &fs) || access(dir, W_OK)) {
        add(c, "reports", CHECK_BROKEN, "%s: %s: reports are lost", dir, strerror(errno));
    } else if ((uint64_t)fs.f_bavail * fs.f_frsize < REPORT_ROOM) {
        add(c, "reports", CHECK_DEGRADED, "%s: %s free: reports will be lost", dir,
            exclaim_size((uint64_t)fs.f_bavail * fs.f_frsize >> EXCLAIM_PAGE_SHIFT).text);
    } else {
        add(c, "reports", CHECK_OK, "%s, %s free", cli->config.report_file,
            exclaim_size((uint64_t)fs.f_bavail * fs.f_frsize >> EXCLAIM_PAGE_SHIFT).text);
    }
}

/* exclaim-hooks(8) knows what is in place, and what the running toolstack has read. */
static void look_at_hooks(struct check *c)
{
    const char *program = getenv("EXCLAIM_HOOKS"); /* for tests */
    char command[512], line[1024];
    bool migrates = false, said = false, xenopsd = true;
    FILE *f;

    snprintf(command, sizeof(command), "%s status --lines 2>/dev/null",
             program ? program : EXCLAIM_HOOKS_COMMAND);
    f = popen(command, "re");
    while (f && fgets(line, sizeof(line), f)) {
        char *rest = line, *part = strsep(&rest, "|"), *state = strsep(&rest, "|");

        if (!state || !rest) {
            continue;
        }
        said = true;
        rest[strcspn(rest, "\n")] = '\0';
        if (!strcmp(state, "on")) {
            add(c, part, CHECK_OK, "%s", rest);
            migrates |= !strcmp(part, "emu-manager") || !strcmp(part, "xl");
        } else if (!strcmp(state, "stale")) {
            add(c, part, CHECK_DEGRADED, "%s", rest);
            migrates |= !strcmp(part, "emu-manager") || !strcmp(part, "xl");
        } else if (!strcmp(state, "broken")) {
            add(c, part, CHECK_BROKEN, "%s", rest);
        } else if (!strcmp(rest, "not on this host")) {
            xenopsd &= strcmp(part, "emu-manager") != 0; /* the first line */
        } else if (!strcmp(state, "off") && (xenopsd || strcmp(part, "xenguest") != 0)) {
            add(c, part, CHECK_DEGRADED, "not in use: exclaim-hooks enable %s", part);
        }
    }
    if (f) {
        pclose(f);
    }
    if (!said) {
        add(c, "hooks", CHECK_BROKEN, "exclaim-hooks status says nothing: install exclaim again");
    } else if (!migrates) {
        add(c, "hooks", CHECK_BROKEN,
            "no toolstack uses exclaim: exclaim-hooks enable (xenopsd) or exclaim-hooks enable xl");
    }
}

static int check_pool(struct cli *cli, struct exclaim_error *err)
{
    struct exclaim_xapi *xapi = NULL;
    struct check_pool pool = { 0 };
    struct cli_signals signals;
    int rc;

    cli_hold_signals(&signals);
    rc = cli_xapi_open(cli, cli_signal_waits, &signals, &xapi, err);
    if (!rc) {
        rc = exclaim_xapi_check(xapi, check_pool_add, &pool, err);
        exclaim_xapi_close(xapi);
    }
    cli_let_signals(&signals);
    if (!rc) {
        rc = cli->json ? check_pool_print_json(&pool) : check_pool_print(&pool, err);
    }
    check_pool_free(&pool);
    return rc;
}

int verb_check(struct cli *cli, struct exclaim_error *err)
{
    struct check *c;
    int rc;

    if (!cli->pool && (cli->xapi || cli->user || cli->password_file || cli->cacert)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--xapi, --user, --password-file and --cacert go with --pool");
    }
    if (cli->pool) {
        return check_pool(cli, err);
    }
    c = calloc(1, sizeof(*c));
    if (!c) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "check");
    }
    look_at_xen(c, cli);
    look_at_configuration(c, cli);
    look_at_placement(c, cli);
    look_at_hooks(c);
    look_at_ledger(c, cli);
    look_at_reports(c, cli);
    rc = check_exit(c->worst);
    if (cli->json) {
        check_print_json(c);
    } else if (check_print(c, err)) {
        rc = -1;
    }
    free(c);
    return rc;
}
