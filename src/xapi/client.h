/* SPDX-License-Identifier: BSD-2-Clause */
/* A session with XAPI: what its files share.  http.c moves bytes, rpc.c makes calls of them. */
#ifndef POOL_CLIENT_H
#define POOL_CLIENT_H

#include <curl/curl.h>
#include <json-c/json.h>

#include <exclaim/xapi.h>

/* Where calls go. */
struct endpoint {
    char text[320];   /* for people */
    char socket[108]; /* "" for TLS */
    char host[256];
    char port[8];
    char cacert[256];
    bool by_pool; /* the pool's own certificates: chain, not name */
};

struct exclaim_xapi {
    struct exclaim_xapi_options opt; /* its texts are below */
    struct endpoint to;
    char *user, *password;
    char session[EXCLAIM_XAPI_REF]; /* "" before login */
    uint32_t next_id;
    json_object *names; /* reference → name, of hosts, VMs, SRs and networks */
    bool closing;       /* stop is not asked any more */
    CURLM *multi;
    struct {
        char token[256];
        char *refs; /* of the tasks that the token is about, one behind the other */
        bool no_events;
    } watch;
};

/* --- names.c --- */

/* References in the text become names, and what would not be safe on a terminal becomes `?`.  @err
 * may be NULL. */
void names_put(const struct exclaim_xapi *xapi, struct exclaim_error *err);

/* --- endpoint.c --- */

/* USAGE if opt->server is none of its forms. */
int endpoint_parse(const struct exclaim_xapi_options *opt, struct endpoint *to,
                   struct exclaim_error *err);

/* The same kind of endpoint at another address, with or without a port. */
int endpoint_redirect(const struct endpoint *from, const char *address, struct endpoint *to,
                      struct exclaim_error *err);

/* --- http.c --- */

/* One POST. */
struct http_request {
    const char *body;
    size_t body_len;
    uint32_t timeout_ms;
    uint32_t idle_s;   /* 0: as long as the timeout */
    bool once;         /* never sent twice, not even over a connection that turns out dead */
    uint32_t grace_ms; /* so long its answer is waited for all the same when a stop is asked for */

    CURL *easy;
    char *answer; /* the caller frees it */
    size_t answer_len, answer_size;
    uint64_t answer_max;
    char reason[CURL_ERROR_SIZE];
    bool too_large;
    bool sent; /* some of it may have arrived */
    bool failed;
    struct exclaim_error err;
};

/* All of them in parallel; each has its own outcome.  @done is called as each ends. */
void http_run(struct exclaim_xapi *xapi, struct http_request *request, uint32_t nr,
              void (*done)(void *arg, uint32_t i), void *arg);

/* --- rpc.c --- */

struct rpc {
    const char *method;
    json_object *params; /* without the session; owned, an array */
    uint32_t timeout_ms; /* 0: the options' */
    bool patient;        /* no byte may come until the timeout */
    bool once;
    bool no_session;
    /* To log in, in the place of params: they are in no memory that is freed as it is. */
    const char *user, *password;

    json_object *answer; /* owned */
    json_object *result; /* in it */
    char code[64];       /* XAPI's code of an error, "" for others */
    char param[256];     /* and its first parameter */
    bool failed;
    bool lost; /* the call may have been carried out all the same */
    struct exclaim_error err;
};

/* An array of texts, up to NULL. */
json_object *rpc_params(const char *first, ...) __attribute__((sentinel));

/* Runs the calls in parallel, without a new login.  rpc_drop() each of them afterwards. */
void rpc_once(struct exclaim_xapi *xapi, struct rpc *rpc, uint32_t nr, const char *what);

/* The same, and logs in again, once, where the session is not known any more. */
void rpc_run(struct exclaim_xapi *xapi, struct rpc *rpc, uint32_t nr, const char *what);
void rpc_drop(struct rpc *rpc);

/* One call.  On error @err is filled; @rpc must be dropped in either case. */
int rpc_call(struct exclaim_xapi *xapi, struct rpc *rpc, struct exclaim_error *err);

/* Copies its error to @err, which may be NULL; returns -1. */
int rpc_fail(const struct rpc *rpc, struct exclaim_error *err);

/* A call whose result is a reference. */
int rpc_ref(const struct rpc *rpc, char ref[EXCLAIM_XAPI_REF], struct exclaim_error *err);

/* XAPI's error description [code, param, ...] as one line. */
void rpc_error(json_object *description, char code[64], char param[256], struct exclaim_error *err);

/* Copies a reference; "" for OpaqueRef:NULL and what is none. */
void rpc_copy_ref(json_object *value, char ref[EXCLAIM_XAPI_REF]);

#endif
