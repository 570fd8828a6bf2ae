/* SPDX-License-Identifier: BSD-2-Clause */
/* What kept a migration from more, in words: collected while it goes on, completed at its end. */
#include "reason.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void session_reason(struct exclaim_session *s, const char *fmt, ...)
{
    const size_t size = sizeof(s->report.why), used = strlen(s->report.why);
    char text[sizeof(s->report.why)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (text[0] && !strstr(s->report.why, text)) {
        snprintf(s->report.why + used, size - used, "%s%s", used ? "; " : "", text);
    }
}

/* What a claim for a VM on one node gives here, on the strongest of them. */
static enum exclaim_guarantee strongest(const struct exclaim_caps *caps)
{
    if (caps->claim_set) {
        return EXCLAIM_GUARANTEE_NODE_SET;
    }
    return caps->claim_node ? EXCLAIM_GUARANTEE_NODE : EXCLAIM_GUARANTEE_HOST;
}

static void say_weaker(struct exclaim_session *s)
{
    const struct exclaim_report *r = &s->report;
    uint32_t homes = 0;

    for (uint32_t n = 0; n < r->match.nr_nodes; n++) {
        homes += r->match.pages[n] != 0;
    }
    if (s->caps.claim_node && !s->caps.claim_set && homes > 1 &&
        r->guarantee == EXCLAIM_GUARANTEE_HOST) {
        session_reason(s, "guarantee host: %" PRIu32 " nodes are needed, a claim here holds one",
                       homes);
    } else if (!r->why[0]) {
        session_reason(s, "guarantee %s, this xen has %s", exclaim_guarantee_name(r->guarantee),
                       exclaim_guarantee_name(strongest(&s->caps)));
    }
}

static void say_misplaced(struct exclaim_session *s)
{
    const struct exclaim_report *r = &s->report;

    session_reason(s, "%" PRIu64 " of %" PRIu64 " pages do not lie where they were matched",
                   exclaim_report_deviation(r), r->match.total_pages);
    for (uint32_t n = 0; n < r->match.nr_nodes; n++) {
        if (r->refused[n]) {
            session_reason(s, "node %" PRIu32 " had no memory for %" PRIu64 " of its %" PRIu64, n,
                           r->refused[n], r->match.pages[n]);
        }
    }
}

void session_conclude(struct exclaim_session *s)
{
    const struct exclaim_report *r = &s->report;

    if (r->role != EXCLAIM_ROLE_DESTINATION || r->outcome != EXCLAIM_OUTCOME_DONE) {
        return;
    }
    if (r->have_match && r->guarantee < strongest(&s->caps)) {
        say_weaker(s);
    }
    if (exclaim_report_exact(r)) {
        if (!r->res.count.exact) {
            session_reason(s, "exact by the source's count, which is not: %s", r->res.count.why);
        }
        return;
    }
    if (r->have_match && r->have_got && exclaim_report_deviation(r)) {
        say_misplaced(s);
    }
    if (r->have_got && !r->got.exact) {
        session_reason(s, "read back with a doubt: %s", r->got.why);
    }
    if (!r->why[0]) {
        session_reason(s, "not verified: %s", r->error[0] ? r->error : "the counts were not read");
    }
}
