/* SPDX-License-Identifier: BSD-2-Clause */
/* What kept a migration from more, in words: collected while it goes on, completed at its end. */
#include "reason.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/text.h"

__attribute__((format(printf, 3, 0))) static void add(char *list, size_t size, const char *fmt,
                                                      va_list ap)
{
    const size_t used = strlen(list);
    char text[512];

    vsnprintf(text, sizeof(text), fmt, ap);
    if (text[0] && !strstr(list, text)) {
        snprintf(list + used, size - used, "%s%s", used ? "; " : "", text);
    }
}

void exclaim_session_reason(struct exclaim_session *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(s->why, sizeof(s->why), fmt, ap);
    va_end(ap);
}

void exclaim_session_error(struct exclaim_session *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(s->error, sizeof(s->error), fmt, ap);
    va_end(ap);
}

uint64_t exclaim_session_deviation(const struct exclaim_session *s)
{
    uint64_t over = 0, under = 0;

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        uint64_t want = s->match.pages[n], is = s->got.pages[n];

        over += is > want ? is - want : 0;
        under += want > is ? want - is : 0;
    }
    return over > under ? over : under;
}

bool exclaim_session_exact(const struct exclaim_session *s)
{
    return s->have_match && s->have_got && s->got.exact && !exclaim_session_deviation(s);
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
    uint32_t homes = 0;

    for (uint32_t n = 0; n < s->match.nr_nodes; n++) {
        homes += s->match.pages[n] != 0;
    }
    if (s->caps.claim_node && !s->caps.claim_set && homes > 1 &&
        s->guarantee == EXCLAIM_GUARANTEE_HOST) {
        exclaim_session_reason(
            s, "guarantee host: %" PRIu32 " nodes are needed, a claim here holds one", homes);
    } else if (!s->why[0]) {
        exclaim_session_reason(s, "guarantee %s, this xen has %s",
                               exclaim_guarantee_name(s->guarantee),
                               exclaim_guarantee_name(strongest(&s->caps)));
    }
}

static void say_misplaced(struct exclaim_session *s)
{
    const uint64_t deviation = exclaim_session_deviation(s);

    exclaim_session_reason(s, "%s (%" PRIu64 " pages) of %s do not lie where they were matched",
                           exclaim_size(deviation).text, deviation,
                           exclaim_size(s->match.total_pages).text);
    for (uint32_t n = 0; n < s->match.nr_nodes; n++) {
        if (s->placed.refused[n]) {
            exclaim_session_reason(
                s, "node %" PRIu32 " had no memory for %s (%" PRIu64 " pages) of its %s", n,
                exclaim_size(s->placed.refused[n]).text, s->placed.refused[n],
                exclaim_size(s->match.pages[n]).text);
        }
    }
}

void session_conclude(struct exclaim_session *s)
{
    if (s->role != EXCLAIM_ROLE_DESTINATION || s->outcome != EXCLAIM_OUTCOME_DONE) {
        return;
    }
    if (s->have_match && s->guarantee < strongest(&s->caps)) {
        say_weaker(s);
    }
    if (exclaim_session_exact(s)) {
        if (!s->res.count.exact) {
            exclaim_session_reason(s, "exact by the source's count, which is not: %s",
                                   s->res.count.why);
        }
        return;
    }
    if (s->have_match && s->have_got && exclaim_session_deviation(s)) {
        say_misplaced(s);
    }
    if (s->have_got && !s->got.exact) {
        exclaim_session_reason(s, "read back with a doubt: %s", s->got.why);
    }
    if (!s->why[0]) {
        exclaim_session_reason(s, "not verified: %s",
                               s->error[0] ? s->error : "the counts were not read");
    }
}
