/* SPDX-License-Identifier: BSD-2-Clause */
/* Aborts, closes a descriptor or kills a process at the n-th step of a side. */
#include "steps.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

/* Set before a side's process is started, and counted down in it. */
static enum steps_do wanted;
static unsigned int left;

/* It may be about to start, or have ended already. */
static pid_t wait_for(const char *exe)
{
    const int64_t end = wire_now() + 1500;
    pid_t pid;

    while (!(pid = xenopsd_find(exe)) && wire_now() < end) {
        poll(NULL, 0, 2);
    }
    return pid;
}

static void kill_one(const char *exe)
{
    pid_t pid = wait_for(exe);

    if (pid) {
        kill(pid, SIGKILL);
    }
}

static enum act step(struct xenopsd *x, const char *name)
{
    if (!strncmp(name, "info:exclaim", 12) || left--) {
        return ACT_GO; /* with and without us, the same steps */
    }
    left = UINT32_MAX;
    snprintf(x->out->seen, sizeof(x->out->seen), "%.100s", name);
    switch (wanted) {
    case STEPS_ABORT:
        return ACT_ABORT;
    case STEPS_CLOSE_IN:
        /* The number stays in use: xenopsd goes on as if it could write. */
        dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), x->in);
        break;
    case STEPS_KILL_SUPERVISOR:
        kill_one(EXE_SUPERVISOR);
        break;
    case STEPS_KILL_MANAGER:
        kill_one(EXE_MANAGER);
        break;
    case STEPS_KILL_XENGUEST:
        kill_one(EXE_XENGUEST);
        break;
    }
    return ACT_GO;
}

step_fn *steps_at(enum steps_do what, unsigned int n)
{
    wanted = what;
    left = n;
    return step;
}
