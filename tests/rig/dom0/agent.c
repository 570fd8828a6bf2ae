/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dom0's end of the command channel: runs shell commands for the runner, several at once, over one byte pipe.
 *
 * usage: agent PORT        a virtio-serial port; its other end is the runner's socket
 *
 * Both directions carry frames: u32 job, u32 kind, u32 length, then length bytes (little endian).
 *   from the runner: RUN (a command for sh -c), IN (bytes for its stdin; none: end of file), KILL (SIGKILL to its group)
 *   to the runner:   HELLO (job 0), OUT, ERR, EXIT (i32: exit status, or minus the signal's number)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN, IN, KILL, HELLO, OUT, ERR, EXIT };
enum { JOBS_MAX = 64, CHUNK = 64 * 1024 };

struct frame {
    uint32_t job, kind, length;
};

struct job {
    uint32_t id;
    pid_t pid;          /* 0: slot is free */
    int in, out, err;   /* -1: closed */
    int status, reaped;
};

static struct job jobs[JOBS_MAX];
static sigset_t usual_mask; /* of signals, while a command runs or the agent waits */
static int port;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void port_write(const void *data, size_t length)
{
    const char *p = data;

    while (length) {
        ssize_t n = write(port, p, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            die("agent: write");
        p += n;
        length -= (size_t)n;
    }
}

static void port_read(void *data, size_t length)
{
    char *p = data;

    while (length) {
        ssize_t n = read(port, p, length);

        if (n > 0) {
            p += n;
            length -= (size_t)n;
        } else if (n == 0) {
            usleep(100000); /* the runner is not connected yet */
        } else if (errno != EINTR) {
            die("agent: read");
        }
    }
}

static void send_frame(uint32_t job, uint32_t kind, const void *data, uint32_t length)
{
    static char buffer[sizeof(struct frame) + CHUNK];
    struct frame f = { job, kind, length };

    /* One write a frame: every write is a trip through the hypervisor. */
    memcpy(buffer, &f, sizeof(f));
    memcpy(buffer + sizeof(f), data, length);
    port_write(buffer, sizeof(f) + length);
}

static struct job *job_find(uint32_t id)
{
    for (int i = 0; i < JOBS_MAX; i++)
        if (jobs[i].pid && jobs[i].id == id)
            return &jobs[i];
    return NULL;
}

static void job_start(uint32_t id, const char *command)
{
    int in[2], out[2], err[2], status = 127;
    struct job *j = NULL;
    pid_t pid;

    for (int i = 0; i < JOBS_MAX && !j; i++)
        if (!jobs[i].pid)
            j = &jobs[i];
    if (!j) {
        send_frame(id, ERR, "agent: too many jobs at once", 28);
        send_frame(id, EXIT, &status, sizeof(status));
        return;
    }
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        die("agent: pipe");
    pid = fork();
    if (pid < 0)
        die("agent: fork");
    if (!pid) {
        setsid();
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &usual_mask, NULL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    *j = (struct job){ .id = id, .pid = pid, .in = in[1], .out = out[0], .err = err[0] };
}

/* The runner sends at most what a pipe holds before it waits for output, so this write does not block for long. */
static void job_input(struct job *j, const char *data, uint32_t length)
{
    while (length) {
        ssize_t n = write(j->in, data, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; /* the command stopped reading */
        data += n;
        length -= (uint32_t)n;
    }
}

static void port_ready(void)
{
    struct frame f;
    struct job *j;
    char *data;

    port_read(&f, sizeof(f));
    data = malloc((size_t)f.length + 1);
    if (!data)
        die("agent: malloc");
    port_read(data, f.length);
    data[f.length] = 0;

    j = job_find(f.job);
    if (f.kind == RUN)
        job_start(f.job, data);
    else if (f.kind == IN && j && j->in >= 0 && f.length)
        job_input(j, data, f.length);
    else if (f.kind == IN && j && j->in >= 0) {
        close(j->in);
        j->in = -1;
    } else if (f.kind == KILL && j)
        kill(-j->pid, SIGKILL);
    free(data);
}

static void job_output(struct job *j, int *fd, uint32_t kind)
{
    static char buffer[CHUNK];
    ssize_t n = read(*fd, buffer, sizeof(buffer));

    if (n > 0) {
        send_frame(j->id, kind, buffer, (uint32_t)n);
    } else if (n == 0 || errno != EINTR) {
        close(*fd);
        *fd = -1;
    }
}

/* A job ends when its process has: a daemon it left behind may hold the pipes for ever, so take what is there and close. */
static void job_end(struct job *j)
{
    int32_t status = WIFEXITED(j->status) ? WEXITSTATUS(j->status) : -WTERMSIG(j->status);
    int *fds[] = { &j->out, &j->err };

    for (int i = 0; i < 2; i++) {
        struct pollfd p = { .events = POLLIN };

        while (*fds[i] >= 0 && (p.fd = *fds[i], poll(&p, 1, 0) > 0))
            job_output(j, fds[i], i ? ERR : OUT);
        if (*fds[i] >= 0)
            close(*fds[i]);
    }
    if (j->in >= 0)
        close(j->in);
    send_frame(j->id, EXIT, &status, sizeof(status));
    j->pid = 0;
}

static void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < JOBS_MAX; i++)
            if (jobs[i].pid == pid) {
                jobs[i].status = status;
                job_end(&jobs[i]);
            }
}

static void on_child(int sig)
{
    (void)sig;
}

int main(int argc, char **argv)
{
    struct sigaction sa = { .sa_handler = on_child };
    sigset_t blocked;

    if (argc != 2)
        return 2;
    port = open(argv[1], O_RDWR | O_CLOEXEC);
    if (port < 0)
        die(argv[1]);
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGCHLD, &sa, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &usual_mask);
    sigdelset(&usual_mask, SIGCHLD);
    send_frame(0, HELLO, "", 0);

    for (;;) {
        struct pollfd p[1 + 2 * JOBS_MAX];
        struct { struct job *job; int *fd; uint32_t kind; } of[1 + 2 * JOBS_MAX];
        nfds_t n = 1;

        p[0] = (struct pollfd){ .fd = port, .events = POLLIN };
        for (int i = 0; i < JOBS_MAX; i++) {
            struct job *j = &jobs[i];

            if (!j->pid)
                continue;
            of[n].job = j, of[n].fd = &j->out, of[n].kind = OUT;
            p[n++] = (struct pollfd){ .fd = j->out, .events = POLLIN };
            of[n].job = j, of[n].fd = &j->err, of[n].kind = ERR;
            p[n++] = (struct pollfd){ .fd = j->err, .events = POLLIN };
        }
        if (ppoll(p, n, NULL, &usual_mask) < 0 && errno != EINTR)
            die("agent: poll");
        else {
            if (p[0].revents & POLLIN)
                port_ready();
            else if (p[0].revents)
                usleep(100000); /* POLLHUP: the runner is not connected */
            for (nfds_t i = 1; i < n; i++)
                if (p[i].revents && *of[i].fd == p[i].fd)
                    job_output(of[i].job, of[i].fd, of[i].kind);
        }
        reap();
    }
}
