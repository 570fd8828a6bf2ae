/* SPDX-License-Identifier: BSD-2-Clause */
#include <exclaim/report.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <exclaim/uuid.h>

#include "../base/json.h"

static const char *const step_names[EXCLAIM_STEPS] = {
    [EXCLAIM_STEP_PEEK] = "peek",       [EXCLAIM_STEP_COUNT] = "count",
    [EXCLAIM_STEP_MATCH] = "match",     [EXCLAIM_STEP_CLAIM] = "claim",
    [EXCLAIM_STEP_WRITE] = "write",     [EXCLAIM_STEP_READY] = "ready",
    [EXCLAIM_STEP_RESTORE] = "restore", [EXCLAIM_STEP_VERIFY] = "verify",
    [EXCLAIM_STEP_RELEASE] = "release",
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
    for (unsigned int i = 0; i < EXCLAIM_STEPS; i++) {
        report->ms[i] = -1;
    }
}

uint64_t exclaim_report_deviation(const struct exclaim_report *report)
{
    uint64_t over = 0, under = 0;

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        uint64_t want = report->match.pages[n], got = report->got.pages[n];

        over += got > want ? got - want : 0;
        under += want > got ? want - got : 0;
    }
    return over > under ? over : under;
}

bool exclaim_report_exact(const struct exclaim_report *report)
{
    return report->have_match && report->have_got && report->got.exact &&
           exclaim_report_deviation(report) == 0;
}

static void add_plan(json_object *o, const struct exclaim_report *r)
{
    json_object *m = exclaim_json_child(o, "match");

    exclaim_json_str(m, "shape", exclaim_match_shape_name(r->match.shape));
    exclaim_json_parts(m, "parts", &r->match);
    if (r->match.stray_pages) {
        exclaim_json_u64(m, "stray_pages", r->match.stray_pages);
    }
}

static uint64_t sum_extents(const struct exclaim_report *r, enum exclaim_extent size)
{
    uint64_t sum = r->extents_elsewhere[size];

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        sum += r->extents[n][size];
    }
    return sum;
}

/* How often each node was asked for a large extent in vain; nodes that never were are left out. */
static void add_lacking(json_object *o, const struct exclaim_report *r)
{
    json_object *array = exclaim_json_array(o, "lacking_2m");

    for (uint32_t n = 0; n < r->match.nr_nodes; n++) {
        if (r->lacking[n]) {
            json_object *item = exclaim_json_item(array);

            exclaim_json_u64(item, "node", n);
            exclaim_json_u64(item, "times", r->lacking[n]);
        }
    }
}

static void add_placed(json_object *o, const struct exclaim_report *r)
{
    json_object *p = exclaim_json_child(o, "placed");

    exclaim_json_str(p, "by", exclaim_placement_name(r->placement));
    exclaim_json_bool(p, "steered", r->steered);
    exclaim_json_nodes(p, "nodes", r->match.nr_nodes, r->placed);
    exclaim_json_nodes(p, "refused", r->match.nr_nodes, r->refused);
    exclaim_json_u64(p, "elsewhere_pages", r->elsewhere);
    exclaim_json_u64(p, "extents_4k", sum_extents(r, EXCLAIM_EXTENT_4K));
    exclaim_json_u64(p, "extents_2m", sum_extents(r, EXCLAIM_EXTENT_2M));
    exclaim_json_u64(p, "extents_1g", sum_extents(r, EXCLAIM_EXTENT_1G));
    exclaim_json_extents(p, "extents", r->match.nr_nodes, r->extents);
    exclaim_json_u64(p, "broken_2m", r->broken);
    add_lacking(p, r);
    exclaim_json_u64(p, "populate_calls", r->populate_calls);
    exclaim_json_u64(p, "populate_us", r->populate_us);
}

static void add_destination(json_object *o, const struct exclaim_report *r)
{
    exclaim_json_str(o, "guarantee", exclaim_guarantee_name(r->guarantee));
    exclaim_json_u64(o, "claimed_pages", r->claimed_pages);
    exclaim_json_u64(o, "released_pages", r->released_pages);
    if (r->have_match) {
        add_plan(o, r);
        if (r->claimed_pages) {
            exclaim_json_nodes(o, "claimed", r->match.nr_nodes, r->match.pages);
        }
        add_placed(o, r);
    }
    if (r->have_got) {
        exclaim_json_count(exclaim_json_child(o, "got"), &r->got);
        exclaim_json_bool(o, "verified_paused", r->verified_paused);
    }
    exclaim_json_bool(o, "exact", exclaim_report_exact(r));
    if (r->have_match && r->have_got) {
        exclaim_json_u64(o, "deviation_pages", exclaim_report_deviation(r));
    }
}

static json_object *to_json(const struct exclaim_report *r)
{
    json_object *o = exclaim_json_schema("migration"), *ms;
    char text[EXCLAIM_UUID_TEXT];
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    exclaim_json_u64(o, "time_unix_ms",
                     (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
    exclaim_json_str(o, "role", r->role == EXCLAIM_ROLE_SOURCE ? "source" : "destination");
    exclaim_json_str(o, "hook", r->hook);
    exclaim_json_str(o, "outcome", exclaim_outcome_name(r->outcome));
    exclaim_json_str(o, "policy", exclaim_policy_name(r->policy));
    exclaim_json_u64(o, "domid", r->domid);
    if (r->have_uuid) {
        exclaim_uuid_format(r->uuid, text);
        exclaim_json_str(o, "uuid", text);
    }
    if (r->have_reservation) {
        json_object *s = exclaim_json_child(o, "source");

        exclaim_json_count(s, &r->res.count);
        exclaim_json_str(s, "host", r->res.source_host);
        exclaim_json_str(s, "xen", r->res.xen_version);
    }
    if (r->role == EXCLAIM_ROLE_DESTINATION) {
        add_destination(o, r);
    } else {
        exclaim_json_u64(o, "record_bytes", r->record_bytes);
    }
    ms = exclaim_json_child(o, "ms");
    for (unsigned int i = 0; i < EXCLAIM_STEPS; i++) {
        if (r->ms[i] >= 0) {
            exclaim_json_u64(ms, step_names[i], (uint64_t)r->ms[i]);
        }
    }
    if (r->why[0]) {
        exclaim_json_str(o, "why", r->why);
    }
    if (r->error[0]) {
        exclaim_json_str(o, "error", r->error);
    }
    if (r->config_error[0]) {
        exclaim_json_str(o, "config_error", r->config_error);
    }
    return o;
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
    json_object *o = to_json(report);
    struct iovec line[2] = { { .iov_len = 0 }, { .iov_base = (char[]){ '\n' }, .iov_len = 1 } };
    ssize_t r;
    int fd = -1, rc = -1;

    if (make_parent(path, err)) {
        goto out;
    }
    line[0].iov_base = (char *)(uintptr_t)exclaim_json_text(o);
    if (!line[0].iov_base) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "report");
        goto out;
    }
    line[0].iov_len = strlen(line[0].iov_base);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
        goto out;
    }
    do {
        r = writev(fd, line, 2);
    } while (r < 0 && errno == EINTR);
    if (r != (ssize_t)(line[0].iov_len + 1)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, r < 0 ? errno : ENOSPC, "write %s", path);
        goto out;
    }
    rc = 0;

out:
    if (fd >= 0) {
        close(fd);
    }
    json_object_put(o);
    return rc;
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
