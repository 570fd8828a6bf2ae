/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The emu-manager behind xenopsd, as far as xenguest alone is concerned: the control protocol on two pipes, and xenguest in a process of
 * its own that owns the stream. It differs from the real ones in what it says to xenguest (datagrams "save", "restore" and so on instead
 * of JSON), which nobody else sees.
 *
 * usage: as xenopsd starts it; unknown flags end it with 1 as they do the real ones. Exit: 0 done or aborted, 1 arguments, 2 failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char xenguest[] = "/usr/libexec/xen/bin/xenguest";
enum { ACK_SECONDS = 120, READY_SECONDS = 180, END_SECONDS = 60, LINE = 128 };

static struct {
    int out, in, stream;
    const char *mode, *domid, *live, *store, *console;
} arg = { .out = -1, .in = -1, .stream = -1, .live = "false", .store = "0", .console = "0" };

static struct {
    pid_t pid;
    int socket;
    char line[LINE]; /* of control in */
    size_t used;
} run = { .socket = -1 };

static void say(const char *line)
{
    if (write(arg.out, line, strlen(line)) < 0)
        return; /* xenopsd is gone: the end of control in tells it too */
}

/* Ends xenguest and then itself. */
static void end(int code)
{
    close(run.socket); /* "quit" */
    for (int i = 0; i < END_SECONDS * 100; i++) {
        if (waitpid(run.pid, NULL, WNOHANG))
            exit(code);
        usleep(10000);
    }
    kill(run.pid, SIGKILL);
    exit(code);
}

static void fail(const char *text)
{
    char line[LINE];

    snprintf(line, sizeof(line), "error:%.110s\n", text);
    say(line);
    end(2);
}

static void tell(const char *words)
{
    if (send(run.socket, words, strlen(words), MSG_NOSIGNAL) < 0)
        fail("xenguest does not listen");
}

static void started(void)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
    struct iovec words = { "init", 4 };
    struct msghdr message = { .msg_iov = &words, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
    int ends[2], out[2];
    char ready[16] = "";

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) || pipe2(out, O_CLOEXEC))
        fail(strerror(errno));
    run.socket = ends[0];
    run.pid = fork();
    if (!run.pid) {
        char *arguments[] = { (char *)xenguest, "-debug", "-domid", (char *)arg.domid, "-controloutfd", "2", "-controlinfd", "0", "-mode", "listen", NULL };
        char *environment[] = { "_STDBUF_O=0", NULL };

        dup2(ends[1], 0);
        dup2(out[1], 1);
        execve(xenguest, arguments, environment);
        _exit(127);
    }
    close(ends[1]);
    close(out[1]);
    for (size_t n = 0; n < 6;) {
        struct pollfd p = { .fd = out[0], .events = POLLIN };
        ssize_t got = poll(&p, 1, READY_SECONDS * 1000) == 1 ? read(out[0], ready + n, 6 - n) : 0;

        if (got <= 0)
            fail("xenguest is not ready");
        n += (size_t)got;
    }
    if (strcmp(ready, "Ready\n"))
        fail("xenguest says something else than Ready");
    memcpy(CMSG_DATA(&control.head), &arg.stream, sizeof(int));
    if (sendmsg(run.socket, &message, MSG_NOSIGNAL) < 0)
        fail(strerror(errno));
    close(arg.stream);
}

/* One line of control in, without its end, if there is a whole one. */
static int take_line(char line[LINE])
{
    char *end = memchr(run.line, '\n', run.used);
    size_t length = end ? (size_t)(end - run.line) : 0;

    if (!end)
        return 0;
    memcpy(line, run.line, length);
    line[length] = 0;
    run.used -= length + 1;
    memmove(run.line, end + 1, run.used);
    return 1;
}

/*
 * Waits for the line `want` of xenopsd or, if want is NULL, for words of xenguest that are put into `words`. Whichever it waits for, abort and
 * the end of either end it.
 */
static void wait_for(const char *want, char words[LINE])
{
    for (;;) {
        struct pollfd p[2] = { { .fd = arg.in, .events = POLLIN }, { .fd = run.socket, .events = POLLIN } };
        char line[LINE];
        ssize_t n;

        while (take_line(line)) {
            if (!strcmp(line, "abort")) {
                if (!strcmp(arg.mode, "hvm_save"))
                    tell("abort");
                end(0);
            }
            if (want && !strcmp(line, want))
                return;
            fail("unexpected line of xenopsd");
        }
        if (poll(p, 2, want && !strcmp(want, "done") ? ACK_SECONDS * 1000 : -1) == 0)
            fail("xenopsd does not answer");
        if (p[1].revents) {
            n = recv(run.socket, line, sizeof(line) - 1, 0);
            if (n <= 0)
                fail("xenguest was killed by a signal");
            line[n] = 0;
            if (!strncmp(line, "error ", 6))
                fail(line + 6);
            if (want)
                fail("xenguest speaks out of turn");
            memcpy(words, line, (size_t)n + 1);
            return;
        }
        if (p[0].revents) {
            n = read(arg.in, run.line + run.used, sizeof(run.line) - run.used);
            if (n <= 0)
                fail(n ? strerror(errno) : "Broken pipe");
            run.used += (size_t)n;
        }
    }
}

static void save(void)
{
    int live = !strcmp(arg.live, "true");
    char words[LINE];

    if (!live) {
        say("suspend:\n");
        wait_for("done", NULL);
    }
    say("prepare:xenguest\n");
    wait_for("done", NULL);
    tell(live ? "save live" : "save");
    for (;;) {
        wait_for(NULL, words);
        if (!strncmp(words, "progress ", 9)) {
            char line[LINE];

            snprintf(line, sizeof(line), "info:\\b\\b\\b\\b%d\n", atoi(words + 9));
            say(line);
        } else if (!strcmp(words, "suspend")) {
            if (live) {
                say("suspend:\n");
                wait_for("done", NULL);
            }
            tell("paused");
        } else {
            say("result:0 0\n");
            end(0);
        }
    }
}

static void restore(void)
{
    char words[LINE], line[2 * LINE];

    wait_for("restore:xenguest", NULL);
    snprintf(line, sizeof(line), "restore %s %s", arg.store, arg.console);
    tell(line);
    wait_for(NULL, words);
    snprintf(line, sizeof(line), "result:xenguest %s\n", words + strlen("result "));
    say(line);
    end(0);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i] + (argv[i][0] == '-') + (argv[i][0] == '-' && argv[i][1] == '-');
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (!strcmp(name, "controloutfd"))
            arg.out = atoi(value);
        else if (!strcmp(name, "controlinfd"))
            arg.in = atoi(value);
        else if (!strcmp(name, "fd"))
            arg.stream = atoi(value);
        else if (!strcmp(name, "mode"))
            arg.mode = value;
        else if (!strcmp(name, "domid"))
            arg.domid = value;
        else if (!strcmp(name, "live"))
            arg.live = value;
        else if (!strcmp(name, "store_port"))
            arg.store = value;
        else if (!strcmp(name, "console_port"))
            arg.console = value;
        else if (strcmp(name, "mem_pnode"))
            return 1;
    }
    if (arg.out < 0 || arg.in < 0 || arg.stream < 0 || !arg.mode || !arg.domid)
        return 1;
    fcntl(arg.out, F_SETFD, FD_CLOEXEC);
    fcntl(arg.in, F_SETFD, FD_CLOEXEC);
    fcntl(arg.stream, F_SETFD, FD_CLOEXEC);
    started();
    if (!strcmp(arg.mode, "hvm_save"))
        save();
    if (!strcmp(arg.mode, "hvm_restore"))
        restore();
    fail("unknown mode");
}
