/* SPDX-License-Identifier: BSD-2-Clause */
/* The word that was most likely meant by one that is none. */
#ifndef EXCLAIM_NEAREST_H
#define EXCLAIM_NEAREST_H

/* Begin with { .word = WORD }, try each word that there is, read .best. */
struct nearest {
    const char *word;
    const char *best;      /* NULL: none is near */
    unsigned int distance; /* of best */
};

/* @candidate stays the caller's and must live as long as @n.  '-' and '_' are one letter. */
void nearest_try(struct nearest *n, const char *candidate);

#endif
