/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_CLI_H
#define EXCLAIM_CLI_H

#include <exclaim/config.h>
#include <exclaim/hypervisor.h>
#include <exclaim/match.h>
#include <exclaim/plan.h>

/* Options that only some verbs take; each verb names its own. */
enum cli_option {
    CLI_RECORD = 1 << 0,    /* --record FILE */
    CLI_PAGES = 1 << 1,     /* --pages N */
    CLI_NODE = 1 << 2,      /* --node N=PAGES, several times */
    CLI_FORMAT = 1 << 3,    /* --format prom */
    CLI_POOL = 1 << 4,      /* --snapshot FILE, several times; --xapi SERVER and what it needs */
    CLI_VM = 1 << 5,        /* --vm VM, several times */
    CLI_HOST = 1 << 6,      /* --host HOST, several times */
    CLI_TO = 1 << 7,        /* --to HOST, several times */
    CLI_GUARANTEE = 1 << 8, /* --guarantee NAME */
    CLI_HOLD = 1 << 9,      /* --hold */
    CLI_MOVES = 1 << 10,    /* --max-moves N, --prefer spread|pack, --only-vm VM */
    CLI_BACK = 1 << 11,     /* --back each|end|none */
    CLI_HTML = 1 << 12,     /* --html FILE */
    CLI_APPLY = 1 << 13,    /* --apply and what belongs to it */
    CLI_NOTE = 1 << 16,     /* --note UUID, --seconds N */
    CLI_LEAVE = 1 << 15,    /* --skip-vm VM, --shutdown-vm VM, several times */
    CLI_SNAPSHOT = 1 << 14, /* --snapshot without a value: write one */
    CLI_LAYOUT = 1 << 18,   /* --layout */
    CLI_CHECK = 1 << 17,    /* --pool, and --xapi with what it needs; runs with a broken
                             * configuration as well */
};

/* As many positional arguments as a verb may take. */
#define CLI_ARGS_MAX 256

struct cli_list {
    const char **name;
    uint32_t nr;
};

/* What the command line said; a text is NULL, a number 0 if it said nothing. */
struct cli {
    struct exclaim_config config;
    struct exclaim_error config_error; /* CLI_CHECK only: why not all of its file was read */
    bool json;
    const char *record;
    bool have_pages;
    uint64_t pages;
    uint32_t nr_nodes; /* highest node named plus 1 */
    uint64_t node_pages[EXCLAIM_NODES_MAX];
    const char *format;
    struct cli_list snapshots, vms, hosts, to, skip, shutdown, only;
    const char *xapi, *user, *password_file, *cacert;
    uint64_t nodes_given; /* bit n: node n was named */
    const char *note;     /* uuid */
    uint32_t seconds;
    const char *guarantee, *back, *html, *events, *resume, *cancel, *plan, *save;
    uint32_t step;                             /* from 1 */
    uint32_t max_moves, timeout, move_timeout; /* seconds */
    uint32_t bandwidth;                        /* MiB/s */
    enum exclaim_plan_prefer prefer;
    bool snapshot, stale, hold, apply, partial, disable, keep_enabled, layout, pool;
    const char *arg; /* the first positional argument, NULL if none */
    char **args;
    int nr_args;
};

/* Returns an exit code; on failure @err has the line for stderr. */
typedef int cli_handler(struct cli *cli, struct exclaim_error *err);

struct cli_verb {
    const char *name;
    const char *usage;   /* what stands behind the name */
    const char *summary; /* one line */
    const char *detail;  /* more for --help, NULL if there is nothing more to say */
    int options;
    int min_args; /* positional arguments */
    int max_args;
    cli_handler *run;
};

cli_handler verb_caps, verb_count, verb_host, verb_header, verb_match, verb_claim, verb_release,
    verb_verify, verb_status, verb_check, verb_preflight, verb_plan, verb_evacuate;

/* --- shared by the verbs --- */

/* Opens the running Xen and finds the VM named by cli->arg (if any). */
int cli_open(struct cli *cli, struct exclaim_hv **hv, struct exclaim_domain *dom,
             struct exclaim_error *err);

/* Reads a record from a file, a stream or stdin ("-"). */
int cli_read_record(const char *path, struct exclaim_reservation *res, struct exclaim_error *err);

/* The room on this host, with the ledger's entries charged; @dom is NULL or a domain under
 * construction. */
int cli_room(struct cli *cli, struct exclaim_hv *hv, const struct exclaim_domain *dom,
             struct exclaim_room *room, struct exclaim_error *err);

/* The match of @res in that room. */
int cli_match(struct cli *cli, struct exclaim_hv *hv, const struct exclaim_domain *dom,
              const struct exclaim_reservation *res, struct exclaim_room *room,
              struct exclaim_match *match, struct exclaim_error *err);

struct json_object;

/* So much of the report file's end is read by those who want the last reports. */
#define CLI_REPORTS_END (256 * 1024L)

/* For each report in the last @bytes of @path, 0 for all of it, oldest first; what it keeps of
 * @report it must hold (json_object_get()).  No file: no reports. */
typedef void cli_report_fn(struct json_object *report, void *arg);
int cli_reports(const char *path, long bytes, cli_report_fn *each, void *arg,
                struct exclaim_error *err);

#endif
