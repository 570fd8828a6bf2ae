/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/log.h>

#include "cli.h"

static const struct cli_verb verbs[] = {
    {
        .name = "caps",
        .usage = "",
        .summary = "what this Xen offers: counts, claims, placement, and why not the others",
        .run = verb_caps,
    },
    {
        .name = "count",
        .usage = "VM [--record FILE]",
        .summary = "exact pages per node of a running domain",
        .detail = "With --record the reservation is written to FILE as well, for match, claim and\n"
                  "verify.",
        .options = CLI_RECORD,
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
            "written to stdout for planning: protobuf, or JSON with --json.",
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
        .usage = "[VM] --record FILE",
        .summary = "which nodes of this host take which part of a reservation",
        .detail = "With VM, a domain under construction, its hard affinity is a constraint.",
        .options = CLI_RECORD,
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
        .options = CLI_FORMAT,
        .run = verb_status,
    },
};

#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

enum {
    OPT_JSON = 256,
    OPT_HELP,
    OPT_RECORD,
    OPT_PAGES,
    OPT_NODE,
    OPT_FORMAT,
    OPT_SNAPSHOT,
    OPT_CONFIG
};

/* Our own options first, then one per configuration key. */
static const struct option own_options[] = {
    { "json", no_argument, NULL, OPT_JSON },
    { "help", no_argument, NULL, OPT_HELP },
    { "record", required_argument, NULL, OPT_RECORD },
    { "pages", required_argument, NULL, OPT_PAGES },
    { "node", required_argument, NULL, OPT_NODE },
    { "format", required_argument, NULL, OPT_FORMAT },
    { "snapshot", no_argument, NULL, OPT_SNAPSHOT },
};

#define NR_OWN      (sizeof(own_options) / sizeof(own_options[0]))
#define MAX_OPTIONS 64

static void build_options(struct option *options)
{
    unsigned int n = NR_OWN;

    memcpy(options, own_options, sizeof(own_options));
    for (unsigned int i = 0; exclaim_config_key(i) && n < MAX_OPTIONS - 1; i++, n++) {
        options[n] =
            (struct option){ exclaim_config_key(i), required_argument, NULL, OPT_CONFIG + (int)i };
    }
    options[n] = (struct option){ 0 };
}

static void print_usage(FILE *out)
{
    fputs("Usage: exclaim VERB [OPTIONS]\n\n"
          "Exact memory reservation for Xen live migration, per NUMA node.\n\n",
          out);
    for (unsigned int i = 0; i < NR_VERBS; i++) {
        fprintf(out, "  %-8s  %s\n", verbs[i].name, verbs[i].summary);
    }
    fputs("\nA VM is named by domid, uuid or name.  Every verb takes --json and --help, and every\n"
          "key of exclaim.conf(5) as an option.  Exit: 0 done or fits, 2 usage, 3 does not fit,\n"
          "4 not supported here, 5 failed.\n",
          out);
}

static void print_help(const struct cli_verb *verb)
{
    printf("Usage: exclaim %s%s%s [--json]\n\n%s.\n", verb->name, *verb->usage ? " " : "",
           verb->usage, verb->summary);
    if (verb->detail) {
        printf("\n%s\n", verb->detail);
    }
    fputs("\nConfiguration keys, see exclaim.conf(5):\n", stdout);
    for (unsigned int i = 0; exclaim_config_key(i); i++) {
        printf("  --%s=VALUE\n", exclaim_config_key(i));
    }
}

static int parse_pages(const char *text, uint64_t *pages, struct exclaim_error *err)
{
    char *end;

    errno = 0;
    *pages = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || *pages > EXCLAIM_PAGES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "\"%s\" is not a number of pages from 0 to %" PRIu64, text,
                            (uint64_t)EXCLAIM_PAGES_MAX);
    }
    return 0;
}

static int parse_node(struct cli *cli, const char *text, struct exclaim_error *err)
{
    char *end;
    unsigned long node = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '=' || node >= EXCLAIM_NODES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--node \"%s\" is not NODE=PAGES with a node from 0 to %d", text,
                            EXCLAIM_NODES_MAX - 1);
    }
    if (node >= cli->nr_nodes) {
        cli->nr_nodes = (uint32_t)node + 1;
    }
    return parse_pages(end + 1, &cli->node_pages[node], err);
}

static int not_for(const struct cli_verb *verb, const char *option, struct exclaim_error *err)
{
    return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s takes no --%s", verb->name, option);
}

/* The bit of an option that only some verbs take, 0 for one that all take. */
static int option_bit(int opt)
{
    switch (opt) {
    case OPT_RECORD:
        return CLI_RECORD;
    case OPT_PAGES:
        return CLI_PAGES;
    case OPT_NODE:
        return CLI_NODE;
    case OPT_FORMAT:
        return CLI_FORMAT;
    case OPT_SNAPSHOT:
        return CLI_SNAPSHOT;
    default:
        return 0;
    }
}

static int parse_option(const struct cli_verb *verb, struct cli *cli, int opt,
                        struct exclaim_error *err)
{
    if (opt >= OPT_CONFIG) {
        return exclaim_config_set(
            &cli->config, exclaim_config_key((unsigned int)(opt - OPT_CONFIG)), optarg, err);
    }
    if (option_bit(opt) & ~verb->options) {
        return not_for(verb, own_options[opt - OPT_JSON].name, err);
    }
    switch (opt) {
    case OPT_JSON:
        cli->json = true;
        return 0;
    case OPT_RECORD:
        cli->record = optarg;
        return 0;
    case OPT_PAGES:
        cli->have_pages = true;
        return parse_pages(optarg, &cli->pages, err);
    case OPT_NODE:
        return parse_node(cli, optarg, err);
    case OPT_SNAPSHOT:
        cli->snapshot = true;
        return 0;
    default:
        cli->prom = !strcmp(optarg, "prom");
        return cli->prom
                   ? 0
                   : exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--format \"%s\" is not prom", optarg);
    }
}

/* 0 to go on, 1 when help was printed, -1 on error. */
static int parse(const struct cli_verb *verb, struct cli *cli, int argc, char **argv,
                 struct exclaim_error *err)
{
    struct option options[MAX_OPTIONS];
    int opt;

    build_options(options);
    opterr = 0;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (opt == '?') {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                "%s: unknown option or missing value at \"%s\", see --help",
                                verb->name, argv[optind - 1]);
        }
        if (opt == OPT_HELP) {
            print_help(verb);
            return 1;
        }
        if (parse_option(verb, cli, opt, err)) {
            return -1;
        }
    }
    if (argc - optind < verb->min_args || argc - optind > verb->max_args) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "usage: exclaim %s %s", verb->name,
                            verb->usage);
    }
    cli->arg = optind < argc ? argv[optind] : NULL;
    return 0;
}

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
    struct exclaim_error err = { 0 };
    struct cli cli = { 0 };
    int config = exclaim_config_load(&cli.config, &err);
    int rc = parse(verb, &cli, argc, argv, config ? NULL : &err);

    if (rc > 0) {
        return 0; /* help, whatever the configuration says */
    }
    if (!rc && !config) {
        rc = verb->run(&cli, &err);
    }
    if (!err.kind) {
        return rc;
    }
    fflush(stdout);
    fprintf(stderr, "exclaim %s: %s\n", verb->name, err.text);
    exclaim_log(LOG_INFO, "%s: %s", verb->name, err.text);
    return exclaim_error_exit_code(&err);
}

static int dispatch(const char *name, int argc, char **argv)
{
    if (!strcmp(name, "--help") || !strcmp(name, "help")) {
        print_usage(stdout);
        return 0;
    }
    if (!strcmp(name, "--version")) {
        puts("exclaim " EXCLAIM_VERSION);
        return 0;
    }
    for (unsigned int i = 0; i < NR_VERBS; i++) {
        if (!strcmp(name, verbs[i].name)) {
            return run_verb(&verbs[i], argc - 1, argv + 1);
        }
    }
    if (*name) {
        fprintf(stderr, "exclaim: unknown verb \"%s\"\n", name);
    }
    print_usage(stderr);
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
