/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a coordinator and its members answer, of any bytes: a pool that keeps its rules, tasks that
 * end, or one line that says why not.  The client runs as it is, but for the bytes' way: the input
 * is the answers, with a zero byte between them, each behind the method that it is for and a line
 * break.  The first that is left answers; a table that nobody gives is empty.
 *   fuzz_xapi -max_total_time=60 corpus/fuzz_xapi
 */
#include <stdlib.h>
#include <string.h>

#include "xapi/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ANSWERS_MAX 64

static struct {
    struct {
        const uint8_t *method, *at;
        size_t method_len, len;
        bool used;
    } one[ANSWERS_MAX];
    unsigned int nr, left, calls;
} answers;

static void split(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;

    memset(&answers, 0, sizeof(answers));
    while (data < end && answers.nr < ANSWERS_MAX) {
        const uint8_t *zero = memchr(data, '\0', (size_t)(end - data)), *line;

        zero = zero ? zero : end;
        line = memchr(data, '\n', (size_t)(zero - data));
        answers.one[answers.nr].method = data;
        answers.one[answers.nr].method_len = line ? (size_t)(line - data) : 0;
        answers.one[answers.nr].at = line ? line + 1 : data;
        answers.one[answers.nr].len = (size_t)(zero - answers.one[answers.nr].at);
        answers.nr++;
        data = zero + 1;
    }
    answers.left = answers.nr;
}

/* The bytes that answer a request's body. */
static const uint8_t *find(const char *body, size_t *len)
{
    static const char login[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"OpaqueRef:session\"}";
    static const char none[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
    const char *method = strstr(body, "\"method\":\"");
    const size_t room = method ? strlen(method += 10) : 0;

    for (unsigned int i = 0; i < answers.nr && answers.calls++ < 100000; i++) {
        const size_t n = answers.one[i].method_len;

        /* Nobody leaves the login to an answer that is for any method. */
        if (!answers.one[i].used && n <= room && (n || !strstr(body, "\"session.")) &&
            !memcmp(answers.one[i].method, method, n)) {
            answers.one[i].used = true;
            answers.left--;
            *len = answers.one[i].len;
            return answers.one[i].at;
        }
    }
    if (strstr(body, "login_with_password") || strstr(body, "session.logout")) {
        *len = sizeof(login) - 1;
        return (const uint8_t *)login;
    }
    *len = strstr(body, "get_all_records") ? sizeof(none) - 1 : 0;
    return (const uint8_t *)none;
}

/* In the place of src/xapi/http.c. */
void http_run(struct exclaim_xapi *xapi, struct http_request *request, uint32_t nr,
              void (*done)(void *arg, uint32_t i), void *arg)
{
    (void)xapi;
    for (uint32_t i = 0; i < nr; i++) {
        size_t len;
        const uint8_t *from = find(request[i].body, &len);

        request[i].sent = true;
        request[i].answer = len ? malloc(len + 1) : NULL;
        if (request[i].answer) {
            memcpy(request[i].answer, from, len);
            request[i].answer[len] = '\0';
            request[i].answer_len = len;
        } else {
            request[i].failed = true;
            exclaim_fail(&request[i].err, EXCLAIM_ERR_SYSTEM, 0, "no answer");
        }
        done(arg, i);
    }
}

static bool out_of_answers(void *arg)
{
    (void)arg;
    return !answers.left || answers.calls >= 100000;
}

static void check_error(const struct exclaim_error *err)
{
    if (!err->text[0] || err->kind == EXCLAIM_OK || strpbrk(err->text, "\n\r\x1b\x7f") ||
        strstr(err->text, "\xc2\x9b")) {
        abort();
    }
}

static void check_pool(const struct exclaim_pool *pool)
{
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        const struct exclaim_pool_vm *vm = &pool->vm[v];
        uint64_t sum = 0;

        for (uint32_t n = 0; n < vm->nr_nodes; n++) {
            sum += vm->pages[n];
        }
        if ((vm->host >= pool->nr_hosts && vm->host != EXCLAIM_NO_HOST) ||
            vm->total_pages > EXCLAIM_PAGES_MAX || (vm->nr_nodes && sum != vm->total_pages)) {
            abort();
        }
    }
}

static void use(struct exclaim_xapi *xapi)
{
    struct exclaim_xapi_task task[2] = { { "OpaqueRef:t1", EXCLAIM_TASK_PENDING, 0, "", { 0 } },
                                         { "OpaqueRef:t2", EXCLAIM_TASK_PENDING, 0, "", { 0 } } };
    struct exclaim_error err = { 0 };
    struct exclaim_xapi_vm vm;
    struct exclaim_pool pool;
    uint32_t changed;

    if (exclaim_xapi_snapshot(xapi, &pool, &err)) {
        check_error(&err);
    } else {
        check_pool(&pool);
        if (pool.nr_hosts && exclaim_xapi_refresh(xapi, &pool, 0, &err)) {
            check_error(&err);
        }
        check_pool(&pool);
        exclaim_pool_free(&pool);
    }
    for (int i = 0; i < 3 && !out_of_answers(NULL); i++) {
        err = (struct exclaim_error){ 0 };
        if (exclaim_xapi_wait(xapi, task, 2, 1, &changed, &err)) {
            check_error(&err);
        }
        err = (struct exclaim_error){ 0 };
        if (exclaim_xapi_vm(xapi, "OpaqueRef:v", &vm, &err)) {
            check_error(&err);
        }
    }
}

static void checked(void *arg, const char *name, const char *uuid, const char *answer,
                    const struct exclaim_error *err)
{
    (void)arg;
    (void)name;
    (void)uuid;
    if (!answer) {
        check_error(err);
    }
}

/* What a move is made of. */
static void move(struct exclaim_xapi *xapi)
{
    static const char *const names[] = { "a VM", "01234567-89ab-cdef-0123-456789abcdef" };
    const struct exclaim_part part = { .src_node = 1, .dst_node = 0, .pages = 2 };
    struct exclaim_xapi_task task;
    struct exclaim_error err = { 0 };
    char ref[EXCLAIM_XAPI_REF], first[64];
    uint32_t nr;
    bool enabled;

    if (exclaim_xapi_enabled(xapi, "OpaqueRef:h", &enabled, &err)) {
        check_error(&err);
    }
    if (exclaim_xapi_enable(xapi, "OpaqueRef:h", false, &err)) {
        check_error(&err);
    }
    if (exclaim_xapi_residents(xapi, "OpaqueRef:h", &nr, first, sizeof(first), &err)) {
        check_error(&err);
    } else if (nr && strlen(first) >= sizeof(first)) {
        abort();
    }
    if (exclaim_xapi_note(xapi, "OpaqueRef:h", names[1], &part, 1, 60, &err) ||
        exclaim_xapi_check(xapi, checked, NULL, &err)) {
        check_error(&err);
    }
    err = (struct exclaim_error){ 0 };
    if (exclaim_xapi_migrate(xapi, "OpaqueRef:v", "OpaqueRef:h", &task, &err)) {
        check_error(&err);
        if (task.ref[0] || task.state == EXCLAIM_TASK_PENDING) {
            abort();
        }
    } else if (!task.ref[0] || task.state != EXCLAIM_TASK_PENDING) {
        abort();
    } else if (exclaim_xapi_cancel(xapi, &task, &err)) {
        check_error(&err);
    }
    task.state = EXCLAIM_TASK_CANCELLED;
    exclaim_xapi_forget(xapi, &task);
    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        err = (struct exclaim_error){ 0 };
        if (exclaim_xapi_migrating(xapi, names[i], &task, ref, &err)) {
            check_error(&err);
        } else if (task.state != EXCLAIM_TASK_PENDING || !ref[0]) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct exclaim_xapi_options opt = { .server = "/socket", .stop = out_of_answers };
    struct exclaim_error err = { 0 };
    struct exclaim_xapi *xapi;

    split(data, size);
    if (exclaim_xapi_open(&opt, &xapi, &err)) {
        check_error(&err);
        return 0;
    }
    use(xapi);
    move(xapi);
    exclaim_xapi_close(xapi);
    return 0;
}
