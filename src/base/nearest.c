/* SPDX-License-Identifier: BSD-2-Clause */
/* The word that was most likely meant: fewest letters added, left out, changed or swapped. */
#include "nearest.h"

#include <string.h>

#define WORD_MAX 32u

static int plain(char c)
{
    return c == '_' ? '-' : c;
}

static unsigned int least(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

/* Of words up to WORD_MAX; a longer one is far from everything. */
static unsigned int distance(const char *a, const char *b)
{
    const size_t la = strlen(a), lb = strlen(b);
    unsigned int row[3][WORD_MAX + 1];

    if (la > WORD_MAX || lb > WORD_MAX) {
        return WORD_MAX;
    }
    for (unsigned int j = 0; j <= lb; j++) {
        row[0][j] = j;
    }
    for (unsigned int i = 1; i <= la; i++) {
        unsigned int *now = row[i % 3], *before = row[(i + 2) % 3], *twice = row[(i + 1) % 3];

        now[0] = i;
        for (unsigned int j = 1; j <= lb; j++) {
            const int x = plain(a[i - 1]), y = plain(b[j - 1]);

            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == plain(b[j - 2]) && plain(a[i - 2]) == y) {
                now[j] = least(now[j], twice[j - 2] + 1);
            }
        }
    }
    return row[la % 3][lb];
}

void nearest_try(struct nearest *n, const char *candidate)
{
    const size_t len = strlen(n->word);
    unsigned int far = distance(n->word, candidate);

    if (len > 2 && !strncmp(candidate, n->word, len)) {
        far = 1; /* it was left unfinished */
    }
    if (far <= (len < 4 ? 1 : len < 8 ? 2 : 3) && (!n->best || far < n->distance)) {
        n->best = candidate;
        n->distance = far;
    }
}
