/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plans over a pool's snapshot: preflight, evacuation, rolling upgrade.  Pure: no I/O, no clock, no
 * globals; the same pool and options always give the same answer.  docs/planning.md tells the model
 * and what is proven.
 *
 * What a plan holds to, at every moment:
 *  - A node takes no more than its room (free, less claimed, less the host's slack); a host no more
 *    than its own (free, less claimed, less headroom).  A VM that moves owns its pages on both
 *    hosts until the move has ended.
 *  - A VM's arrival pages (exclaim_arrival_pages()) and stray pages are charged once to the host,
 *    and to *every* node on which the plan puts a part of any VM, because Xen may take them from
 *    any of these.  They are never credited to a node that they were not charged to.
 *  - A VM never goes to a host that is not enabled, that it may not run on, or that is older than
 *    the one it is on.  A pinned VM keeps its node numbers or stays.
 *
 * A VM *keeps its shape* if every part of it lies whole on a node of its own of one host
 * (EXCLAIM_MATCH_SAME, EXCLAIM_MATCH_RENUMBERED).
 *
 * Goals, each before the next: 1. VMs that leave; 2. VMs that keep their shape; 3. pairs of one
 * `apart` rule on one host, fewer; then, without proof, stronger guarantees, and the most even room
 * per node and after it vCPUs per core, or the tightest fit.
 */
#ifndef EXCLAIM_PLAN_H
#define EXCLAIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exclaim/error.h>
#include <exclaim/match.h>
#include <exclaim/pool.h>

#define EXCLAIM_NO_NODE UINT32_MAX
#define EXCLAIM_NO_VM   UINT32_MAX

/* Moves that run at once per host; VMs that leave and VMs that arrive count apart. */
#define EXCLAIM_PLAN_CONCURRENT 2u

/* Steps of search for one assignment, some 10 to 30 ns each, and up to twice that where not all VMs
 * can leave: the bound of the time, which is no clock's; for 64 VMs and less, where some are lost,
 * up to 18 times that. */
#define EXCLAIM_PLAN_EFFORT 2000000u

/* What is best among plans that are equal otherwise. */
enum exclaim_plan_prefer {
    EXCLAIM_PREFER_SPREAD = 0, /* most even room per node, then most even vCPUs per core */
    EXCLAIM_PREFER_PACK,       /* tightest fit: large VMs that come later find room */
};

const char *exclaim_plan_prefer_name(enum exclaim_plan_prefer prefer); /* "spread", "pack" */

/* False: none of the two. */
bool exclaim_plan_prefer_parse(const char *name, enum exclaim_plan_prefer *prefer);

struct exclaim_plan_options {
    uint32_t max_out;     /* moves at once out of a host; 0 stands for EXCLAIM_PLAN_CONCURRENT */
    uint32_t max_in;      /* into a host; likewise */
    uint64_t stray_pages; /* as in struct exclaim_match_options */
    bool whole_parts;     /* policy strict: a VM that cannot keep its shape stays where it is */
    enum exclaim_plan_prefer prefer;
    uint64_t effort; /* 0 stands for EXCLAIM_PLAN_EFFORT */
};

/* --- why a VM does not fit a host --- */

enum exclaim_misfit_why {
    EXCLAIM_FITS = 0,
    EXCLAIM_MISFIT_SELF,     /* it is there already */
    EXCLAIM_MISFIT_DISABLED, /* the host is not enabled, or about to be emptied */
    EXCLAIM_MISFIT_AGILITY,  /* it may not run there: exclaim_pool_why_not() */
    EXCLAIM_MISFIT_OLDER,    /* the host is older than the one it is on */
    EXCLAIM_MISFIT_PINNED,   /* pinned, and the same node numbers have no room */
    EXCLAIM_MISFIT_NO_NODE,  /* pinned, and the host has no node of that number: src_node */
    EXCLAIM_MISFIT_HOST,     /* the host is too small for all of it */
    EXCLAIM_MISFIT_NODES,    /* more parts than the host has nodes */
    EXCLAIM_MISFIT_NODE,     /* a part fits no node that is left for it */
    EXCLAIM_MISFIT_UNKNOWN,  /* nothing is known of the host's nodes */
    EXCLAIM_MISFIT_TOGETHER, /* it would fit alone; others of the plan take the room */
    EXCLAIM_MISFIT_DEAD,     /* the host on which it is is not live: nothing can leave it */
    EXCLAIM_MISFIT_GPU,      /* its virtual GPUs find no room there, those of others are there */
    EXCLAIM_MISFIT_COUNT,    /* its count is not exact: pool->vm[].why; it has no shape to keep */
};

const char *exclaim_misfit_why_name(enum exclaim_misfit_why why); /* "host", "node", ... */

/*
 * One refusal in numbers, all in pages.  With HOST, node and src_node are EXCLAIM_NO_NODE and the
 * numbers are the host's; with NODE and PINNED they are those of @node, the best for the part that
 * the VM owns on @src_node.  need includes arrival and stray pages that are charged there.
 */
struct exclaim_misfit {
    enum exclaim_misfit_why why;
    uint32_t vm;
    uint32_t host;
    uint32_t src_node;
    uint32_t node;
    uint64_t need;
    uint64_t free;    /* now, before claims */
    uint64_t claimed; /* promised to others, headroom or slack included */
    uint64_t short_by;
};

/* One line, lower case, no trailing dot: what, value, limit, which VM, host and node. */
void exclaim_misfit_text(const struct exclaim_pool *pool, const struct exclaim_misfit *misfit,
                         char *text, size_t size);

/* --- proofs --- */

/* What was reached and what nothing can surpass; equal: optimal. */
struct exclaim_plan_goal {
    uint64_t reached;
    uint64_t bound;
};

enum exclaim_plan_reason_kind {
    EXCLAIM_REASON_NONE = 0, /* nothing is lost */
    EXCLAIM_REASON_ALONE,    /* `count` VMs fit no host even alone; `misfit` is the first */
    EXCLAIM_REASON_SLOTS,    /* `count` parts of at least `pages`; room for `room` such parts */
    EXCLAIM_REASON_PAGES,    /* parts of at least `pages` add up to `need`, nodes to `room` */
    EXCLAIM_REASON_HOSTS,    /* the same of whole VMs and hosts, for those that cannot leave */
    EXCLAIM_REASON_SEARCHED, /* every assignment was ruled out, in `count` steps */
    EXCLAIM_REASON_LIMIT,    /* nothing speaks against it, but the search ended at its effort */
    EXCLAIM_REASON_GPUS,  /* `count` VMs have `need` virtual GPUs of one kind, and the hosts places
                           * for `room` of these */
    EXCLAIM_REASON_PARTS, /* `count` VMs with at least `parts` parts of at least `pages`, each of
                           * which needs that many nodes of one host: `need`, there is `room` */
};

/* Why no plan can do better than the bound, or that this is not known. */
struct exclaim_plan_reason {
    enum exclaim_plan_reason_kind kind;
    uint64_t count;
    uint64_t pages;
    uint64_t need; /* in places of `pages`, or in pages (`in_pages`); `room` likewise */
    uint64_t room;
    bool in_pages;
    uint32_t parts;
    struct exclaim_misfit misfit;
};

struct exclaim_plan_proof {
    bool back;                      /* the VMs return: to leave is to reach their own host */
    uint64_t nr_vms;                /* that should leave */
    struct exclaim_plan_goal leave; /* VMs; more is better */
    struct exclaim_plan_goal keep;  /* VMs; more is better */
    struct exclaim_plan_goal apart; /* pairs of VMs that should be apart and share a host, with
                                     * those that do not move; fewer is better */
    uint64_t apart_before;          /* such pairs of VMs that do not move */
    struct exclaim_plan_reason why_leave;
    struct exclaim_plan_reason why_keep;
    uint64_t steps; /* of search */
};

/* All goals are at their bounds. */
bool exclaim_plan_optimal(const struct exclaim_plan_proof *proof);

/* All VMs leave and all keep their shape. */
bool exclaim_plan_complete(const struct exclaim_plan_proof *proof);

/*
 * One line: "optimal: 16 of 16 VMs leave, 15 keep their shape: parts of at least 2 GiB need 2
 * places of that size, there is 1"; "perhaps not the best: 16 of 16 VMs leave, 13 keep their shape
 * (15 at most)" with a gap to the bound; "infeasible: ..." where it is proven that some VM cannot
 * leave, with the same in brackets if the search has not settled that.
 */
void exclaim_plan_proof_text(const struct exclaim_pool *pool,
                             const struct exclaim_plan_proof *proof, char *text, size_t size);

/* --- a plan --- */

struct exclaim_plan_move {
    uint32_t vm;
    uint32_t from;
    uint32_t to;
    bool shape_known; /* the count and the nodes of @to are known */
    bool kept;        /* shape_known, and SAME or RENUMBERED */
    bool back;        /* towards where it was at the start */
    bool temporary;   /* only to make room; a later move takes it on */
    enum exclaim_match_shape shape;
    enum exclaim_guarantee guarantee; /* what @to can give for it */
    /* Where its pages go: part[].src_node on @from, dst_node on @to.  A VM whose count is not
     * known has EXCLAIM_NO_NODE as src_node, a host whose nodes are not known as dst_node, and so
     * has the way back of such a VM. */
    uint32_t nr_parts;
    const struct exclaim_part *part;
    uint64_t pages;         /* its own, strays included */
    uint64_t arrival_pages; /* beyond */
    /* Moves of the same wave keep the limits per host.  A move may start as soon as all moves of
     * waves below `after` have ended and the limits allow. */
    uint32_t wave;
    uint32_t after;
};

enum exclaim_plan_step_kind {
    EXCLAIM_STEP_EVACUATE, /* `host` (the first of several) is emptied; then, rolling, it is
                            * upgraded and comes back empty */
    EXCLAIM_STEP_BACK,     /* VMs go back where they were: those of `host`, or with
                            * EXCLAIM_NO_HOST all */
};

struct exclaim_plan_step {
    enum exclaim_plan_step_kind kind;
    uint32_t host;
    uint32_t first_move, nr_moves;
    uint32_t first_stay, nr_stays; /* VMs that cannot move, and why */
    struct exclaim_plan_proof proof;
};

struct exclaim_plan {
    uint32_t nr_steps;
    struct exclaim_plan_step *step;
    uint32_t nr_moves;
    struct exclaim_plan_move *move;
    uint32_t nr_stays;
    struct exclaim_misfit *stay; /* the host with the best room for each */
    uint32_t nr_waves;
    bool blocked;       /* rolling: the last step cannot be done, its stays say why */
    uint32_t nr_strays; /* rolling: VMs that do not end where they were */
    void *memory;       /* what owns all of the above */
};

void exclaim_plan_free(struct exclaim_plan *plan);

/* Two VMs of one `apart` rule that share a host after a step. */
struct exclaim_apart_pair {
    uint32_t vm, other, host;
    bool before; /* neither moves in this step: it is not the plan that put them there */
};

/* Fills up to @max pairs of step @number, of rules that have a VM that moves in it; returns how
 * many there are.  0 also if memory is gone. */
uint32_t exclaim_plan_apart(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                            uint32_t number, struct exclaim_apart_pair *pair, uint32_t max);

/* All VMs leave with their shape; rolling: and all come back, and nothing blocks it. */
bool exclaim_plan_fits(const struct exclaim_plan *plan);

/* Where the parts of a move go: "0>1 1>0", "?" for what is not known. */
void exclaim_plan_nodes_text(const struct exclaim_plan_move *move, char *text, size_t size);

/*
 * Where the VMs of @nr_hosts hosts @host go when all of these are emptied at once.  Success says
 * that there is a plan, which may be one with VMs that stay; its one step has the proof.
 * USAGE: a host out of range or named twice, none.  SYSTEM: memory.
 */
int exclaim_plan_evacuate(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                          const struct exclaim_plan_options *opt, struct exclaim_plan **plan,
                          struct exclaim_error *err);

/*
 * Where @nr_vms VMs @vm go when each must go to one of @host.  The hosts in which they run stay as
 * they are.  Errors: as exclaim_plan_evacuate().
 */
int exclaim_plan_place(const struct exclaim_pool *pool, const uint32_t *vm, uint32_t nr_vms,
                       const uint32_t *host, uint32_t nr_hosts,
                       const struct exclaim_plan_options *opt, struct exclaim_plan **plan,
                       struct exclaim_error *err);

/*
 * Whether no host could ever take @vm, whatever its room and its version; then *misfit says why of
 * one of them, or that its own host is not live.
 */
bool exclaim_plan_immovable(const struct exclaim_pool *pool, uint32_t vm,
                            struct exclaim_misfit *misfit);

/* --- rolling upgrade --- */

enum exclaim_plan_back {
    EXCLAIM_BACK_EACH = 0, /* as soon as a host is back, its VMs return */
    EXCLAIM_BACK_END,      /* once all hosts are done: as XenCenter and Xen Orchestra do */
    EXCLAIM_BACK_NONE,     /* VMs stay where the upgrade left them */
};

struct exclaim_rolling_options {
    struct exclaim_plan_options plan;
    enum exclaim_plan_back back;
    /* The hosts to upgrade in their order; NULL: all that are not as new as the newest already
     * (exclaim_pool_newest()), the coordinator first, then as in the pool.  XAPI wants the
     * coordinator first. */
    const uint32_t *order;
    uint32_t nr_order;
};

/* Whether @host is among those that such a plan upgrades. */
bool exclaim_plan_upgrades(const struct exclaim_pool *pool, const uint32_t *order,
                           uint32_t nr_order, uint32_t host);

/*
 * The whole upgrade: each host in turn is emptied, comes back empty, enabled and newer than all
 * that have not been upgraded, with the memory that it had free and that its VMs gave back.  A VM
 * whose shape had to be given up on the way out has none to keep until it is back where it was.
 * Where VMs cannot leave, the plan ends with that step (`blocked`).
 * Errors: as exclaim_plan_evacuate().
 */
int exclaim_plan_rolling(const struct exclaim_pool *pool, const struct exclaim_rolling_options *opt,
                         struct exclaim_plan **plan, struct exclaim_error *err);

/* --- preflight --- */

/* One VM and one host, with nobody else moving. */
struct exclaim_preflight_cell {
    uint32_t vm, host;
    bool fits;  /* some way; the guarantee and the shape say how */
    bool whole; /* keeps its shape */
    bool shape_known;
    enum exclaim_match_shape shape;
    enum exclaim_guarantee guarantee;
    struct exclaim_misfit misfit; /* !whole: what stands against it */
};

enum exclaim_change_kind {
    EXCLAIM_CHANGE_NODE_ROOM, /* @pages more on @node of @host */
    EXCLAIM_CHANGE_HOST_ROOM, /* @pages more on @host */
    EXCLAIM_CHANGE_MOVE,      /* VM @other, with @pages there, away from @host, to @other_host */
    EXCLAIM_CHANGE_BALLOON,   /* the VM itself down by @pages */
    EXCLAIM_CHANGE_GIVE,      /* VMs on @host give @pages back, as XAPI lets them; @other can give
                               * most, and all of them enough */
    EXCLAIM_CHANGE_ENABLE,    /* enable @host, which takes no VMs now */
    EXCLAIM_CHANGE_SPLIT,     /* give up its shape: it fits merged or split */
};

/* What would let @vm keep its shape on @host, smallest first for each VM. */
struct exclaim_change {
    enum exclaim_change_kind kind;
    uint32_t vm, host;
    uint32_t node; /* EXCLAIM_NO_NODE if it is the host's total */
    uint64_t pages;
    uint32_t other, other_host; /* EXCLAIM_CHANGE_MOVE */
};

const char *exclaim_change_kind_name(enum exclaim_change_kind kind); /* "move", "split", ... */

void exclaim_change_text(const struct exclaim_pool *pool, const struct exclaim_change *change,
                         char *text, size_t size);

struct exclaim_preflight {
    uint32_t nr_vms, nr_hosts;
    struct exclaim_preflight_cell *cell; /* [vm * nr_hosts + host], in the order asked */
    struct exclaim_plan *together;       /* all at once, as exclaim_plan_place() */
    uint32_t nr_changes;
    struct exclaim_change *change; /* for VMs that do not keep their shape in `together` */
    void *memory;
};

int exclaim_preflight(const struct exclaim_pool *pool, const uint32_t *vm, uint32_t nr_vms,
                      const uint32_t *host, uint32_t nr_hosts,
                      const struct exclaim_plan_options *opt, struct exclaim_preflight **preflight,
                      struct exclaim_error *err);
void exclaim_preflight_free(struct exclaim_preflight *preflight);

/* What a match of its own sees: for verdicts per node, and to run exclaim_match() on. */
void exclaim_plan_room(const struct exclaim_pool *pool, uint32_t host, struct exclaim_room *room);
void exclaim_plan_reservation(const struct exclaim_pool *pool, uint32_t vm,
                              struct exclaim_reservation *res);

/* --- replay: a plan step by step, by plain bookkeeping that shares nothing with the planner --- */

struct exclaim_replay;

/* NULL: memory.  @pool and @plan must outlive it. */
struct exclaim_replay *exclaim_replay_open(const struct exclaim_pool *pool,
                                           const struct exclaim_plan *plan);
void exclaim_replay_close(struct exclaim_replay *replay);

/*
 * Move @move starts (its pages are taken on both sides) or has ended (the source's are given back).
 * NOFIT: a node or host would be oversold, with numbers.  USAGE: the VM is not where the move says,
 * it is already moving, the host may not take it.  The state is then undefined.
 */
int exclaim_replay_start(struct exclaim_replay *replay, uint32_t move, struct exclaim_error *err);
int exclaim_replay_end(struct exclaim_replay *replay, uint32_t move, struct exclaim_error *err);

/* After the last move of an EXCLAIM_STEP_EVACUATE of a rolling upgrade: the host is upgraded.
 * USAGE: it is not empty. */
int exclaim_replay_upgraded(struct exclaim_replay *replay, uint32_t host,
                            struct exclaim_error *err);

/* Where things are now: @vm's host, and its pages per node there (@pages may be NULL). */
uint32_t exclaim_replay_vm(const struct exclaim_replay *replay, uint32_t vm,
                           uint64_t pages[EXCLAIM_NODES_MAX]);
void exclaim_replay_room(const struct exclaim_replay *replay, uint32_t host,
                         struct exclaim_room *room);

/*
 * The whole plan, waves one after the other, each with all its moves at once and within the limits
 * of @opt.  Success: it oversells nothing at any moment.
 */
int exclaim_plan_check(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                       const struct exclaim_plan_options *opt, struct exclaim_error *err);

/* The same of a plan of our own, before anybody sees it or carries it out: it says so where the
 * plan does not hold. */
int exclaim_plan_must_hold(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                           const struct exclaim_plan_options *opt, struct exclaim_error *err);

/*
 * Whether @move, were it the next one, would come to lie as planned if the destination matched by
 * itself (exclaim_match() on its room then); else it has to be told the nodes.
 */
bool exclaim_replay_by_itself(const struct exclaim_replay *replay, uint32_t move,
                              uint64_t stray_pages);

#endif
