/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to stop, as signals that are counted. */
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

int stop_open(struct stop *stop, struct exclaim_error *err)
{
    sigset_t set;

    *stop = (struct stop){ .patience = 1 };
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, &stop->old);
    /* A reader of our output that goes away is no reason to leave moves alone. */
    signal(SIGPIPE, SIG_IGN);
    stop->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (stop->fd < 0) {
        sigprocmask(SIG_SETMASK, &stop->old, NULL);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "signalfd");
    }
    return 0;
}

void stop_close(struct stop *stop)
{
    stop_asked(stop); /* what was asked is not asked again once unblocked */
    close(stop->fd);
    sigprocmask(SIG_SETMASK, &stop->old, NULL);
}

unsigned int stop_asked(struct stop *stop)
{
    struct signalfd_siginfo info;

    while (read(stop->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        stop->asked++;
    }
    return stop->asked;
}

bool stop_now(void *arg)
{
    struct stop *stop = arg;

    return stop_asked(stop) >= stop->patience;
}

void stop_sleep(struct stop *stop, int ms)
{
    struct pollfd p = { .fd = stop->fd, .events = POLLIN };

    poll(&p, 1, ms);
    stop_asked(stop);
}
