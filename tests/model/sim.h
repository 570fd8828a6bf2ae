/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Migrations towards one modelled host, interleaved as a plan says: the real match, claim, ledger
 * and quota code, over the model's memory.  A plan is data, so that a failing one can be run again
 * with parts of it left out.
 */
#ifndef SIM_H
#define SIM_H

#include "model/model.h"

#define SIM_MIGRATIONS 8
#define SIM_EVENTS     160
#define SIM_ORDER      4u /* stands for the 2 MiB extent: 16 pages, so that small hosts have edges */

struct sim_migration {
    uint32_t nr_nodes; /* of the source */
    uint64_t pages[MODEL_NODES];
    bool strict;
};

enum sim_kind {
    SIM_ADVANCE,    /* the next step: reserve, a batch of populate, the end */
    SIM_KILL_HOOK,  /* the kernel kills the placing process with it, after the batch in flight */
    SIM_KILL_CHILD, /* the restoring process alone */
    SIM_FOREIGN,    /* another domain's builder takes pages of a node */
    SIM_RACE,       /* the same, between the next reservation's look at the host and its claim */
    SIM_CLAIM,      /* another domain's builder claims, builds what it claimed, or is gone */
    SIM_RACE_CLAIM, /* the same, between the next reservation's match and its claim */
    SIM_LEAVE,      /* a guest that has arrived is shut down */
    SIM_KINDS,
};

struct sim_event {
    enum sim_kind kind;
    uint32_t who;   /* migration, or node of a foreign allocation */
    uint64_t pages; /* of a batch or a foreign allocation */
    bool skip;      /* left out while a story is made shorter */
};

struct sim_plan {
    struct model_config config;
    uint64_t headroom;
    uint32_t nr_migrations;
    struct sim_migration migration[SIM_MIGRATIONS];
    uint32_t nr_events;
    struct sim_event event[SIM_EVENTS];
};

struct sim_result {
    bool failed;
    char why[400];
    uint32_t exact, refused, unclaimed, killed; /* how migrations ended */
    uint32_t again, weaker, inexact;            /* matched again; without the strongest guarantee */
};

/* Runs @plan with its ledger in @lock_dir; @story prints every step. */
void sim_run(const struct sim_plan *plan, const char *lock_dir, bool story,
             struct sim_result *result);

#endif
