/* SPDX-License-Identifier: BSD-2-Clause */
/* The XAPI simulator (tests/xapi-sim) as a child of a test. */
#ifndef TEST_XAPI_SIM_H
#define TEST_XAPI_SIM_H

#include "support.h"

#include <exclaim/xapi.h>

struct sim {
    char dir[64];
    char socket[96];
    char faults[96];
    char cert[96];   /* with TLS: self-signed, for 127.0.0.1 and 127.0.0.2 */
    char server[64]; /* with TLS: 127.0.0.1:PORT */
    char member[64]; /* with TLS: 127.0.0.2:PORT, which is no coordinator */
    pid_t pid;
    int input; /* closing it ends the simulator */
};

/* Starts it with a state file of this text; its password is "secret".  @hook is a program to run
 * for each migration, or NULL. */
void sim_start(struct sim *sim, const char *state, bool tls, const char *hook);
void sim_stop(struct sim *sim);

/* The rules of tests/xapi-sim/faults.py from now on. */
void sim_faults(const struct sim *sim, const char *rules);

/* The options for its socket. */
struct exclaim_xapi_options sim_options(const struct sim *sim);
struct exclaim_xapi *sim_open(const struct sim *sim);

#endif
