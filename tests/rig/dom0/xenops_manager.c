/* SPDX-License-Identifier: BSD-2-Clause */
/* The manager as a process: how it is started, its control lines, its end. */
#define _GNU_SOURCE
#include "xenops.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void step(const char *name)
{
    struct timespec t;
    size_t length = strlen(name);

    clock_gettime(CLOCK_MONOTONIC, &t);
    printf("step %s %lld.%06ld\n", name, (long long)t.tv_sec, t.tv_nsec / 1000);
    fflush(stdout);
    for (int i = 0; i < option.nr_at; i++) {
        if (strncmp(option.at[i], name, length) || option.at[i][length] != '=')
            continue;
        if (!strcmp(option.at[i] + length + 1, "abort")) {
            run.aborted = 1;
            if (write(run.in, "abort\n", 6) != 6)
                perror("xenops: abort");
            continue;
        }
        char pid[16], domid[16];
        snprintf(pid, sizeof(pid), "%d", run.pid);
        snprintf(domid, sizeof(domid), "%u", run.domid);
        setenv("MANAGER", pid, 1);
        setenv("DOMID", domid, 1);
        fprintf(stderr, "xenops: at %s: exit %d of: %s\n", name, system(option.at[i] + length + 1), option.at[i] + length + 1);
    }
}

/* As vfork_helper does: /dev/null write-only thrice, control out 4, control in 5, the stream 6, PATH and nothing else. */
int start_manager(char **arguments)
{
    char *environment[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", (char *)option.env, NULL };
    int in[2], out[2], null;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        perror("xenops: pipe");
        return -1;
    }
    run.in = in[1];
    run.out = out[0];
    run.pid = fork();
    if (!run.pid) {
        struct rlimit files = { 1024, 1024 };
        int high[3] = { fcntl(out[1], F_DUPFD, 100), fcntl(in[0], F_DUPFD, 100), fcntl(run.stream, F_DUPFD, 100) };

        null = open("/dev/null", O_WRONLY);
        for (int i = 0; i < 3; i++) {
            dup2(null, i);
            dup2(high[i], 4 + i);
        }
        close(3);
        for (int fd = 7; fd < 1024; fd++)
            close(fd);
        setrlimit(RLIMIT_NOFILE, &files);
        setsid();
        if (chdir("/"))
            _exit(126);
        signal(SIGPIPE, SIG_IGN);
        execve(option.manager, arguments, environment);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    step("started");
    return run.pid < 0 ? -1 : 0;
}

/* The next control line, NULL at the end. */
char *next_line(void)
{
    static char line[sizeof(run.buffer)];

    for (;;) {
        char *end = memchr(run.buffer, '\n', run.used);
        ssize_t n;

        if (end) {
            size_t length = (size_t)(end - run.buffer);

            memcpy(line, run.buffer, length);
            line[length] = 0;
            run.used -= length + 1;
            memmove(run.buffer, end + 1, run.used);
            printf("line %s\n", line);
            fflush(stdout);
            return line;
        }
        if (run.used == sizeof(run.buffer))
            return NULL;
        n = read(run.out, run.buffer + run.used, sizeof(run.buffer) - run.used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return NULL;
        run.used += (size_t)n;
    }
}

int say(const char *line)
{
    if (send_all(run.in, line, strlen(line))) {
        perror("xenops: control");
        return -1;
    }
    return 0;
}

/* xenopsd waits without a limit; a test must not. */
int wait_manager(void)
{
    for (int i = 0; i < HANG_SECONDS * 100; i++) {
        int status;

        if (waitpid(run.pid, &status, WNOHANG) == run.pid) {
            printf("manager %s %d\n", WIFEXITED(status) ? "exit" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
            return 0;
        }
        usleep(10000);
    }
    fprintf(stderr, "xenops: hung: the manager does not end\n");
    kill(run.pid, SIGKILL);
    waitpid(run.pid, NULL, 0);
    return -1;
}
