/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of one migration: what it says, and how it gets into the file. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <exclaim/log.h>
#include <exclaim/uuid.h>

#include "../base/clock.h"
#include "../base/jwrite.h"
#include "../base/output.h"
#include "../base/text.h"

/* 64 nodes in every list, each text escaped, are half of it. */
#define REPORT_MAX 65536u

static const char *const step_names[EXCLAIM_TIMED] = {
    [EXCLAIM_TIMED_PEEK] = "peek",       [EXCLAIM_TIMED_COUNT] = "count",
    [EXCLAIM_TIMED_MATCH] = "match",     [EXCLAIM_TIMED_CLAIM] = "claim",
    [EXCLAIM_TIMED_WRITE] = "write",     [EXCLAIM_TIMED_READY] = "ready",
    [EXCLAIM_TIMED_RESTORE] = "restore", [EXCLAIM_TIMED_VERIFY] = "verify",
    [EXCLAIM_TIMED_RELEASE] = "release",
};

static const char *outcome_name(enum exclaim_outcome outcome)
{
    switch (outcome) {
    case EXCLAIM_OUTCOME_PASSED:
        return "passed";
    case EXCLAIM_OUTCOME_SENT:
        return "sent";
    case EXCLAIM_OUTCOME_DONE:
        return "done";
    case EXCLAIM_OUTCOME_REFUSED:
        return "refused";
    case EXCLAIM_OUTCOME_FAILED:
        break;
    }
    return "failed";
}

const char *session_placement_name(enum exclaim_placement placement)
{
    switch (placement) {
    case EXCLAIM_PLACEMENT_PRELOAD:
        return "preload";
    case EXCLAIM_PLACEMENT_AFFINITY:
        return "affinity";
    case EXCLAIM_PLACEMENT_NONE:
        break;
    }
    return "none";
}

static void add_plan(struct jwrite *w, const struct exclaim_session *s)
{
    if (s->planned.told) {
        jwrite_begin(w, "planned", '{');
        jwrite_bool(w, "taken", s->planned.taken);
        if (!s->planned.taken) {
            jwrite_str(w, "why", s->planned.why);
        }
        jwrite_end(w, '}');
    }
    jwrite_begin(w, "match", '{');
    jwrite_str(w, "shape", exclaim_match_shape_name(s->match.shape));
    jwrite_parts(w, "parts", &s->match);
    if (s->match.stray_pages) {
        jwrite_u64(w, "stray_pages", s->match.stray_pages);
    }
    jwrite_end(w, '}');
}

static uint64_t sum_extents(const struct exclaim_session *s, enum exclaim_extent size)
{
    uint64_t sum = s->placed.extents_elsewhere[size];

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        sum += s->placed.extents[n][size];
    }
    return sum;
}

/* How often each node was asked for a large extent in vain; nodes that never were are left out. */
static void add_lacking(struct jwrite *w, const struct exclaim_session *s)
{
    jwrite_begin(w, "lacking_2m", '[');
    for (uint32_t n = 0; n < s->match.nr_nodes; n++) {
        if (s->placed.lacking[n]) {
            jwrite_begin(w, NULL, '{');
            jwrite_u64(w, "node", n);
            jwrite_u64(w, "times", s->placed.lacking[n]);
            jwrite_end(w, '}');
        }
    }
    jwrite_end(w, ']');
}

static void add_placed(struct jwrite *w, const struct exclaim_session *s)
{
    jwrite_begin(w, "placed", '{');
    jwrite_str(w, "by", session_placement_name(s->placement));
    jwrite_bool(w, "steered", s->placed.steered);
    jwrite_nodes(w, "nodes", s->match.nr_nodes, s->placed.pages);
    jwrite_nodes(w, "refused", s->match.nr_nodes, s->placed.refused);
    jwrite_u64(w, "elsewhere_pages", s->placed.elsewhere);
    jwrite_u64(w, "extents_4k", sum_extents(s, EXCLAIM_EXTENT_4K));
    jwrite_u64(w, "extents_2m", sum_extents(s, EXCLAIM_EXTENT_2M));
    jwrite_u64(w, "extents_1g", sum_extents(s, EXCLAIM_EXTENT_1G));
    jwrite_extents(w, "extents", s->match.nr_nodes, s->placed.extents);
    jwrite_u64(w, "broken_2m", s->placed.broken);
    jwrite_u64(w, "split_2m", s->placed.layout.split);
    add_lacking(w, s);
    jwrite_u64(w, "populate_calls", s->placed.populate_calls);
    jwrite_u64(w, "populate_us", s->placed.populate_us);
    jwrite_end(w, '}');
}

/* Source: what was sent.  Destination: what became of it.  Either: why there was none. */
static void add_layout(struct jwrite *w, const struct exclaim_session *s)
{
    const bool source = s->role == EXCLAIM_ROLE_SOURCE;
    const char *why = source ? s->res.layout.why : s->placed.layout.why;

    jwrite_begin(w, "layout", '{');
    if (source && s->res.layout.len) {
        jwrite_u64(w, "runs_bytes", s->res.layout.plain);
        jwrite_u64(w, "record_bytes", s->res.layout.len);
    } else if (!source && s->placed.layout.used) {
        jwrite_u64(w, "kept_pages", s->placed.layout.kept_pages);
        jwrite_u64(w, "moved_pages", s->placed.layout.moved_pages);
    }
    if (s->placed.layout.have_got) {
        jwrite_u64(w, "got_kept_pages", s->placed.layout.got_kept_pages);
        jwrite_u64(w, "got_moved_pages", s->placed.layout.got_moved_pages);
        jwrite_u64(w, "got_unlisted_pages", s->placed.layout.got_unlisted_pages);
    }
    if (why[0]) {
        jwrite_str(w, "why", why);
    }
    jwrite_end(w, '}');
}

static void add_destination(struct jwrite *w, const struct exclaim_session *s)
{
    jwrite_str(w, "guarantee", exclaim_guarantee_name(s->guarantee));
    jwrite_u64(w, "claimed_pages", s->claimed_pages);
    jwrite_u64(w, "released_pages", s->released_pages);
    if (s->have_match) {
        add_plan(w, s);
        if (s->claimed_pages) {
            jwrite_nodes(w, "claimed", s->match.nr_nodes, s->match.pages);
        }
        add_placed(w, s);
        add_layout(w, s);
    }
    if (s->have_got) {
        jwrite_begin(w, "got", '{');
        jwrite_count(w, &s->got);
        jwrite_end(w, '}');
        jwrite_bool(w, "verified_paused", s->verified_paused);
    }
    jwrite_bool(w, "exact", exclaim_session_exact(s));
    if (s->have_match && s->have_got) {
        jwrite_u64(w, "deviation_pages", exclaim_session_deviation(s));
    }
}

static void write_report(struct jwrite *w, const struct exclaim_session *s)
{
    char text[EXCLAIM_UUID_TEXT];

    jwrite_begin(w, NULL, '{');
    jwrite_str(w, "schema", "exclaim.migration/1");
    jwrite_u64(w, "time_unix_ms", (uint64_t)exclaim_now_unix_ms());
    jwrite_str(w, "role", s->role == EXCLAIM_ROLE_SOURCE ? "source" : "destination");
    jwrite_str(w, "hook", s->hook);
    jwrite_str(w, "outcome", outcome_name(s->outcome));
    jwrite_str(w, "policy", exclaim_policy_name(s->config.policy));
    jwrite_u64(w, "domid", s->domid);
    if (s->have_uuid) {
        exclaim_uuid_format(s->uuid, text);
        jwrite_str(w, "uuid", text);
    }
    if (s->have_reservation) {
        jwrite_begin(w, "source", '{');
        jwrite_count(w, &s->res.count);
        jwrite_str(w, "host", s->res.source_host);
        jwrite_str(w, "xen", s->res.xen_version);
        jwrite_end(w, '}');
    }
    if (s->role == EXCLAIM_ROLE_DESTINATION) {
        add_destination(w, s);
    } else {
        jwrite_u64(w, "record_bytes", s->record_bytes);
        if (s->have_reservation) {
            add_layout(w, s);
        }
    }
    jwrite_begin(w, "ms", '{');
    for (unsigned int i = 0; i < EXCLAIM_TIMED; i++) {
        if (s->ms[i] >= 0) {
            jwrite_u64(w, step_names[i], (uint64_t)s->ms[i]);
        }
    }
    jwrite_end(w, '}');
    if (s->why[0]) {
        jwrite_str(w, "why", s->why);
    }
    if (s->error[0]) {
        jwrite_str(w, "error", s->error);
    }
    if (s->config_error[0]) {
        jwrite_str(w, "config_error", s->config_error);
    }
    jwrite_end(w, '}');
}

static int make_parent(const char *path, struct exclaim_error *err)
{
    char copy[4096];
    const char *dir;

    if (strlen(path) >= sizeof(copy)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "report_file: path too long");
    }
    strcpy(copy, path);
    dir = dirname(copy);
    if (mkdir(dir, 0750) && errno != EEXIST) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", dir);
    }
    return 0;
}

int session_report_append(const struct exclaim_session *s, const char *path,
                          struct exclaim_error *err)
{
    char text[REPORT_MAX];
    struct jwrite w;

    if (make_parent(path, err)) {
        return -1;
    }
    jwrite_init(&w, text, sizeof(text) - 1);
    write_report(&w, s);
    if (w.full) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "a report above %u bytes", REPORT_MAX);
    }
    text[w.len++] = '\n';
    return exclaim_append_line(path, text, w.len, err);
}

void session_report_line(const struct exclaim_session *s, char *text, size_t size)
{
    char uuid[EXCLAIM_UUID_TEXT] = "of unknown uuid", got[192] = "", deviation[72] = "";

    if (s->have_uuid) {
        exclaim_uuid_format(s->uuid, uuid);
    }
    if (s->have_match && s->have_got) {
        const uint64_t pages = exclaim_session_deviation(s);

        snprintf(deviation, sizeof(deviation), ", deviation %s (%" PRIu64 " pages)",
                 exclaim_size(pages).text, pages);
    }
    if (s->role == EXCLAIM_ROLE_DESTINATION) {
        snprintf(got, sizeof(got), ", exact %s, guarantee %s, claimed %s (%" PRIu64 " pages)%s",
                 exclaim_session_exact(s) ? "true" : "false", exclaim_guarantee_name(s->guarantee),
                 exclaim_size(s->claimed_pages).text, s->claimed_pages, deviation);
    }
    snprintf(text, size, "VM %s (domain %" PRIu32 "): %s%s%s%s%s%s", uuid, s->domid,
             outcome_name(s->outcome), got, s->error[0] ? ", error: " : "", s->error,
             s->why[0] ? ", why: " : "", s->why);
}
