/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim check` for people and for programs, of one host and of a pool. */
#include <errno.h>
#include <string.h>

#include "../base/jread.h"
#include "../base/json.h"
#include "../report/print.h"
#include "../report/table.h"
#include "check.h"

static const char *check_state_name(enum check_state state)
{
    static const char *const names[] = { "ok", "degraded", "broken" };

    return names[state];
}

int check_exit(enum check_state worst)
{
    static const int codes[] = { [CHECK_OK] = 0, [CHECK_DEGRADED] = 3, [CHECK_BROKEN] = 5 };

    return codes[worst];
}

int check_print(const struct check *c, struct exclaim_error *err)
{
    static const char *const head[] = { "!STATE", "!OF", "~WHAT", NULL };
    struct table t;

    /* Broken is what exact migrations need, not the host. */
    if (c->worst == CHECK_OK) {
        puts("this host is ready\n");
    } else {
        printf("this host is not ready: %s\n\n", check_state_name(c->worst));
    }
    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (uint32_t i = 0; i < c->nr; i++) {
        table_cell(&t, "%s", check_state_name(c->line[i].state));
        table_cell(&t, "%s", c->line[i].name);
        table_cell(&t, "%s", c->line[i].text);
    }
    table_print(&t, stdout);
    table_free(&t);
    return 0;
}

void check_print_json(const struct check *c)
{
    json_object *o = exclaim_json_schema("check"), *list, *item;

    exclaim_json_str(o, "state", check_state_name(c->worst));
    list = exclaim_json_array(o, "checks");
    for (uint32_t i = 0; i < c->nr; i++) {
        item = exclaim_json_item(list);
        exclaim_json_str(item, "name", c->line[i].name);
        exclaim_json_str(item, "state", check_state_name(c->line[i].state));
        exclaim_json_str(item, "text", c->line[i].text);
    }
    exclaim_json_print(o);
}

/* What a host says of itself is only believed as far as it has the form of an answer. */
static enum check_state state_of(json_object *answer)
{
    const char *state = jread_text(answer, "state");

    for (int s = CHECK_OK; s < CHECK_BROKEN; s++) {
        if (!strcmp(state, check_state_name((enum check_state)s))) {
            return (enum check_state)s;
        }
    }
    return CHECK_BROKEN;
}

void check_pool_add(void *arg, const char *host, const char *uuid, const char *answer,
                    const struct exclaim_error *err)
{
    struct check_pool *pool = arg;
    json_object *o = json_object_new_object(), *said = NULL;
    enum check_state state = CHECK_BROKEN;
    struct exclaim_error bad = { 0 };

    if (!pool->hosts) {
        pool->hosts = json_object_new_array();
    }
    exclaim_json_str(o, "host", host);
    exclaim_json_str(o, "uuid", uuid);
    if (answer) {
        if (jread_parse(answer, strlen(answer), &said, &bad)) {
            said = NULL;
        }
        err = &bad;
    }
    if (said) {
        state = state_of(said);
        json_object_object_add(o, "answer", said);
    } else {
        exclaim_json_str(o, "error", err->text);
    }
    exclaim_json_str(o, "state", check_state_name(state));
    json_object_array_add(pool->hosts, o);
    if (state > pool->worst) {
        pool->worst = state;
    }
}

/* A row for each line that is not ok, or one that says that all are. */
static void host_rows(struct table *t, json_object *host)
{
    json_object *answer, *checks = NULL;
    size_t nr = 0, shown = 0;

    if (json_object_object_get_ex(host, "answer", &answer) &&
        json_object_object_get_ex(answer, "checks", &checks) &&
        json_object_is_type(checks, json_type_array)) {
        nr = (size_t)json_object_array_length(checks);
    }
    for (size_t i = 0; i < nr; i++) {
        json_object *line = json_object_array_get_idx(checks, i);

        if (json_object_is_type(line, json_type_object) &&
            strcmp(jread_text(line, "state"), "ok") != 0) {
            table_cell(t, "%s", shown++ ? "" : jread_text(host, "host"));
            table_cell(t, "%s", jread_text(line, "state"));
            table_cell(t, "%s", jread_text(line, "name"));
            table_cell(t, "%s", jread_text(line, "text"));
        }
    }
    if (!shown) {
        table_cell(t, "%s", jread_text(host, "host"));
        table_cell(t, "%s", jread_text(host, "state"));
        table_cell(t, "%s", "");
        table_cell(t, "%s", jread_text(host, "error"));
    }
}

int check_pool_print(const struct check_pool *pool, struct exclaim_error *err)
{
    static const char *const head[] = { "HOST", "!STATE", "!OF", "~WHY", NULL };
    size_t nr = pool->hosts ? (size_t)json_object_array_length(pool->hosts) : 0, ready = 0;
    struct table t;

    if (table_init(&t, head)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "table");
    }
    for (size_t i = 0; i < nr; i++) {
        ready += !strcmp(jread_text(json_object_array_get_idx(pool->hosts, i), "state"), "ok");
    }
    printf("%zu of %zu host%s ready\n\n", ready, nr, nr == 1 ? " is" : "s are");
    for (size_t i = 0; i < nr; i++) {
        host_rows(&t, json_object_array_get_idx(pool->hosts, i));
    }
    table_print(&t, stdout);
    table_free(&t);
    return check_exit(pool->worst);
}

int check_pool_print_json(struct check_pool *pool)
{
    json_object *o = exclaim_json_schema("check");

    exclaim_json_str(o, "state", check_state_name(pool->worst));
    json_object_object_add(o, "hosts", json_object_get(pool->hosts));
    exclaim_json_print(o);
    return check_exit(pool->worst);
}

void check_pool_free(struct check_pool *pool)
{
    json_object_put(pool->hosts);
    pool->hosts = NULL;
}
