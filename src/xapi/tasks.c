/* SPDX-License-Identifier: BSD-2-Clause */
/* Migrations as XAPI's tasks: started, watched by events, cancelled. */
#include "../base/clock.h"
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <exclaim/uuid.h>

#include "../base/jread.h"

#define EVENT_MS    20000u /* one event.from, so that a dead coordinator is noticed */
#define EVENT_GRACE 30000u /* beyond its own time until an answer is there */
#define POLL_MS     500    /* between two looks where there are no events */
#define IN_VAIN_MAX 8u     /* the first answer to a new subscription says what is known already */

/* A call whose result does not matter. */
static int call(struct exclaim_xapi *xapi, const char *method, const char *param,
                struct exclaim_error *err)
{
    struct rpc rpc = { .method = method, .params = rpc_params(param, NULL) };
    int rc = rpc_call(xapi, &rpc, err);

    rpc_drop(&rpc);
    if (rc) {
        exclaim_error_wrap(err, "%s", method);
        names_put(xapi, err);
    }
    return rc;
}

int exclaim_xapi_enable(struct exclaim_xapi *xapi, const char *host_ref, bool enable,
                        struct exclaim_error *err)
{
    return call(xapi, enable ? "host.enable" : "host.disable", host_ref, err);
}

int exclaim_xapi_enabled(struct exclaim_xapi *xapi, const char *host_ref, bool *enabled,
                         struct exclaim_error *err)
{
    struct rpc rpc = { .method = "host.get_enabled", .params = rpc_params(host_ref, NULL) };
    int rc = rpc_call(xapi, &rpc, err);

    *enabled = false;
    if (!rc && !json_object_is_type(rpc.result, json_type_boolean)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "an answer that is no boolean");
    } else if (!rc) {
        *enabled = json_object_get_boolean(rpc.result);
    }
    rpc_drop(&rpc);
    return rc ? exclaim_error_wrap(err, "host.get_enabled") : 0;
}

int exclaim_xapi_migrate(struct exclaim_xapi *xapi, const char *vm_ref, const char *host_ref,
                         struct exclaim_xapi_task *task, struct exclaim_error *err)
{
    struct rpc rpc = { .method = "Async.VM.pool_migrate",
                       .params = rpc_params(vm_ref, host_ref, NULL),
                       .once = true };
    json_object *options = json_object_new_object();
    int rc;

    *task = (struct exclaim_xapi_task){ 0 };
    json_object_object_add(options, "live", json_object_new_string("true"));
    json_object_array_add(rpc.params, options);
    rc = rpc_call(xapi, &rpc, err);
    if (!rc) {
        rc = rpc_ref(&rpc, task->ref, err);
        rpc.lost = rc != 0;
    }
    if (!rc) {
        task->state = EXCLAIM_TASK_PENDING;
    } else if (rpc.lost) {
        exclaim_error_wrap(err, "the answer was lost, the migration may have begun");
        task->state = EXCLAIM_TASK_GONE;
        if (err) {
            task->error = *err;
        }
    } else {
        snprintf(task->code, sizeof(task->code), "%s", rpc.code);
        exclaim_error_wrap(err, "VM.pool_migrate");
        names_put(xapi, err);
    }
    rpc_drop(&rpc);
    return rc;
}

int exclaim_xapi_cancel(struct exclaim_xapi *xapi, const struct exclaim_xapi_task *task,
                        struct exclaim_error *err)
{
    return call(xapi, "task.cancel", task->ref, err);
}

void exclaim_xapi_forget(struct exclaim_xapi *xapi, struct exclaim_xapi_task *task)
{
    struct exclaim_error ignored;

    if (task->ref[0] && task->state != EXCLAIM_TASK_PENDING) {
        call(xapi, "task.destroy", task->ref, &ignored);
    }
    *task = (struct exclaim_xapi_task){ 0 };
}

/* XAPI's progress is a fraction, which only people look at. */
static uint32_t permille(json_object *value)
{
    double d = json_object_get_double(value);

    return d > 0 ? d < 1 ? (uint32_t)(d * 1000) : 1000 : 0;
}

static void gone(struct exclaim_xapi_task *task)
{
    task->state = EXCLAIM_TASK_GONE;
    exclaim_fail(&task->error, EXCLAIM_ERR_SYSTEM, 0, "XAPI does not know the task any more");
}

/* Whether a record says anything new. */
static bool see_record(const struct exclaim_xapi *xapi, struct exclaim_xapi_task *task,
                       json_object *record)
{
    struct exclaim_error ignored;
    struct jread r = { .err = &ignored };
    const char *status = jread_str(&r, record, "status");
    uint32_t progress = permille(jread_get(record, "progress"));
    char param[256];
    bool moved = progress != task->permille;

    task->permille = progress;
    if (!strcmp(status, "success")) {
        task->state = EXCLAIM_TASK_SUCCESS;
        task->permille = 1000;
    } else if (!strcmp(status, "failure")) {
        task->state = EXCLAIM_TASK_FAILURE;
        rpc_error(jread_get(record, "error_info"), task->code, param, &task->error);
        names_put(xapi, &task->error);
    } else if (!strcmp(status, "cancelled")) {
        task->state = EXCLAIM_TASK_CANCELLED;
        exclaim_fail(&task->error, EXCLAIM_ERR_SYSTEM, 0, "the task was cancelled");
    }
    return moved || task->state != EXCLAIM_TASK_PENDING;
}

static uint32_t see_event(const struct exclaim_xapi *xapi, struct exclaim_xapi_task *task,
                          uint32_t nr, json_object *event)
{
    struct exclaim_error ignored;
    struct jread r = { .err = &ignored };
    const char *ref = jread_str(&r, event, "ref");

    for (uint32_t i = 0; i < nr; i++) {
        json_object *record = jread_get(event, "snapshot");

        if (task[i].state != EXCLAIM_TASK_PENDING || strcmp(task[i].ref, ref) != 0) {
            continue;
        }
        if (!strcmp(jread_str(&r, event, "operation"), "del")) {
            gone(&task[i]);
            return 1;
        }
        return record && see_record(xapi, &task[i], record);
    }
    return 0;
}

/* Reads every pending task's record: where there are no events, or none came. */
static int look(struct exclaim_xapi *xapi, struct exclaim_xapi_task *task, uint32_t nr,
                uint32_t *changed, struct exclaim_error *err)
{
    struct rpc *rpc = calloc(nr, sizeof(*rpc));
    uint32_t *at = calloc(nr, sizeof(*at)), pending = 0;
    int rc = 0;

    if (!rpc || !at) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "%u tasks", nr);
        goto out;
    }
    for (uint32_t i = 0; i < nr; i++) {
        if (task[i].state == EXCLAIM_TASK_PENDING) {
            rpc[pending] = (struct rpc){ .method = "task.get_record",
                                         .params = rpc_params(task[i].ref, NULL) };
            at[pending++] = i;
        }
    }
    if (pending) {
        rpc_run(xapi, rpc, pending, NULL);
    }
    for (uint32_t i = 0; i < pending; i++) {
        if (!rpc[i].failed) {
            *changed += see_record(xapi, &task[at[i]], rpc[i].result);
        } else if (!strcmp(rpc[i].code, "HANDLE_INVALID")) {
            gone(&task[at[i]]);
            ++*changed;
        } else {
            rc = rpc_fail(&rpc[i], err);
        }
        rpc_drop(&rpc[i]);
    }

out:
    free(rpc);
    free(at);
    return rc;
}

/* The subscription; a token holds only for the tasks it was given for. */
static json_object *classes_of(struct exclaim_xapi *xapi, const struct exclaim_xapi_task *task,
                               uint32_t nr)
{
    json_object *classes = json_object_new_array();
    char *refs = malloc((size_t)nr * EXCLAIM_XAPI_REF + 1);
    size_t len = 0;

    for (uint32_t i = 0; i < nr; i++) {
        char name[EXCLAIM_XAPI_REF + 8];

        if (task[i].state != EXCLAIM_TASK_PENDING) {
            continue;
        }
        snprintf(name, sizeof(name), "task/%s", task[i].ref);
        json_object_array_add(classes, json_object_new_string(name));
        if (refs) {
            memcpy(refs + len, task[i].ref, strlen(task[i].ref));
            len += strlen(task[i].ref);
        }
    }
    if (refs) {
        refs[len] = '\0';
    }
    if (!refs || !xapi->watch.refs || strcmp(refs, xapi->watch.refs) != 0) {
        xapi->watch.token[0] = '\0';
    }
    free(xapi->watch.refs);
    xapi->watch.refs = refs;
    return classes;
}

/* One event.from: 0 with what has changed, 1 if events are of no use here, -1 on error. */
static int events(struct exclaim_xapi *xapi, struct exclaim_xapi_task *task, uint32_t nr,
                  uint32_t timeout_ms, uint32_t *changed, struct exclaim_error *err)
{
    struct rpc rpc = { .method = "event.from",
                       .params = json_object_new_array(),
                       .timeout_ms = timeout_ms + EVENT_GRACE,
                       .patient = true };
    struct exclaim_error ignored;
    struct jread r = { .err = &ignored };
    char seconds[16];
    json_object *list;
    int rc;

    json_object_array_add(rpc.params, classes_of(xapi, task, nr));
    json_object_array_add(rpc.params, json_object_new_string(xapi->watch.token));
    /* A float in XAPI's interface, which a whole number would not be. */
    snprintf(seconds, sizeof(seconds), "%u.%03u", timeout_ms / 1000, timeout_ms % 1000);
    json_object_array_add(rpc.params, json_object_new_double_s((double)timeout_ms / 1000, seconds));
    rc = rpc_call(xapi, &rpc, err);
    if (rc) {
        if (rpc.code[0] && strcmp(rpc.code, "SESSION_INVALID") != 0) {
            xapi->watch.token[0] = '\0';
            xapi->watch.no_events |= strcmp(rpc.code, "EVENTS_LOST") != 0;
            rc = 1;
        }
        goto out;
    }
    list = jread_array(&r, rpc.result, "events");
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        *changed += see_event(xapi, task, nr, json_object_array_get_idx(list, i));
    }
    snprintf(xapi->watch.token, sizeof(xapi->watch.token), "%s",
             jread_str(&r, rpc.result, "token"));
    if (r.failed || strlen(xapi->watch.token) + 1 == sizeof(xapi->watch.token)) {
        xapi->watch.token[0] = '\0';
        xapi->watch.no_events = true;
        rc = 1;
    }

out:
    rpc_drop(&rpc);
    return rc;
}

static int pause_for(struct exclaim_xapi *xapi, int64_t ms, struct exclaim_error *err)
{
    struct timespec ts = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = ms % 1000 * 1000000 };

    nanosleep(&ts, NULL);
    return xapi->opt.stop && xapi->opt.stop(xapi->opt.arg)
               ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINTR, "waiting for tasks")
               : 0;
}

int exclaim_xapi_wait(struct exclaim_xapi *xapi, struct exclaim_xapi_task *task, uint32_t nr,
                      uint32_t timeout_ms, uint32_t *changed, struct exclaim_error *err)
{
    const int64_t end = exclaim_now_ms() + timeout_ms;
    unsigned int in_vain = 0;
    bool pending = false;

    *changed = 0;
    if (nr > EXCLAIM_XAPI_TASKS) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%u tasks at once, limit %u", nr,
                            EXCLAIM_XAPI_TASKS);
    }
    for (uint32_t i = 0; i < nr; i++) {
        pending |= task[i].state == EXCLAIM_TASK_PENDING;
    }
    while (pending && *changed == 0) {
        const int64_t now = exclaim_now_ms();
        int64_t left = now < end ? end - now : 0;
        int rc = 1;

        if (!xapi->watch.no_events && left) {
            rc =
                events(xapi, task, nr, (uint32_t)(left < EVENT_MS ? left : EVENT_MS), changed, err);
            if (rc < 0) {
                return exclaim_error_wrap(err, "waiting for %u tasks", nr);
            }
        }
        if (*changed) {
            break;
        }
        /* Answers that come at once and say nothing are no events: they are not asked for as fast
         * as they come. */
        if (!rc && exclaim_now_ms() - now < POLL_MS && ++in_vain > IN_VAIN_MAX) {
            rc = 1;
        }
        /* An event may have been missed; the end of the time is a good moment to look. */
        if (rc == 1 || exclaim_now_ms() >= end) {
            if (look(xapi, task, nr, changed, err)) {
                return exclaim_error_wrap(err, "waiting for %u tasks", nr);
            }
            if (*changed || exclaim_now_ms() >= end) {
                break;
            }
            left = end - exclaim_now_ms();
            if (left > 0 && pause_for(xapi, left < POLL_MS ? left : POLL_MS, err)) {
                return -1;
            }
        }
    }
    return 0;
}

int exclaim_xapi_vm(struct exclaim_xapi *xapi, const char *vm_ref, struct exclaim_xapi_vm *vm,
                    struct exclaim_error *err)
{
    struct rpc rpc = { .method = "VM.get_record", .params = rpc_params(vm_ref, NULL) };
    struct jread r = { .err = err };
    const char *state;
    int rc = -1;

    *vm = (struct exclaim_xapi_vm){ 0 };
    if (rpc_call(xapi, &rpc, err)) {
        goto out;
    }
    state = jread_str(&r, rpc.result, "power_state");
    snprintf(vm->state, sizeof(vm->state), "%s", state);
    vm->running = !strcmp(state, "Running") || !strcmp(state, "Paused");
    rpc_copy_ref(jread_get(rpc.result, "resident_on"), vm->host_ref);
    json_object *operations = jread_object(&r, rpc.result, "current_operations");

    if (r.failed) {
        goto out;
    }
    json_object_object_foreach(operations, ref, name)
    {
        if (json_object_is_type(name, json_type_string) &&
            !strcmp(json_object_get_string(name), "pool_migrate") &&
            strlen(ref) < EXCLAIM_XAPI_REF) {
            snprintf(vm->migrating.ref, sizeof(vm->migrating.ref), "%s", ref);
            vm->migrating.state = EXCLAIM_TASK_PENDING;
        }
    }
    rc = 0;

out:
    rpc_drop(&rpc);
    return rc ? exclaim_error_wrap(err, "VM.get_record") : 0;
}

/* References of all VMs, templates and snapshots of that uuid or name. */
static int vms_named(struct exclaim_xapi *xapi, const char *name, struct rpc *rpc,
                     struct exclaim_error *err)
{
    uint8_t uuid[EXCLAIM_UUID_BYTES];

    *rpc = (struct rpc){ .method = "VM.get_by_name_label", .params = rpc_params(name, NULL) };
    if (exclaim_uuid_parse(name, uuid)) {
        rpc->method = "VM.get_by_uuid";
    }
    if (rpc_call(xapi, rpc, err)) {
        return exclaim_error_wrap(err, "VM %s", name);
    }
    return 0;
}

int exclaim_xapi_migrating(struct exclaim_xapi *xapi, const char *name,
                           struct exclaim_xapi_task *task, char vm_ref[EXCLAIM_XAPI_REF],
                           struct exclaim_error *err)
{
    struct exclaim_xapi_vm vm = { 0 };
    struct rpc rpc;
    uint32_t found = 0;
    int rc = vms_named(xapi, name, &rpc, err);
    const bool list = !rc && json_object_is_type(rpc.result, json_type_array);
    const size_t nr = list ? json_object_array_length(rpc.result) : 1;

    for (size_t i = 0; !rc && i < nr; i++) {
        char ref[EXCLAIM_XAPI_REF];

        rpc_copy_ref(list ? json_object_array_get_idx(rpc.result, i) : rpc.result, ref);
        rc = *ref ? exclaim_xapi_vm(xapi, ref, &vm, err)
                  : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                                 "VM %s: %s answered what is no reference", name, rpc.method);
        if (!rc && vm.migrating.state == EXCLAIM_TASK_PENDING) {
            *task = vm.migrating;
            memcpy(vm_ref, ref, sizeof(ref));
            found++;
        }
    }
    rpc_drop(&rpc);
    if (rc || found == 1) {
        return rc;
    }
    if (found) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "%" PRIu32 " VMs called %s are migrated: name it by its uuid", found,
                            name);
    }
    return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                        nr ? "VM %s is not migrated now" : "the pool has no VM called %s", name);
}
