/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XAPI plugin "exclaim": asks the exclaim of another host of the pool.
 *
 *   1. read the methodCall in argv[1]: function and arguments, all strings
 *   2. look the function up; only what its entry names is taken
 *   3. run `exclaim VERB --json`, without a shell, bounded in time and output
 *   4. answer with its JSON as a string, or with an error code and its error line
 *
 * Only verbs that read.  What changes something (claim, release) is for root on the host itself.
 *
 * Invocation: by xapi, host.call_plugin.  Exit: 0 whenever a response was written, so that xapi
 * reads it; 2 without a methodCall; 5 when the response could not be made or written.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/limits.h>
#include <exclaim/log.h>

#include "bounded.h"
#include "xmlrpc.h"

#ifndef EXCLAIM_COMMAND
#error "the build says where exclaim is installed"
#endif
#ifndef EXCLAIM_COMMAND_MS
/* A count by console is up to three walks of all pages, 2 s each at the default limit. */
#define EXCLAIM_COMMAND_MS 60000
#endif
/* Far above what any verb prints; xapi keeps the whole answer in memory. */
#define MAX_OUTPUT (4u << 20)
/* program, verb, option, --json, two for each node, "--", VM, NULL */
#define MAX_WORDS (2 * EXCLAIM_NODES_MAX + 7)

enum { TAKES_VM = 1 << 0, TAKES_NODES = 1 << 1 };

struct function {
    const char *name;
    const char *verb;
    const char *option; /* always with it, or NULL */
    int args;           /* all of them required */
};

/* clang-format off */
static const struct function functions[] = {
    { "caps",     "caps",   NULL,         0 },
    { "count",    "count",  NULL,         TAKES_VM },
    { "host",     "host",   NULL,         0 },
    { "snapshot", "host",   "--snapshot", 0 },
    { "status",   "status", NULL,         0 },
    { "verify",   "verify", NULL,         TAKES_VM | TAKES_NODES },
};
/* clang-format on */

#define NR_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* By exit code of exclaim; also what this program finds wrong itself. */
static const char *error_code(int code)
{
    switch (code) {
    case 2:
        return "EXCLAIM_USAGE";
    case 3:
        return "EXCLAIM_DOES_NOT_FIT";
    case 4:
        return "EXCLAIM_NOT_SUPPORTED";
    default:
        return "EXCLAIM_FAILED";
    }
}

static const struct function *find_function(const char *name, struct exclaim_error *err)
{
    for (unsigned int i = 0; i < NR_FUNCTIONS; i++) {
        if (!strcmp(functions[i].name, name)) {
            return &functions[i];
        }
    }
    exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no function \"%.64s\"", name);
    return NULL;
}

/* The value of argument @name, marked as taken by @taken; NULL with an error if it is not there. */
static char *take(struct xmlrpc_call *call, const char *name, uint32_t *taken,
                  struct exclaim_error *err)
{
    for (uint32_t i = 0; i < call->nr_args; i++) {
        if (!strcmp(call->args[i].name, name)) {
            (*taken)++;
            return call->args[i].value;
        }
    }
    exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "argument \"%s\" is missing", name);
    return NULL;
}

/* "0=7497,1=12999" → --node 0=7497 --node 1=12999; exclaim checks the numbers. */
static int add_nodes(char *nodes, char **argv, unsigned int *n, struct exclaim_error *err)
{
    unsigned int nr = 0;
    char *rest;

    for (char *part = strtok_r(nodes, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        if (nr++ == EXCLAIM_NODES_MAX) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "nodes: more than %d",
                                EXCLAIM_NODES_MAX);
        }
        argv[(*n)++] = "--node";
        argv[(*n)++] = part;
    }
    return 0;
}

/* The words point into @call. */
static int build_argv(const struct function *f, struct xmlrpc_call *call, char **argv,
                      struct exclaim_error *err)
{
    unsigned int n = 0;
    uint32_t taken = 0;
    char *value;

    argv[n++] = "exclaim";
    argv[n++] = (char *)(uintptr_t)f->verb;
    if (f->option) {
        argv[n++] = (char *)(uintptr_t)f->option;
    }
    argv[n++] = "--json";
    if (f->args & TAKES_NODES) {
        value = take(call, "nodes", &taken, err);
        if (!value || add_nodes(value, argv, &n, err)) {
            return -1;
        }
    }
    if (f->args & TAKES_VM) {
        value = take(call, "vm", &taken, err);
        if (!value) {
            return -1;
        }
        argv[n++] = "--"; /* a name may begin with a dash */
        argv[n++] = value;
    }
    argv[n] = NULL;
    if (taken != call->nr_args) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "takes %u arguments, not %u", taken,
                            call->nr_args);
    }
    return 0;
}

/* What exclaim said; a failure that came with JSON (verify) hands that on too. */
static char *answer(const char *name, const struct bounded *result)
{
    const char *words[] = { error_code(result->exit), name, result->err, result->out };
    char end[64];

    if (result->exit) {
        if (!*result->err) {
            snprintf(end, sizeof(end),
                     result->exit > 128 ? "exclaim was killed by signal %d"
                                        : "exclaim ended with exit code %d",
                     result->exit > 128 ? result->exit - 128 : result->exit);
            words[2] = end;
        }
        return xmlrpc_failure(words, *result->out ? 4 : 3);
    }
    words[2] = "exclaim printed nothing";
    return *result->out ? xmlrpc_success(result->out) : xmlrpc_failure(words, 3);
}

/* The response to @xml; NULL when there is no memory for one. */
static char *respond(const char *xml)
{
    struct exclaim_error err = { 0 };
    struct bounded result = { 0 };
    struct xmlrpc_call call;
    const struct function *f;
    char *argv[MAX_WORDS], *text = NULL;

    if (xmlrpc_call_parse(xml, &call, &err)) {
        goto out;
    }
    f = find_function(call.function, &err);
    if (!f || build_argv(f, &call, argv, &err)) {
        goto out;
    }
    if (!bounded_run(EXCLAIM_COMMAND, argv, MAX_OUTPUT, EXCLAIM_COMMAND_MS, &result, &err)) {
        text = answer(call.function, &result);
    }

out:
    if (err.kind) {
        const char *words[] = { error_code(exclaim_error_exit_code(&err)),
                                call.function ? call.function : "", err.text };

        exclaim_log(LOG_NOTICE, "%.64s: %s", words[1], words[2]);
        text = xmlrpc_failure(words, 3);
    }
    free(result.out);
    xmlrpc_call_free(&call);
    return text;
}

int main(int argc, char **argv)
{
    char *text;
    int rc;

    exclaim_log_open("exclaim-xapi-plugin", LOG_INFO);
    if (argc != 2) {
        fputs("exclaim: a XAPI plugin: xe host-call-plugin plugin=exclaim fn=FUNCTION "
              "host-uuid=UUID\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    text = respond(argv[1]);
    rc = text && fputs(text, stdout) >= 0 && !fflush(stdout) ? 0 : 5;
    if (rc) {
        exclaim_log(LOG_WARNING, "no response: %s", strerror(errno));
    }
    free(text);
    return rc;
}
