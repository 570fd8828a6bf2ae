/* SPDX-License-Identifier: BSD-2-Clause */
/* Options: one table of our own, and one option per configuration key; each is spelled with hyphens
 * and taken with underscores as well. */
#include "../base/compat.h"
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/note.h>

#include "../base/nearest.h"

#define BANDWIDTH_MAX   1000000u /* MiB/s */
#define RUN_SECONDS_MAX 604800u  /* a week */
#define STEP_MAX        100000u  /* the plan says how many it has */

enum kind {
    KIND_FLAG,
    KIND_HELP,
    KIND_TEXT,
    KIND_LIST,
    KIND_PAGES,
    KIND_NODE,
    KIND_COUNT,
    KIND_PREFER,
    KIND_SECONDS,
    KIND_RUN,
    KIND_STEP,
    KIND_RATE
};

static const struct own_option {
    const char *name;
    int only; /* the CLI_ bit of the verbs that take it, 0 for all */
    enum kind kind;
    size_t offset; /* of its field in struct cli */
} own_options[] = {
    { "json", 0, KIND_FLAG, offsetof(struct cli, json) },
    { "help", 0, KIND_HELP, 0 },
    { "record", CLI_RECORD, KIND_TEXT, offsetof(struct cli, record) },
    { "layout", CLI_LAYOUT, KIND_FLAG, offsetof(struct cli, layout) },
    { "pages", CLI_PAGES, KIND_PAGES, 0 },
    { "node", CLI_NODE, KIND_NODE, 0 },
    { "format", CLI_FORMAT, KIND_TEXT, offsetof(struct cli, format) },
    { "snapshot", CLI_SNAPSHOT, KIND_FLAG, offsetof(struct cli, snapshot) },
    { "snapshot", CLI_POOL, KIND_LIST, offsetof(struct cli, snapshots) },
    { "stale", CLI_POOL, KIND_FLAG, offsetof(struct cli, stale) },
    { "xapi", CLI_POOL | CLI_CHECK, KIND_TEXT, offsetof(struct cli, xapi) },
    { "user", CLI_POOL | CLI_CHECK, KIND_TEXT, offsetof(struct cli, user) },
    { "password-file", CLI_POOL | CLI_CHECK, KIND_TEXT, offsetof(struct cli, password_file) },
    { "cacert", CLI_POOL | CLI_CHECK, KIND_TEXT, offsetof(struct cli, cacert) },
    { "pool", CLI_CHECK, KIND_FLAG, offsetof(struct cli, pool) },
    { "vm", CLI_VM, KIND_LIST, offsetof(struct cli, vms) },
    { "host", CLI_HOST, KIND_LIST, offsetof(struct cli, hosts) },
    { "to", CLI_TO, KIND_LIST, offsetof(struct cli, to) },
    { "note", CLI_NOTE, KIND_TEXT, offsetof(struct cli, note) },
    { "seconds", CLI_NOTE, KIND_SECONDS, offsetof(struct cli, seconds) },
    { "skip-vm", CLI_LEAVE, KIND_LIST, offsetof(struct cli, skip) },
    { "shutdown-vm", CLI_LEAVE, KIND_LIST, offsetof(struct cli, shutdown) },
    { "only-vm", CLI_MOVES, KIND_LIST, offsetof(struct cli, only) },
    { "guarantee", CLI_GUARANTEE, KIND_TEXT, offsetof(struct cli, guarantee) },
    { "hold", CLI_HOLD, KIND_FLAG, offsetof(struct cli, hold) },
    { "bandwidth", CLI_MOVES, KIND_RATE, offsetof(struct cli, bandwidth) },
    { "max-moves", CLI_MOVES, KIND_COUNT, offsetof(struct cli, max_moves) },
    { "prefer", CLI_MOVES, KIND_PREFER, offsetof(struct cli, prefer) },
    { "back", CLI_BACK, KIND_TEXT, offsetof(struct cli, back) },
    { "html", CLI_HTML, KIND_TEXT, offsetof(struct cli, html) },
    { "apply", CLI_APPLY, KIND_FLAG, offsetof(struct cli, apply) },
    { "partial", CLI_APPLY, KIND_FLAG, offsetof(struct cli, partial) },
    { "disable", CLI_APPLY, KIND_FLAG, offsetof(struct cli, disable) },
    { "keep-enabled", CLI_APPLY, KIND_FLAG, offsetof(struct cli, keep_enabled) },
    { "events", CLI_APPLY, KIND_TEXT, offsetof(struct cli, events) },
    { "resume", CLI_APPLY, KIND_TEXT, offsetof(struct cli, resume) },
    { "plan", CLI_APPLY, KIND_TEXT, offsetof(struct cli, plan) },
    { "step", CLI_APPLY, KIND_STEP, offsetof(struct cli, step) },
    { "save", CLI_BACK, KIND_TEXT, offsetof(struct cli, save) },
    { "cancel", CLI_APPLY, KIND_TEXT, offsetof(struct cli, cancel) },
    { "timeout", CLI_APPLY, KIND_RUN, offsetof(struct cli, timeout) },
    { "move-timeout", CLI_APPLY, KIND_RUN, offsetof(struct cli, move_timeout) },
};

#define NR_OWN      (sizeof(own_options) / sizeof(own_options[0]))
#define OPT_OWN     256
#define OPT_CONFIG  512
#define MAX_OPTIONS 160
#define MAX_NAME    32

/* One name may stand for different options of different verbs: the verb's own goes first. */
static bool hidden(const struct cli_verb *verb, const struct own_option *o)
{
    if (!o->only || (o->only & verb->options)) {
        return false;
    }
    for (size_t i = 0; i < NR_OWN; i++) {
        const struct own_option *twin = &own_options[i];

        if (twin != o && !strcmp(twin->name, o->name) &&
            ((twin->only & verb->options) || twin < o)) {
            return true;
        }
    }
    return false;
}

/* What getopt_long() reads, and the names in it that the tables do not have. */
struct spelled {
    struct option option[MAX_OPTIONS + 1];
    char name[MAX_OPTIONS][MAX_NAME];
    unsigned int nr;
};

static void spell(struct spelled *s, const char *name, char from, char to, int has_arg, int value)
{
    char *copy = s->name[s->nr];

    if (s->nr == MAX_OPTIONS || strlen(name) >= MAX_NAME) {
        return;
    }
    strcpy(copy, name);
    for (char *c = strchr(copy, from); c; c = strchr(c, from)) {
        *c = to;
    }
    s->option[s->nr++] = (struct option){ copy, has_arg, NULL, value };
}

/* An abbreviation of both spellings is one option for getopt_long(): their values are the same. */
static void both(struct spelled *s, const char *name, int has_arg, int value)
{
    spell(s, name, '_', '-', has_arg, value);
    if (strpbrk(name, "-_")) {
        spell(s, name, '-', '_', has_arg, value);
    }
}

static void build_options(const struct cli_verb *verb, struct spelled *s)
{
    s->nr = 0;
    for (unsigned int i = 0; i < NR_OWN; i++) {
        const struct own_option *o = &own_options[i];

        if (!hidden(verb, o)) {
            both(s, o->name,
                 o->kind == KIND_FLAG || o->kind == KIND_HELP ? no_argument : required_argument,
                 OPT_OWN + (int)i);
        }
    }
    for (unsigned int i = 0; exclaim_config_key(i); i++) {
        both(s, exclaim_config_key(i), required_argument, OPT_CONFIG + (int)i);
    }
    s->option[s->nr] = (struct option){ 0 };
}

/* The option as it is spelled; the first of both spellings has hyphens. */
static const char *name_of(const struct spelled *s, int value)
{
    for (unsigned int i = 0; i < s->nr; i++) {
        if (s->option[i].val == value) {
            return s->option[i].name;
        }
    }
    return "?";
}

/* Whether the verb takes what this value stands for. */
static bool taken(const struct cli_verb *verb, int value)
{
    const struct own_option *o = &own_options[value >= OPT_CONFIG ? 0 : value - OPT_OWN];

    return value >= OPT_CONFIG || !o->only || (o->only & verb->options);
}

/* One line for a word that is no option here: the nearest that is one. */
static int unknown(const struct cli_verb *verb, const struct spelled *s, const char *word,
                   struct exclaim_error *err)
{
    const size_t len = strcspn(word, "=");
    char name[2 * MAX_NAME];
    struct nearest near = { .word = name };
    const char *begun = NULL;
    unsigned int meant = 0;

    snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), word);
    for (unsigned int i = 0; i < s->nr; i++) {
        if (!strchr(s->option[i].name, '_') && taken(verb, s->option[i].val)) {
            nearest_try(&near, s->option[i].name);
            if (!strncmp(s->option[i].name, name, strlen(name))) {
                begun = s->option[i].name;
                meant++;
            }
        }
    }
    if (meant > 1) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--%s can be several options, as --%s", name,
                            begun);
    }
    if (near.best) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no option --%s, did you mean --%s?", name,
                            near.best);
    }
    return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no option --%s, see exclaim %s --help", name,
                        verb->name);
}

/* getopt_long() says '?' or ':'; which option it was, and what is wrong with it. */
static int bad_option(const struct cli_verb *verb, const struct spelled *s, int opt, char **argv,
                      struct exclaim_error *err)
{
    if (opt == ':') {
        const char *name = name_of(s, optopt);

        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--%s needs a value behind it, see exclaim %s --help", name,
                            verb->name);
    }
    if (optopt >= OPT_OWN) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--%s takes no value, and has one in \"%s\"",
                            name_of(s, optopt), argv[optind - 1]);
    }
    if (optopt) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "no option -%c: but for -h they begin with two hyphens, see "
                            "exclaim %s --help",
                            optopt > ' ' && optopt < 0x7f ? optopt : '?', verb->name);
    }
    return unknown(verb, s, argv[optind - 1] + 2, err);
}

/* @what goes in front of an error. */
static int parse_pages(const char *what, const char *text, uint64_t *pages,
                       struct exclaim_error *err)
{
    char *end;

    errno = 0;
    *pages = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || *pages > EXCLAIM_PAGES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "%s\"%s\" is not a number of pages from 0 to %" PRIu64, what, text,
                            (uint64_t)EXCLAIM_PAGES_MAX);
    }
    return 0;
}

/* A node and its pages; or, as match takes it, a source's node and one here, which may be too high:
 * that is for the verb to say. */
static int parse_node(struct cli *cli, const char *text, bool pages, struct exclaim_error *err)
{
    char *end, what[80];
    unsigned long node = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '=' || node >= EXCLAIM_NODES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--node \"%s\" is not %s with a node from 0 to %d", text,
                            pages ? "NODE=PAGES" : "SOURCE=NODE", EXCLAIM_NODES_MAX - 1);
    }
    if (node >= cli->nr_nodes) {
        cli->nr_nodes = (uint32_t)node + 1;
    }
    cli->nodes_given |= 1ull << node;
    snprintf(what, sizeof(what), "--node \"%.60s\": ", text);
    return parse_pages(what, end + 1, &cli->node_pages[node], err);
}

/* @unit is behind "a number", " of seconds" for instance. */
static int parse_count(const char *name, const char *unit, const char *text, uint32_t max,
                       uint32_t *count, struct exclaim_error *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || n < 1 || n > max) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--%s \"%s\" is not a number%s from 1 to %" PRIu32, name, text, unit,
                            max);
    }
    *count = (uint32_t)n;
    return 0;
}

/* @name is not copied. */
static int add_name(struct cli_list *list, const char *name, struct exclaim_error *err)
{
    const char **grown = compat_reallocarray(list->name, list->nr + 1, sizeof(*grown));

    if (!grown) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "command line");
    }
    list->name = grown;
    list->name[list->nr++] = name;
    return 0;
}

static int set_own(const struct cli_verb *verb, struct cli *cli, const struct own_option *o,
                   struct exclaim_error *err)
{
    void *field = (char *)cli + o->offset;

    if (o->only && !(o->only & verb->options)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "--%s is an option of other verbs, see exclaim %s --help", o->name,
                            verb->name);
    }
    switch (o->kind) {
    case KIND_FLAG:
        *(bool *)field = true;
        return 0;
    case KIND_TEXT:
        *(const char **)field = optarg;
        return 0;
    case KIND_LIST:
        return add_name(field, optarg, err);
    case KIND_COUNT:
        return parse_count(o->name, "", optarg, CLI_COUNT_MAX, field, err);
    case KIND_SECONDS:
        return parse_count(o->name, " of seconds", optarg, EXCLAIM_NOTE_SECONDS_MAX, field, err);
    case KIND_RUN:
        return parse_count(o->name, " of seconds", optarg, RUN_SECONDS_MAX, field, err);
    case KIND_STEP:
        return parse_count(o->name, "", optarg, STEP_MAX, field, err);
    case KIND_RATE:
        return parse_count(o->name, " of MiB/s", optarg, BANDWIDTH_MAX, field, err);
    case KIND_PREFER:
        return exclaim_plan_prefer_parse(optarg, field)
                   ? 0
                   : exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--%s \"%s\" is not spread or pack",
                                  o->name, optarg);
    case KIND_NODE:
        return parse_node(cli, optarg, !(verb->options & CLI_NOTE), err);
    case KIND_PAGES:
        cli->have_pages = true;
        return parse_pages("--pages ", optarg, &cli->pages, err);
    case KIND_HELP:
        break;
    }
    return 0;
}

static int check_arguments(const struct cli_verb *verb, const struct cli *cli,
                           struct exclaim_error *err)
{
    if (cli->nr_args < verb->min_args) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "what for? usage: exclaim %s %s", verb->name,
                            verb->usage);
    }
    if (cli->nr_args > verb->max_args) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "\"%s\" is too much, usage: exclaim %s%s%s",
                            cli->args[verb->max_args], verb->name, *verb->usage ? " " : "",
                            verb->usage);
    }
    return 0;
}

int cli_parse(const struct cli_verb *verb, struct cli *cli, int argc, char **argv,
              struct exclaim_error *err)
{
    struct spelled spelled;
    int opt, rc;

    build_options(verb, &spelled);
    opterr = 0;
    while ((opt = getopt_long(argc, argv, ":h", spelled.option, NULL)) != -1) {
        if (opt == 'h') {
            return 1;
        }
        if (opt == '?' || opt == ':') {
            return bad_option(verb, &spelled, opt, argv, err);
        }
        if (opt >= OPT_CONFIG) {
            rc = exclaim_config_set(
                &cli->config, exclaim_config_key((unsigned int)(opt - OPT_CONFIG)), optarg, err);
        } else if (own_options[opt - OPT_OWN].kind == KIND_HELP) {
            return 1;
        } else {
            rc = set_own(verb, cli, &own_options[opt - OPT_OWN], err);
        }
        if (rc) {
            return -1;
        }
    }
    cli->args = argv + optind;
    cli->nr_args = argc - optind;
    cli->arg = cli->nr_args ? cli->args[0] : NULL;
    return check_arguments(verb, cli, err);
}

void cli_free(struct cli *cli)
{
    free(cli->snapshots.name);
    free(cli->skip.name);
    free(cli->shutdown.name);
    free(cli->only.name);
    free(cli->vms.name);
    free(cli->hosts.name);
    free(cli->to.name);
}
