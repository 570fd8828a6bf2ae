/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines of any words, for every set of options that a verb may have: taken or refused with
 * one reason.  fuzz_options -max_total_time=60 corpus/fuzz_options
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 64

static void parse(const uint8_t *data, size_t size, int options)
{
    char *text = malloc(size + 1), *argv[ARGS_MAX + 1] = { (char[]){ "verb" } };
    const struct cli_verb verb = {
        .name = "verb", .usage = "[VM]", .options = options, .max_args = CLI_ARGS_MAX
    };
    struct exclaim_error err = { 0 };
    struct cli cli = { 0 };
    int argc = 1, rc;

    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    for (char *at = text; argc < ARGS_MAX && at < text + size; at += strlen(at) + 1) {
        argv[argc++] = at;
    }
    argv[argc] = NULL;
    exclaim_config_default(&cli.config);
    optind = 0; /* anew */
    rc = cli_parse(&verb, &cli, argc, argv, &err);
    if (rc < 0 ? err.kind != EXCLAIM_ERR_USAGE || strpbrk(err.text, "\n\x1b\x7f")
               : err.kind != EXCLAIM_OK) {
        abort();
    }
    if (!rc && (cli.nr_nodes > EXCLAIM_NODES_MAX || cli.pages > EXCLAIM_PAGES_MAX ||
                cli.max_moves > CLI_COUNT_MAX || cli.nr_args > argc ||
                cli.config.policy > EXCLAIM_POLICY_OBSERVE)) {
        abort();
    }
    cli_free(&cli);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size, 0);
    parse(data, size, -1);
    if (size > 2) {
        parse(data + 2, size - 2, data[0] << 8 | data[1]);
    }
    return 0;
}
