/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_CLI_H
#define EXCLAIM_CLI_H

#include <exclaim/config.h>
#include <exclaim/hypervisor.h>
#include <exclaim/match.h>

/* Options that only some verbs take; each verb names its own. */
enum cli_option {
    CLI_RECORD = 1 << 0,   /* --record FILE */
    CLI_PAGES = 1 << 1,    /* --pages N */
    CLI_NODE = 1 << 2,     /* --node N=PAGES, several times */
    CLI_FORMAT = 1 << 3,   /* --format prom */
    CLI_SNAPSHOT = 1 << 4, /* --snapshot */
};

/* What the command line said. */
struct cli {
    struct exclaim_config config;
    bool json;
    const char *record;
    bool have_pages;
    uint64_t pages;
    uint32_t nr_nodes; /* highest node named plus 1 */
    uint64_t node_pages[EXCLAIM_NODES_MAX];
    bool prom;
    bool snapshot;
    const char *arg; /* the positional argument, NULL if none */
};

/* Returns an exit code; on failure @err has the line for stderr. */
typedef int cli_handler(struct cli *cli, struct exclaim_error *err);

struct cli_verb {
    const char *name;
    const char *usage;   /* what stands behind the name */
    const char *summary; /* one line */
    const char *detail;  /* more for --help, NULL if there is nothing more to say */
    int options;
    int min_args; /* 0 or 1 positional argument */
    int max_args;
    cli_handler *run;
};

cli_handler verb_caps, verb_count, verb_host, verb_header, verb_match, verb_claim, verb_release,
    verb_verify, verb_status;

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

/* For each report at the end of @path, oldest first; what it keeps of @report it must hold
 * (json_object_get()).  No file: no reports. */
typedef void cli_report_fn(struct json_object *report, void *arg);
int cli_reports(const char *path, cli_report_fn *each, void *arg, struct exclaim_error *err);

/* Prints @o with a newline and frees it. */
void cli_print_json(struct json_object *o);

double cli_mib(uint64_t pages);

#endif
