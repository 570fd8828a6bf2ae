/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the engine share: flights, and what becomes of a VM on its way. */
#ifndef EXCLAIM_EVACUATE_WORK_H
#define EXCLAIM_EVACUATE_WORK_H

#include <exclaim/evacuate.h>

#include "../base/stop.h"

/* A VM that failed so often is left where it is. */
#define TRIES 2

/* --- evacuate.c --- */

void evac_note(struct evac *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- headway.c --- */

/* What the run moves in all, now that it goes on by @plan. */
void evac_expect_all(struct evac *e, const struct exclaim_plan *plan);

/* --- hosts.c --- */

/* Disables the hosts but for opt->keep_enabled; one that is disabled already is left as it is. */
int evac_disable_hosts(struct evac *e, struct exclaim_error *err);

/* --- round.c --- */

/*
 * Carries a plan out as far as it goes; returns with no flight left unless left_alone.  *moved is
 * how many VMs went, *again whether a fresh plan may get further.  An error ends the evacuation.
 */
int evac_round(struct evac *e, const struct exclaim_plan *plan, uint32_t *moved, bool *again,
               struct exclaim_error *err);

/* --- result.c --- */

/* What became of the VM in this run; NULL if nothing has yet. */
struct evac_result *evac_result_of(const struct evac *e, uint32_t vm);

/* Whether the VM is left where it is by this run, whatever a plan says. */
bool evac_gave_up(const struct evac *e, uint32_t vm);

/* The same, made where there is none; its move is now one to @to. */
struct evac_result *evac_result(struct evac *e, uint32_t vm, uint32_t to,
                                struct exclaim_error *err);

/* A VM that an earlier run moved and that does not run. */
int evac_still_lost(struct evac *e, const char *uuid, const char *name, const char *from,
                    struct exclaim_error *err);

/* --- flight.c --- */

/* Where the plan puts it, in pages per node; false if that is not known of all. */
bool evac_nodes(const struct exclaim_plan_move *move, uint64_t pages[EXCLAIM_NODES_MAX]);

/* While moves are on their way, or one @begins, no call is torn before the third request to stop;
 * else before the next one. */
void evac_be_patient(struct evac *e, bool begins);

/* Puts a move that XAPI has begun among the flights.  A @task that is GONE lands at once, wherever
 * the VM is. */
int evac_take_off(struct evac *e, const struct exclaim_plan *plan, uint32_t move, uint32_t vm,
                  uint32_t to, const struct exclaim_xapi_task *task, struct exclaim_error *err);

/*
 * Waits for a change (a second at most), acts on requests to stop, and lands what has ended: *ended
 * says how many.  SYSTEM when XAPI is lost for good.
 */
int evac_wait(struct evac *e, uint32_t *ended, struct exclaim_error *err);

/* XAPI has refused a move with @code, or carried it out with that failure: what follows for later
 * ones.  @to is the pool's. */
int evac_refused(struct evac *e, struct evac_result *r, uint32_t vm, uint32_t to, const char *code,
                 const char *why, struct exclaim_error *err);

/* Whether moves may begin. */
bool evac_goes_on(struct evac *e);

/* --- goals.c --- */

/* By uuid or name; pool->nr_vms if there is none. */
uint32_t evac_find_vm(const struct exclaim_pool *pool, const char *uuid);

/* VMs of this stage that are not where the saved plan wants them; adds to *given_up how many of
 * them are left where they are. */
uint32_t evac_goals_left(const struct evac *e, uint32_t *given_up);

/* Pages of the VMs that this stage and later ones still have to move; adds to *given_up those of
 * VMs that are left where they are. */
uint64_t evac_goals_pages(const struct evac *e, uint64_t *given_up);

/* False if there is none. */
bool evac_next_stage(struct evac *e);

/* A plan for them, and them alone; checked as evac_plan()'s. */
int evac_plan_goals(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err);

/* --- resume.c --- */

void evac_free_names(char ***names, uint32_t *nr);

#endif
