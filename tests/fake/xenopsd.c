/* SPDX-License-Identifier: BSD-2-Clause */
/* One side of xenopsd: starts the manager, sends its lines, checks the answers. */
#include "xenopsd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descend.h"
#include "wire.h"

#define SIGNATURE "XenSavedDomv2-\n"
#define XENOPS    0x000fu
#define LIBXC     0x00f0u
#define QEMU      0x0f00u
#define DEMU      0x0f10u
#define END       0xffffu

static const char xenops_record[] = "((time 20261124T00:00:00Z)(word_size 64)(vm_str \"\")"
                                    "(xs_subtree ()))";
_Static_assert(LIBXC_AT == sizeof(SIGNATURE) - 1 + 16 + sizeof(xenops_record) - 1 + 16,
               "what precedes the libxc stream");
static const char qemu_record[] = "QEMU's state, which is none of the emu-manager's business";

/* Where the reader of the restore stands; it runs beside the main thread. */
struct reader {
    struct xenopsd *x;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool restored; /* result:xenguest came */
    bool asked;    /* restore:xenguest is written */
    enum outcome failed;
    char why[128];
};

static _Noreturn void end(struct xenopsd *x, enum outcome outcome, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static _Noreturn void end(struct xenopsd *x, enum outcome outcome, const char *fmt, ...)
{
    struct stat st;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(x->out->why, sizeof(x->out->why), fmt, ap);
    va_end(ap);
    /* stunnel or the connection is torn down; what still runs would hold it open. */
    if (!fstat(x->stream, &st) && S_ISSOCK(st.st_mode) && outcome != OUTCOME_DONE) {
        shutdown(x->stream, SHUT_RDWR);
    }
    descend_kill();
    x->out->outcome = outcome;
    _exit(0);
}

static enum act at(struct xenopsd *x, const char *step)
{
    return x->at ? x->at(x, step) : ACT_GO;
}

/* vfork_helper.c: descriptors at their numbers, nothing else open, three write-only /dev/null. */
static _Noreturn void start_child(struct xenopsd *x, int in, int out, char *const *argv)
{
    const rlim_t nr = x->files ? x->files : 1024;
    const struct rlimit files = { nr, nr }, space = { x->space, x->space };
    const int want[4] = { out, in, x->stream, x->vgpu };
    sigset_t none;
    int null;

    for (int sig = 1; sig < 65; sig++) {
        signal(sig, sig == SIGPIPE ? SIG_IGN : SIG_DFL);
    }
    for (int i = 0; i < 4; i++) { /* out of each other's way first */
        if (want[i] >= 0) {
            dup2(want[i], 100 + i);
        }
    }
    close_range(3, 99, 0);
    null = open("/dev/null", O_WRONLY);
    for (int fd = 0; fd < 3; fd++) {
        dup2(null, fd);
    }
    for (int i = 0; i < 4; i++) {
        if (want[i] >= 0) {
            dup2(100 + i, 4 + i);
        }
    }
    close(3);
    close_range(want[3] >= 0 ? 8 : 7, ~0u, 0);
    setsid();
    if (chdir("/")) {
        _exit(126);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setrlimit(RLIMIT_NOFILE, &files);
    if (x->space) {
        setrlimit(RLIMIT_AS, &space);
    }
    execve(x->program, argv, (char *const *)(uintptr_t)x->env);
    _exit(127);
}

static void start(struct xenopsd *x)
{
    char domid[16], vgpu[16];
    const char *argv[40] = { x->program, "-controloutfd", "4", "-controlinfd", "5" };
    unsigned int n = 5;
    int to[2], from[2];

#define ARG(a) argv[n++] = (a)
    snprintf(domid, sizeof(domid), "%" PRIu32, x->domid);
    snprintf(vgpu, sizeof(vgpu), "vgpu:%d", x->vgpu == x->stream ? 6 : 7);
    if (x->restore) {
        ARG("-mode"), ARG(x->pv ? "restore" : "hvm_restore"), ARG("-domid"), ARG(domid);
        ARG("-fd"), ARG("6"), ARG("-store_port"), ARG("1"), ARG("-console_port"), ARG("2");
        if (x->mem_pnode) {
            ARG("-mem_pnode"), ARG(x->mem_pnode);
        }
    } else {
        ARG("-fd"), ARG("6"), ARG("-mode"), ARG(x->pv ? "save" : "hvm_save");
        ARG("-domid"), ARG(domid);
    }
    if (!x->pv) {
        ARG("-dm"), ARG("qemu");
    }
    if (x->live) {
        ARG("-live"), ARG("true");
    }
    if (x->compress) {
        ARG("-compress"), ARG("true");
    }
    if (x->vgpu >= 0) {
        ARG("-dm"), ARG(vgpu);
    }
    for (unsigned int i = 0; x->extra && x->extra[i]; i++) {
        ARG(x->extra[i]);
    }
#undef ARG
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
        end(x, OUTCOME_NONE, "pipe: %s", strerror(errno));
    }
    if (x->vgpu == x->stream) {
        x->vgpu = -1;
    }
    x->pid = fork();
    if (!x->pid) {
        start_child(x, to[0], from[1], (char *const *)(uintptr_t)argv);
    }
    close(to[0]);
    close(from[1]);
    x->in = to[1];
    x->control = from[0];
}

/* xenopsd waits without a limit. */
static void wait_manager(struct xenopsd *x)
{
    const int64_t begin = wire_now();

    for (;;) {
        pid_t r = waitpid(x->pid, &x->out->status, WNOHANG);

        if (r == x->pid) {
            return;
        }
        if (wire_now() - begin > x->patience_ms) {
            end(x, OUTCOME_HUNG, "the manager does not end");
        }
        poll(NULL, 0, 2);
    }
}

static void disconnect(struct xenopsd *x)
{
    close(x->in);
    close(x->control);
    wait_manager(x);
}

/* Written, and off the pipe: whoever runs there has it. */
static enum act written(struct xenopsd *x, const char *step)
{
    const int64_t begin = wire_now();
    enum act act = at(x, step);
    int left = 1;

    if (act != ACT_GO || !x->at) {
        return act;
    }
    while (!ioctl(x->in, FIONREAD, &left) && left && wire_now() - begin < x->patience_ms) {
        struct pollfd p = { .fd = x->in };

        poll(&p, 1, 2);
        if (p.revents && !ioctl(x->in, FIONREAD, &left) && left) {
            return ACT_GO; /* a hang-up: nobody will take it */
        }
    }
    return at(x, "@taken");
}

static void note_line(struct xenopsd *x, const char *line)
{
    struct transcript *t = x->out;

    if (strncmp(line, "info:exclaim", 12) != 0) {
        t->total++;
        for (const char *at = line; *at; at++) {
            t->sum = t->sum * 31 + (uint8_t)*at;
        }
    }
    if (t->nr < XENOPSD_LINES) {
        snprintf(t->line[t->nr++], sizeof(t->line[0]), "%s", line);
    }
}

/* emu_manager.ml: `abort`, lines until the end, then the pipes are closed. */
static void cancel(struct xenopsd *x, struct lines *l)
{
    char line[2100];

    if (line_send(x->in, "abort")) {
        disconnect(x);
        return;
    }
    while (!l->eof) {
        struct pollfd p = { .fd = x->control, .events = POLLIN };

        if (poll(&p, 1, (int)x->patience_ms) <= 0 || lines_fill(l)) {
            end(x, OUTCOME_HUNG, "no end after abort");
        }
        while (lines_next(l, line, sizeof(line))) {
            note_line(x, line);
        }
    }
    disconnect(x);
}

/* Returns only if the test wants no abort here. */
static void obey(struct xenopsd *x, struct lines *l, enum act act)
{
    const int64_t begin = wire_now();

    if (act == ACT_GO) {
        return;
    }
    if (act == ACT_ABORT) {
        cancel(x, l);
    } else {
        disconnect(x);
    }
    x->out->abort_ms = wire_now() - begin;
    end(x, OUTCOME_ABORTED, "as wished");
}

/* A reader that cannot go on is a restore to be cancelled. */
static void check_reader(struct xenopsd *x, struct lines *l, struct reader *r)
{
    enum outcome failed;

    pthread_mutex_lock(&r->mutex);
    failed = r->failed;
    pthread_mutex_unlock(&r->mutex);
    if (failed) {
        cancel(x, l);
        end(x, failed, "%s", r->why);
    }
}

/* The next line; false at the end. */
static bool next_line(struct xenopsd *x, struct lines *l, char *line, size_t size,
                      struct reader *reader)
{
    const int64_t begin = wire_now();

    while (!lines_next(l, line, size)) {
        struct pollfd p = { .fd = x->control, .events = POLLIN };

        if (l->eof) {
            return false;
        }
        if (poll(&p, 1, 20) == 0) {
            if (reader && !reader->restored) {
                check_reader(x, l, reader);
            }
            if (wire_now() - begin > x->patience_ms) {
                end(x, OUTCOME_HUNG,
                    reader && reader->restored ? "control-out does not end" : "no line comes");
            }
            continue;
        }
        if (lines_fill(l)) {
            end(x, OUTCOME_BAD, "control-out: %s", strerror(errno));
        }
    }
    note_line(x, line);
    return true;
}

static bool begins(const char *line, const char *word)
{
    return !strncmp(line, word, strlen(word));
}

static bool ignored(const char *line)
{
    return begins(line, "info:") || begins(line, "stdout:") || begins(line, "stderr:");
}

/* --- save --- */

static void put_record(struct xenopsd *x, uint64_t type, const char *body)
{
    if (wire_write_header(x->stream, type, strlen(body)) ||
        wire_write(x->stream, body, strlen(body))) {
        end(x, OUTCOME_ERROR, "record %04" PRIx64 ": %s", type, strerror(errno));
    }
}

static void save(struct xenopsd *x)
{
    static struct lines l;
    static char line[sizeof(l.buf)];

    if (wire_write(x->stream, SIGNATURE, strlen(SIGNATURE))) {
        end(x, OUTCOME_ERROR, "signature: %s", strerror(errno));
    }
    put_record(x, XENOPS, xenops_record);
    start(x);
    lines_open(&l, x->control, sizeof(l.buf));
    obey(x, &l, at(x, "@started"));
    for (;;) {
        if (!next_line(x, &l, line, sizeof(line), NULL)) {
            disconnect(x);
            end(x, OUTCOME_END, "End_of_file");
        }
        if (begins(line, "info:\\b\\b\\b\\b") && strspn(line + 13, "0123456789") == 0) {
            end(x, OUTCOME_BAD, "progress without a number: %.100s", line);
        }
        obey(x, &l, at(x, line));
        if (ignored(line)) {
            continue;
        }
        if (begins(line, "error:")) {
            disconnect(x);
            end(x, OUTCOME_ERROR, "%.200s", line);
        }
        if (begins(line, "result:")) {
            break;
        }
        if (!strcmp(line, "prepare:xenguest")) {
            put_record(x, LIBXC, "");
        } else if (!strcmp(line, "prepare:vgpu")) {
            if (wire_write_header(x->vgpu, DEMU, 0)) {
                end(x, OUTCOME_ERROR, "vgpu: %s", strerror(errno));
            }
        } else if (strcmp(line, "suspend:") != 0) {
            end(x, OUTCOME_BAD, "%.200s", line);
        }
        if (line_send(x->in, "done")) {
            disconnect(x);
            end(x, OUTCOME_END, "done: %s", strerror(errno));
        }
        obey(x, &l, written(x, "@done"));
    }
    disconnect(x);
    if (!x->pv) {
        put_record(x, QEMU, qemu_record);
    }
    put_record(x, END, "");
    if (x->vgpu >= 0 && wire_write_header(x->vgpu, END, 0)) {
        end(x, OUTCOME_ERROR, "vgpu: %s", strerror(errno));
    }
    end(x, OUTCOME_DONE, "saved");
}

/* --- restore --- */

/* The main thread alone ends a restore; the readers tell it why they could not go on. */
static void *give_up(struct reader *r, enum outcome outcome, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void *give_up(struct reader *r, enum outcome outcome, const char *fmt, ...)
{
    va_list ap;

    pthread_mutex_lock(&r->mutex);
    if (!r->failed) {
        va_start(ap, fmt);
        vsnprintf(r->why, sizeof(r->why), fmt, ap);
        va_end(ap);
        r->failed = outcome;
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

static bool take_record(struct reader *r, uint64_t type, const char *body)
{
    char buf[1024];
    uint64_t got, len;

    if (wire_read_header(r->x->stream, &got, &len) || len >= sizeof(buf) ||
        (len && wire_read(r->x->stream, buf, len) != 1)) {
        give_up(r, OUTCOME_BAD, "record %04" PRIx64 " is cut off", type);
        return false;
    }
    buf[len] = '\0';
    if (got != type || strcmp(buf, body) != 0) {
        give_up(r, OUTCOME_BAD, "record %04" PRIx64 " where %04" PRIx64 " belongs", got, type);
        return false;
    }
    return true;
}

/* Wakes only when told that the memory is there, as xenopsd's. */
static void *read_stream(void *arg)
{
    struct reader *r = arg;
    struct xenopsd *x = r->x;
    int rc;

    if (!take_record(r, XENOPS, xenops_record) || !take_record(r, LIBXC, "")) {
        return NULL;
    }
    pthread_mutex_lock(&r->mutex);
    rc = line_send(x->in, "restore:xenguest");
    r->asked = !rc;
    pthread_cond_broadcast(&r->changed);
    while (!rc && !r->restored) {
        pthread_cond_wait(&r->changed, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
    if (rc) {
        return give_up(r, OUTCOME_END, "restore:xenguest is not taken");
    }
    if (!x->pv && !take_record(r, QEMU, qemu_record)) {
        return NULL;
    }
    take_record(r, END, "");
    return NULL;
}

static void wait_asked(struct reader *r)
{
    pthread_mutex_lock(&r->mutex);
    while (!r->asked && !r->failed) {
        pthread_cond_wait(&r->changed, &r->mutex);
    }
    pthread_mutex_unlock(&r->mutex);
}

static void *read_vgpu(void *arg)
{
    struct reader *r = arg;
    uint64_t type, len;

    if (!r->x->xenguest_late) { /* else restore:vgpu comes first */
        wait_asked(r);
    }
    if (wire_read_header(r->x->vgpu, &type, &len) || type != DEMU) {
        return give_up(r, OUTCOME_BAD, "vgpu: no record");
    }
    if (line_send(r->x->in, "restore:vgpu")) {
        return give_up(r, OUTCOME_END, "restore:vgpu is not taken");
    }
    return NULL;
}

static void restore(struct xenopsd *x)
{
    static struct reader r = { .mutex = PTHREAD_MUTEX_INITIALIZER,
                               .changed = PTHREAD_COND_INITIALIZER };
    static struct lines l;
    static char line[sizeof(l.buf)];
    char signature[sizeof(SIGNATURE)] = "";
    bool vgpu = x->vgpu < 0;
    pthread_t vgpu_thread;

    r.x = x;
    if (wire_read(x->stream, signature, strlen(SIGNATURE)) != 1 ||
        strcmp(signature, SIGNATURE) != 0) {
        end(x, OUTCOME_BAD, "no signature");
    }
    start(x);
    lines_open(&l, x->control, sizeof(l.buf));
    obey(x, &l, at(x, "@started"));
    if (x->vgpu >= 0) {
        pthread_create(&vgpu_thread, NULL, read_vgpu, &r);
        if (x->xenguest_late) {
            pthread_join(vgpu_thread, NULL);
        }
    }
    pthread_create(&r.thread, NULL, read_stream, &r);
    if (x->at) {
        wait_asked(&r);
        obey(x, &l, written(x, "@restore"));
    }
    while (next_line(x, &l, line, sizeof(line), &r)) {
        obey(x, &l, at(x, line));
        if (ignored(line)) {
            continue;
        }
        if (begins(line, "result:xenguest ") && !r.restored) {
            pthread_mutex_lock(&r.mutex);
            r.restored = true;
            pthread_cond_broadcast(&r.changed);
            pthread_mutex_unlock(&r.mutex);
        } else if (!strcmp(line, "result:vgpu") && !vgpu) {
            vgpu = true;
        } else if (begins(line, "error:")) {
            disconnect(x);
            end(x, OUTCOME_ERROR, "%.200s", line);
        } else {
            end(x, OUTCOME_BAD, "%.200s", line);
        }
    }
    /* domain.ml:1799-1801: the end returns normally, and the reader is waited for. */
    if (!r.restored) {
        bool asked;

        pthread_mutex_lock(&r.mutex);
        asked = r.asked;
        pthread_mutex_unlock(&r.mutex);
        disconnect(x);
        end(x, asked ? OUTCOME_HUNG : OUTCOME_END,
            asked ? "the reader waits for result:xenguest" : "End_of_file");
    }
    pthread_join(r.thread, NULL);
    if (r.failed) {
        disconnect(x);
        end(x, r.failed, "%s", r.why);
    }
    if (!vgpu) {
        end(x, OUTCOME_HUNG, "no result:vgpu");
    }
    disconnect(x);
    end(x, OUTCOME_DONE, "restored");
}

void xenopsd_run(struct xenopsd *x)
{
    /* Orphans of whom it started are to be found, and ended, here. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    if (!x->patience_ms) {
        x->patience_ms = XENOPSD_PATIENCE_MS;
    }
    if (x->hold >= 0) {
        close(x->hold);
    }
    if (x->restore) {
        restore(x);
    } else {
        save(x);
    }
    abort();
}
