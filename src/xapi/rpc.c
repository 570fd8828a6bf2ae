/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of XAPI as JSON-RPC 2.0 (xen-api, ocaml/xapi/api_server.ml).  An error has XAPI's code as
 * its message and the parameters as its data; version 1.0 has them in one list.
 */
#include "../base/compat.h"
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "../base/jwrite.h"
#include "../base/jread.h"
#include "../base/text.h"

/* XAPI takes no longer request (xen-api, ocaml/xapi-consts/constants.ml). */
#define BODY_MAX ((size_t)300 * 1024)

/* A session that is being opened must be known to be closed. */
#define LOGIN_GRACE_MS 5000u

json_object *rpc_params(const char *first, ...)
{
    json_object *params = json_object_new_array();
    va_list ap;

    va_start(ap, first);
    for (const char *text = first; text; text = va_arg(ap, const char *)) {
        json_object_array_add(params, json_object_new_string(text));
    }
    va_end(ap);
    return params;
}

void rpc_drop(struct rpc *rpc)
{
    json_object_put(rpc->params);
    json_object_put(rpc->answer);
    rpc->params = rpc->answer = rpc->result = NULL;
}

void rpc_copy_ref(json_object *value, char ref[EXCLAIM_XAPI_REF])
{
    const char *text =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

    ref[0] = '\0';
    if (!strncmp(text, "OpaqueRef:", 10) && strcmp(text, "OpaqueRef:NULL") != 0 &&
        strlen(text) < EXCLAIM_XAPI_REF) {
        memcpy(ref, text, strlen(text) + 1);
    }
}

int rpc_ref(const struct rpc *rpc, char ref[EXCLAIM_XAPI_REF], struct exclaim_error *err)
{
    rpc_copy_ref(rpc->result, ref);
    return *ref ? 0
                : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                               "%s answered %.40s, which is no reference", rpc->method,
                               json_object_get_string(rpc->result));
}

/* Of any value, which others wrote. */
static void copy_text(char *to, size_t size, json_object *value)
{
    const char *text = json_object_get_string(value);

    exclaim_clean_copy(to, size, text ? text : "");
}

/* XAPI's two numbers of bytes, needed and free, for people: " (6 GiB needed, 4 GiB free)". */
static void memory_text(json_object *description, char *text, size_t size)
{
    uint64_t pages[2];

    text[0] = '\0';
    for (size_t i = 0; i < 2; i++) {
        const char *bytes = json_object_get_string(json_object_array_get_idx(description, i + 1));

        if (!bytes || !*bytes || bytes[strspn(bytes, "0123456789")]) {
            return;
        }
        pages[i] = strtoull(bytes, NULL, 10) >> EXCLAIM_PAGE_SHIFT;
    }
    snprintf(text, size, " (%s needed, %s free)", exclaim_size(pages[0]).text,
             exclaim_size(pages[1]).text);
}

void rpc_error(json_object *description, char code[64], char param[256], struct exclaim_error *err)
{
    char text[400], part[160];
    size_t nr = json_object_is_type(description, json_type_array)
                    ? json_object_array_length(description)
                    : 0;
    size_t used;

    code[0] = param[0] = '\0';
    if (nr == 0) {
        snprintf(code, 64, "UNKNOWN");
    } else {
        copy_text(code, 64, json_object_array_get_idx(description, 0));
    }
    used = (size_t)snprintf(text, sizeof(text), "%s", code);
    for (size_t i = 1; i < nr && used < sizeof(text); i++) {
        copy_text(part, sizeof(part), json_object_array_get_idx(description, i));
        if (i == 1) {
            snprintf(param, 256, "%s", part);
        }
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i == 1 ? ": " : ", ", part);
    }
    if (!strcmp(code, "HOST_NOT_ENOUGH_FREE_MEMORY")) {
        memory_text(description, part, sizeof(part));
        exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0, "%s%s", text, part);
    } else {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s", text);
    }
}

/* {"code": 1, "message": CODE, "data": [param, ...]} as [CODE, param, ...]; owned by the caller. */
static json_object *description_of(json_object *error)
{
    json_object *list, *data = jread_get(error, "data");

    if (json_object_is_type(error, json_type_array)) {
        return json_object_get(error);
    }
    list = json_object_new_array();
    json_object_array_add(list, json_object_get(jread_get(error, "message")));
    if (json_object_is_type(data, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(data); i++) {
            json_object_array_add(list, json_object_get(json_object_array_get_idx(data, i)));
        }
    } else if (data) {
        json_object_array_add(list, json_object_get(data));
    }
    return list;
}

struct batch {
    struct exclaim_xapi *xapi;
    struct rpc *rpc;
    struct http_request *http;
    char **body;
    uint32_t nr, ended;
    const char *what; /* for progress, NULL: none */
};

static void see_answer(struct exclaim_xapi *xapi, struct rpc *rpc, struct http_request *http)
{
    json_object *error, *description;

    if (http->failed) {
        rpc->failed = true;
        rpc->err = http->err;
        rpc->lost = http->sent;
        return;
    }
    if (jread_parse(http->answer, http->answer_len, &rpc->answer, &rpc->err)) {
        rpc->failed = rpc->lost = true;
        rpc->err.kind = EXCLAIM_ERR_SYSTEM;
        exclaim_error_wrap(&rpc->err, "%s: answer to %s", xapi->to.text, rpc->method);
        return;
    }
    error = jread_get(rpc->answer, "error");
    if (error) {
        description = description_of(error);
        rpc_error(description, rpc->code, rpc->param, &rpc->err);
        json_object_put(description);
        rpc->failed = true;
        return;
    }
    if (!json_object_is_type(rpc->answer, json_type_object) ||
        !json_object_object_get_ex(rpc->answer, "result", &rpc->result)) {
        rpc->failed = rpc->lost = true;
        exclaim_fail(&rpc->err, EXCLAIM_ERR_SYSTEM, 0,
                     "%s: the answer to %s has neither result nor error", xapi->to.text,
                     rpc->method);
    }
}

static void ended(void *arg, uint32_t i)
{
    struct batch *b = arg;
    struct http_request *http = &b->http[i];

    see_answer(b->xapi, &b->rpc[i], http);
    free(http->answer);
    http->answer = NULL;
    b->ended++;
    if (b->what && b->xapi->opt.progress) {
        b->xapi->opt.progress(b->xapi->opt.arg, b->what, b->ended, b->nr);
    }
}

/* Written into memory of its own size: what json-c frees would hold the password still. */
static char *login_body(struct exclaim_xapi *xapi, struct rpc *rpc)
{
    const size_t size = 6 * (strlen(rpc->user) + strlen(rpc->password)) + 256;
    char *body = malloc(size);
    struct jwrite w;

    if (!body) {
        exclaim_fail(&rpc->err, EXCLAIM_ERR_SYSTEM, ENOMEM, "%s", rpc->method);
        return NULL;
    }
    jwrite_init(&w, body, size);
    jwrite_begin(&w, NULL, '{');
    jwrite_str(&w, "jsonrpc", "2.0");
    jwrite_u64(&w, "id", ++xapi->next_id);
    jwrite_str(&w, "method", rpc->method);
    jwrite_begin(&w, "params", '[');
    jwrite_str(&w, NULL, rpc->user);
    jwrite_str(&w, NULL, rpc->password);
    jwrite_str(&w, NULL, "2.20");
    jwrite_str(&w, NULL, "exclaim");
    jwrite_end(&w, ']');
    jwrite_end(&w, '}');
    return body;
}

/* The text of a call; NULL with the reason in rpc->err. */
static char *make_body(struct exclaim_xapi *xapi, struct rpc *rpc)
{
    json_object *o = json_object_new_object(), *params = json_object_new_array();
    const char *text;
    char *body = NULL;

    if (rpc->password) {
        json_object_put(o);
        json_object_put(params);
        return login_body(xapi, rpc);
    }
    exclaim_json_str(o, "jsonrpc", "2.0");
    exclaim_json_u64(o, "id", ++xapi->next_id);
    exclaim_json_str(o, "method", rpc->method);
    json_object_object_add(o, "params", params);
    if (!rpc->no_session) {
        json_object_array_add(params, json_object_new_string(xapi->session));
    }
    for (size_t i = 0; i < json_object_array_length(rpc->params); i++) {
        json_object_array_add(params, json_object_get(json_object_array_get_idx(rpc->params, i)));
    }
    text = exclaim_json_text(o);
    if (!text || strlen(text) > BODY_MAX) {
        exclaim_fail(&rpc->err, EXCLAIM_ERR_SYSTEM, text ? 0 : ENOMEM,
                     "a call of %s of %zu bytes, limit %zu", rpc->method, text ? strlen(text) : 0,
                     BODY_MAX);
    } else {
        body = strdup(text);
        if (!body) {
            exclaim_fail(&rpc->err, EXCLAIM_ERR_SYSTEM, ENOMEM, "%s", rpc->method);
        }
    }
    json_object_put(o);
    return body;
}

void rpc_once(struct exclaim_xapi *xapi, struct rpc *rpc, uint32_t nr, const char *what)
{
    struct batch b = { .xapi = xapi, .rpc = rpc, .nr = nr, .what = what };

    b.http = calloc(nr, sizeof(*b.http));
    b.body = calloc(nr, sizeof(*b.body));
    for (uint32_t i = 0; i < nr; i++) {
        rpc[i].failed = rpc[i].lost = false;
        if (b.http && b.body) {
            b.body[i] = make_body(xapi, &rpc[i]);
        } else {
            exclaim_fail(&rpc[i].err, EXCLAIM_ERR_SYSTEM, ENOMEM, "%s", rpc[i].method);
        }
        if (!b.body || !b.body[i]) {
            /* All or nothing: a batch without one of its calls is of no use. */
            for (uint32_t j = 0; j < nr; j++) {
                rpc[j].failed = true;
                rpc[j].err = rpc[i].err;
            }
            goto out;
        }
        b.http[i].body = b.body[i];
        b.http[i].body_len = strlen(b.body[i]);
        b.http[i].timeout_ms = rpc[i].timeout_ms ? rpc[i].timeout_ms : xapi->opt.total_ms;
        b.http[i].idle_s = rpc[i].patient ? 0 : xapi->opt.idle_s;
        b.http[i].once = rpc[i].once;
        b.http[i].grace_ms = rpc[i].password ? LOGIN_GRACE_MS : 0;
    }
    http_run(xapi, b.http, nr, ended, &b);

out:
    for (uint32_t i = 0; b.body && i < nr; i++) {
        if (b.body[i]) {
            compat_wipe(b.body[i], strlen(b.body[i]));
            free(b.body[i]);
        }
    }
    free(b.body);
    free(b.http);
}

int rpc_fail(const struct rpc *rpc, struct exclaim_error *err)
{
    if (err) {
        *err = rpc->err;
    }
    return -1;
}
