/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_CLI_OPTIONS_H
#define EXCLAIM_CLI_OPTIONS_H

#include "cli.h"

/* The most that --max-moves may be. */
#define CLI_COUNT_MAX 64

/*
 * Fills @cli from @argv (argv[0] is the verb); what it points to is @argv's, lists go with
 * cli_free().  1: --help was asked.  USAGE: what the verb does not take.
 */
int cli_parse(const struct cli_verb *verb, struct cli *cli, int argc, char **argv,
              struct exclaim_error *err);
void cli_free(struct cli *cli);

#endif
