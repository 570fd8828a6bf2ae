/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the real emulator as a child: its descriptors, environment, signals and end. */
#include <exclaim/child.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../reserve/ledger_map.h"
#include "emu.h"

#define FD_LOOK_MAX 4096

static const int handed_on[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

static void handled_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (unsigned int i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++) {
        sigaddset(set, handed_on[i]);
    }
}

void exclaim_inherited_fds(struct exclaim_inherited *inherited)
{
    const int most = sizeof(inherited->fd) / sizeof(inherited->fd[0]);
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    inherited->nr = 0;
    /* Without /proc, memory or a descriptor for it: one that is kept open by mistake would keep a
     * toolstack waiting for its end. */
    for (int fd = 3; !dir && fd < FD_LOOK_MAX && inherited->nr < (uint32_t)most; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            inherited->fd[inherited->nr++] = fd;
        }
    }
    while (dir && (entry = readdir(dir))) {
        int fd = atoi(entry->d_name); /* "." and ".." become 0 */

        if (fd > 2 && fd != dirfd(dir) &&
            inherited->nr < sizeof(inherited->fd) / sizeof(inherited->fd[0])) {
            inherited->fd[inherited->nr++] = fd;
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* Also where both numbers are the same, which dup2(2) leaves to be closed on exec. */
static bool put_fd(int ours, int its)
{
    return ours == its ? !fcntl(ours, F_SETFD, 0) : dup2(ours, its) == its;
}

#define ENV_MAX 1024u

/* A child's environment: ours, with the object to be loaded.  On the stack: nothing can fail but
 * for its size, and that is known before there is a child. */
struct environment {
    char *list[ENV_MAX + 1];
    char preload[1100], place[128];
};

static bool is_var(const char *entry, const char *name)
{
    const size_t len = strlen(name);

    return !strncmp(entry, name, len) && entry[len] == '=';
}

static int make_environment(const struct exclaim_child_setup *setup, struct environment *env,
                            struct exclaim_error *err)
{
    const char *others = getenv("LD_PRELOAD");
    size_t nr = 0;

    for (char **e = environ; *e; e++) {
        if (setup->preload && (is_var(*e, "LD_PRELOAD") || is_var(*e, EXCLAIM_PLACE_ENV))) {
            continue;
        }
        if (nr + 2 >= ENV_MAX) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, E2BIG, "environment");
        }
        env->list[nr++] = *e;
    }
    if (setup->preload) {
        if (snprintf(env->preload, sizeof(env->preload), "LD_PRELOAD=%s%s%s", setup->preload,
                     others && *others ? " " : "",
                     others ? others : "") >= (int)sizeof(env->preload) ||
            snprintf(env->place, sizeof(env->place), EXCLAIM_PLACE_ENV "=%s", setup->place) >=
                (int)sizeof(env->place)) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, E2BIG, "environment: LD_PRELOAD");
        }
        env->list[nr++] = env->preload;
        env->list[nr++] = env->place;
    }
    env->list[nr] = NULL;
    return 0;
}

/* In the child: only calls that may fail without harm, then exec. */
static void become(const char *path, char *const *argv, const struct exclaim_child_setup *setup,
                   const struct environment *env, pid_t parent, const sigset_t *old)
{
    /* Our death must end the restore: nobody else would release its claim and ledger entry. */
    if (!setup->outlives) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(127);
        }
    }
    if (setup->entry) {
        ledger_note_placer(setup->entry);
    }
    for (uint32_t i = 0; i < setup->nr_fds; i++) {
        if (!put_fd(setup->fd[i].ours, setup->fd[i].its)) {
            _exit(127);
        }
    }
    sigprocmask(SIG_SETMASK, old, NULL);
    execve(path, argv, env->list);
    _exit(127);
}

int exclaim_child_start(const char *path, char *const *argv,
                        const struct exclaim_child_setup *setup, pid_t *pid,
                        struct exclaim_error *err)
{
    static const struct exclaim_child_setup nothing;
    const pid_t self = getpid();
    struct environment env;
    sigset_t set, old;

    setup = setup ? setup : &nothing;
    if (make_environment(setup, &env, err)) {
        return -1;
    }
    handled_signals(&set);
    /* An inherited SIG_IGN would have the kernel reap the child behind our back. */
    signal(SIGCHLD, SIG_DFL);
    if (sigprocmask(SIG_BLOCK, &set, &old)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "block signals");
    }
    *pid = fork();
    if (*pid < 0) {
        int saved = errno;

        sigprocmask(SIG_SETMASK, &old, NULL);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, saved, "start %s", path);
    }
    if (!*pid) {
        become(path, argv, setup, &env, self, &old);
    }
    return 0;
}

void exclaim_child_detach(const struct exclaim_inherited *inherited)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        close(null);
    } else {
        close(STDIN_FILENO);
    }
    for (uint32_t i = 0; i < inherited->nr; i++) {
        close(inherited->fd[i]);
    }
}

int exclaim_child_wait(pid_t pid, int *status, void (*tick)(void *arg), void *arg,
                       unsigned int tick_ms, struct exclaim_error *err)
{
    const struct timespec interval = { .tv_sec = tick_ms / 1000,
                                       .tv_nsec = (long)(tick_ms % 1000) * 1000000 };
    sigset_t set;

    handled_signals(&set);
    for (;;) {
        pid_t r = waitpid(pid, status, WNOHANG);
        int sig;

        if (r == pid) {
            return 0;
        }
        if (r < 0 && errno != EINTR) {
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "wait for process %d", pid);
        }
        sig = tick ? sigtimedwait(&set, NULL, &interval) : sigwaitinfo(&set, NULL);
        if (tick) {
            tick(arg);
        }
        if (sig > 0 && sig != SIGCHLD) {
            kill(pid, sig);
        }
    }
}

int exclaim_child_signals(struct exclaim_error *err)
{
    sigset_t set;
    int fd;

    handled_signals(&set);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "signalfd") : fd;
}

bool exclaim_child_ended(int signals, pid_t pid, int *status)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == sizeof(info)) {
        if (pid > 0 && info.ssi_signo != SIGCHLD) {
            kill(pid, (int)info.ssi_signo);
        }
    }
    return pid > 0 && waitpid(pid, status, WNOHANG) == pid;
}

void exclaim_child_mirror(int status)
{
    if (WIFSIGNALED(status)) {
        const struct rlimit no_core = { 0 };
        sigset_t one;

        setrlimit(RLIMIT_CORE, &no_core);
        signal(WTERMSIG(status), SIG_DFL);
        sigemptyset(&one);
        sigaddset(&one, WTERMSIG(status));
        sigprocmask(SIG_UNBLOCK, &one, NULL);
        raise(WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 5);
}
