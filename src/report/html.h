/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan or a preflight as one page for a browser: no network, no script, every text escaped. */
#ifndef EXCLAIM_HTML_H
#define EXCLAIM_HTML_H

#include <exclaim/plan.h>

#include "facts.h"

/* Writes @path anew, whole or not at all.  @time_unix_ms: when the pool was read; @fits: as it was
 * asked for.  SYSTEM. */
int exclaim_html_plan(const char *path, const struct exclaim_pool *pool,
                      const struct exclaim_plan *plan, bool rolling, int64_t time_unix_ms,
                      const struct facts *facts, struct exclaim_error *err);
int exclaim_html_preflight(const char *path, const struct exclaim_pool *pool,
                           const struct exclaim_preflight *preflight, bool fits,
                           int64_t time_unix_ms, const struct facts *facts,
                           struct exclaim_error *err);

#endif
