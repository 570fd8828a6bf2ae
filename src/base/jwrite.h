/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON written into memory that is there already: for hooks, which must not fail for want of it,
 * and for texts that must not be left in freed memory.  Nothing is allocated, nothing can fail but
 * for room; then the text is not to be used.
 */
#ifndef EXCLAIM_JWRITE_H
#define EXCLAIM_JWRITE_H

#include <exclaim/match.h>

struct jwrite {
    char *text; /* zero terminated */
    size_t size, len;
    bool more; /* a comma comes before the next value */
    bool full; /* it was not enough */
};

void jwrite_init(struct jwrite *w, char *text, size_t size);

/* @key is NULL in an array.  @mark is '{' or '[', and for the end '}' or ']'. */
void jwrite_begin(struct jwrite *w, const char *key, char mark);
void jwrite_end(struct jwrite *w, char mark);

/* What is no UTF-8 becomes U+FFFD; what exclaim_is_control() names is escaped. */
void jwrite_str(struct jwrite *w, const char *key, const char *value);
void jwrite_u64(struct jwrite *w, const char *key, uint64_t value);
void jwrite_bool(struct jwrite *w, const char *key, bool value);

/* The shapes of json.h. */
void jwrite_nodes(struct jwrite *w, const char *key, uint32_t nr_nodes, const uint64_t *pages);
void jwrite_extents(struct jwrite *w, const char *key, uint32_t nr_nodes,
                    const uint64_t (*extents)[EXCLAIM_EXTENTS]);
void jwrite_count(struct jwrite *w, const struct exclaim_count *count);
void jwrite_parts(struct jwrite *w, const char *key, const struct exclaim_match *match);

#endif
