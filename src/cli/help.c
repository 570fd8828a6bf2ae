/* SPDX-License-Identifier: BSD-2-Clause */
/* Help: of the program, of a verb, of the configuration; and the word that was meant. */
#include "help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/nearest.h"
#include "../base/text.h"
#include "../report/print.h"

static const struct key_help {
    const char *key, *meaning;
} key_help[] = {
    { "policy", "prefer (never break a migration), strict (exact or refused), observe" },
    { "stray_pages", "up to so many pages on a node do not make it a home of a VM" },
    { "headroom_pages", "pages of a host that are never claimed" },
    { "count_console_max_pages", "of all domains; with more, no count by the console; 0: never" },
    { "count_workers", "processes that count one guest; 0: half of domain 0's vCPUs" },
    { "count_ms_max", "milliseconds that a count by mapping may take; 0: never" },
    { "verify_paused_max_pages", "up to so many, a guest waits while it is checked" },
    { "peek_timeout_ms", "how long a destination waits for a stream to begin" },
    { "superpages", "yes or no: 2 MiB regions of the guest stay whole" },
    { "lock_dir", "directory of the ledger" },
    { "report_file", "where reports are appended, one line of JSON each" },
    { "libxl_save_helper", "Xen's own, which the hook starts; empty: looked for" },
    { "emu_manager", "the same for the hook of xenopsd" },
    { "xenguest", "the same where a wrapper stands in its place" },
    { "place_object", "what steers pages to nodes; empty: placement by node affinity" },
};

static const char *meaning(const char *key)
{
    for (size_t i = 0; i < sizeof(key_help) / sizeof(key_help[0]); i++) {
        if (!strcmp(key, key_help[i].key)) {
            return key_help[i].meaning;
        }
    }
    return "see exclaim.conf(5)";
}

void help_usage(const struct cli_verb *verbs, FILE *out)
{
    fputs("Usage: exclaim VERB [OPTIONS]\n\n"
          "Exact memory reservation for Xen live migration, per NUMA node.\n\n",
          out);
    for (const struct cli_verb *v = verbs; v->name; v++) {
        fprintf(out, "  %-9s  %s\n", v->name, v->summary);
    }
    fputs("\nexclaim VERB --help   its options, with -h as well\n"
          "exclaim help config   keys of exclaim.conf(5): what each means, what it is now\n"
          "exclaim --version\n"
          "\nA VM is named by domid, uuid or name.  Every verb takes --json.\n"
          "Exit: 0 done or fits, 2 usage, 3 does not fit, 4 not supported here, 5 failed.\n",
          out);
}

#define COLUMNS 80

/* "Usage: exclaim VERB ...", broken where the next words of it would be too wide. */
static void print_usage_line(const struct cli_verb *verb)
{
    int column = printf("Usage: exclaim %s", verb->name);
    const int indent = column;
    char text[256];

    snprintf(text, sizeof(text), "%s [--json]", verb->usage);
    for (char *at = text, *word = strsep(&at, " "); word; word = strsep(&at, " ")) {
        if (!*word) {
            continue;
        }
        if (column + 1 + (int)strlen(word) > COLUMNS) {
            column = printf("\n%*s", indent, "") - 1;
        }
        column += printf(" %s", word);
    }
    putchar('\n');
}

void help_verb(const struct cli_verb *verb)
{
    print_usage_line(verb);
    printf("\n%c%s.\n", toupper((unsigned char)verb->summary[0]), verb->summary + 1);
    if (verb->detail) {
        printf("\n%s\n", verb->detail);
    }
    fputs("\nKeys of exclaim.conf(5) are options, too: exclaim help config\n", stdout);
}

void help_config(const struct exclaim_config *config)
{
    const char *file = getenv(EXCLAIM_CONFIG_ENV), *key;
    char value[512];

    exclaim_print("Keys of %s, as key = value; for one run: --key VALUE\n",
                  file ? file : EXCLAIM_CONFIG_FILE);
    fputs("A page is 4 KiB.  More of each: man exclaim.conf\n", stdout);
    for (unsigned int i = 0; (key = exclaim_config_key(i)); i++) {
        exclaim_config_value(config, i, value, sizeof(value));
        exclaim_print("\n%s =%s%s\n", key, *value ? " " : "", value);
        printf("    %s\n", meaning(key));
    }
}

void help_unknown(const struct cli_verb *verbs, const char *word, const char *other)
{
    char shown[64];
    struct nearest near = { .word = word };

    exclaim_clean_copy(shown, sizeof(shown), word);
    for (const struct cli_verb *v = verbs; v->name; v++) {
        nearest_try(&near, v->name);
    }
    nearest_try(&near, other);
    nearest_try(&near, "--version");
    if (*word == '-' && !near.best) {
        fputs("exclaim: a verb goes first, exclaim --help lists them\n", stderr);
    } else if (near.best) {
        fprintf(stderr, "exclaim: no verb \"%s\", did you mean %s?\n", shown, near.best);
    } else {
        fprintf(stderr, "exclaim: no verb \"%s\", exclaim --help lists them\n", shown);
    }
}
