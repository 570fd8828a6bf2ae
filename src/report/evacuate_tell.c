/* SPDX-License-Identifier: BSD-2-Clause */
/* What an evacuation tells: lines for people, events for programs, the summary. */
#include "evacuate_tell.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "../base/width.h"
#include "pace.h"
#include "plan_json.h"
#include "print.h"
#include "screen.h"

static const char *outcome_name(enum evac_outcome outcome)
{
    switch (outcome) {
    case EVAC_DONE:
        return "done";
    case EVAC_FAILED:
        return "failed";
    case EVAC_CANCELLED:
        return "cancelled";
    case EVAC_LOST:
        return "lost";
    case EVAC_ON_ITS_WAY:
        return "on its way";
    case EVAC_UNKNOWN:
        break;
    }
    return "unknown";
}

/*
 * Where the last whole line ends if something stands behind it, else -1: what an earlier run was
 * writing when it died.  The next event would be glued to it, and both be lost.
 */
static off_t whole_lines(const char *path)
{
    struct stat st;
    off_t end = -1;
    char c = '\n';
    int fd;

    if (stat(path, &st) || !S_ISREG(st.st_mode)) {
        return -1; /* a pipe is for its reader to read */
    }
    fd = open(path, O_RDONLY | O_CLOEXEC);
    for (end = st.st_size; fd >= 0 && end > 0; end--) {
        if (pread(fd, &c, 1, end - 1) != 1 || c == '\n') {
            break;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return end == st.st_size || (end && c != '\n') ? -1 : end;
}

int evac_teller_open(struct evac_teller *t, const char *path, bool resumed,
                     struct exclaim_error *err)
{
    off_t end;

    t->events = fopen(path, "ae");
    if (!t->events) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    end = whole_lines(path);
    if (end < 0) {
        return 0;
    }
    if (!resumed) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                            "%s ends within a line: --resume it, or name another file", path);
    }
    if (ftruncate(fileno(t->events), end)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "cut what is no whole line of %s",
                            path);
    }
    return 0;
}

void evac_teller_close(struct evac_teller *t)
{
    if (t->events) {
        fclose(t->events);
    }
}

static void clear_status(struct evac_teller *t)
{
    if (t->status_shown) {
        fputs("\r\033[K", stdout);
        t->status_shown = false;
    }
}

/* A line for people, with the time since the start. */
static void __attribute__((format(printf, 3, 4)))
line(struct evac_teller *t, const struct evac *e, const char *fmt, ...)
{
    va_list ap;

    if (t->json) {
        return;
    }
    clear_status(t);
    printf("[%4" PRId64 " s] ", (exclaim_now_ms() - e->begun_ms) / 1000);
    va_start(ap, fmt);
    exclaim_vprint(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

/* How far the run is, for people and for programs. */
static const char *way_text(const struct evac *e, char *text, size_t size)
{
    struct evac_headway h;
    char time[24], left[40] = "";

    evac_headway(e, exclaim_now_ms(), &h);
    if (h.time_known && h.seconds_left) {
        pace_time_text(h.seconds_left, time, sizeof(time));
        snprintf(left, sizeof(left), ", about %s left", time);
    }
    snprintf(text, size, "%s of %s%s", exclaim_size(h.moved_pages).text,
             exclaim_size(h.moved_pages + h.left_pages).text, left);
    return text;
}

static void way_json(json_object *o, const struct evac *e)
{
    struct evac_headway h;

    evac_headway(e, exclaim_now_ms(), &h);
    exclaim_json_u64(o, "bytes_moved", h.moved_pages << EXCLAIM_PAGE_SHIFT);
    exclaim_json_u64(o, "bytes_left", h.left_pages << EXCLAIM_PAGE_SHIFT);
    if (h.bytes_per_second > 0) {
        exclaim_json_u64(o, "bytes_per_second", (uint64_t)h.bytes_per_second);
    }
    if (h.time_known) {
        exclaim_json_u64(o, "seconds_left", h.seconds_left);
    }
}

static json_object *new_event(const char *event)
{
    json_object *o = exclaim_json_schema("event");

    json_object_object_add(o, "time_unix_ms", json_object_new_int64(exclaim_now_unix_ms()));
    exclaim_json_str(o, "event", event);
    return o;
}

/* Writes an event as one line and frees it; -1 once a line could not be written. */
static int put(struct evac_teller *t, const struct evac *e, json_object *o)
{
    if (t->events && !t->lost) {
        /* On the disk before the next step: a run that dies is resumed from here. */
        if (exclaim_json_write(o, t->events) || fflush(t->events) ||
            (fdatasync(fileno(t->events)) && errno != EINVAL && errno != EROFS)) {
            t->lost = true;
            line(t, e, "events are lost: %s; no further move begins", strerror(errno));
        }
    }
    json_object_put(o);
    return t->lost ? -1 : 0;
}

static void status(struct evac_teller *t, const struct evac *e)
{
    char text[512], way[120];
    uint32_t done = 0;
    size_t len;

    if (t->json || !isatty(STDOUT_FILENO)) {
        return;
    }
    for (uint32_t i = 0; i < e->nr_results; i++) {
        done += e->result[i]->outcome == EVAC_DONE;
    }
    len = (size_t)snprintf(text, sizeof(text), "%" PRIu32 " of %" PRIu32 " VMs, %s", done,
                           e->planned, way_text(e, way, sizeof(way)));
    for (uint32_t i = 0; i < e->nr_flights && i < 3; i++) {
        const char *name = e->flight[i].result->name;

        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s %" PRIu32 " %%",
                                i ? ", " : "; ", (int)exclaim_width_bytes(name, 20), name,
                                e->task[i].permille / 10);
    }
    /* A line that wraps could not be taken back. */
    exclaim_clean(text);
    fputs("\r\033[K", stdout);
    exclaim_print("%.*s", (int)exclaim_width_bytes(text, screen_columns() - 1), text);
    fflush(stdout);
    t->status_shown = true;
}

static int begin(struct evac_teller *t, const struct evac *e)
{
    json_object *o = new_event("begin"), *list;

    exclaim_json_str(o, "server", exclaim_xapi_server(e->xapi));
    list = exclaim_json_array(o, "hosts");
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        json_object_array_add(list, json_object_new_string(e->host[i]));
    }
    list = exclaim_json_array(o, "to");
    for (uint32_t i = 0; i < e->opt.nr_to; i++) {
        json_object_array_add(list, json_object_new_string(e->opt.to[i]));
    }
    list = exclaim_json_array(o, "left_out");
    for (uint32_t v = 0; v < e->pool->nr_vms; v++) {
        if (e->pool->vm[v].left_out) {
            json_object_array_add(list, json_object_new_string(e->pool->vm[v].uuid));
        }
    }
    exclaim_json_u64(o, "max_moves", e->opt.max_moves ? e->opt.max_moves : EXCLAIM_PLAN_CONCURRENT);
    exclaim_json_str(o, "policy", exclaim_policy_name(e->opt.policy));
    exclaim_json_str(o, "prefer", exclaim_plan_prefer_name(e->opt.plan.prefer));
    exclaim_json_bool(o, "keep_enabled", e->opt.keep_enabled);
    exclaim_json_bool(o, "planned_ahead", e->planned_ahead);
    return put(t, e, o);
}

static int start(struct evac_teller *t, const struct evac *e, const struct evac_event *event)
{
    json_object *o = new_event("start");

    exclaim_json_move(o, e->pool, event->move);
    exclaim_json_str(o, "vm_ref", e->pool->vm[event->move->vm].ref);
    if (event->own) {
        exclaim_json_nodes(o, "own_match", event->own->nr_nodes, event->own->pages);
    }
    return put(t, e, o);
}

static void started(struct evac_teller *t, const struct evac *e, const struct evac_event *event)
{
    const struct exclaim_plan_move *move = event->move;
    char nodes[64];

    exclaim_plan_nodes_text(move, nodes, sizeof(nodes));
    line(t, e, "%s: %s to %s, %s, nodes %s", exclaim_pool_vm_name(e->pool, move->vm),
         exclaim_pool_host_name(e->pool, move->from), exclaim_pool_host_name(e->pool, move->to),
         exclaim_size(move->pages).text, nodes);
    if (event->own) {
        const struct exclaim_plan_move own = { .nr_parts = event->own->nr_parts,
                                               .part = event->own->part };

        exclaim_plan_nodes_text(&own, nodes, sizeof(nodes));
        line(t, e, "%s: %s matches by itself, most likely to nodes %s",
             exclaim_pool_vm_name(e->pool, move->vm), exclaim_pool_host_name(e->pool, move->to),
             nodes);
    }
}

static void landed_line(struct evac_teller *t, const struct evac *e, const struct evac_result *r)
{
    char way[120];

    way_text(e, way, sizeof(way));
    if (r->outcome != EVAC_DONE) {
        line(t, e, "%s: %s", r->name, r->why);
    } else if (!r->counted) {
        line(t, e, "%s: on %s after %" PRId64 " s; %s; %s", r->name, r->to, r->ms / 1000, r->why,
             way);
    } else if (r->exact) {
        line(t, e, "%s: on %s after %" PRId64 " s, exact: %s%s; %s", r->name, r->to, r->ms / 1000,
             exclaim_size(r->pages).text, r->planned_nodes ? "" : ", on other nodes than planned",
             way);
    } else {
        line(t, e,
             "%s: on %s after %" PRId64 " s, %s of %s (%" PRIu64 " page%s) are not as planned; %s",
             r->name, r->to, r->ms / 1000, exclaim_size(r->deviation).text,
             exclaim_size(r->pages).text, r->deviation, exclaim_s(r->deviation), way);
    }
}

static int landed(struct evac_teller *t, const struct evac *e, const struct evac_event *event)
{
    const struct exclaim_pool *pool = e->pool;
    const struct evac_result *r = event->result;
    bool done = r->outcome == EVAC_DONE;
    /* "unknown" does not end a move: a resumed run looks for it. */
    json_object *o = new_event(done ? "done" : r->outcome == EVAC_UNKNOWN ? "unknown" : "failed");
    int rc;

    exclaim_json_vm(o, "vm", pool, event->vm);
    exclaim_json_host(o, "to", pool, event->to);
    json_object_object_add(o, "ms", json_object_new_int64(r->ms));
    if (r->counted && done) {
        exclaim_json_bool(o, "exact", r->exact);
        exclaim_json_bool(o, "planned_nodes", r->planned_nodes);
        exclaim_json_u64(o, "deviation_pages", r->deviation);
        exclaim_json_nodes(o, "nodes", pool->vm[event->vm].nr_nodes, pool->vm[event->vm].pages);
    }
    if (r->outcome == EVAC_LOST) {
        exclaim_json_bool(o, "lost", true);
    }
    if (r->outcome == EVAC_CANCELLED) {
        exclaim_json_bool(o, "cancelled", true);
    }
    if (*r->why) {
        exclaim_json_str(o, "why", r->why);
    }
    way_json(o, e);
    rc = put(t, e, o);
    landed_line(t, e, r);
    return rc;
}

static int given_up(struct evac_teller *t, const struct evac *e, const struct evac_event *event)
{
    json_object *o = new_event("given-up");
    int rc;

    exclaim_json_vm(o, "vm", e->pool, event->vm);
    exclaim_json_host(o, "to", e->pool, event->to);
    exclaim_json_str(o, "why", event->text);
    rc = put(t, e, o);
    line(t, e, "%s: not moved to %s: %s", exclaim_pool_vm_name(e->pool, event->vm),
         exclaim_pool_host_name(e->pool, event->to), event->text);
    return rc;
}

int evac_teller_tell(void *arg, const struct evac *e, const struct evac_event *event)
{
    struct evac_teller *t = arg;
    json_object *o;

    switch (event->kind) {
    case EVAC_EVENT_BEGIN:
        return begin(t, e);
    case EVAC_EVENT_DISABLE:
        o = new_event("disable");
        exclaim_json_host(o, "host", e->pool, event->to);
        return put(t, e, o);
    case EVAC_EVENT_PLAN:
        o = new_event("plan");
        exclaim_json_steps(o, e->pool, event->plan);
        return put(t, e, o);
    case EVAC_EVENT_START:
        return start(t, e, event);
    case EVAC_EVENT_STARTED:
        started(t, e, event);
        break;
    case EVAC_EVENT_PROGRESS:
        o = new_event("progress");
        exclaim_json_vm(o, "vm", e->pool, event->vm);
        exclaim_json_u64(o, "permille", event->number);
        way_json(o, e);
        return put(t, e, o);
    case EVAC_EVENT_LANDED:
        return landed(t, e, event);
    case EVAC_EVENT_GIVEN_UP:
        return given_up(t, e, event);
    case EVAC_EVENT_STOP:
        o = new_event("stop");
        exclaim_json_u64(o, "on_their_way", event->number);
        return put(t, e, o);
    case EVAC_EVENT_NOTE:
        line(t, e, "%s", event->text);
        break;
    case EVAC_EVENT_STATUS:
        status(t, e);
        break;
    }
    return 0;
}

static const char *end_name(enum evac_end end)
{
    switch (end) {
    case EVAC_END_DONE:
        return "done";
    case EVAC_END_STOPPED:
    case EVAC_END_HALTED:
        return "stopped";
    case EVAC_END_LOST:
        return "lost";
    case EVAC_END_FAILED:
        return "failed";
    case EVAC_END_STAYS:
    case EVAC_END_INCOMPLETE:
        break;
    }
    return "incomplete";
}

static void summary_json(const struct evac *e, const char *outcome)
{
    json_object *o = exclaim_json_schema("evacuate"), *list, *notes;
    char text[512];

    exclaim_json_bool(o, "applied", true);
    exclaim_json_str(o, "outcome", outcome);
    json_object_object_add(o, "ms", json_object_new_int64(exclaim_now_ms() - e->begun_ms));
    exclaim_json_u64(o, "left", e->left);
    exclaim_json_u64(o, "lost", e->lost);
    way_json(o, e);
    list = exclaim_json_array(o, "hosts");
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        json_object_array_add(list, json_object_new_string(e->host[i]));
    }
    notes = exclaim_json_array(o, "notes");
    list = exclaim_json_array(o, "host_doors");
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        if (evac_host_text(e, i, text, sizeof(text))) {
            json_object *item = exclaim_json_item(list);

            exclaim_json_host(item, "host", e->pool, exclaim_pool_find_host(e->pool, e->host[i]));
            exclaim_json_str(item, "state", evac_door_name(e->door[i]));
            json_object_array_add(notes, json_object_new_string(text));
        }
    }
    list = exclaim_json_array(o, "vms");
    for (uint32_t i = 0; i < e->nr_results; i++) {
        const struct evac_result *r = e->result[i];
        json_object *item = exclaim_json_item(list);

        exclaim_json_str(item, "uuid", r->uuid);
        exclaim_json_str(item, "name", r->name);
        exclaim_json_str(item, "from", r->from);
        exclaim_json_str(item, "to", r->to);
        exclaim_json_str(item, "outcome", outcome_name(r->outcome));
        json_object_object_add(item, "ms", json_object_new_int64(r->ms));
        if (r->counted) {
            exclaim_json_bool(item, "exact", r->exact);
            exclaim_json_bool(item, "planned_nodes", r->planned_nodes);
            exclaim_json_u64(item, "deviation_pages", r->deviation);
            exclaim_json_str(item, "guarantee", exclaim_guarantee_name(r->guarantee));
        }
        if (*r->why) {
            exclaim_json_str(item, "why", r->why);
        }
    }
    exclaim_json_print(o);
}

void evac_teller_summary(struct evac_teller *t, const struct evac *e, enum evac_end end)
{
    const char *outcome = end_name(end);
    uint32_t done = 0, exact = 0, counted = 0;
    struct evac_headway way;
    char text[512];
    json_object *event = new_event("end");

    exclaim_json_str(event, "outcome", outcome);
    exclaim_json_u64(event, "left", e->left);
    exclaim_json_u64(event, "lost", e->lost);
    way_json(event, e);
    put(t, e, event);
    clear_status(t);
    if (t->json) {
        summary_json(e, outcome);
        return;
    }
    putchar('\n');
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        if (evac_host_text(e, i, text, sizeof(text))) {
            exclaim_print("note: %s\n", text);
        }
    }
    for (uint32_t i = 0; i < e->nr_results; i++) {
        const struct evac_result *r = e->result[i];

        done += r->outcome == EVAC_DONE;
        counted += r->outcome == EVAC_DONE && r->counted;
        exact += r->outcome == EVAC_DONE && r->counted && r->exact;
        if (r->outcome == EVAC_CANCELLED) {
            exclaim_print("%s: %s\n", r->name, r->why);
        } else if (r->outcome != EVAC_DONE) {
            exclaim_print("%s: %s: %s\n", r->name, outcome_name(r->outcome), r->why);
        }
    }
    evac_headway(e, exclaim_now_ms(), &way);
    printf("%s: %" PRIu32 " VM%s (%s) moved in %" PRId64 " s, %" PRIu32 " exact, %" PRIu32
           " not, %" PRIu32 " not checked; %" PRIu32 " left",
           outcome, done, exclaim_s(done), exclaim_size(way.moved_pages).text,
           (exclaim_now_ms() - e->begun_ms) / 1000, exact, counted - exact, done - counted,
           e->left);
    if (e->lost) {
        printf(", %" PRIu32 " lost", e->lost);
    }
    putchar('\n');
}
