/* SPDX-License-Identifier: BSD-2-Clause */
/* Logging in and out, and in again for a call that finds its session gone. */
#include "../base/compat.h"
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CONNECT_MS   10000u
#define TOTAL_MS     120000u
#define IDLE_S       60u
#define ANSWER_BYTES (256ull << 20)
#define LOGOUT_MS    5000u
#define REDIRECTS    2u

/* One line from @fd; what is behind it does not matter. */
static int read_line(int fd, const char *from, char *text, size_t size, struct exclaim_error *err)
{
    size_t len = 0;

    for (;;) {
        ssize_t r = read(fd, text + len, 1);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r < 0) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "read %s", from);
        }
        if (r == 0 || text[len] == '\n') {
            text[len] = '\0';
            return len ? 0 : exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "no password in %s", from);
        }
        if (++len == size) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                "the password in %s is longer than %zu bytes", from, size - 1);
        }
    }
}

static int from_file(const char *file, char *password, size_t size, struct exclaim_error *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    int rc;

    if (fd < 0 || fstat(fd, &st)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", file);
    } else if (S_ISREG(st.st_mode) && (st.st_mode & 077)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                          "%s has mode %04o: a password file is its owner's alone", file,
                          st.st_mode & 07777);
    } else {
        rc = read_line(fd, file, password, size, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int from_terminal(char *password, size_t size, struct exclaim_error *err)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios loud, quiet;
    struct pollfd p[2];
    sigset_t set, old;
    int signals, rc;

    if (fd < 0 || tcgetattr(fd, &loud)) {
        if (fd >= 0) {
            close(fd);
        }
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "a password is needed: --password-file FILE, " EXCLAIM_XAPI_PASSWORD_ENV
                            " in the environment, or a terminal to ask on");
    }
    /* A ^C must not leave the terminal without echo, nor wait for a line: it is only looked for
     * here, and does what it always does once all is as it was. */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    signals = signalfd(-1, &set, SFD_CLOEXEC);
    quiet = loud;
    quiet.c_lflag &= (tcflag_t)~ECHO;
    tcsetattr(fd, TCSAFLUSH, &quiet);
    dprintf(fd, "password: ");
    p[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
    p[1] = (struct pollfd){ .fd = signals, .events = POLLIN };
    while (poll(p, 2, -1) < 0 && errno == EINTR) {
    }
    rc = p[1].revents ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, EINTR, "asking for the password")
                      : read_line(fd, "the terminal", password, size, err);
    dprintf(fd, "\n");
    tcsetattr(fd, TCSAFLUSH, &loud);
    if (signals >= 0) {
        close(signals);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(fd);
    return rc;
}

int exclaim_xapi_password(const char *file, char *password, size_t size, struct exclaim_error *err)
{
    const char *env = getenv(EXCLAIM_XAPI_PASSWORD_ENV);

    if (file) {
        return from_file(file, password, size, err);
    }
    if (env && *env) {
        if ((size_t)snprintf(password, size, "%s", env) < size) {
            return 0;
        }
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            EXCLAIM_XAPI_PASSWORD_ENV " is longer than %zu bytes", size - 1);
    }
    return from_terminal(password, size, err);
}

static int login(struct exclaim_xapi *xapi, struct exclaim_error *err)
{
    struct endpoint next;

    xapi->session[0] = '\0';
    for (unsigned int i = 0;; i++) {
        struct rpc rpc = {
            .method = "session.login_with_password",
            .user = xapi->user,
            .password = xapi->password,
            .no_session = true,
        };
        bool slave;
        int rc;

        rpc_once(xapi, &rpc, 1, NULL);
        slave = rpc.failed && !strcmp(rpc.code, "HOST_IS_SLAVE");
        rc = rpc.failed ? rpc_fail(&rpc, err) : rpc_ref(&rpc, xapi->session, err);
        if (!rc || !slave || i == REDIRECTS) {
            rpc_drop(&rpc);
            if (!rc) {
                return 0;
            }
            /* What the connection says names the server already. */
            return strncmp(err->text, xapi->to.text, strlen(xapi->to.text)) != 0
                       ? exclaim_error_wrap(err, "logging in to %s", xapi->to.text)
                       : exclaim_error_wrap(err, "logging in");
        }
        rc = endpoint_redirect(&xapi->to, rpc.param, &next, err);
        rpc_drop(&rpc);
        if (rc) {
            return -1;
        }
        xapi->to = next;
    }
}

/* Refused before anything was done: the session was forgotten, or the coordinator is another one.
 */
static bool wants_login(const struct rpc *rpc)
{
    return rpc->failed && !rpc->no_session &&
           (!strcmp(rpc->code, "SESSION_INVALID") || !strcmp(rpc->code, "HOST_IS_SLAVE"));
}

void rpc_run(struct exclaim_xapi *xapi, struct rpc *rpc, uint32_t nr, const char *what)
{
    bool tried = false, renewed = false;

    rpc_once(xapi, rpc, nr, what);
    for (uint32_t i = 0; i < nr; i++) {
        struct exclaim_error ignored;

        if (!wants_login(&rpc[i]) || xapi->closing) {
            continue;
        }
        if (!tried) {
            tried = true;
            renewed = !login(xapi, &ignored);
        }
        if (renewed) {
            json_object_put(rpc[i].answer);
            rpc[i].answer = rpc[i].result = NULL;
            rpc[i].code[0] = '\0';
            rpc_once(xapi, &rpc[i], 1, NULL);
        }
    }
}

int rpc_call(struct exclaim_xapi *xapi, struct rpc *rpc, struct exclaim_error *err)
{
    rpc_run(xapi, rpc, 1, NULL);
    return rpc->failed ? rpc_fail(rpc, err) : 0;
}

static void wipe(char *text)
{
    if (text) {
        compat_wipe(text, strlen(text));
        free(text);
    }
}

/* libcurl copies what it sends. */
static void wipe_free(void *memory)
{
    if (memory) {
        compat_wipe(memory, malloc_usable_size(memory));
        free(memory);
    }
}

static void *wipe_realloc(void *memory, size_t size)
{
    size_t old = memory ? malloc_usable_size(memory) : 0;
    void *moved = malloc(size);

    if (moved) {
        memcpy(moved, memory ? memory : "", old < size ? old : size);
        wipe_free(memory);
    }
    return moved;
}

static void destroy(struct exclaim_xapi *xapi)
{
    if (xapi->multi) {
        curl_multi_cleanup(xapi->multi);
        curl_global_cleanup();
    }
    compat_wipe(xapi->session, sizeof(xapi->session));
    wipe(xapi->password);
    free(xapi->user);
    free(xapi->watch.refs);
    json_object_put(xapi->names);
    free(xapi);
}

int exclaim_xapi_open(const struct exclaim_xapi_options *opt, struct exclaim_xapi **out,
                      struct exclaim_error *err)
{
    struct exclaim_xapi *xapi = calloc(1, sizeof(*xapi));

    *out = NULL;
    if (!xapi) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "a session");
    }
    xapi->opt = *opt;
    xapi->opt.connect_ms = opt->connect_ms ? opt->connect_ms : CONNECT_MS;
    xapi->opt.total_ms = opt->total_ms ? opt->total_ms : TOTAL_MS;
    xapi->opt.idle_s = opt->idle_s ? opt->idle_s : IDLE_S;
    xapi->opt.answer_bytes = opt->answer_bytes ? opt->answer_bytes : ANSWER_BYTES;
    if (endpoint_parse(opt, &xapi->to, err)) {
        goto fail;
    }
    if (!opt->password && !xapi->to.socket[0]) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s: a password is needed", xapi->to.text);
        goto fail;
    }
    xapi->user = strdup(opt->user ? opt->user : "root");
    xapi->password = strdup(opt->password ? opt->password : "");
    if (!xapi->user || !xapi->password ||
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_free, wipe_realloc, strdup,
                             calloc)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "a session");
        goto fail;
    }
    xapi->multi = curl_multi_init();
    if (!xapi->multi) {
        curl_global_cleanup();
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "a session");
        goto fail;
    }
    if (login(xapi, err)) {
        goto fail;
    }
    *out = xapi;
    return 0;

fail:
    destroy(xapi);
    return -1;
}

void exclaim_xapi_close(struct exclaim_xapi *xapi)
{
    struct rpc rpc = { .method = "session.logout", .timeout_ms = LOGOUT_MS };

    if (!xapi) {
        return;
    }
    xapi->closing = true;
    if (xapi->session[0]) {
        rpc.params = rpc_params(NULL, NULL);
        rpc_call(xapi, &rpc, NULL);
        rpc_drop(&rpc);
    }
    destroy(xapi);
}

const char *exclaim_xapi_server(const struct exclaim_xapi *xapi)
{
    return xapi->to.text;
}
