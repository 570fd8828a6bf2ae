/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <exclaim/log.h>

#include "options.h"

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

static void print_usage(FILE *out)
{
    fputs("Usage: exclaim VERB [OPTIONS]\n\n"
          "Exact memory reservation for Xen live migration, per NUMA node.\n\n",
          out);
    for (unsigned int i = 0; i < NR_VERBS; i++) {
        fprintf(out, "  %-9s  %s\n", verbs[i].name, verbs[i].summary);
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

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
    struct exclaim_error err = { 0 };
    struct cli cli = { 0 };
    int config = exclaim_config_load(&cli.config, &err);
    int rc = cli_parse(verb, &cli, argc, argv, config ? NULL : &err);

    if (rc > 0) { /* whatever the configuration says */
        print_help(verb);
        rc = 0;
        err.kind = EXCLAIM_OK;
    } else if (!rc && !config) {
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
