/* SPDX-License-Identifier: BSD-2-Clause */
/* Something that happens at the n-th step of a side, whatever that step is. */
#ifndef FAKE_STEPS_H
#define FAKE_STEPS_H

#include "scene.h"

enum steps_do {
    STEPS_ABORT,
    STEPS_CLOSE_IN,        /* xenopsd closes its end of control-in and goes on reading */
    STEPS_KILL_SUPERVISOR, /* SIGKILL, from here on */
    STEPS_KILL_MANAGER,
    STEPS_KILL_XENGUEST,
};

/* A step_fn that does @what at step @n, counted from 0, and puts the step's name into `seen`. */
step_fn *steps_at(enum steps_do what, unsigned int n);

#endif
