/* SPDX-License-Identifier: BSD-2-Clause */
/* What the planners share: where every VM is now and what is left, and a plan that grows. */
#ifndef EXCLAIM_PLAN_WORK_H
#define EXCLAIM_PLAN_WORK_H

#include <exclaim/plan.h>

#include "pack.h"

/* --- where things are --- */

struct state_host {
    int64_t node[EXCLAIM_NODES_MAX];   /* left on each; below 0 only where no planned part lies */
    uint32_t parts[EXCLAIM_NODES_MAX]; /* planned parts on each */
    int64_t left;
    bool known; /* its nodes */
    bool enabled, upgraded;
    uint32_t head;  /* its VMs */
    uint64_t vcpus; /* theirs */
};

struct state_vm {
    uint32_t host;
    uint32_t next, prev;
    bool moved;   /* lies as parts[] say, else as in the pool */
    bool charged; /* loose pages are charged to its host, parts are protected there */
    bool intact;  /* its parts are those of the pool */
    bool listed;
    uint32_t first, nr; /* parts in the plan under construction */
    int64_t loose, arrival;
};

struct state {
    const struct exclaim_pool *pool;
    struct exclaim_plan_options opt; /* defaults filled in */
    struct state_host *host;
    struct state_vm *vm;
    uint32_t *gpus_there; /* as for exclaim_pool_gpus_take(): of VMs that have not moved */
    uint32_t *gpus_more;  /* [host][kind]: of those that have */
    uint64_t *group;      /* (apart << 32 | vm), sorted; VMs without a rule are not in it */
    uint32_t nr_group;
};

int state_open(struct state *s, const struct exclaim_pool *pool,
               const struct exclaim_plan_options *opt, struct exclaim_error *err);
void state_close(struct state *s);

/* Why @vm may not go to @host whatever the room, or EXCLAIM_FITS. */
enum exclaim_misfit_why state_forbids(const struct state *s, uint32_t vm, uint32_t host);

/* Whether the GPUs of @host take those of @vm; with @without, a VM there or EXCLAIM_NO_VM, gone. */
bool state_gpus_take(const struct state *s, uint32_t vm, uint32_t host, uint32_t without);

/* --- a plan that grows; its parts have no address before the end --- */

struct draft {
    struct exclaim_plan_move *move;
    uint32_t *first_part; /* by move */
    struct exclaim_part *part;
    struct exclaim_plan_step *step;
    struct exclaim_misfit *stay;
    uint32_t nr_moves, max_moves, nr_parts, max_parts, nr_steps, max_steps, nr_stays, max_stays;
    uint32_t nr_waves, nr_strays;
    bool blocked;
};

struct exclaim_plan_move *draft_move(struct draft *d);
struct exclaim_part *draft_parts(struct draft *d, uint32_t nr); /* of the last move */
struct exclaim_plan_step *draft_step(struct draft *d, enum exclaim_plan_step_kind kind,
                                     uint32_t host);
struct exclaim_misfit *draft_stay(struct draft *d);
void draft_close(struct draft *d);
int draft_finish(struct draft *d, struct exclaim_plan **plan, struct exclaim_error *err);

/* Waves from @first_wave on for the moves from @first on; returns the wave after the last. */
int draft_waves(struct draft *d, const struct state *s, uint32_t first, uint32_t first_wave);

/* --- the parts of a VM where it is now --- */

struct layout {
    uint32_t nr;
    int64_t pages[EXCLAIM_NODES_MAX]; /* largest first, without strays */
    uint32_t node[EXCLAIM_NODES_MAX];
    int64_t total;
    int64_t strays; /* of total: on nodes that are no home, or on a node not known */
    bool known;
};

void state_layout(const struct state *s, const struct draft *d, uint32_t vm,
                  const struct state_vm *v, struct layout *l);

/*
 * The VM is on @host now, to lie as @move says, and is charged there: @loose to every node, its
 * pages and @arrival to the host.  What it was before is returned; that is still charged too, until
 * state_release().
 */
struct state_vm state_arrive(struct state *s, const struct draft *d, uint32_t vm, uint32_t host,
                             uint32_t move, int64_t loose, int64_t arrival);
void state_release(struct state *s, const struct draft *d, uint32_t vm, const struct state_vm *was);

/* --- one assignment --- */

struct assignment {
    const uint32_t *vm;
    uint32_t nr_vms;
    const bool *target;   /* by host */
    const uint32_t *rank; /* by host, lower is better; or NULL */
    bool not_home;        /* nobody goes to where it was at the start */
    /* Called, if set, once all have hosts, before the fluid ones have nodes; -1: no memory. */
    int (*solved)(const struct state *s, struct pack *p, void *arg);
    void *arg;
};

int assign_build(const struct state *s, const struct draft *d, const struct assignment *a,
                 struct pack *p);
/* After pack_alone(). */
void assign_solve(struct pack *p, struct exclaim_plan_proof *proof);

/* Both, and the result as the moves and stays of @step; the state is then as after all moves. */
int assign_step(struct state *s, struct draft *d, const struct assignment *a, uint32_t step,
                struct exclaim_error *err);

/* Why @item does not keep its shape on @host, as @p is now. */
void assign_misfit(const struct state *s, const struct pack *p, const struct pack_item *item,
                   uint32_t host, bool leaves, struct exclaim_misfit *misfit);

enum exclaim_match_shape plan_shape(const struct exclaim_part *part, uint32_t nr);
enum exclaim_guarantee plan_guarantee(const struct exclaim_pool_host *host, bool known,
                                      const struct exclaim_part *part, uint32_t nr);

/* --- the way back --- */

/* The move of @vm to where it was at the start, if it can be made now; *done says whether.  Its
 * present place is not yet released: *was. */
int back_home(struct state *s, struct draft *d, uint32_t vm, bool *done, struct state_vm *was);

/* As many as can of the VMs of @host, or of all with EXCLAIM_NO_HOST, as a step. */
int back_step(struct state *s, struct draft *d, uint32_t host, struct exclaim_error *err);

int plan_no_memory(struct exclaim_error *err);

/* USAGE unless @host are hosts of the pool, each once, at least one. */
int plan_check_hosts(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr,
                     struct exclaim_error *err);
int plan_check_vms(const struct exclaim_pool *pool, const uint32_t *vm, uint32_t nr,
                   struct exclaim_error *err);

#endif
