/* SPDX-License-Identifier: BSD-2-Clause */
/* ^C, SIGTERM and SIGHUP as a number of requests to stop, without a handler and without globals. */
#ifndef EXCLAIM_STOP_H
#define EXCLAIM_STOP_H

#include <signal.h>
#include <stdbool.h>

#include <exclaim/error.h>

struct stop {
    int fd; /* signalfd */
    sigset_t old;
    unsigned int asked;    /* how often, so far */
    unsigned int patience; /* so many end what blocks: see stop_now() */
};

/* Those signals are blocked and counted from now on, SIGPIPE is ignored. */
int stop_open(struct stop *stop, struct exclaim_error *err);
void stop_close(struct stop *stop);

/* Looks; returns how often a stop was asked for so far. */
unsigned int stop_asked(struct stop *stop);

/* For exclaim_xapi_options.stop with a struct stop *: asked `patience` times. */
bool stop_now(void *arg);

/* Sleeps, less if a stop is asked for. */
void stop_sleep(struct stop *stop, int ms);

#endif
