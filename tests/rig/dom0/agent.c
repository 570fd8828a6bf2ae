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
    char *input;        /* for in, not written yet: the command may not read it until its output is read */
    size_t input_length;
    int input_ends;
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
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    *j = (struct job){ .id = id, .pid = pid, .in = in[1], .out = out[0], .err = err[0] };
}

static void close_input(struct job *j)
{
    if (j->in >= 0)
        close(j->in);
    j->in = -1;
    free(j->input);
    j->input = NULL;
    j->input_length = 0;
}

static void add_input(struct job *j, const char *data, uint32_t length)
{
    if (j->in < 0)
        return;
    if (!length) {
        j->input_ends = 1;
        return;
    }
    j->input = realloc(j->input, j->input_length + length);
    if (!j->input)
        die("agent: realloc");
    memcpy(j->input + j->input_length, data, length);
    j->input_length += length;
}

static void give_input(struct job *j)
{
    ssize_t n = j->input_length ? write(j->in, j->input, j->input_length) : 0;

    if (n > 0) {
        j->input_length -= (size_t)n;
        memmove(j->input, j->input + n, j->input_length);
    }
    if ((n < 0 && errno != EINTR && errno != EAGAIN) || (!j->input_length && j->input_ends))
        close_input(j); /* the command stopped reading, or that was all */
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
    else if (f.kind == IN && j)
        add_input(j, data, f.length);
    else if (f.kind == KILL && j)
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
static void job_end(struct job *j, int how)
{
    int32_t status = WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
    int *fds[] = { &j->out, &j->err };

    for (int i = 0; i < 2; i++) {
        struct pollfd p = { .events = POLLIN };

        while (*fds[i] >= 0 && (p.fd = *fds[i], poll(&p, 1, 0) > 0))
            job_output(j, fds[i], i ? ERR : OUT);
        if (*fds[i] >= 0)
            close(*fds[i]);
    }
    close_input(j);
    send_frame(j->id, EXIT, &status, sizeof(status));
    j->pid = 0;
}

static void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < JOBS_MAX; i++)
            if (jobs[i].pid == pid)
                job_end(&jobs[i], status);
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
        struct pollfd p[1 + 3 * JOBS_MAX] = { { .fd = port, .events = POLLIN } };

        /* poll() leaves negative descriptors alone: a job's three stay where its number says. */
        for (int i = 0; i < JOBS_MAX; i++) {
            struct job *j = &jobs[i];
            struct pollfd *of = &p[1 + 3 * i];

            of[0] = (struct pollfd){ .fd = j->pid && (j->input_length || j->input_ends) ? j->in : -1, .events = POLLOUT };
            of[1] = (struct pollfd){ .fd = j->pid ? j->out : -1, .events = POLLIN };
            of[2] = (struct pollfd){ .fd = j->pid ? j->err : -1, .events = POLLIN };
        }
        if (ppoll(p, 1 + 3 * JOBS_MAX, NULL, &usual_mask) < 0) {
            if (errno != EINTR)
                die("agent: poll");
        } else {
            for (int i = 0; i < JOBS_MAX; i++) {
                struct pollfd *of = &p[1 + 3 * i];

                if (of[0].revents)
                    give_input(&jobs[i]);
                if (of[1].revents)
                    job_output(&jobs[i], &jobs[i].out, OUT);
                if (of[2].revents)
                    job_output(&jobs[i], &jobs[i].err, ERR);
            }
            if (p[0].revents & POLLIN)
                port_ready(); /* last: it may start a job in a slot that was free */
            else if (p[0].revents)
                usleep(100000); /* POLLHUP: the runner is not connected */
        }
        reap();
    }
}
