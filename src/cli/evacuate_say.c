/* SPDX-License-Identifier: BSD-2-Clause */
/* What an evacuation tells: lines for people, events for programs, the summary. */
#include "../evacuate/evacuate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../report/plan_json.h"
#include "../report/print.h"

static const char *outcome_name(enum evac_outcome outcome)
{
    switch (outcome) {
    case EVAC_DONE:
        return "done";
    case EVAC_FAILED:
        return "failed";
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

int evac_open_events(struct evac *e, const char *path, struct exclaim_error *err)
{
    off_t end;

    e->events = fopen(path, "ae");
    if (!e->events) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    end = whole_lines(path);
    if (end < 0) {
        return 0;
    }
    if (!e->cli->resume || strcmp(path, e->cli->resume) != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                            "%s ends within a line: --resume it, or name another file", path);
    }
    if (ftruncate(fileno(e->events), end)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "cut what is no whole line of %s",
                            path);
    }
    return 0;
}

json_object *evac_new_event(const char *event)
{
    json_object *o = exclaim_json_schema("event");

    json_object_object_add(o, "time_unix_ms", json_object_new_int64(exclaim_now_unix_ms()));
    exclaim_json_str(o, "event", event);
    return o;
}

void evac_event(struct evac *e, json_object *o)
{
    if (e->events && !e->events_lost) {
        /* On the disk before the next step: a run that dies is resumed from here. */
        if (fprintf(e->events, "%s\n", exclaim_json_text(o)) < 0 || fflush(e->events) ||
            (fdatasync(fileno(e->events)) && errno != EINVAL && errno != EROFS)) {
            e->events_lost = true;
            evac_line(e, "events are lost: %s; no further move begins", strerror(errno));
        }
    }
    json_object_put(o);
}

static bool on_terminal(const struct evac *e)
{
    return !e->cli->json && isatty(STDOUT_FILENO);
}

void evac_clear_status(struct evac *e)
{
    if (e->status_shown) {
        fputs("\r\033[K", stdout);
        e->status_shown = false;
    }
}

void evac_line(struct evac *e, const char *fmt, ...)
{
    va_list ap;

    if (e->cli->json) {
        return;
    }
    evac_clear_status(e);
    printf("[%4" PRId64 " s] ", (exclaim_now_unix_ms() - e->begun_ms) / 1000);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

void evac_status(struct evac *e)
{
    uint32_t done = 0;

    if (!on_terminal(e)) {
        return;
    }
    for (uint32_t i = 0; i < e->nr_results; i++) {
        done += e->result[i]->outcome == EVAC_DONE;
    }
    printf("\r\033[K%" PRIu32 " of %" PRIu32 " VMs have moved, %" PRIu32 " on their way", done,
           e->planned, e->nr_flights);
    for (uint32_t i = 0; i < e->nr_flights && i < 3; i++) {
        printf("%s%.20s %" PRIu32 " %%", i ? ", " : ": ", e->flight[i].result->name,
               e->task[i].permille / 10);
    }
    fflush(stdout);
    e->status_shown = true;
}

static void summary_json(const struct evac *e, const char *outcome, uint32_t left)
{
    json_object *o = exclaim_json_schema("evacuate"), *list;

    exclaim_json_bool(o, "applied", true);
    exclaim_json_str(o, "outcome", outcome);
    json_object_object_add(o, "ms", json_object_new_int64(exclaim_now_unix_ms() - e->begun_ms));
    exclaim_json_u64(o, "left", left);
    list = exclaim_json_array(o, "hosts");
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        json_object_array_add(list, json_object_new_string(e->host[i]));
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
            exclaim_json_u64(item, "deviation_pages", r->deviation);
            exclaim_json_str(item, "guarantee", exclaim_guarantee_name(r->guarantee));
        }
        if (*r->why) {
            exclaim_json_str(item, "why", r->why);
        }
    }
    exclaim_json_print(o);
}

void evac_summary(struct evac *e, const char *outcome, uint32_t left)
{
    uint32_t done = 0, exact = 0, counted = 0;
    json_object *event = evac_new_event("end");

    exclaim_json_str(event, "outcome", outcome);
    exclaim_json_u64(event, "left", left);
    evac_event(e, event);
    evac_clear_status(e);
    if (e->cli->json) {
        summary_json(e, outcome, left);
        return;
    }
    putchar('\n');
    for (uint32_t i = 0; i < e->nr_results; i++) {
        const struct evac_result *r = e->result[i];

        done += r->outcome == EVAC_DONE;
        counted += r->outcome == EVAC_DONE && r->counted;
        exact += r->outcome == EVAC_DONE && r->counted && r->exact;
        if (r->outcome != EVAC_DONE) {
            printf("%s: %s: %s\n", r->name, outcome_name(r->outcome), r->why);
        }
    }
    printf("%s: %" PRIu32 " VMs moved in %" PRId64 " s, %" PRIu32 " exact, %" PRIu32
           " not, %" PRIu32 " not checked; %" PRIu32 " left\n",
           outcome, done, (exclaim_now_unix_ms() - e->begun_ms) / 1000, exact, counted - exact,
           done - counted, left);
}
