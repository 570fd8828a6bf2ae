/* SPDX-License-Identifier: BSD-2-Clause */
/* What the events of a simulation and its judge share. */
#ifndef SIM_WORK_H
#define SIM_WORK_H

#include <exclaim/session.h>

#include "sim.h"

enum phase { NEW, PLACING, ARRIVED, GONE };

struct run {
    struct exclaim_session s;
    enum phase phase;
    uint64_t left;  /* pages restore has not asked for yet */
    bool disturbed; /* others took memory that nothing but the ledger keeps for it */
};

struct sim {
    const struct sim_plan *plan;
    struct sim_result *result;
    struct model *m;
    const char *lock_dir;
    bool story;
    const struct sim_event *race; /* to happen inside the next reservation */
    struct run run[SIM_MIGRATIONS];
};

void sim_fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline uint32_t sim_domid(uint32_t who)
{
    return who + 1;
}

static inline struct exclaim_ledger_entry *sim_entry(struct run *r)
{
    return exclaim_ledger_at(r->s.ledger, r->s.slot);
}

/* What is claimed on the node, of others or of ours; on the host where no node is named. */
uint64_t sim_others_claim(const struct sim *sim, uint32_t node);

/* What is possible for a migration, by brute force from the model's own numbers. */
struct sim_verdict {
    bool seen;     /* a match exists by what Xen tells and the ledger holds */
    bool cautious; /* the same, wherever the claims lie whose nodes Xen does not tell */
    bool held;     /* parts or pieces on nodes with so much that nobody has claimed, slack left */
    bool tight;    /* the same without slack */
    bool one_node; /* all of it on one such node, slack left */
    bool foreign;  /* others hold claims whose nodes Xen does not tell */
};

void sim_judge(struct sim *sim, uint32_t who, struct sim_verdict *verdict);

/* What came of it must be what is possible, and what is less must be said. */
void sim_check_reserved(struct sim *sim, uint32_t who, int rc, bool raced,
                        const struct sim_verdict *verdict);
void sim_check_arrived(struct sim *sim, uint32_t who, const struct model_view *view);

#endif
