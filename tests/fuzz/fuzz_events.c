/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of events that evacuate --resume reads, of any bytes: hosts and options within their
 * limits, or a reason.  fuzz_events -max_total_time=60 corpus/fuzz_events
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "evacuate/work.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- what taking up a move would ask XAPI and the engine for --- */

int exclaim_xapi_vm(struct exclaim_xapi *xapi, const char *vm_ref, struct exclaim_xapi_vm *vm,
                    struct exclaim_error *err)
{
    (void)xapi;
    *vm = (struct exclaim_xapi_vm){ .running = true, .host_ref = "OpaqueRef:h" };
    vm->migrating.state = EXCLAIM_TASK_PENDING;
    return *vm_ref ? 0 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "no reference");
}

int evac_take_off(struct evac *e, const struct exclaim_plan *plan, uint32_t move, uint32_t vm,
                  uint32_t to, const struct exclaim_xapi_task *task, struct exclaim_error *err)
{
    (void)plan, (void)task, (void)err;
    if (move != EVAC_NO_MOVE || vm >= e->pool->nr_vms || to >= e->pool->nr_hosts) {
        abort();
    }
    e->nr_flights++;
    return 0;
}

int evac_wait(struct evac *e, uint32_t *ended, struct exclaim_error *err)
{
    (void)err;
    *ended = e->nr_flights;
    e->nr_flights = 0;
    return 0;
}

int evac_still_lost(struct evac *e, const char *uuid, const char *name, const char *from,
                    struct exclaim_error *err)
{
    (void)e, (void)uuid, (void)name, (void)from, (void)err;
    return 0;
}

void evac_note(struct evac *e, const char *fmt, ...)
{
    (void)e;
    (void)fmt;
}

static int memory_file(char path[32])
{
    int fd = memfd_create("events", MFD_CLOEXEC);

    if (fd < 0) {
        abort();
    }
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[32];
    static int fd = -1;
    struct exclaim_pool_host hosts[2] = {
        { .uuid = "11111111-0000-0000-0000-000000000001", .name = "a", .ref = "OpaqueRef:h" },
        { .uuid = "11111111-0000-0000-0000-000000000002", .name = "b", .ref = "OpaqueRef:i" },
    };
    struct exclaim_pool_vm vms[1] = {
        { .uuid = "22222222-0000-0000-0000-000000000001", .name = "v", .ref = "OpaqueRef:v" }
    };
    struct exclaim_pool pool = { .nr_hosts = 2, .nr_vms = 1, .host = hosts, .vm = vms };
    struct exclaim_error err = { 0 };
    struct evac *e = calloc(1, sizeof(*e));

    if (fd < 0) {
        fd = memory_file(path);
    }
    if (!e || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size) {
        abort();
    }
    e->pool = &pool;
    if (evac_read_events(e, path, &err)) {
        if (!err.text[0] || strchr(err.text, '\n')) {
            abort();
        }
    } else if (!e->nr_hosts || e->nr_hosts > EXCLAIM_POOL_HOSTS ||
               e->opt.nr_to > EXCLAIM_POOL_HOSTS || e->opt.max_moves > EXCLAIM_XAPI_TASKS) {
        abort();
    } else {
        evac_take_up(e, path, &err);
    }
    evac_free_names(&e->host, &e->nr_hosts);
    evac_free_names(&e->kept_to, &e->nr_kept_to);
    free(e);
    return 0;
}
