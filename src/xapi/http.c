/* SPDX-License-Identifier: BSD-2-Clause */
/* POSTs to XAPI through libcurl: limits of time and size, several at once, stopped when asked. */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"

#define LOOK_MS         1000 /* how often `stop` is asked without a signal */
#define CONNECTIONS_MAX 32L  /* at once; the others wait their turn */

static size_t take_bytes(char *data, size_t size, size_t nr, void *arg)
{
    struct http_request *r = arg;
    size_t len = size * nr;

    if (len > r->answer_max - r->answer_len) {
        r->too_large = true;
        return 0;
    }
    if (len + 1 > r->answer_size - r->answer_len) {
        size_t more = r->answer_size * 2 + len + 4096;
        char *answer = realloc(r->answer, more);

        if (!answer) {
            return 0;
        }
        r->answer = answer;
        r->answer_size = more;
    }
    memcpy(r->answer + r->answer_len, data, len);
    r->answer_len += len;
    r->answer[r->answer_len] = '\0';
    return len;
}

static void fail(struct exclaim_xapi *xapi, struct http_request *r, int errnum, const char *why)
{
    r->failed = true;
    exclaim_fail(&r->err, EXCLAIM_ERR_SYSTEM, errnum, "%s: %s", xapi->to.text, why);
}

/* The address behind a URL whose host name is only for TLS. */
static struct curl_slist *connect_to(const struct endpoint *to)
{
    char text[600];

    snprintf(text, sizeof(text), strchr(to->host, ':') ? "pool:%s:[%s]:%s" : "pool:%s:%s:%s",
             to->port, to->host, to->port);
    return curl_slist_append(NULL, text);
}

static CURLcode set_endpoint(CURL *easy, const struct endpoint *to,
                             const struct curl_slist *address)
{
    CURLcode rc = CURLE_OK;
    char url[400];

    if (to->socket[0]) {
        rc |= curl_easy_setopt(easy, CURLOPT_URL, "http://localhost/jsonrpc");
        rc |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, to->socket);
        return rc;
    }
    if (to->by_pool) {
        snprintf(url, sizeof(url), "https://pool:%s/jsonrpc", to->port);
        rc |= curl_easy_setopt(easy, CURLOPT_CONNECT_TO, address);
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    } else {
        snprintf(url, sizeof(url), "https://%s/jsonrpc", to->text);
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    }
    rc |= curl_easy_setopt(easy, CURLOPT_URL, url);
    rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, to->cacert);
    rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    return rc;
}

/* CURLOPT_NOSIGNAL stays off: with it a peer that closes a TLS connection would end us by SIGPIPE.
 */
static CURLcode prepare(struct exclaim_xapi *xapi, struct http_request *r,
                        struct curl_slist *headers, struct curl_slist *address)
{
    CURL *easy = r->easy = curl_easy_init();
    CURLcode rc;

    if (!easy || !headers || !address) {
        return CURLE_OUT_OF_MEMORY;
    }
    r->answer_max = xapi->opt.answer_bytes;
    rc = set_endpoint(easy, &xapi->to, address);
    rc |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body);
    rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
    rc |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->reason);
    rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
    rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)xapi->opt.connect_ms);
    rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    if (r->idle_s) {
        rc |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        rc |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)r->idle_s);
    }
    if (r->once) {
        rc |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    }
    return rc;
}

/* libcurl's words for what an operator can mend, ours for what it does not say well. */
static void judge(struct exclaim_xapi *xapi, struct http_request *r, CURLcode rc)
{
    long status = 0, request_bytes = 0;
    char why[CURL_ERROR_SIZE + 64];

    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    r->sent = request_bytes > 0;
    if (rc == CURLE_OK && status == 200 && r->answer_len) {
        return;
    }
    if (r->too_large) {
        snprintf(why, sizeof(why), "the answer is above the limit of %" PRIu64 " bytes",
                 r->answer_max);
    } else if (rc == CURLE_OK && status != 200) {
        snprintf(why, sizeof(why), "HTTP status %ld", status);
    } else if (rc == CURLE_OK) {
        snprintf(why, sizeof(why), "an empty answer");
    } else if (rc == CURLE_SSL_CACERT_BADFILE) {
        snprintf(why, sizeof(why), "no certificates can be read from %s%s", xapi->to.cacert,
                 xapi->to.by_pool ? ", --cacert FILE names others" : "");
    } else if (rc == CURLE_PARTIAL_FILE || rc == CURLE_RECV_ERROR || rc == CURLE_GOT_NOTHING ||
               rc == CURLE_SEND_ERROR) {
        snprintf(why, sizeof(why), "the connection ended after %zu bytes of the answer",
                 r->answer_len);
    } else if (rc == CURLE_COULDNT_CONNECT && xapi->to.socket[0]) {
        long errnum = 0;

        /* libcurl would name a host and a port, which a socket has not. */
        curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &errnum);
        fail(xapi, r, (int)errnum, "no XAPI answers there");
        return;
    } else {
        snprintf(why, sizeof(why), "%s", r->reason[0] ? r->reason : curl_easy_strerror(rc));
    }
    fail(xapi, r, 0, why);
}

static void finish(struct exclaim_xapi *xapi, struct http_request *r)
{
    if (r->easy) {
        curl_multi_remove_handle(xapi->multi, r->easy);
        curl_easy_cleanup(r->easy);
        r->easy = NULL;
    }
}

/* How many have ended. */
static uint32_t collect(struct exclaim_xapi *xapi, struct http_request *request,
                        void (*done)(void *, uint32_t), void *arg)
{
    uint32_t ended = 0;
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(xapi->multi, &left))) {
        struct http_request *r = NULL;

        if (msg->msg != CURLMSG_DONE ||
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r) != CURLE_OK) {
            continue;
        }
        judge(xapi, r, msg->data.result);
        finish(xapi, r);
        done(arg, (uint32_t)(r - request));
        ended++;
    }
    return ended;
}

static bool stopped(const struct exclaim_xapi *xapi)
{
    return !xapi->closing && xapi->opt.stop && xapi->opt.stop(xapi->opt.arg);
}

/* Whether nothing of what is on its way is waited for any more.  *@since is when that was asked. */
static bool out_of_grace(const struct http_request *request, uint32_t nr, int64_t *since)
{
    const int64_t now = exclaim_now_ms();
    uint32_t grace = 0;

    *since = *since ? *since : now;
    for (uint32_t i = 0; i < nr; i++) {
        if (request[i].easy && request[i].grace_ms > grace) {
            grace = request[i].grace_ms;
        }
    }
    return now - *since >= grace;
}

/* Those that are still on their way. */
static void give_up(struct exclaim_xapi *xapi, struct http_request *request, uint32_t nr,
                    int errnum, const char *why, void (*done)(void *, uint32_t), void *arg)
{
    for (uint32_t i = 0; i < nr; i++) {
        struct http_request *r = &request[i];
        long request_bytes = 0;

        if (r->easy) {
            curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
            r->sent = request_bytes > 0;
            fail(xapi, r, errnum, why);
            finish(xapi, r);
            done(arg, i);
        }
    }
}

void http_run(struct exclaim_xapi *xapi, struct http_request *request, uint32_t nr,
              void (*done)(void *arg, uint32_t i), void *arg)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct curl_slist *address = connect_to(&xapi->to);
    uint32_t left = nr;
    int64_t stop_ms = 0;

    /* XAPI does not know "Expect: 100-continue"; an empty header keeps libcurl from sending it. */
    if (headers && !curl_slist_append(headers, "Expect:")) {
        curl_slist_free_all(headers);
        headers = NULL;
    }
    curl_multi_setopt(xapi->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX);
    for (uint32_t i = 0; i < nr; i++) {
        if (prepare(xapi, &request[i], headers, address) != CURLE_OK ||
            curl_multi_add_handle(xapi->multi, request[i].easy) != CURLM_OK) {
            fail(xapi, &request[i], ENOMEM, "libcurl");
            finish(xapi, &request[i]);
            done(arg, i);
            left--;
        }
    }
    while (left) {
        int running;
        CURLMcode rc = curl_multi_perform(xapi->multi, &running);

        left -= collect(xapi, request, done, arg);
        if (!left) {
            break;
        }
        if (rc == CURLM_OK) {
            rc = curl_multi_poll(xapi->multi, NULL, 0, LOOK_MS, NULL);
        }
        if (rc != CURLM_OK) {
            give_up(xapi, request, nr, 0, curl_multi_strerror(rc), done, arg);
            break;
        }
        if (stopped(xapi) && out_of_grace(request, nr, &stop_ms)) {
            give_up(xapi, request, nr, EINTR, "stopped", done, arg);
            break;
        }
    }
    curl_slist_free_all(headers);
    curl_slist_free_all(address);
}
