/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of one migration: what it says, and how it gets into the file. */
#include <exclaim/report.h>

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

/* 64 nodes in every list, each text escaped, are half of it. */
#define REPORT_MAX 65536u

/* So long a file system that hangs keeps a migration waiting, once for each report. */
#define WRITER_MS 1000

static const char *const step_names[EXCLAIM_TIMED] = {
    [EXCLAIM_TIMED_PEEK] = "peek",       [EXCLAIM_TIMED_COUNT] = "count",
    [EXCLAIM_TIMED_MATCH] = "match",     [EXCLAIM_TIMED_CLAIM] = "claim",
    [EXCLAIM_TIMED_WRITE] = "write",     [EXCLAIM_TIMED_READY] = "ready",
    [EXCLAIM_TIMED_RESTORE] = "restore", [EXCLAIM_TIMED_VERIFY] = "verify",
    [EXCLAIM_TIMED_RELEASE] = "release",
};

const char *exclaim_outcome_name(enum exclaim_outcome outcome)
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

void exclaim_report_init(struct exclaim_report *report, enum exclaim_role role, const char *hook)
{
    memset(report, 0, sizeof(*report));
    report->role = role;
    report->hook = hook;
    for (unsigned int i = 0; i < EXCLAIM_TIMED; i++) {
        report->ms[i] = -1;
    }
}

uint64_t exclaim_deviation(const struct exclaim_match *match, const struct exclaim_count *got)
{
    uint64_t over = 0, under = 0;

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        uint64_t want = match->pages[n], is = got->pages[n];

        over += is > want ? is - want : 0;
        under += want > is ? want - is : 0;
    }
    return over > under ? over : under;
}

uint64_t exclaim_report_deviation(const struct exclaim_report *report)
{
    return exclaim_deviation(&report->match, &report->got);
}

bool exclaim_report_exact(const struct exclaim_report *report)
{
    return report->have_match && report->have_got && report->got.exact &&
           exclaim_report_deviation(report) == 0;
}

static void add_plan(struct jwrite *w, const struct exclaim_report *r)
{
    if (r->planned.told) {
        jwrite_begin(w, "planned", '{');
        jwrite_bool(w, "taken", r->planned.taken);
        if (!r->planned.taken) {
            jwrite_str(w, "why", r->planned.why);
        }
        jwrite_end(w, '}');
    }
    jwrite_begin(w, "match", '{');
    jwrite_str(w, "shape", exclaim_match_shape_name(r->match.shape));
    jwrite_parts(w, "parts", &r->match);
    if (r->match.stray_pages) {
        jwrite_u64(w, "stray_pages", r->match.stray_pages);
    }
    jwrite_end(w, '}');
}

static uint64_t sum_extents(const struct exclaim_report *r, enum exclaim_extent size)
{
    uint64_t sum = r->placed.extents_elsewhere[size];

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        sum += r->placed.extents[n][size];
    }
    return sum;
}

/* How often each node was asked for a large extent in vain; nodes that never were are left out. */
static void add_lacking(struct jwrite *w, const struct exclaim_report *r)
{
    jwrite_begin(w, "lacking_2m", '[');
    for (uint32_t n = 0; n < r->match.nr_nodes; n++) {
        if (r->placed.lacking[n]) {
            jwrite_begin(w, NULL, '{');
            jwrite_u64(w, "node", n);
            jwrite_u64(w, "times", r->placed.lacking[n]);
            jwrite_end(w, '}');
        }
    }
    jwrite_end(w, ']');
}

static void add_placed(struct jwrite *w, const struct exclaim_report *r)
{
    jwrite_begin(w, "placed", '{');
    jwrite_str(w, "by", exclaim_placement_name(r->placement));
    jwrite_bool(w, "steered", r->placed.steered);
    jwrite_nodes(w, "nodes", r->match.nr_nodes, r->placed.pages);
    jwrite_nodes(w, "refused", r->match.nr_nodes, r->placed.refused);
    jwrite_u64(w, "elsewhere_pages", r->placed.elsewhere);
    jwrite_u64(w, "extents_4k", sum_extents(r, EXCLAIM_EXTENT_4K));
    jwrite_u64(w, "extents_2m", sum_extents(r, EXCLAIM_EXTENT_2M));
    jwrite_u64(w, "extents_1g", sum_extents(r, EXCLAIM_EXTENT_1G));
    jwrite_extents(w, "extents", r->match.nr_nodes, r->placed.extents);
    jwrite_u64(w, "broken_2m", r->placed.broken);
    jwrite_u64(w, "split_2m", r->placed.layout.split);
    add_lacking(w, r);
    jwrite_u64(w, "populate_calls", r->placed.populate_calls);
    jwrite_u64(w, "populate_us", r->placed.populate_us);
    jwrite_end(w, '}');
}

/* Source: what was sent.  Destination: what became of it.  Either: why there was none. */
static void add_layout(struct jwrite *w, const struct exclaim_report *r)
{
    const bool source = r->role == EXCLAIM_ROLE_SOURCE;
    const char *why = source ? r->res.layout.why : r->placed.layout.why;

    jwrite_begin(w, "layout", '{');
    if (source && r->res.layout.len) {
        jwrite_u64(w, "runs_bytes", r->res.layout.plain);
        jwrite_u64(w, "record_bytes", r->res.layout.len);
    } else if (!source && r->placed.layout.used) {
        jwrite_u64(w, "kept_pages", r->placed.layout.kept_pages);
        jwrite_u64(w, "moved_pages", r->placed.layout.moved_pages);
    }
    if (r->placed.layout.have_got) {
        jwrite_u64(w, "got_kept_pages", r->placed.layout.got_kept_pages);
        jwrite_u64(w, "got_moved_pages", r->placed.layout.got_moved_pages);
        jwrite_u64(w, "got_unlisted_pages", r->placed.layout.got_unlisted_pages);
    }
    if (why[0]) {
        jwrite_str(w, "why", why);
    }
    jwrite_end(w, '}');
}

static void add_destination(struct jwrite *w, const struct exclaim_report *r)
{
    jwrite_str(w, "guarantee", exclaim_guarantee_name(r->guarantee));
    jwrite_u64(w, "claimed_pages", r->claimed_pages);
    jwrite_u64(w, "released_pages", r->released_pages);
    if (r->have_match) {
        add_plan(w, r);
        if (r->claimed_pages) {
            jwrite_nodes(w, "claimed", r->match.nr_nodes, r->match.pages);
        }
        add_placed(w, r);
        add_layout(w, r);
    }
    if (r->have_got) {
        jwrite_begin(w, "got", '{');
        jwrite_count(w, &r->got);
        jwrite_end(w, '}');
        jwrite_bool(w, "verified_paused", r->verified_paused);
    }
    jwrite_bool(w, "exact", exclaim_report_exact(r));
    if (r->have_match && r->have_got) {
        jwrite_u64(w, "deviation_pages", exclaim_report_deviation(r));
    }
}

static void write_report(struct jwrite *w, const struct exclaim_report *r)
{
    char text[EXCLAIM_UUID_TEXT];

    jwrite_begin(w, NULL, '{');
    jwrite_str(w, "schema", "exclaim.migration/1");
    jwrite_u64(w, "time_unix_ms", (uint64_t)exclaim_now_unix_ms());
    jwrite_str(w, "role", r->role == EXCLAIM_ROLE_SOURCE ? "source" : "destination");
    jwrite_str(w, "hook", r->hook);
    jwrite_str(w, "outcome", exclaim_outcome_name(r->outcome));
    jwrite_str(w, "policy", exclaim_policy_name(r->policy));
    jwrite_u64(w, "domid", r->domid);
    if (r->have_uuid) {
        exclaim_uuid_format(r->uuid, text);
        jwrite_str(w, "uuid", text);
    }
    if (r->have_reservation) {
        jwrite_begin(w, "source", '{');
        jwrite_count(w, &r->res.count);
        jwrite_str(w, "host", r->res.source_host);
        jwrite_str(w, "xen", r->res.xen_version);
        jwrite_end(w, '}');
    }
    if (r->role == EXCLAIM_ROLE_DESTINATION) {
        add_destination(w, r);
    } else {
        jwrite_u64(w, "record_bytes", r->record_bytes);
        if (r->have_reservation) {
            add_layout(w, r);
        }
    }
    jwrite_begin(w, "ms", '{');
    for (unsigned int i = 0; i < EXCLAIM_TIMED; i++) {
        if (r->ms[i] >= 0) {
            jwrite_u64(w, step_names[i], (uint64_t)r->ms[i]);
        }
    }
    jwrite_end(w, '}');
    if (r->why[0]) {
        jwrite_str(w, "why", r->why);
    }
    if (r->error[0]) {
        jwrite_str(w, "error", r->error);
    }
    if (r->config_error[0]) {
        jwrite_str(w, "config_error", r->config_error);
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

int exclaim_report_append(const struct exclaim_report *report, const char *path,
                          struct exclaim_error *err)
{
    char text[REPORT_MAX];
    struct jwrite w;

    if (make_parent(path, err)) {
        return -1;
    }
    jwrite_init(&w, text, sizeof(text) - 1);
    write_report(&w, report);
    if (w.full) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "a report above %u bytes", REPORT_MAX);
    }
    text[w.len++] = '\n';
    return exclaim_append_line(path, text, w.len, err);
}

struct job {
    const struct exclaim_report *report;
    const char *path;
};

static void append(void *arg)
{
    const struct job *job = arg;
    struct exclaim_error err = { 0 };

    if (exclaim_report_append(job->report, job->path, &err)) {
        exclaim_log(LOG_ERR, "report lost: %s", err.text);
    }
}

void exclaim_report_send(const struct exclaim_report *report, const char *path)
{
    struct job job = { .report = report, .path = path };

    exclaim_detached(append, &job, WRITER_MS);
}

void exclaim_report_line(const struct exclaim_report *r, char *text, size_t size)
{
    char uuid[EXCLAIM_UUID_TEXT] = "of unknown uuid", got[160] = "", deviation[48] = "";

    if (r->have_uuid) {
        exclaim_uuid_format(r->uuid, uuid);
    }
    if (r->have_match && r->have_got) {
        snprintf(deviation, sizeof(deviation), ", deviation %" PRIu64 " pages",
                 exclaim_report_deviation(r));
    }
    if (r->role == EXCLAIM_ROLE_DESTINATION) {
        snprintf(got, sizeof(got), ", exact %s, guarantee %s, claimed %" PRIu64 " pages%s",
                 exclaim_report_exact(r) ? "true" : "false", exclaim_guarantee_name(r->guarantee),
                 r->claimed_pages, deviation);
    }
    snprintf(text, size, "VM %s (domain %" PRIu32 "): %s%s%s%s%s%s", uuid, r->domid,
             exclaim_outcome_name(r->outcome), got, r->error[0] ? ", error: " : "", r->error,
             r->why[0] ? ", why: " : "", r->why);
}
