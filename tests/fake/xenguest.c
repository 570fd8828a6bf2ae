/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xenguest as both emu-managers meet it: `-mode listen`, EMP on a unix socket, the stream by
 * SCM_RIGHTS, saves and restores in a thread of its own.
 *
 * Of the domain it knows what the model (EXCLAIM_MODEL) knows: a save sends as many pages as the
 * domain has, a restore populates them there.  Without a model a save sends 300 pages.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "emp.h"
#include "guest.h"
#include "host.h"
#include "wire.h"

#define IDLE_MS       120000 /* xg_emu.c:400-405 */
#define DEFAULT_PAGES 300u

struct guest {
    uint32_t domid;
    const char *model;
    int socket, stream;
    bool pv, live, restore, running;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool paused, suspended, aborted;
};

static void fail(const char *what)
{
    fake_note("failures", "xenguest: %s", what);
    exit(1);
}

static void event(struct guest *g, const char *data)
{
    char text[256];

    snprintf(text, sizeof(text), "{\"event\":\"MIGRATION\",\"data\":{%s}}", data);
    pthread_mutex_lock(&g->mutex);
    if (emp_send(g->socket, text, -1)) {
        exit(1);
    }
    pthread_mutex_unlock(&g->mutex);
}

static void progress(struct guest *g, uint64_t sent, uint64_t left, int iteration)
{
    char data[128];

    snprintf(data, sizeof(data), "\"sent\":%" PRIu64 ",\"remaining\":%" PRIu64 ",\"iteration\":%d",
             sent, left, iteration);
    event(g, data);
}

static uint64_t pages_of(const struct guest *g)
{
    struct model_view view;
    struct model *m;
    int lock, rc;

    if (!g->model) {
        return DEFAULT_PAGES;
    }
    m = host_lock(g->model, &lock);
    if (!m) {
        fail("no model");
    }
    rc = model_view(m, g->domid, &view);
    host_unlock(g->model, m, lock);
    if (rc) {
        fail("no such domain");
    }
    return view.total;
}

static void wait_until(struct guest *g, const bool *flag)
{
    pthread_mutex_lock(&g->mutex);
    while (!*flag && !g->aborted) {
        pthread_cond_wait(&g->changed, &g->mutex);
    }
    if (g->aborted) {
        exit(0);
    }
    pthread_mutex_unlock(&g->mutex);
}

static void *save(void *arg)
{
    struct guest *g = arg;
    const uint64_t pages = pages_of(g);
    const uint64_t first = g->live ? pages - (pages < 40 ? 0 : 40) : 0;

    if (fake_spec("xenguest-silent")) {
        pause();
    }
    if (guest_save_begin(g->stream, g->pv)) {
        fail("save: headers");
    }
    if (g->live) {
        progress(g, 0, pages, 0);
        if (guest_save_pages(g->stream, 0, first)) {
            fail("save: pages");
        }
        if (fake_spec("xenguest-dies")) {
            kill(getpid(), SIGKILL);
        }
        progress(g, first, 40, 1);
        wait_until(g, &g->paused);
        wait_until(g, &g->suspended);
    }
    if (guest_save_pages(g->stream, first, pages - first) || guest_save_end(g->stream)) {
        fail("save: last pages");
    }
    close(g->stream);
    event(g, "\"status\":\"completed\"");
    return NULL;
}

static bool populate(void *arg, uint64_t nr)
{
    const struct guest *g = arg;
    struct model *m;
    long done;
    int lock;

    if (fake_spec("xenguest-dies")) {
        kill(getpid(), SIGKILL);
    }
    if (!g->model) {
        return true;
    }
    m = host_lock(g->model, &lock);
    if (!m) {
        return false;
    }
    done = model_populate(m, g->domid, nr, 0, 0);
    host_unlock(g->model, m, lock);
    return done == (long)nr;
}

static void *restore(void *arg)
{
    struct guest *g = arg;
    struct guest_restore r = { .pv = g->pv, .populate = populate, .arg = g };

    if (guest_restore(g->stream, &r)) {
        fake_note("restored", "failed after %" PRIu64 " pages: %s", r.pages, r.why);
        fail(r.why);
    }
    fake_note("restored", "%" PRIu64 " pages, %" PRIu32 " optional records", r.pages, r.optional);
    close(g->stream);
    event(g, "\"status\":\"completed\",\"result\":\"1044476 1044477\"");
    return NULL;
}

static void start(struct guest *g, void *(*work)(void *))
{
    if (g->running || g->stream < 0 || pthread_create(&g->thread, NULL, work, g)) {
        fail("started twice, or without a stream");
    }
    g->running = true;
}

static void set(struct guest *g, bool *flag)
{
    pthread_mutex_lock(&g->mutex);
    *flag = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

static bool set_args(struct guest *g, json_object *o)
{
    static const char *const known[] = { "store_port", "console_port", "pv", "vgpu" };
    json_object *args;

    if (!json_object_object_get_ex(o, "arguments", &args)) {
        return false;
    }
    json_object_object_foreach(args, key, value)
    {
        bool ok = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            ok |= !strcmp(key, known[i]);
        }
        if (!ok) {
            return false;
        }
        if (!strcmp(key, "pv")) {
            g->pv = !strcmp(json_object_get_string(value), "true");
        }
    }
    return true;
}

/* Answers first: what takes time is the thread's. */
static void command(struct guest *g, json_object *o)
{
    const char *name = emp_string(o, "execute", NULL);
    bool ok = name != NULL;

    if (!name) {
        fail("a request without a command");
    }
    if (!strcmp(name, "set_args")) {
        ok = set_args(g, o);
    }
    pthread_mutex_lock(&g->mutex);
    if (emp_send(g->socket, ok ? "{\"return\":{}}" : "{\"error\":\"Bad Args\"}", -1)) {
        exit(1);
    }
    pthread_mutex_unlock(&g->mutex);
    if (!strcmp(name, "migrate_live") || !strcmp(name, "migrate_nonlive")) {
        g->live = !strcmp(name, "migrate_live");
        start(g, save);
    } else if (!strcmp(name, "restore")) {
        start(g, restore);
    } else if (!strcmp(name, "migrate_pause")) {
        set(g, &g->paused);
    } else if (!strcmp(name, "migrate_paused")) {
        set(g, &g->suspended);
    } else if (!strcmp(name, "migrate_abort")) {
        set(g, &g->aborted);
    } else if (!strcmp(name, "quit")) {
        exit(0);
    }
}

static void serve(struct guest *g)
{
    static struct emp e;

    emp_open(&e, g->socket);
    for (;;) {
        struct pollfd p = { .fd = g->socket, .events = POLLIN };
        json_object *o;
        int bad;

        if (poll(&p, 1, IDLE_MS) == 0 && !g->running) {
            exit(1);
        }
        if (!p.revents) {
            continue;
        }
        if (emp_fill(&e, &g->stream)) {
            /* Its manager is gone; it stays for its idle time, as the real one. */
            poll(NULL, 0, IDLE_MS);
            exit(1);
        }
        while ((o = emp_next(&e, &bad))) {
            command(g, o);
            json_object_put(o);
        }
        if (bad) {
            fail("no JSON");
        }
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "debug", no_argument, NULL, 'x' },
        { "domid", required_argument, NULL, 'd' },
        { "controloutfd", required_argument, NULL, 'x' },
        { "controlinfd", required_argument, NULL, 'x' },
        { "mode", required_argument, NULL, 'm' },
        { "mem_pnode", required_argument, NULL, 'x' },
        { 0 },
    };
    static struct guest g = { .stream = -1,
                              .mutex = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER };
    const char *mode = "";
    struct sockaddr_un at;
    int listener, c;

    while ((c = getopt_long_only(argc, argv, "", options, NULL)) != -1) {
        if (c == 'd') {
            g.domid = (uint32_t)strtoul(optarg, NULL, 10);
        } else if (c == 'm') {
            mode = optarg;
        } else if (c != 'x') {
            fail("invalid command line");
        }
    }
    if (strcmp(mode, "listen") != 0) {
        fail("not in mode listen");
    }
    g.model = getenv(HOST_ENV);
    if (!g.model && !access("/run/xen/exclaim-model", F_OK)) {
        g.model = "/run/xen/exclaim-model";
    }
    emp_address(&at, g.domid);
    unlink(at.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1)) {
        fail("its socket");
    }
    if (wire_write(STDOUT_FILENO, "Ready\n", 6)) {
        fail("nobody waits");
    }
    g.socket = accept(listener, NULL, NULL);
    close(listener);
    unlink(at.sun_path);
    if (g.socket < 0) {
        fail("nobody connects");
    }
    serve(&g);
}
