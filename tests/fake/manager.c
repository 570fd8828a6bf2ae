/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emu-manager as xenopsd and xenguest meet it, in two makes: XenServer's, and with `xcp` in
 * FAKE_SPEC XCP-ng's.  What tells them apart here: exit codes, what they say when something fails,
 * and which arguments they know.
 *
 * Further words of FAKE_SPEC are ways to fail:
 *   exit1       at once, without a line                    hang        after its start
 *   silent      after `restore:xenguest`, without a line   killed      the same, by SIGKILL
 *   closes-out  the control pipe early, and stays          grandchild  a process keeps that pipe
 *   long        says lines of 200 and of 70000 bytes       partial     ends without a last newline
 *   dribble     says its lines byte by byte                error       fails when it is to restore
 *   chatty      says more lines than a pipe holds
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emp.h"
#include "wire.h"

#define LINE_BYTES 128u
#define ACK_MS     120000
#define VGPU_BYTES 8192u

struct manager {
    bool xcp, live, save, pv, started;
    int in, out, stream, vgpu;
    uint32_t domid;
    const char *store_port, *console_port, *mem_pnode;
    pid_t xenguest;
    /* What came. */
    bool done, restore_xenguest, restore_vgpu, vgpu_first, abort, in_closed;
    bool answered, completed, guest_gone;
    int iteration;
    int64_t remaining;
    char result[64];
};

static struct lines control;
static struct emp emp;

static void say(struct manager *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct manager *m, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text) - 1, fmt, ap);
    va_end(ap);
    if (len < 0 || len >= (int)sizeof(text) - 1) {
        exit(m->xcp ? 1 : 2);
    }
    text[len++] = '\n';
    /* A peer that has gone is no news to act on. */
    for (int i = 0; i < len; i += fake_spec("dribble") ? 1 : len) {
        if (wire_write(m->out, text + i, fake_spec("dribble") ? 1 : (size_t)len)) {
            fake_note("manager", "control-out: %s", strerror(errno));
            return;
        }
    }
}

static void end_guest(struct manager *m, const char *last)
{
    if (!m->started) {
        return;
    }
    if (!m->guest_gone) {
        if (last) {
            emp_send(emp.fd, last, -1);
        }
        emp_send(emp.fd, "{ \"execute\" : \"quit\" }", -1);
    }
    for (int i = 0; i < 12000; i++) {
        if (waitpid(m->xenguest, NULL, WNOHANG) == m->xenguest) {
            return;
        }
        poll(NULL, 0, 5);
    }
    kill(m->xenguest, SIGKILL);
    waitpid(m->xenguest, NULL, 0);
}

static _Noreturn void finish(struct manager *m, int code)
{
    end_guest(m, NULL);
    if (fake_spec("partial") && wire_write(m->out, "info:no newline", 15)) {
        code = 9;
    }
    if (fake_spec("grandchild") && !fork()) {
        fake_note("grandchild", "%d", getpid());
        alarm(60);
        pause();
        _exit(0);
    }
    fake_note("manager", "exit %d", code);
    exit(code);
}

static _Noreturn void failed(struct manager *m, const char *text)
{
    say(m, "error:%s", text);
    finish(m, m->xcp ? 1 : 2);
}

static _Noreturn void aborted(struct manager *m)
{
    end_guest(m, m->save ? "{ \"execute\" : \"migrate_abort\" }" : NULL);
    m->started = false;
    fake_note("manager", "aborted");
    finish(m, 0);
}

static void take_event(struct manager *m, json_object *o)
{
    json_object *data, *v;
    const char *text;

    if (!json_object_object_get_ex(o, "data", &data)) {
        return;
    }
    if (json_object_object_get_ex(data, "iteration", &v)) {
        m->iteration = json_object_get_int(v);
        json_object_object_get_ex(data, "remaining", &v);
        m->remaining = json_object_get_int64(v);
        if (m->iteration > 0) {
            json_object_object_get_ex(data, "sent", &v);
            say(m, "info:\\b\\b\\b\\b%d",
                (int)(100 * json_object_get_int64(v) / (json_object_get_int64(v) + m->remaining)));
        }
    }
    text = emp_string(data, "status", NULL);
    m->completed |= text && !strcmp(text, "completed");
    text = emp_string(data, "result", NULL);
    if (text) {
        snprintf(m->result, sizeof(m->result), "%s", text);
    }
}

static void take_guest(struct manager *m)
{
    json_object *o;
    int bad;

    if (emp_fill(&emp, NULL)) {
        m->guest_gone = true;
        return;
    }
    while ((o = emp_next(&emp, &bad))) {
        m->answered |= json_object_object_get_ex(o, "return", NULL);
        if (json_object_object_get_ex(o, "error", NULL)) {
            if (m->xcp) {
                finish(m, 1); /* it says nothing while it sets up */
            }
            failed(m, "xenguest returned an error");
        }
        if (json_object_object_get_ex(o, "event", NULL)) {
            take_event(m, o);
        }
        json_object_put(o);
    }
}

static void take_control(struct manager *m)
{
    char line[LINE_BYTES + 1];

    if (lines_fill(&control)) {
        failed(m, strerror(errno));
    }
    m->in_closed = control.eof;
    while (lines_next(&control, line, sizeof(line))) {
        fake_note("control", "%s", line);
        m->done |= !strcmp(line, "done");
        m->restore_xenguest |= !strcmp(line, "restore:xenguest");
        if (!strcmp(line, "restore:vgpu")) {
            m->restore_vgpu = true;
            m->vgpu_first = !m->restore_xenguest;
        }
        m->abort |= !strcmp(line, "abort");
    }
}

static _Noreturn void lost_guest(struct manager *m)
{
    int status = 0;

    waitpid(m->xenguest, &status, 0);
    m->started = false;
    failed(m, m->xcp                ? "xenguest Invalid argument"
              : WIFSIGNALED(status) ? "xenguest was killed by a signal"
                                    : "xenguest exited with an error");
}

/* Until *flag, or one of the ends. @ack: xenopsd's answer is waited for. */
static void wait_for(struct manager *m, const bool *flag, int ms, bool ack)
{
    const int64_t end = wire_now() + ms;

    while (!*flag) {
        struct pollfd p[2] = { { .fd = m->in_closed ? -1 : m->in, .events = POLLIN },
                               { .fd = m->started ? emp.fd : -1, .events = POLLIN } };
        const int64_t left = end - wire_now();

        if (m->abort) {
            aborted(m);
        }
        if (m->in_closed && !m->completed) {
            if (ack && m->xcp) {
                finish(m, 1); /* control.c:78-81 */
            }
            failed(m, m->xcp ? "Invalid argument" : "Broken pipe");
        }
        if (m->guest_gone) {
            lost_guest(m);
        }
        if (left <= 0) {
            failed(m, "Connection timed out");
        }
        poll(p, 2, (int)left);
        if (p[0].revents) {
            take_control(m);
        }
        if (p[1].revents) {
            take_guest(m);
        }
    }
}

static void request(struct manager *m, const char *text, int fd)
{
    m->answered = false;
    if (emp_send(emp.fd, text, fd)) {
        m->guest_gone = true;
    }
    wait_for(m, &m->answered, 30000, false);
}

static void ask(struct manager *m, const char *line)
{
    m->done = false;
    say(m, "%s", line);
    if (fake_spec("closes-out")) {
        close(m->out);
        for (;;) {
            take_control(m);
            if (m->in_closed || m->abort) {
                exit(0);
            }
        }
    }
    wait_for(m, &m->done, ACK_MS, true);
}

static void start_guest(struct manager *m)
{
    const char *path = getenv("FAKE_XENGUEST");
    char ready[7] = "", domid[16], text[256] = "";
    int out[2];
    struct sockaddr_un at;

    snprintf(domid, sizeof(domid), "%" PRIu32, m->domid);
    if (!path || pipe2(out, O_CLOEXEC)) {
        failed(m, strerror(errno));
    }
    m->xenguest = fork();
    if (!m->xenguest) {
        const char *const argv[] = { path,
                                     "-debug",
                                     "-domid",
                                     domid,
                                     "-controloutfd",
                                     "2",
                                     "-controlinfd",
                                     "0",
                                     "-mode",
                                     "listen",
                                     m->mem_pnode && !m->xcp ? "-mem_pnode" : NULL,
                                     m->mem_pnode,
                                     NULL };

        dup2(out[1], STDOUT_FILENO);
        signal(SIGPIPE, SIG_DFL);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(out[1]);
    if (wire_read(out[0], ready, 6) != 1 || strcmp(ready, "Ready\n") != 0) {
        failed(m, "xenguest did not start");
    }
    close(out[0]);
    emp_address(&at, m->domid);
    emp_open(&emp, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(emp.fd, (struct sockaddr *)&at, sizeof(at))) {
        failed(m, strerror(errno));
    }
    m->started = true;
    request(m, "{ \"execute\" : \"migrate_init\" }", m->stream);
    close(m->stream);
    m->stream = -1;
    if (m->store_port) {
        snprintf(text, sizeof(text), "\"store_port\":\"%s\",\"console_port\":\"%s\"%s%s%s%s",
                 m->store_port, m->console_port ? m->console_port : "0",
                 m->mem_pnode && m->xcp ? ",\"mem_pnode\":\"" : "",
                 m->mem_pnode && m->xcp ? m->mem_pnode : "", m->mem_pnode && m->xcp ? "\"" : "",
                 m->pv ? "," : "");
    }
    if (m->pv) {
        strcat(text, "\"pv\":\"true\"");
    }
    if (text[0]) {
        char whole[512];

        snprintf(whole, sizeof(whole), "{ \"execute\" : \"set_args\", \"arguments\" : { %s } }",
                 text);
        request(m, whole, -1);
    }
}

/* The vGPU's emulator: bytes of its own on a descriptor of its own. */
static void vgpu_save(struct manager *m)
{
    uint8_t data[VGPU_BYTES];

    memset(data, 0x5a, sizeof(data));
    if (wire_write(m->vgpu, data, sizeof(data))) {
        failed(m, "vgpu Broken pipe");
    }
    close(m->vgpu);
}

static void vgpu_restore(struct manager *m)
{
    uint8_t data[VGPU_BYTES];

    wait_for(m, &m->restore_vgpu, ACK_MS, false);
    if (wire_read(m->vgpu, data, sizeof(data)) != 1 || data[0] != 0x5a ||
        memcmp(data, data + 1, sizeof(data) - 1) != 0) {
        failed(m, "vgpu Invalid argument");
    }
    close(m->vgpu);
    m->vgpu = -1;
    say(m, "result:vgpu");
}

static void save(struct manager *m)
{
    if (m->live) {
        const bool *const near_end = &m->completed; /* never, before it is asked to pause */

        request(m, "{ \"execute\" : \"track_dirty\" }", -1);
        request(m, "{ \"execute\" : \"migrate_progress\" }", -1);
        say(m, "info:\\b\\b\\b\\b0");
        ask(m, "prepare:xenguest");
        request(m, "{ \"execute\" : \"migrate_live\" }", -1);
        if (m->vgpu >= 0) {
            ask(m, "prepare:vgpu");
            vgpu_save(m);
        }
        while (!(m->iteration > 0 && m->remaining >= 0 && m->remaining < 50)) {
            const int before = m->iteration;
            bool moved = false;

            while (!moved) {
                struct pollfd p[2] = { { .fd = m->in_closed ? -1 : m->in, .events = POLLIN },
                                       { .fd = emp.fd, .events = POLLIN } };

                if (m->abort || m->in_closed || m->guest_gone) {
                    wait_for(m, near_end, 0, false);
                }
                poll(p, 2, -1);
                if (p[0].revents) {
                    take_control(m);
                }
                if (p[1].revents) {
                    take_guest(m);
                }
                moved = m->iteration != before || m->guest_gone;
            }
        }
        request(m, "{ \"execute\" : \"migrate_pause\" }", -1);
        ask(m, "suspend:");
        request(m, "{ \"execute\" : \"migrate_paused\" }", -1);
    } else {
        ask(m, "suspend:");
        request(m, "{ \"execute\" : \"migrate_paused\" }", -1);
        ask(m, "prepare:xenguest");
        request(m, "{ \"execute\" : \"migrate_nonlive\" }", -1);
    }
    wait_for(m, &m->completed, ACK_MS, false);
    say(m, "result:0 0");
    finish(m, 0);
}

static void restore(struct manager *m)
{
    wait_for(m, &m->restore_xenguest, INT32_MAX, false);
    if (fake_spec("silent")) {
        fake_note("manager", "silent");
        kill(m->xenguest, SIGKILL);
        exit(3);
    }
    if (fake_spec("killed")) {
        kill(m->xenguest, SIGKILL);
        kill(getpid(), SIGKILL);
    }
    if (fake_spec("error")) {
        failed(m, "xc_domain_restore 22 Invalid argument");
    }
    if (m->vgpu >= 0 && m->vgpu_first) {
        vgpu_restore(m);
    }
    request(m, "{ \"execute\" : \"restore\" }", -1);
    wait_for(m, &m->completed, INT32_MAX, false);
    say(m, "result:xenguest %s", m->result);
    if (m->vgpu >= 0) {
        vgpu_restore(m);
    }
    finish(m, 0);
}

/* emum.c:235-267, emu.c:599-621 */
static bool stream_type_ok(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    struct stat st;

    if (flags < 0 || fstat(fd, &st)) {
        return false;
    }
    return S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode) || (flags & O_ACCMODE) == O_RDONLY ||
           (flags & O_APPEND);
}

static void read_arguments(struct manager *m, int argc, char **argv)
{
    enum { OUT, IN, FD, MODE, DOMID, LIVE, DM, STORE, CONSOLE, PNODE, SKIP, SUPPORTS };
    static const struct option options[] = {
        { "controloutfd", required_argument, NULL, OUT },
        { "controlinfd", required_argument, NULL, IN },
        { "fd", required_argument, NULL, FD },
        { "mode", required_argument, NULL, MODE },
        { "domid", required_argument, NULL, DOMID },
        { "live", required_argument, NULL, LIVE },
        { "dm", required_argument, NULL, DM },
        { "store_port", required_argument, NULL, STORE },
        { "console_port", required_argument, NULL, CONSOLE },
        { "mem_pnode", required_argument, NULL, PNODE },
        { "fork", required_argument, NULL, SKIP },
        { "debuglog", required_argument, NULL, SKIP }, /* XenServer's only, from here */
        { "supports", required_argument, NULL, SUPPORTS },
        { "traceparent", required_argument, NULL, SKIP },
        { "tracestate", required_argument, NULL, SKIP },
        { "trace", required_argument, NULL, SKIP },
        { 0 },
    };
    struct option own[sizeof(options) / sizeof(options[0])];
    const char *mode = "";
    int c;

    memcpy(own, options, sizeof(own));
    if (m->xcp) {
        own[11] = (struct option){ "debug", no_argument, NULL, SKIP };
        own[12] = (struct option){ 0 };
    }
    while ((c = getopt_long_only(argc, argv, "", own, NULL)) != -1) {
        switch (c) {
        case OUT:
            m->out = atoi(optarg);
            break;
        case IN:
            m->in = atoi(optarg);
            break;
        case FD:
            m->stream = atoi(optarg);
            if (!stream_type_ok(m->stream)) {
                exit(1);
            }
            break;
        case MODE:
            mode = optarg;
            break;
        case DOMID:
            m->domid = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case LIVE:
            m->live = !strcmp(optarg, "true");
            break;
        case DM:
            if (!strncmp(optarg, "vgpu:", 5) && !m->xcp) {
                m->vgpu = atoi(optarg + 5);
            } else if (strcmp(optarg, "qemu") != 0) {
                exit(1);
            }
            break;
        case STORE:
            m->store_port = optarg;
            break;
        case CONSOLE:
            m->console_port = optarg;
            break;
        case PNODE:
            m->mem_pnode = optarg;
            break;
        case SUPPORTS:
            puts("false");
            exit(0);
        case SKIP:
            break;
        default:
            exit(1); /* both: an argument that they do not know */
        }
    }
    m->save = strstr(mode, "save") != NULL;
    m->pv = !strcmp(mode, "save") || !strcmp(mode, "restore");
    if ((!m->pv && strcmp(mode, "hvm_save") != 0 && strcmp(mode, "hvm_restore") != 0) ||
        m->in < 0 || m->out < 0 || !m->domid || (!m->xcp && optind != argc)) {
        exit(1);
    }
}

/* What it was given, for the tests to compare. */
static void note_surroundings(int argc, char **argv)
{
    extern char **environ;

    for (int i = 1; i < argc; i++) {
        fake_note("argv", "%s", argv[i]);
    }
    for (char **e = environ; *e; e++) {
        if (strncmp(*e, "FAKE_", 5) != 0) {
            fake_note("environ", "%.60s", *e);
        }
    }
    for (int fd = 0; fd < 64; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            fake_note("fds", "%d", fd);
        }
    }
    fake_note("manager", "start");
}

int main(int argc, char **argv)
{
    static struct manager m = { .in = -1, .out = -1, .stream = -1, .vgpu = -1, .remaining = -1 };

    m.xcp = fake_spec("xcp");
    note_surroundings(argc, argv);
    if (fake_spec("exit1")) {
        return 1;
    }
    read_arguments(&m, argc, argv);
    for (int fd = 3; fd < 64; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags >= 0) {
            fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
        }
    }
    lines_open(&control, m.in, LINE_BYTES);
    if (fake_spec("hang")) {
        fake_note("manager", "hangs");
        for (;;) {
            pause();
        }
    }
    if (fake_spec("long")) {
        static char text[70001];

        memset(text, 'x', sizeof(text) - 1);
        say(&m, "info:%.195s", text);
        text[sizeof(text) - 1] = '\n';
        wire_write(m.out, "info:", 5);
        wire_write(m.out, text, sizeof(text));
    }
    for (int i = 0; fake_spec("chatty") && i < 3000; i++) {
        say(&m, "info:%d of more than 64 KiB, which nobody reads for a while", i);
    }
    start_guest(&m);
    if (m.save) {
        save(&m);
    } else {
        restore(&m);
    }
}
