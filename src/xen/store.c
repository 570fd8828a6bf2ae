/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading xenstore without waiting for a daemon that is stopped or stuck: libxenstore knows no time
 * limit, so it is asked in a thread of its own, which is left behind if need be.
 */
#include "client.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Far above what a daemon of a busy host takes; what is read are names for people. */
#define ANSWER_S 3

#define STACK_BYTES ((size_t)256 << 10)

/* One question.  Whoever is the last to leave it frees it. */
struct ask {
    struct xen_lib lib;
    struct xs_handle *xs;
    char path[128];
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done, left;
    char *value;
    int errnum;
};

static void *answer(void *arg)
{
    struct ask *ask = arg;
    unsigned int len;
    bool left;

    if (!ask->xs) {
        ask->xs = ask->lib.store_open(0);
    }
    ask->value = ask->xs ? ask->lib.store_read(ask->xs, XBT_NULL, ask->path, &len) : NULL;
    ask->errnum = ask->value ? 0 : errno;
    pthread_mutex_lock(&ask->lock);
    ask->done = true;
    left = ask->left;
    pthread_cond_signal(&ask->answered);
    pthread_mutex_unlock(&ask->lock);
    if (left) {
        if (ask->xs) {
            ask->lib.store_close(ask->xs);
        }
        free(ask->value);
        free(ask);
    }
    return NULL;
}

/* Signals are the others': a thread that is left behind must not take one. */
static int start(struct ask *ask)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_t thread;
    int errnum = pthread_attr_init(&attr);

    if (errnum) {
        return errnum;
    }
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errnum = pthread_create(&thread, &attr, answer, ask);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return errnum;
}

/* Whether it was answered in time; then it is the caller's. */
static bool wait_for(struct ask *ask)
{
    struct timespec until;
    bool done;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ANSWER_S;
    pthread_mutex_lock(&ask->lock);
    while (!ask->done && r != ETIMEDOUT) {
        r = pthread_cond_timedwait(&ask->answered, &ask->lock, &until);
    }
    done = ask->done;
    ask->left = !done;
    pthread_mutex_unlock(&ask->lock);
    return done;
}

static struct ask *new_ask(const struct exclaim_xen *xen, const char *path)
{
    struct ask *ask = calloc(1, sizeof(*ask));
    pthread_condattr_t attr;

    if (ask) {
        ask->lib = xen->lib;
        ask->xs = xen->xs;
        snprintf(ask->path, sizeof(ask->path), "%s", path);
        pthread_mutex_init(&ask->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&ask->answered, &attr);
        pthread_condattr_destroy(&attr);
    }
    return ask;
}

int xen_store_read(struct exclaim_xen *xen, const char *path, char **value,
                   struct exclaim_error *err)
{
    struct ask *ask = xen->store_stuck ? NULL : new_ask(xen, path);
    int errnum;

    *value = NULL;
    if (!ask) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, xen->store_stuck ? ETIMEDOUT : ENOMEM,
                            "reading %s", path);
    }
    errnum = start(ask);
    if (errnum) {
        free(ask);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "reading %s", path);
    }
    if (!wait_for(ask)) {
        xen->xs = NULL; /* the thread's */
        xen->store_stuck = true;
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ETIMEDOUT,
                            "reading %s: xenstored does not answer within %d s", path, ANSWER_S);
    }
    xen->xs = ask->xs;
    *value = ask->value;
    errnum = ask->errnum;
    free(ask);
    if (!xen->xs) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "reading %s: opening xenstore", path);
    }
    return *value || errnum == ENOENT
               ? 0
               : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "reading %s", path);
}
