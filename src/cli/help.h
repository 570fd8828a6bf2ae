/* SPDX-License-Identifier: BSD-2-Clause */
/* What the program says of itself. */
#ifndef EXCLAIM_CLI_HELP_H
#define EXCLAIM_CLI_HELP_H

#include <stdio.h>

#include "cli.h"

/* All verbs, up to one without a name, in a line each. */
void help_usage(const struct cli_verb *verbs, FILE *out);

/* One verb with its options. */
void help_verb(const struct cli_verb *verb);

/* Every configuration key: what it means, what it is in @config. */
void help_config(const struct exclaim_config *config);

/* One line on stderr: @word is none of the verbs, nor @other; the nearest one. */
void help_unknown(const struct cli_verb *verbs, const char *word, const char *other);

#endif
