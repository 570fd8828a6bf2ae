/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file of events says of an earlier run.  Somebody may have edited it, or a full disk cut
 * it: a last line that is not whole is passed over, anything else that is wrong is an error. */
#include "../base/compat.h"
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/jread.h"

/* Of one line; a plan of the largest pool is smaller. */
#define LINE_MAX_BYTES (256u << 20)

typedef int each_event(struct evac *e, json_object *event, const char *name, void *arg,
                       struct exclaim_error *err);

/* "" for what is no text. */
static const char *text_of(json_object *o, const char *key)
{
    return json_object_is_type(jread_get(o, key), json_type_string) ? jread_text(o, key) : "";
}

static const char *name_of(json_object *o, const char *key)
{
    return text_of(jread_get(o, key), "name");
}

static bool is_true(json_object *o, const char *key)
{
    return json_object_get_boolean(jread_get(o, key));
}

static const char *uuid_of(json_object *o, const char *key)
{
    return text_of(jread_get(o, key), "uuid");
}

static int walk(struct evac *e, const char *path, each_event *each, void *arg,
                struct exclaim_error *err)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    unsigned int number = 0;
    ssize_t len;
    int rc = 0;

    if (!f) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    while (!rc && (len = getline(&line, &size, f)) > 0) {
        json_object *o;

        number++;
        if (line[len - 1] != '\n' || (size_t)len > LINE_MAX_BYTES) {
            break; /* the run died while it wrote this */
        }
        if (jread_parse(line, (size_t)len, &o, NULL) ||
            strcmp(text_of(o, "schema"), "exclaim.event/1") != 0) {
            rc = exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%s line %u is no event of an evacuation",
                              path, number);
        } else {
            rc = each(e, o, text_of(o, "event"), arg, err);
        }
        json_object_put(o);
    }
    if (!rc && ferror(f)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "read %s", path);
    }
    free(line);
    fclose(f);
    return rc;
}

static int add_name(const char *text, char ***names, uint32_t *nr, struct exclaim_error *err)
{
    char **grown = compat_reallocarray(*names, *nr + 1, sizeof(*grown));

    if (!grown) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "events");
    }
    *names = grown;
    grown[*nr] = strdup(text);
    if (!grown[*nr]) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "events");
    }
    ++*nr;
    return 0;
}

static int take_names(json_object *event, const char *key, size_t max, char ***names, uint32_t *nr,
                      struct exclaim_error *err)
{
    json_object *list;
    size_t many;

    evac_free_names(names, nr);
    if (!json_object_object_get_ex(event, key, &list) ||
        !json_object_is_type(list, json_type_array)) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "an event \"begin\" without %s", key);
    }
    many = json_object_array_length(list);
    if (many > max) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%s: %zu names, at most %zu are possible",
                            key, many, max);
    }
    *names = calloc(many + 1, sizeof(**names));
    for (size_t i = 0; *names && i < many; i++) {
        json_object *item = json_object_array_get_idx(list, i);
        const char *text =
            json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";

        (*names)[i] = strdup(text);
        if (!(*names)[i]) {
            break;
        }
        ++*nr;
    }
    return *nr == many && *names ? 0 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "events");
}

/* The last run that the file tells of counts. */
static int each_begin(struct evac *e, json_object *o, const char *name, void *arg,
                      struct exclaim_error *err)
{
    uint32_t *max_moves = arg;
    json_object *moves;

    if (!strcmp(name, "disable")) {
        json_object *host;

        return json_object_object_get_ex(o, "host", &host)
                   ? add_name(text_of(host, "uuid"), &e->disabled, &e->nr_disabled, err)
                   : 0;
    }
    if (strcmp(name, "begin") != 0) {
        return 0;
    }
    if (is_true(o, "planned_ahead")) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "it tells of a saved plan: the same --plan again goes on with that");
    }
    e->opt.keep_enabled |= is_true(o, "keep_enabled") && !e->opt.disable;
    if (!strcmp(text_of(o, "policy"), exclaim_policy_name(EXCLAIM_POLICY_STRICT))) {
        e->opt.policy = EXCLAIM_POLICY_STRICT;
        e->opt.plan.whole_parts = true;
    }
    if (!strcmp(text_of(o, "prefer"), exclaim_plan_prefer_name(EXCLAIM_PREFER_PACK))) {
        e->opt.plan.prefer = EXCLAIM_PREFER_PACK;
    }
    if (json_object_object_get_ex(o, "max_moves", &moves)) {
        int64_t n = json_object_get_int64(moves);

        if (n >= 1 && n <= EXCLAIM_XAPI_TASKS) {
            *max_moves = (uint32_t)n;
        }
    }
    if (json_object_object_get_ex(o, "left_out", NULL) &&
        take_names(o, "left_out", EXCLAIM_POOL_VMS, &e->kept_out, &e->nr_kept_out, err)) {
        return -1;
    }
    return take_names(o, "hosts", EXCLAIM_POOL_HOSTS, &e->host, &e->nr_hosts, err) ||
                   take_names(o, "to", EXCLAIM_POOL_HOSTS, &e->kept_to, &e->nr_kept_to, err)
               ? -1
               : 0;
}

int evac_read_events(struct evac *e, const char *path, struct exclaim_error *err)
{
    uint32_t max_moves = 0;

    if (walk(e, path, each_begin, &max_moves, err)) {
        return -1;
    }
    if (!e->nr_hosts) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%s tells of no evacuation", path);
    }
    if (!e->opt.nr_to) {
        e->opt.to = (const char **)e->kept_to;
        e->opt.nr_to = e->nr_kept_to;
    }
    if (!e->opt.max_moves) {
        e->opt.max_moves = max_moves;
        e->opt.plan.max_out = e->opt.plan.max_in = max_moves;
    }
    return 0;
}

/* --- moves that were begun and of which no end is told --- */

struct open_moves {
    uint32_t nr;
    struct open_move {
        char *vm, *name, *from, *to;
        bool lost; /* it had ended, with a VM that did not run any more */
    } * move;
};

static void free_move(struct open_move *move)
{
    free(move->vm);
    free(move->name);
    free(move->from);
    free(move->to);
}

static void drop(struct open_moves *open, const char *vm)
{
    for (uint32_t i = 0; i < open->nr; i++) {
        if (!strcmp(open->move[i].vm, vm)) {
            free_move(&open->move[i]);
            open->move[i] = open->move[--open->nr];
            return;
        }
    }
}

static int each_move(struct evac *e, json_object *o, const char *name, void *arg,
                     struct exclaim_error *err)
{
    struct open_moves *open = arg;
    struct open_move *grown;

    (void)e;
    if (!strcmp(name, "failed") && is_true(o, "lost")) {
        for (uint32_t i = 0; i < open->nr; i++) {
            open->move[i].lost |= !strcmp(open->move[i].vm, uuid_of(o, "vm"));
        }
        return 0;
    }
    if (!strcmp(name, "done") || !strcmp(name, "failed") || !strcmp(name, "given-up") ||
        !strcmp(name, "start")) {
        drop(open, uuid_of(o, "vm"));
    }
    if (strcmp(name, "start") != 0) {
        return 0;
    }
    grown = compat_reallocarray(open->move, open->nr + 1, sizeof(*grown));
    if (!grown) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "events");
    }
    open->move = grown;
    grown[open->nr] = (struct open_move){ .vm = strdup(uuid_of(o, "vm")),
                                          .name = strdup(name_of(o, "vm")),
                                          .from = strdup(name_of(o, "from")),
                                          .to = strdup(uuid_of(o, "to")) };
    if (!grown[open->nr].vm || !grown[open->nr].name || !grown[open->nr].from ||
        !grown[open->nr].to) {
        free_move(&grown[open->nr]);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "events");
    }
    open->nr++;
    return 0;
}

static int take_up(struct evac *e, const struct open_move *move, struct exclaim_error *err)
{
    struct exclaim_pool *pool = e->pool;
    uint32_t vm, to = exclaim_pool_find_host(pool, move->to);
    struct exclaim_xapi_vm now;

    if (exclaim_pool_find_vm(pool, move->vm, &vm, NULL)) {
        return move->lost ? evac_still_lost(e, move->vm, move->name, move->from, err) : 0;
    }
    if (move->lost || to == EXCLAIM_NO_HOST) {
        return 0; /* somebody has started it again */
    }
    if (exclaim_xapi_vm(e->xapi, pool->vm[vm].ref, &now, err)) {
        return -1;
    }
    if (now.migrating.state != EXCLAIM_TASK_PENDING || e->nr_flights == EXCLAIM_XAPI_TASKS) {
        evac_note(e, "%s: begun earlier, now on %s", exclaim_pool_vm_name(pool, vm),
                  exclaim_pool_host_name(pool, pool->vm[vm].host));
        return 0;
    }
    evac_note(e, "%s: begun earlier, still on its way to %s", exclaim_pool_vm_name(pool, vm),
              exclaim_pool_host_name(pool, to));
    /* Both hosts show a domain of it; it runs where XAPI says. */
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (!strcmp(pool->host[h].ref, now.host_ref)) {
            pool->vm[vm].host = h;
        }
    }
    if (pool->vm[vm].host == EXCLAIM_NO_HOST) {
        return 0;
    }
    return evac_take_off(e, NULL, EVAC_NO_MOVE, vm, to, &now.migrating, err);
}

int evac_take_up(struct evac *e, const char *path, struct exclaim_error *err)
{
    struct open_moves open = { 0 };
    uint32_t ended;
    int rc = walk(e, path, each_move, &open, err);

    for (uint32_t i = 0; !rc && i < open.nr; i++) {
        rc = take_up(e, &open.move[i], err);
    }
    while (e->nr_flights && !e->left_alone) {
        if (evac_wait(e, &ended, rc ? NULL : err)) {
            rc = -1;
        }
    }
    for (uint32_t i = 0; i < open.nr; i++) {
        free_move(&open.move[i]);
    }
    free(open.move);
    return rc;
}
