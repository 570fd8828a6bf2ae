/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of verbs with their help, and the dispatch to them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <exclaim/log.h>

#include "help.h"
#include "options.h"

/* What is left out, where the pool comes from, and what may be drawn of the result. */
#define LEAVE_HELP                                                                                 \
    "--skip-vm VM       leave this VM out: whoever empties its host sees to it\n"                  \
    "--shutdown-vm VM   leave it out: it will be shut down; exclaim does not do that\n"

#define ONLY_HELP "--only-vm VM       of the hosts' VMs this one alone, and others so named\n"

#define PREFER_HELP                                                                                \
    "--prefer HOW       of plans otherwise equal: spread (the default), even room per\n"           \
    "                   node; or pack, the tightest fit\n"

#define XAPI_HELP                                                                                  \
    "--xapi SERVER      the pool by XAPI: socket (the default), HOST[:PORT] (HTTPS)\n"             \
    "--user NAME        for HTTPS, root if not given\n"                                            \
    "--password-file FILE, --cacert FILE   for HTTPS, see exclaim(8)"

#define PLAN_HELP                                                                                  \
    "--html FILE        the result as one page for a browser\n"                                    \
    "--snapshot FILE    a host's part of the pool, as exclaim host --snapshot has it;\n"           \
    "                   once per host\n"                                                           \
    "--stale            plan with snapshots that are older than 7 days, too\n" XAPI_HELP

static const struct cli_verb verbs[] = {
    {
        .name = "caps",
        .usage = "",
        .summary = "what this Xen offers: counts, claims, placement; why not the others",
        .run = verb_caps,
    },
    {
        .name = "count",
        .usage = "VM [--layout] [--record FILE]",
        .summary = "exact pages per node of a running domain",
        .detail = "With --layout it shows which frames lie on which node, too.  With --record the\n"
                  "reservation is written to FILE as well, for match, claim and verify.",
        .options = CLI_RECORD | CLI_LAYOUT,
        .min_args = 1,
        .max_args = 1,
        .run = verb_count,
    },
    {
        .name = "host",
        .usage = "[--snapshot]",
        .summary = "per node: free, claimed and claimable pages; claims; headroom",
        .detail =
            "With --snapshot this host's part of a pool, all its domains' counts included, is\n"
            "written to stdout for planning, as one line of JSON.",
        .options = CLI_SNAPSHOT,
        .run = verb_host,
    },
    {
        .name = "header",
        .usage = "FILE|-",
        .summary = "decode and check a reservation record or a whole stream",
        .detail = "FILE is a record written by count --record, or a captured migration stream.",
        .min_args = 1,
        .max_args = 1,
        .run = verb_header,
    },
    {
        .name = "match",
        .usage = "[VM] --record FILE | --note UUID --node SOURCE=NODE... [--seconds N]",
        .summary = "which nodes of this host take which part of a reservation",
        .detail = "With VM, a domain under construction, its hard affinity is a constraint.\n"
                  "--note says where the VM of that uuid should come to lie if it arrives within\n"
                  "--seconds (600) and it fits there then; nothing is held.",
        .options = CLI_RECORD | CLI_NODE | CLI_NOTE,
        .max_args = 1,
        .run = verb_match,
    },
    {
        .name = "claim",
        .usage = "VM --record FILE | --pages N | --node N=PAGES...",
        .summary = "claim pages for a domain under construction",
        .detail = "Numbers are pages still to be allocated.  --record matches and takes the\n"
                  "strongest claim that this Xen has; --pages claims anywhere on the host; --node\n"
                  "(several times) on these nodes.",
        .options = CLI_RECORD | CLI_PAGES | CLI_NODE,
        .min_args = 1,
        .max_args = 1,
        .run = verb_claim,
    },
    {
        .name = "release",
        .usage = "VM",
        .summary = "give back what is claimed for a domain and not yet allocated",
        .min_args = 1,
        .max_args = 1,
        .run = verb_release,
    },
    {
        .name = "verify",
        .usage = "VM --record FILE | --node N=PAGES...",
        .summary = "compare a domain's pages per node with what they should be",
        .detail = "--record expects the pages on the nodes of the same number.  Exit 3 if they\n"
                  "differ.",
        .options = CLI_RECORD | CLI_NODE,
        .min_args = 1,
        .max_args = 1,
        .run = verb_verify,
    },
    {
        .name = "status",
        .usage = "[--format=prom]",
        .summary = "migrations in flight, the last reports, leftover claims",
        .detail = "--format=prom      metrics for Prometheus' textfile collector, in base units",
        .options = CLI_FORMAT,
        .run = verb_status,
    },
    {
        .name = "check",
        .usage = "[--pool [OPTION]...]",
        .summary = "is this host (--pool: every host) ready: ok, degraded or broken",
        .detail = "--pool             every host of the pool, by its plugin\n" XAPI_HELP
                  "\n\nExit: 0 ok, 3 degraded, 5 broken.",
        .options = CLI_CHECK,
        .run = verb_check,
    },
    {
        .name = "preflight",
        .usage = "[--host HOST]... [--vm VM]... [--to HOST]... [OPTION]...",
        .summary = "would these VMs fit there, exactly; what is short, what would help",
        .detail =
            "--host HOST        all VMs of this host\n"
            "--vm VM            this VM, by uuid or name\n"
            "--to HOST          where they might go; else every other host\n"
            "--guarantee NAME   the least that counts: none, host (the default), node or\n"
            "                   node-set\n" LEAVE_HELP
            "--hold             keep it true by claims: not possible, says why, exit 4\n" PLAN_HELP,
        .options =
            CLI_POOL | CLI_VM | CLI_HOST | CLI_TO | CLI_GUARANTEE | CLI_HOLD | CLI_HTML | CLI_LEAVE,
        .run = verb_preflight,
    },
    {
        .name = "plan",
        .usage = "evacuate HOST... | rolling [OPTION]...",
        .summary = "a proven plan to empty hosts, or for a whole rolling upgrade",
        .detail =
            "--to HOST          evacuate: where VMs may go; else every other host\n"
            "--only-vm VM       evacuate: this VM alone, and others so named\n"
            "--host HOST        rolling: these hosts in this order; else all older than the\n"
            "                   newest, coordinator first\n" LEAVE_HELP
            "--back WHEN        rolling: VMs return once their host is back (each), once\n"
            "                   all are done (end), or not at all (none)\n"
            "--max-moves N      at once out of a host and into a host (2)\n"
            "--bandwidth N      MiB/s of one move, for the time that it all takes\n" PREFER_HELP
            "--save FILE        write the plan there, for evacuate --plan\n" PLAN_HELP,
        .options = CLI_POOL | CLI_HOST | CLI_TO | CLI_MOVES | CLI_BACK | CLI_HTML | CLI_LEAVE,
        .min_args = 1,
        .max_args = CLI_ARGS_MAX,
        .run = verb_plan,
    },
    {
        .name = "evacuate",
        .usage = "HOST... | --plan FILE | --resume FILE | --cancel VM [OPTION]...",
        .summary = "carry such a plan out through XAPI; prints only unless --apply",
        .detail =
            "--apply            move the VMs\n"
            "--partial          start although some VMs cannot leave\n"
            "--keep-enabled     hosts are not disabled first: XAPI may start VMs there\n"
            "--to HOST          where VMs may go; else every other host\n"
            "--max-moves N      at once out of a host and into a host (2)\n"
            "--bandwidth N      MiB/s of one move, for the time that it all takes\n" PREFER_HELP
                LEAVE_HELP ONLY_HELP "--timeout N        after N seconds no further move begins\n"
            "--move-timeout N   a move that takes longer is cancelled, the VM stays\n"
            "--cancel VM        cancel the move of this VM alone, whoever began it\n"
            "--plan FILE        carry out a plan that plan --save wrote: its VMs to its hosts\n"
            "--step N           of a plan with several steps, this one\n"
            "--events FILE      one JSON line per event, appended\n"
            "--resume FILE      go on with the evacuation that this file of events tells "
            "of\n" PLAN_HELP
            "\n\n^C starts no further move and waits for those that run; again: cancels them; a\n"
            "third time: leaves them to XAPI.",
        .options = CLI_POOL | CLI_TO | CLI_MOVES | CLI_HTML | CLI_APPLY | CLI_LEAVE,
        .max_args = CLI_ARGS_MAX,
        .run = verb_evacuate,
    },
    { .name = NULL },
};

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
    struct exclaim_error err = { 0 };
    struct cli cli = { 0 };
    int config = exclaim_config_load(&cli.config, &err);
    int rc = cli_parse(verb, &cli, argc, argv, config ? NULL : &err);

    if (rc > 0) { /* whatever the configuration says */
        help_verb(verb);
        rc = 0;
        err.kind = EXCLAIM_OK;
    } else if (!rc && (!config || (verb->options & CLI_CHECK))) {
        if (config) {
            cli.config_error = err;
            err = (struct exclaim_error){ 0 };
        }
        rc = verb->run(&cli, &err);
    }
    cli_free(&cli);
    if (!err.kind) {
        return rc;
    }
    fflush(stdout);
    fprintf(stderr, "exclaim %s: %s\n", verb->name, err.text);
    exclaim_log(LOG_INFO, "%s: %s", verb->name, err.text);
    return exclaim_error_exit_code(&err);
}

static const struct cli_verb *find_verb(const char *name)
{
    for (const struct cli_verb *verb = verbs; verb->name; verb++) {
        if (!strcmp(name, verb->name)) {
            return verb;
        }
    }
    return NULL;
}

/* help, help VERB, help config */
static int help(int argc, char **argv)
{
    struct exclaim_error err = { 0 };
    struct exclaim_config config;
    const struct cli_verb *verb;

    if (argc < 2 || !strcmp(argv[1], "help")) {
        help_usage(verbs, stdout);
        return 0;
    }
    if (!strcmp(argv[1], "config")) {
        if (exclaim_config_load(&config, &err)) {
            fprintf(stderr, "exclaim help: %s\n", err.text);
        }
        help_config(&config);
        return exclaim_error_exit_code(&err);
    }
    verb = find_verb(argv[1]);
    if (!verb) {
        help_unknown(verbs, argv[1], "config");
        return 2;
    }
    help_verb(verb);
    return 0;
}

static int dispatch(const char *name, int argc, char **argv)
{
    const struct cli_verb *verb = find_verb(name);

    if (verb) {
        return run_verb(verb, argc - 1, argv + 1);
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        return help(name[0] == '-' ? 0 : argc - 1, argv + 1);
    }
    if (!strcmp(name, "--version")) {
        puts("exclaim " EXCLAIM_VERSION);
        return 0;
    }
    if (*name) {
        help_unknown(verbs, name, "help");
    } else {
        help_usage(verbs, stderr);
    }
    return 2;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    int rc;

    exclaim_log_open("exclaim", LOG_INFO);
    rc = dispatch(name, argc, argv);
    /* A full disk behind stdout must not look like success. */
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "exclaim %s: write to stdout: %s\n", name, strerror(errno));
        rc = 5;
    }
    return rc;
}
