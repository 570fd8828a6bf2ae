/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A step of a plan that was saved: its VMs to its hosts, in its order, and never other ones.  Where
 * on a host their pages go is planned anew from what the pool is now.  What the pool has outgrown
 * is refused before the first move; what was done already is passed over.
 */
#include "../base/compat.h"
#include "work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/file.h"
#include "../base/jread.h"
#include "../base/text.h"

/* A plan of the largest pool is smaller. */
#define PLAN_MAX_BYTES (256u << 20)

/* So many differences are named, the others counted. */
#define NAMED 4u

#define MOVES_PER_VM 4u

struct saved_move {
    uint32_t vm; /* of the pool, nr_vms: not there */
    const char *uuid, *name, *from, *from_name, *to, *to_name;
    uint64_t pages;
    uint32_t stage;
};

struct saved {
    struct evac *e;
    struct jread r;
    json_object *plan, *step;
    uint32_t nr_moves;
    struct saved_move *move;
    bool *known; /* by VM of the pool: the plan has it */
    uint32_t nr_changes;
    char changes[400];
};

static void changed(struct saved *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void changed(struct saved *s, const char *fmt, ...)
{
    const size_t len = strlen(s->changes);
    char text[sizeof(s->changes)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    /* What is wrong with a host is so for every move there, and is said once. */
    if (strstr(s->changes, text)) {
        return;
    }
    if (s->nr_changes++ < NAMED) {
        snprintf(s->changes + len, sizeof(s->changes) - len, "%s%s", len ? "; " : "", text);
    }
}

/* By uuid, or by name where whoever saved it knew no uuid. */
static const char *who(struct saved *s, json_object *o, const char *key, const char **name)
{
    json_object *one = jread_object(&s->r, o, key);
    const char *uuid = one ? jread_str(&s->r, one, "uuid") : "";

    *name = one ? jread_str(&s->r, one, "name") : "";
    return *uuid ? uuid : *name;
}

/* Moves that may run at once are of one stage; a VM that is moved on has its moves in several. */
static int read_move(struct saved *s, json_object *o, uint32_t *after)
{
    struct saved_move *m = &s->move[s->nr_moves];
    const bool first = s->nr_moves == 0;
    const uint32_t now = (uint32_t)jread_u64(&s->r, o, "after", UINT32_MAX, JREAD_NEEDED);

    *m = (struct saved_move){ .stage = first ? 0 : m[-1].stage + (now != *after) };
    m->uuid = who(s, o, "vm", &m->name);
    m->from = who(s, o, "from", &m->from_name);
    m->to = who(s, o, "to", &m->to_name);
    m->pages = jread_u64(&s->r, o, "pages", EXCLAIM_PAGES_MAX, JREAD_NEEDED);
    m->vm = evac_find_vm(s->e->pool, m->uuid);
    if (!first && now < *after) {
        jread_fail(&s->r, "move of VM %.60s after one of a later wave", m->uuid);
    }
    *after = now;
    return s->r.failed ? -1 : 0;
}

static int read_moves(struct saved *s)
{
    json_object *list = jread_array(&s->r, s->step, "moves");
    const size_t nr = list ? json_object_array_length(list) : 0;
    uint32_t after = 0;

    /* A VM is moved on now and then; each is looked for among all others. */
    if (nr > MOVES_PER_VM * (size_t)(s->e->pool->nr_vms + NAMED)) {
        jread_fail(&s->r, "%zu moves in a pool of %" PRIu32 " VMs", nr, s->e->pool->nr_vms);
    }
    if (s->r.failed) {
        return -1;
    }
    s->move = calloc(nr + 1, sizeof(*s->move));
    s->known = calloc(s->e->pool->nr_vms + 1, sizeof(*s->known));
    if (!s->move || !s->known) {
        return exclaim_fail(s->r.err, EXCLAIM_ERR_SYSTEM, ENOMEM, "plan of %zu moves", nr);
    }
    for (size_t i = 0; i < nr; i++) {
        struct saved_move *m = &s->move[i];

        if (read_move(s, json_object_array_get_idx(list, i), &after)) {
            return -1;
        }
        for (struct saved_move *other = m; other-- > s->move && other->stage == m->stage;) {
            if (!strcmp(other->uuid, m->uuid)) {
                jread_fail(&s->r, "VM %.60s is moved twice at once", m->uuid);
                return -1;
            }
        }
        s->known[m->vm] = true;
        s->nr_moves++;
    }
    return 0;
}

/* VMs that the plan knows and does not move: those that stay (@key's items have them). */
static void know(struct saved *s, json_object *o, const char *key)
{
    json_object *list = jread_get(o, key);
    const char *name;

    for (size_t i = 0; json_object_is_type(list, json_type_array) &&
                       i < json_object_array_length(list) && !s->r.failed;
         i++) {
        s->known[evac_find_vm(s->e->pool,
                              who(s, json_object_array_get_idx(list, i), "vm", &name))] = true;
    }
}

/* Whether the move was made, or a later one of the same VM. */
static bool is_done(const struct saved *s, uint32_t m)
{
    const struct exclaim_pool *pool = s->e->pool;
    const char *uuid = s->move[m].uuid;

    for (; m < s->nr_moves; m++) {
        if (!strcmp(s->move[m].uuid, uuid) &&
            pool->vm[s->move[m].vm].host == exclaim_pool_find_host(pool, s->move[m].to)) {
            return true;
        }
    }
    return false;
}

/* Whether an earlier move of the same VM brings it to where this one begins. */
static bool follows(const struct saved *s, uint32_t m)
{
    for (uint32_t i = 0; i < m; i++) {
        if (!strcmp(s->move[i].uuid, s->move[m].uuid)) {
            return true;
        }
    }
    return false;
}

static void compare_target(struct saved *s, const struct saved_move *m)
{
    const struct exclaim_pool *pool = s->e->pool;
    const uint32_t to = exclaim_pool_find_host(pool, m->to);

    if (to == EXCLAIM_NO_HOST) {
        changed(s, "host %.60s is not in the pool", *m->to_name ? m->to_name : m->to);
    } else if (pool->host[to].dead) {
        changed(s, "host %.60s is not live", exclaim_pool_host_name(pool, to));
    } else if (!pool->host[to].enabled) {
        const char *why = pool->host[to].closed;

        changed(s, "host %.60s takes no VMs now%s%s", exclaim_pool_host_name(pool, to),
                why && *why ? ": " : "", why ? why : "");
    }
}

static void compare_move(struct saved *s, uint32_t i)
{
    const struct exclaim_pool *pool = s->e->pool;
    const struct saved_move *m = &s->move[i];
    const struct exclaim_pool_vm *vm = &pool->vm[m->vm];

    if (m->vm == pool->nr_vms || (vm->host == EXCLAIM_NO_HOST && !vm->left_out)) {
        changed(s, "VM %.60s does not run any more", *m->name ? m->name : m->uuid);
    } else if (!vm->left_out && !is_done(s, i)) {
        const char *name = exclaim_pool_vm_name(pool, m->vm);

        if (!follows(s, i) && vm->host != exclaim_pool_find_host(pool, m->from)) {
            changed(s, "VM %.60s is on host %.60s", name, exclaim_pool_host_name(pool, vm->host));
        }
        if (vm->total_pages > m->pages) {
            changed(s, "VM %.60s has %s more than then (%" PRIu64 " page%s)", name,
                    exclaim_size(vm->total_pages - m->pages).text, vm->total_pages - m->pages,
                    exclaim_s(vm->total_pages - m->pages));
        }
        compare_target(s, m);
    }
}

/* VMs on a host to be emptied that the plan does not know. */
static void find_new(struct saved *s, const uint32_t *host, uint32_t nr)
{
    const struct exclaim_pool *pool = s->e->pool;

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        for (uint32_t h = 0; h < nr; h++) {
            if (pool->vm[v].host == host[h] && !s->known[v]) {
                changed(s, "VM %.60s has come to host %.60s", exclaim_pool_vm_name(pool, v),
                        exclaim_pool_host_name(pool, host[h]));
            }
        }
    }
}

/* Of an upgrade's step one host; of an evacuation all from which VMs go. */
static void find_hosts(struct saved *s, uint32_t *host, uint32_t *nr)
{
    const struct exclaim_pool *pool = s->e->pool;
    const bool rolling = !strcmp(jread_str(&s->r, s->plan, "kind"), "rolling");
    const char *name = "";

    *nr = 0;
    if (!strcmp(jread_str(&s->r, s->step, "kind"), "back")) {
        return;
    }
    for (uint32_t i = 0; i < (rolling ? 1 : s->nr_moves) && !s->r.failed; i++) {
        const char *which = rolling ? who(s, s->step, "host", &name) : s->move[i].from;
        const uint32_t h = exclaim_pool_find_host(pool, which);
        bool there = !rolling && follows(s, i);

        name = rolling ? name : s->move[i].from_name;
        if (h == EXCLAIM_NO_HOST) {
            changed(s, "host %.60s is not in the pool", *name ? name : which);
            continue;
        }
        for (uint32_t k = 0; k < *nr; k++) {
            there |= host[k] == h;
        }
        if (!there) {
            host[(*nr)++] = h;
        }
    }
}

static int add_goal(struct evac *e, const struct saved_move *m, struct exclaim_error *err)
{
    struct evac_goal *grown = compat_reallocarray(e->goal, e->nr_goals + 1, sizeof(*grown));

    if (!grown) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "plan");
    }
    e->goal = grown;
    grown[e->nr_goals] =
        (struct evac_goal){ .vm = strdup(m->uuid), .to = strdup(m->to), .stage = m->stage };
    e->nr_goals++;
    return grown[e->nr_goals - 1].vm && grown[e->nr_goals - 1].to
               ? 0
               : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "plan");
}

static int take_step(struct saved *s, uint32_t number)
{
    json_object *steps = jread_array(&s->r, s->plan, "steps");
    const size_t nr = steps ? json_object_array_length(steps) : 0;

    if (s->r.failed) {
        return -1;
    }
    if (number > nr || (!number && nr != 1)) {
        return exclaim_fail(s->r.err, EXCLAIM_ERR_USAGE, 0,
                            nr == 1 ? "the plan has %zu step, which needs no --step"
                                    : "the plan has %zu steps: --step takes one from 1 to %zu",
                            nr, nr);
    }
    s->step = json_object_array_get_idx(steps, number ? number - 1 : 0);
    return read_moves(s);
}

/* Compares the step with the pool; what is left to be done becomes the goals of @e. */
static int take_up(struct saved *s, uint32_t number)
{
    uint32_t host[EXCLAIM_POOL_HOSTS], nr_hosts;
    struct exclaim_error *err = s->r.err;

    if (strcmp(jread_str(&s->r, s->plan, "schema"), "exclaim.plan/1") != 0) {
        jread_fail(&s->r, "schema is \"%.40s\", not exclaim.plan/1",
                   jread_str(&s->r, s->plan, "schema"));
    }
    if (s->r.failed || take_step(s, number)) {
        return -1;
    }
    find_hosts(s, host, &nr_hosts);
    know(s, s->step, "stays");
    know(s, s->plan, "left_out");
    if (s->r.failed) {
        return -1;
    }
    for (uint32_t i = 0; i < s->nr_moves; i++) {
        compare_move(s, i);
    }
    find_new(s, host, nr_hosts);
    if (s->nr_changes) {
        char more[32] = "";

        if (s->nr_changes > NAMED) {
            snprintf(more, sizeof(more), "; and %" PRIu32 " more", s->nr_changes - NAMED);
        }
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0, "the pool has outgrown the plan: %s%s",
                            s->changes, more);
    }
    for (uint32_t i = 0; i < s->nr_moves; i++) {
        if (!s->e->pool->vm[s->move[i].vm].left_out && !is_done(s, i) &&
            add_goal(s->e, &s->move[i], err)) {
            return -1;
        }
    }
    s->e->stage = s->e->nr_goals ? s->e->goal[0].stage : 0;
    return nr_hosts ? evac_set_hosts(s->e, host, nr_hosts, err) : 0;
}

int evac_read_plan(struct evac *e, const char *path, uint32_t step, struct exclaim_error *err)
{
    struct saved s = { .e = e, .r = { .err = err } };
    char *text;
    size_t len;
    int rc;

    if (exclaim_file_read(path, PLAN_MAX_BYTES, &text, &len, err)) {
        return -1;
    }
    e->planned_ahead = true;
    rc = jread_parse(text, len, &s.plan, err)
             ? exclaim_error_wrap(err, "no plan that plan --save wrote")
             : take_up(&s, step);
    json_object_put(s.plan);
    free(s.move);
    free(s.known);
    free(text);
    return rc ? exclaim_error_wrap(err, "%s", path) : 0;
}
