/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of a page share. */
#ifndef EXCLAIM_HTML_PAGE_H
#define EXCLAIM_HTML_PAGE_H

#include <stdio.h>

#include "../base/file.h"
#include "html.h"

struct html_page {
    FILE *f; /* the file's */
    struct replacement file;
    const struct exclaim_pool *pool;
    bool rolling; /* hosts that were emptied are upgraded */
};

/* The head of a page with this title. */
int html_open(struct html_page *page, const char *path, const struct exclaim_pool *pool,
              const char *title, int64_t time_unix_ms, struct exclaim_error *err);

/* Ends the page and puts it in its place; after a failure elsewhere (@rc), takes it away. */
int html_close(struct html_page *page, int rc, struct exclaim_error *err);

/* Text and attribute values: markup escaped, bytes that are no UTF-8 and controls replaced. */
void html_text(struct html_page *page, const char *text);
void html_textf(struct html_page *page, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A name in a picture, which has room for so many columns of it. */
void html_short(struct html_page *page, const char *name, size_t columns);

const char *html_host(const struct exclaim_pool *pool, uint32_t host);
const char *html_vm(const struct exclaim_pool *pool, uint32_t vm);

/* As exclaim_size(). */
void html_size(struct html_page *page, uint64_t pages);

/* The CSS class of where a move's pages come to lie: "kept", "bent" or "blind". */
const char *html_move_class(const struct exclaim_plan_move *move);

/* A large line with the answer. */
void html_verdict(struct html_page *page, bool good, const char *text);

/* Bars per host and node: before, after, and the most taken between.  SYSTEM: no memory. */
int html_hosts(struct html_page *page, const struct exclaim_plan *plan, struct exclaim_error *err);

/* Bands from the nodes that VMs leave to the nodes they come to; for few moves. */
#define HTML_FLOW_MOVES 48
void html_flow(struct html_page *page, const struct exclaim_plan *plan,
               const struct exclaim_plan_step *step);

/* The numbers of a rolling plan; and what each host gives and takes step by step.  SYSTEM: no
 * memory. */
void html_summary(struct html_page *page, const struct exclaim_plan *plan);
int html_timeline(struct html_page *page, const struct exclaim_plan *plan,
                  struct exclaim_error *err);

/* One table of a step's moves, one of its VMs that stay. */
void html_moves(struct html_page *page, const struct exclaim_plan *plan,
                const struct exclaim_plan_step *step);
void html_stays(struct html_page *page, const struct exclaim_plan *plan,
                const struct exclaim_plan_step *step);

/* VMs that should be apart and are not after a step, as far as they are so many pairs. */
#define HTML_PAIRS 50
void html_apart(struct html_page *page, const struct exclaim_plan *plan, uint32_t number);

void html_facts(struct html_page *page, const struct facts *facts);

#endif
